"""The one cell that the exporter adds to a page: on Colab it installs what is missing there, at home nothing."""

from bookbuild.chapters import Book, Entry, running_time
from bookbuild.notebooks.labels import Chapter

CELL = """\
# Installs this book's package and D2L's where they are missing, as on Colab.
# --no-deps leaves the torch and numpy that are already there alone.
import importlib.util
import sys

if importlib.util.find_spec("segbook") is None:
    !"{{sys.executable}}" -m pip install -q --no-deps \\
        "git+{url}@{branch}" \\
        {d2l}

import torch

if not torch.cuda.is_available():
    print("No GPU: this {kind} takes about {time} on 2 CPU cores.")"""


def setup_cell(book: Book, entry: Entry, time: str) -> str:
    """The cell's code.

    Args:
        book: whose repository the package is installed from, at the branch or tag that _config.yml names.
        entry: the page that gets it.
        time: how long that runs on a CPU, as its header says.
    """
    kind = "chapter" if entry.number else "page"
    return CELL.format(url=book.url, branch=book.branch, d2l=book.d2l, kind=kind, time=time)


def chapter_time(chapter: Chapter) -> str:
    """The running time that stands under the page's title: "15 s"."""
    blocks = [block for cell in chapter.cells[:1] for block in cell.blocks]
    for title, header in zip(blocks, blocks[1:]):
        if title.kind == "heading" and header.kind == "paragraph":
            text = "".join(node.content for node in header.children[0].node.walk() if node.type == "text")
            if time := running_time(text):
                return time
            break
    line = blocks[1].line if len(blocks) > 1 else 1
    raise chapter.reader.error(line, "under the title must stand `*Reading N min · running N s on 2 CPU cores*`")
