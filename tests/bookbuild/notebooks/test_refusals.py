"""What the exporter cannot render well it refuses, in one sentence with file and line."""

import pytest

from bookbuild.chapters import BookError


def question(answer: str, body: str) -> str:
    """A question whose body starts on its fourth line."""
    return f"```{{question}}\n:answer: {answer}\n\n{body}\n```"


# name: (the chapter's body, the line of the fault in it, what is said)
FAULTS = {
    "unknown directive": (
        "A.\n\n```{tab-set}\nx\n```",
        3,
        "the directive 'tab-set' is not one that",
    ),
    "unknown nested directive": ("````{note}\nA.\n\n```{raw} html\n```\n````", 4, "the directive 'raw' is not one"),
    "unknown option": ("```{figure} a.png\n:nmae: x\n```", 1, "the directive 'figure': Unknown option keys: ['nmae']"),
    "no argument": ("```{admonition}\nx\n```", 1, "the directive 'admonition' needs something after its name"),
    "code cell in a list": (
        "- a\n\n  ```{code-cell} ipython3\n  1\n  ```",
        3,
        "a code-cell must stand at the left",
    ),
    "unknown cell option": ("```{code-cell} ipython3\n:load: x.py\n1\n```", 1, "the cell option 'load' is not one"),
    "cell figure without caption": (
        "```{code-cell} ipython3\n---\nmystnb:\n  figure:\n    name: fig-a\n---\n1\n```",
        1,
        "a cell's figure needs a name and a caption",
    ),
    "unknown role": ("A\nB {abbr}`x`", 2, "the role 'abbr' is not one that the exporter knows"),
    "role after a long line": ("*a\nb* c\nd {foo}`x`", 3, "the role 'foo'"),
    "role with a space": ("See {ref} `sec-start`.", 1, "'{ref} ' stands here as plain text"),
    "role not closed": ("See {ref}`sec-start.", 1, "'{ref}`' stands here as plain text"),
    "backtick in a directive's title": ("```{note} `x`\n```", 1, "'```' stands here as plain text"),
    "label in a line": ("(sec-x)= and more", 1, "'(sec-x)=' stands here as plain text"),
    "label before no heading": ("(sec-x)=\nText.", 1, "a label in brackets must stand right before a heading"),
    "label at the end": ("A.\n\n(sec-x)=", 3, "a label in brackets must stand right before a heading"),
    "label twice": ("(sec-start)=\n## A", 1, "the label 'sec-start' is already at book/01-one.md:"),
    "label in capitals": ("$$\na\n$$ (eq-A)", 1, "the label 'eq-A' may hold a-z, 0-9 and single hyphens"),
    "label in a solution": (
        "```{exercise} A\n:label: ex-a\nB\n```\n\n````{solution} ex-a\n$$\na\n$$ (eq-a)\n````",
        7,
        "nothing in a solution may have a label",
    ),
    "unknown label": ("A {numref}`fig-no`.", 1, "nothing in the book has the label 'fig-no'"),
    "eq for a figure": ("A {eq}`fig-red`.", 1, "'fig-red' is the label of a figure: use the role ref or numref"),
    "ref for an equation": ("A {ref}`eq-one`.", 1, "'eq-one' is the label of an equation: use the role eq"),
    "ref for a figure": ("A {ref}`fig-red`.", 1, "'fig-red' is the label of a figure: use numref"),
    "numref for a section": ("A {numref}`sec-start`.", 1, "the section 'sec-start' has no number: use ref"),
    "numref without number": ("A {numref}`that <fig-red>`.", 1, "'that' has no %s"),
    "eq with text": ("A {eq}`that <eq-one>`.", 1, "the role eq prints the number and no other text"),
    "unknown page": ("A {doc}`05-five`.", 1, "there is no page '05-five' in the table of contents"),
    "unknown term": ("A {term}`flurble`.", 1, "the glossary has no term 'flurble'"),
    "unknown citation": ("A {cite}`long2015fcn,nobody`.", 1, "the bibliography has no entry 'nobody'"),
    "unknown result": ("A {result}`voc.tiny:.1f`.", 1, "the result voc.tiny has no file"),
    "local link": ("A [b](01-one.md).", 1, "the link to '01-one.md' leads nowhere in a notebook"),
    "HTML": ("A <kbd>x</kbd>.", 1, "raw HTML is not allowed (<kbd>)"),
    "HTML block": ("A.\n\n<div>\nx\n</div>", 3, "raw HTML is not allowed"),
    "double dollars in a line": ("A $$x$$ b.", 1, "must stand in lines of its own"),
    "amsmath": ("\\begin{align}\na\n\\end{align}", 1, "write the formula between $$ and $$"),
    "align in dollars": ("$$\n\\begin{align}\na\n\\end{align}\n$$", 1, "use aligned"),
    "blank line in math": ("$$\na\n\nb\n$$", 1, "a formula may hold no blank line"),
    "comment in math": ("$$\na % b\n$$", 1, "a formula may hold no comment"),
    "definition list": ("A\n: b", 1, "definition lists are not allowed"),
    "footnote": ("A[^1].\n\n[^1]: b", 3, "footnotes are not allowed"),
    "heading in a note": ("```{note}\n## A\n```", 2, "a heading inside a directive"),
    "second title": ("# Again", 1, "a chapter has one title"),
    "skipped level": ("### A", 1, "level 3 cannot follow a heading of level 1"),
    "image without alternative text": ("![](_static/red.png)", 1, "the image _static/red.png needs alternative text"),
    "no such image": ("![Blue](_static/blue.png)", 1, "the image _static/blue.png is not there"),
    "image outside": ("![Out](../../out.png)", 1, "the image ../../out.png is not there"),
    "figure without alternative text": (
        "A.\n\n```{figure} _static/red.png\n:name: fig-a\nCap.\n```",
        3,
        "needs alternative text",
    ),
    "figure without name": (
        "```{figure} _static/red.png\n:alt: Red.\nCap.\n```",
        1,
        "a figure needs a :name:",
    ),
    "table without name": (
        "```{table} Cap\n| a |\n|---|\n```",
        1,
        "a table has both a caption and a :name:",
    ),
    "ragged list-table": ("```{list-table}\n* - a\n  - b\n* - c\n```", 1, "must have the same number of cells"),
    "list-table with blocks": ("```{list-table}\n* - a\n\n    b\n```", 2, "a cell of a list-table holds one paragraph"),
    "exercise without label": ("```{exercise} A\nB\n```", 1, "an exercise needs a :label:"),
    "exercise in a note": ("````{note}\n```{exercise} A\n:label: ex-a\n```\n````", 2, "must stand at the left margin"),
    "solution to nothing": ("```{solution} ex-one\nA\n```", 1, "this chapter has no exercise with that label"),
    "fault in a hidden solution": (
        "```{exercise} A\n:label: ex-a\nB\n```\n\n```{solution} ex-a\n:class: dropdown\nC\n{foo}`x`\n```",
        9,
        "the role 'foo'",
    ),
    "question without choices": ("A.\n\n```{question}\n:answer: A\nB?\n```", 3, "a question ends with its choices"),
    "question without text": (question("A", "- a\n\n  b\n- c\n\n  d"), 1, "needs a text before its choices"),
    "question with text at its end": (question("A", "B?\n\n- a\n\n  b\n- c\n\n  d\n\nE."), 1, "ends with its choices"),
    "question with one choice": (question("A", "B?\n\n- a\n\n  b"), 1, "2 to 5 choices, this one has 1"),
    "choice without a reason": (question("A", "B?\n\n- a\n\n  b\n- c"), 9, "choice B needs a reason"),
    "choice whose reason is a list": (question("A", "B?\n\n- a\n\n  - b\n- c\n\n  d"), 6, "choice A needs a reason"),
    "choice with a reference": (
        question("A", "B?\n\n- a {eq}`eq-one`\n\n  b\n- c\n\n  d"),
        6,
        "a choice holds text, code and formulas",
    ),
    "no right choice": ("```{question}\nB?\n\n- a\n\n  b\n- c\n\n  d\n```", 1, "one of A, B, and there is none"),
    "answer that is no choice": (question("C", "B?\n\n- a\n\n  b\n- c\n\n  d"), 1, "one of A, B, not 'C'"),
    "two answers": (question("AB", "B?\n\n- a\n\n  b\n- c\n\n  d"), 1, "one of A, B, not 'AB'"),
    "question in a note": ("````{note}\n```{question}\nB?\n```\n````", 2, "must stand at the left margin"),
    "fault in a reason": (question("A", "B?\n\n- a\n\n  b\n- c\n\n  d {foo}`x`"), 11, "the role 'foo'"),
    "two questions of memory": ("```{memory}\n- A?\n\n  B.\n- C?\n\n  D.\n```", 1, "three questions and nothing"),
    "more than memory": ("```{memory}\nA\n\n- B?\n\n  C.\n```", 1, "one list of three questions and nothing else"),
    "memory without an answer": (
        "```{memory}\n- A?\n\n  B.\n- C?\n- D?\n\n  E.\n```",
        5,
        "question 2 of memory needs an answer",
    ),
    "memory with a link in its question": (
        "```{memory}\n- A?\n\n  B.\n- C?\n\n  D.\n- {eq}`eq-one`?\n\n  E.\n```",
        8,
        "a question from memory holds text, code and formulas",
    ),
    "memory in a list": ("- a\n\n  ```{memory}\n  - A?\n  ```", 3, "'memory' must stand at the left margin"),
    "fault in a caption": (
        "```{code-cell} ipython3\n---\nmystnb:\n  figure:\n    name: fig-a\n    caption: A {foo}`x`\n---\n1\n```",
        1,
        "the role 'foo'",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_refusal(book, first_line, name):
    body, line, said = FAULTS[name]
    with pytest.raises(BookError) as error:
        book.export(body + "\n")
    message = str(error.value)
    assert message.startswith(f"book/02-two.md:{first_line + line - 1}: "), message
    assert said in message
    assert "\n" not in message


def test_a_chapter_without_its_running_time(book):
    book.chapter("02-two", "Two", "A.\n")
    path = book.root / "book" / "02-two.md"
    path.write_text(path.read_text().replace("running 15 s", "soon done"))
    with pytest.raises(BookError, match=r"02-two.md:14: under the title must stand .*running N s"):
        book.export_as_it_stands()


def test_a_chapter_without_front_matter(book):
    book.write("book/02-two.md", "# Two\n")
    with pytest.raises(BookError, match="02-two.md:1: a chapter starts with the jupytext front matter"):
        book.export_as_it_stands()


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("_toc.yml", "book/setup", "book/nothing", "_toc.yml: lists book/nothing, but there is no book/nothing.md"),
        (
            "_toc.yml",
            "{file: book/02-two}",
            "{file: book/deeper/a}",
            "the optional page book/deeper/a in a part that is",
        ),
        ("_toc.yml", "numbered: 1\n    ", "", "lists the chapter book/01-one in a part that is not `numbered`"),
        ("_config.yml", "https://github.com/someone/book", "''", "repository: url must be an https:// address"),
        ("_config.yml", "branch: main", "branch: [", "_config.yml: not readable as YAML"),
        ("references.bib", "title = {Zebra}", "title = {Zebra", "references.bib: not readable as BibTeX"),
    ],
)
def test_settings(book, file, old, new, said):
    book.deeper(a="A.")
    book.write("_toc.yml", book.toc)
    text = (book.root / file).read_text()
    assert old in text
    book.write(file, text.replace(old, new))
    with pytest.raises(BookError) as error:
        book.export("A.\n")
    assert said in str(error.value)
