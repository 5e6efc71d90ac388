"""Receptive fields, measured, a page that chapter 2 leads to."""

import copy
import statistics
from collections.abc import Sequence

import torch
from torch import nn

from segbook.checks.core import checker, generator, require
from segbook.checks.values import Wrong, number, numbers, short, whole

__all__ = ["dilated_bell", "seconds_apart"]

STRIDES, DILATIONS = (2, 2, 1, 1, 1, 1, 1, 1), (1, 1, 1, 2, 4, 4, 2, 1)


def half_square(energy: torch.Tensor, cell: int) -> int:
    """Side of the smallest square around pixel (cell, cell) that holds half of the energy (H, W)."""
    rows = (torch.arange(energy.shape[0]) - cell).abs()
    distance = torch.maximum(rows[:, None], rows[None])
    within = [energy[distance <= radius].sum() for radius in range(energy.shape[0])]
    return 1 + 2 * next(radius for radius, value in enumerate(within) if value >= energy.sum() / 2)


def squared_gradient(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    """Of the middle cell's largest logit, at each pixel (H, W), summed over images and channels."""
    images = images.clone().requires_grad_()
    logits = copy.deepcopy(network).eval()(images)
    cell = logits.shape[-1] // 2
    (gradient,) = torch.autograd.grad(logits[:, :, cell, cell].amax(1).sum(), images)
    return gradient.square().sum((0, 1))


@checker
def dilated_bell(wide: nn.Module, predicted: int, measured: int) -> str:
    require(isinstance(wide, nn.Module), f"wide is the network, this is {short(wide)}")
    predicted, measured = number(predicted, "predicted"), number(measured, "measured")
    layers = [m for m in wide.modules() if isinstance(m, nn.Conv2d) and tuple(m.kernel_size) == (3, 3)]
    require(
        [tuple(m.stride) for m in layers] == [(s, s) for s in STRIDES],
        "the strides of wide's 3x3 layers are not those of small_network: change only dilation and padding",
    )
    rates = [tuple(m.dilation) for m in layers]
    require(rates != [(1, 1)] * 8, "in wide no layer is dilated")
    require(
        rates == [(d, d) for d in DILATIONS],
        f"the rates of wide's 3x3 layers are {[d for d, _ in rates]}; the first two keep theirs, then come the six",
    )
    require(
        all(m.padding == m.dilation for m in layers),
        "in wide a padding does not equal its layer's dilation, so maps shrink and cells move",
    )
    for value, name in ((predicted, "predicted"), (measured, "measured")):
        require(value != 119, f"{name}: 119 is the whole field; the half square is asked for")
        require(value == round(value) and value % 2 == 1, f"{name}: a square around one pixel has an odd side")

    row = torch.zeros(1, 1, 192, dtype=torch.float64).requires_grad_()
    map_, ones = row, torch.ones(1, 1, 3, dtype=torch.float64)
    for s, d in zip(STRIDES, DILATIONS):
        map_ = torch.nn.functional.conv1d(map_, ones, stride=s, padding=d, dilation=d)
    (paths,) = torch.autograd.grad(map_[0, 0, 24], row)
    counted = half_square(torch.outer(paths[0, 0], paths[0, 0]), 96)
    require(
        abs(predicted - counted) <= 2,
        f"counting paths does not give {predicted:g}. Is it the middle row (24) of a 48x48 map, of an input of 192, "
        "with each layer's padding equal to its dilation, and the square taken in two dimensions?",
    )
    try:
        energy = squared_gradient(wide, torch.randn(16, 3, 192, 192, generator=generator()))
    except RuntimeError as error:
        raise Wrong(f"random images (16, 3, 192, 192) do not go through wide: {error}") from error
    require(energy.shape == (192, 192) and energy.sum() > 0, "no gradient of wide's middle cell reaches the image")
    again = half_square(energy, 96)
    require(
        abs(measured - again) <= 6,
        f"measured is {measured:g}, and your network measures otherwise on other random images, by more than chance: "
        "was it measured after its layers had been changed, in evaluation mode, at the middle cell?",
    )
    return f"predicted {predicted:g}, measured {measured:g}, and {again} on other images: the bell itself is wider"


@checker
def seconds_apart(macs: int, flops: int, dense: Sequence[float], depthwise: Sequence[float]) -> str:
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
    medians = []
    for times, name in ((dense, "dense"), (depthwise, "depthwise")):
        times = numbers(times, name).reshape(-1)
        require(len(times) >= 20, f"{name} holds the seconds of at least 20 runs, here are {len(times)}")
        require((times > 0).all(), f"{name}: a run takes more than 0 seconds")
        require(len(set(times.tolist())) > len(times) // 2, f"{name}: no clock repeats itself that often")
        medians.append(statistics.median(times.tolist()))
    speed = 8 * flops / medians[0]
    require(
        speed < 1e15,
        f"dense: {speed:.1e} operations a second are beyond any machine of today; are these seconds, and does the "
        "clock stop after the work is done (on a GPU, after torch.cuda.synchronize)?",
    )
    require(speed > 1e6, f"dense: {medians[0]:.3g} seconds for one run; are these seconds of one run on 8 images?")
    ratio = medians[0] / medians[1]
    require(
        ratio > 0.5,
        f"the depthwise layer would be {1 / ratio:.1f} times slower than the ordinary one; are the two exchanged?",
    )
    require(ratio < 64, "more is gained than the MACs promise; warm up first, then take at least 20 runs of each")
    return f"64 times fewer operations, {ratio:.1f} times as fast: the rest is waiting for memory"
