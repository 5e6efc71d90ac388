"""Write the notebook of each chapter and of each optional page beside its source.

    python -m bookbuild.notebooks.export                                  # student edition, in book/
    python -m bookbuild.notebooks.export --check                          # are they in step? writes nothing
    python -m bookbuild.notebooks.export --edition instructor --out DIR   # with solutions that run, and their sheet
    python -m bookbuild.notebooks.export --edition nbgrader --out DIR     # a course folder of nbgrader

A notebook has no outputs and is the same, byte for byte, whenever its source is.
"""

import argparse
import hashlib
import sys
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bookbuild import ROOT
from bookbuild.chapters import DEEPER, BookError, notebook_files, read_book
from bookbuild.notebooks import nbgrader
from bookbuild.notebooks.blocks import caption, render_block
from bookbuild.notebooks.citations import Citations, read_bibliography
from bookbuild.notebooks.inline import PICTURES, Context, cite_keys, render_inline, roles
from bookbuild.notebooks.labels import Chapter, Library
from bookbuild.notebooks.setup_cell import chapter_time, setup_cell
from bookbuild.notebooks.solutions import explanation, is_solution, runnable, sheet
from bookbuild.notebooks.source import CITE, Block, Cell
from bookbuild.site.cells import FOLDED, cell_title

METADATA = {
    "accelerator": "GPU",
    "colab": {"gpuType": "T4", "provenance": [], "toc_visible": True},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
EDITIONS = ("student", "instructor", "nbgrader")
SOLUTION = "solution"  # tag of the instructor edition's cells that hold one
HEADINGS = ("### ", "## ", "# ")  # what starts a cell of its own, so that Colab can fold it and list it
NotebookCell = tuple[str, str, dict[str, Any]]  # kind, source, metadata


class Exporter:
    """Makes notebooks of a book's chapters and optional pages."""

    def __init__(self, root: Path, edition: str = "student"):
        self.root = root
        self.instructor = edition == "instructor"
        self.nbgrader = edition == "nbgrader"
        self.library = Library(read_book(root))
        self.entries = read_bibliography(self.library.book.bibliographies)
        self.errors: list[BookError] = []

    def notebook(self, chapter: Chapter) -> str | None:
        """The notebook's text: JSON that ends with a line end. None, and more errors, where the chapter has faults."""
        before = len(self.errors)
        context = self._context(chapter)
        time = self._attempt(chapter_time, chapter)
        cells: list[NotebookCell] = []
        for cell in chapter.cells:
            if cell.code is None:
                cells += self._split(cell.blocks, context, cells[-1][1] if cells else "")
                continue
            if all(kind == "markdown" for kind, _, _ in cells):
                cells.append(("code", setup_cell(self.library.book, chapter.entry, time), {}))
            if self.nbgrader and "exercise" in cell.tags:
                cells += nbgrader.graded(cell.code, *_asked(chapter, cell))
                continue
            cells.append(_code_cell(cell))
            if cell.figure:
                cells.append(("markdown", self._attempt(self._caption, cell, context), {}))
        if context.citations.cited:
            cells.append(("markdown", f"## References\n\n{context.citations.references()}", {}))
        if len(self.errors) > before:
            return None
        return _write(chapter.entry.path.stem[:2], cells, context.pictures)

    def sheet(self, chapter: Chapter) -> str:
        """The chapter's solutions as Markdown; its faults are found by `notebook`."""
        return self._attempt(sheet, chapter, self.library, replace(self._context(chapter), attach=False))

    def _context(self, chapter: Chapter) -> Context:
        return Context(
            library=self.library,
            chapter=chapter,
            citations=Citations(self.entries, self._cited(chapter)),
            results=self.root / "results",
            instructor=self.instructor,
        )

    def _attempt(self, make: Callable[..., str], *arguments: Any) -> str:
        """What a function makes; its error is noted, and the search for more goes on."""
        try:
            return make(*arguments)
        except BookError as error:
            self.errors.append(error)
            return ""

    def _cited(self, chapter: Chapter) -> list[str]:
        """Keys of all works that the chapter cites, solutions and captions included."""
        keys = []
        for cell in chapter.cells:
            for block in [*cell.blocks, *cell.caption]:
                for inner in block.walk():
                    nodes = [*inner.argument, *(inner.node.children if inner.kind == "inline" else [])]
                    keys += [key for name, text in roles(nodes) if name in CITE for key in cite_keys(text)]
        return [key for key in keys if key in self.entries]

    def _split(self, blocks: Sequence[Block], context: Context, before: str) -> list[NotebookCell]:
        """Cells: a new one for each heading, each exercise and, in the instructor edition, each solution's code.

        Args:
            before: source of the cell above, for a solution the exercise's starter.
        """
        cells: list[NotebookCell] = []
        for block in blocks:
            solved = self.instructor and is_solution(block)
            text = self._attempt(render_block, explanation(block) if solved else block, context)
            if text and cells and cells[-1][0] == "markdown" and not text.startswith(HEADINGS):
                text = f"{cells.pop()[1]}\n\n{text}"
            if text:
                cells.append(("markdown", text, {}))
            if solved and (code := runnable(block, before)):
                cells.append(("code", code, {"tags": [SOLUTION], "jupyter": {"source_hidden": True}}))
        return cells

    def _caption(self, cell: Cell, context: Context) -> str:
        """The line under a figure that the cell above draws."""
        context = context.at(cell.line)
        if [block.kind for block in cell.caption] != ["paragraph"]:
            raise context.error("a figure's caption is one paragraph")
        text = render_inline(cell.caption[0].children[0].node.children, context)
        return caption("figure", cell.figure, text, context)


def _asked(chapter: Chapter, starter: Cell) -> tuple[Block, Block]:
    """The exercise that a starter belongs to, and its solution."""
    blocks = [block for cell in chapter.cells for block in cell.blocks]
    exercise = [block for block in blocks if block.name == "exercise" and block.line < starter.line][-1]
    label = exercise.options["label"]
    return exercise, next(block for block in blocks if is_solution(block) and block.text == label)


def _code_cell(cell: Cell) -> NotebookCell:
    """A cell of the source; what the page folds or leaves out is a titled form on Colab, and folded in Jupyter."""
    title, code = cell_title(cell.code) if set(FOLDED) & set(cell.tags) else ("", cell.code)
    metadata = {"tags": cell.tags} if cell.tags else {}
    if not title:
        return "code", code, metadata
    return "code", f"#@title {title}\n{code}", metadata | {"cellView": "form", "jupyter": {"source_hidden": True}}


def _write(number: str, cells: list[NotebookCell], pictures: dict[str, Path]) -> str:
    """A notebook's JSON. A cell's id follows from its text, so an edit changes one id and no other.

    Args:
        pictures: what cells show as `attachment:NAME`, by that name.
    """
    import nbformat  # takes two seconds, and whoever imports this module need not write a notebook

    made, seen = [], set()
    for kind, source, metadata in cells:
        ident, copy = "", 0
        while not ident or ident in seen:
            ident = f"{number}-{hashlib.sha256(f'{kind} {copy} {source}'.encode()).hexdigest()[:10]}"
            copy += 1
        seen.add(ident)
        cell = {"cell_type": kind, "id": ident, "metadata": metadata, "source": source}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        shown = {name: path for name, path in pictures.items() if f"attachment:{name}" in source}
        if kind == "markdown" and shown:
            cell["attachments"] = {name: _attachment(path) for name, path in shown.items()}
        made.append(cell)
    notebook = nbformat.from_dict({"cells": made, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def _attachment(path: Path) -> dict[str, str]:
    """A picture inside a notebook: its bytes by their type."""
    return {PICTURES[path.suffix]: b64encode(path.read_bytes()).decode()}


def export(root: Path, edition: str = "student", out: Path | None = None) -> tuple[dict[Path, str], list[BookError]]:
    """The text of each notebook by the file it belongs in, and all that is wrong with the other chapters.

    The instructor edition has a sheet of solutions beside each notebook, nbgrader's a file of settings.
    """
    try:
        exporter = Exporter(root, edition)
    except BookError as error:
        return {}, [error]
    texts = {}
    for chapter in exporter.library.chapters.values():
        if text := exporter.notebook(chapter):
            path = (out or root / "book") / chapter.entry.notebook
            if exporter.nbgrader:
                path = nbgrader.place(out, chapter.entry.notebook)
                texts[out / "nbgrader_config.py"] = nbgrader.CONFIG
            texts[path] = text
            if exporter.instructor:
                texts[path.with_name(f"{path.stem}-solutions.md")] = exporter.sheet(chapter)
    return texts, exporter.errors


def strangers(root: Path, texts: dict[Path, str]) -> list[str]:
    """What lies among the chapters and takes no part in the book, one sentence each."""
    found, sources = [], set(notebook_files(root))
    for path in [*sorted((root / "book").glob("[0-9][0-9]-*")), *sorted((root / "book" / DEEPER).glob("*"))]:
        name = path.relative_to(root).as_posix()
        if path.suffix == ".ipynb" and path not in texts and not path.with_suffix(".md").exists():
            found.append(f"{name}: no page makes this notebook, delete it")
        if path in sources and path.with_suffix(".ipynb") not in texts:
            found.append(f"{name}: not in _toc.yml, so neither a page nor a notebook")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bookbuild.notebooks.export", description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, fail if a notebook is out of step")
    parser.add_argument("--edition", choices=EDITIONS, default="student")
    parser.add_argument("--out", type=Path, help="folder for the notebooks (default: beside the sources)")
    parser.add_argument("--root", type=Path, default=ROOT, help="the book's repository (default: this one)")
    options = parser.parse_args(arguments)
    root = options.root.resolve()
    if options.edition != "student" and options.out is None:
        parser.error(f"the {options.edition} edition holds the solutions: say where it shall go with --out DIR")

    out = options.out.resolve() if options.out else None
    texts, errors = export(root, options.edition, out)
    for error in errors:
        print(error, file=sys.stderr)
    strange = strangers(root, texts) if not errors and out is None else []
    for sentence in strange:
        print(sentence, file=sys.stderr)
    stale = [path for path, text in texts.items() if not path.is_file() or path.read_bytes() != text.encode()]
    for path, text in texts.items():
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        if options.check:
            if path in stale:
                print(f"{name}: out of step with its source, run `make notebooks`", file=sys.stderr)
            continue
        if path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        count = text.count('"cell_type"')
        cells = f"{count} cells, " if path.suffix == ".ipynb" else ""
        print(f"{name}: {cells}{len(text.encode()) / 1000:.0f} kB{'' if path in stale else ', unchanged'}")
    if options.check and not (errors or stale or strange):
        print(f"{len(texts)} notebooks in step with their sources")
    return 1 if errors or (options.check and (stale or strange)) else 0


if __name__ == "__main__":
    sys.exit(main())
