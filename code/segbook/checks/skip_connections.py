"""Chapter 7, Skip connections: FCN-16s and FCN-8s."""

import itertools
import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike
from torch import Tensor, nn

from segbook import data
from segbook.bilinear import BilinearUpsample, bilinear_matrix
from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import close, number, numbers, short, whole
from segbook.metrics import ConfusionMatrix
from segbook.models.fcn import FCN
from segbook.models.vgg import VGG16

__all__ = [
    "skip_alike",
    "skip_by_hand",
    "skip_crop_start",
    "skip_four_s",
    "skip_in_place",
    "skip_taps",
]


@checker
def skip_alike(first: ArrayLike, second: ArrayLike) -> str:
    labels = []
    for value, name in ((first, "first"), (second, "second")):
        label = torch.from_numpy(numbers(value, name)).squeeze()
        require(tuple(label.shape) == (96, 128), f"{name} has the shape {tuple(label.shape)}; a map of 96x128 is asked")
        require(((label == 0) | (label == 1)).all(), f"{name} holds other classes than 0 and 1")
        labels.append(label)
    a, b = labels
    require((a != b).any(), "the two maps are the same, pixel by pixel")
    counts = {}
    for stride in (16, 8):
        pixels = [label.unfold(0, stride, stride).unfold(1, stride, stride).sum((2, 3)) for label in labels]
        counts[stride] = int((pixels[0] != pixels[1]).sum())
    require(
        counts[16] == 0,
        f"at stride 16 the shares of {counts[16]} cells differ: what has moved must stay within its 16x16 pixels",
    )
    require(
        counts[8] > 0,
        "at stride 8 all shares are the same as well: something has to cross a border between two cells of 8x8 pixels",
    )
    return f"one label for whoever reads cells at stride 16, and {counts[8]} cells that differ at stride 8"


@checker
def skip_by_hand(z16: ArrayLike, upsampled: ArrayLike) -> str:
    z, twice = numbers(z16, "z16").squeeze(), numbers(upsampled, "upsampled").squeeze()
    require(z.shape == (4,), f"z16 is four values, these have the shape {tuple(z.shape)}")
    require(twice.shape == (8,), f"upsampled is eight values, these have the shape {tuple(twice.shape)}")
    votes = torch.tensor([0.0, -4, 2, -1])
    coarse = bilinear_matrix(2, 2) @ torch.tensor([8.0, 0])
    right = coarse + votes
    slips = (
        (coarse, "these are the upsampled coarse cells; the votes are still to be added"),
        (torch.tensor([8.0, 8, 0, 0]) + votes, "each cell was repeated; bilinear values lie between two cells"),
        (torch.tensor([8.0, 6, 2, 0]) + votes, "at the border there is nothing beyond the last cell: it fades"),
        (votes, "these are the votes alone"),
        (coarse - votes, "votes are added"),
    )
    places = [i for i in range(4) if not close(z[i], right[i], atol=1e-3)]
    said = f"the sum is not right at the places {places}, counted from 0"
    require(not places, "z16: " + next((why for value, why in slips if close(z, value, atol=1e-3)), said))
    wanted = bilinear_matrix(4, 2) @ right
    places = [i for i in range(8) if not close(twice[i], wanted[i], atol=1e-3)]
    hint = "each new value is 3/4 of the nearer and 1/4 of the further neighbour"
    if close(twice, right.repeat_interleave(2), atol=1e-3):
        hint = "each value was repeated"
    elif set(places) <= {0, 7}:
        hint = "beyond the last value there is nothing, at either end"
    require(not places, f"upsampled is not right at the places {places}, counted from 0: {hint}")
    return "added up and upsampled, ends included"


def thin_vgg(padding: int) -> VGG16:
    """VGG-16 with one channel everywhere: all of its geometry, none of its weight."""
    return VGG16(widths=(1,) * 5, fc_width=1, padding=padding)


@checker
def skip_crop_start(crop_start: Callable) -> str:
    draw = generator()
    for padding in (100, 97, 90, 81):
        right = round(31.5 - thin_vgg(padding).fields()[2].centre)
        for n in (320, 375, 500, 512, 33, *torch.randint(33, 1000, (3,), generator=draw).tolist()):
            arguments = (n,) if padding == 100 else (n, padding)
            said = f"crop_start({', '.join(map(str, arguments))})"
            start = whole(call(crop_start, *arguments, said=said), said)
            middle = (32 * (math.ceil((n + 2 * padding - 2) / 32) - 5) - n) // 2
            hint = "which row of the upsampled map has its middle on pixel 0?"
            if start == middle:
                hint = "that is the middle. In front the margin is fixed, behind it is what the pools' rounding leaves"
            elif padding != 100 and start == 19:
                hint = "this start belongs to padding 100 alone"
            elif abs(start - right) == 1:
                hint = "off by one; does a cell stand on a pixel or between two?"
            require(start == right, f"{said} is {start}, and that row is not pixel row 0: {hint}")
    return "the same start at every height, for four paddings"


def taps(factors: Sequence[int]) -> int:
    """Outputs that a single 1 reaches, in one dimension."""
    x = torch.zeros(9)
    x[4] = 1
    for factor in factors:
        x = bilinear_matrix(len(x), factor) @ x
    return int((x > 0).sum())


@checker
def skip_taps(taps_16s: int, taps_8s: int, taps_32s: int) -> str:
    steps = {"taps_16s": (2, 16), "taps_8s": (2, 2, 8), "taps_32s": (32,)}
    found = {name: whole(value, name) for name, value in zip(steps, (taps_16s, taps_8s, taps_32s))}
    for name, factors in sorted(steps.items(), key=lambda step: len(step[1])):  # at once first: the others rest on it
        value, right = found[name], taps(factors)
        hint = f"a 1 that is upsampled by {', then by '.join(map(str, factors))} reaches another number of pixels"
        if value == math.prod(2 * f for f in factors):
            hint = "kernels do not multiply: neighbouring stamps lie closer than they are wide, and overlap"
        elif value == 64:
            hint = "that is the reach of one upsampling by 32; the steps of a chain have tails of their own"
        elif value in (32, 2 * 32 - 1):
            hint = "the kernel of an upsampling by f has 2f taps, and none of them is zero"
        elif value in (right - 1, right + 1):
            hint = "off by one: how many gaps lie between the stamps of the first step's values?"
        elif len(factors) == 3 and value == taps((2, 16)):
            hint = "that is the 16s; one doubling more makes the reach longer"
        require(value == right, f"{name} is {value}: {hint}")
    return "the more steps, the wider a coarse vote reaches"


class FourMaps(nn.Module):
    """Stands for the backbone: features at strides 4, 8, 16 and 32, each with a number of channels of its own."""

    def __init__(self, channels: Sequence[int] = (5, 6, 7, 8)):
        super().__init__()
        self.channels = list(channels)
        self.mix = nn.ModuleList([nn.Conv2d(3, width, 1) for width in channels])

    def forward(self, x: Tensor) -> list[Tensor]:
        sizes = [[-(-n // stride) for n in x.shape[-2:]] for stride in (4, 8, 16, 32)]
        return [mix(F.adaptive_avg_pool2d(x, size)) for mix, size in zip(self.mix, sizes)]


def sum_of_votes(
    features: Sequence[Tensor], layers: Sequence[nn.Module], last: int, size: Sequence[int], whole_border=(False, False)
) -> Tensor:
    """U_last(... U_2(A_32 h_32) + A_16 h_16 ...), cut to the size; features and layers from fine to coarse.

    whole_border: whether the doublings, and the last upsampling, keep their values at the border instead of fading.
    """
    *finer, z = [layer(h) for layer, h in zip(layers, features)]
    for vote in reversed(finer):
        z = BilinearUpsample(z.shape[1], 2, normalise=whole_border[0])(z)
        z = z[..., : vote.shape[2], : vote.shape[3]] + vote
    z = BilinearUpsample(z.shape[1], last, normalise=whole_border[1])(z)
    return z[..., : size[0], : size[1]]


def four_votes(net: nn.Module, backbone: FourMaps, classes: int) -> list[nn.Conv2d]:
    """The layers that vote, from fine to coarse: each there, learned, and nothing learned besides."""
    inside = {m for part in net.modules() if isinstance(part, FourMaps) for m in part.modules()}
    rest = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m not in inside]
    layers = [next((m for m in rest if m.in_channels == width), None) for width in backbone.channels]
    for stride, width, layer in zip((4, 8, 16, 32), backbone.channels, layers):
        require(
            layer is not None and layer.out_channels == classes,
            f"no layer turns the features at stride {stride} ({width} channels here) into {classes} logits",
        )
        require(
            all(p.requires_grad for p in layer.parameters()),
            f"the layer that votes at stride {stride} is frozen; all four are trained",
        )
    known = {id(p) for part in (*inside, *layers) for p in part.parameters()}
    extra = sum(p.numel() for p in net.parameters() if p.requires_grad and id(p) not in known)
    require(
        extra == 0, f"there are {extra} weights besides the backbone and four 1x1 convolutions; what else is learned?"
    )
    return layers


@checker
def skip_four_s(FourS: Callable) -> str:
    draw = generator()
    odd = (int(torch.randint(65, 128, (), generator=draw)), 75)
    for classes, size in ((3, (96, 128)), (21, odd), (2, (33, 70))):
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(int(torch.randint(1000, (), generator=draw)))
            backbone = FourMaps().eval()
            net = call(FourS, backbone, classes, said=f"FourS(a backbone, {classes})")
        require(isinstance(net, nn.Module), f"FourS(a backbone, {classes}) is no network but {short(net)}")
        net.eval()
        layers = four_votes(net, backbone, classes)
        for layer in layers:  # whatever they started from, zero included
            for weight in layer.parameters():
                nn.init.normal_(weight, generator=draw)
        x = torch.randn(2, 3, size[1], size[0], generator=draw).transpose(2, 3)  # not contiguous
        said = f"the FourS on images of {size[0]}x{size[1]}"
        found = call(net, x, said=said)
        numbers(found, f"the output of {said}", (2, classes, *size))
        features = backbone(x)
        kinds = {
            "": (features, layers, 4),
            "it is the answer of an EightS: the vote of the first stage arrives nowhere": (features[1:], layers[1:], 8),
            "the last upsampling is still by 8, and the logits stand at stride 4 now": (features, layers, 8),
        }
        borders = list(itertools.product((False, True), repeat=2))  # a border may fade or not
        answers = [(hint, sum_of_votes(*kind, size, border)) for hint, kind in kinds.items() for border in borders]
        other = "is each vote added to the *doubled* logits so far, and only the *end* of a map that is too long cut?"
        same = (one for one in answers if close(one[1].detach(), found.detach(), atol=1e-3))
        hint, wanted = next(same, (other, None))
        require(not hint, f"{said} does not answer with the sum of its votes: {hint}")
        weights = [layer.weight for layer in layers]
        pull = torch.randn(found.shape, generator=draw)
        require(found.requires_grad, f"no gradient reaches the layers of {said}: was it cut off?")
        ours = torch.autograd.grad(found, weights, pull, allow_unused=True)
        theirs = torch.autograd.grad(wanted, weights, pull)
        for stride, one, other in zip((4, 8, 16, 32), ours, theirs):
            require(
                one is not None and close(one, other, rtol=1e-3, atol=1e-2),
                f"the vote at stride {stride} is not trained as it should: does its gradient arrive whole?",
            )
    return "four votes, each in its place and each trained, at sizes that no stride divides"


@checker
def skip_in_place(aligned: nn.Module, miou_in_place: float, miou_32s: float, miou_8s: float, share: float) -> str:
    require(isinstance(aligned, nn.Module), f"aligned is the trained network, this is {short(aligned)}")
    values = {"miou_in_place": miou_in_place, "miou_32s": miou_32s, "miou_8s": miou_8s}
    values = {name: number(value, name) for name, value in values.items()}
    for name, value in values.items():
        require(0 < value < 1, f"{name} is {value:g}, and a mean IoU lies between 0 and 1")
    share, training = number(share, "share"), aligned.training
    fcn = next((part for part in aligned.modules() if isinstance(part, FCN)), None)
    require(fcn is not None, "there is no FCN-32s inside; keep `self.net`")
    aligned.eval()
    try:
        again = measured_in_place(aligned, fcn)
    finally:
        aligned.train(training)
    require(
        abs(values["miou_in_place"] - again) < 2e-3,
        f"miou_in_place is {values['miou_in_place']:.4g}, and your network reaches another mIoU on the validation "
        "scenes: was it trained further, or measured on other scenes?",
    )
    low, high = values["miou_32s"], values["miou_8s"]
    require(
        0.44 < low < 0.49 and 0.6 < high < 0.68,
        f"{low:.3g} and {high:.3g} are not what the chapter's FCN-32s and FCN-8s reach",
    )
    way = (values["miou_in_place"] - low) / (high - low)
    slips = (
        (100 * way, "give it as a share of 1, not in per cent"),
        (-way, "mind the sign"),
        (way * (high - low), "that is the gain itself. What does it have to be divided by?"),
        (values["miou_in_place"] / high, "the way starts at the mIoU of the plain 32s, not at 0"),
    )
    hint = next((why for value, why in slips if close(share, value, rtol=5e-3, atol=1e-3)), None)
    require(
        close(share, way, rtol=5e-3, atol=5e-3),
        f"a share of {share:.3g} does not belong to your three scores: "
        + (hint or "what alignment gains over the plain 32s, by what the skips gain over it"),
    )
    return f"looking where it answers goes {way:.0%} of the way, with one seed; that it was trained I cannot know"


@torch.no_grad()
def measured_in_place(aligned: nn.Module, fcn: FCN) -> float:
    """The network's mIoU; raises Wrong unless each logit stands around the pixel that its cell looks at."""
    device = next(aligned.parameters()).device
    x = torch.randn(1, 3, 512, 512, generator=generator()).to(device)
    found = call(aligned, x, said="your network on 512x512")
    numbers(found, "the output of your network on 512x512", (1, 21, 512, 512))
    h = fcn.backbone(F.pad(x, (16, 16, 16, 16)))[-1]
    cells = {
        "in place": h[..., 1:, 1:],
        "half a cell beside it, like the plain FCN-32s": fcn.backbone(x)[-1],
        "half a cell to the other side: which of the cells of the padded image have their middle outside?": h,
    }
    inside = (..., slice(208, 304), slice(208, 304))  # sees no border, so how it was padded does not matter
    gaps = {
        name: (fcn.upsample(fcn.score(one))[..., :512, :512][inside] - found[inside]).norm().item()
        for name, one in cells.items()
    }
    nearest, scale = min(gaps, key=gaps.get), found[inside].norm().item()
    require(nearest == "in place" or gaps[nearest] > 1e-3 * scale, f"the network answers {nearest}")
    require(gaps["in place"] < 1e-3 * scale, "the logits do not stand around the pixel that a cell looks at")
    images, labels = map(torch.stack, zip(*data.load("toy", "val")))
    score = ConfusionMatrix(21)
    for few, some in zip(images.split(20), labels.split(20)):
        score.update(aligned(few.to(device)).argmax(1).cpu(), some)
    return score.mean_iou()
