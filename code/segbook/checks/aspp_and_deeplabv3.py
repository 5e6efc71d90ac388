"""Chapter 10, ASPP and DeepLabv3."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segbook import QUICK, models
from segbook.checks.core import call, checker, require
from segbook.checks.values import Wrong, close, number, numbers, short, whole
from segbook.models.layers import conv_bn_relu

__all__ = [
    "aspp_batch",
    "aspp_crf",
    "aspp_crop",
    "aspp_fair",
    "aspp_grid",
    "aspp_larger",
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
    for channels, width in ((16, 8), (6, 5)):
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.default_generator.manual_seed(width)
            foreign, mine = Branches(channels, width, True), Branches(channels, width, False)
            x = torch.randn(2, channels, 12, 16)
            for parameter in foreign.parameters():
                parameter += 0.3 * torch.randn(parameter.shape)
            foreign.train()(x)  # sets the statistics
            expected = foreign.eval()(x)
        state, before = foreign.state_dict(), {name: v.clone() for name, v in foreign.state_dict().items()}
        given = before["mix.0.0.weight"]
        said = f"load_pooling_first, for branches of {width} channels,"
        try:
            load_pooling_first(state, mine)
            with torch.no_grad():
                answer = mine.eval()(x)
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
        require(close(found, truth, rtol=2e-3), f"{found:g} for {n} images: {hint}")
    return "the more images, the further one of them may stand out"


@checker
def aspp_grid(as_packaged: Sequence[int], uncontracted: Sequence[int], as_replaced: Sequence[int]) -> str:
    def built(**options: bool) -> list[int]:
        with torch.device("meta"):
            net = models.create("deeplabv3_resnet50", output_stride=16, multi_grid=(1, 2, 4), **options)
        return [block.conv2.dilation[0] for block in net.backbone.layer4]

    slips = {
        "these are the rates at output stride 8": (2, 8, 16),
        "unit rates are multiplied by the stage's rate here": (1, 2, 4),
        "that is with the contraction": (1, 4, 8),
        "that leaves the contraction out: which map does the first 3x3 of the stage read?": (2, 4, 8),
    }
    for name, value, right in (
        ("as_packaged", as_packaged, built()),
        ("uncontracted", uncontracted, built(contract_dilation=False)),
        ("as_replaced", as_replaced, [1, 2, 4]),
    ):
        rates = numbers(value, name, (3,)).tolist()
        hint = slip_of(rates, slips, "what is the stage's rate at this output stride, and what becomes of it?")
        hint = "replacing leaves nothing of the stage's own rate" if name == "as_replaced" else hint
        require(rates == right, f"{name} is not {rates}: {hint}")
    return "three readings of one sentence, and no checkpoint says which"


@checker
def aspp_fair(head_weights_fcn: int, head_weights_deeplab: int, other_part: str, fair_row: str) -> str:
    for name, value, network in (
        ("head_weights_fcn", head_weights_fcn, "fcn_tiny_d8"),
        ("head_weights_deeplab", head_weights_deeplab, "deeplabv3_tiny"),
    ):
        with torch.device("meta"):
            net = models.create(network)
        head, everything = (sum(p.numel() for p in part.parameters()) for part in (net.classifier, net))
        found = whole(value, name)
        require(found != everything, f"{name} is the whole network; only `model.classifier` is asked for")
        require(found == head, f"{name} is {found:,}; does it hold the head's kernels, biases and batch norms?")
    require(isinstance(other_part, str) and isinstance(fair_row, str), "other_part and fair_row are words in quotes")
    is_stem = re.search(r"stem|7\s?x\s?7|conv1|first conv", other_part.lower())
    require(is_stem, f"{other_part!r} is not it: compare `model.backbone` of both, from its first layer on")
    hints = {
        "output stride 8": "that is DeepLabv3 itself",
        "24": "on this map those rates read padding, which is another thing than reading next door",
        "pool": "that row has fewer weights",
        "stride": "that row has another map",
        "fcn": "that row has other layers",
    }
    hint = next(
        (text for word, text in hints.items() if word in fair_row.lower()), "which row keeps every weight in its place?"
    )
    require(re.findall(r"\d+", fair_row)[-3:] == ["1", "1", "1"], f"{fair_row!r} is not the fair row: {hint}")
    return "two heads of different size, two stems, and one row that changes nothing but the distances"


def mean_ious(*scores: float) -> list[float]:
    found = [number(score, "a mean IoU") for score in scores]
    require(all(0 < score < 1 for score in found), "a mean IoU lies between 0 and 1")
    return found


@checker
def aspp_larger(miou_large: float, miou_large_new_rates: float, miou_old_size_new_rates: float) -> str:
    large, new, old = mean_ious(miou_large, miou_large_new_rates, miou_old_size_new_rates)
    require(
        QUICK or large != new,
        "old rates and new ones give the same score: `dilation` and `padding` are what the layers read, not `rates`",
    )
    require(
        QUICK or large > 0.25,
        f"{large:.3f} on larger images: are the logits resized to the labels, and not the labels to the logits?",
    )
    require(QUICK or large < 0.62, f"{large:.3f} is no loss: were the images enlarged before the network saw them?")
    require(QUICK or large < new < 0.62, f"from {large:.3f} to {new:.3f} with larger rates: are the two exchanged?")
    require(
        QUICK or new < old < 0.685,
        f"{old:.3f} with the new rates at the old size: only the rates differ from training there. Are the images the "
        "old size, and were 2, 4, 6 put back before?",
    )
    return f"from {large:.3f} to {new:.3f}: ASPP follows the larger image, the trunk does not"


def crf(logits: Tensor, image: Tensor, weight: float, alpha: float, beta: float, steps: int, slip: str = "") -> Tensor:
    """Mean field as the equation has it, or with one slip: (K, h, w), of mean 0 at each pixel (no softmax sees it)."""
    row, column = torch.meshgrid(*(torch.arange(n).double() for n in logits.shape[1:]), indexing="ij")
    position, colour = torch.stack([row, column]).flatten(1), image.double().flatten(1)
    apart, unlike = ((v[:, :, None] - v[:, None]).square().sum(0) for v in (position, colour))
    half = 1 if slip == "twice" else 2
    kernel = (-apart / (half * alpha**2) - unlike / (half * beta**2)).exp()
    if slip != "itself":
        kernel.fill_diagonal_(0)
    if slip == "mean":
        kernel /= kernel.sum(1, keepdim=True)
    z = refined = logits.double().flatten(1)
    for _ in range(steps):
        q = refined.softmax(1 if slip == "pixels" else 0) if slip != "logits" else refined
        refined = (refined if slip == "feeds" else z) + weight * q @ kernel
    return (refined - refined.mean(0)).view(logits.shape)


CRF_SLIPS = {
    "itself": "a pixel listens to itself, and to nobody more; the sum leaves it out",
    "feeds": "each step starts from what the last one has made; in the equation z stays the network's logits",
    "pixels": "the softmax is over the classes, not over the pixels",
    "logits": "neighbours send probabilities; these are logits",
    "mean": "the kernel's rows are divided by their sum, which the equation does not ask for",
    "twice": "a deviation enters as 2 alpha^2 and 2 beta^2; the 2 is missing",
}


@checker
def aspp_crf(mean_field: Callable, miou_alone: float, miou_crf: float, miou_crf_strong: float) -> str:
    draw = torch.Generator().manual_seed(0)
    for shape, options in (((4, 6, 9), (0.1, 2, 0.5, 1)), ((2, 8, 5), (0.7, 1.5, 0.4, 3)), ((3, 6, 6), (0.3,))):
        logits = torch.randn(shape, generator=draw)
        image = torch.rand(3, 1, 1, generator=draw) * (0.9 + 0.1 * torch.rand(3, *shape[1:], generator=draw))
        settings = (*options, *(4, 0.05, 5)[len(options) - 1 :])
        said = "mean_field with weight {:g}, alpha {:g}, beta {:g} and {} steps".format(*settings)
        found = torch.from_numpy(numbers(call(mean_field, logits, image, *options, said=said), said, shape))
        right, found = crf(logits, image, *settings), found - found.mean(0)
        slips = {text: crf(logits, image, *settings, slip) for slip, text in CRF_SLIPS.items()}
        slips["these are probabilities; softmax comes last, after the enlargement"] = right.softmax(0) - 1 / len(logits)
        hint = slip_of(found, slips, "do rows and columns, all three colours and every pair count?")
        require(close(found, right, 2e-3, 2e-3), f"{said} is not mean field: {hint}")
    alone, weak, strong = mean_ious(miou_alone, miou_crf, miou_crf_strong)
    require(QUICK or len({alone, weak, strong}) == 3, "two of the scores are the same; does weight reach the sum?")
    require(QUICK or 0.6 < alone < 0.76, f"{alone:.3f} without the field: every fourth scene, logits of half the size?")
    require(
        QUICK or alone < weak < alone + 0.06,
        f"from {alone:.3f} to {weak:.3f} with weight 0.1: is the image between 0 and 1, and not normalised?",
    )
    require(QUICK or 0.5 < strong < weak + 0.01, f"{strong:.3f} with weight 1, {weak:.3f} with 0.1: exchanged?")
    return f"{weak - alone:+.3f} with a weight of 0.1, {strong - alone:+.3f} with 1"
