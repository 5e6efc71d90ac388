"""Chapter 7, Skip connections: FCN-16s and FCN-8s."""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook import QUICK
from segbook.bilinear import BilinearUpsample, bilinear_matrix
from segbook.checks.core import call, checker, require
from segbook.checks.values import Wrong, close, number, numbers, short, whole
from segbook.convolution import receptive_field
from segbook.models.fcn import FCN
from segbook.models.fcn_vgg import FCNVGG16
from segbook.models.vgg import VGG16

__all__ = [
    "skip_alexnet",
    "skip_alignment",
    "skip_control_fit",
    "skip_crop_start",
    "skip_four_s",
    "skip_padding_81",
    "skip_taps",
]


def thin_vgg(padding: int) -> VGG16:
    """VGG-16 with one channel everywhere: all of its geometry, none of its weight."""
    return VGG16(widths=(1,) * 5, fc_width=1, padding=padding)


def rows_for_fc6(height: int, padding: int) -> int:
    """Rows of pool5 for an image of so many rows."""
    with torch.device("meta"):
        return thin_vgg(padding).features(torch.empty(1, 3, height, 8)).shape[2]


@checker
def skip_padding_81(smallest_height: int, crop_8s: int) -> str:
    height, crop = whole(smallest_height, "smallest_height"), whole(crop_8s, "crop_8s")
    require(0 < height < 5000, f"a height of {height} rows is no image of the chapter's")
    require(
        rows_for_fc6(height, 81) >= 7,
        f"{height} rows leave pool5 {rows_for_fc6(height, 81)} rows, and fc6 reads seven: the frame is "
        "there on both sides, and the first convolution takes a row off each end",
    )
    require(
        height == 1 or rows_for_fc6(height - 1, 81) < 7,
        f"{height} rows work, and one row less works too; the smallest is asked for"
        + (". The pools round up" if height > 60 else ""),
    )
    right = FCNVGG16(thin_vgg(81), 1, 8).offset
    slips = {
        31: "31 belongs to padding 100: a smaller frame moves pixel 0 to the front",
        0: "at padding 81 it is the 32s whose crop starts at 0; the 8s enlarges in three steps, each with its margin",
        -right: "a crop cannot start in front of the map",
    }
    require(crop == right, slips.get(crop, f"row {crop} of the enlarged map is not pixel 0: how does it move with p?"))
    return "seven rows for fc6 and not one to spare, and every crop but the first ones moves with the padding"


@checker
def skip_alexnet(alexnet_centre: float, alexnet_crop: int) -> str:
    centre, crop = number(alexnet_centre, "alexnet_centre"), number(alexnet_crop, "alexnet_crop")
    first = [nn.Conv2d(3, 1, 11, 4, 100)]
    pools = [nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, 5, 1, 2), nn.MaxPool2d(3, 2), nn.MaxPool2d(3, 2)]
    # the 3x3 convolutions, stride 1 and padding 1, move nothing
    field = receptive_field([*first, *pools, nn.Conv2d(1, 1, 6)])
    slips = {
        receptive_field(first).centre: "that is the cell of the first convolution; the pools and fc6 move it on",
        receptive_field([*first, *pools]).centre: "that is the cell of the last pool; fc6 without padding moves it on",
        field.centre + 100: "the padding of 100 was left out",
        100 - field.centre: "padding moves cell 0 to the left and kernels move it to the right",
        field.centre + 0.5 * field.stride: "a kernel of k moves by (k - 1) / 2 of its input's cells, not by k / 2",
        field.size: "that is the size of the field, and the position of its middle is asked for",
    }
    require(
        close(centre, field.centre),
        f"cell 0 does not stand at {centre:g}: " + slips.get(centre, "add up what each layer moves, in pixels"),
    )
    enlarged = receptive_field([*first, *pools, nn.Conv2d(1, 1, 6), nn.ConvTranspose2d(1, 1, 63, 32)])
    slips = {
        enlarged.centre: "the crop starts at a row of the map, so it counts from that map's first row: mind the sign",
        -enlarged.centre + 0.5: "that is what a kernel of 64 would ask for, and no crop starts at half a row",
        19.0: "19 belongs to VGG, with a kernel of 64 and another centre",
        31.5: "31.5 is what a kernel of 64 moves by, and where the cell stood before counts too",
        31.0: "31 is what the kernel moves by; where the cell stood before counts too",
    }
    require(
        crop == -enlarged.centre,
        f"row {crop:g} of the enlarged map is not pixel 0: "
        + slips.get(crop, "where does the layer with kernel 63 draw cell 0?"),
    )
    return "a whole pixel, which an odd kernel keeps whole"


@checker
def skip_crop_start(crop_start: Callable) -> str:
    for padding in (100, 97, 90, 81):
        fc7 = thin_vgg(padding).fields()[2]
        right = round(31.5 - fc7.centre)
        for n in (320, 375, 500, 512, 33, 64, 999):
            arguments = (n,) if padding == 100 else (n, padding)
            said = f"crop_start{arguments}" if len(arguments) > 1 else f"crop_start({n})"
            start = whole(call(crop_start, *arguments, said=said), said)
            middle = (32 * (math.ceil((n + 2 * padding - 2) / 32) - 5) - n) // 2
            hint = "which row of the enlarged map has its middle on pixel 0?"
            if start == middle:
                hint = "that is the middle. In front the margin is fixed, behind it is what the pools' rounding leaves"
            elif padding != 100 and start == 19:
                hint = "19 belongs to padding 100 alone"
            elif start == right + 1 or start == right - 1:
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
        hint = f"a 1 that is enlarged by {', then by '.join(map(str, factors))} reaches another number of pixels"
        if value == math.prod(2 * f for f in factors):
            hint = "kernels do not multiply: neighbouring stamps lie closer than they are wide, and overlap"
        elif value == 64:
            hint = "that is the reach of one enlargement by 32; the steps of a chain have tails of their own"
        elif value in (32, 2 * 32 - 1):
            hint = "the kernel of an enlargement by f has 2f taps, and none of them is zero"
        elif value in (right - 1, right + 1):
            hint = "off by one: how many gaps lie between the stamps of the first step's values?"
        elif len(factors) == 3 and value == taps((2, 16)):
            hint = "that is the 16s; one doubling more makes the reach longer"
        require(value == right, f"{name} is {value}: {hint}")
    return "the more steps, the wider a coarse vote reaches"


class FourMaps(nn.Module):
    """Stands for the trunk: features at strides 4, 8, 16 and 32, each with a number of channels of its own."""

    def __init__(self, channels: Sequence[int] = (5, 6, 7, 8)):
        super().__init__()
        self.channels = list(channels)
        self.mix = nn.ModuleList([nn.Conv2d(3, width, 1) for width in channels])

    def forward(self, x: Tensor) -> list[Tensor]:
        sizes = [[-(-n // stride) for n in x.shape[-2:]] for stride in (4, 8, 16, 32)]
        return [mix(F.adaptive_avg_pool2d(x, size)) for mix, size in zip(self.mix, sizes)]


def sum_of_votes(features: Sequence[Tensor], layers: Sequence[nn.Module], last: int, size: Sequence[int]) -> Tensor:
    """U_last(... U_2(A_32 h_32) + A_16 h_16 ...), cut to the size; features and layers from fine to coarse."""
    *finer, z = [layer(h) for layer, h in zip(layers, features)]
    for vote in reversed(finer):
        z = BilinearUpsample(z.shape[1], 2)(z)[..., : vote.shape[2], : vote.shape[3]] + vote
    return BilinearUpsample(z.shape[1], last)(z)[..., : size[0], : size[1]]


@checker
def skip_four_s(FourS: Callable) -> str:
    for classes, size in ((3, (96, 128)), (21, (97, 75)), (2, (33, 70))):
        with torch.random.fork_rng():
            torch.default_generator.manual_seed(classes)
            trunk, x = FourMaps().eval(), torch.randn(2, 3, *size)
            net = call(FourS, trunk, classes, said=f"FourS(a trunk, {classes})")
            require(isinstance(net, nn.Module), f"FourS(a trunk, {classes}) is no network but {short(net)}")
            net.eval()
        rest = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m not in set(trunk_layers(net))]
        layers = [next((m for m in rest if m.in_channels == width), None) for width in trunk.channels]
        for stride, width, layer in zip((4, 8, 16, 32), trunk.channels, layers):
            require(
                layer is not None and layer.out_channels == classes,
                f"no layer turns the features at stride {stride} ({width} channels here) into {classes} scores",
            )
        extra = sum(p.numel() for p in net.parameters() if p.requires_grad) - sum(
            p.numel() for part in (trunk, *layers) for p in part.parameters()
        )
        require(extra <= 0, f"there are {extra} weights besides the trunk and four score layers; what else is learned?")
        for layer in layers:  # whatever they started from, zero included
            nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(layer.in_channels))
        said = f"the FourS on an image of {size[0]}x{size[1]}"
        with torch.no_grad():
            found = numbers(call(net, x, said=said), f"the output of {said}", (2, classes, *size))
            features = trunk(x)
            wanted, eight, twice = (
                sum_of_votes(features[k:], layers[k:], last, size) for k, last in ((0, 4), (1, 8), (0, 8))
            )
        inside = (..., slice(4, -4), slice(4, -4))  # a border may fade or not
        found = found[inside]
        if not close(found, wanted[inside], atol=1e-3):
            hint = (
                "is each vote added to the *doubled* scores so far, and only the *end* of a map that is too long cut?"
            )
            if close(found, eight[inside], atol=1e-3):
                hint = "it is the answer of an EightS: the vote of the first stage arrives nowhere"
            elif close(found, twice[inside], atol=1e-3):
                hint = "the last enlargement is still by 8, and the scores stand at stride 4 now"
            raise Wrong(f"{said} does not answer with the sum of its votes: {hint}")
    return "four votes, each in its place, at sizes that no stride divides"


def trunk_layers(net: nn.Module) -> list[nn.Module]:
    """All layers of the FourMaps within a network."""
    return [layer for part in net.modules() if isinstance(part, FourMaps) for layer in part.modules()]


@checker
def skip_control_fit(control_fit: float) -> str:
    fit = number(control_fit, "control_fit")
    require(0 < fit < 1, f"a mean IoU lies between 0 and 1, got {fit:g}")
    require(
        fit > 0.655,
        f"{fit:.3f} is not above what shares keep of the control's labels: are the cells fitted, and to "
        "`control_labels`?",
    )
    require(fit < 0.85, f"{fit:.3f} is more than twelve cells of 32x32 pixels can draw: which stride was it?")
    require(QUICK or fit > 0.75, f"{fit:.3f} is hardly fitted: as many steps as in the chapter?")
    return f"{fit:.3f}: the grid's room, to set beside what the networks reach"


@checker
def skip_alignment(InPlace: Callable, aligned_miou: float, share: float) -> str:
    miou, share = number(aligned_miou, "aligned_miou"), number(share, "share")
    with torch.random.fork_rng():
        net = call(InPlace, said="InPlace()")
    require(isinstance(net, nn.Module), f"InPlace() is no network but {short(net)}")
    fcn = next((part for part in net.modules() if isinstance(part, FCN)), None)
    require(fcn is not None, "there is no FCN-32s inside; keep `self.net`")
    net.eval()
    x = torch.randn(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = call(net, x, said="an InPlace on 512x512")
        found = torch.from_numpy(numbers(found, "the output of an InPlace on 512x512", (1, 21, 512, 512)))
        h = fcn.backbone(F.pad(x, (16, 16, 16, 16)))[-1]
        drawn = {
            "in place": h[..., 1:, 1:],
            "half a cell beside it, like the plain FCN-32s": fcn.backbone(x)[-1],
            "half a cell to the other side: which of the cells of the padded image have their middle outside?": h,
        }
        inside = (..., slice(208, 304), slice(208, 304))  # sees no border, so how it was padded does not matter
        gaps = {
            name: (fcn.upsample(fcn.score(cells))[..., :512, :512][inside] - found[inside]).norm().item()
            for name, cells in drawn.items()
        }
    nearest = min(gaps, key=gaps.get)
    scale = found[inside].norm().item()
    require(nearest == "in place" or gaps[nearest] > 1e-3 * scale, f"InPlace draws {nearest}")
    require(gaps["in place"] < 1e-3 * scale, "InPlace does not draw the scores of a cell around the pixel it looks at")
    require(0 < miou < 1, f"a mean IoU lies between 0 and 1, got {miou:g}")
    require(
        QUICK or 0.39 < miou < 0.52,
        f"an aligned mean IoU of {miou:.3f}: the recipe of the chapter, and the validation scenes?",
    )
    scores = getattr(net.forward, "__globals__", {}).get("scores")
    require(scores is not None, "there are no `scores` of the three networks in your notebook; run its cells first")
    low, high = (scores[name].mean_iou() for name in ("fcn32s", "fcn8s"))
    way = (miou - low) / (high - low)
    hint = ": what alignment gains over the plain 32s, by what the skips gain over it"
    if close(share, 100 * way, rtol=0.02):
        hint = "; give it as a share of 1, not in per cent"
    elif close(share, -way, rtol=0.02):
        hint = "; mind the sign"
    elif close(share, miou - low, atol=1e-3):
        hint = "; that is the gain itself. What does it have to be divided by?"
    elif close(share, miou / high, atol=5e-3):
        hint = "; the way starts at the score of the plain 32s, not at 0"
    require(close(share, way, rtol=0.02, atol=0.01), f"a share of {share:.3f} does not belong to {miou:.3f}{hint}")
    return f"looking where it draws goes {way:.0%} of the way, with one seed; the finer maps go the rest"
