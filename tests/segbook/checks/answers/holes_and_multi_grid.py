"""Answers to the page on holes and multi-grid: right ones in several forms; wrong ones, each with what is said."""

import functools

import numpy as np
import torch


def first(rates, strict=False, ordered=True, start=1):
    side = start
    for d in sorted(rates) if ordered else rates:
        if d > side or (strict and d == side):
            break
        side += 2 * d
    return side


class Counter:
    def __call__(self, rates):
        rest, side = sorted(rates), 1
        while rest and rest[0] <= side:
            side += 2 * rest.pop(0)
        return torch.tensor(side)


def greedy(rates):
    if max(rates) > 10**6:
        return first(rates)
    reached = {0}
    for d in rates:
        reached |= {at + d for at in reached} | {at + 2 * d for at in reached}
    return next(i for i in range(10**9) if i not in reached)


def sorting_in_place(rates):
    rates.sort()
    return first(rates)


A, B, C, D = (4, 8, 16), (2, 8, 16), (4, 8, 16), (1, 2, 4)
RIGHT = [
    ("holes_first", (first,)),
    ("holes_first", (Counter(),)),
    ("holes_first", (greedy,)),
    ("holes_first", (functools.partial(first, strict=False),)),
    ("holes_first", (lambda rates: float(first(rates)),)),
    ("holes_grid", (A, B, C, D, ["a", "b"])),
    ("holes_grid", (list(A), np.array(B), torch.tensor(C), D, "ab")),
    ("holes_grid", (A, B, C, [1.0, 2.0, 4.0], ("B", "A"))),
    ("holes_grid", (A, B, C, D, "a and b")),
    ("holes_grid", (A, B, C, D, np.array(["(a)", "(b)"]))),
]
WRONG = [
    ("holes_first", (lambda rates: first(rates, strict=True),), "a path reaches"),
    ("holes_first", (lambda rates: first(rates, ordered=False),), "a path reaches"),
    ("holes_first", (lambda rates: first(rates, start=0),), "a path reaches"),
    ("holes_first", (lambda rates: 1 + 2 * sum(rates),), "an earlier position"),
    ("holes_first", (lambda rates: first(rates) + 1,), "the field has ended"),
    ("holes_first", (lambda rates: None,), "is there a `return`"),
    ("holes_first", (lambda rates: -1,), "counted from the left end"),
    ("holes_first", (lambda rates: first(rates) + 0.5,), "is a whole number"),
    ("holes_first", (lambda rates: str(first(rates)),), "is a number"),
    ("holes_first", (sorting_in_place,), "changed its input"),
    ("holes_first", (7,), "a function is asked for"),
    ("holes_grid", ((2, 8, 16), B, C, D, "ab"), "behind both"),
    ("holes_grid", ((2, 4, 8), B, C, D, "ab"), "behind both"),
    ("holes_grid", (A, A, C, D, "ab"), "gives up a stride itself"),
    ("holes_grid", (A, (1, 8, 16), C, D, "ab"), "gives up a stride itself"),
    ("holes_grid", (A, B, B, D, "ab"), "without contraction"),
    ("holes_grid", (A, B, C, A, "ab"), "not used"),
    ("holes_grid", (A, B, C, D, "abc"), "not trained with"),
    ("holes_grid", (A, B, C, D, ["a", "b", "d"]), "own rates"),
    ("holes_grid", (A, B, C, D, "a"), "one more"),
    ("holes_grid", (A, B, C, D, ["both"]), "letters from a to d"),
    ("holes_grid", (A, B, C, D, 2), "cannot be read"),
    ("holes_grid", ((4, 8), B, C, D, "ab"), "has the shape"),
]
