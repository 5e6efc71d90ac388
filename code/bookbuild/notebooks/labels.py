"""What every label of the book stands for, with the numbers that the pages show.

Sphinx counts figures, tables, equations and exercises separately, each chapter from 1, in the order of the page
(numfig_secnum_depth: 1); site/deeper_numbers.py makes it count each optional page from 1, too. Only what has a label is
counted here, and the exporter refuses a captioned thing without one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from markdown_it.tree import SyntaxTreeNode

from bookbuild.chapters import Book, Entry
from bookbuild.notebooks.source import Block, Cell, Reader

LABEL = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass
class Target:
    """What a label stands for."""

    kind: str  # figure, table, equation, exercise or section
    page: str  # name of the page
    number: str  # "4.2", or "" for a section without one
    line: int
    title: list[SyntaxTreeNode] = field(default_factory=list)  # of a section, inline


@dataclass
class Chapter:
    """A chapter or an optional page, read."""

    entry: Entry
    reader: Reader
    cells: list[Cell]


class Library:
    """All chapters and optional pages with their labels, the titles of all pages, and the glossary's terms."""

    def __init__(self, book: Book):
        self.book = book
        self.targets: dict[str, Target] = {}
        self.titles: dict[str, list[SyntaxTreeNode]] = {}
        self.terms: set[str] = set()
        self.chapters: dict[str, Chapter] = {}
        for entry in (*book.chapters, *book.deeper):
            reader = Reader(book, entry.path)
            chapter = Chapter(entry, reader, reader.cells())
            self.chapters[entry.name] = chapter
            _Numbering(self, chapter).run()
        for name in book.pages:
            if name not in self.chapters:
                self._read_page(name)

    def add(self, reader: Reader, label: str, target: Target) -> None:
        """Register a label."""
        if not LABEL.fullmatch(label):
            raise reader.error(target.line, f"the label {label!r} may hold a-z, 0-9 and single hyphens")
        if other := self.targets.get(label):
            raise reader.error(target.line, f"the label {label!r} is already at {other.page}.md:{other.line}")
        self.targets[label] = target

    def _read_page(self, name: str) -> None:
        """Title, section labels and glossary of a page that is not exported, and so may hold anything."""
        reader = Reader(self.book, self.book.root / f"{name}.md")
        label, label_line = "", 0
        for node in reader.root().children:
            if node.type == "myst_target":
                label, label_line = node.content, node.map[0] + 1
                continue
            if node.type == "heading":
                title = list(node.children[0].children)
                self.titles.setdefault(name, title)
                if label:
                    self.add(reader, label, Target("section", name, "", label_line, title))
            if node.type == "fence" and node.info.startswith("{glossary}"):
                # Terms stand at the margin, what they mean is indented.
                lines = node.content.splitlines()
                self.terms |= {line.strip().lower() for line in lines if line.strip() and line[0] not in " :"}
            label = ""


class _Numbering:
    """One walk through a chapter that numbers what has a label."""

    def __init__(self, library: Library, chapter: Chapter):
        self.library, self.chapter, self.reader = library, chapter, chapter.reader
        self.counts = dict.fromkeys(("figure", "table", "equation", "exercise"), 0)
        self.sections: list[int] = []

    def run(self) -> None:
        for cell in self.chapter.cells:
            if cell.figure:
                self.number("figure", cell.figure, cell.line)
            labels: list[Block] = []
            for block in cell.blocks:
                if block.kind == "myst_target":
                    labels.append(block)
                    continue
                if labels and block.kind != "heading":
                    raise self.reader.error(labels[0].line, "a label in brackets must stand right before a heading")
                if block.kind == "heading":
                    self.heading(block, labels)
                for inner in block.walk():
                    self.block(inner)
                labels = []
            if labels:
                raise self.reader.error(labels[0].line, "a label in brackets must stand right before a heading")
        if self.chapter.entry.name not in self.library.titles:
            raise self.reader.error(1, "the chapter has no title: a line that starts with `# `")

    def heading(self, block: Block, labels: list[Block]) -> None:
        level = int(block.node.tag[1])
        name, title = self.chapter.entry.name, list(block.node.children[0].children)
        if level == 1 and name in self.library.titles:
            raise self.reader.error(block.line, "a chapter has one title: `# ` may stand only once")
        if level > len(self.sections) + 1:
            raise self.reader.error(block.line, f"level {level} cannot follow a heading of level {len(self.sections)}")
        if level == 1:
            self.library.titles[name] = title
            self.sections = [self.chapter.entry.number]
        else:
            self.sections = (self.sections + [0])[:level] if level > len(self.sections) else self.sections[:level]
            self.sections[-1] += 1
        block.text = ".".join(map(str, self.sections)) if level <= self.chapter.entry.depth else ""
        for label in labels:
            target = Target("section", name, block.text, label.line, title)
            self.library.add(self.reader, label.node.content, target)

    def block(self, block: Block) -> None:
        if block.kind == "math_block_label":
            self.number("equation", block.node.info, block.line)
        elif block.kind == "directive":
            label = block.options.get("label") or block.options.get("name")
            if block.name == "solution" and (hidden := next(_labelled(block), None)):
                raise self.reader.error(hidden.line, "nothing in a solution may have a label: few readers see it")
            kind = {"math": "equation", "list-table": "table"}.get(block.name, block.name)
            if kind in self.counts and label:
                self.number(kind, label, block.line)

    def number(self, kind: str, label: str, line: int) -> None:
        self.counts[kind] += 1
        number = f"{self.counts[kind]}"
        if self.chapter.entry.number:
            number = f"{self.chapter.entry.number}.{number}"
        self.library.add(self.reader, label, Target(kind, self.chapter.entry.name, number, line))


def _labelled(block: Block) -> Iterator[Block]:
    """The blocks inside one that have a label."""
    for inner in block.walk():
        if inner.kind in ("math_block_label", "myst_target") or {"label", "name"} & set(inner.options):
            yield inner
