"""Right answers of any form pass; plausible wrong ones fail with the sentence that names the mistake.

The answers stand in answers/, one file for each chapter's checkers.
"""

import importlib
import runpy
from pathlib import Path

import pytest
import torch

from segbook import checks

CHAPTERS = sorted((Path(__file__).parent / "answers").glob("*.py"))
TABLES = {path.stem: runpy.run_path(str(path)) for path in CHAPTERS}
RIGHT = [(name, answer) for table in TABLES.values() for name, answer in table["RIGHT"]]
WRONG = [row for table in TABLES.values() for row in table["WRONG"]]


@pytest.mark.parametrize("name, answer", RIGHT, ids=[row[0] for row in RIGHT])
def test_right_answers_pass(name, answer):
    torch.manual_seed(0)
    outcome = getattr(checks, name)(*answer)
    assert outcome.passed, outcome.message


@pytest.mark.parametrize("name, answer, said", WRONG, ids=[row[0] for row in WRONG])
def test_wrong_answers_fail_and_say_why(name, answer, said):
    torch.manual_seed(0)
    outcome = getattr(checks, name)(*answer)
    assert not outcome.passed
    assert said in outcome.message


@pytest.mark.parametrize("chapter", TABLES)
def test_every_checker_has_its_proof(chapter):
    for name in importlib.import_module(f"segbook.checks.{chapter}").__all__:
        right = [answer for one, answer in TABLES[chapter]["RIGHT"] if one == name]
        wrong = [said for one, _, said in TABLES[chapter]["WRONG"] if one == name]
        assert len(right) >= 2 and len(wrong) >= 5, name
        assert len(set(wrong)) >= 3, f"{name}: the wrong answers all hear the same"
        assert getattr(checks, name)(*[...] * 9).passed is False
