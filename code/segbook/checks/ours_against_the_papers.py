"""Chapter 14, Ours against the papers, and where next."""

import functools
import math
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook import data
from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, close, numbers, whole
from segbook.convolution import receptive_field
from segbook.metrics import ConfusionMatrix

__all__ = [
    "papers_bug",
    "papers_intervals",
    "papers_patches",
    "papers_seeds",
    "papers_two_scores",
]


def scored(prediction: Tensor, labels: Tensor) -> tuple[float, float]:
    """Pixel accuracy and mean IoU."""
    matrix = ConfusionMatrix(21)
    matrix.update(prediction, labels)
    return matrix.pixel_accuracy(), matrix.mean_iou()


@functools.cache
def labels_and_limit() -> tuple[Tensor, float]:
    """The labels of the validation scenes, and the mean IoU that they themselves reach after a trip to stride 16."""
    labels = torch.stack([label for _, label in data.load("toy", "val")])
    valid = labels != 255
    hot = (F.one_hot(labels * valid, 21) * valid[..., None]).permute(0, 3, 1, 2).float()
    trip = F.interpolate(F.avg_pool2d(hot, 16), labels.shape[-2:], mode="bilinear").argmax(1)
    return labels, scored(trip, labels)[1]


@checker
def papers_two_scores(my_prediction: Tensor) -> str:
    labels, limit = labels_and_limit()
    found = numbers(my_prediction, "my_prediction", labels.shape)
    inside = (found == found.round()) & (found >= 0) & (found <= 20)
    require(inside.all(), "my_prediction holds classes, whole numbers from 0 to 20; only a label may say 255")
    prediction, valid = torch.from_numpy(found).long(), labels != 255
    accuracy, mean_iou = scored(prediction, labels)
    said = f"accuracy {accuracy:.4f}, mean IoU {mean_iou:.3f}: "
    require(accuracy >= 0.99, f"{said}the accuracy is below 0.99; one pixel in a hundred is all that you may spend")
    new = set(prediction.unique().tolist()) - set(labels[valid].unique().tolist())
    if mean_iou >= limit:
        hint = "all of its classes occur in the labels. Over which classes is the mean taken? (chapter 6)"
        if new:
            counted = any((prediction[valid] == c).any() for c in new)
            hint = "you are on the way, and one is not enough" if counted else "a pixel on void counts in neither score"
        raise Wrong(f"{said}the second is not below {limit:.3f}; {hint}")
    return f"{said}the one calls it nearly perfect, the other puts it behind cells of 16 pixels"


@checker
def papers_intervals(my_better: Sequence[int], my_images: int) -> str:
    intervals = {"A": (1.2, 5.0), "B": (-0.6, 2.3), "C": (-2.9, -0.2), "D": (-0.1, 4.1)}
    found = numbers(my_better, "my_better", (4,))
    require(all(value in (0, 1, 2) for value in found), "my_better holds 1, 2 or 0 for each of the four pairs")
    for (pair, (low, high)), value in zip(intervals.items(), found):
        right = 2 if low > 0 else 1 if high < 0 else 0
        if value == right:
            continue
        hint = "the difference is the second's score less the first's: what does its sign say?"
        if right == 0:
            hint = "its interval holds differences of both signs"
        elif value == 0:
            hint = "both ends of its interval have the same sign"
        raise Wrong(f"pair {pair}: {hint}")
    images = whole(my_images, "my_images")
    require(images > 0, f"my_images is {images}: how many images are scored?")

    def reach(count: int) -> float:
        return 2.1 * math.sqrt(345 / count)  # of D's interval, to each side of its difference

    said = f"with {images} images D's interval reaches {reach(images):.4f} points to each side"
    linear = math.floor(345 * 2.1 / 2.0) + 1
    require(images != linear, f"{said}: it becomes narrower with the square root of the number, not with the number")
    require(reach(images) < 2.0, f"{said}, and 0 is still inside")
    require(reach(images - 1) >= 2.0 if images > 1 else True, f"{said}; one image fewer is enough too")
    return "two orders stand; the others need more images"


def fewest(gap: float, spread: float) -> tuple[Fraction, int]:
    """8 (spread / gap)^2, of the decimal numbers as they are written, and the smallest n that is no smaller."""
    raw = 8 * (Fraction(str(spread)) / Fraction(str(gap))) ** 2
    return raw, max(1, math.ceil(raw))


@checker
def papers_seeds(seeds_needed: Callable, my_seeds: int) -> str:
    random = generator()
    cases = [(0.27, 0.9), (0.05, 0.71), (5.9, 0.4)]
    cases += [(1.0, 1.0), (0.5, 1.0), (2.0, 1.0)]  # exactly two deviations, and no rounding in these
    while len(cases) < 12:
        gap, spread = (round(value, 2) for value in (0.2 + 3 * torch.rand(2, generator=random)).tolist())
        raw, _ = fewest(gap, spread)
        if abs(raw - round(raw)) > Fraction(1, 1000):  # where floats round to the wrong side is no mistake of the rule
            cases.append((gap, spread))
    for gap, spread in cases:
        said = f"seeds_needed({gap}, {spread})"
        found = whole(call(seeds_needed, gap, spread, said=said), said)
        raw, right = fewest(gap, spread)
        if found == right:
            continue
        square = float(raw)
        slips = {
            "both means vary, not one of them": square / 2,
            "two standard deviations are asked for, not one": square / 4,
            "two standard deviations are asked for, and both means vary": square / 8,
            "the spread of a mean falls with the square root of n, so n grows with a square": 8 * spread / gap,
            "gap and spread are exchanged": 8 * (gap / spread) ** 2,
        }
        near = [hint for hint, slip in slips.items() if found in {math.floor(slip), math.ceil(slip)}]
        hint = near[0] if near else "write the rule as an inequality in n, and solve it"
        if found == raw + 1:
            hint = "a gap of exactly two deviations is enough"
        elif found < 1:
            hint = "with no training at all there is no mean to compare"
        elif found == math.floor(raw):
            hint = "a seed cannot be halved: round up"
        raise Wrong(f"{said} is {found}: {hint}")
    n = whole(my_seeds, "my_seeds")
    _, right = fewest(0.27, 0.9)
    require(n >= right, f"with {n} seeds a gap of 0.27 is not yet two standard deviations of the difference")
    require(n == right, f"{n} seeds are enough, and so is one less")
    return f"{n} trainings of each of the two, to settle a quarter of a point"


PLACE_HINTS = {
    "my_dino": {16.0: "16 is the ViT's patch, DINOv2's has 14", 7.0: "the middle of pixels 0 to 13 is not pixel 7"},
    "my_segformer": {16.0: "a padded convolution rounds up", 31.5: "its kernels are odd and padded evenly"},
}


@checker
def papers_patches(my_dino: Sequence[float], my_segformer: Sequence[float], my_shift: Sequence[float]) -> str:
    backbones = {
        "my_dino": (my_dino, [nn.Conv2d(3, 1, 14, 14)]),
        "my_segformer": (my_segformer, [nn.Conv2d(3, 1, 7, 4, 3), *(nn.Conv2d(1, 1, 3, 2, 1) for _ in range(3))]),
    }
    shifts = []
    for name, (answer, backbone) in backbones.items():
        found = numbers(answer, name, (3,))
        field = receptive_field(backbone)
        with torch.no_grad():
            cells = nn.Sequential(*backbone)(torch.zeros(1, 3, 518, 518)).shape[-1]
        right = (cells, field.centre, field.centre + (cells - 1) * field.stride)
        for what, value, wanted in zip(("cells a side", "the first centre", "the last centre"), found, right):
            hint = PLACE_HINTS[name].get(float(value), "follow kernel, stride and padding from layer to layer")
            require(close(value, wanted), f"{name}, {what}: not {value:g}; {hint}")
        shifts.append((518 / cells - 1) / 2 - field.centre)
    found = np.abs(numbers(my_shift, "my_shift", (2,)))
    for name, value, wanted in zip(("DINOv2's", "SegFormer's"), found, shifts):
        hint = "518 is no multiple of 32, so one cell is drawn as 518 divided by their number"
        hint = hint if close(value, 15.5) else "where does `align_corners=False` draw the middle of cell 0?"
        require(abs(value - wanted) < 0.02, f"my_shift, {name} first cell: not {value:g} pixels; {hint}")
    return "the one is drawn where it looks; the other has a ResNet's half cell"


@checker
def papers_bug(map_from_tokens: Callable) -> str:
    draw = generator()
    for images, height, width, channels in ((2, 3, 5, 4), (1, 4, 4, 16), (3, 7, 2, 6)):
        said = f"map_from_tokens(tokens, {height}, {width})"
        right = torch.randn(images, channels, height, width, generator=draw, dtype=torch.float64)
        patches = right.flatten(2).mT  # row after row, as a convolution's map is read; not contiguous
        tokens = torch.cat([100 + torch.randn(images, channels, 1, generator=draw).double(), patches.mT], 2).mT
        tokens = tokens if channels == 4 else tokens.float().contiguous()
        found = numbers(call(map_from_tokens, tokens, height, width, said=said), said)
        require(
            found.shape != (images, channels, width, height) or height == width,
            f"{said} has the shape {found.shape}: height comes before width in (N, C, H, W)",
        )
        require(
            found.shape == right.shape, f"{said} has the shape {found.shape}, and {tuple(right.shape)} is asked for"
        )
        require(found.max() < 50, f"{said} holds the class token, which belongs to no place: which token is it?")
        if close(found, right):
            continue
        same_numbers = close(np.sort(found, axis=None), np.sort(right.numpy(), axis=None))
        hint = "not all patches are in it" if not same_numbers else "a channel has got numbers of other channels"
        if same_numbers and close(np.sort(found.reshape(images, channels, -1)), np.sort(right.flatten(2).numpy())):
            hint = "every channel has its numbers, in other places: tokens come row after row"
        raise Wrong(f"{said} puts features where no patch saw them: {hint}")
    return "every token lies where its patch does, for maps that are no squares too"
