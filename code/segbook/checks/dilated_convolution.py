"""Chapter 9, Dilated convolution and the dilated FCN."""

import itertools
from collections.abc import Callable, Sequence

import torch
from torch import nn

from segbook import QUICK, models
from segbook.checks.core import checker, own_numbers, require
from segbook.checks.values import Wrong, number, numbers, short, whole
from segbook.models.resnet import Bottleneck, ResNet

__all__ = [
    "dilated_auxiliary",
    "dilated_coarser",
    "dilated_conversion",
    "dilated_holes",
    "dilated_memory",
    "dilated_rate",
    "dilated_slips",
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


def small_resnet(stride: int) -> ResNet:
    """A ResNet with the block and the names of ResNet-50, in eval mode, whose batch norms have seen something."""
    return ResNet(Bottleneck, (2, 2, 2, 2), (4, 8, 16, 32), output_stride=stride)


@checker
def dilated_conversion(to_stride_8: Callable) -> str:
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        strided, x = small_resnet(32), torch.randn(2, 3, 97, 129)
        with torch.no_grad():
            strided(x)  # sets the statistics
        strided.eval()
        net = small_resnet(32).eval()
    net.load_state_dict(strided.state_dict())
    said = "to_stride_8(a ResNet of bottleneck blocks)"
    try:
        made = to_stride_8(net)
    except Exception as error:
        raise Wrong(f"{said} raised {type(error).__name__}: {error}") from error
    require(isinstance(made, nn.Module), f"{said} returns the network, this is {short(made)}")
    with torch.no_grad():
        coarse = strided(x)[-1]
        try:
            fine = made.eval()(x)[-1]
        except RuntimeError as error:
            raise Wrong(f"the new network does not run ({error}): is the padding of every 3x3 its rate?") from error
    require(
        fine.shape[-2:] == (13, 17),
        f"the last map has {tuple(fine.shape[-2:])} cells for an image of 97x129; at stride 8 there are (13, 17)",
    )
    difference = ((fine[..., ::4, ::4] - coarse).norm() / coarse.norm()).item()
    if difference > 1e-3:
        rates = [layer.dilation[0] for name, layer in made.named_modules() if name.endswith("conv2")][4:]
        first = rates[0] != 1 or rates[2] != 2
        raise Wrong(
            f"on the coarse grid the new network differs from the trained one by {difference:.0%}. Its 3x3 of layer3 "
            f"and layer4 have the rates {rates}"
            + (": which convolution reads the map *before* the stride that was taken away?" if first else "")
        )
    return "the trained network's own features on the coarse grid, to rounding, and new ones between them"


@checker
def dilated_slips(corrected: dict) -> str:
    require(isinstance(corrected, dict), f"corrected is a dict of names and shapes, this is {short(corrected)}")
    with torch.device("meta"):
        net = models.create("fcn_resnet50_d8")
        third, fourth = net.backbone(torch.empty(4, 3, 480, 480))[2:]
        right = {
            "layer3": tuple(third.shape),
            "layer4": tuple(fourth.shape),
            "two 3x3": tuple(net.classifier.convs(fourth).shape),
            "concatenated": (4, 2560, 60, 60),
            "mixed": (4, 512, 60, 60),
            "scores": tuple(net.classifier(fourth).shape),
            "auxiliary 3x3": tuple(net.aux_classifier[0](third).shape),
        }
    for name, shape in corrected.items():
        require(name in right, f"there is no entry {name!r}; the printed ones are {', '.join(right)}")
        values = tuple(int(value) for value in numbers(shape, f"the shape of {name}", (4,)))
        require(
            values == right[name],
            f"{name} is not {values}: how many channels leave it, and for how many classes?",
        )
        require(name in ("scores", "auxiliary 3x3"), f"the printed shape of {name} was right; two others are not")
    require(len(corrected) == 2, "there are two slips; one is still missing")
    return "21 classes, and 256 channels between the two layers of the auxiliary head"


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
def dilated_coarser(miou_at_16: float, miou_at_32: float) -> str:
    at_16, at_32 = number(miou_at_16, "miou_at_16"), number(miou_at_32, "miou_at_32")
    require(0 < at_16 < 1 and 0 < at_32 < 1, "a mean IoU lies between 0 and 1")
    require(at_16 != at_32, "both numbers are the same; is `output_stride` another one in each network?")
    require(
        QUICK or at_16 < 0.66,
        f"{at_16:.3f} at stride 16 is as good as at 8: was the network built with another output stride?",
    )
    require(QUICK or at_32 < at_16, "at stride 32 the head's taps stand furthest from where they were trained")
    require(
        QUICK or at_32 > 0.1,
        f"{at_32:.3f} is what background alone scores: were the trained weights loaded?",
    )
    return f"{at_16:.3f} and {at_32:.3f} with the same weights: the trunk is equal, the head is not"


@checker
def dilated_auxiliary(miou_without: float, miou_with: float) -> str:
    without, with_aux = number(miou_without, "miou_without"), number(miou_with, "miou_with")
    require(0 < without < 1 and 0 < with_aux < 1, "a mean IoU lies between 0 and 1")
    require(without != with_aux, "both numbers are the same; was the second network built with aux=True?")
    require(QUICK or with_aux > 0.6, f"{with_aux:.3f} with the second head: the same 600 steps, rate and seed?")
    require(
        QUICK or with_aux < 0.8, f"{with_aux:.3f} is more than any row of the table: scored on the validation scenes?"
    )
    return f"{with_aux - without:+.3f} with one seed; compare with what seeds alone do before you call it a gain"
