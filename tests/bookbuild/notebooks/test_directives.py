"""Each directive and role, as it reaches a reader of the notebook."""

import base64

import pytest

from bookbuild.chapters import BookError
from bookbuild.notebooks.export import export

SITE = "https://github.com/someone/book/blob/main/book"
RAW = "https://raw.githubusercontent.com/someone/book/main/book"

CASES = {
    "note": ("```{note}\nOne.\n\nTwo.\n```", "> **Note**\n>\n> One.\n>\n> Two."),
    "note on one line": ("```{tip} Text.\n```", "> **Tip**\n>\n> Text."),
    "seealso with colons": (":::{seealso}\nMore.\n:::", "> **See also**\n>\n> More."),
    "admonition": (
        "```{admonition} Where *this* fails\n:class: warning\nText {eq}`eq-one`.\n```",
        "> **Where *this* fails**\n>\n> Text [(1.1)](01-one.ipynb).",
    ),
    "dropdown": (
        "~~~{admonition} If $x$ `a<b`\n:class: dropdown tip\n- a\n~~~",
        "<details>\n<summary><b>If $x$ <code>a&lt;b</code></b></summary>\n\n- a\n\n</details>",
    ),
    "nested": (
        "````{note}\nA.\n\n```{warning}\nB.\n```\n````",
        "> **Note**\n>\n> A.\n>\n> > **Warning**\n> >\n> > B.",
    ),
    "math": ("```{math}\n:label: eq-a\na = b\n```\n\n{eq}`eq-a`", "$$\na = b \\tag{2.1}\n$$\n\n(2.1)"),
    "dollar math": ("$$\na = b\n$$ (eq-a)", "$$\na = b \\tag{2.1}\n$$"),
    "unnumbered math": ("$$\na = b\n$$", "$$\na = b\n$$"),
    "math of two lines": ("$$\na \\\\\nb\n$$", "$$\n\\begin{aligned}\na \\\\\nb\n\\end{aligned}\n$$"),
    "matrix": (
        "$$\n\\begin{pmatrix} a \\\\ b \\end{pmatrix}\n$$",
        "$$\n\\begin{pmatrix} a \\\\ b \\end{pmatrix}\n$$",
    ),
    "math in a note": ("```{note}\n$$\na\n= b\n$$ (eq-a)\n```", "> **Note**\n>\n> $$ a = b \\tag{2.1} $$"),
    "math in a list": ("- a\n\n  $$\n  a\n  = b\n  $$", "- a\n\n  $$ a = b $$"),
    "inline math": ("$a\n\\cdot b$ and {math}`c`", "$a \\cdot b$ and $c$"),
    "figure": (
        "```{figure} _static/red.png\n:name: fig-a\n:alt: All red.\nSee $x$.\n\nA legend.\n```\n\n{numref}`fig-a`",
        "![All red.](attachment:red.png)\n\n**Figure 2.1.** See $x$.\n\nA legend.\n\nFigure 2.1",
    ),
    "figure with a width": (
        '```{figure} /book/_static/red.png\n:name: fig-a\n:alt: A "red" one\n:width: 200px\nSee.\n```',
        '<img src="attachment:red.png" alt="A &quot;red&quot; one" width="200">\n\n**Figure 2.1.** See.',
    ),
    "image": ("![All red](_static/red.png)", "![All red](attachment:red.png)"),
    "table": (
        "```{table} A *caption*\n:name: tab-a\n| a |\n|---|\n| $\\|x\\|$ |\n```",
        "**Table 2.1.** A *caption*\n\n| a |\n| --- |\n| $\\vert x\\vert $ |",
    ),
    "list-table": (
        "```{list-table} Cap\n:name: tab-a\n:header-rows: 1\n* - a\n  - b\n* - $|x|$\n  - `d|e` f|g\n```",
        "**Table 2.1.** Cap\n\n| a | b |\n| --- | --- |\n| $\\vert x\\vert $ | `d\\|e` f\\|g |",
    ),
    "list-table without header": ("```{list-table}\n* - a\n  -\n```", "|  |  |\n| --- | --- |\n| a |  |"),
    "term": ("{term}`void`, {term}`Ignored`, *{term}`the field <receptive field>`*", "*void*, *Ignored*, *the field*"),
    "numref": (
        "{numref}`fig-red`, {numref}`Picture %s <fig-red>`",
        "[Figure 1.1](01-one.ipynb), [Picture 1.1](01-one.ipynb)",
    ),
    "ref": (
        "{ref}`sec-start` {ref}`here <fig-red>` {ref}`ex-one` {ref}`sec-install`",
        "[The *start* of `all`](01-one.ipynb) [here](01-one.ipynb) [Exercise 1.1](01-one.ipynb)"
        f" [Installing `pip`]({SITE}/setup.md)",
    ),
    "doc": (
        "{doc}`01-one` {doc}`chapter 1 </book/01-one>` {doc}`glossary` {doc}`02-two`",
        f"[One](01-one.ipynb) [chapter 1](01-one.ipynb) [Glossary]({SITE}/glossary.md) Two",
    ),
    "question": (
        "```{question}\n:answer: B\n\nHow *many*?\n\n- Two of `a<b`,\n  *or* $x < 2$.\n\n"
        "  You counted {eq}`eq-one`.\n\n  $$\n  a\n  = b\n  $$\n"
        "- One.\n\n  Rate 1 has none.\n\n  - More.\n- None.\n\n  That is rate 1.\n```",
        "**Check yourself.** How *many*?\n\n"
        "<details>\n<summary><b>A.</b> Two of <code>a&lt;b</code>, <em>or</em> $x &lt; 2$.</summary>\n\n"
        "**No.** You counted [(1.1)](01-one.ipynb).\n\n$$ a = b $$\n\n</details>\n\n"
        "<details>\n<summary><b>B.</b> One.</summary>\n\n**Yes.** Rate 1 has none.\n\n- More.\n\n</details>\n\n"
        "<details>\n<summary><b>C.</b> None.</summary>\n\n**No.** That is rate 1.\n\n</details>",
    ),
    "memory": (
        "```{memory}\n- What of `a<b`?\n\n  It is {eq}`eq-one`, as in {doc}`01-one`.\n"
        "- Two?\n\n  Yes.\n\n  $$\n  a\n  = b\n  $$\n- Three?\n\n  No.\n```",
        "**From memory**\n\n"
        "<details>\n<summary>What of <code>a&lt;b</code>?</summary>\n\n"
        "It is [(1.1)](01-one.ipynb), as in [One](01-one.ipynb).\n\n</details>\n\n"
        "<details>\n<summary>Two?</summary>\n\nYes.\n\n$$ a = b $$\n\n</details>\n\n"
        "<details>\n<summary>Three?</summary>\n\nNo.\n\n</details>",
    ),
    "result": ("It is {result}`toy.tiny.mean_iou:.1%`.", "It is 52.8%."),
    "label": ("(sec-a)=\n(sec-b)=\n## Here\n\n{ref}`sec-b`", "## Here\n\nHere"),
}


@pytest.mark.parametrize("name", CASES)
def test_rendering(book, name):
    source, expected = CASES[name]
    assert book.text(source + "\n") == expected


SHOWN = "```{figure} _static/photos/red.webp\n:name: fig-a\n:alt: Red.\nSee.\n```\n"


def test_a_small_picture_travels_inside_the_notebook_and_a_large_one_is_linked(book):
    folder = book.root / "book/_static/photos"
    folder.mkdir()
    (folder / "red.webp").write_bytes(b"webp" * 15_000)
    cell = book.export(SHOWN)["cells"][-1]
    assert "![Red.](attachment:red.webp)" in "".join(cell["source"])
    assert cell["attachments"] == {"red.webp": {"image/webp": base64.b64encode(b"webp" * 15_000).decode()}}
    (folder / "red.webp").write_bytes(b"webp" * 15_000 + b"!")
    cell = book.export(SHOWN)["cells"][-1]
    assert f"![Red.]({RAW}/_static/photos/red.webp)" in "".join(cell["source"]) and "attachments" not in cell


def test_a_picture_is_attached_where_it_is_shown_and_nowhere_else(book):
    cells = book.export("A.\n\n## Two\n\n![Red](_static/red.png)\n\n## Three\n\nB.\n")["cells"]
    assert ["attachments" in cell for cell in cells] == [False, True, False]


def test_two_pictures_of_one_name_are_refused(book):
    (book.root / "book/_static/photos").mkdir()
    (book.root / "book/_static/photos/red.png").write_bytes(b"other")
    with pytest.raises(BookError, match="two pictures of this page are called red.png"):
        book.export("![Red](_static/red.png)\n\n![Red](_static/photos/red.png)\n")


def test_pages_that_are_no_notebooks_are_linked_on_the_published_site(book):
    book.write("_config.yml", (book.root / "_config.yml").read_text() + "html: {baseurl: https://a.b/c/}\n")
    assert book.text("{doc}`glossary`\n") == "[Glossary](https://a.b/c/book/glossary.html)"


def test_citations_and_references(book):
    source = "{cite}`long2015fcn,two2016` {cite:p}`chen2018a` {cite:t}`chen2018b`\n"
    text, references = book.text(source).split("\n\n## References\n\n")
    assert text == ("(Long et al., 2015; Dollár and Van Gool, 2016) (Chen et al., 2018b) Chen et al. (2018a)")
    lines = references.split("\n")
    assert [line.split(".**")[0] for line in lines] == [
        "- **Chen et al., 2018a",
        "- **Chen et al., 2018b",
        "- **Dollár and Van Gool, 2016",
        "- **Long et al., 2015",
    ]
    assert "*A\\_Journal*, 2018." in lines[1]
    assert lines[3].endswith(
        "In *CVPR*, 1–2. 2015. [doi:10.1109/CVPR.2015.7298965](https://doi.org/10.1109/CVPR.2015.7298965)."
    )


EXERCISE = """
```{exercise} The other parity
:label: ex-a
*5 min.* Why?
```

```{code-cell} ipython3
:tags: [exercise]
answer = ...
```

````{solution} ex-a
:class: dropdown
Because {cite}`two2016` of SECRET.

```python
answer = 3
```
````
"""


def test_exercise_in_the_student_edition(book):
    notebook = book.export(EXERCISE)
    cells = ["".join(cell["source"]) for cell in notebook["cells"]]
    assert cells[1] == "### Exercise 2.1 (The other parity)\n\n*5 min.* Why?"
    assert cells[3] == "answer = ..." and notebook["cells"][3]["metadata"] == {"tags": ["exercise"]}
    assert len(cells) == 4, "neither the solution nor what only the solution cites"


def test_exercise_in_the_instructor_edition(book):
    starter = "answer = ...\nchecks.answer(\n    answer,\n)"
    notebook = book.export(EXERCISE.replace("answer = ...", starter), "instructor")["cells"]
    cells = ["".join(cell["source"]) for cell in notebook]
    assert cells[4] == (
        "<details>\n<summary><b>Solution to Exercise 2.1</b></summary>\n\n"
        "Because (Dollár and Van Gool, 2016) of SECRET.\n\n</details>"
    )
    assert cells[5] == "answer = 3\n\nchecks.answer(\n    answer,\n)"
    assert notebook[5]["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["solution"]}
    assert cells[6].startswith("## References")


def test_a_picture_in_a_solution_is_linked_from_the_sheet(book):
    book.chapter("02-two", "Two", EXERCISE.replace("of SECRET.", "of SECRET.\n\n![Red](_static/red.png)"))
    texts, _ = export(book.root, "instructor")
    assert f"![Red]({RAW}/_static/red.png)" in texts[book.root / "book" / "02-two-solutions.md"]
    assert "attachment:red.png" in texts[book.root / "book" / "02-two.ipynb"]
    assert "attachment" not in export(book.root)[0][book.root / "book" / "02-two.ipynb"]


def test_sheet_of_solutions(book):
    book.chapter("02-two", "Two", EXERCISE)
    texts, errors = export(book.root, "instructor")
    sheet = texts[book.root / "book" / "02-two-solutions.md"]
    start = "# Solutions to chapter 2: Two\n\n## Exercise 2.1: The other parity\n\nBecause (Dollár and Van Gool, 2016)"
    assert sheet.startswith(f"{start} of SECRET.\n\n```python\nanswer = 3\n```\n\n## References\n\n") and not errors


def test_caption_of_a_figure_that_a_cell_draws(book):
    body = """
    ```{code-cell} ipython3
    ---
    mystnb:
      figure:
        name: fig-a
        caption: |
          What *to* see, after {eq}`eq-one`.
      image:
        alt: A line.
    tags: [hide-input]
    ---
    plt.show()
    ```

    In {numref}`fig-a`.
    """
    notebook = book.export(body)
    assert notebook["cells"][2]["metadata"] == {"tags": ["hide-input"]}
    assert "".join(notebook["cells"][2]["source"]) == "plt.show()"
    assert "".join(notebook["cells"][3]["source"]) == "**Figure 2.1.** What *to* see, after [(1.1)](01-one.ipynb)."
    assert "".join(notebook["cells"][4]["source"]) == "In Figure 2.1."
