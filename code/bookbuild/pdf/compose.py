"""The pages of the built site as HTML that a browser can print, each a file: the book's leaves.

What opens on the site stands open here, solutions move to the end of their page, and a figure that moves is a picture
with the address of the live one. A cell that is folded on its page shows its title alone. A link to another page of the
book leads to INSIDE and a name that no other page has; joining the printed files makes it a way within the book.
"""

import html
import json
import os
import re
from copy import copy
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

from bookbuild.chapters import read_toc
from bookbuild.site.around import citation

STYLES = Path(__file__).with_name("print.css")
ODD = re.compile(r"[^\w-]")
INSIDE = "https://inside.invalid/"
LINK = re.compile(rf'<a\b[^>]*?\shref="(?:{re.escape(INSIDE)})?#([^"]+)"')
IDENT = re.compile(r'\sid="([^"]+)"')
MARKS = ".headerlink, script, link, .d-print-none"  # of no use on paper


class Page:
    """One page of the site on its way into the book."""

    def __init__(self, site: Path, name: str):
        self.name = name
        self.file = site / f"{name}.html"
        soup = BeautifulSoup(self.file.read_text(encoding="utf-8"), "html.parser")
        self.address = soup.select_one('link[rel="canonical"]')["href"]
        self.styles = soup.select('head link[rel="stylesheet"]')
        self.maths = [script for script in soup.select("head script") if "mathjax" in str(script).lower()]
        self.article = soup.select_one("article.bd-article")
        self.title = self.article.select_one("h1").get_text().removesuffix("#").strip()
        self.soup = soup

    def anchor(self, ident: str = "") -> str:
        """An id that no other page has."""
        return anchor(self.name, ident)

    def leaf(self, out: Path) -> Path:
        """The page's file among the book's leaves."""
        return out / f"{self.anchor()}.html"

    def prepare(self, pages: set[str], out: Path) -> Tag:
        """The page's element in the book.

        Args:
            pages: names of all pages of the book.
            out: the folder of the book's leaves.
        """
        self._still()
        for mark in self.article.select(MARKS):
            mark.decompose()
        self._fold()
        self._solutions()
        self._rename()
        for image in self.article.select("img[src]"):
            if not image["src"].startswith("data:"):
                image["src"] = self.beside(image["src"], out)
            image.attrs.pop("loading", None)
        for link in self.article.select("a[href]"):
            link["href"] = self._target(link["href"], pages)
        self.article.name = "div"
        self.article["id"] = self.anchor()
        return self.article

    def beside(self, address: str, out: Path) -> str:
        """The way from the book's leaves to a file that the page names."""
        return os.path.relpath(self.file.parent / urlsplit(address).path, out)

    def _still(self) -> None:
        """Figures that move: the picture that stands for them, and where they are."""
        for moving in self.article.select("[data-segbook], segment-picture"):
            figure = moving.find_parent("figure")
            address = f"{self.address}#{figure['id']}" if figure and figure.get("id") else self.address
            told = BeautifulSoup(f'<p class="live">It moves at <a href="{address}">{address}</a></p>', "html.parser")
            picture = moving.select_one("img")
            moving.replace_with(*filter(None, [picture, told.p]))

    def _fold(self) -> None:
        """What a reader opens stands open; of a cell that is folded its title stays."""
        for fold in self.article.select("details"):
            if "hide" in fold.get("class", []):
                title = fold.select_one(".expanded").get_text()
                line = self.soup.new_tag("p", attrs={"class": "folded-cell"})
                line.string = f"Code on the page: {title}"
                fold.replace_with(line)
            else:
                fold["open"] = ""

    def _solutions(self) -> None:
        """Solutions stand behind all else of their page; each exercise leads to its own."""
        solutions = self.article.select("div.solution")
        if not solutions:
            return
        part = self.soup.new_tag("section", attrs={"id": "solutions"})
        part.append(self.soup.new_tag("h2", string="Solutions"))
        for solution in solutions:
            title = solution.select_one(".admonition-title a")
            exercise = self.article.find(id=title["href"].removeprefix("#"))
            way = self.soup.new_tag("a", href=f"#{solution['id']}", string="Solution", attrs={"class": "to-solution"})
            exercise.select_one(".admonition-title").extend([" ", way])
            part.append(solution.extract())
        self.article.select_one("section").append(part)

    def _rename(self) -> None:
        """Give each id its page's name; ids within a drawing are its own already."""
        seen = set()
        for tag in self.article.find_all(id=True):
            if tag.find_parent("svg") is None:
                if tag["id"] in seen:
                    del tag["id"]
                    continue
                seen.add(tag["id"])
                tag["id"] = self.anchor(tag["id"])

    def _target(self, href: str, pages: set[str]) -> str:
        """Where a link leads in the book, or on the published site if the book does not hold it."""
        parts = urlsplit(href)
        if parts.scheme or parts.netloc:
            return href
        if not parts.path:
            return f"#{self.anchor(parts.fragment)}"
        path = PurePosixPath(os.path.normpath(PurePosixPath(self.name).parent / parts.path))
        if path.suffix == ".html" and str(path.with_suffix("")) in pages:
            return f"{INSIDE}#{anchor(str(path.with_suffix('')), parts.fragment)}"
        root = self.address.removesuffix(f"{self.name}.html")
        return f"{root}{path}" + (f"#{parts.fragment}" if parts.fragment else "")


def anchor(page: str, ident: str = "") -> str:
    """The id in the book of a place on a page; of the page itself without an id."""
    name = page.removeprefix("book/").replace("/", "-")
    return f"{name}--{ODD.sub('-', ident)}" if ident else name


def compose(root: Path, site: Path, out: Path) -> list[Page]:
    """Write each page's HTML, called by its anchor, into a folder; the pages in the order of the book.

    Args:
        root: the repository, which knows the order.
        site: the folder of the built site.
        out: an existing folder.
    """
    names = [name for _, files in read_toc(root) for name in files]
    pages = [Page(site, name) for name in names]
    articles = [str(page.prepare(set(names), out)) for page in pages]
    whole = "\n".join(articles)
    linked, there = set(LINK.findall(whole)), set(IDENT.findall(whole))
    if dead := linked - there:
        raise ValueError(f"links that lead nowhere in the book: {', '.join(sorted(dead))}")
    for page, article in zip(pages, articles):
        # The browser notes where a place is only if the same file links to it.
        wanted = sorted({page.anchor(), *linked} & set(IDENT.findall(article)))
        notes = "".join(f'<a href="#{place}"></a>' for place in wanted)
        running = f"@page {{ @top-left {{ content: {json.dumps(page.title, ensure_ascii=False)} }} }}"
        body = f"{article}\n<p hidden>{notes}</p>"
        page.leaf(out).write_text(_html(page, body, out, running), encoding="utf-8")
    return pages


def front(root: Path, pages: list[Page], leaves: list[int], out: Path) -> Path:
    """Write what stands before the pages, the cover and the contents.

    Args:
        leaves: the number of each page's first leaf.
    """
    cff, first = citation(root), pages[0]
    path = out / "front.html"
    body = f"{_cover(cff, first.address)}\n{_contents(read_toc(root), pages, leaves)}"
    path.write_text(_html(first, body, out, "@page { @top-left { content: none } }"), encoding="utf-8")
    return path


def _html(page: Page, body: str, out: Path, rules: str) -> str:
    """A page that a browser prints, with the styles and the formulas of one of the site's."""
    head = []
    for tag in map(copy, [*page.styles, *page.maths]):
        key = "href" if tag.name == "link" else "src"
        if tag.get(key) and not tag[key].startswith("data:"):
            tag[key] = page.beside(tag[key], out)
        head.append(str(tag))
    head.append(f"<title>{html.escape(page.title)}</title>")
    return (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light">\n<head><meta charset="utf-8">\n'
        + "\n".join(head)
        + f"\n<style>\n{STYLES.read_text(encoding='utf-8')}\n{rules}\n</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _cover(cff: dict[str, Any], address: str) -> str:
    """The first leaf."""
    authors = html.escape(", ".join(author["name"] for author in cff["authors"]))
    return f"""<div class="cover">
<p class="cover-title">{html.escape(cff["title"])}</p>
<p>{authors}</p>
<p>Version {cff["version"]}, {cff["date-released"]:%d %B %Y}</p>
<p>The book online, where figures move, code runs and exercises check themselves: <a href="{address}">{address}</a></p>
<p>This is the printed form. What opens on the pages stands open here. Of a cell that only draws or loads, the title is
left. Solutions stand at the end of each chapter.</p>
<p>Text CC BY-SA 4.0, code MIT.</p>
</div>"""


def _contents(parts: list[tuple[str, list[str]]], pages: list[Page], leaves: list[int]) -> str:
    """The pages by part, each with the number of its first leaf."""
    lines, rest = [], iter(zip(pages, leaves))
    for caption, names in parts:
        if caption:
            lines.append(f'<p class="part">{html.escape(caption)}</p>')
        for page, leaf in islice(rest, len(names)):
            title = html.escape(page.title)
            lines.append(f'<p><a href="{INSIDE}#{page.anchor()}">{title}<span class="leaf">{leaf}</span></a></p>')
    return '<div class="contents"><h1 id="contents">Contents</h1>\n' + "\n".join(lines) + "\n</div>"
