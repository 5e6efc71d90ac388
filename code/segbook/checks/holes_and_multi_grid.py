"""Holes and multi-grid, a page that chapter 9 leads to."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import numbers, whole, words

__all__ = ["holes_first", "holes_grid"]


def reached(rates: Sequence[int]) -> set[int]:
    """The positions from the left end of the field that a stack of layers of three taps reads."""
    at = {0}
    for d in rates:
        at = {one + move for one in at for move in (0, d, 2 * d)}
    return at


def first_gap(at: set[int]) -> int:
    position = 0
    while position in at:
        position += 1
    return position


@checker
def holes_first(first_hole: Callable) -> str:
    draw = generator()

    def some(count: int, most: int) -> list[int]:
        return (1 + torch.randperm(most, generator=draw)[:count]).tolist()

    cases = [[1], [2], [1, 1, 1], [2, 2, 2], [3, 5, 7], [9, 1, 3], [8, 1, 2], (7, 2, 1)]
    cases += [some(3, 6) for _ in range(20)] + [[1, *some(4, 12)] for _ in range(20)]
    cases += [[3, 10**7 + 9, 1], [*some(2, 10**6), 1, 3, 9, 27, 81]]
    for rates in cases:
        said = f"first_hole({rates})"
        found = whole(call(first_hole, rates, said=said), said)
        at = reached(rates)
        right, side = first_gap(at), 1 + 2 * sum(rates)
        if found != right:
            if found in at:
                why = "a path reaches that position"
            elif found < 0:
                why = "positions are counted from the left end of the field, at 0"
            else:
                ended = "the field has ended before that"
                why = "an earlier position is out of reach" if right < side else ended
            require(False, f"{said} is {found}: {why}")
    return "the first hole of every stack, found without listing positions"


@checker
def holes_grid(a: Sequence[int], b: Sequence[int], c: Sequence[int], d: Sequence[int], kept: str | ArrayLike) -> str:
    unit = np.array([1, 2, 4])
    stage = 2 * 2  # two removed strides
    right = {"a": stage * unit, "b": np.array([2, *(stage * unit[1:])]), "c": stage * unit, "d": unit}
    why = {
        "a": "which of the three blocks stand behind both removed strides?",
        "b": "the first block gives up a stride itself; behind which removed strides does it stand, and which of the "
        "others?",
        "c": "without contraction every block has the stage's rate times its unit rate",
        "d": "replaced means that the stage's own rate is not used",
    }
    for name, value in zip("abcd", (a, b, c, d)):
        found = numbers(value, name, (3,))
        require((found == right[name]).all(), f"({name}) is not {tuple(found.tolist())}: {why[name]}")
    if isinstance(kept, str):
        kept = kept.replace(",", " ").replace("and", " ").split() if len(kept.split()) > 1 or "," in kept else [*kept]
    kept = list(kept)
    letters = {word.strip("()") for word in words(kept, "kept", len(kept))}
    require(letters <= set("abcd"), "kept holds letters from a to d")
    require("d" not in letters, "(d) has the strided network's own rates, on a map four times as fine")
    require("c" not in letters, "in (c) the block that gave up a stride reads with a rate that it was not trained with")
    require(letters == {"a", "b"}, "one more keeps them: the two placements of the stride each have their own rates")
    return "four networks from the same words, and which of them a trained network survives"
