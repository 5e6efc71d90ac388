"""The optional page Frozen or learned?"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import apart, number, short

__all__ = ["diagonal_share", "upsampler_without_mixing"]


def made(make: Callable) -> nn.Module:
    """A layer of the reader's, in float64."""
    layer = call(make, said="without_mixing()")
    require(isinstance(layer, nn.Module), f"without_mixing() makes a layer, an nn.Module; it returned {short(layer)}")
    return layer.double()


def output(layer: nn.Module, maps: torch.Tensor) -> torch.Tensor:
    """What the layer makes of maps (N, 3, H, W), if that is eight times as large."""
    result = call(layer, maps, said=f"the layer, given maps of the shape {tuple(maps.shape)},")
    require(isinstance(result, torch.Tensor), f"the layer returns a tensor, this is {short(result)}")
    wanted = (*maps.shape[:2], 8 * maps.shape[2], 8 * maps.shape[3])
    require(
        result.shape == wanted,
        f"of maps {tuple(maps.shape)} the layer makes {tuple(result.shape)}, and {wanted} is needed",
    )
    return result


@checker
def upsampler_without_mixing(without_mixing: Callable) -> str:
    draw = generator()
    layer = made(without_mixing)
    maps = torch.randn(2, 3, 7, 5, generator=draw).double().transpose(2, 3)  # no sizes of the page, not contiguous
    wanted = F.interpolate(maps, scale_factor=8, mode="bilinear")

    def bilinear(layer: nn.Module) -> bool:
        off = output(layer, maps).detach() - wanted
        return off[..., 4:-4, 4:-4].abs().max().item() < 1e-5

    require(bilinear(layer), "before any training the layer does not interpolate bilinearly: from which weights?")
    weights = [weight for weight in layer.parameters() if weight.requires_grad]
    require(weights, "the layer has nothing that training may change")
    for weight in weights:  # any weights that training may come to
        weight.data = torch.randn(weight.shape, generator=draw).double()
    for channel in range(3):
        alone = torch.zeros_like(maps)
        alone[:, channel] = maps[:, channel]
        reached = (output(layer, alone) - output(layer, torch.zeros_like(maps))).detach().abs().amax((0, 2, 3)) > 0
        others = [str(other) for other in range(3) if other != channel and reached[other]]
        require(
            not others,
            f"it can mix: with other weights, input channel {channel} reaches output channel {' and '.join(others)}",
        )
        require(reached[channel], f"input channel {channel} reaches no output")
    output(layer, maps).square().sum().backward()
    used = sum(int(weight.grad.count_nonzero()) for weight in weights if weight.grad is not None)
    require(
        used >= 3 * 16 * 16,
        f"training can change {used} weights of it, and to bend every kernel freely it needs one for each cell of a "
        "kernel in each channel",
    )
    require(
        bilinear(made(without_mixing)),
        "called a second time, without_mixing() gives a layer with the weights of the first: each training needs its "
        "own",
    )
    return f"a bilinear start, {used} weights that learn, and nothing between the channels"


@checker
def diagonal_share(share: Callable) -> str:
    draw = generator()
    for ins, outs, size in ((3, 3, 16), (2, 5, 3), (4, 2, 1), (1, 1, 4)):
        weight = torch.randn(size, size, outs, ins, generator=draw).double().permute(3, 2, 0, 1)  # not contiguous
        said = f"diagonal_share of weights {tuple(weight.shape)}"
        given = number(call(share, weight, said=said), said)
        parts = [[weight[i, j].abs().sum().item() for j in range(outs)] for i in range(ins)]
        true = sum(parts[i][i] for i in range(min(ins, outs))) / sum(map(sum, parts))
        signed = sum(weight[i, i].sum().item() for i in range(min(ins, outs))) / weight.sum().item()
        require(
            abs(given - signed) > 1e-3 or abs(given - true) < 1e-3,
            f"{said} adds weights of both signs, which cancel: absolute ones are asked for",
        )
        require(0 <= given <= 1.0001, f"{said} is {apart(given, 1)}, and a share lies between 0 and 1")
        require(
            abs(given - true) < 1e-3,
            f"{said} is not right: which pairs of channels lie on the diagonal, and what is the whole?",
        )
    return "square or not, of any size"
