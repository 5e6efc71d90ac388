"""Every chapter keeps the skeleton that its readers rely on."""

import re

import pytest

from bookbuild import ROOT
from bookbuild.chapters import chapter_files

CHAPTERS = chapter_files(ROOT)
CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(params=CHAPTERS, ids=lambda p: p.stem)
def chapter(request) -> str:
    return request.param.read_text()


def prose(text: str) -> str:
    """The chapter without front matter, cells and other fenced code."""
    text = re.sub(r"\A---\n.*?^---\n", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^(`{3,})(\{code-cell\}|\w).*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_skeleton(chapter):
    text = prose(chapter)
    assert len(re.findall(r"^# ", text, re.MULTILINE)) == 1
    assert re.search(r"^# .+\n\n\*Reading \d+ min · running .+ on 2 CPU cores\*$", text, re.MULTILINE)
    outcomes = re.search(r"\*\*What you will be able to do\*\*\n\n((?:[-*] .+(?:\n  .+)*\n)+)", text)
    assert outcomes and 3 <= len(re.findall(r"^[-*] ", outcomes.group(1), re.MULTILINE)) <= 5
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[-3:] == ["Summary", "Exercises", "Going further"], headings


def test_exercises(chapter):
    exercises = set(re.findall(r"^`{3,}\{exercise\}.*\n:label: (\S+)$", chapter, re.MULTILINE))
    solutions = set(re.findall(r"^`{3,}\{solution\} (\S+)$", chapter, re.MULTILINE))
    assert 4 <= len(exercises) <= 8
    assert exercises == solutions
    stated = re.findall(r"^\*\d+ min, level [123]\.\*", chapter, re.MULTILINE)
    assert len(stated) == len(exercises), "each exercise begins with its minutes and level"


def test_code_fits_on_the_page(chapter):
    for cell in CELL.findall(chapter):
        cell = re.sub(r"\A---\n.*?^---\n", "", cell, flags=re.MULTILINE | re.DOTALL)
        wide = [line for line in cell.splitlines() if len(line) > 79]
        assert not wide, f"code lines over 79 characters: {wide}"


def test_words_that_talk_down(chapter):
    said = re.findall(r"\b(simply|obviously|of course|trivially)\b", prose(chapter), re.IGNORECASE)
    assert not said


def test_paragraphs_can_be_read(chapter):
    for paragraph in re.split(r"\n\s*\n", prose(chapter)):
        if not paragraph.lstrip().startswith(("|", ":", "```", "$$", "-", "*")):
            assert len(paragraph.split()) <= 120, f"a paragraph of {len(paragraph.split())} words: {paragraph[:80]}..."
