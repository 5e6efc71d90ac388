"""The solutions, for instructors: as cells that run, and as a sheet to read."""

import ast
from collections.abc import Iterator
from dataclasses import replace

from bookbuild.notebooks.blocks import render_blocks
from bookbuild.notebooks.inline import Context, render_inline
from bookbuild.notebooks.labels import Chapter, Library
from bookbuild.notebooks.source import Block


def is_solution(block: Block) -> bool:
    return block.name == "solution"


def is_code(block: Block) -> bool:
    """Whether a block is code that runs."""
    return block.kind == "fence" and block.node.info.strip() == "python"


def explanation(solution: Block) -> Block:
    """A solution without the code, which gets a cell of its own."""
    return replace(solution, children=[block for block in solution.children if not is_code(block)])


def runnable(solution: Block, starter: str) -> str:
    """The solution's code, and then the check that the starter cell ends with; empty where there is no code."""
    code = [block.node.content.rstrip("\n") for block in solution.children if is_code(block)]
    return "\n\n".join([*code, *checks_in(starter)]) if code else ""


def checks_in(starter: str) -> Iterator[str]:
    """The calls of checkers in a cell, as they are written."""
    for node in ast.parse(starter).body:
        call = node.value if isinstance(node, ast.Expr) else None
        if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("checks."):
            yield ast.get_source_segment(starter, node) or ""


def sheet(chapter: Chapter, library: Library, context: Context) -> str:
    """All solutions of a chapter in their order, as Markdown, each under its exercise's number and title."""
    blocks = [block for cell in chapter.cells for block in cell.blocks]
    titles = {block.options.get("label"): block.argument for block in blocks if block.name == "exercise"}
    name = render_inline(library.titles[chapter.entry.name], context)
    where = f" to chapter {chapter.entry.number}" if chapter.entry.number else ""
    parts = [f"# Solutions{where}: {name}"]
    for block in filter(is_solution, blocks):
        number = library.book.numfig["exercise"].replace("%s", library.targets[block.text].number)
        title = render_inline(titles[block.text], context.at(block.line))
        parts += [f"## {number}: {title}" if title else f"## {number}", render_blocks(block.children, context)]
    if context.citations.cited:
        parts.append(f"## References\n\n{context.citations.references()}")
    return "\n\n".join(parts) + "\n"
