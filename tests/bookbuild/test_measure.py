"""What counts towards a page's length, and the pages that keep to it."""

import subprocess
import sys
from dataclasses import replace

import pytest

from bookbuild import ROOT
from bookbuild.chapters import notebook_files, page_name, read_book
from bookbuild.measure import CHAPTER, OPTIONAL, Measure, limit, measure, visible_lines

FRONT = "---\njupytext: {text_representation: {extension: .md, format_name: myst}}\n---\n\n"
FREE = {
    "heading": "## Four words stand here\n",
    "question": "```{question}\n:answer: A\n\nA b?\n\n- a\n\n  b\n- c\n\n  d\n```\n",
    "memory": "```{memory}\n- a\n\n  b\n```\n",
    "table": "| a | b |\n|---|---|\n| c | d |\n",
    "directive table": "```{table} A caption\n:name: tab-a\n| a |\n|---|\n| b |\n```\n",
    "formula": "$$\na + b\n$$ (eq-a)\n",
    "math": "```{math}\na + b\n```\n",
    "figure": "```{figure} a.png\n:name: fig-a\n:alt: b\nA caption.\n```\n",
    "folded cell": "```{code-cell} ipython3\n:tags: [hide-input]\na\n```\n",
    "removed cell": "```{code-cell} ipython3\n:tags: [remove-cell]\na\n```\n",
    "label": "(sec-a)=\n## Here\n",
    "exercises": "## Exercises\n\nTwo words.\n\n```{code-cell} ipython3\na\n```\n",
}
COUNTED = {
    "paragraph": ("Three words *here* and $a + b$ `c d`.\n", Measure(9)),
    "list": ("- one two\n- three\n\n  four\n", Measure(4)),
    "numbered list": ("1. one two\n2. three\n", Measure(3)),
    "quotation": ("> one two\n", Measure(2)),
    "admonition": ("````{admonition} A title\n:class: tip\nOne two.\n\n```{note}\nthree\n```\n````\n", Measure(3)),
    "static code": ("```bash\nmake book\n```\n", Measure(2)),
    "cell": ('```{code-cell} ipython3\n---\ntags: [a]\n---\n# why\n\n%pip a\nx = """\n1"""\n```\n', Measure(0, 4, 1)),
    "docstring": ('```{code-cell} ipython3\ndef f():\n    """One.\n\n    Two."""\n    pass\n```\n', Measure(0, 2, 1)),
}


@pytest.fixture
def measured(tmp_path):
    book = replace(read_book(ROOT), root=tmp_path)

    def of(body: str) -> Measure:
        path = tmp_path / "page.md"
        path.write_text(f"{FRONT}# A title\n\n{body}")
        return measure(book, path)

    return of


@pytest.mark.parametrize("name", FREE)
def test_free(measured, name):
    assert measured(FREE[name]) == Measure()
    before = f"Two words.\n\n{FREE[name]}"
    assert measured(before) == Measure(2)


@pytest.mark.parametrize("name", COUNTED)
def test_counted(measured, name):
    text, expected = COUNTED[name]
    assert measured(text) == expected
    assert measured(f"{text}\n{FREE['exercises']}") == expected


def test_a_docstring_on_the_line_of_its_function_leaves_the_line():
    assert visible_lines('class A: "a"\n\n\ndef f():\n    "b"\n    return [\n\n    ]') == 4


def test_limits(tmp_path):
    assert (CHAPTER.words, CHAPTER.lines, CHAPTER.cells) == (2200, 150, 14)
    assert (OPTIONAL.words, OPTIONAL.lines) == (2000, 120)
    assert limit(tmp_path / "deeper" / "a.md") == OPTIONAL and limit(tmp_path / "01-a.md") == CHAPTER
    assert not CHAPTER.over(CHAPTER)
    assert all(replace(CHAPTER, **{name: 2201}).over(CHAPTER) for name in ("words", "lines", "cells"))


@pytest.mark.parametrize("path", notebook_files(ROOT), ids=page_name)
def test_pages_in_the_new_form_keep_to_their_measure(path):
    assert not measure(read_book(ROOT), path).over(limit(path))


def test_the_command_prints_all_pages_and_fails_on_none_of_the_old(monkeypatch):
    done = subprocess.run([sys.executable, "-m", "bookbuild.measure"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert all(page_name(path) in done.stdout for path in notebook_files(ROOT))


def test_the_command_fails_on_a_page_that_is_over(measured, tmp_path, monkeypatch, capsys):
    from bookbuild import measure as module

    measured("word " * 2201)
    monkeypatch.setattr(module, "read_book", lambda root: replace(read_book(ROOT), root=tmp_path))
    monkeypatch.setattr(sys, "argv", ["measure", str(tmp_path / "page.md")])
    assert module.main() == 1 and "  over\n" in capsys.readouterr().out
    measured("word " * 2200)
    assert module.main() == 0 and "  over\n" not in capsys.readouterr().out
