"""Chapter 11, DeepLabv3+."""

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segbook import data, models
from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, close, number, numbers, short, whole
from segbook.metrics import ConfusionMatrix

__all__ = [
    "plus_decoder",
    "plus_light",
    "plus_seeds",
    "plus_separable",
    "plus_shapes",
    "plus_stop",
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
    ("my_scores", 256): "one logit for each class",
    ("my_scores", (385, 513)): "that is behind the last upsampling",
}


@functools.cache
def shapes() -> dict[str, torch.Size]:
    """Of the four maps, for one image of 385x513."""
    right = {}
    with torch.device("meta"):
        net = models.create("deeplabv3plus_resnet50").eval()
        net.classifier.fuse.register_forward_pre_hook(lambda _, inputs: right.update(my_joined=inputs[0].shape[1:]))
        low, *others, last = net.backbone(torch.empty(1, 3, 385, 513))
        right["my_scores"] = net.logits([low, *others, last]).shape[1:]
        right |= {"my_low": low.shape[1:], "my_aspp": net.classifier.aspp(last).shape[1:]}
    return right


@checker
def plus_shapes(
    my_low: Sequence[int], my_aspp: Sequence[int], my_joined: Sequence[int], my_scores: Sequence[int]
) -> str:
    right = shapes()
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
def plus_separable(my_full: int, my_separable: int, my_multiply_adds: int, my_reach: int) -> str:
    full, separable = whole(my_full, "my_full"), whole(my_separable, "my_separable")
    work, reach = whole(my_multiply_adds, "my_multiply_adds"), whole(my_reach, "my_reach")
    depthwise, across, cells = 64 * 9, 64 * 128, 33 * 33
    slips = {
        64 * 128: "that is a 1x1",
        depthwise + across: "that is the separable one",
        64 * 128 * 13 * 13: "a rate puts gaps between the weights, and no weights into them",
        64 * 128 * 9 + 128: "a bias is not asked for",
    }
    require(full == 9 * across, f"my_full is not {full:,}: {slips.get(full, 'one weight for each tap of each pair')}")
    slips = {
        depthwise: "that is the first step alone",
        across: "that is the second step alone",
        depthwise * across: "one step follows the other: weights add up",
        128 * 9 + across: "the first step has one kernel for each channel that comes in",
        64 * 13 * 13 + across: "a rate puts gaps between the weights, and no weights into them",
        9 * across // 9: "a ninth is nearly right, and the first step is what is missing",
    }
    hint = slips.get(separable, "count both steps, then add")
    require(separable == depthwise + across, f"my_separable is not {separable:,}: {hint}")
    slips = {
        2 * separable * cells: "a multiply-add is one, though it is two FLOP",
        full * cells: "that is what the full one needs",
        depthwise * cells: "that is the first step alone",
        across * cells: "that is the second step alone",
        separable: "each weight is used at every cell",
        separable * 33: "a map has rows and columns",
        separable * 21 * 21: "the padding keeps the size of the map",
    }
    hint = slips.get(work, "how often is each weight used?")
    require(work == separable * cells, f"my_multiply_adds is not {work:,}: {hint}")
    slips = {
        3: "that is rate 1",
        18: "three taps have two gaps, not three",
        12: "from the first to the last, both counted",
        15: "rate 6 leaves five cells out between two taps, not six",
        11: "rate 6 leaves five cells out between two taps, not four",
        169: "in one direction",
    }
    require(reach == 13, f"my_reach is not {reach}: {slips.get(reach, 'where does each tap stand?')}")
    return "weights, work and reach: the rate changes the last alone"


class Parts(nn.Module):
    """A small head's three parts, with weights and statistics that differ from channel to channel."""

    def __init__(self, draw: torch.Generator):
        super().__init__()
        self.reduce = nn.Sequential(nn.Conv2d(7, 5, 1, bias=False), nn.BatchNorm2d(5), nn.ReLU())
        self.fuse = nn.Sequential(nn.Conv2d(10, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.score = nn.Conv2d(6, 4, 1)
        for value in self.state_dict().values():
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=draw))
        for layer in (self.reduce[1], self.fuse[1]):
            layer.running_var.abs_().add_(0.1)
        self.double().eval()


def bilinear(x: Tensor, size: Sequence[int], corners: bool = False) -> Tensor:
    """Bilinear resize by two matrices of tents: (N, C, h, w) -> (N, C, *size)."""
    for axis, m in ((2, size[0]), (3, size[1])):
        n = x.shape[axis]
        out = torch.arange(m, dtype=x.dtype)
        at = out * (n - 1) / max(m - 1, 1) if corners else ((out + 0.5) * n / m - 0.5).clamp(0, n - 1)
        tents = (1 - (at[:, None] - torch.arange(n)).abs()).clamp(min=0)
        x = torch.movedim(torch.tensordot(x, tents, dims=([axis], [1])), -1, axis)
    return x


def joined(parts: Parts, low: Tensor, coarse: Tensor, size: Sequence[int], order: int = 1, corners: int = 0) -> Tensor:
    """The logits of the head; with another order, or with corners aligned in the first resize (1), the last (2)."""
    coarse = bilinear(coarse, low.shape[-2:], corners in (1, 3))
    pair = [coarse, parts.reduce(low)][::order]
    return bilinear(parts.score(parts.fuse(torch.cat(pair, 1))), size, corners in (2, 3))


@checker
def plus_decoder(decode: Callable) -> str:
    draw = generator()
    sizes = (((8, 12), (2, 3), (32, 48)), ((7, 9), (2, 3), (25, 34)), ((5, 12), (3, 3), (17, 45)))
    for fine, few, size in sizes:
        parts = Parts(draw)
        low = torch.randn(2, *fine, 7, generator=draw, dtype=torch.float64).permute(0, 3, 1, 2)  # not contiguous
        coarse = torch.randn(2, 5, *few, generator=draw, dtype=torch.float64)
        said = f"decode, for a low-level feature of {fine[0]}x{fine[1]} cells and ASPP's of {few[0]}x{few[1]},"
        before = {name: value.clone() for name, value in parts.state_dict().items()}
        low.requires_grad_()
        coarse.requires_grad_()
        require(callable(decode), f"a function is asked for, this is {short(decode)}")
        given = (low.detach().clone(), coarse.detach().clone())
        decoded = functools.partial(decode, parts.reduce, parts.fuse, parts.score, low, coarse, size)
        found = call(decoded, said=said)  # not on copies: gradients are to come back
        require(isinstance(found, Tensor), f"{said} returns {short(found)}; logits (N, C, H, W) are asked for")
        now = parts.state_dict()
        require(
            all(torch.equal(value, now[name]) for name, value in before.items())
            and not any(part.training for part in parts.modules()),
            f"{said} changed the trained parts or their mode",
        )
        unchanged = torch.equal(low, given[0]) and torch.equal(coarse, given[1])
        require(unchanged, f"{said} changed its input; callers still need what they passed")
        require(
            found.shape != (2, 4, *fine),
            f"{said} returns logits of {fine[0]}x{fine[1]}, and the image has {size[0]}x{size[1]} pixels",
        )
        shape = tuple(found.shape)
        require(shape == (2, 4, *size), f"{said} returns {shape}, and (2, 4, {size[0]}, {size[1]}) is asked for")
        right = joined(parts, low, coarse, size)
        if not close(found.detach(), right.detach()):
            with torch.no_grad():
                slips = {
                    "the two maps are joined in the order in which the weights of `fuse` do not expect them": (-1, 0),
                    "corners are aligned in the first resize, and the network was trained otherwise": (1, 1),
                    "corners are aligned in the last resize, and the network was trained otherwise": (1, 2),
                    "corners are aligned, and the network was trained otherwise": (1, 3),
                }
                made = {text: joined(parts, low, coarse, size, *slip) for text, slip in slips.items()}
            hint = next((text for text, slip in made.items() if close(found.detach(), slip)), "")
            hint = hint or "which rule has each resize, and in which order are the maps joined?"
            raise Wrong(f"{said} has the right shape and other logits: {hint}")
        require(found.requires_grad, f"{said} cannot be trained: no gradient comes back from its logits")
        back = torch.randn(found.shape, generator=draw, dtype=torch.float64)
        ours, theirs = (torch.autograd.grad(out, (low, coarse), back) for out in (found, right))
        require(all(close(a, b) for a, b in zip(ours, theirs)), f"{said} sends back another gradient")
    return "the same logits and gradients, at sizes that are multiples and at sizes that are not"


@functools.cache
def scores_at_stride_4() -> list[float]:
    """mIoU of the network that ships, at stride 4, against the labels at each of the four offsets."""
    val = data.load("toy", "val")
    images, labels = (torch.stack(part) for part in zip(*val))
    net = models.create("deeplabv3plus_tiny", weights="toyvoc").eval()
    with torch.no_grad():
        small = torch.cat([net.logits(net.backbone(part)).argmax(1) for part in images.split(25)])
    found = []
    for a in range(4):
        matrix = ConfusionMatrix(21)
        matrix.update(small, labels[:, a::4, a::4])
        found.append(matrix.mean_iou())
    return found


@checker
def plus_stop(miou_by_offset: Sequence[float]) -> str:
    if isinstance(miou_by_offset, dict):
        miou_by_offset = [miou_by_offset.get(a, math.nan) for a in range(4)]
    found = numbers(miou_by_offset, "miou_by_offset", (4,))
    require(((found > 0) & (found < 1)).all(), "an mIoU lies between 0 and 1, one for each of the offsets 0, 1, 2, 3")
    require(len(set(found.tolist())) > 1, "all four are the same: do rows and columns of the labels start at a?")
    right = np.array(scores_at_stride_4())
    said = ", ".join(f"{value:.4f}" for value in found)
    if np.abs(found - right).max() > 0.002:
        off = [str(a) for a in range(4) if abs(found[a] - right[a]) > 0.002]
        raise Wrong(
            f"{said}: the network that ships gives others at offset {' and '.join(off)}. Are these the classes of "
            "`plus` at stride 4, has each offset a matrix of its own, and do rows and columns both start at a?"
        )
    return f"{found.max() - found.min():.3f} between offsets of one network: say where the labels come from"


@functools.cache
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
    separable = my_options.get("separable", False)
    said = f"separable is True or False, this is {short(separable)}"
    require(not isinstance(separable, str) and separable in (True, False), said)
    options["separable"] = bool(separable)
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
