"""Chapter 1, Pixels to labels."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, apart, close, number, numbers, whole, words
from segbook.data.palette import voc_colormap
from segbook.metrics import ConfusionMatrix

__all__ = [
    "pixels_average",
    "pixels_bits",
    "pixels_border",
    "pixels_bug",
    "pixels_person",
    "pixels_report",
    "pixels_tasks",
]


@checker
def pixels_tasks(tasks: Sequence[str]) -> str:
    kinds = ("semantic", "instance", "panoptic")
    answers = words(tasks, "tasks", 3)
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
def pixels_bits(class_of: Callable) -> str:
    palette = voc_colormap().tolist()
    wrong = [index for index, colour in enumerate(palette) if whole(call(class_of, *colour), "an index") != index]
    if wrong:
        red, green, blue = palette[wrong[0]]
        swapped = all(whole(call(class_of, *palette[i][::-1]), "an index") == i for i in wrong)
        first_eight = wrong[0] >= 8
        raise Wrong(
            f"{len(wrong)} of the 256 colours get another index, the first of them ({red}, {green}, {blue})"
            + (": red and blue are exchanged" if swapped else "")
            + (": the first eight are right, so the lower bits of the colours are not read" if first_eight else "")
        )
    for channel, bit in itertools.product(range(3), range(8)):
        colour = [1 << bit if c == channel else 0 for c in range(3)]
        require(
            whole(call(class_of, *colour), "an index") > 0,
            f"{tuple(colour)} gives 0, the index of black: is the answer computed from the bits, all eight of them?",
        )
    grey = whole(call(class_of, 14, 14, 12), "an index")
    require(grey > 255, f"(14, 14, 12) gives {grey}; is the answer still computed from the bits, all eight of them?")
    between = whole(call(class_of, 64, 0, 0), "an index")
    require(0 < between < 21, f"(64, 0, 0) gives {between}, and its one bit belongs to an index among VOC's classes")
    return (
        f"256 of 256; the first mixture gives {grey:,}, which a check of the range sees, the second {between}, "
        "which none sees"
    )


@checker
def pixels_bug(false_share: float, pad_pair_repaired: Callable) -> str:
    share = number(false_share, "false_share")
    require(not close(share, 25), "a share lies between 0 and 1; 25 are per cent")
    require(not close(share, 32 / 96), "the share of the *padded* map is asked for, which has 128 rows")
    require(close(share, 32 / 128), f"{share:g} is not the share of the rows that were added")
    draw = generator()
    for (h, w), (height, width) in (((96, 128), (128, 128)), ((5, 7), (9, 7)), ((4, 4), (4, 4)), ((1, 2), (3, 5))):
        image = torch.rand(3, h, w, generator=draw)
        label = torch.randint(0, 21, (h, w), generator=draw)
        said = f"pad_pair_repaired(image, label, {height}, {width}) of a scene of {h} by {w}"
        result = call(pad_pair_repaired, image, label, height, width, said=said)
        require(isinstance(result, tuple | list) and len(result) == 2, f"{said} returns image and label, two tensors")
        big = torch.from_numpy(numbers(result[0], "the image", (3, height, width)))
        new = torch.from_numpy(numbers(result[1], "the label", (height, width))).long()
        require(close(big[:, :h, :w], image), f"{said} changed the image inside")
        require(
            torch.equal(new[:h, :w], label),
            f"{said} changed the label inside, in the old pixels",
            {"the label given": label, "yours, padded": new},
        )
        outside = torch.ones(height, width, dtype=torch.bool)
        outside[:h, :w] = False
        values = new[outside].unique().tolist()
        if values and values != [255]:
            kind = {0: "background", 21: "a class that is none"}.get(values[0], "a class")
            raise Wrong(f"the padding of the label says {values[0]}, that is {kind}; there nobody knows anything")
    return "the image inside is untouched, and where there was none the label says so"


@checker
def pixels_person(people_accuracy: float, people_iou: float, people_miou: float) -> str:
    accuracy, iou, miou = (
        number(value, name)
        for value, name in (
            (people_accuracy, "people_accuracy"),
            (people_iou, "people_iou"),
            (people_miou, "people_miou"),
        )
    )
    require(all(0 < value < 1 for value in (accuracy, iou, miou)), "each of the three lies between 0 and 1")
    require(accuracy < 0.5, f"an accuracy of {accuracy:.2f} is that of the painter who answers background")
    require(
        close(accuracy, iou),
        f"accuracy {accuracy:.4f} and IoU of person {iou:.4f} differ. What is the union of the label's people and of a "
        "prediction that is person everywhere, among the pixels that count?",
    )
    classes = iou / miou
    require(not close(classes, 1), "the mean IoU is that over all classes that occur, not person's alone")
    require(not close(classes, 21, rtol=1e-3), "absent classes were counted as 0; where the union is 0 there is no IoU")
    require(
        close(classes, round(classes), rtol=1e-3) and round(classes) == 6,
        f"IoU of person divided by mean IoU is {classes:.2f}; it should be the number of classes that occur here",
    )
    require(0.02 < accuracy < 0.06, f"{accuracy:.3f} is not the share of person on the validation split, void left out")
    return f"accuracy and IoU of person are both {accuracy:.3f}, the share of the painted class"


@checker
def pixels_average(two_predictions: Tensor, two_labels: Tensor) -> str:
    predictions = torch.from_numpy(numbers(two_predictions, "two_predictions", (2, 20, 20))).long()
    labels = torch.from_numpy(numbers(two_labels, "two_labels", (2, 20, 20))).long()
    for name, maps in (("two_predictions", predictions), ("two_labels", labels)):
        require(
            ((maps == 0) | (maps == 1)).all(),
            f"{name} holds {maps.unique().tolist()}; the classes here are 0 and 1",
        )
    together, each = ConfusionMatrix(2), []
    for prediction, label in zip(predictions, labels):
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
    accuracy, miou, base_accuracy, base_miou = (number(report[name], name) for name in names)
    for name, value in zip(names, (accuracy, miou, base_accuracy, base_miou)):
        require(0 <= value <= 1, f"{name} is {value:g}; write it as a share of 1")
    require(
        not (abs(accuracy - 0.93) < 0.006 and abs(miou - 0.69) < 0.006),
        "these are the author's numbers: as VOC scores, the void band counts for nobody",
    )
    require(abs(base_accuracy - 0.79) < 0.006, f"a baseline accuracy of {base_accuracy:.3f} is not that of background")
    require(
        abs(base_miou - 0.132) < 0.003,
        f"a baseline mean IoU of {base_miou:.3f}: average over the six classes that occur, absent ones have none",
    )
    require(accuracy != 1, "an accuracy of 1: was the prediction moved?")
    require(
        abs(accuracy - 0.954) < 0.004,
        f"an accuracy of {accuracy:.3f} is not that of a shift by two pixels to the right, void left out",
    )
    require(
        abs(miou - 0.767) < 0.006,
        f"a mean IoU of {miou:.3f}: is it one matrix over all 100 images, and not the mean of their scores?",
    )
    return "four numbers, the protocol's own, that a stranger can compare"


@checker
def pixels_border(with_void: Sequence[float], with_d2l: Sequence[float]) -> str:
    void, d2l = numbers(with_void, "with_void", (3,)), numbers(with_d2l, "with_d2l", (3,))
    for name, values in (("with_void", void), ("with_d2l", d2l)):
        require(((values > 0) & (values <= 1)).all(), f"{name} holds a mean IoU that is not between 0 and 1")
        require((np.diff(values) < 0).all(), f"{name} does not fall while the objects grow; is each one grown further?")
    require(
        close(void[0], 1),
        f"with 0 further pixels and void left out the score is {void[0]:.3f}; the filled band costs nothing there",
    )
    require(
        d2l[0] < 0.9,
        f"against as_d2l_reads the first score is {d2l[0]:.3f}: there the band is background and the filled one wrong",
    )
    require((d2l < void).all(), "against as_d2l_reads every score is lower; are the two lists exchanged?")
    require(void[1] < 0.85, f"one further pixel costs only {1 - void[1]:.3f}: did every object grow on all its sides?")
    require(void[2] > 0.3, f"two further pixels leave {void[2]:.3f}: does an object grow by one pixel at a time?")
    require(
        void[1] - void[2] > 0.05,
        f"the second further pixel costs only {void[1] - void[2]:.3f}: do the objects of each image grow, by one more?",
    )
    cost = void[0] - void[1]
    return f"the band is free, the next pixel costs {cost:.2f}; as D2L reads, the band alone costs {1 - d2l[0]:.2f}"
