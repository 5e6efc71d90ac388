"""`make preview`: one page executed, all others left as they are, apart from the book that is proven."""

import pytest

from bookbuild import ROOT
from bookbuild.chapters import chapter_files
from bookbuild.site import preview


@pytest.mark.parametrize("number", ["4", "04"])
def test_a_chapter_is_found_by_its_number(number):
    assert preview.source(number).name.startswith("04-")


@pytest.mark.parametrize("number", ["99", "", "x"])
def test_another_number_is_refused(number):
    with pytest.raises(ValueError, match="there is no chapter or page .*make preview CH=04"):
        preview.source(number)


@pytest.mark.parametrize("name", ["holes", "deeper/holes"])
def test_an_optional_page_is_found_by_its_name(name, tmp_path, monkeypatch):
    (tmp_path / "book" / "deeper").mkdir(parents=True)
    (tmp_path / "book" / "deeper" / "holes.md").write_text("# Holes\n")
    monkeypatch.setattr(preview, "ROOT", tmp_path)
    assert preview.source(name) == tmp_path / "book" / "deeper" / "holes.md"


def test_every_page_but_one_is_excluded_and_the_cache_is_the_books():
    settings = preview.configuration(chosen := chapter_files(ROOT)[3])
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "book").rglob("*.md")}
    assert set(settings["execute"]["exclude_patterns"]) == pages - {chosen.relative_to(ROOT).as_posix()}
    assert settings["execute"]["cache"] == str(ROOT / "_build" / ".jupyter_cache")
    assert settings["execute"]["execute_notebooks"] == "cache" and settings["sphinx"], "the rest is _config.yml's"
    assert preview.PREVIEW != ROOT / "_build"
