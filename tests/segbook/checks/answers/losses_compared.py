"""Answers to the optional page on losses: right ones in several forms; wrong ones, each with a part of what is said."""

import functools
import math
from fractions import Fraction

import numpy as np
import torch


def by_logits(z, w):
    return (z - math.log(w)).sigmoid()


def by_odds(z, w):
    odds = z.exp() / w
    return odds / (1 + odds)


def by_probability(z, w):
    q = z.sigmoid()
    return q / (q + w * (1 - q))


def in_numpy(z, w):
    return 1 / (1 + w * np.exp(-z.numpy().astype(np.float64)))


def in_place(z, w):
    z -= math.log(w)
    return z.sigmoid()


THRESHOLD = 52 * 0.3 / (52 * 0.3 + 0.7)
RIGHT = [
    ("losses_lovasz", (0.55, 0.6)),
    ("losses_lovasz", (Fraction(11, 20), np.array([0.6]))),
    ("losses_lovasz", (torch.tensor(0.55), 1 - 1 / 2.5)),
    ("losses_lovasz", ([0.8 / 2 + 0.5 / 6 + 0.2 / 3], np.float32(0.6))),
    ("losses_undo", (by_logits, THRESHOLD)),
    ("losses_undo", (by_odds, 0.957)),
    ("losses_undo", (functools.partial(by_probability), Fraction(156, 163))),
    ("losses_undo", (in_numpy, torch.tensor(THRESHOLD))),
]
WRONG = [
    ("losses_lovasz", (0.6, 0.55), "exchanged"),
    ("losses_lovasz", (0.45, 0.6), "and no IoU"),
    ("losses_lovasz", (0.5, 0.6), "one after another"),
    ("losses_lovasz", (0.667, 0.6), "one after another"),
    ("losses_lovasz", (0.55, 0.4), "1 minus it"),
    ("losses_lovasz", (0.55, 0.5), "over fibre"),
    ("losses_lovasz", (0.55, None), "is a number"),
    ("losses_lovasz", (1.5, 0.6), "one after another"),
    ("losses_undo", (lambda z, w: z.sigmoid(), THRESHOLD), "undo that"),
    ("losses_undo", (lambda z, w: by_logits(z, 1 / w), THRESHOLD), "once more"),
    ("losses_undo", (lambda z, w: z - math.log(w), THRESHOLD), "gives logits"),
    ("losses_undo", (lambda z, w: z.sigmoid() / w, THRESHOLD), "multiplied the *odds*"),
    ("losses_undo", (lambda z, w: by_logits(z, 52), THRESHOLD), "multiplied the *odds*"),
    ("losses_undo", (lambda z, w: by_logits(z, w).flatten(), THRESHOLD), "is needed"),
    ("losses_undo", (in_place, THRESHOLD), "changed its input"),
    ("losses_undo", (by_logits, 0.3), "on the honest probability"),
    ("losses_undo", (by_logits, 0.3 / 0.7 / 52 / (1 + 0.3 / 0.7 / 52)), "the other way round"),
    ("losses_undo", (by_logits, 1.2), "between 0 and 1"),
    ("losses_undo", (by_logits, 0.5), "times the odds"),
]
