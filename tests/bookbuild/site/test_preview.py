"""`make preview`: one page executed, all others left as they are, apart from the book that is proven."""

import pytest

from bookbuild import ROOT
from bookbuild.chapters import chapter_files
from bookbuild.site import preview


@pytest.mark.parametrize("number", ["4", "04"])
def test_a_chapter_is_found_by_its_number(number):
    assert preview.chapter(number).name.startswith("04-")


@pytest.mark.parametrize("number", ["99", "", "x"])
def test_another_number_is_refused(number):
    with pytest.raises(ValueError, match="there is no chapter .*make preview CH=04"):
        preview.chapter(number)


def test_every_page_but_one_is_excluded_and_the_cache_is_the_books():
    settings = preview.configuration(chosen := chapter_files(ROOT)[3])
    pages = {path.relative_to(ROOT).as_posix() for path in (ROOT / "book").rglob("*.md")}
    assert set(settings["execute"]["exclude_patterns"]) == pages - {chosen.relative_to(ROOT).as_posix()}
    assert settings["execute"]["cache"] == str(ROOT / "_build" / ".jupyter_cache")
    assert settings["execute"]["execute_notebooks"] == "cache" and settings["sphinx"], "the rest is _config.yml's"
    assert preview.PREVIEW != ROOT / "_build"
