"""What is ordinary Markdown stays what it was: both texts give the same HTML."""

import pytest
from markdown_it import MarkdownIt

SAMPLES = {
    "emphasis": "a *b* **c** _d_ __e__ ***f*** snake_case 2*3*4",
    "escapes": r"\*not\* 3 \< 4 \\ \$5 &amp; &copy; a \# b \[x\] \`y\`",
    "code spans": "`a` `` `b` `` `c*d*` ``e`f``",
    "links": '[a *b*](https://x.org "t") <https://y.org> [ref][r] [mail](mailto:a@b.org)\n\n[r]: https://z.org',
    "breaks": "one\ntwo\\\nthree  \nfour",
    "tight list": "- a\n- b\n  - c\n  - d\n- e",
    "loose list": "1. a\n\n   more\n\n2. b\n\n   - c",
    "numbered from": "7) a\n8) b",
    "list with code": "- a\n\n  ```python\n  x = 1\n\n  y = 2\n  ```\n- b",
    "two lists": "- a\n- b\n\n* c\n* d",
    "quotation": "> a\n> b\n>\n> - c\n>\n> > d",
    "fences": "```python\nx = 1\n```\n\n~~~~\n```\ninner\n```\n~~~~\n\n    indented\n      more",
    "rule": "a\n\n---\n\nb\n\n***",
    "table": "| a | b | c |\n|:--|--:|:-:|\n| *1* | `x\\|y` | a\\|b |\n| 2 | | 3 |",
    "line that looks like a list": "a\n\\- b\n1\\. c\n\n2015\\. A year.",
    "percent and braces": "50 % of {a, b} and {c}",
}


def to_html(text: str) -> str:
    return MarkdownIt("commonmark").enable("table").render(text)


@pytest.mark.parametrize("name", SAMPLES)
def test_same_html(book, name):
    text = book.text(SAMPLES[name] + "\n")
    assert to_html(text) == to_html(SAMPLES[name])


def test_headings_start_cells_and_only_the_title_is_numbered(book):
    cells = book.export("Opening.\n\n## A\n\nText.\n\n### B\n\nSetext\n------\n\n### C\n\n#### D\n")["cells"]
    firsts = ["".join(cell["source"]).split("\n")[0] for cell in cells]
    assert firsts == ["# 2. Two", "## A", "### B", "## Setext", "### C"]
    assert "#### D" in "".join(cells[-1]["source"])


def test_sections_are_numbered_as_deep_as_the_contents_say(book):
    book.write("_toc.yml", (book.root / "_toc.yml").read_text().replace("numbered: 1", "numbered: 2"))
    text = book.text("(sec-a)=\n## A\n\n### B\n\n## C\n\n{numref}`sec-a`\n")
    assert [line for line in text.split("\n") if line] == ["## 2.1. A", "### B", "## 2.2. C", "Section 2.1"]


def test_comments_and_cell_breaks_leave_no_trace(book):
    cells = book.export("One.\n\n% a remark\n\n+++\n\nTwo.\n")["cells"]
    assert ["".join(cell["source"]).split("\n")[-1] for cell in cells] == ["One.", "Two."]
