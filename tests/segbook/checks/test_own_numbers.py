"""With `checks.seed("name")` some exercises ask each student for numbers of their own."""

import itertools
import math

import numpy as np
import pytest

from segbook import checks
from segbook.checks import core

STUDENTS = ("Ada", "Emmy", "Noor", "Wei", "Zoë")


def by_hand(x, kernel):
    def put(stride):
        canvas = np.zeros((stride + 2, stride + 2))
        for i, j in itertools.product(range(2), range(2)):
            canvas[i * stride : i * stride + 2, j * stride : j * stride + 2] += x[i][j] * np.array(kernel)
        return canvas

    return put(1), put(2)[1:-1, 1:-1]


def corner(bias):
    return (next(f for f in itertools.count(1) if (0.5 + 0.5 / f) ** 2 < bias),)


def recipe(batch):
    return 0.001 * batch, 0.001 / 32  # a mean is a sum divided by the batch; the decay per image stays


def counts(present, marked, right):
    union = present + marked - right
    accuracy = 1 - (union - right) / 10_000
    return accuracy, right / marked, right / present, right / union, 2 * right / (present + marked)


def weight(dice, other):
    return dice / 2, 2 / dice - 1, 1 / (1 + other)


def clip(a, b):
    cosine = (a * 1 + b * b) / math.hypot(a, b) / math.hypot(1, b)
    return 0, math.degrees(math.acos(cosine))


def rate(asked):
    filled = np.zeros((2 * asked + 1, 2 * asked + 1))
    filled[::asked, ::asked] = 1
    cells = {(i % asked, j % asked) for i, j in itertools.product(range(60), range(60))}
    return len(filled), int((filled == 0).sum()), len(filled) // 2, len(cells), asked / 2


def windows(height, width):
    count = math.prod(len({min(start, n - 512) for start in range(0, n - 256, 256)}) for n in (height, width))
    return count, count * 512**2 / (height * width)


RIGHT = {
    "transpose_by_hand": by_hand,
    "bilinear_corner": corner,
    "effective_recipe": recipe,
    "measure_counts": counts,
    "measure_weight": weight,
    "clip_angles": clip,
    "dilated_rate": rate,
    "infer_count": windows,
}


def begin(student: str) -> None:
    """Begin as this student: a name can be given before the first check only."""
    core.outcomes.clear()
    checks.seed(student)


@pytest.fixture(autouse=True)
def nobody():
    begin("")
    yield
    begin("")


def every_choice(checker):
    """A student for each choice of numbers, and the numbers."""
    found = {}
    for i in range(200):
        begin(f"student {i}")
        found.setdefault(checker.own()[0], (f"student {i}", checker.own()[1]))
    return found.values()


@pytest.mark.parametrize("name", RIGHT)
def test_right_for_ones_own_numbers_and_for_no_others(name, capsys):
    checker = getattr(checks, name)
    choices = list(every_choice(checker))
    assert len(choices) >= 4
    for (student, numbers), (_, others) in zip(choices, choices[1:] + choices[:1]):
        begin(student)
        outcome = checker(*RIGHT[name](**numbers))
        assert outcome.passed, outcome.message
        assert not checker(*RIGHT[name](**others)).passed


@pytest.mark.parametrize("name", RIGHT)
def test_the_statements_numbers_are_those_without_a_name(name, capsys):
    checker = getattr(checks, name)
    statement = RIGHT[name](**checker.own()[1])
    assert checker(*statement).passed
    assert "for " not in capsys.readouterr().out.split(":")[0]
    stranger = next(student for student, numbers in every_choice(checker) if not same(numbers, statement, name))
    begin(stranger)
    assert not checker(*statement).passed


def same(numbers, statement, name):
    return all(np.allclose(a, b) for a, b in zip(RIGHT[name](**numbers), statement))


def test_a_starter_tells_the_students_own_numbers(capsys):
    told = set()
    for student in STUDENTS:
        begin(student)
        message = checks.infer_count(..., ...).message
        height, width = checks.infer_count.own()[1].values()
        assert message.startswith(f"for {student}: an image of {height:,}x{width:,} pixels")
        assert "still a `...`" in message
        told.add((height, width))
    assert len(told) > 1


def test_numbers_cannot_be_brought_along(capsys):
    begin("Ada")
    assert not checks.bilinear_corner(2, bias=1).passed
    assert not checks.bilinear_corner(2, 1).passed
