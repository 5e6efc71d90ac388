"""Answers to the optional page of chapter 10: right ones in several forms; wrong ones, each with what is said."""

import math
from functools import partial

import numpy as np
import torch


def edges(n, bins, up=True, last=0, first="floor"):
    begins = [math.floor(i * n / bins) if first == "floor" else math.ceil(i * n / bins) for i in range(bins)]
    ends = [(math.ceil((i + 1) * n / bins) if up else (i + 1) * n // bins) - last for i in range(bins)]
    return list(zip(begins, ends))


class Edges:
    """A function may be any callable."""

    def __call__(self, n, bins):
        return torch.tensor(edges(n, bins))


def by_pooling(n, bins):
    cells = torch.nn.functional.adaptive_avg_pool1d(torch.eye(n)[:, None], bins)[:, 0].T > 0
    found = [row.nonzero().flatten() for row in cells]
    return np.array([(row[0].item(), row[-1].item() + 1) for row in found])


def always_one_more(n, bins):
    return [(i * n // bins, min(n, (i + 1) * n // bins + 1)) for i in range(bins)]


def beyond(n, bins):
    return [(i * n // bins, (i + 1) * n // bins + 1) for i in range(bins)]


def halves(n, bins):
    return [(i * n / bins, (i + 1) * n / bins) for i in range(bins)]


A = 4 * math.exp(-2.5) + 0.5 * math.exp(-0.5)


def step(a=A, z=((2.0, 0.0), (0.0, 1.0))):
    z = torch.tensor(z, dtype=torch.float64)
    return z + a * z.softmax(1).flip(0)


Z = step()
RIGHT = [
    ("psp_bins", (edges,)),
    ("psp_bins", (by_pooling,)),
    ("psp_bins", (Edges(),)),
    ("psp_bins", (partial(edges, last=0),)),
    ("crf_step", (A, Z[0], Z[1])),
    ("crf_step", (torch.tensor(A), Z[0].tolist(), Z[1].numpy())),
    ("crf_step", (0.632, (2.17, 0.462), (0.556, 1.08))),
    ("crf_step", (np.float32(A), Z[0].numpy(), tuple(Z[1].tolist()))),
]
WRONG = [
    ("psp_bins", (partial(edges, up=False),), "at its end too"),
    ("psp_bins", (partial(edges, last=1),), "the cell after the last"),
    ("psp_bins", (partial(edges, first="ceil"),), "at its beginning too"),
    ("psp_bins", (always_one_more,), "needs no further cell"),
    ("psp_bins", (beyond,), "bin"),
    ("psp_bins", (halves,), "parts of cells"),
    ("psp_bins", (lambda n, bins: edges(n, bins)[:-1],), "has the shape"),
    ("psp_bins", (lambda n, bins: [(2, 6)] * bins,), "bin 0"),
    ("psp_bins", (lambda n, bins: None,), "returned None"),
    ("psp_bins", ([(0, 3)],), "a function is asked for"),
    ("crf_step", (4 * math.exp(-2.5), Z[0], Z[1]), "smoothness kernel is missing"),
    ("crf_step", (0.5 * math.exp(-0.5), Z[0], Z[1]), "appearance kernel is missing"),
    ("crf_step", (2 * math.exp(-3), Z[0], Z[1]), "not multiplied"),
    ("crf_step", (4 * math.exp(-0.5) + 0.5 * math.exp(-0.5), Z[0], Z[1]), "the colours differ"),
    ("crf_step", (4 * math.exp(-5) + 0.5 * math.exp(-1), Z[0], Z[1]), "the 2 is missing"),
    ("crf_step", (math.exp(-2.5) + math.exp(-0.5), Z[0], Z[1]), "no weights"),
    ("crf_step", (1.0, Z[0], Z[1]), "one by one"),
    ("crf_step", (A, Z[0].softmax(0), Z[1]), "probabilities"),
    ("crf_step", (A, Z[0], (0, 1)), "nothing has been added"),
    ("crf_step", (A, (2, A), (2 * A, 1)), "and not logits"),
    ("crf_step", (A, Z[1], Z[0]), "what the other one believes"),
    ("crf_step", (A, (0.170, 0.462), Z[1]), "own logits are missing"),
    ("crf_step", (A, 2.17, Z[1]), "has the shape"),
    ("crf_step", ("a", Z[0], Z[1]), "is a number"),
]
