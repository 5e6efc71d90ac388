"""Answers to chapter 1: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F


def pad(image, label, height, width, fill=255):
    down, right = height - label.shape[0], width - label.shape[1]
    return F.pad(image, (0, right, 0, down)), F.pad(label, (0, right, 0, down), value=fill)


def pad_by_hand(image, label, height, width):
    big = np.full((3, height, width), 0.5)
    new = np.full((height, width), 255)
    big[:, : label.shape[0], : label.shape[1]] = image.numpy()
    new[: label.shape[0], : label.shape[1]] = label.numpy()
    return [big, new]


def pad_as_floats(image, label, height, width):
    return pad(image, label.double(), height, width)


class Padder:
    def __call__(self, image, label, height, width):
        big = image.new_full((3, height, width), 114)
        new = torch.full((height, width), 255, dtype=torch.uint8)
        big[:, : label.shape[0], : label.shape[1]] = image
        new[: label.shape[0], : label.shape[1]] = label
        return big, new


def pad_shifted_by_one(image, label, height, width):
    """Stores label + 1 and fills 0, as some readers do."""
    image, label = pad(image, label.where(label != 255, -1) + 1, height, width, 0)
    return image, (label - 1).where(label > 0, 255)


def void_zeroed_first(image, label, height, width):
    return pad(image, label.where(label != 255, 0), height, width)


def zeros_to_void(image, label, height, width):
    image, label = pad(image, label, height, width, 0)
    return image, label.where(label != 0, 255)


def in_place(image, label, height, width):
    label[label == 255] = 0
    return pad(image, label, height, width)


def pad_both_sides(image, label, height, width):
    down, right = height - label.shape[0], width - label.shape[1]
    sides = (right // 2, right - right // 2, down // 2, down - down // 2)
    return F.pad(image, sides), F.pad(label, sides, value=255)


def stretch(image, label, height, width):
    size = (height, width)
    return F.interpolate(image[None], size)[0], F.interpolate(label[None, None].float(), size)[0, 0].long()


def last_row_forgotten(image, label, height, width):
    image, new = pad(image, label, height, width)
    new[-1, -1] = 0 if height > len(label) else new[-1, -1]
    return image, new


def maps(large, found, small, hit):
    labels, predictions = torch.zeros(2, 20, 20, dtype=torch.long), torch.zeros(2, 20, 20, dtype=torch.long)
    labels[0, :large, :large] = predictions[0, :found, :found] = 1
    labels[1, :small, :small] = 1
    predictions[1, :hit, :hit] = 1
    return predictions, labels


def counted(**changes):
    """The table of the exercise by hand, with some cells changed: row and column in the name."""
    table = [[8, 1, 1, 0], [1, 3, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    for place, value in changes.items():
        table[int(place[1])][int(place[2])] = value
    return table


IOU, MIOU = [8 / 11, 0.5, 0, None], (8 / 11 + 0.5) / 3
REPORT = {"accuracy": 0.954, "mean IoU": 0.767, "baseline accuracy": 0.790, "baseline mean IoU": 0.132}
EXACT = {
    "accuracy": 0.9541468498325479,
    "mean IoU": 0.7673,
    "baseline accuracy": 0.7896327226737168,
    "baseline mean IoU": 0.1316,
}
PERSON = 0.04317531362894857
RIGHT = [
    ("pixels_tasks", (["semantic", "instance", "panoptic"],)),
    ("pixels_tasks", (("Semantic", " instance", "PANOPTIC"),)),
    ("pixels_tasks", (np.array(["semantic", "instance", "panoptic"]),)),
    ("pixels_tasks", (["Semantic segmentation", "instance  segmentation", "panoptic segmentation"],)),
    ("pixels_by_hand", (counted(), IOU, MIOU)),
    ("pixels_by_hand", (torch.tensor(counted()), torch.tensor([8 / 11, 0.5, 0, torch.nan]), torch.tensor(MIOU))),
    ("pixels_by_hand", (np.array(counted(), dtype=float), [0.727, 0.5, 0, np.nan], 0.409)),
    ("pixels_by_hand", (counted(), (Fraction(8, 11), Fraction(1, 2), 0, "None"), Fraction(27, 66))),
    ("pixels_bug", (0.25, pad)),
    ("pixels_bug", (torch.tensor(32 / 128), pad_by_hand)),
    ("pixels_bug", (Fraction(1, 4), Padder())),
    ("pixels_bug", (0.25, functools.partial(pad, fill=255))),
    ("pixels_bug", (np.float32(0.25), pad_shifted_by_one)),
    ("pixels_person", (PERSON, PERSON, PERSON / 6)),
    ("pixels_person", (torch.tensor(PERSON), np.float64(PERSON), PERSON / 6)),
    ("pixels_person", (0.0432, 0.0432, 0.0072)),
    ("pixels_person", (0.043175, torch.tensor([PERSON]), 0.007196)),
    ("pixels_average", maps(10, 10, 1, 0)),
    ("pixels_average", tuple(m.numpy() for m in maps(20, 20, 2, 0))),
    ("pixels_average", tuple(m.tolist() for m in maps(15, 15, 3, 0))),
    ("pixels_average", tuple(m.bool().flip(0) for m in maps(12, 12, 0, 1))),
    ("pixels_report", (REPORT,)),
    ("pixels_report", ({name: torch.tensor(value) for name, value in REPORT.items()},)),
    ("pixels_report", (EXACT,)),
    ("pixels_report", (dict(reversed(EXACT.items())) | {"images": 100, "void": "left out"},)),
]
WRONG = [
    ("pixels_tasks", (["panoptic", "instance", "panoptic"],), "(a)"),
    ("pixels_tasks", (["instance", "instance", "panoptic"],), "must be told from somebody else"),
    ("pixels_tasks", (["semantic", "semantic", "panoptic"],), "two cars"),
    ("pixels_tasks", (["semantic", "panoptic", "panoptic"],), "ask about the asphalt"),
    ("pixels_tasks", (["semantic", "instance", "semantic"],), "pavement"),
    ("pixels_tasks", (["semantic", "instance", "instance"],), "the pedestrians must be"),
    ("pixels_tasks", (["semantic", "instance", "video"],), "write one of"),
    ("pixels_tasks", (["not semantic", "instance", "panoptic"],), "write one of"),
    ("pixels_tasks", ("semantic",), "is 3 words"),
    ("pixels_tasks", ([1, 2, 3],), "is 3 words"),
    ("pixels_by_hand", (torch.tensor(counted(c01=2, c00=7)).T, IOU, MIOU), "the row of background"),
    ("pixels_by_hand", (counted(c11=4), IOU, MIOU), "16 pixels are counted"),
    ("pixels_by_hand", (counted(c00=7), IOU, MIOU), "14 pixels are counted"),
    ("pixels_by_hand", ([[8, 1, 0, 0], [1, 3, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]], IOU, MIOU), "are exchanged"),
    ("pixels_by_hand", (counted(c10=0, c11=4), IOU, MIOU), "follow the pixels that are cat"),
    ("pixels_by_hand", (np.array(counted())[:3, :3], IOU, MIOU), "has the shape"),
    ("pixels_by_hand", (counted(), [8 / 11, 0.5, None, None], MIOU), "dog was predicted"),
    ("pixels_by_hand", (counted(), [8 / 11, 0.5, 0, 0], MIOU), "0 is divided by 0"),
    ("pixels_by_hand", (counted(), [8 / 10, 0.5, 0, None], MIOU), "the IoU of background"),
    ("pixels_by_hand", (counted(), [8 / 11, 3 / 5, 0, None], MIOU), "the IoU of cat"),
    ("pixels_by_hand", (counted(), [8 / 11, 0.5, 0], MIOU), "four values"),
    ("pixels_by_hand", (counted(), IOU, (8 / 11 + 0.5) / 4), "horse is nowhere"),
    ("pixels_by_hand", (counted(), IOU, (8 / 11 + 0.5) / 2), "dog is in no label"),
    ("pixels_by_hand", (counted(), IOU, 11 / 15), "pixel accuracy"),
    ("pixels_by_hand", (counted(), IOU, 0.4), "not the mean"),
    ("pixels_bug", (0.25, functools.partial(pad, fill=0)), "background"),
    ("pixels_bug", (1 / 3, pad), "which has 128 rows"),
    ("pixels_bug", (25, pad), "per cent"),
    ("pixels_bug", (0.75, pad), "not the share of the rows"),
    ("pixels_bug", (0.25, functools.partial(pad, fill=-1)), "says -1"),
    ("pixels_bug", (0.25, functools.partial(pad, fill=21)), "a class that is none"),
    ("pixels_bug", (0.25, pad_both_sides), "changed the image inside"),
    ("pixels_bug", (0.25, stretch), "changed the image inside"),
    ("pixels_bug", (0.25, void_zeroed_first), "of all things the void"),
    ("pixels_bug", (0.25, zeros_to_void), "changed the label inside"),
    ("pixels_bug", (0.25, in_place), "changed its input"),
    ("pixels_bug", (0.25, pad_as_floats), "with a fraction"),
    ("pixels_bug", (0.25, last_row_forgotten), "background"),
    ("pixels_bug", (0.25, lambda *pair: pad(*pair)[1]), "two tensors"),
    ("pixels_bug", (0.25, lambda *pair: pad(*pair)[::-1]), "has the shape"),
    ("pixels_person", (0.79, 0.79, 0.13), "answers background"),
    ("pixels_person", (PERSON, PERSON, PERSON), "not person's alone"),
    ("pixels_person", (PERSON, PERSON, PERSON / 21), "absent classes"),
    ("pixels_person", (PERSON, PERSON / 2, PERSON / 12), "What is the union"),
    ("pixels_person", (PERSON, PERSON, PERSON / 5), "number of classes"),
    ("pixels_person", (0.2, 0.2, 0.2 / 6), "share of person"),
    ("pixels_person", (0.0403, 0.0403, 0.0403 / 6), "void was counted"),
    ("pixels_person", (0.042, 0.042, 0.007), "not the share of person"),
    ("pixels_person", (4.3, 4.3, 0.7), "lies between 0 and 1"),
    ("pixels_person", ("0.043", PERSON, PERSON / 6), "is a number"),
    ("pixels_average", maps(10, 10, 0, 0), "in neither map"),
    ("pixels_average", maps(3, 3, 1, 0), "above 0.95"),
    ("pixels_average", maps(10, 10, 5, 0), "above 0.95"),
    ("pixels_average", maps(10, 10, 2, 2), "let one image fail"),
    ("pixels_average", maps(20, 20, 20, 20), "let one image fail"),
    ("pixels_average", (torch.full((2, 20, 20), 255), maps(10, 10, 1, 0)[1]), "the classes here"),
    ("pixels_average", (maps(10, 10, 1, 0)[0] / 2, maps(10, 10, 1, 0)[1]), "the classes here"),
    ("pixels_average", (torch.zeros(20, 20), torch.zeros(20, 20)), "has the shape"),
    ("pixels_average", (torch.zeros(2, 20, 20), torch.zeros(2, 20, 20)), "in neither map"),
    ("pixels_average", maps(10, 5, 1, 1), "let one image fail"),
    ("pixels_report", (REPORT | {"accuracy": 0.930, "mean IoU": 0.689},), "the author's numbers"),
    ("pixels_report", (REPORT | {"mean IoU": 0.689},), "the author's numbers"),
    ("pixels_report", (REPORT | {"accuracy": 95.4},), "share of 1"),
    ("pixels_report", (REPORT | {"mean IoU": 0.779},), "one matrix"),
    ("pixels_report", (REPORT | {"mean IoU": 0.70},), "not that of a shift"),
    ("pixels_report", (REPORT | {"baseline mean IoU": 0.0376},), "absent ones have none"),
    ("pixels_report", (REPORT | {"accuracy": 1.0, "mean IoU": 1.0},), "was not moved"),
    ("pixels_report", ({"accuracy": 0.954},), "it has no mean IoU"),
    ("pixels_report", (REPORT | {"baseline accuracy": 0.8},), "not that of painting"),
    ("pixels_report", (REPORT | {"baseline accuracy": 0.804},), "counts void as background"),
    ("pixels_report", (list(REPORT.values()),), "is a dict"),
]
