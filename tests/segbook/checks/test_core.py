"""A checker turns whatever a reader does into one printed sentence."""

import functools
import json
import re
import signal
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from bookbuild.chapters import notebook_files, page_name
from segbook import checks
from segbook.checks import core
from segbook.checks.core import call, checker, personal, require
from segbook.checks.values import Wrong, apart, numbers, whole, words

BOOK = Path(__file__).resolve().parents[3] / "book"


@checker
def doubles(function) -> str:
    for x in (torch.tensor([1.0, 2.0]), torch.tensor([])):
        require(torch.equal(torch.as_tensor(call(function, x)), 2 * x), "this does not double")
    return "it doubles"


def endless(x):
    while True:
        pass


def swallows(x):
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


def in_place(x):
    x *= 2
    return x


@pytest.mark.parametrize(
    "answer, said",
    [
        (..., "still a `...`"),
        (3, "a function is asked for, this is 3"),
        (lambda x: ..., "returned Ellipsis"),
        (lambda x: None, "is there a `return`"),
        (lambda x: x[5], "raised IndexError"),
        (lambda x: x + 1, "does not double"),
        (in_place, "changed its input"),
        (lambda x, y: x, "raised TypeError"),
        (lambda x: object(), "cannot be read"),
    ],
)
def test_mistakes_become_sentences(answer, said, capsys):
    outcome = doubles(answer)
    assert outcome.passed is False and not outcome
    assert said in outcome.message
    printed = capsys.readouterr().out
    assert printed.split() == f"not yet · doubles: {outcome.message}".split()
    assert max(map(len, printed.splitlines())) < 80  # no notebook wraps what is printed


@pytest.mark.parametrize("answer", [lambda x: 2 * x, lambda x: (x + x).double().float(), lambda x: (x * 2).numpy()])
def test_right_answers_pass(answer, capsys):
    assert doubles(answer)
    assert capsys.readouterr().out == "passed · doubles: it doubles\n"


@pytest.mark.parametrize("function", [endless, swallows])
def test_an_endless_loop_ends(function, monkeypatch, capsys):
    monkeypatch.setattr(core, "SECONDS", 0.2)
    began = time.monotonic()
    outcome = doubles(function)
    assert time.monotonic() - began < 10
    assert "loop that does not end" in outcome.message


class Doubling:
    def __call__(self, x):
        return 2 * x

    def method(self, x):
        return x + x


@functools.lru_cache
def decorated(x):
    return 2 * x


@pytest.mark.parametrize("answer", [functools.partial(torch.mul, 2), Doubling(), Doubling().method, decorated])
def test_any_callable_is_a_function(answer, capsys):
    assert doubles(answer)


def leaves(x):
    sys.exit("bye")


class Unprintable:
    def __repr__(self):
        raise RuntimeError


@pytest.mark.parametrize("answer", [leaves, Unprintable(), "y" * 10**7, list(range(10**6)), {i: i for i in range(99)}])
def test_exits_and_gigantic_answers_are_failed_answers(answer, capsys):
    outcome = doubles(answer)
    assert not outcome.passed and len(outcome.message) < 200


def test_a_gigantic_error_is_cut(capsys):
    def shouts(x):
        raise ValueError("y" * 10**7)

    assert len(doubles(shouts).message) < 500


def test_limits_hold_inside_each_other():
    with pytest.raises(core.OutOfTime), core.time_limit(0.3):
        with core.time_limit(60):
            pass
        for _ in range(1000):
            time.sleep(0.01)
    with pytest.raises(core.OutOfTime), core.time_limit(0.3), core.time_limit(60):
        for _ in range(1000):
            time.sleep(0.01)
    with core.time_limit(60), pytest.raises(core.OutOfTime), core.time_limit(0.1):
        time.sleep(9)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_a_limit_rings_again_for_who_swallows_it():
    with pytest.raises(core.OutOfTime), core.time_limit(0.1):
        try:
            time.sleep(9)
        except BaseException:
            time.sleep(9)


def test_a_limit_does_not_ring_while_it_is_lifted():
    def frame(name):
        return types.SimpleNamespace(f_code=types.SimpleNamespace(co_filename=name))

    with core.time_limit(60):
        ring = signal.getsignal(signal.SIGALRM)
    ring(signal.SIGALRM, frame(core.__file__))
    with pytest.raises(core.OutOfTime):
        ring(signal.SIGALRM, frame(__file__))


@pytest.mark.parametrize("answer", ["", "  ", [], (), {}, np.zeros((0, 3)), torch.zeros(0)])
def test_an_empty_answer_is_not_told_what_is_missing(answer, capsys):
    for outcome in (checks.pixels_tasks(answer), checks.capstone_runs(answer, answer)):
        assert outcome.message == "there is no answer yet"


def test_an_empty_part_is_an_answer(capsys):
    assert "no answer yet" not in doubles("", 3).message


@checker
def likes(value) -> str:
    drawn = torch.rand((), generator=core.generator()).item()
    require(drawn < value, f"{drawn} is too much")
    return "fine"


def test_random_numbers_are_fresh_and_can_be_had_again(capsys):
    said = [likes(0).message for _ in range(5)]
    assert len(set(said)) == 5
    seed = int(re.search(r"checks.repeat\((\d+)\)", said[2])[1])
    checks.repeat(seed)
    assert likes(0).message == said[2] != likes(0).message
    assert likes(2).message == "fine" and "repeat" not in doubles(3).message


def test_words_come_in_many_dresses():
    for value in (
        ["Cat", " big  dog "],
        ("cat", "BIG DOG"),
        np.array(["Cat", "Big dog"]),
        np.array(["cat", "big dog"], object),
    ):
        assert words(value, "w", 2) == ["cat", "big dog"]
    assert words("Cat", "w", 1) == words(np.str_("cat"), "w", 1) == ["cat"]
    for value in ("cat", ["cat"], [1, 2], None, np.array([["a", "b"]]), {"a": 1, "b": 2}, 3):
        with pytest.raises(Wrong, match="^w is 2 words, this is"):
            words(value, "w", 2)


@pytest.mark.parametrize("value, limit, text", [(0.5003, 0.5, "0.5003"), (0.4999, 0.5, "0.4999"), (0.5, 0.5, "0.50")])
def test_a_rounded_number_stays_on_its_side_of_the_limit(value, limit, text):
    assert apart(value, limit) == text
    assert apart(0.123456, 0.9) == "0.12" and float(apart(np.nextafter(0.5, 1), 0.5)) > 0.5


def test_too_few_and_too_many_answers_are_no_error(capsys):
    assert doubles().passed is False
    assert doubles(1, 2).passed is False


@pytest.mark.parametrize(
    "value, expected",
    [(3, 3), (3.0, 3), (np.int64(3), 3), (np.array([3.0]), 3), (torch.tensor(3), 3), (torch.tensor([[3.0]]), 3)],
)
def test_whole_numbers_come_in_many_dresses(value, expected):
    assert whole(value, "n") == expected


@pytest.mark.parametrize("value", ["3", True, None, [1, 2], torch.zeros(2), 3.5, float("nan"), float("inf"), print])
def test_what_is_no_whole_number_is_refused(value):
    with pytest.raises(Wrong, match="^n is"):
        whole(value, "n")


def test_numbers_read_lists_arrays_and_tensors():
    for value in ([[1, 2]], np.array([[1, 2]]), torch.tensor([[1.0, 2.0]], requires_grad=True), ((1, 2),)):
        assert numbers(value, "x", (1, 2)).tolist() == [[1.0, 2.0]]
    with pytest.raises(Wrong, match=r"x has the shape \(2,\), and \(1, 2\) is needed"):
        numbers([1, 2], "x", (1, 2))
    with pytest.raises(Wrong, match="x holds numbers"):
        numbers(["a"], "x")


def test_numbers_of_ones_own(monkeypatch):
    monkeypatch.setattr(core, "outcomes", {})
    choices = list(range(50))
    try:
        assert personal("ex", choices) == 0
        core.seed("Ada")
        hers = [personal(f"ex{i}", choices) for i in range(20)]
        core.seed("Emmy")
        others = [personal(f"ex{i}", choices) for i in range(20)]
        core.seed("Ada")
        assert hers == [personal(f"ex{i}", choices) for i in range(20)]
        assert len(set(hers)) > 5 and hers != others
    finally:
        core.seed("")


def test_report_counts_the_last_try_of_each(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(core, "outcomes", {})
    doubles(lambda x: x)
    doubles(lambda x: 2 * x)
    checks.bilinear_corner(...)
    summary = checks.report(tmp_path / "report.json")
    assert (summary["passed"], summary["checked"]) == (1, 2)
    assert json.loads((tmp_path / "report.json").read_text()) == summary
    assert "1 of 2 passed" in capsys.readouterr().out


def test_a_misspelled_checker_is_named():
    with pytest.raises(AttributeError, match="no checker 'bilinear_corners'; the nearest are bilinear_corner,"):
        checks.bilinear_corners(11)
    with pytest.raises(AttributeError, match="no checker 'zzz'; the nearest are") as raised:
        checks.zzz  # noqa: B018
    assert "unknown_name" not in str(raised.value) and "core" not in str(raised.value)
    assert not hasattr(checks, "_private")


@pytest.mark.parametrize("chapter", notebook_files(BOOK.parent), ids=page_name)
def test_every_checker_that_a_chapter_calls_exists(chapter):
    called = re.findall(r"\bchecks\.(\w+)\(", chapter.read_text(encoding="utf-8"))
    assert called and all(callable(vars(checks).get(name)) for name in called)


class Notebook:
    """Stands in for the two modules that show a figure in a notebook."""

    def __init__(self, monkeypatch, backend="module://matplotlib_inline.backend_inline"):
        self.shown = []
        monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
        display = types.SimpleNamespace(display=self.shown.append)
        monkeypatch.setitem(sys.modules, "IPython.display", display)
        monkeypatch.setattr(plt, "get_backend", lambda: backend)


@checker
def draws(value) -> str:
    require(value > 0, "not positive", {"yours": torch.eye(3) * value, "turned": np.eye(3)[::-1]})
    return "positive"


def test_a_failure_is_drawn_in_a_notebook_and_the_figure_is_closed(monkeypatch, capsys):
    notebook, before = Notebook(monkeypatch), plt.get_fignums()
    assert not draws(-1)
    (figure,) = notebook.shown
    assert [axes.get_title() for axes in figure.axes] == ["yours", "turned"]
    assert [axes.images[0].get_clim() for axes in figure.axes] == [(-1, 1)] * 2  # one scale
    assert plt.get_fignums() == before
    assert draws(1) and len(notebook.shown) == 1


def test_nothing_is_drawn_elsewhere(monkeypatch, capsys):
    notebook, before = Notebook(monkeypatch, "agg"), plt.get_fignums()
    assert not draws(-1) and not notebook.shown
    notebook = Notebook(monkeypatch)
    monkeypatch.delitem(sys.modules, "ipykernel")
    assert not draws(-1) and not notebook.shown and plt.get_fignums() == before


def test_the_mirrored_kernel_is_drawn_and_not_the_right_one(monkeypatch, capsys):
    notebook = Notebook(monkeypatch)
    assert "lies between two cells" in checks.bilinear_bug(with_odd_centre).message
    yours, mirrored = (axes.images[0].get_array() for axes in notebook.shown[0].axes)
    np.testing.assert_array_equal(yours, mirrored[::-1, ::-1])
    assert not np.array_equal(yours, mirrored)


def with_odd_centre(in_channels, out_channels, size):
    factor = (size + 1) // 2
    tent = 1 - (torch.arange(size) - (factor - 1)).abs() / factor
    return torch.outer(tent, tent) * torch.eye(in_channels, out_channels)[..., None, None]
