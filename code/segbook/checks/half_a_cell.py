"""Half a cell, a page that chapters 4, 5 and 11 lead to."""

import functools
from collections.abc import Callable

import numpy as np
import torch

from segbook import data, models
from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, close, number, numbers, short
from segbook.metrics import ConfusionMatrix

__all__ = ["plus_bug", "switched_corners"]


@checker
def plus_bug(upsample_right: Callable) -> str:
    draw = generator()
    for n, m in ((33, 33), (4, 9), (2, 5)):
        said = f"upsample_right, for a map of {n}x{m} cells,"
        row, column = torch.meshgrid(16.0 * torch.arange(n), 16.0 * torch.arange(m), indexing="ij")
        cells = torch.stack([row, column, torch.randn(n, m, generator=draw)])[None]
        found = numbers(call(upsample_right, cells, said=said), "the upsampled map")
        require(found.shape[:2] == (1, 3) and found.ndim == 4, f"{said} returns {short(found)}, not (1, 3, H, W)")
        height, width = found.shape[2:]
        shown = found[0, 1, 0]
        ends = f"the first pixel shows the place {shown[0]:.1f}, and pixel {width - 1} shows {shown[-1]:.1f}"
        require(
            (height, width) != (16 * n, 16 * m),
            f"{said} gives {height}x{width} pixels, and {ends}. Corner to corner, how many pixels lie between two "
            "cells that look at places 16 apart?",
        )
        require(
            (height, width) == (16 * n - 15, 16 * m - 15),
            f"{said} gives {height}x{width} pixels; its last cell looks at ({16 * (n - 1)}, {16 * (m - 1)}), and that "
            "is where the last pixel should be",
        )
        shift = np.arange(width) - shown
        require(
            np.abs(shift).max() < 0.01,
            f"{said} has the right size, but {ends}: was `align_corners` the same in every step?",
        )
        rows, columns = np.arange(height) / 16, np.arange(width) / 16
        halfway = np.stack([np.interp(columns, np.arange(m), line) for line in cells[0, 2].double().numpy()])
        right = np.stack([np.interp(rows, np.arange(n), line) for line in halfway.T]).T
        require(
            close(found[0, 0, :, 0], np.arange(height), atol=0.01) and close(found[0, 2], right, 1e-3, 1e-3),
            f"{said} is exact along a row, and not in all places: are rows and columns treated alike?",
        )
    return "every pixel shows the place that it stands for, for images whose sides are one more than a multiple of 16"


NETWORKS = {"bilinear": ("deeplabv3_tiny", "toyvoc_os16"), "decoder": ("deeplabv3plus_tiny", "toyvoc")}


@functools.cache
def miou(name: str, corners: tuple[str, ...]) -> float:
    """Of a network that ships, with corners aligned in the named parts: "model", "head"."""
    net = models.create(NETWORKS[name][0], weights=NETWORKS[name][1]).eval()
    net.align_corners = "model" in corners
    if hasattr(net.classifier, "align_corners"):
        net.classifier.align_corners = "head" in corners
    images, labels = (torch.stack(part) for part in zip(*data.load("toy", "val")))
    matrix = ConfusionMatrix(21)
    with torch.no_grad():
        for image, label in zip(images.split(25), labels.split(25)):
            matrix.update(net(image).argmax(1), label)
    return matrix.mean_iou()


@checker
def switched_corners(switched: dict) -> str:
    require(isinstance(switched, dict), f"switched is a dict, this is {short(switched)}")
    require(set(switched) == set(NETWORKS), f"the names are bilinear and decoder, not {list(switched)}")
    for name, value in switched.items():
        value = number(value, name)
        require(0 < value < 1, f"{name}: an mIoU lies between 0 and 1, got {value:g}")
        if abs(value - miou(name, ("model", "head"))) > 0.002:
            hint = "was anything else changed, and is this the network that ships?"
            if abs(value - miou(name, ())) < 0.002:
                hint = "that is its score before; was it taken while the setting was changed?"
            elif name == "decoder" and any(abs(value - miou(name, (part,))) < 0.002 for part in ("model", "head")):
                hint = "it upsamples twice; was the setting changed in the model and in `plus.classifier`?"
            raise Wrong(f"{name} does not come to {value:.4f}: {hint}")
    return "both lose, without a word of warning"
