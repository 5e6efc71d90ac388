"""Self-check questions: a question, choices that open, and behind each of them whether it is right, and why.

```{question}
:answer: B

A kernel of three taps has rate 2. How many zeros stand between two of its taps?

- Two.

  You counted the rate itself.
- One.

  Rate 1 is the ordinary kernel, and it has none.
```
"""

import hashlib
from collections.abc import Sequence

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild.site.fold import Box, BoxError, Fold, FoldTitle

TITLE = "Check yourself"
VERDICTS = {True: "Yes.", False: "No."}
LETTERS = "ABCDE"


def right_choice(kinds: Sequence[str], choices: Sequence[Sequence[str]], answer: str) -> int:
    """Which choice is right, counted from 0.

    Args:
        kinds: what the directive holds, block by block, by the names of Markdown's parser.
        choices: the same for each choice: a paragraph, then the reason.
        answer: the directive's option, a letter.

    Raises:
        BoxError: no question, fewer than two choices, a choice without a reason, no answer or a wrong one.
    """
    if not kinds or kinds[-1] != "bullet_list" or "bullet_list" in kinds[:-1]:
        raise BoxError("a question ends with its choices: one list, an item for each")
    if kinds[0] != "paragraph":
        raise BoxError("a question needs a text before its choices")
    if not 2 <= len(choices) <= len(LETTERS):
        raise BoxError(f"a question has 2 to {len(LETTERS)} choices, this one has {len(choices)}")
    for number, choice in enumerate(choices):
        if list(choice[:2]) != ["paragraph", "paragraph"]:
            raise BoxError(
                f"choice {LETTERS[number]} needs a reason: a paragraph of its own, indented, after a blank line", number
            )
    letters = LETTERS[: len(choices)]
    if len(answer) != 1 or answer not in letters:
        said = f"not {answer!r}" if answer else "and there is none"
        raise BoxError(f"`:answer:` names the right choice, one of {', '.join(letters)}, {said}")
    return letters.index(answer)


# --- on the pages ---------------------------------------------------------------------------------------------------


class QuestionDirective(SphinxDirective):
    """{question}, as the head of this file shows it."""

    has_content = True
    option_spec = {"answer": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        told = hashlib.sha256("\n".join(self.content).encode()).hexdigest()  # another question, another tick
        question = Box(title=TITLE, classes=["question"], ids=[f"question-{told[:8]}"])
        self.state.nested_parse(self.content, self.content_offset, question)
        kinds = [child.tagname for child in question]
        items = question[-1].children if kinds[-1:] == ["bullet_list"] else []
        choices = [[child.tagname for child in item] for item in items]
        try:
            right = right_choice(kinds, choices, self.options.get("answer", "").strip())
        except BoxError as error:
            raise self.error(str(error)) from error
        question.pop()
        for number, item in enumerate(items):
            text, first, *more = item.children
            verdict = VERDICTS[number == right]
            first[:0] = [nodes.strong(verdict, verdict), nodes.Text(" ")]
            letter = f"{LETTERS[number]}."
            title = FoldTitle("", "", nodes.strong(letter, letter), nodes.Text(" "), *text.children)
            question += Fold("", title, first, *more, classes=["right" if number == right else "wrong"])
        return [question]


def setup(app: Sphinx) -> None:
    """Register the directive, and the nodes that it makes."""
    app.setup_extension("bookbuild.site.fold")
    app.add_directive("question", QuestionDirective)
