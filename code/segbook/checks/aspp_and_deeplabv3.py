"""Chapter 10, ASPP and DeepLabv3."""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook import models
from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, close, number, numbers, short, whole
from segbook.models.layers import conv_bn_relu

__all__ = [
    "aspp_batch",
    "aspp_comparison",
    "aspp_crop",
    "aspp_logits_at",
    "aspp_order",
    "aspp_rates",
]


def slip_of(found: Any, slips: dict[str, Any], otherwise: str, tolerance: float = 2e-3) -> str:
    """What is said about the slip that leads to these numbers, or `otherwise`."""
    return next((text for text, slip in slips.items() if close(found, slip, tolerance, tolerance)), otherwise)


def taps_on(rate: int, height: int, width: int) -> Tensor:
    """How many taps of a 3x3 kernel are on the map, for each cell (height, width)."""
    steps, cells = (-rate, 0, rate), [torch.arange(n) for n in (height, width)]
    rows, columns = (sum(((at + step >= 0) & (at + step < len(at))).float() for step in steps) for at in cells)
    return rows[:, None] * columns


def mean_taps(rates: Sequence[int], height: int, width: int) -> list[float]:
    return [taps_on(rate, height, width).mean().item() for rate in rates]


@checker
def aspp_crop(taps_513: Sequence[float], taps_321: Sequence[float], smallest_crop: int) -> str:
    rates = (6, 12, 18)
    for name, value, crop in (("taps_513", taps_513, 513), ("taps_321", taps_321, 321)):
        found, cells = numbers(value, name, (3,)), -(-crop // 16)
        right = mean_taps(rates, cells, cells)
        slips = {
            "those rates belong to output stride 8": mean_taps((12, 24, 36), cells, cells),
            "a map at stride 8 has these": mean_taps(rates, -(-crop // 8), -(-crop // 8)),
            "was the number of cells rounded down?": mean_taps(rates, crop // 16, crop // 16),
            "these are the taps along one axis, of three": [tap**0.5 for tap in right],
            "rates count cells, and not pixels": mean_taps(rates, crop, crop),
        }
        hint = slip_of(found, slips, "how many cells has the map?", 0.02)
        require(close(found, right, 0, 0.051), f"{name} is {found.round(2).tolist()}, not what a map counts: {hint}")
    crop = whole(smallest_crop, "smallest_crop")
    require(0 < crop < 5000, f"a crop of {crop} pixels?")
    cells, before = -(-crop // 16), -(-(crop - 1) // 16)
    most = int(taps_on(18, cells, cells).max())
    require(
        most == 9,
        f"{crop} pixels give {cells} cells, and no cell among them has more than {most} taps of rate 18"
        + ("; a kernel has two arms" if cells >= 19 else "; pixels are asked for, not cells" if cells < 4 else ""),
    )
    require(
        before < cells and taps_on(18, before, before).max() < 9,
        f"{crop} pixels are enough, and so is one less: it gives {before} cells; sizes are rounded up",
    )
    return f"even the paper's crop is {crop - 513} pixels too small for that"


@checker
def aspp_rates(camvid_rates: Sequence[int]) -> str:
    found = numbers(camvid_rates, "camvid_rates", (3,))
    require((found == found.round()).all() and found.min() >= 1, "rates are whole numbers from 1 up")
    rates = sorted(int(rate) for rate in found)
    for rate, small in zip(rates, (2, 4, 6)):
        (taps,), (wanted,) = mean_taps([rate], 45, 60), mean_taps([small], 12, 16)
        if abs(taps - wanted) < 0.15:
            continue
        hint = "the rate is too small for this map" if taps > wanted else "the rate is too large for this map"
        if rates == [2, 4, 6]:
            hint = "the same rates are a smaller share of a larger map"
        elif rates == [12, 24, 36]:
            hint = "published for maps of 65 cells; read the cell that prints three maps again"
        raise Wrong(f"rate {rate} keeps {taps:.2f} taps on 45x60, and rate {small} keeps {wanted:.2f} on 12x16; {hint}")
    return "the same taps on another map: rates scale with the map's side"


class Branches(nn.Module):
    """Modules and names of the chapter's FiveBranches, with the pooled branch in the first place or the last."""

    def __init__(self, channels: int, width: int, pooling_first: bool):
        super().__init__()
        self.pooling_first = pooling_first
        self.point = nn.Sequential(*conv_bn_relu(channels, width, 1))
        self.dilated = nn.ModuleList(
            [nn.Sequential(*conv_bn_relu(channels, width, 3, dilation=rate)) for rate in (2, 4, 6)]
        )
        self.image = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Sequential(*conv_bn_relu(channels, width, 1)))
        self.mix = nn.Sequential(nn.Sequential(*conv_bn_relu(5 * width, width, 1)), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        pooled = [self.image(x).expand(-1, -1, *x.shape[-2:])]
        others = [self.point(x)] + [branch(x) for branch in self.dilated]
        return self.mix(torch.cat(pooled + others if self.pooling_first else others + pooled, 1))


@checker
def aspp_order(load_pooling_first: Callable) -> str:
    require(callable(load_pooling_first), f"a function is asked for, this is {short(load_pooling_first)}")
    draw = generator()
    for channels, width, size in ((16, 8, (12, 16)), (6, 5, (7, 9))):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.default_generator.manual_seed(int(torch.randint(10**6, (), generator=draw)))
            foreign, mine = Branches(channels, width, True), Branches(channels, width, False)
            x = torch.randn(2, channels, *size)
            for parameter in foreign.parameters():
                parameter += 0.3 * torch.randn(parameter.shape)
            foreign.train()(x)  # sets the statistics
            expected = foreign.eval()(x)
            mine.eval()
        state, before = foreign.state_dict(), {name: v.clone() for name, v in foreign.state_dict().items()}
        given = before["mix.0.0.weight"]
        said = f"load_pooling_first, for branches of {width} channels,"
        try:
            load_pooling_first(state, mine)
            require(not any(part.training for part in mine.modules()), f"{said} put the network into training mode")
            with torch.no_grad():
                answer = mine(x)
        except Wrong:
            raise
        except Exception as error:
            raise Wrong(f"{said} raised {type(error).__name__}: {error}") from error
        mixed = mine.mix[0][0].weight.detach()
        if not close(answer, expected, rtol=1e-3, atol=1e-3):
            hint = "which input channels of `mix` belong to the pooled branch, and where does this network have them?"
            if mixed.equal(given):
                hint = "the first weight of `mix` has arrived as it was, and here the branches have another order"
            elif mixed.equal(given.roll(width, 1)):
                hint = "this is the way from pooling last to pooling first"
            elif any(mixed.equal(given.roll(n, 0)) for n in range(width)):
                hint = "the weight is (outputs, inputs, 1, 1), and the outputs were moved"
            elif width == 5:
                hint = "it was right for branches of 8 channels; does the function hold that number?"
            raise Wrong(f"{said} leaves answers that differ by up to {(answer - expected).abs().max():.2f}: {hint}")
        require(
            state.keys() == before.keys() and all(state[name].equal(value) for name, value in before.items()),
            f"{said} changed the weights that it was given; work on a copy, a second call would go wrong",
        )
    return "the same answers, for branches of any width"


@checker
def aspp_batch(largest_value: dict) -> str:
    require(isinstance(largest_value, dict), f"largest_value is a dict of batch sizes, this is {short(largest_value)}")
    require(set(largest_value) == {2, 3, 16}, f"batches of 2, 3 and 16 are asked for, not {sorted(largest_value)}")
    for n, value in largest_value.items():
        found, one = number(value, f"the value for {n} images"), torch.zeros(n, 1, 1, 1)
        one[0] = 1000  # large, so that batch norm's eps does not count
        truth = nn.BatchNorm2d(1)(one).max().item()
        slips = {
            "that is how far above the mean it lies; batch norm divides by the deviation as well": 1 - 1 / n,
            "batch norm in training divides the sum of squares by N, and not by N - 1": (n - 1) / n**0.5,
            "that is divided by the variance; batch norm divides by its root": n,
        }
        hint = slip_of(found, slips, "batch norm gives another number; try it")
        require(close(found, truth, rtol=4e-3), f"{found:g} for {n} images: {hint}")
    return "the more images, the further one of them may stand out"


@checker
def aspp_comparison(head_weights: Sequence[int], first_kernels: Sequence[int], fair_rates: Sequence[int]) -> str:
    weights, kernels = numbers(head_weights, "head_weights", (2,)), numbers(first_kernels, "first_kernels", (2,))
    heads, everything, stems = [], [], []
    for name in ("fcn_tiny_d8", "deeplabv3_tiny"):
        with torch.device("meta"):
            net = models.create(name)
        heads.append(sum(p.numel() for p in net.classifier.parameters()))
        everything.append(sum(p.numel() for p in net.parameters()))
        stems.append(next(m.kernel_size[0] for m in net.backbone.modules() if isinstance(m, nn.Conv2d)))
    require(not close(weights, everything, 0, 0.5), "these are whole networks; only `model.classifier` is asked for")
    require(not close(weights, heads[::-1], 0, 0.5), "head_weights are exchanged: the dilated FCN comes first")
    for name, found, head in zip(("fcn_tiny_d8", "deeplabv3_tiny"), weights, heads):
        require(found == head, f"{found:,.0f} weights in the head of {name}: are kernels, biases, batch norms all in?")
    require(not close(kernels, stems[::-1], 0, 1e-6), "first_kernels are exchanged: the dilated FCN comes first")
    require(
        close(kernels, stems, 0, 1e-6),
        f"{kernels.tolist()} are not the first kernels: print `model.backbone` of both and read their first layers",
    )
    rates = numbers(fair_rates, "fair_rates", (3,)).tolist()
    hints = {
        (2, 4, 6): "those are the first row's own",
        (12, 24, 36): "on this map those read padding, which is another thing than reading next door",
        (0, 0, 0): "a rate is at least 1",
    }
    hint = hints.get(tuple(rates), "that row is not in the table")
    require(rates == [1, 1, 1], f"{[f'{rate:g}' for rate in rates]} are not the rates of the fair row: {hint}")
    return "two heads of different size, two stems, and one row that changes nothing but the distances"


def resized_logits(model: nn.Module, image: Tensor, factor: float, rates: Sequence[int], slip: str = "") -> Tensor:
    """What is asked of `logits_at`, or with one slip."""
    model = copy.deepcopy(model)
    for branch, rate in zip(model.classifier[0].convs[1:-1], rates):
        branch[0].dilation = branch[0].padding = (rate, rate)
    size = [int(side * factor) for side in image.shape[-2:]]
    mode = {"mode": "nearest"} if slip == "nearest" else {"mode": "bilinear", "align_corners": slip == "corners"}
    with torch.no_grad():
        logits = model(image[None] if slip == "small" else F.interpolate(image[None], size, **mode))
        return F.interpolate(logits, image.shape[-2:], mode="bilinear")[0]


@checker
def aspp_logits_at(logits_at: Callable) -> str:
    require(callable(logits_at), f"a function is asked for, this is {short(logits_at)}")
    draw = generator()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(torch.randint(10**6, (), generator=draw)))
        model = models.create("deeplabv3_tiny").eval()
        nn.init.normal_(model.classifier[-1].weight)  # large logits, so that other rates show
    for size, factor, rates in (((64, 48), 1.5, (3, 6, 9)), ((40, 72), 2, (1, 2, 3)), ((48, 48), 1, (2, 4, 6))):
        image = torch.rand(3, *size, generator=draw)
        said = f"logits_at with an image of {size[0]}x{size[1]}, factor {factor:g} and rates {rates}"
        before = [(m.dilation, m.padding) for m in model.modules() if isinstance(m, nn.Conv2d)]
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        right = resized_logits(model, image, factor, rates)
        # not among the arguments: `call` copies those, and what becomes of the model is asked for as well
        found = call(partial(logits_at, model), image, factor, rates, said=said)
        require(not any(part.training for part in model.modules()), f"{said} left the model in training mode")
        require(
            all(value.equal(weights[name]) for name, value in model.state_dict().items()),
            f"{said} changed the model's weights or statistics",
        )
        found = torch.from_numpy(numbers(found, said, tuple(right.shape)))
        slips = {
            "the rates are those of training; `dilation` and `padding` are what a layer reads": (2, 4, 6),
            "the rates arrive at the branches in another order": rates[::-1],
        }
        slips = {text: resized_logits(model, image, factor, used) for text, used in slips.items()}
        slips["the network has seen the image at its old size"] = resized_logits(model, image, factor, rates, "small")
        slips["the image is resized by the nearest pixel"] = resized_logits(model, image, factor, rates, "nearest")
        slips["the image is resized with align_corners=True"] = resized_logits(model, image, factor, rates, "corners")
        slips["these are probabilities; the softmax comes last"] = right.softmax(0)
        hint = slip_of(found, slips, "upsample, set the rates of the three dilated branches, run, resize back")
        require(close(found, right, 2e-3, 2e-3), f"{said} gives other logits: {hint}")
        after = [(m.dilation, m.padding) for m in model.modules() if isinstance(m, nn.Conv2d)]
        require(after == before, f"{said} leaves the model with other rates or paddings; put back what was there")
    return "other rates, other sizes, and the model as it was"
