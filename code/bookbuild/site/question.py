"""Self-check questions: a question, choices that open, and behind each of them whether it is right, and why.

    ```{question}
    :answer: B

    A kernel of three taps has rate 2. How many zeros stand between two of its taps?

    - Two.

      You counted the rate itself.
    - One.

      Rate 1 is the ordinary kernel, and it has none.
    ```

Each choice is an HTML `details`: it opens by mouse, by keyboard and by touch, from a file and without any script.
"""

from collections.abc import Sequence

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

TITLE = "Check yourself"
VERDICTS = {True: "Yes.", False: "No."}
LETTERS = "ABCDE"


class QuestionError(ValueError):
    """A question that cannot be asked: one sentence, and which of the choices (from 0) it is about, if one."""

    def __init__(self, message: str, choice: int | None = None):
        super().__init__(message)
        self.choice = choice


def right_choice(kinds: Sequence[str], choices: Sequence[Sequence[str]], answer: str) -> int:
    """Which choice is right, counted from 0.

    Args:
        kinds: what the directive holds, block by block, by the names of Markdown's parser.
        choices: the same for each choice: a paragraph, then the reason.
        answer: the directive's option, a letter.

    Raises:
        QuestionError: no question, fewer than two choices, a choice without a reason, no answer or a wrong one.
    """
    if not kinds or kinds[-1] != "bullet_list" or "bullet_list" in kinds[:-1]:
        raise QuestionError("a question ends with its choices: one list, an item for each")
    if kinds[0] != "paragraph":
        raise QuestionError("a question needs a text before its choices")
    if not 2 <= len(choices) <= len(LETTERS):
        raise QuestionError(f"a question has 2 to {len(LETTERS)} choices, this one has {len(choices)}")
    for number, choice in enumerate(choices):
        if list(choice[:2]) != ["paragraph", "paragraph"]:
            raise QuestionError(
                f"choice {LETTERS[number]} needs a reason: a paragraph of its own, indented, after a blank line", number
            )
    letters = LETTERS[: len(choices)]
    if len(answer) != 1 or answer not in letters:
        said = f"not {answer!r}" if answer else "and there is none"
        raise QuestionError(f"`:answer:` names the right choice, one of {', '.join(letters)}, {said}")
    return letters.index(answer)


# --- on the pages ---------------------------------------------------------------------------------------------------


class Question(nodes.General, nodes.Element):
    """The question and its choices."""


class Choice(nodes.General, nodes.Element):
    """What opens: a ChoiceText and, behind it, the reason."""


class ChoiceText(nodes.General, nodes.TextElement):
    """What is seen of a choice before it opens."""


class QuestionDirective(SphinxDirective):
    """{question}, as the head of this file shows it."""

    has_content = True
    option_spec = {"answer": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        question = Question()
        self.state.nested_parse(self.content, self.content_offset, question)
        kinds = [child.tagname for child in question]
        items = question[-1].children if kinds[-1:] == ["bullet_list"] else []
        choices = [[child.tagname for child in item] for item in items]
        try:
            right = right_choice(kinds, choices, self.options.get("answer", "").strip())
        except QuestionError as error:
            raise self.error(str(error)) from error
        question.pop()
        for number, item in enumerate(items):
            text, first, *more = item.children
            verdict = VERDICTS[number == right]
            first[:0] = [nodes.strong(verdict, verdict), nodes.Text(" ")]
            letter = f"{LETTERS[number]}."
            summary = ChoiceText("", "", nodes.strong(letter, letter), nodes.Text(" "), *text.children)
            question += Choice("", summary, first, *more, classes=["right" if number == right else "wrong"])
        return [question]


def _visit_question(self: HTML5Translator, node: Question) -> None:
    self.body.append(self.starttag(node, "div", CLASS="question", role="group", **{"aria-label": TITLE}))
    self.body.append(f'<p class="question-title">{TITLE}</p>\n')


def _depart_question(self: HTML5Translator, node: Question) -> None:
    self.body.append("</div>\n")


def _visit_choice(self: HTML5Translator, node: Choice) -> None:
    self.body.append(self.starttag(node, "details", CLASS="choice"))


def _depart_choice(self: HTML5Translator, node: Choice) -> None:
    self.body.append("</div></details>\n")


def _visit_choice_text(self: HTML5Translator, node: ChoiceText) -> None:
    self.body.append("<summary><span>")


def _depart_choice_text(self: HTML5Translator, node: ChoiceText) -> None:
    self.body.append('</span></summary><div class="reason">\n')


def setup(app: Sphinx) -> None:
    """Register the directive and its nodes."""
    app.add_node(Question, html=(_visit_question, _depart_question))
    app.add_node(Choice, html=(_visit_choice, _depart_choice))
    app.add_node(ChoiceText, html=(_visit_choice_text, _depart_choice_text))
    app.add_directive("question", QuestionDirective)
