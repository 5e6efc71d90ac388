"""The optional page of chapter 10: PSPNet, the CRF, and silenced branches."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import close, number, numbers

__all__ = ["crf_step", "psp_bins"]


def pooled_cells(n: int, bins: int) -> Tensor:
    """Which cells each bin of PyTorch's adaptive pool averages (bins, n): of each cell alone, what reaches a bin."""
    return F.adaptive_avg_pool1d(torch.eye(n)[:, None], bins)[:, 0].T > 0


@checker
def psp_bins(bin_edges: Callable) -> str:
    draw = generator()
    drawn_sizes = [(int(torch.randint(bins, 40, (), generator=draw)), bins) for bins in (2, 3, 5, 6)]
    for n, bins in [(16, 6), (12, 6), (1, 1), (4, 6), *drawn_sizes]:
        said = f"bin_edges({n}, {bins})"
        edges = numbers(call(bin_edges, n, bins), said, (bins, 2))
        require((edges == edges.round()).all(), f"{said} holds parts of cells")
        cells = pooled_cells(n, bins)
        right = [(int(row.nonzero()[0]), int(row.nonzero()[-1]) + 1) for row in cells]
        slips = {
            "the second number is the cell after the last": [(begin, end - 1) for begin, end in right],
            "a bin takes every cell that it touches, at its end too": [
                (i * n // bins, (i + 1) * n // bins) for i in range(bins)
            ],
            "a bin takes every cell that it touches, at its beginning too": [
                (-(-i * n // bins), end) for i, (_, end) in enumerate(right)
            ],
            "an end that falls on a border of cells needs no further cell": [
                (i * n // bins, min(n, (i + 1) * n // bins + 1)) for i in range(bins)
            ],
        }
        hint = next((text for text, slip in slips.items() if close(edges, slip)), "where does it begin, where end?")
        for i, (found, wanted) in enumerate(zip(edges.tolist(), right)):
            said_bin = f"{said}: bin {i} is not the cells from {found[0]:g} to before {found[1]:g}"
            require(close(found, wanted, 0, 1e-6), f"{said_bin}; {hint}")
    return "the cells that PyTorch averages, overlaps included"


def one_step(a: float) -> list[list[float]]:
    """Both pixels' logits after one step of mean field, by the exponential function alone."""
    z = [[2.0, 0.0], [0.0, 1.0]]
    q = [[math.exp(one) / sum(map(math.exp, pixel)) for one in pixel] for pixel in z]
    return [[own + a * other for own, other in zip(z[i], q[1 - i])] for i in (0, 1)]


@checker
def crf_step(a_12: float, logits_1: Sequence[float], logits_2: Sequence[float]) -> str:
    a = number(a_12, "a_12")
    appearance, smoothness = 4 * math.exp(-0.5 - 0.1**2 / (2 * 0.05**2)), 0.5 * math.exp(-0.5)
    slips = {
        "the smoothness kernel is missing": appearance,
        "the appearance kernel is missing": smoothness,
        "the kernels are added, not multiplied": appearance * smoothness,
        "place and colour multiply within the appearance kernel, they are not two kernels": 4 * math.exp(-0.5)
        + 4 * math.exp(-2)
        + smoothness,
        "a width enters as 2 alpha^2, 2 beta^2 and 2 gamma^2; the 2 is missing": 4 * math.exp(-5) + 0.5 * math.exp(-1),
        "the colours differ here": 4 * math.exp(-0.5) + smoothness,
        "the kernels have no weights": math.exp(-2.5) + math.exp(-0.5),
    }
    hint = next((text for text, slip in slips.items() if close(a, slip, 4e-3, 1e-3)), "take the kernels one by one")
    require(close(a, appearance + smoothness, 2e-3, 1e-3), f"a_12 is not {a:.5g}: {hint}")
    found = [numbers(logits_1, "logits_1", (2,)), numbers(logits_2, "logits_2", (2,))]
    right = one_step(appearance + smoothness)
    for name, one, wanted, own, other in zip(
        ("logits_1", "logits_2"), found, right, ([2, 0], [0, 1]), ([0, 1], [2, 0])
    ):
        softmax = torch.tensor(wanted).softmax(0).tolist()
        hint = "its own logits, and a_12 times what the other one believes"
        if close(one, softmax, 4e-3, 2e-3):
            hint = "these are probabilities, logits are asked for"
        elif close(one, own, 0, 1e-6):
            hint = "nothing has been added yet"
        elif close(one, [z + a * y for z, y in zip(own, other)], 4e-3, 2e-3):
            hint = "the other pixel sends probabilities, and not logits"
        elif close(one, [w - z for w, z in zip(wanted, own)], 4e-3, 2e-3):
            hint = "the pixel's own logits are missing"
        require(close(one, wanted, 3e-3, 3e-3), f"{name} is not {[float(f'{value:.4g}') for value in one]}: {hint}")
    return "an edge between the colours lets the classes differ"
