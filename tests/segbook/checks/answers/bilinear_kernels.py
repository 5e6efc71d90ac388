"""Answers to chapter 4: right ones in several forms; wrong ones, each with a part of what is said to them."""

import numpy as np
import torch

from segbook.bilinear import bilinear_kernel

TENT5 = [0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4, 0.2]
AT4 = [1.4, 1.2, 1.2, 1.2]


def looped(in_channels, out_channels, size):
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    weight = np.zeros((in_channels, out_channels, size, size))
    for c in range(min(in_channels, out_channels)):
        for i in range(size):
            for j in range(size):
                weight[c, c, i, j] = (1 - abs(i - centre) / factor) * (1 - abs(j - centre) / factor)
    return weight


def one_centre_for_all(in_channels, out_channels, size):
    factor = (size + 1) // 2
    tent = 1 - (torch.arange(size) - (factor - 1)).abs() / factor
    weight = torch.zeros(in_channels, out_channels, size, size)
    diagonal = range(min(in_channels, out_channels))
    weight[diagonal, diagonal] = torch.outer(tent, tent)
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


RIGHT = [
    ("bilinear_odd", (TENT5, 2, AT4)),
    ("bilinear_odd", (torch.tensor(TENT5), torch.tensor(2), np.array(AT4))),
    ("bilinear_odd", (tuple(TENT5), 2.0, [1.2, 1.4, 1.2, 1.2])),
    ("bilinear_corner", (11,)),
    ("bilinear_corner", (torch.tensor([11]),)),
    ("bilinear_bug", (bilinear_kernel,)),
    ("bilinear_bug", (looped,)),
    ("bilinear_bug", (lambda i, o, k: bilinear_kernel(i, o, k).double(),)),
    ("bilinear_twice", (10, 8)),
    ("bilinear_twice", (torch.tensor(10), torch.tensor(8))),
    ("bilinear_shift", ([0.75, 0.6, 0.95, 0.8],)),
    ("bilinear_shift", (torch.tensor([0.7, 0.58, 0.93, 0.79]),)),
    ("bilinear_forms", ({32: (0.1, 0.05), 64: (0.3, 0.2), 128: (1.1, 1.5), 256: (5.0, 11.0)},)),
    ("bilinear_forms", ({s: [s * s / 1e4, s**3 / 5e5] for s in (16, 32, 64, 128, 256)},)),
    ("bilinear_mixing", (0.783,)),
    ("bilinear_mixing", (np.float64(0.77),)),
]
WRONG = [
    ("bilinear_odd", (TENT5, 3, AT4), "with padding 3 five samples become"),
    ("bilinear_odd", (TENT5, 2, [1, 1, 1, 1]), "at stride 4"),
    ("bilinear_odd", (TENT5, 2, [1.25] * 4), "at stride 4"),
    ("bilinear_odd", ([0.1, 0.3, 0.5, 0.7, 0.9, 0.9, 0.7, 0.5, 0.3, 0.1], 3, AT4), "no weight is lost"),
    ("bilinear_odd", ([w / 5 for w in TENT5], 2, AT4), "keep its own value"),
    ("bilinear_odd", ([0.0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25, 0.0], 2, AT4), "should stay 1"),
    ("bilinear_odd", ([1, 1, 1, 1, 1], 0, AT4), "ramp"),
    ("bilinear_odd", ([0.2, 0.4, 0.6, 0.8, 1.0], 2, AT4), "not symmetric"),
    ("bilinear_odd", ("tent", 2, AT4), "holds numbers"),
    ("bilinear_corner", (10,), "still leads"),
    ("bilinear_corner", (12,), "the smallest factor"),
    ("bilinear_corner", (2,), "two edges multiply"),
    ("bilinear_corner", (0,), "enlarges nothing"),
    ("bilinear_corner", (10.5,), "whole number"),
    ("bilinear_corner", (1,), "still leads"),
    ("bilinear_bug", (everywhere,), "still mixes channels"),
    ("bilinear_bug", (one_centre_for_all,), "centre lies between two cells"),
    ("bilinear_bug", (mean_one,), "does not keep a constant"),
    ("bilinear_bug", (transposed_layout,), "has the shape"),
    ("bilinear_bug", (square_only,), "has the shape"),
    ("bilinear_bug", (first_channel_only,), "every channel the same kernel"),
    ("bilinear_bug", (lambda i, o, k: torch.zeros(i, o, k, k),), "every channel"),
    ("bilinear_twice", (8, 8), "both times"),
    ("bilinear_twice", (8, 10), "wrong order"),
    ("bilinear_twice", (16, 8), "two enlargements"),
    ("bilinear_twice", (10, 7), "one enlargement by 4"),
    ("bilinear_twice", (12, 16), "one enlargement by 4"),
    ("bilinear_shift", ([0.75, 0.75, 0.95, 0.8],), "no worse"),
    ("bilinear_shift", ([0.95, 0.8, 0.75, 0.6],), "swapped"),
    ("bilinear_shift", ([0.75, 0.6, 0.95, 0.94],), "half of *this* stride"),
    ("bilinear_shift", ([0.75, 0.4, 0.95, 0.8],), "wraps around"),
    ("bilinear_shift", ([75, 60, 95, 80],), "between 0 and 1"),
    ("bilinear_shift", ([0.75, 0.6],), "has the shape"),
    ("bilinear_forms", ({},), "no answer yet"),
    ("bilinear_forms", ({32: (0.1, 0.05)},), "no time for 64, 128, 256"),
    ("bilinear_forms", ({s: (1e-3 * s, 0.0) for s in (32, 64, 128, 256)},), "zero or less"),
    ("bilinear_forms", ({s: (s**3 / 5e5, s * s / 1e4) for s in (32, 64, 128, 256)},), "gains on larger maps"),
    ("bilinear_forms", ({s: (1.0, 2.0) for s in (32, 64, 128, 256)},), "takes no longer"),
    ("bilinear_forms", ([1, 2, 3, 4],), "is a dict"),
    ("bilinear_mixing", (78.3,), "between 0 and 1"),
    ("bilinear_mixing", (0.2,), "far below"),
    ("bilinear_mixing", (float("nan"),), "divided by zero"),
    ("bilinear_mixing", ([0.78, 0.77, 0.79],), "is a number"),
    ("bilinear_mixing", (0,), "between 0 and 1"),
]
