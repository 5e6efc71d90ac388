"""Answers to the page on costs and shapes: right ones in several forms; wrong ones, each with what is said."""

import functools

import numpy as np
import torch


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


class Split:
    def __call__(self, kernel):
        return list(split(kernel.double()))


RIGHT = [
    ("dilated_memory", (15, 30)),
    ("dilated_memory", (torch.tensor(15), 30.0)),
    ("dilated_memory", (np.int64(15), np.array([30]))),
    ("dilated_memory", (15.0, torch.tensor([30]))),
    ("costs_rank", (split,)),
    ("costs_rank", (split_by_rows,)),
    ("costs_rank", (Split(),)),
    ("costs_rank", (functools.partial(split, least=max),)),
]
WRONG = [
    ("dilated_memory", (30, 15), "fewer images fit"),
    ("dilated_memory", (16, 30), "keep"),
    ("dilated_memory", (14, 30), "one image more"),
    ("dilated_memory", (15, 29), "one image more"),
    ("dilated_memory", (0, 30), "at least one image"),
    ("dilated_memory", (15, 31), "keep"),
    ("dilated_memory", (15.5, 30), "is a whole number"),
    ("dilated_memory", ("15", 30), "is a number"),
    ("costs_rank", (lambda kernel: split(kernel, 1),), "with so few copies"),
    ("costs_rank", (lambda kernel: split(kernel, least=min),), "with so few copies"),
    ("costs_rank", (lambda kernel: split(kernel, values=False),), "the s of the SVD"),
    ("costs_rank", (lambda kernel: split(kernel, interleaved=True),), "next to one another"),
    ("costs_rank", (as_many_as_taps,), "fewer would do"),
    ("costs_rank", (as_many_as_outputs,), "fewer would do"),
    ("costs_rank", (flat,), "F.conv2d needs"),
    ("costs_rank", (lambda kernel: split(kernel)[0],), "two kernels are asked for"),
    ("costs_rank", (lambda kernel: ...,), "is there a `return`"),
]
