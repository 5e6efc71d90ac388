"""Chapter 6, Measuring and losses."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from segbook import QUICK
from segbook.checks.core import call, checker, own_numbers, require
from segbook.checks.values import Wrong, close, number, numbers
from segbook.metrics import ConfusionMatrix, boundary_f1

__all__ = [
    "measure_blind",
    "measure_counts",
    "measure_merge",
    "measure_range",
    "measure_steps",
    "measure_tversky",
    "measure_undo",
    "measure_void",
]


@checker
@own_numbers(
    "{present} pixels of the class, {marked} marked, {right} of them right",
    {"present": 200, "marked": 300, "right": 150},
    {"present": 400, "marked": 250, "right": 200},
    {"present": 500, "marked": 300, "right": 240},
    {"present": 320, "marked": 400, "right": 200},
    {"present": 250, "marked": 200, "right": 160},
    {"present": 600, "marked": 450, "right": 360},
)
def measure_counts(
    my_accuracy: float,
    my_precision: float,
    my_recall: float,
    my_iou: float,
    my_dice: float,
    present: int,
    marked: int,
    right: int,
) -> str:
    names = ("my_accuracy", "my_precision", "my_recall", "my_iou", "my_dice")
    accuracy, precision, recall, iou, dice = (
        number(value, name) for value, name in zip((my_accuracy, my_precision, my_recall, my_iou, my_dice), names)
    )
    tp, fp, fn, pixels = right, marked - right, present - right, 10_000
    for name, value in zip(names, (accuracy, precision, recall, iou, dice)):
        require(0 <= value <= 1, f"{name} is {value:g}; write it as a share of 1")
    require(
        not (close(precision, tp / (tp + fn)) and close(recall, tp / (tp + fp))),
        "precision and recall are exchanged: precision asks how much of what was *marked* is right",
    )
    require(close(precision, tp / (tp + fp)), f"a precision of {precision:.3f}: how many of the marked ones are right?")
    require(close(recall, tp / (tp + fn)), f"a recall of {recall:.3f}: how many of the class's pixels were found?")
    require(
        not close(accuracy, (pixels - fp) / pixels) and not close(accuracy, (pixels - fn) / pixels),
        f"an accuracy of {accuracy:g} forgets one of the two kinds of error",
    )
    require(
        close(accuracy, (pixels - fp - fn) / pixels, rtol=1e-5),
        f"an accuracy of {accuracy:g}: count the errors of both kinds",
    )
    require(
        not close(iou, tp / (tp + fp + fn + tp)),
        f"an IoU of {iou:.3f}: the pixels of the intersection are in both masks, and in the union once",
    )
    require(close(iou, tp / (tp + fp + fn)), f"an IoU of {iou:.3f} is not intersection by union")
    require(close(dice, 2 * iou / (1 + iou)), f"a Dice of {dice:.3f} does not belong to this IoU: D = 2J / (1 + J)")
    empty = "; and the empty answer has the same accuracy" if fp + fn == present else ""
    return f"five numbers from four counts{empty}"


@checker
def measure_blind(for_recall: Tensor, for_precision: Tensor, for_outline: Tensor, for_iou: Tensor) -> str:
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    masks = {"for_recall": for_recall, "for_precision": for_precision, "for_outline": for_outline, "for_iou": for_iou}
    disc = (y - 80).square() + (x - 80).square() <= 400
    found = {}
    for name, mask in masks.items():
        mask = torch.from_numpy(numbers(mask, name, (160, 160)))
        require(((mask == 0) | (mask == 1)).all(), f"{name} is a mask: True or False at every pixel")
        mask = mask.bool()
        require(mask.any(), f"{name} marks nothing, and then precision does not exist")
        both = (mask & disc).sum().item()
        outline = boundary_f1(mask.long(), disc.long(), 2)[1].item()
        found[name] = both / disc.sum().item(), both / mask.sum().item(), both / (mask | disc).sum().item(), outline
    wanted = {
        "for_recall": lambda recall, precision, iou, outline: recall == 1 and iou < 0.1,
        "for_precision": lambda recall, precision, iou, outline: precision == 1 and iou < 0.1,
        "for_outline": lambda recall, precision, iou, outline: outline > 0.99 and iou < 0.2,
        "for_iou": lambda recall, precision, iou, outline: outline == 0 and iou > 0.7,
    }
    hints = {
        "for_recall": "recall does not see false alarms",
        "for_precision": "precision does not see what is missed",
        "for_outline": "the outline does not see the inside",
        "for_iou": "IoU hardly sees a margin that is thin beside the object, but wider than the tolerance",
    }
    for name, holds in wanted.items():
        recall, precision, iou, outline = found[name]
        require(
            holds(*found[name]),
            f"{name} has recall {recall:.2f}, precision {precision:.2f}, IoU {iou:.2f} and boundary F1 {outline:.2f}; "
            f"think of this: {hints[name]}",
        )
    return "each score has its error that it does not see, and another score that does"


@checker
@own_numbers(
    "an IoU of {a} on {large:,} pixels, and one of {b} on {small}",
    {"a": 0.9, "large": 1000, "b": 0.1, "small": 100},
    {"a": 0.8, "large": 2000, "b": 0.3, "small": 250},
    {"a": 0.7, "large": 1500, "b": 0.2, "small": 100},
    {"a": 0.85, "large": 1200, "b": 0.25, "small": 200},
    {"a": 0.6, "large": 900, "b": 0.1, "small": 100},
)
def measure_merge(iou_of_all: float, mean_of_workers: float, a: float, large: int, b: float, small: int) -> str:
    together, mean = number(iou_of_all, "iou_of_all"), number(mean_of_workers, "mean_of_workers")
    truth, plain = (a * large + b * small) / (large + small), (a + b) / 2
    require(not (close(together, plain) and close(mean, truth)), "the two are exchanged")
    require(
        not close(together, plain),
        f"iou_of_all is the mean of two IoUs; one of them stands for {large / small:g} times as many pixels",
    )
    require(
        close(together, truth, rtol=7e-4),  # three decimals are enough
        f"{together:.3f} is not it: get back the two intersections, and add what can be added",
    )
    require(close(mean, plain), f"the mean of {a} and {b} is not {mean:g}")
    return "counts add up, scores do not"


@checker
def measure_range(lowest_mean_iou: float, highest_mean_iou: float) -> str:
    low, high = number(lowest_mean_iou, "lowest_mean_iou"), number(highest_mean_iou, "highest_mean_iou")
    require(low <= high, "the lowest is above the highest")
    grid = torch.linspace(0.6, 1.0, 4001, dtype=torch.float64)  # Dice of one class; the other has 1.6 minus that
    means = (grid / (2 - grid) + (1.6 - grid) / (2 - (1.6 - grid))) / 2
    require(not close(high, 0.8, rtol=2e-3), "0.8 is the mean Dice; IoU lies below it wherever Dice is below 1")
    require(
        close(low, means.min(), rtol=2e-3),
        f"{low:.3f} is not the lowest: try both classes alike, and both as far apart as the mean allows"
        + ("; a Dice cannot be above 1" if low < means.min() - 0.02 else ""),
    )
    require(
        close(high, means.max(), rtol=2e-3),
        f"{high:.3f} is not the highest: how far apart can two values of mean 0.8 be, none of them above 1?",
    )
    return f"between {low:.3f} and {high:.3f}: the mean Dice does not say more"


@checker
def measure_void(my_mean_iou: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    cases = []
    for classes in (2, 3, 5):
        label = torch.randint(0, classes, (12, 17), generator=generator)
        prediction = torch.randint(0, classes, (12, 17), generator=generator)
        cases.append((prediction, label, classes))
        label = label.clone()
        label[3:7] = 255
        cases.append((prediction, label, classes))
    cases.append((torch.tensor([[0, 1]]), torch.tensor([[0, 0]]), 3))  # predicted, not there: 0, and it counts
    cases.append((torch.tensor([[0, 0]]), torch.tensor([[0, 0]]), 3))  # nowhere: left out
    for prediction, label, classes in cases:
        matrix = ConfusionMatrix(classes)
        matrix.update(prediction[None], label[None])
        truth = matrix.mean_iou()
        void = int((label == 255).sum())
        said = f"my_mean_iou of a map of {tuple(label.shape)} with {classes} classes and {void} pixels of void"
        value = number(call(my_mean_iou, prediction, label, classes, said=said), said)
        if not close(value, truth):
            hint = ""
            if void and value < truth:
                hint = ": are predictions on void still in a union?"
            elif not void and label.numel() == 2:
                hint = ": a class whose union is empty has no IoU; one that is predicted and not there has 0"
            raise Wrong(f"{said} is {value:.4f}, and the right one is {truth:.4f}{hint}")
    return "with and without void, with classes that are absent and with one that is only predicted"


@checker
def measure_tversky(my_tversky_loss: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    for shape in ((50,), (2, 1, 6, 7)):
        p = torch.rand(shape, generator=generator)
        truth = torch.rand(shape, generator=generator) < 0.3
        both = (p * truth).sum()
        dice = 2 * both / (p.sum() + truth.sum())
        iou = both / (p.sum() + truth.sum() - both)
        false_alarm, missed = (p * ~truth).sum(), ((1 - p) * truth).sum()
        cases = [
            (0.5, 0.5, dice, "alpha = beta = 1/2 should be soft Dice"),
            (1.0, 1.0, iou, "alpha = beta = 1 should be soft IoU"),
            (0.3, 0.7, both / (both + 0.3 * false_alarm + 0.7 * missed), "alpha weighs false alarms, beta misses"),
            (1.0, 0.0, both / p.sum(), "alpha = 1, beta = 0 should be soft precision"),
        ]
        for alpha, beta, index, property_ in cases:
            said = f"my_tversky_loss with alpha {alpha:g} and beta {beta:g}"
            value = number(call(my_tversky_loss, p, truth, alpha, beta, said=said), said)
            hint = ""
            if close(value, index):
                hint = ". This is the index; a loss falls as the index rises"
            elif alpha != beta and close(value, 1 - both / (both + beta * false_alarm + alpha * missed)):
                hint = ". The two are exchanged"
            require(close(value, 1 - index), f"{said} is {value:.4f}, not {1 - index:.4f}: {property_}{hint}")
    p = torch.rand(40, generator=generator, requires_grad=True)
    truth = torch.arange(40) < 10
    loss = my_tversky_loss(p, truth, 0.5, 0.5)
    require(
        isinstance(loss, Tensor) and loss.requires_grad,
        "nothing can be trained with it: no gradient arrives at the probabilities. Was something rounded or converted?",
    )
    return "Dice, IoU and what lies between, in any shape, with a gradient"


@checker
def measure_undo(honest_logits: Tensor, weighted_threshold: float) -> str:
    logits = torch.from_numpy(numbers(honest_logits, "honest_logits"))
    require(
        logits.numel() > 1000, f"honest_logits are those of the test images, this has the shape {tuple(logits.shape)}"
    )
    threshold = number(weighted_threshold, "weighted_threshold")
    claimed = logits.sigmoid().mean().item()
    in_reach = QUICK or 0.008 < claimed < 0.04
    require(
        in_reach,
        f"with these logits {claimed:.3f} of the pixels are claimed to be fibre, far from the truth of about one in "
        "fifty: weights multiply the odds, and a logit is the logarithm of the odds",
    )
    require(0 < threshold < 1, f"a threshold on a probability lies between 0 and 1, got {threshold:g}")
    require(not close(threshold, 0.3, rtol=0.02), "0.3 is the threshold on the honest probability")
    odds = threshold / (1 - threshold) / (0.3 / 0.7)
    if not 45 < odds < 62:
        raise Wrong(
            f"a threshold of {threshold:.4f} has {odds:.2f} times the odds of 0.3, and the weights have multiplied "
            "all odds by w" + (": the other way round" if 45 < 1 / max(odds, 1e-9) < 62 else "")
        )
    return f"odds times {odds:.0f}, that is {math.log(odds):.2f} on the logit"


@checker
def measure_steps(hinge_iou: float, cross_entropy_iou: float) -> str:
    hinge, entropy = number(hinge_iou, "hinge_iou"), number(cross_entropy_iou, "cross_entropy_iou")
    require(0 <= hinge <= 1 and 0 <= entropy <= 1, "an IoU lies between 0 and 1")
    require(hinge != entropy, "both numbers are the same; is it the same network?")
    require(
        QUICK or hinge > 0.3,
        f"the hinge reaches {hinge:.3f} only: three times as many steps, and the best threshold of `choices`?",
    )
    require(
        QUICK or entropy > 0.3,
        f"cross-entropy reaches {entropy:.3f} only: three times as many steps, and the best threshold of `choices`?",
    )
    gap = entropy - hinge
    return (
        f"a gap of {gap:.3f} after three times as many steps; the same number of steps is not fair to both, a "
        "learning rate of its own for each would be next"
    )
