"""Chapter 2, Convolution arithmetic."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from segbook.checks.core import checker, require
from segbook.checks.values import Wrong, number, numbers, short, whole
from segbook.convolution import receptive_field

__all__ = [
    "aligned_stem",
    "calculator_bug",
    "holes",
    "read_matrix",
    "same_padding",
    "seconds",
    "why_nineteen",
    "wider_bell",
]


@checker
def read_matrix(kernel_size: int, stride: int, padding: int, dilation: int) -> str:
    k, s, p, d = (
        whole(value, name)
        for value, name in zip(
            (kernel_size, stride, padding, dilation), ("kernel_size", "stride", "padding", "dilation")
        )
    )
    require(min(k, s, d) >= 1 and p >= 0, "sizes, strides and dilations are at least 1, paddings at least 0")
    rows = (9 + 2 * p - d * (k - 1) - 1) // s + 1
    require(rows == 3, f"these four make {rows} rows from nine cells, and the matrix has three")
    made = np.zeros((3, 9))
    for row in range(3):
        for tap in range(k):
            column = row * s - p + tap * d
            if 0 <= column < 9:
                made[row, column] = 1
    truth = np.zeros((3, 9))
    truth[[0, 1, 1, 2, 2], [2, 2, 5, 5, 8]] = 1
    for row in range(3):
        require(
            (made[row] == truth[row]).all(),
            f"with these four, row {row} has its weights in the columns {np.flatnonzero(made[row]).tolist()}, and the "
            f"matrix has them in {np.flatnonzero(truth[row]).tolist()}. Start with a row that lies wholly inside",
        )
    return "every weight stands where the matrix has it"


@checker
def same_padding(padding_k3_d6: int, padding_k7_d1: int) -> str:
    for k, d, padding, name in ((3, 6, padding_k3_d6, "padding_k3_d6"), (7, 1, padding_k7_d1, "padding_k7_d1")):
        padding = whole(padding, name)
        require(padding >= 0, f"{name} is negative")
        layer = nn.Conv2d(1, 1, k, padding=padding, dilation=d)
        height = 32
        if height + 2 * padding <= d * (k - 1):
            raise Wrong(f"with {name} = {padding} the kernel does not fit into the padded map")
        out = layer(torch.zeros(1, 1, height, height)).shape[-1]
        forgotten = " Is the kernel's reach d(k - 1), or k - 1?" if padding == (k - 1) // 2 and d > 1 else ""
        require(out == height, f"with {name} = {padding} a map of {height} cells comes out with {out}.{forgotten}")
    return "both keep the size, for a map of any size"


@checker
def why_nineteen(crop_100: int, crop_120: int) -> str:
    for padding, crop, name in ((100, crop_100, "crop_100"), (120, crop_120, "crop_120")):
        crop = whole(crop, name)
        centre, stride = 0.0, 1
        for pool, convolutions in enumerate((2, 2, 3, 3, 3)):
            for i in range(convolutions):
                centre += (1 - (padding if pool == i == 0 else 1)) * stride
            centre += 0.5 * stride
            stride *= 2
        behind_fc6 = centre + 3 * stride
        truth = -(behind_fc6 - (64 - 1) / 2)
        slips = {
            truth + 96: "the 7 x 7 kernel of fc6 moves the centre as well",
            truth - 31.5: "the transposed convolution moves the centre back, by half its kernel",
            truth + 1: "VGG's first layer has a padding of 1 that the new padding replaces; nothing is added to it",
            truth - 1: "VGG's first layer has a padding of 1 that the new padding replaces; nothing is added to it",
            -truth: "the sign: which cell of the enlarged map stands at pixel 0?",
        }
        if crop != truth:
            raise Wrong(
                f"with a crop of {crop} the enlarged map would lie {abs(crop - truth):g} pixels off the image at a "
                f"padding of {padding}. " + slips.get(crop, "Follow the centre through all layers, the last one back.")
            )
    return "cell and pixel coincide for both paddings, so it is a rule and not a number to remember"


def mended(layers: Sequence[tuple]) -> tuple[int, int, float]:
    size, stride, centre = 1, 1, 0.0
    for k, s, p, d in layers:
        size += (k - 1) * d * stride
        centre += ((k - 1) * d / 2 - p) * stride
        stride *= s
    return size, stride, centre


@checker
def calculator_bug(counterexample: tuple[int, int, int, int]) -> str:
    values = numbers(counterexample, "counterexample")
    values = values[0] if values.shape == (1, 4) else values
    require(values.shape == (4,), f"one layer (k, s, p, d) is asked for, this is {short(counterexample)}")
    require((values == np.round(values)).all(), "k, s, p and d are whole numbers")
    k, s, p, d = values.astype(int).tolist()
    require(min(k, s, d) >= 1 and p >= 0, f"({k}, {s}, {p}, {d}) is no layer: sizes start at 1, paddings at 0")
    public = (1 + (k - 1) * d, s, (k - 1) / 2 - p)
    ours = receptive_field([nn.Conv2d(1, 1, k, s, p, d)])
    require(
        tuple(map(float, ours)) != tuple(map(float, public)),
        f"for ({k}, {s}, {p}, {d}) the public lines are right: size {public[0]}, stride {s}, centre {public[2]:g}. "
        "Which of the three lines does not know the dilation?",
    )
    return (
        f"the lines say centre {public[2]:g}, the layer's is {ours.centre:g}; size and stride agree, so no test saw it"
    )


@checker
def aligned_stem(stem: Sequence[nn.Module]) -> str:
    require(
        isinstance(stem, list | tuple | nn.Sequential) and len(stem) > 0,
        f"stem is a list of convolutions, this is {short(stem)}",
    )
    for layer in stem:
        require(isinstance(layer, nn.Conv2d), f"stem holds convolutions only, here is a {type(layer).__name__}")
        require(min(layer.kernel_size) >= 2, "a kernel of 1 sees nothing new; use at least 2")
    require(len(stem) in (2, 3), f"two or three convolutions are asked for, these are {len(stem)}")
    try:
        nn.Sequential(*stem)(torch.zeros(1, 3, 32, 32))
    except RuntimeError as error:
        raise Wrong(f"an image (3 channels) does not go through the stem: {error}") from error
    field = receptive_field(list(stem))
    require(field.stride == 4, f"the stride is {field.stride}, and a cell should stand for 4 pixels")
    require(
        field.centre == 1.5,
        f"cell 0 stands at {field.centre:g}, and the middle of the pixels 0 to 3 is 1.5."
        + (" Odd kernels with symmetric padding stay at whole pixels." if field.centre == round(field.centre) else ""),
    )
    more = "" if field.size > 8 else " Can you see more than 8 pixels, too?"
    return f"stride 4, centre 1.5, a field of {field.size} pixels.{more}"


def reach(dilations: Sequence[int]) -> set[int]:
    offsets = {0}
    for d in dilations:
        offsets = {o + step * d for o in offsets for step in (-1, 0, 1)}
    return offsets


@checker
def holes(pixels_that_count: int, dilations: Sequence[int]) -> str:
    count = whole(pixels_that_count, "pixels_that_count")
    require(
        count != 13, "13 is the width of the field; not all of its pixels can be reached. By which steps do paths move?"
    )
    require(count != 49, "49 is the number in the image; here the pixels of one row are asked for")
    require(count == len(reach((2, 2, 2))), f"{count} is not it: follow all paths of three steps of -2, 0 or 2")
    values = numbers(dilations, "dilations", (3,))
    require((values == np.round(values)).all() and values.min() >= 1, "dilations are whole numbers from 1 up")
    seen = reach(values.astype(int).tolist())
    width = max(seen) - min(seen) + 1
    require(width > 13, f"the field of these dilations is {width} pixels wide, no wider than 13")
    require(
        len(seen) == width,
        f"the field of these dilations is {width} pixels wide and {width - len(seen)} of them are holes: a layer's "
        "taps must not stand further apart than what is seen behind them",
    )
    return f"a field of {width} pixels without a hole, with as many weights"


@checker
def wider_bell(predicted: float, measured: float) -> str:
    predicted, measured = number(predicted, "predicted"), number(measured, "measured")
    require(predicted != 119 and measured != 119, "119 is the whole field; the half square is asked for")
    require(
        40 <= predicted <= 50,
        f"counting paths does not give {predicted:g}. Is it the middle row (24) of a 48 x 48 map, of an input of 192, "
        "with each layer's padding equal to its dilation?",
    )
    require(
        30 <= measured <= 62,
        f"the half square of this network measures around 45 pixels, not {measured:g}: was the dilation set in the "
        "last six layers, and the padding with it?".replace("around 45 pixels, not", "otherwise than"),
    )
    require(abs(predicted - measured) <= 10, f"predicted {predicted:g} and measured {measured:g} do not go together")
    return f"predicted {predicted:g}, measured {measured:g}: the bell itself has become wider"


@checker
def seconds(macs: int, flops: int, ratio_seconds: float) -> str:
    macs, flops = whole(macs, "macs"), whole(flops, "flops")
    require(macs != flops, "a multiply-accumulate is two floating-point operations")
    require(flops == 2 * macs, f"{flops:,} FLOPs are not twice {macs:,} MACs")
    out, each = 64 * 64 * 64, 64 * 3 * 3
    slips = {
        out * 9: "each of the 64 output channels reads all 64 input channels",
        out * 64: "each output reads 9 cells of every channel",
        8 * out * each: "one image is asked for, not a batch of 8",
    }
    require(macs == out * each, f"{macs:,} MACs are not right: " + slips.get(macs, "outputs times products for each"))
    ratio = number(ratio_seconds, "ratio_seconds")
    require(ratio > 0, f"a ratio of times is positive, got {ratio:g}")
    require(
        ratio > 0.5,
        f"the depthwise layer would be {1 / ratio:.1f} times slower than the ordinary one; is the ratio upside down?",
    )
    require(ratio < 64, f"{ratio:.0f} times as fast is all that the MACs promise; warm up first, then take the median")
    return f"64 times fewer operations, {ratio:.1f} times as fast: the rest is waiting for memory"
