"""Deeper, One product, one fold."""

from collections.abc import Callable

import torch
import torch.nn.functional as F

from segbook.checks.core import call, checker, generator, require
from segbook.checks.transposed_convolution import layers_tensor
from segbook.checks.values import apart, close, whole

__all__ = ["col2im_fold", "col2im_memory"]


@checker
def col2im_memory(stamps: int, output: int, products: int, products_grouped: int) -> str:
    named = {"stamps": stamps, "output": output, "products": products, "products_grouped": products_grouped}
    named = {name: whole(value, name) for name, value in named.items()}
    cells, kernel, pixels, channels = 10 * 15, 64 * 64, 320 * 480, 21
    truth = {
        "stamps": channels * kernel * cells,
        "output": channels * pixels,
        "products": channels**2 * kernel * cells,
        "products_grouped": channels * kernel * cells,
    }
    slips = {
        "stamps": {
            kernel * cells: "every output channel has a stamp of its own",
            channels**2 * kernel * cells: "the product has added up the input channels already",
        },
        "output": {
            pixels: "there are 21 channels",
            channels * (9 * 32 + 64) * (14 * 32 + 64): "that is the canvas; padding 16 cuts every side",
        },
        "products": {
            channels * kernel * cells: "each number of a stamp adds up one product for each input channel",
            2 * channels**2 * kernel * cells: "multiplications are asked for, without the additions",
        },
        "products_grouped": {
            channels**2 * kernel * cells: "with 21 groups a channel sees itself only",
            kernel * cells: "that is one of the 21 channels",
        },
    }
    for name, value in named.items():
        require(
            value == truth[name],
            f"{name} is not {value:,}: " + slips[name].get(value, "write it as a product of sizes first"),
        )
    return "the stamps weigh four times the output, and groups save a factor of 21 in products"


@checker
def col2im_fold(put_back: Callable) -> str:
    draw = generator()
    # channels, kernel, stride, cells down, cells across, rows and columns that no stamp reaches, type
    cases = (
        (1, 3, 2, 1, 2, (0, 0), torch.float32),
        (2, 2, 2, 3, 2, (0, 0), torch.float64),
        (3, 4, 2, 2, 5, (1, 1), torch.float32),
        (2, 2, 3, 3, 4, (0, 2), torch.float64),
        (1, 1, 1, 4, 3, (0, 0), torch.float32),
    )
    for channels, k, stride, down, across, more, kind in cases:
        size = ((down - 1) * stride + k + more[0], (across - 1) * stride + k + more[1])
        stamps = torch.rand(2, down * across, channels * k * k, generator=draw, dtype=kind).mT  # not contiguous
        said = f"put_back(stamps, {size}, {k}, {stride}) with {channels} channels and {down} x {across} stamps"
        out = layers_tensor(call(put_back, stamps, size, k, stride, said=said), stamps, said)
        truth = F.fold(stamps, size, k, stride=stride)
        require(out.shape == truth.shape, f"{said} has the shape {tuple(out.shape)}, fold's has {tuple(truth.shape)}")
        if not close(out, truth):
            hits = F.fold(torch.ones_like(stamps), size, k, stride=stride)
            hint = ""
            if close(out[hits == 1], truth[hits == 1]):
                hint = ". Where one stamp alone falls it is right; what happens where two overlap?"
            elif out.abs().max() == 0:
                hint = ": nothing has been put on the canvas"
            require(False, f"{said} differs from fold's by up to {apart((out - truth).abs().max().item(), 0)}{hint}")
    return "equal to F.fold, with overlap, without, and with holes"
