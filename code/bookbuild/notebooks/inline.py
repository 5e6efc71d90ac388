"""Inline Markdown: text, emphasis, code, math, links, and the closed list of roles."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from markdown_it.tree import SyntaxTreeNode

from bookbuild.chapters import BookError
from bookbuild.notebooks.citations import Citations
from bookbuild.notebooks.labels import Chapter, Library, Target
from bookbuild.notebooks.source import CITE, ROLES, Block
from bookbuild.site.result_role import ResultError, result_text

PICTURES = {".webp": "image/webp", ".png": "image/png", ".jpg": "image/jpeg", ".gif": "image/gif"}
LARGEST_INSIDE = 60_000  # bytes of a picture that goes into the notebook
EXPLICIT = re.compile(r"^(.+?)\s*<([^<>]+)>$", re.DOTALL)  # "text <target>", as Sphinx reads it


@dataclass(frozen=True)
class Context:
    """Where a piece of text stands."""

    library: Library
    chapter: Chapter
    citations: Citations
    results: Path
    instructor: bool = False
    line: int = 1
    in_table: bool = False
    in_emphasis: bool = False
    nested: bool = False  # in a quotation or list, where a formula must stay on one line
    attach: bool = True  # small pictures travel inside the notebook
    pictures: dict[str, Path] = field(default_factory=dict)  # those that do, by the names that the text gives them

    def error(self, message: str) -> BookError:
        """An error at this place."""
        return self.chapter.reader.error(self.line, message)

    def at(self, line: int) -> "Context":
        """The same, at another line."""
        return replace(self, line=line)


def render_inline(nodes: Sequence[SyntaxTreeNode], context: Context) -> str:
    """The text of inline nodes, as Markdown that any notebook shows."""
    parts = []
    for node in nodes:
        parts.append(_render(node, context))
        context = context.at(context.line + _breaks(node))
    return "".join(parts)


def render_paragraph(block: Block, context: Context) -> str:
    """The text of a paragraph, heading or table cell."""
    return render_inline(block.children[0].node.children if block.children else [], context)


def _breaks(node: SyntaxTreeNode) -> int:
    """How many line ends of the source an inline node holds."""
    if node.children:
        return sum(map(_breaks, node.children))
    return 1 if node.type in ("softbreak", "hardbreak") else node.content.count("\n")


def roles(nodes: Sequence[SyntaxTreeNode]) -> Iterator[tuple[str, str]]:
    """Name and text of each role among inline nodes."""
    for node in nodes:
        for inner in node.walk():
            if inner.type == "myst_role":
                yield inner.meta["name"], inner.content


def cite_keys(text: str) -> list[str]:
    """The keys in the text of a citation."""
    return [key.strip() for key in text.split(",")]


def math(latex: str, in_table: bool = False) -> str:
    """A formula's LaTeX on one line; in a table no bar may stand, for it would end the cell."""
    latex = " ".join(latex.split())
    if in_table:
        latex = re.sub(r"\\\|", r"\\Vert ", latex)
        latex = latex.replace("|", r"\vert ")
    return latex


def _render(node: SyntaxTreeNode, context: Context) -> str:
    kind = node.type
    if kind == "text_special":  # an escape or an entity, as it was written
        return node.markup or node.content
    if kind == "text":
        return node.content.replace("|", r"\|") if context.in_table else node.content
    if kind == "softbreak":
        return "\n" if not context.in_table else " "
    if kind == "hardbreak":
        return "\\\n" if not context.in_table else " "
    if kind in ("em", "strong"):
        mark = node.markup
        return mark + render_inline(node.children, replace(context, in_emphasis=True)) + mark
    if kind == "code_inline":
        return _code(node, context)
    if kind == "math_inline":
        return f"${math(node.content, context.in_table)}$"
    if kind == "myst_role":
        return _role(node.meta["name"], node.content, context)
    if kind == "link":
        return _link(node, context)
    if kind == "image":
        return image(str(node.attrs["src"]), node.content, "", context)
    if kind == "math_inline_double":
        raise context.error("a formula between $$ and $$ must stand in lines of its own, with blank lines around it")
    if kind == "html_inline":
        raise context.error(f"raw HTML is not allowed ({node.content}), put it in a code span or write &lt;")
    raise context.error(f"the exporter knows no {kind} inside a line")


def _code(node: SyntaxTreeNode, context: Context) -> str:
    text = node.content.replace("|", r"\|") if context.in_table else node.content
    if text.startswith("`") or text.endswith("`"):
        text = f" {text} "
    return node.markup + text + node.markup


def _link(node: SyntaxTreeNode, context: Context) -> str:
    target = str(node.attrs["href"])
    if node.markup == "autolink":
        return f"<{target}>"
    text = render_inline(node.children, context)
    if node.markup == "linkify":
        return text
    if not re.match(r"(https?://|mailto:)", target):
        raise context.error(f"the link to {target!r} leads nowhere in a notebook: use the role doc or ref, or https://")
    title = f' "{node.attrs["title"]}"' if node.attrs.get("title") else ""
    return f"[{text}]({target}{title})"


def image(source: str, alt: str, width: str, context: Context) -> str:
    """An image: a small one goes into the notebook, a large one is shown by its address in the repository.

    No other address would work on Colab, Drive copies included.
    """
    if not alt.strip():
        raise context.error(f"the image {source} needs alternative text that says what it shows")
    address = source
    if not source.startswith("https://"):
        book = context.library.book
        base = book.root if source.startswith("/") else context.chapter.entry.path.parent
        path = (base / source.lstrip("/")).resolve()
        if not path.is_file() or not path.is_relative_to(book.root.resolve()):
            raise context.error(f"the image {source} is not there")
        address = book.raw(book.root / path.relative_to(book.root.resolve()))
        if context.attach and path.suffix in PICTURES and path.stat().st_size <= LARGEST_INSIDE:
            if context.pictures.setdefault(path.name, path) != path:
                raise context.error(f"two pictures of this page are called {path.name}: rename one")
            address = f"attachment:{path.name}"
    if width:
        quoted = " ".join(alt.split()).replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        return f'<img src="{address}" alt="{quoted}" width="{width.removesuffix("px")}">'
    return f"![{' '.join(alt.split())}]({address})"


def _role(name: str, content: str, context: Context) -> str:
    if name == "math":
        return f"${math(content, context.in_table)}$"
    if name == "result":
        try:
            return result_text(content, context.results)
        except ResultError as error:
            raise context.error(str(error)) from error
    if name in CITE:
        return _cite(content, CITE[name], context)
    explicit = EXPLICIT.match(content)
    text, target = (explicit.group(1), explicit.group(2).strip()) if explicit else ("", content.strip())
    if name == "term":
        if target.lower() not in context.library.terms:
            raise context.error(f"the glossary has no term {target!r}")
        return (text or target) if context.in_emphasis else f"*{text or target}*"
    if name == "doc":
        return _doc(text, target, context)
    if name in ("eq", "ref", "numref"):
        return _reference(name, text, target, context)
    raise context.error(f"the role {name!r} is not one that the exporter knows: {', '.join(ROLES)}")


def _cite(content: str, textual: bool, context: Context) -> str:
    keys = cite_keys(content)
    for key in keys:
        if key not in context.citations.entries:
            raise context.error(f"the bibliography has no entry {key!r}")
    return context.citations.text(keys, textual)


def _doc(text: str, target: str, context: Context) -> str:
    library = context.library
    here = context.chapter.entry.name.rpartition("/")[0]
    name = target.lstrip("/") if target.startswith("/") or not here else posixpath.normpath(f"{here}/{target}")
    if name not in library.titles:
        raise context.error(f"there is no page {target!r} in the table of contents")
    if not text:
        text = render_inline(library.titles[name], replace(context, in_emphasis=True))
    return _to_page(text, name, context)


def _to_page(text: str, name: str, context: Context) -> str:
    """Text that links to a page, unless the reader is on it."""
    library = context.library
    if name == context.chapter.entry.name:
        return text
    chapter = library.chapters.get(name)
    if chapter is None:
        return f"[{text}]({library.book.page(name)})"
    here = posixpath.dirname(context.chapter.entry.notebook)
    return f"[{text}]({posixpath.relpath(chapter.entry.notebook, here or '.')})"


def _reference(role: str, text: str, label: str, context: Context) -> str:
    target = context.library.targets.get(label)
    if target is None:
        raise context.error(f"nothing in the book has the label {label!r}")
    if (role == "eq") != (target.kind == "equation"):
        right = "eq" if target.kind == "equation" else "ref or numref"
        raise context.error(f"{label!r} is the label of {_a(target)}: use the role {right}")
    if role == "eq":
        if text:
            raise context.error("the role eq prints the number and no other text")
        return _to_page(f"({target.number})", target.page, context)
    if role == "ref" and not text:
        if target.kind in ("figure", "table"):
            raise context.error(f"{label!r} is the label of {_a(target)}: use numref, which prints its number")
        if target.kind == "section":
            text = render_inline(target.title, replace(context, in_emphasis=True))
        return _to_page(text or _number(context, target, ""), target.page, context)
    if role == "numref":
        if not target.number:
            raise context.error(f"the section {label!r} has no number: use ref, which prints its title")
        text = _number(context, target, text)
    return _to_page(text, target.page, context)


def _number(context: Context, target: Target, form: str) -> str:
    """Figure 4.2, in the words of _config.yml or in the reference's own."""
    form = form or context.library.book.numfig[target.kind]
    if "%s" not in form and "{number}" not in form:
        raise context.error(f"numref prints a number: {form!r} has no %s for it")
    return form.replace("%s", target.number).replace("{number}", target.number)


def _a(target: Target) -> str:
    return f"an {target.kind}" if target.kind[0] in "aeiou" else f"a {target.kind}"
