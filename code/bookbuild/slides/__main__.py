"""One deck of slides a session of the instructor's guide: python -m bookbuild.slides _build/html.

A deck holds what its chapter shows already: goals, questions, guesses, figures (those that move still move), the card,
then the guide's exercises, its discussion and, last, its exit question. It is one plain page: arrow keys turn it,
printing gives a sheet a slide. reveal.js through nbconvert would need a notebook made for it, and a script from afar.
"""

import argparse
import html
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup, Tag

FOLDER = Path(__file__).parent
GUIDE = "instructors-guide"
SESSION = re.compile(r"Session \d+")
Slide = tuple[str, str]  # title, HTML


def read(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def sessions(guide: Tag) -> dict[str, Tag]:
    """The guide's sections of a session, by the name of the page that each is about."""
    found = {}
    for section in guide.select("section:has(> h3)"):
        heading = section.find("h3")
        if SESSION.match(heading.get_text()):
            page = heading.select_one('a[href$=".html"]')["href"]
            found[page.removesuffix(".html")] = section
    return found


def lines(session: Tag) -> dict[str, Tag]:
    """What a session says, by the word in italics that each line of its list begins with."""
    items = [item for item in session.select("li") if item.find("em")]
    return {item.find("em").get_text().rstrip(":"): item for item in items}


def slides(page: Tag, session: Tag) -> Iterator[Slide]:
    """The deck of a chapter.

    Args:
        page: the chapter's article.
        session: its section of the guide.
    """
    told = lines(session)
    goals = next((p for p in page.select("p") if p.get_text() == "What you will be able to do"), None)
    if goals is not None:
        yield "Goals", str(goals.find_next("ul"))
    if box := page.select_one("div.memory"):
        yield "From memory", _unfolded(box)
    for section in page.select("section > section:has(> h2)"):
        title = section.find("h2").get_text()
        if section["id"] == "summary":
            yield "On a card", str(section.find("ul"))
        if section["id"] in ("summary", "exercises", "going-deeper", "references"):
            continue
        for shown in section.select("p, figure, div.question"):
            if shown.name == "figure":
                yield title, str(shown)
            elif shown.name == "div":
                yield "Check yourself", _unfolded(shown)
            elif (guess := shown.find("strong")) and guess.get_text().startswith("Guess"):
                yield title, f"<blockquote>{shown}</blockquote>"
    for link in told["In pairs"].select('a[href*="#ex-"]'):
        exercise = page.find(id=urlsplit(link["href"]).fragment)
        yield " ".join(exercise.select_one(".admonition-title").get_text().split()), str(exercise.find("section"))
    yield "Discuss", f"<blockquote>{_said(told['Discuss'])}</blockquote>"
    answer = f"<details><summary>Answer</summary>{_said(told['Answer'])}</details>" if "Answer" in told else ""
    yield "Exit question", f"<blockquote>{_said(told['Exit'])}</blockquote><p>Alone, on paper.</p>{answer}"


def _unfolded(box: Tag) -> str:
    """A box of questions without its own title: answers open one by one."""
    box.select_one(".box-title").decompose()
    return box.decode_contents()


def _said(item: Tag) -> str:
    """A line of the guide behind the word that it begins with."""
    return re.sub(r"^\s*(<p>)?\s*<em>[^<]*</em>\s*", r"\1", item.decode_contents().strip())


def deck(site: Path, name: str, session: Tag) -> str:
    """The HTML of a deck that lies in the site's folder `slides`."""
    soup = read(site / "book" / f"{name}.html")
    page = soup.select_one("article.bd-article")
    for mark in page.select(".headerlink, details.hide"):
        mark.decompose()
    title = page.select_one("h1").get_text()
    number = SESSION.match(session.find("h3").get_text())[0]
    head = "\n".join(str(tag) for tag in [*soup.select('head link[rel="stylesheet"]'), *_maths(soup)])
    shown = [
        (title, f'<p class="lead">{number}</p><p><a href="{name}.html">The chapter</a></p>'),
        *slides(page, session),
    ]
    parts = []
    for number, (heading, body) in enumerate(shown, 1):
        level = "h1" if number == 1 else "h2"
        parts.append(
            f'<section class="slide" id="s{number}"><{level}>{heading}</{level}>\n{body}\n'
            f"<footer>{html.escape(title)} · {number} of {len(shown)}</footer></section>"
        )
    body = BeautifulSoup("\n".join(parts), "html.parser")
    for link in body.select("a[href]"):
        link["href"] = _from_slides(link["href"], name)
    return (
        '<!DOCTYPE html>\n<html lang="en" data-theme="light">\n<head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}: slides</title>\n{head}\n"
        f"<style>\n{(FOLDER / 'deck.css').read_text(encoding='utf-8')}</style></head>\n"
        f'<body><main class="bd-article">\n{body}\n</main>\n'
        f"<script>\n{(FOLDER / 'deck.js').read_text(encoding='utf-8')}</script></body></html>\n"
    )


def _maths(soup: BeautifulSoup) -> list[Tag]:
    return [script for script in soup.select("head script") if "mathjax" in str(script).lower()]


def _from_slides(href: str, page: str) -> str:
    """A chapter's link, as it leads from the folder `slides`, which lies beside `book`."""
    parts = urlsplit(href)
    if parts.scheme or parts.netloc:
        return href
    path = os.path.normpath(f"../book/{parts.path or f'{page}.html'}")
    return path + (f"#{parts.fragment}" if parts.fragment else "")


def make(site: Path) -> list[Path]:
    """Write the decks of all sessions that the guide describes."""
    guide = read(site / "book" / f"{GUIDE}.html").select_one("article.bd-article")
    written = []
    for name, session in sessions(guide).items():
        path = site / "slides" / f"{name}.html"
        path.parent.mkdir(exist_ok=True)
        path.write_text(deck(site, name, session), encoding="utf-8")
        written.append(path)
    return written


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bookbuild.slides", description=__doc__.split("\n")[0])
    parser.add_argument("site", type=Path, help="the folder of the built site; decks go into its folder slides")
    options = parser.parse_args(arguments)
    for path in make(options.site):
        count = path.read_text(encoding="utf-8").count('<section class="slide"')
        print(f"{path}: {count} slides, {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
