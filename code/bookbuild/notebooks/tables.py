"""Tables as the pipe tables that JupyterLab and Colab show."""

from dataclasses import replace

from bookbuild.notebooks.inline import Context, render_paragraph
from bookbuild.notebooks.source import Block


def pipe_table(block: Block, context: Context) -> str:
    rows, marks = [], []
    for part in block.children:
        for row in part.children:
            rows.append([_cell(cell, cell.line, context) for cell in row.children])
            if part.kind == "thead":
                marks = [_mark(str(cell.node.attrs.get("style", ""))) for cell in row.children]
    return _pipes(rows, marks)


def _cell(paragraph: Block, line: int, context: Context) -> str:
    return render_paragraph(paragraph, replace(context.at(line), in_table=True))


def _mark(style: str) -> str:
    return {"left": ":--", "right": "--:", "center": ":-:"}.get(style.removeprefix("text-align:").strip(), "---")


def _pipes(rows: list[list[str]], marks: list[str]) -> str:
    lines = [rows[0], marks, *rows[1:]]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def list_table(block: Block, context: Context) -> str:
    """A table written as a list of rows, each a list of cells."""
    if len(block.children) != 1 or block.children[0].kind != "bullet_list":
        raise context.error("a list-table holds one list: a row for each `*`, in it a cell for each `-`")
    rows = []
    for row in block.children[0].children:
        if len(row.children) != 1 or row.children[0].kind != "bullet_list":
            raise context.error("each row of a list-table is a list of its cells")
        cells = []
        for cell in row.children[0].children:
            if len(cell.children) > 1 or any(child.kind != "paragraph" for child in cell.children):
                raise context.at(cell.line).error("a cell of a list-table holds one paragraph")
            cells.append(_cell(cell.children[0], cell.line, context) if cell.children else "")
        rows.append(cells)
    if len({len(row) for row in rows}) > 1:
        raise context.error("the rows of a list-table must have the same number of cells")
    headers = int(block.options.get("header-rows") or 0)
    if headers > 1:
        raise context.error("a list-table has at most one header row")
    if not headers:
        rows.insert(0, [""] * len(rows[0]))
    return _pipes(rows, ["---"] * len(rows[0]))
