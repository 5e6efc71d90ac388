"""Boxes with a title, and in them what opens: questions, and what a reader should know from memory.

What opens is an HTML `details`: by mouse, by keyboard and by touch, from a file and without any script.
"""

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator


class BoxError(ValueError):
    """A box that cannot be made: one sentence, and which of its items (from 0) it is about, if one."""

    def __init__(self, message: str, item: int | None = None):
        super().__init__(message)
        self.item = item


class Box(nodes.General, nodes.Element):
    """A frame with a `title`, which is its name, too."""


class Fold(nodes.General, nodes.Element):
    """What opens: a FoldTitle and, behind it, the rest."""


class FoldTitle(nodes.General, nodes.TextElement):
    """What is seen before it opens."""


def _visit_box(self: HTML5Translator, node: Box) -> None:
    self.body.append(self.starttag(node, "div", role="group", **{"aria-label": node["title"]}))
    self.body.append(f'<p class="box-title">{node["title"]}</p>\n')


def _depart_box(self: HTML5Translator, node: Box) -> None:
    self.body.append("</div>\n")


def _visit_fold(self: HTML5Translator, node: Fold) -> None:
    self.body.append(self.starttag(node, "details", CLASS="fold"))


def _depart_fold(self: HTML5Translator, node: Fold) -> None:
    self.body.append("</div></details>\n")


def _visit_fold_title(self: HTML5Translator, node: FoldTitle) -> None:
    self.body.append("<summary><span>")


def _depart_fold_title(self: HTML5Translator, node: FoldTitle) -> None:
    self.body.append('</span></summary><div class="folded">\n')


def setup(app: Sphinx) -> None:
    """Register the nodes."""
    app.add_node(Box, html=(_visit_box, _depart_box))
    app.add_node(Fold, html=(_visit_fold, _depart_fold))
    app.add_node(FoldTitle, html=(_visit_fold_title, _depart_fold_title))
