"""Chapter 1, Pixels to labels."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, apart, close, number, numbers, short, words
from segbook.data import ToyVOC
from segbook.metrics import ConfusionMatrix

__all__ = [
    "pixels_average",
    "pixels_bug",
    "pixels_by_hand",
    "pixels_person",
    "pixels_report",
    "pixels_tasks",
]


@checker
def pixels_tasks(tasks: Sequence[str]) -> str:
    kinds = ("semantic", "instance", "panoptic")
    answers = [answer.removesuffix("segmentation").strip() for answer in words(tasks, "tasks", 3)]
    for job, answer in zip("abc", answers):
        require(answer in kinds, f"({job}) is {answer!r}; write one of {', '.join(kinds)}")
    needs = (
        ("semantic", "is there anybody who must be told from somebody else?"),
        ("instance", "two cars side by side are two, and does anybody ask about the asphalt?"),
        ("panoptic", "the pavement cannot be counted, the pedestrians must be: one map has to hold both"),
    )
    for job, answer, (need, question) in zip("abc", answers, needs):
        require(answer == need, f"({job}) {answer!r} answers another question: {question}")
    return "each job gets the least that answers it"


@checker
def pixels_by_hand(counts_by_hand: Sequence, iou_by_hand: Sequence, miou_by_hand: float) -> str:
    label = torch.tensor([[0, 0, 1, 1], [0, 255, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]])
    prediction = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 2], [0, 0, 1, 0], [2, 0, 0, 0]])
    matrix = ConfusionMatrix(4)
    matrix.update(prediction, label)
    truth = matrix.counts.numpy()
    counts = numbers(counts_by_hand, "counts_by_hand", (4, 4))
    require(((counts >= 0) & (counts == counts.round())).all(), "counts_by_hand holds numbers of pixels")
    require(
        np.array_equal(counts, truth) or not np.array_equal(counts, truth.T),
        "rows and columns are exchanged: the true classes go down, the predicted ones across",
    )
    require(counts.sum() != 16, "16 pixels are counted; what does the label say about the pixel under 255?")
    require(counts.sum() == 15, f"{counts.sum():g} pixels are counted, and the label answers for 15")
    for c, name in enumerate(("background", "cat", "dog", "horse")):
        sums = counts[c].sum(), truth[c].sum()
        require(sums[0] == sums[1], f"the row of {name} holds {sums[0]:g} pixels: how many are there in the label?")
        require(np.array_equal(counts[c], truth[c]), f"follow the pixels that are {name} in the label once more")

    require(
        isinstance(iou_by_hand, Sequence | np.ndarray | Tensor) and len(iou_by_hand) == 4,
        f"iou_by_hand is four values, this is {short(iou_by_hand)}",
    )
    for name, value, right in zip(("background", "cat", "dog", "horse"), iou_by_hand, matrix.iou().tolist()):
        value = number_or_nan(value, f"the IoU of {name}")
        if math.isnan(right):
            require(
                math.isnan(value), f"{name} is in no row and in no column: 0 is divided by 0, and that is no number"
            )
            continue
        require(
            not math.isnan(value),
            f"{name} was predicted, so its union is not 0, and it has an IoU; None is for a class that is nowhere",
        )
        require(
            rounds_to(value, right),
            f"the IoU of {name} is not {value:.3g}: divide its cell of the diagonal by all that stands in its row "
            "or in its column, with no cell twice",
        )
    miou, votes = number(miou_by_hand, "miou_by_hand"), matrix.iou()
    require(not rounds_to(miou, votes.nansum().item() / 4), "horse is nowhere: it has no IoU, and no vote in the mean")
    require(
        not rounds_to(miou, votes[:2].mean().item()),
        "dog is in no label, but it was predicted: it has an IoU, and a vote in the mean",
    )
    require(
        not rounds_to(miou, matrix.pixel_accuracy()), "that is the pixel accuracy; the mean of the IoU is asked for"
    )
    require(rounds_to(miou, matrix.mean_iou()), f"{miou:.3g} is not the mean of those IoU that are numbers")
    return "15 pixels, three classes with a vote, and the void pixel in no cell"


@checker
def pixels_bug(false_share: float, pad_pair_repaired: Callable) -> str:
    share = number(false_share, "false_share")
    require(not close(share, 25), "a share lies between 0 and 1; 25 are per cent")
    require(not close(share, 32 / 96), "the share of the *padded* map is asked for, which has 128 rows")
    require(close(share, 32 / 128), f"{share:g} is not the share of the rows that were added")
    draw = generator()
    sizes = ((96, 128), (128, 128)), ((5, 7), (9, 7)), ((4, 4), (4, 4)), ((1, 2), (3, 5)), ((6, 3), (6, 8))
    for kind, ((h, w), (height, width)) in enumerate(sizes):
        image = torch.rand(h, w, 3, generator=draw, dtype=(torch.float32, torch.float64)[kind % 2]).permute(2, 0, 1)
        label = torch.randint(0, 21, (h, w), generator=draw)
        label[torch.rand(h, w, generator=draw) < 0.2] = 255
        label[0, 0], label[-1, -1] = 255, 20
        said = f"pad_pair_repaired(image, label, {height}, {width}) of a scene of {h} by {w}"
        result = call(pad_pair_repaired, image, label, height, width, said=said)
        require(isinstance(result, tuple | list) and len(result) == 2, f"{said} returns image and label, two tensors")
        big = numbers(result[0], "the image", (3, height, width))
        new = numbers(result[1], "the label", (height, width))
        kept = np.asarray(result[1]).dtype.kind in "iu"
        require(kept, f"{said} turned the label into numbers with a fraction; class indices are whole numbers")
        require(np.isfinite(big).all(), f"{said} put a number into the image that is none")
        require(close(big[:, :h, :w], image, atol=1e-7), f"{said} changed the image inside")
        inside = new[:h, :w]
        if not np.array_equal(inside, label.numpy()):
            lost = label.numpy()[inside != label.numpy()]
            what = ", of all things the void: 255 is kept as it is" if (lost == 255).all() else ", in the old pixels"
            raise Wrong(f"{said} changed the label inside{what}", {"the label given": label, "yours, padded": new})
        outside = np.ones((height, width), dtype=bool)
        outside[:h, :w] = False
        values = np.setdiff1d(new[outside], 255)
        if values.size:
            kind = {0: "background", 21: "a class that is none"}.get(values[0], "a class")
            raise Wrong(f"the padding of the label says {values[0]:g}, that is {kind}; there nobody knows anything")
    return "what was given is untouched, void included, and where there was nothing the label says so"


@checker
def pixels_person(people_accuracy: float, people_iou: float, people_miou: float) -> str:
    names = ("people_accuracy", "people_iou", "people_miou")
    accuracy, iou, miou = (number(v, name) for v, name in zip((people_accuracy, people_iou, people_miou), names))
    require(all(0 < value < 1 for value in (accuracy, iou, miou)), "each of the three lies between 0 and 1")
    require(accuracy < 0.5, f"an accuracy of {accuracy:.2f} is that of the painter who answers background")
    require(
        close(accuracy, iou, rtol=2e-3),
        f"accuracy {accuracy:.4f} and IoU of person {iou:.4f} differ. What is the union of the label's people and of a "
        "prediction that is person everywhere, among the pixels that count?",
    )
    classes = iou / miou
    require(not close(classes, 1, rtol=1e-2), "the mean IoU is that over all classes that occur, not person's alone")
    require(not close(classes, 21, rtol=1e-2), "absent classes were counted as 0; where the union is 0 there is no IoU")
    require(
        close(classes, round(classes), rtol=1e-2) and round(classes) == 6,
        f"IoU of person divided by mean IoU is {classes:.2f}; it should be the number of classes that occur here",
    )
    labels = val_labels()
    matrix = ConfusionMatrix(21)
    matrix.update(torch.full_like(labels, 15), labels)
    require(
        not rounds_to(accuracy, (labels == 15).double().mean().item()),
        f"{accuracy:.3g} is the share of person among all pixels: void was counted as well",
    )
    require(
        rounds_to(accuracy, matrix.pixel_accuracy()),
        f"{accuracy:.3g} is not the share of person on the validation split, void left out",
    )
    require(rounds_to(miou, matrix.mean_iou()), f"a mean IoU of {miou:.3g}: give three digits of it")
    return f"accuracy and IoU of person are both {accuracy:.3f}, the share of the painted class"


@checker
def pixels_average(two_predictions: Tensor, two_labels: Tensor) -> str:
    predictions = numbers(two_predictions, "two_predictions", (2, 20, 20))
    labels = numbers(two_labels, "two_labels", (2, 20, 20))
    for name, maps in (("two_predictions", predictions), ("two_labels", labels)):
        found = np.unique(maps)
        require(np.isin(found, (0, 1)).all(), f"{name} holds {found[:8].tolist()}; the classes here are 0 and 1")
    together, each = ConfusionMatrix(2), []
    for prediction, label in zip(torch.from_numpy(predictions).long(), torch.from_numpy(labels).long()):
        alone = ConfusionMatrix(2)
        alone.update(prediction[None], label[None])
        together.merge(alone)
        each.append(alone.iou()[1].item())
    require(
        not any(np.isnan(each)),
        "in one of the images class 1 is in neither map, so that image has no IoU to average; put a pixel somewhere",
    )
    mean, all_pixels = sum(each) / 2, together.iou()[1].item()
    require(
        mean <= 0.5,
        f"the mean over images is {apart(mean, 0.5)}, and it should be 0.5 at most: let one image fail, even "
        "on a small object",
    )
    require(
        all_pixels > 0.95,
        f"over the data set the IoU is {apart(all_pixels, 0.95)}, and it should be above 0.95: how large is the object "
        "that is found beside the one that is missed?",
    )
    return f"mean over images {mean:.2f}, over the data set {all_pixels:.3f}: say which one you report"


@checker
def pixels_report(report: dict) -> str:
    names = ("accuracy", "mean IoU", "baseline accuracy", "baseline mean IoU")
    missing = [name for name in names if not isinstance(report, dict) or name not in report]
    require(not missing, f"report is a dict that holds {', '.join(names)}; it has no {', '.join(missing)}")
    told = {name: number(report[name], name) for name in names}
    for name, value in told.items():
        require(0 <= value <= 1, f"{name} is {value:g}; write it as a share of 1")
    labels = val_labels()
    as_background = labels.where(labels != 255, 0)
    nothing = torch.zeros_like(labels)
    for name, right, counted in (
        ("baseline accuracy", scored(nothing, labels)[0], scored(nothing, as_background)[0]),
        ("baseline mean IoU", scored(nothing, labels)[1], scored(nothing, as_background)[1]),
    ):
        value = told[name]
        require(
            not rounds_to(value, counted) or rounds_to(counted, right),
            f"a {name} of {value:.3g} counts void as background",
        )
        require(
            not rounds_to(value, right * 6 / 21),
            f"a {name} of {value:.3g}: average over the six classes that occur, absent ones have none",
        )
        require(rounds_to(value, right), f"a {name} of {value:.3g} is not that of painting everything background")
    late = F.pad(as_background, (2, -2))
    slips = (
        (late, as_background, "is among the author's numbers: as VOC scores, the void band counts for nobody"),
        (as_background, labels, "is that of a prediction that was not moved"),
        (F.pad(as_background, (-2, 2)), labels, "is that of a shift to the left"),
        (F.pad(as_background, (1, -1)), labels, "is that of a shift by one pixel"),
        (F.pad(as_background, (0, 0, 2, -2)), labels, "is that of a shift downwards"),
    )
    for k, name in enumerate(names[:2]):
        value, right = told[name], scored(late, labels)[k]
        if rounds_to(value, right):
            continue
        for prediction, truth, said in slips:
            require(not rounds_to(value, scored(prediction, truth)[k]), f"the {name} of {value:.3g} {said}")
        images = np.mean([scored(a, b)[k] for a, b in zip(late, labels)])
        require(
            not rounds_to(value, images),
            f"the {name} of {value:.3g} is a mean of the images' scores; VOC fills one matrix over all of them",
        )
        raise Wrong(f"the {name} of {value:.3g} is not that of a shift by two pixels to the right, void left out")
    return "four numbers, the protocol's own, that a stranger can compare"


@lru_cache(maxsize=1)
def val_labels() -> Tensor:
    """ToyVOC's validation labels (100, H, W)."""
    return torch.stack([label for _, label in ToyVOC(split="val")])


def scored(prediction: Tensor, labels: Tensor) -> tuple[float, float]:
    """Pixel accuracy and mean IoU."""
    matrix = ConfusionMatrix(21)
    matrix.update(prediction, labels)
    return matrix.pixel_accuracy(), matrix.mean_iou()


def number_or_nan(value: Any, what: str) -> float:
    """A number; NaN for None, for NaN and for a word that says so."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("none", "nan", "-")):
        return math.nan
    is_nan = np.isnan(numbers(value, what)).all()
    return math.nan if is_nan else number(value, what)


def rounds_to(value: float, right: float) -> bool:
    """Whether a value agrees with the right one to three significant digits, rounded either way."""
    if right == 0:
        return abs(value) < 1e-9
    unit = 10.0 ** (math.floor(math.log10(abs(right))) - 2)
    return abs(value - right) <= 0.51 * unit
