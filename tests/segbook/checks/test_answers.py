"""Right answers of any form pass; plausible wrong ones fail with the sentence that names the mistake.

The answers stand in answers/, one file for each chapter's checkers. Some train or run a network, so a file is read when
its first checker is tested, and by the worker alone that tests it.
"""

import functools
import importlib
import runpy
import zlib
from pathlib import Path

import pytest
import torch

from segbook import checks

ANSWERS = Path(__file__).parent / "answers"
CHAPTERS = sorted(path.stem for path in ANSWERS.glob("*.py"))
CHECKERS = [
    pytest.param(chapter, name, id=name)
    for chapter in CHAPTERS
    for name in importlib.import_module(f"segbook.checks.{chapter}").__all__
]


@functools.cache
def table(chapter: str) -> dict:
    return runpy.run_path(str(ANSWERS / f"{chapter}.py"))


def judged(name: str, answer: tuple):
    """What the checker says; it draws the same numbers in every run, since in one draw of some hundred two mistakes
    give the same result, and the message names the other one."""
    torch.manual_seed(0)
    checks.repeat(zlib.crc32(name.encode()) % 10**6)
    return getattr(checks, name)(*answer)


@pytest.mark.parametrize("chapter, name", CHECKERS)
def test_right_answers_pass(chapter, name):
    answers = [answer for one, answer in table(chapter)["RIGHT"] if one == name]
    assert len(answers) >= 2
    outcomes = [judged(name, answer) for answer in answers]
    refused = {place: outcome.message for place, outcome in enumerate(outcomes) if not outcome.passed}
    assert not refused


@pytest.mark.parametrize("chapter, name", CHECKERS)
def test_wrong_answers_fail_and_say_why(chapter, name):
    answers = [(answer, said) for one, answer, said in table(chapter)["WRONG"] if one == name]
    assert len(answers) >= 5
    assert len({said for _, said in answers}) >= 3, "the wrong answers all hear the same"
    outcomes = [(judged(name, answer), said) for answer, said in answers]
    accepted = [said for outcome, said in outcomes if outcome.passed]
    assert not accepted
    otherwise = {said: outcome.message for outcome, said in outcomes if said not in outcome.message}
    assert not otherwise
    assert judged(name, [...] * 9).passed is False


def test_evaluation_mode_is_named_where_the_loss_is_the_right_one_by_chance():
    answers = [answer for _, answer, said in table("from_classifier_to_fcn")["WRONG"] if said == "evaluation mode"]
    for answer in answers:
        checks.repeat(816885)  # in the second call both modes give the same loss to three digits
        assert "evaluation mode" in checks.training_step(*answer).message
    assert len(answers) == 3


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_answer_is_to_a_checker_of_another_chapter(chapter):
    rows = [*table(chapter)["RIGHT"], *table(chapter)["WRONG"]]
    assert {row[0] for row in rows} == set(importlib.import_module(f"segbook.checks.{chapter}").__all__)
