"""A checker turns whatever a reader does into one printed sentence."""

import json
import re
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from segbook import checks
from segbook.checks import core
from segbook.checks.core import Wrong, call, checker, numbers, personal, require, whole

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


@pytest.mark.parametrize("chapter", sorted(BOOK.glob("[0-9][0-9]-*.md")), ids=lambda path: path.stem[:2])
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
