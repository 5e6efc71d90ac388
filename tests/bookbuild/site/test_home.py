"""The front door's numbers come from the chapters, its pictures are there and small, and the comforts are written."""

import json

import pytest
from PIL import Image

from bookbuild import ROOT
from bookbuild.chapters import chapter_files
from bookbuild.site import comforts, home

PATH = ROOT / home.PICTURES


@pytest.fixture
def root(tmp_path):
    (tmp_path / "book").mkdir()
    for name, header in {
        "01-a": "*Reading 26 min · running 15 s on 2 CPU cores*",
        "02-b": "*Reading 40 min · running 1 min 5 s on 2 CPU cores*",
        "03-c": "Nothing.",
    }.items():
        (tmp_path / "book" / f"{name}.md").write_text(f"# T\n\n{header}\n")
    return tmp_path


def test_times_are_those_under_the_titles(root):
    assert home.times(root, "02-b") == (40, "1 min 5 s")
    assert home.reading_time(root, "01 02") == 66
    assert [home.spoken(minutes) for minutes in (5, 60, 66)] == ["5 min", "1 h", "1 h 6 min"]


@pytest.mark.parametrize(
    ("text", "said"), [("all", "no chapter 03-c"), ("01 09", "no chapter 09"), ("1", "no chapter 1")]
)
def test_a_time_that_nobody_knows_is_a_fault(root, text, said):
    with pytest.raises(home.HomeError, match=said):
        home.reading_time(root, text)


def test_entries_are_names_and_texts():
    assert home.entries(["01-a: Why? So: that.", "", "02-b: b"]) == [("01-a", "Why? So: that."), ("02-b", "b")]
    for lines in ([], ["no colon"], ["01-a: x", "- 02-b: y"]):
        with pytest.raises(home.HomeError):
            home.entries(lines)


def test_every_chapter_has_its_picture_and_its_words_on_the_home_page():
    names = [path.stem for path in chapter_files(ROOT)]
    told = json.loads((PATH / "pictures.json").read_text())
    assert list(told) == names
    for name in names:
        path = PATH / f"{name}.webp"
        assert path.stat().st_size <= 15_000, f"{name}: {path.stat().st_size} bytes"
        assert Image.open(path).size == (400, 250) and len(told[name]) > 20
    page = (ROOT / "book" / "index.md").read_text()
    listed = page.split("```{path}\n")[1].split("```")[0].splitlines()
    assert [name for name, _ in home.entries(listed)] == names


def test_the_home_page_has_few_words():
    page = (ROOT / "book" / "index.md").read_text().split("---\n", 2)[2].split("## Cite this book")[0]
    assert len(page.split()) < 350


def test_a_small_diagram_has_a_bar_for_each_row_and_says_them():
    drawn = home.small_diagram("FCN-8s", "fcn8s_tiny")
    assert drawn.count("<rect") == drawn.count("<text") and drawn.count("<path") == 2
    assert "stride 32" in drawn and 'class="head"' not in drawn and "light-dark(#008f68,#2fcf9f)" in drawn


def test_links_to_terms_are_described_once():
    link = '<a class="reference internal" href="../glossary.html#term-void"><span>void</span></a>'
    body = comforts.describe(
        f"<p>{link} {link}</p><a href='glossary.html#term-stride'>s</a>", {"term-void": 'No "class" <yet>.'}
    )
    assert body.count('aria-describedby="about-term-void"') == 2 and body.count('role="tooltip"') == 1
    assert "No &quot;class&quot; &lt;yet&gt;.</div>" in body and "about-term-stride" not in body
    assert comforts.describe(link.replace("void", "other"), {"term-void": "x"}) == link.replace("void", "other")


def test_a_definition_is_read_without_its_chinese():
    found = comforts.CHINESE.sub("", "步幅 · 步幅. The step. Another.")
    assert found == "The step. Another." and comforts.CHINESE.sub("", "The step. Two.") == "The step. Two."
