"""Answers to chapter 11: right ones in several forms; wrong ones, each with a part of what is said to them."""

import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LOW, ASPP, JOINED, SCORES = (256, 97, 129), (256, 25, 33), (304, 97, 129), (21, 97, 129)


def apart(n):
    return 2 / math.comb(2 * n, n)


def apart_by_places(n):
    share = Fraction(2)
    for i in range(n):
        share *= Fraction(n - i, 2 * n - i)
    return share


def apart_by_trying(n):
    draws = np.random.default_rng(0).standard_normal((100_000, 2 * n))
    a, b = draws[:, :n], draws[:, n:]
    return ((a.min(1) > b.max(1)) | (a.max(1) < b.min(1))).mean()


def split(kernel, m=None, values=True, interleaved=False, least=max):
    outputs, channels, size, _ = kernel.shape
    taps = kernel.transpose(0, 1).flatten(2)
    ranks = torch.linalg.matrix_rank(taps).tolist()
    m = m or least(ranks)
    u, s, v = torch.linalg.svd(taps, full_matrices=False)
    depthwise = v[:, :m]
    across = (u * s[:, None] if values else u)[:, :, :m]
    if interleaved:
        depthwise = depthwise.transpose(0, 1)
    across = across.transpose(0, 1).reshape(outputs, -1, 1, 1)
    return depthwise.reshape(-1, 1, size, size), across


def split_by_rows(kernel):
    """Each channel's own independent rows as kernels, least squares for the rest; padded with zeros."""
    kernel = kernel.double().numpy()
    outputs, channels, size, _ = kernel.shape
    chosen = []
    for c in range(channels):
        rows = []
        for row in kernel[:, c].reshape(outputs, -1):
            if np.linalg.matrix_rank(np.array([*rows, row]), tol=1e-6) > len(rows):
                rows.append(row)
        chosen.append(rows)
    m = max(map(len, chosen))
    depthwise, across = np.zeros((channels, m, size * size)), np.zeros((outputs, channels, m))
    for c, rows in enumerate(chosen):
        basis = np.array(rows)
        depthwise[c, : len(rows)] = basis
        across[:, c, : len(rows)] = np.linalg.lstsq(basis.T, kernel[:, c].reshape(outputs, -1).T, rcond=None)[0].T
    return depthwise.reshape(-1, 1, size, size), across.reshape(outputs, -1, 1, 1)


def as_many_as_taps(kernel):
    """Copies of every neighbourhood: nine kernels with a single one."""
    outputs, channels = kernel.shape[:2]
    depthwise = torch.eye(9).view(1, 9, 1, 3, 3).expand(channels, -1, -1, -1, -1).reshape(-1, 1, 3, 3)
    return depthwise, kernel.reshape(outputs, channels * 9, 1, 1)


def as_many_as_outputs(kernel):
    outputs, channels = kernel.shape[:2]
    depthwise = kernel.transpose(0, 1).reshape(-1, 1, 3, 3)
    return depthwise, torch.eye(outputs).repeat(1, channels)[:, :, None, None]


def flat(kernel):
    depthwise, across = split(kernel)
    return depthwise[:, 0], across[:, :, 0, 0]


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


BY_OFFSET = [0.674, 0.713, 0.715, 0.668]
BEFORE = {"bilinear": (0.584, 0.52), "decoder": (0.716, 0.62)}
SWITCHED = {"bilinear": 0.549, "decoder": 0.691}
RIGHT = [
    ("plus_shapes", (LOW, ASPP, JOINED, SCORES)),
    ("plus_shapes", (torch.Size(LOW), [1, *ASPP], np.array(JOINED), torch.tensor(SCORES))),
    ("plus_seeds", (apart, 5)),
    ("plus_seeds", (apart_by_places, torch.tensor(5))),
    ("plus_seeds", (apart_by_trying, 5.0)),
    ("plus_multiplier", (split,)),
    ("plus_multiplier", (split_by_rows,)),
    ("plus_bug", (once,)),
    ("plus_bug", (twice,)),
    ("plus_bug", (by_matrices,)),
    ("plus_stop", (BY_OFFSET,)),
    ("plus_stop", (dict(enumerate(torch.tensor(BY_OFFSET))),)),
    ("plus_switch", (SWITCHED, BEFORE)),
    ("plus_switch", ({"decoder": torch.tensor(0.69), "bilinear": np.float64(0.54)}, BEFORE)),
    ("plus_light", ({"separable": True, "head_width": 320},)),
    ("plus_light", ({"separable": 1, "head_width": 320, "low_level_channels": 24, "decoder_convs": 2},)),
]
WRONG = [
    ("plus_shapes", ((48, 97, 129), ASPP, JOINED, SCORES), "what the decoder makes of it"),
    ("plus_shapes", ((256, 96, 128), ASPP, JOINED, SCORES), "rounded up"),
    ("plus_shapes", (LOW, (256, 24, 32), JOINED, SCORES), "rounded up"),
    ("plus_shapes", (LOW, (1280, 25, 33), JOINED, SCORES), "mixed before they leave"),
    ("plus_shapes", (LOW, (1024, 25, 33), JOINED, SCORES), "five branches"),
    ("plus_shapes", (LOW, (256, 49, 65), JOINED, SCORES), "output stride 8"),
    ("plus_shapes", (LOW, ASPP, (512, 97, 129), SCORES), "reduced before"),
    ("plus_shapes", (LOW, ASPP, (304, 25, 33), SCORES), "resized to the other"),
    ("plus_shapes", (LOW, ASPP, JOINED, (21, 385, 513)), "behind the last enlargement"),
    ("plus_shapes", (LOW, ASPP, JOINED, (20, 97, 129)), "background"),
    ("plus_shapes", (LOW, ASPP, JOINED, (97, 129)), "is needed"),
    ("plus_seeds", (lambda n: apart(n) / 2, 5), "the upper one"),
    ("plus_seeds", (lambda n: 2 * 0.5**n, 8), "not compared in pairs"),
    ("plus_seeds", (lambda n: 2 / math.factorial(2 * n), 4), "does not matter"),
    ("plus_seeds", (lambda n: 1 - apart(n), 5), "not apart"),
    ("plus_seeds", (lambda n: 0.1, 5), "count the ways"),
    ("plus_seeds", (lambda n: None, 5), "is there a `return`"),
    ("plus_seeds", (apart, 4), "you are fooled"),
    ("plus_seeds", (apart, 6), "so is one less"),
    ("plus_seeds", (apart, 100), "fewer than nine"),
    ("plus_multiplier", (lambda kernel: split(kernel, 1),), "with so few copies"),
    ("plus_multiplier", (lambda kernel: split(kernel, least=min),), "with so few copies"),
    ("plus_multiplier", (lambda kernel: split(kernel, values=False),), "the s of the SVD"),
    ("plus_multiplier", (lambda kernel: split(kernel, interleaved=True),), "next to one another"),
    ("plus_multiplier", (as_many_as_taps,), "a smaller m would do"),
    ("plus_multiplier", (as_many_as_outputs,), "a smaller m would do"),
    ("plus_multiplier", (flat,), "F.conv2d needs"),
    ("plus_multiplier", (lambda kernel: split(kernel)[0],), "two kernels are asked for"),
    ("plus_multiplier", (lambda kernel: ...,), "is there a `return`"),
    ("plus_bug", (as_found,), "Corner to corner"),
    ("plus_bug", (lambda cells: once(cells, align=False),), "the same in every step"),
    ("plus_bug", (half_mixed,), "the same in every step"),
    ("plus_bug", (cropped,), "the same in every step"),
    ("plus_bug", (lambda cells: once(cells, extra=16),), "is where the last pixel should be"),
    ("plus_bug", (upside_down,), "rows and columns"),
    ("plus_bug", (repeated,), "`align_corners`"),
    ("plus_bug", (lambda cells: cells[0],), "not (1, 3, H, W)"),
    ("plus_stop", ([0.674, 0.693, 0.700, 0.692],), "a matrix of its own"),
    ("plus_stop", ([0.674, 0.693, 0.694, 0.673],), "rows and columns both"),
    ("plus_stop", ([0.67] * 4,), "all four are the same"),
    ("plus_stop", ([0.05, 0.06, 0.06, 0.05],), "a trained network has more"),
    ("plus_stop", ([67.4, 71.3, 71.5, 66.8],), "between 0 and 1"),
    ("plus_stop", (0.713,), "is needed"),
    ("plus_stop", ({1: 0.71, 2: 0.71},), "one for each of a"),
    ("plus_switch", ({"bilinear": 0.584, "decoder": 0.691}, BEFORE), "before it was set back"),
    ("plus_switch", ({"bilinear": 0.549, "decoder": 0.705}, BEFORE), "it enlarges twice"),
    ("plus_switch", ({"bilinear": 0.549, "decoder": 0.1}, BEFORE), "did anything else change"),
    ("plus_switch", ({"bilinear": 54.9, "decoder": 69.1}, BEFORE), "between 0 and 1"),
    ("plus_switch", ({"bilinear": 0.549}, BEFORE), "the names are"),
    ("plus_switch", ((0.549, 0.691), BEFORE), "is a dict"),
    ("plus_light", ({},), "no answer yet"),
    ("plus_light", ({"separable": True},), "a wider head still fits"),
    ("plus_light", ({"separable": True, "head_width": 384},), "and 15 are there"),
    ("plus_light", ({"head_width": 128},), "which kind of 3x3"),
    ("plus_light", ({"head_width": 64},), "a wider head still fits"),
    ("plus_light", ({"separable": True, "decoder_convs": 1, "head_width": 384},), "keeps its two"),
    ("plus_light", ({"separable": True, "head_width": 330},), "steps of 64"),
    ("plus_light", ({"separable": True, "head_width": 320, "output_stride": 32},), "is not one of the options"),
    ("plus_light", ({"separable": True, "head_width": 10**6 * 64},), "wider than any"),
]
