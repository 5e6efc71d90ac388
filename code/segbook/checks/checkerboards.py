"""Deeper, Checkerboards."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import apart, close, numbers, short, whole

__all__ = ["checkerboard_kept", "checkerboard_subpixel"]

LIMIT = 0.01  # of unevenness: above it a grid counts as kept
SETTINGS = {2: (0, 0), 5: (2, 1), 6: (2, 0)}  # kernel: padding and output_padding that double the size


def doubled(small: Tensor, weight: Tensor, k: int) -> Tensor:
    """small (N, 1, h, w) through kernels (kinds, k, k): (N, kinds, 2h, 2w)."""
    padding, extra = SETTINGS[k]
    return F.conv_transpose2d(small, weight[None], stride=2, padding=padding, output_padding=extra)


@checker
def checkerboard_kept(predicted: Sequence[int], kernels: dict[int, Tensor]) -> str:
    guess = list(predicted) if isinstance(predicted, Sequence | set | np.ndarray | Tensor) else [predicted]
    guess = {whole(kernel, "a kernel size of predicted") for kernel in guess}
    require(guess <= set(SETTINGS), f"predicted holds kernel sizes out of 2, 5 and 6, this is {short(predicted)}")
    require(isinstance(kernels, dict), f"kernels is a dict of size: weights, this is {short(kernels)}")
    kernels = {whole(size, "a key of kernels"): weight for size, weight in kernels.items()}
    noise = torch.randn(16, 1, 6, 6, generator=generator())
    large = F.interpolate(noise, (32, 32), mode="bicubic")
    small = F.avg_pool2d(large, 2)
    kept = {}
    for k in SETTINGS:
        require(k in kernels, f"kernels has nothing for size {k}")
        weight = kernels[k].weight if isinstance(kernels[k], nn.Module) else kernels[k]
        weight = numbers(weight, f"kernels[{k}]")
        require(weight.size == k * k, f"kernels[{k}] has the shape {weight.shape}, and one kernel {k} x {k} is needed")
        weight = torch.from_numpy(weight.reshape(k, k))
        require(weight.isfinite().all(), f"kernels[{k}] holds values that are no finite numbers")
        alone = doubled(small, torch.eye(k * k).view(-1, k, k), k).movedim(1, -1).flatten(0, 2).double()
        truth = large.flatten().double()
        best = torch.linalg.solve(alone.T @ alone, alone.T @ truth)
        least, error = ((alone @ one - truth).pow(2).mean().item() for one in (best, weight.flatten()))
        require(
            error < 1.2 * least,
            f"on new maps kernels[{k}] has {apart(error / least, 1.2)} times the error of the best kernel of its size: "
            "do padding and output_padding double the size exactly, and is it the whole fit?",
        )
        sums = torch.stack([weight[a::2, b::2].sum() for a in (0, 1) for b in (0, 1)])
        kept[k] = (sums.std(correction=0) / sums.pow(2).mean().sqrt()).item()
    require(
        guess == {k for k, value in kept.items() if value > LIMIT},
        "the kernels are the best ones, and the prediction differs from what they keep. How many inputs does an even "
        "output see, and an odd one?",
    )
    return "three best kernels, and your prediction holds for each: " + ", ".join(
        f"{k} keeps {apart(value, LIMIT)}" for k, value in kept.items()
    )


@checker
def checkerboard_subpixel(even_start: Callable) -> str:
    draw = generator()
    for channels_in, channels_out, stride, k in ((3, 2, 2, 3), (1, 4, 3, 5), (2, 3, 4, 1)):
        said = f"even_start({channels_in}, {channels_out}, {stride}, {k})"
        values = call(even_start, channels_in, channels_out, stride, k, said=said)
        weight = torch.from_numpy(numbers(values, said, (channels_out * stride**2, channels_in, k, k)))
        image = torch.rand(2, channels_in, 5, 7, generator=draw, dtype=torch.float64)
        z = F.pixel_shuffle(F.conv2d(image, weight, padding=k // 2), stride)
        blocks = F.interpolate(z[..., ::stride, ::stride], scale_factor=stride, mode="nearest")
        swapped = weight.unflatten(0, (stride**2, channels_out)).transpose(0, 1).flatten(0, 1)
        order = F.pixel_shuffle(F.conv2d(image, swapped, padding=k // 2), stride)
        order_even = close(order, F.interpolate(order[..., ::stride, ::stride], scale_factor=stride))
        require(
            close(z, blocks),
            f"with {said} the values in one block of {stride} x {stride} differ by up to "
            f"{apart((z - blocks).abs().max().item(), 0)}"
            + (": in which order does pixel_shuffle take its channels?" if order_even else ": the phases disagree"),
        )
        kernels = weight[:: stride**2].flatten()
        require(
            kernels.isfinite().all() and len(kernels.unique()) == len(kernels),
            f"{said} draws no grid, but not all of its {len(kernels)} free weights are random: equal ones would go on "
            "learning the same",
        )
    again = numbers(call(even_start, 3, 2, 2, 3), "even_start(3, 2, 2, 3)")
    require(
        not close(again, numbers(call(even_start, 3, 2, 2, 3), "even_start(3, 2, 2, 3)")),
        "two calls return the same weights; two layers of a network should not start alike",
    )
    return "a fresh layer that equals a convolution and nearest-neighbour upsampling, at strides 2, 3 and 4"
