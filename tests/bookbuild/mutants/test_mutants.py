"""The operators make what they say, and a checker that is always satisfied kills nothing."""

import ast

import numpy as np
import pytest
import torch

from bookbuild import ROOT
from bookbuild.chapters import notebook_files
from bookbuild.mutants import trials as mutant_trials
from bookbuild.mutants.mutate import mutants, solution, values
from bookbuild.mutants.run import equivalents, notebooks, report
from bookbuild.mutants.trials import (
    CLOCKS,
    MEASURED,
    WHOLE,
    Verdict,
    attempt,
    exercise,
    exercises,
    fingerprint,
    in_a_fork,
    judge,
    short_name,
)
from segbook import checks
from segbook.checks import core

TOY = """
def area(height, width, border=1):
    total = height * width
    if border < height:
        total -= min(height, 2) * border
    return total
"""


def made(code, answers=None):
    return {mutant.name: mutant.code for mutant in mutants(solution(code, answers), code)}


@pytest.mark.parametrize(
    "code, changed",
    [
        ("x = 3", ["x = 4", "x = 2"]),
        ("x = 0.5", ["x = 1.0", "x = 0.25"]),
        ("x = 255", ["x = 256", "x = 254", "x = 0"]),
        ("x = True", ["x = False"]),
        ("x = a + b", ["x = a - b"]),
        ("x = a // b", ["x = a / b", "x = a * b"]),
        ("x = a < b", ["x = a <= b", "x = a >= b"]),
        ("x = -a", ["x = +a"]),
        ("x = max(a, b)", ["x = max(b, a)", "x = min(a, b)"]),
        ("x = f(a, mode='nearest')", ["x = f(a)", "x = f(a, mode='bilinear')"]),
        ("x = [a, b]", ["x = [b, a]"]),
        ("x = a if b else c", ["x = a if True else c", "x = a if False else c"]),
        ("x.fill_(a)", ["pass"]),
        ("x = '1 2 5 2'", ["x = '2 2 5 2'", "x = '1 2'"]),
        ("torch.manual_seed(0)", []),
        ("x = rand(generator=torch.Generator().manual_seed(0))", []),
        ("x = 'a word'", []),
    ],
)
def test_each_operator(code, changed):
    assert list(made(code).values()) == changed


def test_every_mutant_of_a_function_is_another_function():
    found = made(TOY)
    assert len(found) == len(set(found.values())) > 10
    for name, code in found.items():
        assert ast.dump(ast.parse(code)) != ast.dump(ast.parse(TOY)), name
    assert "total -= min(height, 2) * border  [without total -= min(height, 2) * border]" in found


def test_what_shows_or_tests_is_no_part_of_a_solution():
    code = "a = 1\nb = [2]\nunused = 3\nfor c in b:\n    assert c == 2\nprint(a)\nfor c in b:\n    c.append(4)"
    assert ast.unparse(solution(code, ["b"])) == "b = [2]\nfor c in b:\n    c.append(4)"
    assert ast.unparse(solution(code)) == "a = 1\nb = [2]\nunused = 3\nfor c in b:\n    c.append(4)"


def test_values_are_exchanged_negative_and_per_cent():
    answers = (0.5, {"a": torch.tensor(0.25)}, print, True)
    changed = dict(values(answers, [0, 1]))
    assert not list(values(answers, [2, 3]))
    assert set(changed) == {
        "answer 0 <-> answer 1, a",
        *(f"answer {place}: {what}" for place in ("0", "1, a") for what in ("negative", "per cent")),
    }
    assert changed["answer 0 <-> answer 1, a"] == (torch.tensor(0.25), {"a": 0.5}, print, True)
    assert changed["answer 1, a: per cent"][1]["a"] == 25
    assert answers[0] == 0.5 and answers[1]["a"] == 0.25


def test_the_same_value_has_the_same_fingerprint_in_every_dress():
    assert fingerprint([3, 0.5]) == fingerprint((np.int64(3), torch.tensor(0.5))) != ""
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})
    assert fingerprint([3]) != fingerprint([[3]]) and fingerprint([1, [2]]) != fingerprint([[1], 2])
    assert fingerprint(print) == fingerprint([1, print]) == ""


@core.checker
def satisfied(answer) -> str:
    return "anything goes"


@core.checker
def strict(answer) -> str:
    core.require([answer(h, w) for h, w in ((1, 1), (2, 3), (5, 4), (1, 7))] == [1, 4, 18, 7], "no")
    return "right"


def verdicts(monkeypatch, tmp_path, checker, code=TOY, answer="area"):
    monkeypatch.setattr(checks, checker.__name__, checker, raising=False)
    monkeypatch.setattr(core, "outcomes", {})
    one = exercise(f"{code}\nassert False\nchecks.{checker.__name__}({answer})")
    one.code = one.code.replace("assert False", "")
    return [Verdict("00", one.checker, name, "code", said) for name, said in judge(one, {"checks": checks}, tmp_path)]


def test_a_checker_that_is_always_satisfied_kills_nothing(monkeypatch, tmp_path, capsys):
    found = verdicts(monkeypatch, tmp_path, satisfied)
    assert len(found) > 10 and {one.said for one in found} == {"survived"}
    assert not report(found, {})
    assert " 0.0%" in capsys.readouterr().out.splitlines()[-6]


def test_a_strict_checker_kills_and_a_solution_that_fails_is_noticed(monkeypatch, tmp_path, capsys):
    found = verdicts(monkeypatch, tmp_path, strict)
    survivors = [one.name for one in found if one.said != "refused"]
    assert len(survivors) <= 0.3 * len(found)
    excused = {"strict": dict.fromkeys(survivors, "no other value is asked for")}
    assert not report(found, {}) and not report(found, excused)  # more than a tenth are excused
    assert not report(found, {"strict": {"a change that nobody makes": "none"}})
    broken = verdicts(monkeypatch, tmp_path, strict, "def area(h, w):\n    return h + w\n")
    assert broken[0].said == "broken" and not report(broken, {})


def test_an_answer_that_stays_the_same_is_no_mutant(monkeypatch, tmp_path):
    found = verdicts(monkeypatch, tmp_path, satisfied, "size = 7 // 2\n", "size")
    assert {one.name.split("[")[1]: one.said for one in found} == {
        "7 // 2 -> 7 / 2]": "survived",
        "7 // 2 -> 7 * 2]": "survived",
        "7 -> 8]": "survived",
        "7 -> 6]": "same",
        "2 -> 3]": "survived",
        "2 -> 1]": "survived",
    }


def test_endless_and_crashing_mutants_end(monkeypatch):
    monkeypatch.setattr(mutant_trials, "MEMORY", 4 * 2**30)

    def endless():
        while True:
            pass

    assert in_a_fork(endless, 1) == "no end"
    assert in_a_fork(lambda: 1 / 0, 10) == "raised"
    assert in_a_fork(lambda: "survived", 10) == "survived"
    one = exercise("x = undefined\nchecks.satisfied(x)")
    assert attempt(one.code, one, {}) == "raised"


def test_a_page_is_called_by_its_number_or_its_name(tmp_path):
    assert [short_name(tmp_path / name) for name in ("04-bilinear.ipynb", "deeper/holes.ipynb")] == ["04", "holes"]


@pytest.fixture(scope="module")
def every(tmp_path_factory):
    """All exercises of the book."""
    folder = tmp_path_factory.mktemp("solved")
    return [one for path in notebooks(folder, map(short_name, notebook_files(ROOT))) for one in exercises(path)]


def test_every_measured_answer_is_one_of_the_book(every):
    calls = {one.checker: one.call for one in every}
    for checker, names in MEASURED.items():
        asked = {node.id for node in ast.walk(ast.parse(calls[checker])) if isinstance(node, ast.Name)}
        assert set(names) <= asked, checker
    assert set(CLOCKS) <= set(MEASURED) and set(WHOLE) <= set(calls)


def test_every_equivalent_mutant_is_one_of_the_book(every):
    """Names go stale when a solution changes; that the checker lets them pass is seen by a full run."""
    known = {one.checker: {mutant.name for mutant in one.mutants()} for one in every}
    for checker, names in equivalents().items():
        assert {name for name in names if not name.startswith("answer ")} <= known[checker], checker
