"""Chapter 4, Bilinear kernels."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F

from segbook import QUICK
from segbook.checks.core import call, checker, own_numbers, require
from segbook.checks.values import Wrong, close, number, numbers, short, whole

__all__ = [
    "bilinear_bug",
    "bilinear_corner",
    "bilinear_forms",
    "bilinear_mixing",
    "bilinear_odd",
    "bilinear_shift",
    "bilinear_twice",
]


@checker
def bilinear_odd(weights: Sequence[float], padding: int, constant: Sequence[float]) -> str:
    weights = numbers(weights, "weights")
    require(weights.ndim == 1, f"weights is a list of numbers, this has the shape {weights.shape}")
    size = len(weights)
    require(
        size != 10,
        "10 weights are those of an even rule (k = 2f); for an odd factor no weight is lost, and one of them "
        "stands on the peak",
    )
    require(size % 2, f"with {size} weights the peak falls between two of them; for an odd factor it falls on one")
    require(close(weights, weights[::-1]), "the weights are not symmetric, so the signal would be moved to one side")
    require(close(weights.max(), 1), f"the largest weight is {weights.max():g}: a sample would not keep its own value")
    sums = [weights[phase::5].sum() for phase in range(min(5, size))]
    require(
        size >= 5 and close(sums, 1),
        f"with stride 5 the constant 1 becomes {np.round(sums, 3).tolist()}, and it should stay 1 everywhere",
    )
    ramp = np.zeros(5 * 8 + size)
    for i in range(9):
        ramp[5 * i : 5 * i + size] += i * weights
    require(
        close(np.diff(ramp[size:-size], 2), 0),
        "a ramp does not stay straight between the samples: each output must see both of its neighbours",
    )
    padding = whole(padding, "padding")
    length = 4 * 5 - 2 * padding + size
    require(length == 25, f"with padding {padding} five samples become {length}, and five times five is 25")
    constant = numbers(constant, "constant", (4,))
    phases = np.array([weights[phase::4].sum() for phase in range(4)])
    if not close(np.sort(constant), np.sort(phases)):
        hint = " Their mean is not even the factor 5/4 by which the stride is too small." * (
            not close(constant.mean(), phases.mean())
        )
        raise Wrong(
            f"at stride 4 the constant does not become {constant.tolist()}: add up the weights that "
            f"meet in one output, every fourth one.{hint}"
        )
    return "symmetric, peak 1, every phase 1, five times as long; and you know what a wrong stride does"


@checker
@own_numbers("a bias of {bias}", *({"bias": bias} for bias in (0.3, 0.28, 0.32, 0.33, 0.35, 0.4)))
def bilinear_corner(smallest_factor: int, bias: float) -> str:
    factor = whole(smallest_factor, "smallest_factor")
    require(factor >= 1, f"a factor of {factor} enlarges nothing")

    def lead(f: int) -> float:
        return ((f + 1) / (2 * f)) ** 2

    require(
        lead(factor) < bias,
        f"at factor {factor} class 0 still leads by {lead(factor):.3f} in the corner, where two edges multiply, and "
        f"the bias is {bias}",
    )
    if factor > 1 and lead(factor - 1) < bias:
        raise Wrong(f"at factor {factor - 1} the bias wins already; the smallest factor is asked for")
    return f"there the lead is {lead(factor):.3f}, one factor earlier {lead(factor - 1):.3f}"


@checker
def bilinear_bug(bilinear_repaired: Callable) -> str:
    for channels, size in (((3, 3), 4), ((2, 4), 3), ((4, 2), 5), ((1, 1), 1), ((21, 21), 64)):
        weight = call(bilinear_repaired, *channels, size)
        said = f"bilinear_repaired({channels[0]}, {channels[1]}, {size})"
        weight = torch.from_numpy(numbers(weight, said, (*channels, size, size)))
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
        phases = [kernel[i::factor, j::factor].sum() for i in range(factor) for j in range(factor)]
        require(
            close(phases, 1),
            f"the kernel of {said} does not keep a constant: the phases run from {min(phases):.3f} to "
            f"{max(phases):.3f}, and all should be 1.",
        )
        require(
            close(kernel, kernel.flip(0, 1)),
            f"the kernel of {said} is not symmetric, so the map moves: for an even size the centre lies between two "
            "cells",
            {"your kernel": kernel, "its mirror image": kernel.flip(0, 1)},
        )
        middle = size // 2
        require(
            close(kernel * kernel[middle, middle], torch.outer(kernel[:, middle], kernel[middle])),
            f"the kernel of {said} is not a column times a row",
        )
    return "one kernel a channel, nothing between channels, for odd and even sizes"


@checker
def bilinear_twice(taps_twice: int, taps_once: int) -> str:
    twice, once = whole(taps_twice, "taps_twice"), whole(taps_once, "taps_once")
    tents = {f: torch.tensor([1 - abs(i - f + 0.5) / f for i in range(2 * f)]).view(1, 1, -1) for f in (2, 4)}

    def enlarge(x: torch.Tensor, factor: int) -> torch.Tensor:
        return F.conv_transpose1d(x, tents[factor], stride=factor, padding=factor // 2)

    impulse = torch.zeros(1, 1, 9)
    impulse[..., 4] = 1
    truth = [int(enlarge(enlarge(impulse, 2), 2).count_nonzero()), int(enlarge(impulse, 4).count_nonzero())]
    require(
        twice != once,
        f"you found {twice} both times; the two maps differ, so look at where each of them becomes zero",
    )
    require([twice, once] != truth[::-1], "these are the right numbers in the wrong order")
    require(once == truth[1], f"{once} is not how many outputs one enlargement by 4 touches: how wide is its kernel?")
    require(
        twice == truth[0],
        f"{twice} is not right for two enlargements: the first one leaves 4 values, and each of them becomes a tent",
    )
    return "two steps reach further than one, so they are not the same map"


@checker
def bilinear_shift(answers: Sequence[float]) -> str:
    answers = numbers(answers, "answers", (4,))
    require(
        ((answers > 0) & (answers <= 1)).all(),
        f"a mean IoU lies between 0 and 1, got {np.round(answers, 3).tolist()}",
    )
    aligned_32, shifted_32, aligned_8, shifted_8 = answers
    require(aligned_8 > aligned_32, "stride 8 keeps more of the label than stride 32; are the first and third swapped?")
    for stride, aligned, shifted in ((32, aligned_32, shifted_32), (8, aligned_8, shifted_8)):
        require(
            shifted < aligned,
            f"at stride {stride} the shifted map scores no worse ({shifted:.3f} against {aligned:.3f}): "
            "was it moved at all, and in both directions?",
        )
        require(
            aligned - shifted > 0.05,
            f"at stride {stride} a shift of half a block costs only {aligned - shifted:.3f}: "
            "is the shift half of *this* stride, along both axes?",
        )
        require(
            aligned - shifted < 0.25,
            f"at stride {stride} the shift costs {aligned - shifted:.3f}, too much for half a block: "
            "did you leave out the strip where `roll` wraps around?",
        )
    require(aligned_8 > 0.8, f"aligned at stride 8 the round trip scores {aligned_8:.3f}; it should lose little")
    return f"half a block costs {aligned_32 - shifted_32:.2f} at stride 32 and {aligned_8 - shifted_8:.2f} at stride 8"


@checker
def bilinear_forms(times: dict[int, tuple[float, float]]) -> str:
    require(isinstance(times, dict), f"times is a dict of size: (grouped, separable), this is {short(times)}")
    sizes = sorted(whole(size, "a size") for size in times)
    missing = [size for size in (32, 64, 128, 256) if size not in sizes]
    require(not missing, f"there is no time for {', '.join(map(str, missing))} samples a side")
    grouped, separable = zip(*(numbers(times[size], f"times[{size}]", (2,)) for size in sizes))
    require(min(*grouped, *separable) > 0, "a time of zero or less was measured; use milliseconds and several calls")
    grouped, separable = np.array(grouped), np.array(separable)
    require(
        grouped[-1] > grouped[0] and separable[-1] > separable[0],
        "a map with 64 times as many samples takes no longer? Time the layer's call, on a map of this size",
    )
    advantage = grouped / separable  # above 1: the separable form is faster
    require(
        advantage[-1] < advantage[0],
        "by your times the separable form gains on larger maps. Its cost per output grows with the map, the grouped "
        "form's does not: is each pair (grouped, separable)?",
    )
    return f"grouped / separable goes from {advantage[0]:.2f} at {sizes[0]} to {advantage[-1]:.2f} at {sizes[-1]}"


@checker
def bilinear_mixing(mean_without_mixing: float) -> str:
    mean = number(mean_without_mixing, "mean_without_mixing")
    require(0 < mean < 1, f"a mean IoU lies between 0 and 1, got {mean:g}")
    require(
        QUICK or mean > 0.5,
        f"{mean:.3f} is far below the frozen layer: was the new form trained, and with a bilinear start?",
    )
    return "the grouped form learns 768 weights and mixes nothing; compare its mean with the two above"
