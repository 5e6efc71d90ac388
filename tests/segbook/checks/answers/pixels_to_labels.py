"""Answers to chapter 1: right ones in several forms; wrong ones, each with a part of what is said to them."""

import numpy as np
import torch
import torch.nn.functional as F

from segbook.data.palette import voc_colormap


def by_bits(red, green, blue):
    index = 0
    for place in range(8):
        for channel, value in enumerate((red, green, blue)):
            index |= (value >> (7 - place) & 1) << (3 * place + channel)
    return index


def by_strings(red, green, blue):
    rows = [format(value, "08b") for value in (red, green, blue)]
    bits = "".join(rows[channel][place] for place in range(8) for channel in range(3))
    return np.int64(int(bits[::-1], 2))


def by_table(red, green, blue):
    rows = voc_colormap().tolist()
    return rows.index([red, green, blue]) if [red, green, blue] in rows else 0


def highest_bits_only(red, green, blue):
    return (red >> 7) + 2 * (green >> 7) + 4 * (blue >> 7)


def blue_first(red, green, blue):
    return by_bits(blue, green, red)


def pad(image, label, height, width, fill=255):
    down, right = height - label.shape[0], width - label.shape[1]
    return F.pad(image, (0, right, 0, down)), F.pad(label, (0, right, 0, down), value=fill)


def pad_by_hand(image, label, height, width):
    big = np.full((3, height, width), 0.5)
    new = np.full((height, width), 255)
    big[:, : label.shape[0], : label.shape[1]] = image.numpy()
    new[: label.shape[0], : label.shape[1]] = label.numpy()
    return [big, new]


def pad_both_sides(image, label, height, width):
    down, right = height - label.shape[0], width - label.shape[1]
    sides = (right // 2, right - right // 2, down // 2, down - down // 2)
    return F.pad(image, sides), F.pad(label, sides, value=255)


def stretch(image, label, height, width):
    size = (height, width)
    return F.interpolate(image[None], size)[0], F.interpolate(label[None, None].float(), size)[0, 0].long()


def maps(large, found, small, hit):
    labels, predictions = torch.zeros(2, 20, 20, dtype=torch.long), torch.zeros(2, 20, 20, dtype=torch.long)
    labels[0, :large, :large] = predictions[0, :found, :found] = 1
    labels[1, :small, :small] = 1
    predictions[1, :hit, :hit] = 1
    return predictions, labels


REPORT = {"accuracy": 0.954, "mean IoU": 0.767, "baseline accuracy": 0.790, "baseline mean IoU": 0.1317}
PERSON = 0.04213
RIGHT = [
    ("pixels_tasks", (["semantic", "instance", "panoptic"],)),
    ("pixels_tasks", (("Semantic", " instance", "PANOPTIC"),)),
    ("pixels_bits", (by_bits,)),
    ("pixels_bits", (by_strings,)),
    ("pixels_bug", (0.25, pad)),
    ("pixels_bug", (torch.tensor(32 / 128), pad_by_hand)),
    ("pixels_person", (PERSON, PERSON, PERSON / 6)),
    ("pixels_person", (torch.tensor(PERSON), np.float64(PERSON), PERSON / 6)),
    ("pixels_average", maps(10, 10, 1, 0)),
    ("pixels_average", tuple(m.numpy() for m in maps(20, 20, 2, 0))),
    ("pixels_report", (REPORT,)),
    ("pixels_report", ({name: torch.tensor(value) for name, value in REPORT.items()},)),
    ("pixels_border", ([1.0, 0.76, 0.61], [0.75, 0.6, 0.5])),
    ("pixels_border", (torch.tensor([1.0, 0.8, 0.65]), np.array([0.74, 0.6, 0.5]))),
]
WRONG = [
    ("pixels_tasks", (["panoptic", "instance", "panoptic"],), "(a)"),
    ("pixels_tasks", (["semantic", "semantic", "panoptic"],), "two cars"),
    ("pixels_tasks", (["semantic", "instance", "semantic"],), "pavement"),
    ("pixels_tasks", (["semantic", "instance", "video"],), "write one of"),
    ("pixels_tasks", ("semantic",), "is 3 words"),
    ("pixels_bits", (by_table,), "computed from the bits"),
    ("pixels_bits", (highest_bits_only,), "lower bits"),
    ("pixels_bits", (blue_first,), "red and blue are exchanged"),
    ("pixels_bits", (lambda r, g, b: by_bits(r, g, b) + 1,), "256 of the 256"),
    ("pixels_bits", (lambda r, g, b: by_bits(r, g, b) & 255,), "computed from the bits"),
    ("pixels_bits", (lambda r, g, b: by_bits(r & 254, g & 254, b & 254),), "(1, 0, 0) gives 0"),
    ("pixels_bits", (lambda r, g, b: [1, 2],), "is a number"),
    ("pixels_bug", (0.25, lambda *pair: pad(*pair, fill=0)), "background"),
    ("pixels_bug", (1 / 3, pad), "which has 128 rows"),
    ("pixels_bug", (25, pad), "per cent"),
    ("pixels_bug", (0.25, lambda *pair: pad(*pair, fill=-1)), "says -1"),
    ("pixels_bug", (0.25, pad_both_sides), "changed the image inside"),
    ("pixels_bug", (0.25, stretch), "changed the image inside"),
    ("pixels_bug", (0.25, lambda *pair: pad(*pair)[1]), "two tensors"),
    ("pixels_person", (0.79, 0.79, 0.13), "answers background"),
    ("pixels_person", (PERSON, PERSON, PERSON), "not person's alone"),
    ("pixels_person", (PERSON, PERSON, PERSON / 21), "absent classes"),
    ("pixels_person", (PERSON, PERSON / 2, PERSON / 12), "What is the union"),
    ("pixels_person", (PERSON, PERSON, PERSON / 5), "number of classes"),
    ("pixels_person", (0.2, 0.2, 0.2 / 6), "share of person"),
    ("pixels_average", maps(10, 10, 0, 0), "in neither map"),
    ("pixels_average", maps(3, 3, 1, 0), "above 0.95"),
    ("pixels_average", maps(10, 10, 2, 2), "let one image fail"),
    ("pixels_average", (torch.full((2, 20, 20), 255), maps(10, 10, 1, 0)[1]), "the classes here"),
    ("pixels_average", (torch.zeros(20, 20), torch.zeros(20, 20)), "has the shape"),
    ("pixels_average", maps(10, 5, 1, 1), "let one image fail"),
    ("pixels_report", (REPORT | {"accuracy": 0.93, "mean IoU": 0.69},), "the author's numbers"),
    ("pixels_report", (REPORT | {"accuracy": 95.4},), "share of 1"),
    ("pixels_report", (REPORT | {"mean IoU": 0.70},), "one matrix"),
    ("pixels_report", (REPORT | {"baseline mean IoU": 0.0376},), "absent ones have none"),
    ("pixels_report", (REPORT | {"accuracy": 1.0, "mean IoU": 1.0},), "was the prediction moved"),
    ("pixels_report", ({"accuracy": 0.954},), "it has no mean IoU"),
    ("pixels_report", (REPORT | {"baseline accuracy": 0.8},), "not that of background"),
    ("pixels_border", ([0.75, 0.6, 0.5], [1.0, 0.76, 0.61]), "costs nothing"),
    ("pixels_border", ([1, 1, 1], [0.75, 0.6, 0.5]), "does not fall"),
    ("pixels_border", ([1, 0.97, 0.95], [0.75, 0.6, 0.5]), "on all its sides"),
    ("pixels_border", ([1, 0.76, 0.61], [0.95, 0.8, 0.7]), "the band is background"),
    ("pixels_border", ([100, 76, 61], [75, 60, 50]), "between 0 and 1"),
    ("pixels_border", ([1, 0.76], [0.75, 0.6]), "has the shape"),
    ("pixels_border", ([1, 0.7, 0.2], [0.7, 0.4, 0.1]), "one pixel at a time"),
]
