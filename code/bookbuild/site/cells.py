"""Cells on the page: a fold says what its code does, and form fields lose the comment that makes them one on Colab.

A cell that is folded (`hide-input`) begins with a comment, `# Draw the two kernels`. On the page this becomes the title
of the fold, in place of "Show code cell source"; the exporter makes it the title of a form. Both are changes of the
doctree: cells and their metadata are the key of the executed notebooks, and stay as they are.
"""

import re

from docutils import nodes
from sphinx.application import Sphinx

TITLE = re.compile(r"# *([^\s%#!].*)\n?")  # a cell's first line; neither `# %%` nor `#!`
FIELD = re.compile(r"[ \t]*# *@param\b.*$", re.MULTILINE)
FOLDED = ("hide-input", "remove-cell")  # tags of the cells that need a title


def cell_title(code: str) -> tuple[str, str]:
    """The title in a cell's first line and the code under it; no title and all the code where there is none."""
    found = TITLE.match(code)
    return (found[1].strip(), code[found.end() :]) if found else ("", code)


def prepare_cells(app: Sphinx, doctree: nodes.document) -> None:
    """Give folds their titles, take the comments of form fields off the page."""
    for cell in doctree.findall(nodes.container):
        if cell.get("nb_element") != "cell_code":
            continue
        for source in cell.children[:1]:
            for block in source.findall(nodes.literal_block):
                if source.get("nb_element") == "cell_code_source":
                    _prepare(cell, block)


def _prepare(cell: nodes.container, block: nodes.literal_block) -> None:
    code = FIELD.sub("", block.astext())
    if cell.get("hide_mode") == "input":
        title, code = cell_title(code)
        if title:
            cell["prompt_show"] = cell["prompt_hide"] = title
    block.rawsource = code
    block.children = []
    block += nodes.Text(code)


def setup(app: Sphinx) -> None:
    app.connect("doctree-read", prepare_cells)
