"""Chapter 11, DeepLabv3+."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from segbook import QUICK, models
from segbook.checks.core import call, checker, require
from segbook.checks.values import Wrong, close, number, numbers, short, whole

__all__ = [
    "plus_bug",
    "plus_light",
    "plus_multiplier",
    "plus_seeds",
    "plus_shapes",
    "plus_stop",
    "plus_switch",
]

SHAPE_HINTS = {
    ("my_low", 48): "48 is what the decoder makes of it",
    ("my_low", 64): "this is the stem's; the first stage comes behind it",
    ("my_aspp", 2048): "those channels go into ASPP",
    ("my_aspp", 1280): "those are its five branches side by side; they are mixed before they leave",
    ("my_aspp", 1024): "ASPP has five branches, and they are mixed before they leave",
    ("my_aspp", (97, 129)): "that is after the resize",
    ("my_aspp", (49, 65)): "that is output stride 8",
    ("my_joined", 256): "joined is not added: both maps keep their channels",
    ("my_joined", 512): "the fine feature is reduced before",
    ("my_joined", 48): "that is one of the two maps",
    ("my_joined", (25, 33)): "which of the two maps is resized to the other?",
    ("my_scores", 20): "background is a class as well",
    ("my_scores", 256): "one score for each class",
    ("my_scores", (385, 513)): "that is behind the last enlargement",
}


@checker
def plus_shapes(
    my_low: Sequence[int], my_aspp: Sequence[int], my_joined: Sequence[int], my_scores: Sequence[int]
) -> str:
    right = {}
    with torch.device("meta"):
        net = models.create("deeplabv3plus_resnet50").eval()
        net.classifier.fuse.register_forward_pre_hook(lambda _, inputs: right.update(my_joined=inputs[0].shape[1:]))
        low, *others, last = net.backbone(torch.empty(1, 3, 385, 513))
        right["my_scores"] = net.logits([low, *others, last]).shape[1:]
        right |= {"my_low": low.shape[1:], "my_aspp": net.classifier.aspp(last).shape[1:]}
    for name, value in (("my_low", my_low), ("my_aspp", my_aspp), ("my_joined", my_joined), ("my_scores", my_scores)):
        shape = numbers(value, name)
        shape = shape[1:] if shape.shape == (4,) and shape[0] == 1 else shape  # one image in front does no harm
        channels, height, width = numbers(shape, name, (3,)).tolist()
        if [channels, height, width] != list(right[name]):
            hint = SHAPE_HINTS.get((name, channels)) or SHAPE_HINTS.get((name, (height, width)))
            down = (height, width) in [(385 // stride, 513 // stride) for stride in (4, 8, 16)]
            hint = hint or ("sizes are rounded up, as every padded convolution does" if down else "follow it by hand")
            raise Wrong(f"{name} is not ({channels:g}, {height:g}, {width:g}): {hint}")
    return "four maps, at strides 4, 16, 4 and 4"


def chance_by_counting(n: int) -> float:
    """Share of the ways to place n of 2n results that leave the two groups apart."""
    ways = list(itertools.combinations(range(2 * n), n))
    return sum(way[-1] == n - 1 or way[0] == n for way in ways) / len(ways)


@checker
def plus_seeds(chance_apart: Callable, my_seeds: int) -> str:
    for n in range(1, 7):
        said = f"chance_apart({n})"
        found, right = number(call(chance_apart, n, said=said), said), chance_by_counting(n)
        slips = {
            "either of the two variants may be the upper one": right / 2,
            "results are not compared in pairs: each of one variant must beat all of the other": 2 * 0.5**n,
            "the order among the n of one variant does not matter": 2 / math.factorial(2 * n),
            "that is how often they are not apart": 1 - right,
        }
        hint = next((text for text, slip in slips.items() if close(found, slip)), "count the ways for n = 1, then 2")
        require(abs(found - right) <= 0.05 * right + 0.001, f"{said} is {found:.4g}, and counting says no: {hint}")
    n = whole(my_seeds, "my_seeds")
    require(1 <= n <= 8, f"{n} seeds: fewer than nine are enough, and more than none are needed")
    require(chance_by_counting(n) < 0.01, f"with {n} seeds you are fooled {chance_by_counting(n):.3f} of the time")
    require(n == 1 or chance_by_counting(n - 1) >= 0.01, f"{n} seeds are enough, and so is one less")
    return f"{n} seeds, for one comparison; who tries twenty is fooled more often"


@checker
def plus_multiplier(split_exactly: Callable) -> str:
    draw = torch.Generator().manual_seed(0)

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
            f"for {said} the kernels have the {shapes}, and F.conv2d needs (m C, 1, 3, 3) and (D, m C, 1, 1)",
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
            raise Wrong(f"for {said}, with m = {copies}, the answers are off by {off:.0%}: {hint}")
        require(
            copies <= max(ranks),
            f"for {said} it is exact with m = {copies}, and a smaller m would do: how many different kernels do the "
            "outputs need on one channel? Count directions, not outputs",
        )
    return "exact, with as many copies as the channel of highest rank needs"


@checker
def plus_bug(enlarge_right: Callable) -> str:
    draw = torch.Generator().manual_seed(0)
    for n, m in ((33, 33), (4, 9), (2, 5)):
        said = f"enlarge_right, for a map of {n}x{m} cells,"
        row, column = torch.meshgrid(16.0 * torch.arange(n), 16.0 * torch.arange(m), indexing="ij")
        cells = torch.stack([row, column, torch.randn(n, m, generator=draw)])[None]
        found = numbers(call(enlarge_right, cells, said=said), "the enlarged map")
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


@checker
def plus_stop(miou_by_offset: Sequence[float]) -> str:
    if isinstance(miou_by_offset, dict):
        miou_by_offset = [miou_by_offset.get(a, math.nan) for a in range(4)]
    found = numbers(miou_by_offset, "miou_by_offset", (4,))
    require(((found > 0) & (found < 1)).all(), "a mean IoU lies between 0 and 1, one for each of a = 0, 1, 2, 3")
    distinct = QUICK or len(set(found.tolist())) > 1
    require(distinct, "all four are the same: are rows and columns of the labels taken from a on?")
    said = ", ".join(f"{value:.3f}" for value in found)
    require(
        QUICK or found.max() > 0.6,
        f"{said}: a trained network has more; are these the classes of `plus` at stride 4, and the labels not resized "
        "in another way?",
    )
    require(
        QUICK or min(found[1:3]) > max(found[0], found[3]) + 0.025,
        f"{said}: by the formula two of the offsets stand nearer to where a cell is drawn, by points and not by "
        "tenths. Has each offset a matrix of its own, and do rows and columns both start at a?",
    )
    return f"{found.max() - found.min():.3f} between offsets of one network: say where the labels come from"


@checker
def plus_switch(switched: dict, before: dict) -> str:
    require(isinstance(switched, dict), f"switched is a dict, this is {short(switched)}")
    require(set(switched) == {"bilinear", "decoder"}, f"the names are bilinear and decoder, not {list(switched)}")
    lost = []
    for name, hint in (
        ("bilinear", "is it `model.align_corners` that was set, and the score taken before it was set back?"),
        ("decoder", "it enlarges twice; was the setting changed in the model and in `plus.classifier`?"),
    ):
        value, was = number(switched[name], name), number(before[name][0], f"the score of {name} before")
        require(0 < value < 1, f"{name}: a mean IoU lies between 0 and 1, got {value:g}")
        lost.append(was - value)
        require(QUICK or lost[-1] > 0.015, f"{name} goes from {was:.3f} to {value:.3f}, which is too little: {hint}")
        require(QUICK or lost[-1] < 0.1, f"{name} goes from {was:.3f} to {value:.3f}: did anything else change?")
    require(QUICK or lost[0] != lost[1], "both lose the same: are they two networks?")
    return f"{lost[0]:.3f} and {lost[1]:.3f} lost, without a word of warning"


def gflop(**options: bool | int) -> float:
    """10^9 operations of DeepLabv3+ on MobileNetV2 for one image of 512x512."""
    with torch.device("meta"):
        net = models.create("deeplabv3plus_mobilenet_v2", **options).eval()
        with FlopCounterMode(display=False) as counter:
            net(torch.empty(1, 3, 512, 512))
    return counter.get_total_flops() / 1e9


@checker
def plus_light(my_options: dict) -> str:
    allowed = ("separable", "decoder_convs", "head_width", "low_level_channels")
    require(isinstance(my_options, dict), f"my_options is a dict, this is {short(my_options)}")
    for name in my_options:
        require(name in allowed, f"{name!r} is not one of the options to choose: {', '.join(allowed)}")
    options = {name: whole(value, name) for name, value in my_options.items() if name != "separable"}
    options["separable"] = bool(my_options.get("separable", False))
    require(min(options.get(name, 1) for name in allowed[1:]) >= 1, "every number of channels or layers is at least 1")
    require(options.get("decoder_convs", 2) == 2, "the decoder keeps its two 3x3 convolutions")
    width = options.get("head_width", 256)
    require(width % 64 == 0, f"a head of {width} channels: steps of 64 are asked for")
    require(width <= 1024, f"a head of {width} channels is wider than any that could fit")
    spent = gflop(**options)
    require(
        spent <= 15,
        f"this spends {spent:.1f} GFLOP, and 15 are there"
        + ("" if options["separable"] else "; which kind of 3x3 needs a ninth of the operations?"),
    )
    wider = options | {"separable": True, "head_width": width + 64}
    wider["low_level_channels"] = min(options.get("low_level_channels", 48), 48)
    require(gflop(**wider) > 15, f"this spends {spent:.1f} GFLOP of 15, and a wider head still fits")
    return f"{spent:.1f} GFLOP, for a head of {width} channels"
