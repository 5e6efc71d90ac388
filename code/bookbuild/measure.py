"""How long the pages are: python -m bookbuild.measure [PAGE...] prints it, fails where a page in the new form is over.

Counted is what stands before the exercises: words in paragraphs, lists and admonitions; lines of code, comments
included, in cells that the page shows; those cells. Question and memory boxes, tables, displayed formulas, captions,
headings, docstrings, folded cells and blank lines are free.
"""

import ast
import re
import sys
from dataclasses import astuple, dataclass
from pathlib import Path

from bookbuild import ROOT
from bookbuild.chapters import DEEPER, Book, notebook_files, page_name, read_book
from bookbuild.notebooks.source import ADMONITIONS, Block, Cell, Reader

HIDDEN = {"hide-input", "hide-cell", "remove-cell", "remove-input"}  # tags
MAGIC = re.compile(r"^([ \t]*)[%!].*$", re.MULTILINE)


@dataclass(frozen=True)
class Measure:
    """What a reader has before the exercises, or may have at most."""

    words: int = 0
    lines: int = 0
    cells: int = 0

    def over(self, limit: "Measure") -> bool:
        return any(mine > most for mine, most in zip(astuple(self), astuple(limit)))


CHAPTER, OPTIONAL = Measure(2200, 150, 14), Measure(2000, 120, sys.maxsize)


def limit(path: Path) -> Measure:
    """The measure that a page may reach."""
    return OPTIONAL if path.parent.name == DEEPER else CHAPTER


def measure(book: Book, path: Path) -> Measure:
    """The measure of a page of this book."""
    return measured(Reader(book, path).cells())


def measured(cells: list[Cell]) -> Measure:
    words = lines = shown = 0
    for cell in cells:
        if cell.code is not None and not HIDDEN & set(cell.tags):
            lines, shown = lines + visible_lines(cell.code), shown + 1
        for block in cell.blocks:
            if block.kind == "heading" and block.children[0].node.content == "Exercises":
                return Measure(words, lines, shown)
            words += words_in(block)
    return Measure(words, lines, shown)


def words_in(block: Block) -> int:
    """Words of a block that count."""
    if block.kind == "inline" or block.kind in ("fence", "code_block"):  # static code is read as text is
        return len(block.node.content.split())
    free = block.kind in ("heading", "table", "math_block", "math_block_label", "myst_target", "myst_line_comment")
    if free or (block.kind == "directive" and block.name not in (*ADMONITIONS, "admonition")):
        return 0
    return sum(map(words_in, block.children))


def visible_lines(code: str) -> int:
    """Lines of code, without blank ones and docstrings."""
    lines = code.split("\n")
    documented = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    for node in ast.walk(ast.parse(MAGIC.sub(r"\1pass", code))):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            if not lines[text.lineno - 1][: text.col_offset].strip():  # `def f(): "..."` stays a line of code
                lines[text.lineno - 1 : text.end_lineno] = [""] * (text.end_lineno - text.lineno + 1)
    return sum(bool(line.strip()) for line in lines)


def main() -> int:
    paths = [Path(name).resolve() for name in sys.argv[1:]] or notebook_files(ROOT)
    book, failed = read_book(ROOT), False
    print(f"{'':34}words  lines  cells")
    for path in paths:
        found, most = measure(book, path), limit(path)
        failed |= (over := found.over(most))
        print(f"{page_name(path):34}{found.words:5}{found.lines:7}{found.cells:7}{'  over' if over else ''}")
    print(f"{'at most in a chapter':34}{CHAPTER.words:5}{CHAPTER.lines:7}{CHAPTER.cells:7}")
    print(f"{'at most in an optional page':34}{OPTIONAL.words:5}{OPTIONAL.lines:7}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
