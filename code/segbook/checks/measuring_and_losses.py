"""Chapter 6, Measuring and losses."""

from collections.abc import Callable

import torch
from torch import Tensor

from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.values import Wrong, close, number, numbers
from segbook.metrics import ConfusionMatrix, boundary_f1

__all__ = [
    "measure_blind",
    "measure_counts",
    "measure_range",
    "measure_tversky",
    "measure_void",
    "measure_weight",
]

DIGITS = 6e-4  # three decimals are enough


def agrees(value: float, truth: float) -> bool:
    """Whether a number is right to three decimals, and to three digits where it is above 1."""
    return close(value, truth, rtol=DIGITS, atol=DIGITS)


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
        not (agrees(precision, tp / (tp + fn)) and agrees(recall, tp / (tp + fp))),
        "precision and recall are exchanged: precision asks how much of what was *marked* is right",
    )
    require(agrees(precision, tp / (tp + fp)), f"a precision of {precision:g}: how many of the marked ones are right?")
    require(agrees(recall, tp / (tp + fn)), f"a recall of {recall:g}: how many of the class's pixels were found?")
    require(
        not agrees(accuracy, (pixels - fp) / pixels) and not agrees(accuracy, (pixels - fn) / pixels),
        f"an accuracy of {accuracy:g} forgets one of the two kinds of error",
    )
    require(
        agrees(accuracy, (pixels - fp - fn) / pixels),
        f"an accuracy of {accuracy:g}: count the errors of both kinds",
    )
    require(
        not agrees(iou, tp / (tp + fp + fn + tp)),
        f"an IoU of {iou:g}: the pixels of the intersection are in both masks, and in the union once",
    )
    require(agrees(iou, tp / (tp + fp + fn)), f"an IoU of {iou:g} is not intersection by union")
    require(
        agrees(dice, 2 * tp / (2 * tp + fp + fn)), f"a Dice of {dice:g} does not belong to this IoU: D = 2J / (1 + J)"
    )
    empty = "; and the empty answer has the same accuracy" if fp + fn == present else ""
    return f"five numbers from four counts{empty}"


@checker
@own_numbers(
    "the best Dice within reach is {dice}, and somebody has trained with the weight {other}",
    {"dice": 0.4, "other": 19},
    {"dice": 0.5, "other": 24},
    {"dice": 0.8, "other": 9},
    {"dice": 0.25, "other": 39},
    {"dice": 0.3, "other": 14},
)
def measure_weight(my_threshold: float, my_weight: float, marked_from: float, dice: float, other: int) -> str:
    threshold, weight = number(my_threshold, "my_threshold"), number(my_weight, "my_weight")
    chance = number(marked_from, "marked_from")
    require(0 < threshold < 1, f"my_threshold is {threshold:g}; a threshold on a probability lies between 0 and 1")
    require(0 < chance < 1, f"marked_from is {chance:g}; a chance lies between 0 and 1")
    require(weight > 0, f"my_weight is {weight:g}; a weight is above 0")
    iou = dice / (2 - dice)
    require(
        not agrees(threshold, dice), f"a threshold of {threshold:g}: one more pixel adds to the numerator of Dice twice"
    )
    require(not agrees(threshold, iou / 2), f"a threshold of {threshold:g}: the rule is about Dice, not about IoU")
    require(
        agrees(threshold, dice / 2),
        f"a threshold of {threshold:g}: a pixel is worth marking if what it adds, 2q over 1, is more than Dice",
    )
    require(
        not agrees(weight, 2 / dice), f"a weight of {weight:g}: half goes to 1 / (1 + w) and not to 1 / w; mind the 1"
    )
    require(not agrees(weight, iou), f"a weight of {weight:g} makes the class count less, and raises the threshold")
    require(
        agrees(weight, 1 / iou),
        f"with a weight of {weight:g}, one half is a threshold of {1 / (1 + weight):.6g} on the true chance; which one "
        "does the score ask for?",
    )
    require(
        not agrees(chance, 1 / other) or agrees(1 / other, 1 / (1 + other)),
        f"a chance of {chance:g}: the weight multiplies the odds, not the chance",
    )
    require(
        not agrees(chance, other / (1 + other)), f"a chance of {chance:g}: a weight of {other} marks more, not less"
    )
    require(
        agrees(chance, 1 / (1 + other)),
        f"a chance of {chance:g} becomes odds of {other * chance / (1 - chance):.4g} under the weight {other}; "
        "one half is odds of 1",
    )
    return f"{threshold:g} without a weight, or one half with the weight {weight:g}: one decision"


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
        recall, precision, iou, outline = found[name]  # as many digits as tell a share of 160x160 pixels from a limit
        require(
            holds(*found[name]),
            f"{name} has recall {recall:.6g}, precision {precision:.6g}, IoU {iou:.6g} and boundary F1 {outline:.6g}; "
            f"think of this: {hints[name]}",
        )
    return "each score has its error that it does not see, and another score that does"


@checker
def measure_range(lowest_mean_iou: float, highest_mean_iou: float) -> str:
    low, high = number(lowest_mean_iou, "lowest_mean_iou"), number(highest_mean_iou, "highest_mean_iou")
    require(low <= high, "the lowest is above the highest")
    grid = torch.linspace(0.6, 1.0, 4001, dtype=torch.float64)  # Dice of one class; the other has 1.6 minus that
    means = (grid / (2 - grid) + (1.6 - grid) / (2 - (1.6 - grid))) / 2
    require(not agrees(high, 0.8), "0.8 is the mean Dice; IoU lies below it wherever Dice is below 1")
    require(
        agrees(low, means.min().item()),
        f"{low:g} is not the lowest: try both classes alike, and both as far apart as the mean allows"
        + ("; a Dice cannot be above 1" if low < means.min() - 0.02 else ""),
    )
    require(
        agrees(high, means.max().item()),
        f"{high:g} is not the highest: how far apart can two values of mean 0.8 be, none of them above 1?",
    )
    return f"between {low:g} and {high:g}: the mean Dice does not say more"


@checker
def measure_void(my_mean_iou: Callable) -> str:
    g = generator()
    cases = [
        (torch.tensor([[0, 1]]), torch.tensor([[0, 0]]), 3),  # predicted, not there: 0, and it counts
        (torch.tensor([[0, 0]]), torch.tensor([[0, 0]]), 3),  # nowhere: left out
        (torch.tensor([[0, 2, 1]]), torch.tensor([[0, 255, 1]]), 3),  # predicted on void alone: left out
    ]
    for classes, shape in ((2, (12, 17)), (3, (2, 9, 7)), (5, (17, 12)), (21, (3, 11, 8))):
        label = torch.randint(0, classes, shape, generator=g)
        prediction = label.where(torch.rand(shape, generator=g) < 0.6, torch.randint(0, classes, shape, generator=g))
        cases.append((prediction, label, classes))
        void = torch.rand(shape, generator=g) < 0.3
        cases.append((prediction.mT, label.masked_fill(void, 255).mT, classes))  # in another order of memory
    for prediction, label, classes in cases:
        matrix = ConfusionMatrix(classes)
        matrix.update(prediction, label)
        truth = matrix.mean_iou()
        void = int((label == 255).sum())
        said = f"my_mean_iou of maps {tuple(label.shape)} with {classes} classes and {void} pixels of void"
        value = number(call(my_mean_iou, prediction, label, classes, said=said), said)
        if not close(value, truth):
            hint = ""
            if void and value < truth:
                hint = ": are predictions on void still in a union?"
            elif label.numel() < 4:
                hint = ": a class whose union is empty has no IoU; one that is predicted and not there has 0"
            raise Wrong(f"{said} is {value:.6g}, and the right one is {truth:.6g}{hint}")
    return "with and without void, with classes that are absent and with one that is only predicted"


@checker
def measure_tversky(my_tversky_loss: Callable) -> str:
    def with_input(q: Tensor, *rest: object) -> tuple[object, Tensor]:
        q = q.clone().requires_grad_()
        return my_tversky_loss(q, *rest), q

    g = generator()
    for shape, dtype in (((50,), torch.float32), ((2, 1, 7, 9), torch.float64)):
        q = torch.rand(shape, generator=g, dtype=dtype).mT if len(shape) > 1 else torch.rand(shape, generator=g)
        truth = torch.rand(q.shape, generator=g) < 0.3
        truth.view(-1)[:2] = torch.tensor([True, False])  # some of each
        a, b = (0.2 + torch.rand(2, generator=g)).tolist()
        for alpha, beta, property_ in [
            (0.5, 0.5, "alpha = beta = 1/2 should be soft Dice"),
            (1.0, 1.0, "alpha = beta = 1 should be soft IoU"),
            (0.3, 0.7, "alpha weighs false alarms, beta misses"),
            (1.0, 0.0, "alpha = 1, beta = 0 should be soft precision"),
            (a, b, "alpha weighs false alarms, beta misses"),
        ]:
            said = f"my_tversky_loss with alpha {alpha:.3g} and beta {beta:.3g}"
            value = number(call(my_tversky_loss, q, truth, alpha, beta, said=said), said)
            leaf = q.clone().requires_grad_()
            index, exchanged = tversky_index(leaf, truth, alpha, beta), tversky_index(q, truth, beta, alpha)
            hint = ""
            if close(value, index.item()):
                hint = ". This is the index; a loss falls as the index rises"
            elif alpha != beta and close(value, 1 - exchanged.item()):
                hint = ". The two are exchanged"
            require(
                close(value, 1 - index.item()),
                f"{said} is {value:.6g}, not {1 - index.item():.6g}: {property_}{hint}",
            )
            (wanted,) = torch.autograd.grad(1 - index, leaf)
            loss, given = call(with_input, q, truth, alpha, beta, said=said)
            require(
                isinstance(loss, Tensor) and loss.requires_grad,
                "nothing can be trained with it: no gradient arrives at the probabilities. Was something rounded or "
                "converted to a number?",
            )
            (slope,) = torch.autograd.grad(loss.sum(), given, allow_unused=True)
            require(
                slope is not None and close(slope.numpy(), wanted.numpy(), atol=1e-6),
                f"{said} has the right value and another gradient: a part of the fraction is a plain number to "
                "autograd. Keep every sum a tensor, in the denominator too",
            )
    return "Dice, IoU and what lies between, in any shape, with the right gradient"


def tversky_index(q: Tensor, truth: Tensor, alpha: float, beta: float) -> Tensor:
    """By masks of numbers, without indexing."""
    t = truth.to(q.dtype)
    found = (q * t).sum()
    return found / (found + alpha * (q * (1 - t)).sum() + beta * ((1 - q) * t).sum())
