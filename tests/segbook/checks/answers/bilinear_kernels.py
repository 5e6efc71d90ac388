"""Answers to chapter 4: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools
from fractions import Fraction

import numpy as np
import torch

from segbook.bilinear import bilinear_kernel

TENT5 = [0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4, 0.2]
AT4 = [1.4, 1.2, 1.2, 1.2]
HAND = [3, 5, 7, 6, 2, 0]


def cubic(t):
    """Keys' kernel with a = -1/2: symmetric, 1 at 0, keeps constants and ramps, and is no tent."""
    t = abs(t)
    return 1.5 * t**3 - 2.5 * t**2 + 1 if t <= 1 else -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2


def looped(in_channels, out_channels, size):
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    weight = np.zeros((in_channels, out_channels, size, size))
    for c in range(min(in_channels, out_channels)):
        for i in range(size):
            for j in range(size):
                weight[c, c, i, j] = (1 - abs(i - centre) / factor) * (1 - abs(j - centre) / factor)
    return weight


class Layer:
    """An object that is called."""

    def __call__(self, in_channels, out_channels, size):
        return torch.nn.Parameter(bilinear_kernel(in_channels, out_channels, size))

    def options(self, factor, align_corners):
        return np.array(
            [2 * factor - (1 if align_corners else factor % 2), factor - 1 if align_corners else factor // 2]
        )


@functools.lru_cache
def cached(in_channels, out_channels, size):
    return bilinear_kernel(in_channels, out_channels, size)


def with_row(row, in_channels, out_channels, size):
    """The outer product of a row on the diagonal."""
    line = torch.as_tensor(row(size), dtype=torch.float64)
    weight = torch.zeros(in_channels, out_channels, size, size, dtype=torch.float64)
    diagonal = range(min(in_channels, out_channels))
    weight[diagonal, diagonal] = torch.outer(line, line)
    return weight


def odd_centre(size):
    factor = (size + 1) // 2
    return 1 - (torch.arange(size) - (factor - 1)).abs() / factor


def nearest(size):
    factor = (size + 1) // 2
    return [float(i // max(1, factor // 2) in (1, 2)) for i in range(size)] if size == 4 else tent_row(size)


def tent_row(size):
    return bilinear_kernel(1, 1, size)[0, 0].sum(0) / ((size + 1) // 2)


def cosine(size):
    factor = (size + 1) // 2
    return (1 + torch.cos(torch.pi * (torch.arange(size) - (size - 1) / 2) / factor)) / 2


def cone(in_channels, out_channels, size):
    reach, middle = (size + 1) // 2, (size - 1) / 2
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    weight = torch.zeros(in_channels, out_channels, size, size)
    diagonal = range(min(in_channels, out_channels))
    weight[diagonal, diagonal] = (1 - ((y - middle) ** 2 + (x - middle) ** 2).sqrt() / reach).clamp(min=0)
    return weight


def everywhere(in_channels, out_channels, size):
    return bilinear_kernel(1, 1, size).expand(in_channels, out_channels, -1, -1)


def mean_one(in_channels, out_channels, size):
    return bilinear_kernel(in_channels, out_channels, size) / ((size + 1) // 2) ** 2


def transposed_layout(in_channels, out_channels, size):
    return bilinear_kernel(out_channels, in_channels, size)


def square_only(in_channels, out_channels, size):
    return bilinear_kernel(in_channels, in_channels, size)


def first_channel_only(in_channels, out_channels, size):
    weight = torch.zeros(in_channels, out_channels, size, size)
    weight[0, 0] = bilinear_kernel(1, 1, size)[0, 0]
    return weight


def raises_for_odd(in_channels, out_channels, size):
    if size % 2:
        raise ValueError("only even sizes")
    return bilinear_kernel(in_channels, out_channels, size)


def by_cases(factor, align_corners):
    if align_corners:
        return 2 * factor - 1, factor - 1
    return (2 * factor, factor // 2) if factor % 2 == 0 else (2 * factor - 1, (factor - 1) // 2)


def table(kernel, padding, corners_padding=None):
    """A rule by strings of the factor f; corners_padding: None if the flag is not looked at."""

    def rule(f, align_corners):
        if align_corners and corners_padding:
            return 2 * f - 1, eval(corners_padding, {"f": f})
        return eval(kernel, {"f": f}), eval(padding, {"f": f})

    return rule


RIGHT = [
    ("bilinear_hand", (HAND,)),
    ("bilinear_hand", (torch.tensor(HAND),)),
    ("bilinear_hand", (tuple(float(v) for v in HAND),)),
    ("bilinear_hand", ([Fraction(v) for v in HAND],)),
    ("bilinear_hand", (np.array(HAND, dtype=np.float16),)),
    ("bilinear_odd", (TENT5, 2, AT4)),
    ("bilinear_odd", (torch.tensor(TENT5), torch.tensor(2), np.array(AT4))),
    ("bilinear_odd", (tuple(TENT5), 2.0, [1.2, 1.4, 1.2, 1.2])),
    ("bilinear_odd", ([Fraction(int(round(5 * w)), 5) for w in TENT5], np.int64(2), AT4)),
    ("bilinear_odd", ([0, *TENT5, 0], 3, AT4)),  # the zeros of the tent's feet written down
    ("bilinear_corner", (11,)),
    ("bilinear_corner", (torch.tensor([11]),)),
    ("bilinear_corner", (11.0,)),
    ("bilinear_corner", (np.int32(11),)),
    ("bilinear_layer", (by_cases,)),
    ("bilinear_layer", (Layer().options,)),
    ("bilinear_layer", (lambda f, corners: [2 * f - (corners or f % 2), f - 1 if corners else f // 2],)),
    ("bilinear_layer", (functools.partial(table("2 * f - f % 2", "f // 2", "f - 1")),)),
    ("bilinear_layer", (lambda f, corners: torch.tensor(by_cases(f, corners)),)),
    ("bilinear_bug", (bilinear_kernel,)),
    ("bilinear_bug", (looped,)),
    ("bilinear_bug", (lambda i, o, k: bilinear_kernel(i, o, k).double(),)),
    ("bilinear_bug", (Layer(),)),
    ("bilinear_bug", (cached,)),
    ("bilinear_bug", (functools.partial(with_row, tent_row),)),
    ("bilinear_twice", (10, 8)),
    ("bilinear_twice", (torch.tensor(10), torch.tensor(8))),
    ("bilinear_twice", (np.int64(10), 8.0)),
    ("bilinear_twice", ([10], [8])),
]
WRONG = [
    ("bilinear_hand", ([4, 5, 7, 6, 2, 0],), "repeats the outermost sample"),
    ("bilinear_hand", ([3, 5, 7, 6, 2, 1],), "value 6 of 6"),
    ("bilinear_hand", ([4, 6, 8, 4, 0, 0],), "at an end one neighbour is missing"),
    ("bilinear_hand", ([3, 7, 5, 6, 2, 0],), "not in this order"),
    ("bilinear_hand", (HAND[::-1],), "not in this order"),
    ("bilinear_hand", ([4, 6, 8, 4, 0],), "not 5"),
    ("bilinear_hand", ([3, 6, 7, 6, 2, 0],), "value 2 of 6"),
    ("bilinear_hand", ([3, 5, 7, 6, float("nan"), 0],), "value 5 of 6"),
    ("bilinear_hand", ([HAND],), "has the shape"),
    ("bilinear_hand", ("3 5 7 6 2 0",), "holds numbers"),
    ("bilinear_hand", ([...],), "to replace"),
    ("bilinear_hand", ([],), "no answer yet"),
    ("bilinear_odd", (TENT5, 3, AT4), "with padding 3 five samples become"),
    ("bilinear_odd", (TENT5, 2, [1, 1, 1, 1]), "at stride 4"),
    ("bilinear_odd", (TENT5, 2, [1.25] * 4), "at stride 4"),
    ("bilinear_odd", ([0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.7, 0.5, 0.3, 0.1], 3, AT4), "stands on the peak"),
    ("bilinear_odd", ([w / 5 for w in TENT5], 2, AT4), "keep its own value"),
    ("bilinear_odd", ([0.0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0.0], 2, AT4), "does not stay 1"),
    ("bilinear_odd", ([0.2, 0.4, 0.6, 0.8003, 1.0, 0.8003, 0.6, 0.4, 0.2], 2, AT4), "adds up to 1.0003"),
    ("bilinear_odd", ([1, 1, 1, 1, 1], 0, AT4), "run straight"),
    ("bilinear_odd", ([cubic((i - 9) / 5) for i in range(19)], 7, AT4), "beyond the two neighbours"),
    ("bilinear_odd", ([0.1, 0.35, 0.65, 0.9, 1.0, 0.9, 0.65, 0.35, 0.1], 2, AT4), "equal steps"),
    ("bilinear_odd", ([0.2, 0.4, 0.6, 0.8, 1.0], 2, AT4), "not symmetric"),
    ("bilinear_odd", ("tent", 2, AT4), "holds numbers"),
    ("bilinear_odd", ([float("nan")] * 9, 2, AT4), "is no number"),
    ("bilinear_odd", (TENT5, 2, 1.25), "has the shape"),
    ("bilinear_corner", (10,), "still leads"),
    ("bilinear_corner", (12,), "the smallest factor"),
    ("bilinear_corner", (2,), "two edges multiply"),
    ("bilinear_corner", (0,), "upsamples nothing"),
    ("bilinear_corner", (-11,), "upsamples nothing"),
    ("bilinear_corner", (10.5,), "whole number"),
    ("bilinear_corner", (1,), "still leads"),
    ("bilinear_corner", ("11",), "is a number"),
    ("bilinear_layer", (table("2 * f", "f // 2"),), "where there should be"),
    ("bilinear_layer", (table("2 * f - f % 2", "f // 2"),), "align_corners=True"),
    ("bilinear_layer", (table("2 * f - 1", "f // 2", "f - 1"),), "align_corners=False"),
    ("bilinear_layer", (table("f", "0", "f - 1"),), "made for stride 1"),
    ("bilinear_layer", (table("2 * f - f % 2", "f // 2", "f // 2"),), "align_corners=True"),
    ("bilinear_layer", (table("3 * f", "f", "f - 1"),), "a constant would change its brightness"),
    ("bilinear_layer", (table("2 * f - f % 2", "f / 2"),), "whole number"),
    ("bilinear_layer", (lambda f, corners: 2 * f,), "two numbers are asked for"),
    ("bilinear_layer", (lambda f, corners: None,), "is there a `return`"),
    ("bilinear_layer", (lambda f, corners: ...,), "is there a `return`"),
    ("bilinear_layer", (lambda f, corners: (10**9, 10**9),), "no layer has"),
    ("bilinear_layer", (lambda f: (2 * f, f // 2),), "raised TypeError"),
    ("bilinear_layer", (lambda f, corners: (4, 1) if f == 2 else (5, 1),), "where there should be"),
    ("bilinear_layer", ((4, 1),), "a function is asked for"),
    ("bilinear_bug", (everywhere,), "still mixes channels"),
    ("bilinear_bug", (functools.partial(with_row, odd_centre),), "centre lies between two cells"),
    ("bilinear_bug", (functools.partial(with_row, nearest),), "no tent along its rows"),
    ("bilinear_bug", (functools.partial(with_row, cosine),), "no tent along its rows"),
    ("bilinear_bug", (cone,), "does not keep a constant"),
    ("bilinear_bug", (mean_one,), "does not keep a constant"),
    ("bilinear_bug", (lambda i, o, k: bilinear_kernel(i, o, k) * 1.0003,), "adds up to 1.0003"),
    ("bilinear_bug", (transposed_layout,), "has the shape"),
    ("bilinear_bug", (square_only,), "has the shape"),
    ("bilinear_bug", (first_channel_only,), "every channel the same kernel"),
    ("bilinear_bug", (lambda i, o, k: torch.zeros(i, o, k, k),), "every channel"),
    ("bilinear_bug", (raises_for_odd,), "raised ValueError"),
    ("bilinear_bug", (bilinear_kernel(3, 3, 4),), "a function is asked for"),
    ("bilinear_twice", (8, 8), "both times"),
    ("bilinear_twice", (8, 10), "wrong order"),
    ("bilinear_twice", (16, 8), "two steps by 2"),
    ("bilinear_twice", (9, 8), "two steps by 2"),
    ("bilinear_twice", (10, 7), "one step by 4"),
    ("bilinear_twice", (12, 16), "one step by 4"),
    ("bilinear_twice", (10.5, 8), "whole number"),
    ("bilinear_twice", ([10, 8], 8), "is a number"),
]
