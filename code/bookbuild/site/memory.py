"""What a reader should know from memory: three questions about earlier chapters, their answers folded.

```{memory}
- What does a stride of 2 do to the size of a map?

  It halves it: {doc}`02-convolution-arithmetic`.
- ...
```
"""

from collections.abc import Sequence

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild.site.fold import Box, BoxError, Fold, FoldTitle

TITLE = "From memory"
ITEMS = 3


def check_items(kinds: Sequence[str], items: Sequence[Sequence[str]]) -> None:
    """Fail unless there are three questions, each with its answer.

    Args:
        kinds: what the directive holds, block by block, by the names of Markdown's parser.
        items: the same for each item: a paragraph, then the answer.

    Raises:
        BoxError: something else than one list, not three items, a question without an answer.
    """
    if list(kinds) != ["bullet_list"] or len(items) != ITEMS:
        raise BoxError(f"memory holds one list of three questions and nothing else, here are {len(items)}")
    for number, item in enumerate(items):
        if list(item[:2]) != ["paragraph", "paragraph"]:
            said = "needs an answer: a paragraph of its own, indented, after a blank line"
            raise BoxError(f"question {number + 1} of memory {said}", number)


class MemoryDirective(SphinxDirective):
    """{memory}, as the head of this file shows it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        box = Box(title=TITLE, classes=["memory"])
        self.state.nested_parse(self.content, self.content_offset, box)
        kinds = [child.tagname for child in box]
        items = box[0].children if kinds == ["bullet_list"] else []
        try:
            check_items(kinds, [[child.tagname for child in item] for item in items])
        except BoxError as error:
            raise self.error(str(error)) from error
        box.pop()
        for item in items:
            question, *answer = item.children
            box += Fold("", FoldTitle("", "", *question.children), *answer)
        return [box]


def setup(app: Sphinx) -> None:
    """Register the directive, and the nodes that it makes."""
    app.setup_extension("bookbuild.site.fold")
    app.add_directive("memory", MemoryDirective)
