"""Answers to the page half a cell: right ones in several forms; wrong ones, each with a part of what is said."""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def once(cells, align=True, extra=0):
    size = [16 * (n - 1) + 1 + extra for n in cells.shape[-2:]]
    return F.interpolate(cells, size, mode="bilinear", align_corners=align)


def twice(cells):
    for _ in range(2):
        cells = nn.UpsamplingBilinear2d(size=[4 * (n - 1) + 1 for n in cells.shape[-2:]])(cells)
    return cells


def by_matrices(cells):
    def weights(n):
        at = np.arange(16 * (n - 1) + 1)[:, None] / 16
        return np.clip(1 - np.abs(at - np.arange(n)), 0, None)

    return weights(cells.shape[-2]) @ cells.numpy() @ weights(cells.shape[-1]).T


def as_found(cells):
    up = nn.UpsamplingBilinear2d(scale_factor=4)
    return up(up(cells))


def half_mixed(cells):
    cells = F.interpolate(cells, [4 * (n - 1) + 1 for n in cells.shape[-2:]], mode="bilinear")
    return F.interpolate(cells, [4 * (n - 1) + 1 for n in cells.shape[-2:]], mode="bilinear", align_corners=True)


def upside_down(cells):
    return once(cells).flip(2)


def cropped(cells):
    return as_found(cells)[..., :-15, :-15]


def repeated(cells):
    return F.interpolate(cells, scale_factor=16, mode="nearest")[..., 7:-8, 7:-8]


SWITCHED = {"bilinear": 0.5474, "decoder": 0.6996}
RIGHT = [
    ("plus_bug", (once,)),
    ("plus_bug", (twice,)),
    ("plus_bug", (by_matrices,)),
    ("plus_bug", (functools.partial(once, align=True),)),
    ("switched_corners", (SWITCHED,)),
    ("switched_corners", ({"decoder": torch.tensor(0.6996), "bilinear": np.float64(0.5474)},)),
    ("switched_corners", ({"bilinear": 0.547, "decoder": 0.7},)),
    ("switched_corners", ({name: torch.tensor([value]) for name, value in SWITCHED.items()},)),
]
WRONG = [
    ("plus_bug", (as_found,), "Corner to corner"),
    ("plus_bug", (lambda cells: once(cells, align=False),), "the same in every step"),
    ("plus_bug", (half_mixed,), "the same in every step"),
    ("plus_bug", (cropped,), "the same in every step"),
    ("plus_bug", (lambda cells: once(cells, extra=16),), "is where the last pixel should be"),
    ("plus_bug", (upside_down,), "rows and columns"),
    ("plus_bug", (repeated,), "`align_corners`"),
    ("plus_bug", (lambda cells: cells[0],), "not (1, 3, H, W)"),
    ("plus_bug", (lambda cells: None,), "is there a `return`"),
    ("switched_corners", ({"bilinear": 0.5784, "decoder": 0.6996},), "that is its score before"),
    ("switched_corners", ({"bilinear": 0.5474, "decoder": 0.7133},), "it upsamples twice"),
    ("switched_corners", ({"bilinear": 0.5474, "decoder": 0.7169},), "it upsamples twice"),
    ("switched_corners", ({"bilinear": 0.5474, "decoder": 0.1},), "was anything else changed"),
    ("switched_corners", ({"bilinear": 0.6996, "decoder": 0.5474},), "does not come to"),
    ("switched_corners", ({"bilinear": 54.7, "decoder": 69.9},), "between 0 and 1"),
    ("switched_corners", ({"bilinear": 0.5474},), "the names are"),
    ("switched_corners", ((0.5474, 0.6996),), "is a dict"),
    ("switched_corners", ({"bilinear": "0.5474", "decoder": 0.6996},), "is a number"),
]
