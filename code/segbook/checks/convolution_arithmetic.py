"""Chapter 2, Convolution arithmetic."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, number, numbers, short, whole
from segbook.convolution import receptive_field

__all__ = [
    "aligned_stem",
    "holes",
    "mended_calculator",
    "read_matrix",
    "same_padding",
    "three_numbers",
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
def three_numbers(size: int, stride: int, centre: float, cell_6: float) -> str:
    size, stride = number(size, "size"), number(stride, "stride")
    centre, cell = number(centre, "centre"), number(cell_6, "cell_6")
    ours = receptive_field([nn.Conv2d(1, 1, 5, 2, 1), nn.Conv2d(1, 1, 3, 1, 2, 2), nn.MaxPool2d(3, 2)])
    slips = {5: "the strides of the layers are multiplied", 2: "two layers have a stride of 2", 8: "only two do"}
    require(
        stride == ours.stride,
        f"a stride of {stride:g}: " + slips.get(stride, "by how much does each layer spread the cells?"),
    )
    slips = {
        11: "a step between two cells of a later map is more than one pixel",
        13: "the taps of the second layer are two cells apart",
        25: "a window's steps have the stride of the map that it lies on, not of the one that it makes",
    }
    require(size == ours.size, f"a size of {size:g}: " + slips.get(size, "add up what each window reaches, in pixels"))
    slips = {
        1: "two of the three layers move the centre",
        2: "a cell of a later map is more than one pixel of the image",
        4: "the padding of the first layer takes its window back",
        6: "a cell's step has the stride of the map that the window lies on, not of the one that it makes",
        8: "padding takes a window back",
    }
    require(
        centre == ours.centre,
        f"a centre of {centre:g}: "
        + slips.get(centre, "for each layer, where is the middle of what its cell 0 reads?"),
    )
    require(cell == centre + 6 * stride, f"cell 6 at {cell:g}, with your own stride and centre? Cells count from 0")
    return "size, stride and centre of all three layers, and with them the place of every cell"


def seen_from(layers: Sequence[tuple], cell: int) -> list[int]:
    """The first and the last pixel that reach a cell, by following the windows back."""
    low = high = cell
    for k, s, p, d in reversed(layers):
        low, high = low * s - p, high * s - p + d * (k - 1)
    return [low, high]


@checker
def mended_calculator(calculator: Callable, counterexample: tuple[int, int, int, int]) -> str:
    values = numbers(counterexample, "counterexample")
    values = values[0] if values.shape == (1, 4) else values
    require(values.shape == (4,), f"one layer (k, s, p, d) is asked for, this is {short(counterexample)}")
    require((values == np.round(values)).all(), "k, s, p and d are whole numbers")
    k, s, p, d = values.astype(int).tolist()
    require(min(k, s, d) >= 1 and p >= 0, f"({k}, {s}, {p}, {d}) is no layer: sizes start at 1, paddings at 0")
    low, high = seen_from([(k, s, p, d)], 0)
    require(
        (k - 1) / 2 - p != (low + high) / 2,
        f"for ({k}, {s}, {p}, {d}) the public lines are right: size {1 + (k - 1) * d}, stride {s}, centre "
        f"{(k - 1) / 2 - p:g}. Which of the three lines does not know the dilation?",
    )
    draw = generator()
    one = [((k, s, p, d),)]
    for layers in one + [random_stack(draw) for _ in range(20)] + one:
        said = f"calculator({list(layers)})"
        found = numbers(call(calculator, list(layers), said=said), f"the result of {said}")
        require(found.shape == (3,), f"{said} returns size, stride and centre, this is {short(found)}")
        (low, high), (after, _) = seen_from(layers, 0), seen_from(layers, 1)
        for value, true, what in zip(
            found, (high - low + 1, after - low, (low + high) / 2), ("size", "stride", "centre")
        ):
            require(
                abs(value - true) < 1e-6,
                f"{said} says {what} {value:g}, and following the windows back from cell 0 to the image finds another",
            )
    return "the lines were wrong for your layer, and now they are right for that and for twenty random stacks"


def random_stack(draw: torch.Generator) -> tuple[tuple[int, int, int, int], ...]:
    def layer() -> tuple[int, int, int, int]:
        k, s, p, d = (
            int(torch.randint(low, high, (), generator=draw)) for low, high in ((1, 8), (1, 4), (0, 4), (1, 5))
        )
        return k, s, p, d

    return tuple(layer() for _ in range(int(torch.randint(1, 6, (), generator=draw))))


@checker
def aligned_stem(stem: Sequence[nn.Module]) -> str:
    require(
        isinstance(stem, list | tuple | nn.Sequential | nn.ModuleList) and len(stem) > 0,
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
