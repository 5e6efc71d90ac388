"""Chapter 9, Dilated convolution and the dilated FCN."""

import contextlib
import copy
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook import models
from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.values import Wrong, apart, numbers, short, whole
from segbook.convolution import receptive_field
from segbook.models.resnet import Bottleneck, ResNet

__all__ = [
    "dilated_conversion",
    "dilated_head",
    "dilated_holes",
    "dilated_rate",
    "dilated_slips",
    "dilated_strides",
]


@checker
@own_numbers("a 3x3 kernel of rate {asked}", *({"asked": rate} for rate in (12, 6, 8, 10, 14, 18)))
def dilated_rate(span: int, zeros: int, padding: int, subgrids: int, rate_of_5x5: int, asked: int) -> str:
    span, zeros, padding, subgrids, rate = (
        whole(value, name)
        for value, name in zip(
            (span, zeros, padding, subgrids, rate_of_5x5), ("span", "zeros", "padding", "subgrids", "rate_of_5x5")
        )
    )
    layer = nn.Conv2d(1, 1, 3, dilation=asked)
    reach = 40 - layer(torch.zeros(1, 1, 40, 40)).shape[-1] + 1  # cells that one output uses up
    require(
        span != 3 + 2 * asked,
        f"this span has {asked} zeros between two taps; a rate of {asked} has one less, or rate 1 would not be the "
        "plain kernel",
    )
    require(span == reach, f"a span of {span} cells: torch's layer takes another number of cells for its first output")
    require(zeros != span * span, "the taps themselves are not zeros")
    require(zeros != 2 * (asked - 1), "those are the zeros of one row; the filled kernel has two dimensions")
    require(zeros == span * span - 9, f"{zeros} zeros and 9 taps do not fill a kernel of {span} x {span}")
    require(
        padding == (span - 1) // 2,
        f"with padding {padding} a map of 40 cells comes out with {40 + 2 * padding - span + 1}",
    )
    require(subgrids != asked, f"{asked} is right along one axis")
    require(subgrids == asked**2, f"{subgrids}: how many different positions modulo the rate has a cell?")
    require(4 * rate + 1 == span, f"a 5x5 kernel of rate {rate} spans {4 * rate + 1} cells, not {span}")
    return "span, zeros, padding and subgrids of one layer, and the same span from a larger kernel"


def positions(rates: Sequence[int]) -> set[int]:
    reached = {0}
    for d in rates:
        reached = {at + move for at in reached for move in (-d, 0, d)}
    return reached


def width(rates: Sequence[int]) -> int:
    return 1 + 2 * sum(rates)


@checker
def dilated_holes(best_rates: Sequence[int], widest: int, largest_fifth: int) -> str:
    rates = numbers(best_rates, "best_rates", (4,))
    require((rates == rates.round()).all() and rates.min() >= 1, "rates are whole numbers from 1 up")
    rates = rates.astype(int).tolist()
    require(max(rates) <= 6, f"a rate of {max(rates)} was not allowed")
    missing = width(rates) - len(positions(rates))
    require(
        missing == 0,
        f"the field of these rates is {width(rates)} cells wide and {missing} of them are holes"
        + ("; without a layer of rate 1 there always are" if min(rates) > 1 else ""),
    )
    full = [r for r in itertools.combinations_with_replacement(range(1, 7), 4) if len(positions(r)) == width(r)]
    require(
        width(rates) == max(map(width, full)),
        f"a field of {width(rates)} cells without a hole, and a wider one can be had: the next rate may be as large as "
        "the field so far",
    )
    require(
        whole(widest, "widest") == width(rates),
        f"widest is {widest}, and these rates see {width(rates)} cells: each layer adds twice its rate",
    )
    fifth = whole(largest_fifth, "largest_fifth")
    require(len(positions([*rates, fifth])) == width([*rates, fifth]), f"a fifth layer of rate {fifth} leaves holes")
    require(
        len(positions([*rates, fifth + 1])) < width([*rates, fifth + 1]),
        f"a fifth layer of rate {fifth + 1} leaves no hole either; the largest is asked for",
    )
    return f"{width(rates)} cells from four layers, every one of them seen"


@contextlib.contextmanager
def seeded(draw: torch.Generator) -> Iterator[None]:
    """A block whose random numbers are this check's, and that leaves the reader's alone."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(int(torch.randint(10**6, (1,), generator=draw)))
        yield


@torch.no_grad()
def calibrated(net: nn.Module) -> nn.Module:
    """In eval mode, with batch norms that have seen something."""
    net.train()(torch.randn(2, 3, 64, 64))
    return net.eval()


def off(found: Tensor, right: Tensor) -> float:
    """Relative difference of two maps."""
    return ((found - right).norm() / right.norm()).item()


@checker
def dilated_strides(rates: Sequence[int], side: int) -> str:
    rates = numbers(rates, "rates", (5,))
    require((rates == rates.round()).all() and rates.min() >= 1, "rates are whole numbers from 1 up")
    draw = generator()
    strided = dilated = torch.randn(2, 3, 61, dtype=torch.float64, generator=draw)
    step = 1  # of the old cells among the new ones
    for i, (stride, d) in enumerate(zip((2, 1, 2, 1, 1), rates.astype(int).tolist()), 1):
        weight = torch.randn(3, 3, 3, dtype=torch.float64, generator=draw)
        strided = F.conv1d(strided, weight, stride=stride, padding=1).tanh()
        dilated, step = F.conv1d(dilated, weight, padding=d, dilation=d).tanh(), step * stride
        require(
            torch.allclose(dilated[..., ::step], strided),
            f"with rate {d} layer {i} changes the old cells. How many removed strides stand before this layer, its own "
            "not counted?",
        )
    side = whole(side, "side")
    right = receptive_field([nn.Conv2d(1, 1, 3, padding=d, dilation=d) for d in rates.astype(int).tolist()]).size
    require(side != right - 1, "the cell in the middle belongs to the field as well")
    require(side == right, f"a field of {side} pixels: what does each layer add, with its own rate?")
    return "on every fourth cell nothing has changed, and the field is that of the strided stack"


def small_resnet(stride: int) -> ResNet:
    """A narrow ResNet-50: its blocks, their numbers and their names."""
    return ResNet(Bottleneck, (3, 4, 6, 3), (4, 8, 16, 32), output_stride=stride)


@checker
def dilated_conversion(to_stride_8: Callable) -> str:
    said, draw = "to_stride_8(a narrow ResNet-50)", generator()
    for height, width in ((65, 97), (48, 80)):
        with seeded(draw):
            strided, x = calibrated(small_resnet(32)), torch.randn(2, 3, height, width)
        net, right = small_resnet(32).eval(), small_resnet(8).eval()
        for one in (net, right):
            one.load_state_dict(strided.state_dict())
        made = call(to_stride_8, net, said=said)
        require(isinstance(made, nn.Module), f"{said} returns the network, this is {short(made)}")
        with torch.no_grad():
            coarse, whole_map = strided(x)[-1], right(x)[-1]
            try:
                fine = made.eval()(x)
            except RuntimeError as error:
                raise Wrong(f"the new network does not run ({error}): is the padding of every 3x3 its rate?") from error
        fine = fine[-1] if isinstance(fine, list | tuple) else fine
        require(
            isinstance(fine, Tensor) and fine.shape == whole_map.shape,
            f"for images of {height}x{width} the last map has the shape {tuple(fine.shape)}; at stride 8 it has "
            f"{tuple(whole_map.shape)}",
        )
        lost = off(fine[..., ::4, ::4], coarse)
        if lost > 1e-3:
            rates = [layer.dilation[0] for name, layer in made.named_modules() if name.endswith("conv2")][7:]
            first = len(rates) == 9 and (rates[0] != 1 or rates[6] != 2)
            raise Wrong(
                f"on the coarse grid the new network differs from the trained one by {apart(lost, 1e-3)} of its size. "
                f"Its 3x3 of layer3 and layer4 have the rates {rates}"
                + (": which convolution reads the map *before* the stride that was taken away?" if first else "")
            )
        require(
            off(fine, whole_map) < 1e-3,
            "the old cells are right, the cells between them are not: each of them is computed from the image as well, "
            "neither repeated nor interpolated",
        )
    return "the trained network's own features on the coarse grid, to rounding, and new ones between them"


@functools.cache
def printed_shapes() -> dict[str, tuple[int, ...]]:
    """Of the maps in fcn_resnet50_d8, for four images of 480x480."""
    with torch.device("meta"):
        net = models.create("fcn_resnet50_d8")
        third, fourth = net.backbone(torch.empty(4, 3, 480, 480))[2:]
        return {
            "layer3": tuple(third.shape),
            "layer4": tuple(fourth.shape),
            "two 3x3": tuple(net.classifier.convs(fourth).shape),
            "concatenated": (4, 2560, 60, 60),
            "mixed": (4, 512, 60, 60),
            "logits": tuple(net.classifier(fourth).shape),
            "auxiliary 3x3": tuple(net.aux_classifier[0](third).shape),
        }


@checker
def dilated_slips(corrected: dict) -> str:
    require(isinstance(corrected, dict), f"corrected is a dict of names and shapes, this is {short(corrected)}")
    right = printed_shapes()
    corrected = {"logits" if name == "scores" else name: shape for name, shape in corrected.items()}
    for name, shape in corrected.items():
        require(name in right, f"there is no entry {name!r}; the printed ones are {', '.join(right)}")
        values = tuple(int(value) for value in numbers(shape, f"the shape of {name}", (4,)))
        require(
            values == right[name],
            f"{name} is not {values}: how many channels leave it, and for how many classes?",
        )
        require(name in ("logits", "auxiliary 3x3"), f"the printed shape of {name} was right; two others are not")
    require(len(corrected) == 2, "there are two slips; one is still missing")
    return "21 classes, and 256 channels between the two layers of the auxiliary head"


@checker
def dilated_head(finer: Callable) -> str:
    said, draw = "finer(a fcn_tiny_d8 of output stride 16)", generator()
    for height, width in ((65, 97), (80, 64)):
        with seeded(draw):
            coarse = calibrated(models.create("fcn_tiny_d8", output_stride=16))
            x = torch.randn(2, 3, height, width)
        right = models.create("fcn_tiny_d8", output_stride=8).eval()
        right.load_state_dict(coarse.state_dict())
        for layer in right.classifier.modules():
            if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
                layer.dilation = layer.padding = (2, 2)
        made = call(finer, copy.deepcopy(coarse), said=said)
        require(
            isinstance(made, nn.Module) and hasattr(made, "logits") and hasattr(made, "backbone"),
            f"{said} returns a network of the package, this is {short(made)}",
        )
        with torch.no_grad():
            old, new = coarse.backbone(x), made.eval().backbone(x)
            require(
                new[-1].shape[-2:] == (-(-height // 8), -(-width // 8)),
                f"for images of {height}x{width} the backbone's last map has {tuple(new[-1].shape[-2:])} cells, which "
                "is not output stride 8",
            )
            require(
                off(new[-1][..., ::2, ::2], old[-1]) < 1e-3,
                "the backbone no longer gives the old features on the old cells: it obeyed the theorem as it was made",
            )
            try:
                fine, before = made.logits(new), coarse.logits(old)
                image = made(x)
            except RuntimeError as error:
                raise Wrong(f"the new network does not run ({error}): is each padding its rate?") from error
            require(
                fine.shape[-2:] == new[-1].shape[-2:],
                f"the head makes {tuple(fine.shape[-2:])} cells of {tuple(new[-1].shape[-2:])}: is each padding its "
                "rate?",
            )
            lost = off(fine[..., ::2, ::2], before)
            require(
                lost < 1e-3,
                f"on the old cells the logits differ by {apart(lost, 1e-3)} of their size: how far apart were the taps "
                "of each layer of the head in training, in pixels, and how far are they now?",
            )
            require(
                off(fine, right.logits(right.backbone(x))) < 1e-3,
                "the old cells are right, the cells between them are not: each is computed from the image as well",
            )
            require(image.shape[-2:] == x.shape[-2:], "the logits at the image's size have another size")
    return "the logits of output stride 16 on the old cells, and new ones between them"
