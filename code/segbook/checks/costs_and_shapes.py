"""Costs and shapes, a page that chapters 9 and 11 lead to."""

import functools
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbook import models
from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, numbers, short, whole

__all__ = ["costs_rank", "dilated_memory"]


@functools.cache
def kept_for_backward(stride: int, batch: int) -> int:
    """Bytes that autograd stores when fcn_resnet50_d8 sees `batch` images of 512x512, weights apart."""
    with torch.device("meta"):
        net = models.create("fcn_resnet50_d8", output_stride=stride)
        own = {p.untyped_storage()._cdata for p in [*net.parameters(), *net.buffers()]}
        kept = {}

        def note(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            kept[storage._cdata] = storage
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda t: t):
            net.forward_with_aux(torch.empty(batch, 3, 512, 512))
    return sum(storage.nbytes() for key, storage in kept.items() if key not in own)


@checker
def dilated_memory(batch_at_8: int, batch_at_16: int) -> str:
    limit = 16 * 2**30
    found = {8: whole(batch_at_8, "batch_at_8"), 16: whole(batch_at_16, "batch_at_16")}
    require(min(found.values()) >= 1, "a batch has at least one image")
    require(found[8] < found[16], "the finer map needs more memory for an image, so fewer images fit")
    for stride, batch in found.items():
        need, more = (kept_for_backward(stride, n) for n in (batch, batch + 1))
        require(
            need <= limit,
            f"{batch} images at output stride {stride} keep {need / 2**30:.1f} GiB: was the auxiliary head counted?",
        )
        require(
            more > limit,
            f"at output stride {stride} one image more still fits ({more / 2**30:.2f} GiB); are weights counted with "
            "every image?",
        )
    return f"{found[8]} and {found[16]} images, and not one more"


@checker
def costs_rank(split_exactly: Callable) -> str:
    draw = generator()

    def whole_numbers(*shape: int) -> Tensor:
        return torch.randint(-2, 3, shape, generator=draw).float()

    slope = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    mixed = torch.cat([whole_numbers(12, rank) @ whole_numbers(rank, 9) for rank in (1, 3, 2)])
    kernels = {
        "the two gradients": torch.stack([slope, slope.T])[:, None],
        "a random kernel of 20 outputs and 6 channels": torch.randn(20, 6, 3, 3, generator=draw),
        "a random kernel of 4 outputs and 5 channels": torch.randn(4, 5, 3, 3, generator=draw),
        "a kernel whose three channels have rank 1, 3 and 2": mixed.view(3, 12, 3, 3).transpose(0, 1).contiguous(),
        "a kernel that is separable": whole_numbers(7, 4, 1, 1) * (whole_numbers(1, 4, 3, 3) + 0.5),
    }
    for said, kernel in kernels.items():
        outputs, channels = kernel.shape[:2]
        result = call(split_exactly, kernel, said=f"split_exactly, for {said},")
        require(
            isinstance(result, tuple | list) and len(result) == 2,
            f"for {said} it returns {short(result)}; two kernels are asked for, (depthwise, across)",
        )
        depthwise, across = (torch.from_numpy(numbers(part, "a kernel")).float() for part in result)
        shapes = f"shapes {tuple(depthwise.shape)} and {tuple(across.shape)}"
        copies = len(depthwise) // channels
        require(
            depthwise.shape == (copies * channels, 1, 3, 3) and across.shape == (outputs, copies * channels, 1, 1),
            f"for {said} the kernels have the {shapes}, and F.conv2d needs "
            "(copies * channels, 1, 3, 3) and (outputs, copies * channels, 1, 1)",
        )
        x = torch.randn(2, channels, 9, 8, generator=draw)
        expected = F.conv2d(x, kernel)
        made = F.conv2d(F.conv2d(x, depthwise, groups=channels), across)
        off = ((made - expected).norm() / expected.norm()).item()
        ranks = [np.linalg.matrix_rank(kernel[:, c].flatten(1).double().numpy()) for c in range(channels)]
        if not off < 1e-3:
            hint = "are the copies of one channel next to one another, and is each part's size (the s of the SVD) in?"
            if copies < max(ranks):
                hint = "with so few copies only the nearest kernel can be had, not the kernel itself"
            raise Wrong(f"for {said}, with {copies} copies, the answers are off by {off:.0%}: {hint}")
        require(
            copies <= max(ranks),
            f"for {said} it is exact with {copies} copies of each channel, and fewer would do: how many different "
            "kernels do the outputs need on one channel? Count directions, not outputs",
        )
    return "exact, with as many copies as the channel of highest rank needs"
