"""Chapter 4, Bilinear kernels."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.values import Wrong, apart, close, numbers, whole

__all__ = [
    "bilinear_bug",
    "bilinear_corner",
    "bilinear_hand",
    "bilinear_layer",
    "bilinear_odd",
    "bilinear_twice",
]


def tent(size: int) -> np.ndarray:
    """What np.interp reads between 0, 1 and 0: the only place of this file that makes a tent."""
    reach = (size + 1) // 2
    return np.interp(np.arange(size) - (size - 1) / 2, [-reach, 0, reach], [0, 1, 0])


def transposed(signal: Tensor, weights: np.ndarray, stride: int, padding: int) -> Tensor:
    """A transposed convolution of one channel (1, 1, n) in float64."""
    kernel = torch.from_numpy(weights).view(1, 1, -1)
    return F.conv_transpose1d(signal.double(), kernel, stride=stride, padding=padding)


def worst(values: np.ndarray) -> str:
    """Of some numbers that should be 1, the one that is farthest from it."""
    return apart(values[np.abs(values - 1).argmax()], 1)


@checker
def bilinear_hand(values: Sequence[float]) -> str:
    values = numbers(values, "values")
    require(values.ndim == 1, f"values is a list of numbers, this has the shape {values.shape}")
    require(
        len(values) == 6, f"three samples, upsampled by 2, become six values with these settings, not {len(values)}"
    )
    samples = torch.tensor([[[4.0, 8.0, 0.0]]])
    true = transposed(samples, tent(4), 2, 1)[0, 0].numpy()
    repeated = F.interpolate(samples, scale_factor=2, mode="linear")[0, 0].numpy()
    require(
        not close(values, repeated),
        "so answers `interpolate`, which repeats the outermost sample; a transposed convolution has nothing there",
    )
    require(
        close(values, true) or not close(np.sort(values), np.sort(true)),
        "the values are right, but not in this order: go from left to right",
    )
    wrong = [place for place in range(6) if not close(values[place], true[place])]
    if wrong:
        ends = "at an end one neighbour is missing, and nothing is added for it"
        inner = "which two samples lie beside it, and how near is each?"
        raise Wrong(f"value {wrong[0] + 1} of 6 is not right: {ends if wrong[0] in (0, 5) else inner}")
    return "each output is made of its two neighbours, and of one where there is one only"


@checker
def bilinear_odd(weights: Sequence[float], padding: int, constant: Sequence[float]) -> str:
    weights = numbers(weights, "weights")
    require(weights.ndim == 1, f"weights is a list of numbers, this has the shape {weights.shape}")
    require(np.isfinite(weights).all(), "one of the weights is no number: something was divided by zero")
    size = len(weights)
    require(
        size != 10,
        "10 weights are those of an even rule (k = 2f); for an odd factor one of them stands on the peak, and the "
        "outermost would be zero",
    )
    require(size % 2, f"with {size} weights the peak falls between two of them; for an odd factor it falls on one")
    require(close(weights, weights[::-1]), "the weights are not symmetric, so the signal would be moved to one side")
    peak = weights.max()
    require(close(peak, 1), f"the largest weight is {apart(peak, 1)}: a sample would not keep its own value")
    sums = np.array([weights[phase::5].sum() for phase in range(min(5, size))])
    require(
        size >= 5 and close(sums, 1),
        f"with stride 5 the constant 1 does not stay 1 everywhere: one phase adds up to {worst(sums)}",
    )
    away = np.abs(np.arange(size) - size // 2)
    require(
        close(weights[away >= 5], 0),
        "some weights lie a whole sample or more from the peak and are not zero: that is not the tent, but a kernel "
        "that listens beyond the two neighbours",
    )
    signal = torch.rand(1, 1, 8, generator=generator())
    wanted = F.interpolate(signal.double(), scale_factor=5, mode="linear")
    given = transposed(signal, weights, 5, 0)
    centred = given[..., (size - 5) // 2 :][..., :40]
    require(
        close(centred[..., 2:-2], wanted[..., 2:-2]),
        "between two samples the values do not run straight from one to the other: the weights must fall in equal "
        "steps from the peak",
    )
    padding = whole(padding, "padding")
    length = 4 * 5 - 2 * padding + size
    require(length == 25, f"with padding {padding} five samples become {length}, and five times five is 25")
    constant = numbers(constant, "constant", (4,))
    phases = np.array([weights[phase::4].sum() for phase in range(4)])
    if not any(close(constant, np.roll(phases, start)) for start in range(4)):
        mean = " Their mean is not even the factor 5/4 by which the stride is too small."
        raise Wrong(
            f"at stride 4 the constant does not become {constant.tolist()}: add up the weights that meet in one "
            f"output, every fourth one.{mean * (not close(constant.mean(), 1.25))}"
        )
    return "a random signal comes out as from `interpolate`, five times as long; and you know what a wrong stride does"


@checker
@own_numbers("a bias of {bias}", *({"bias": bias} for bias in (0.3, 0.28, 0.32, 0.33, 0.35, 0.4)))
def bilinear_corner(smallest_factor: int, bias: float) -> str:
    factor = whole(smallest_factor, "smallest_factor")
    require(factor >= 1, f"a factor of {factor} upsamples nothing")

    def lead(f: int) -> float:
        return ((f + 1) / (2 * f)) ** 2

    require(
        lead(factor) < bias,
        f"at factor {factor} class 0 still leads by {apart(lead(factor), bias)} in the corner, where two edges "
        f"multiply, and the bias is {bias}",
    )
    if factor > 1 and lead(factor - 1) < bias:
        raise Wrong(f"at factor {factor - 1} the bias wins already; the smallest factor is asked for")
    return f"there the lead is {apart(lead(factor), bias)}, one factor earlier {apart(lead(factor - 1), bias)}"


@checker
def bilinear_layer(kernel_and_padding: Callable) -> str:
    draw = generator()
    for aligned in (False, True):
        for factor in (2, 3, *torch.randint(4, 41, (6,), generator=draw).tolist(), 1):
            said = f"for factor {factor} and align_corners={aligned}"
            pair = numbers(call(kernel_and_padding, factor, aligned), f"what is returned {said}")
            require(pair.shape == (2,), f"{said} two numbers are asked for, kernel size and padding")
            size, padding = (
                whole(one, f"{name} {said}") for one, name in zip(pair, ("the kernel size", "the padding"))
            )
            require(
                1 <= size < 1000 and 0 <= padding < 1000, f"{said} no layer has kernel {size} and padding {padding}"
            )
            n = int(torch.randint(5, 10, (1,), generator=draw))
            length, wanted = (n - 1) * factor + size - 2 * padding, (n - 1) * factor + (1 if aligned else factor)
            layer = f"{said} a tent of {size} with padding {padding}"
            require(length == wanted, f"{layer} makes {length} outputs of {n}, where there should be {wanted}")
            made_for = (size + 1) // 2
            require(
                made_for == factor,
                f"{layer} has the right number of outputs, but this tent is made for stride {made_for}: a constant "
                "would change its brightness",
            )
            signal = torch.rand(1, 1, n, generator=draw).double()
            ours = transposed(signal, tent(size), factor, padding)
            theirs = F.interpolate(signal, wanted, mode="linear", align_corners=aligned)
            edge = 0 if aligned else factor // 2
            inside = slice(edge, wanted - edge)
            off = (ours - theirs)[..., inside].abs().max().item()
            require(off < 1e-6, f"{layer} differs from `interpolate`, also inside, by up to {off:.1g}")
    return "equal to `interpolate`: inside with the half-pixel rule, everywhere with aligned corners"


@checker
def bilinear_bug(bilinear_repaired: Callable) -> str:
    drawn = torch.randint(1, 8, (4, 3), generator=generator()).tolist()
    for *channels, size in ([3, 3, 4], [2, 4, 3], [4, 2, 5], [1, 1, 1], [21, 21, 64], *drawn):
        said = f"bilinear_repaired({channels[0]}, {channels[1]}, {size})"
        weight = numbers(call(bilinear_repaired, *channels, size, said=said), said, (*channels, size, size))
        weight = torch.from_numpy(weight)
        diagonal = torch.zeros(*channels, dtype=torch.bool)
        diagonal[range(min(channels)), range(min(channels))] = True
        off = weight[~diagonal]
        require(
            not off.any(),
            f"{said} still mixes channels: {int(off.flatten(1).any(1).sum())} pairs off the diagonal are not zero, "
            "so an output channel is a sum of classes",
        )
        kernels = weight[diagonal]
        require(
            kernels.flatten(1).any(1).all() and (kernels == kernels[0]).all(),
            f"{said} does not give every channel the same kernel on the diagonal",
        )
        factor = (size + 1) // 2
        kernel = kernels[0]
        phases = np.array([float(kernel[i::factor, j::factor].sum()) for i in range(factor) for j in range(factor)])
        require(
            close(phases, 1),
            f"the kernel of {said} does not keep a constant: one of its phases adds up to {worst(phases)}, "
            "and all should be 1",
        )
        require(
            close(kernel, kernel.flip(0, 1)),
            f"the kernel of {said} is not symmetric, so the map moves: for an even size the centre lies between two "
            "cells",
            {"your kernel": kernel, "its mirror image": kernel.flip(0, 1)},
        )
        require(
            close(kernel, np.outer(tent(size), tent(size))),
            f"the kernel of {said} keeps a constant, but it is no tent along its rows and columns: between two "
            "samples the map would not run straight",
            {"your kernel": kernel},
        )
    return "one tent a channel, nothing between channels, for odd and even sizes"


@checker
def bilinear_twice(taps_twice: int, taps_once: int) -> str:
    twice, once = whole(taps_twice, "taps_twice"), whole(taps_once, "taps_once")
    impulse = torch.zeros(1, 1, 9)
    impulse[..., 4] = 1
    doubled = transposed(transposed(impulse, tent(4), 2, 1), tent(4), 2, 1)
    truth = [int(doubled.count_nonzero()), int(transposed(impulse, tent(8), 4, 2).count_nonzero())]
    require(
        twice != once,
        f"you found {twice} both times; the two maps differ, so look at where each of them becomes zero",
    )
    require([twice, once] != truth[::-1], "these are the right numbers in the wrong order")
    require(once == truth[1], f"{once} is not how many outputs one step by 4 touches: how wide is its kernel?")
    require(
        twice == truth[0],
        f"{twice} is not right for two steps by 2: the first one leaves several values, and each of them becomes a "
        "tent",
    )
    return "two steps reach further than one, so they are not the same map"
