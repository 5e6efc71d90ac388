"""Answers to the audit of D2L's recipe: right ones in several forms; wrong ones, with a part of what is said."""

import functools

import numpy as np
import torch

from segbook.data.palette import VOC_PALETTE

PALETTE = VOC_PALETTE.long()


def by_table(colours):
    table = torch.full((256**3,), 255)
    for index, (r, g, b) in enumerate(VOC_PALETTE.tolist()):
        table[(r * 256 + g) * 256 + b] = index
    r, g, b = colours.long()
    return table[(r * 256 + g) * 256 + b]


def by_comparison(colours):
    label = torch.full(colours.shape[1:], 255)
    for index, colour in enumerate(VOC_PALETTE):
        label[(colours == colour.view(3, 1, 1)).all(0)] = index
    return label.numpy().astype(np.uint8)


def by_distance(colours):
    distance = (colours.permute(1, 2, 0).long()[:, :, None] - PALETTE).abs().sum(-1)  # (H, W, 21)
    nearest = distance.min(-1)
    return torch.where(nearest.values == 0, nearest.indices, 255)


class Dictionary:
    """Pixel by pixel, as a list of lists."""

    def __call__(self, colours):
        names = {tuple(colour): index for index, colour in enumerate(VOC_PALETTE.tolist())}
        rows = colours.permute(1, 2, 0).tolist()
        return [[names.get(tuple(pixel), 255) for pixel in row] for row in rows]


def as_d2l(colours, start=0):
    label = by_table(colours)
    return label.where(label != 255, start)


def cream_only(colours):
    label = as_d2l(colours)
    label[(colours == torch.tensor([224, 224, 192]).view(3, 1, 1)).all(0)] = 255
    return label


def black_too(colours):
    label = as_d2l(colours)
    return label.where(label != 0, 255)


def swapped(colours):
    return by_table(colours.flip(0))


def overflowing(colours):
    table = torch.full((256**3,), 255)
    for index, (r, g, b) in enumerate(VOC_PALETTE.tolist()):
        table[(r * 256 + g) * 256 + b] = index
    r, g, b = colours
    return table[((r * 256 + g) * 256 + b).long()]


def nearest_class(colours):
    distance = (colours.permute(1, 2, 0).long()[:, :, None] - PALETTE).abs().sum(-1)
    return distance.argmin(-1)


def in_place(colours):
    label = by_table(colours)
    colours.zero_()
    return label


RIGHT = [
    ("effective_recipe", (0.008, 0.001 / 32)),
    ("effective_recipe", (torch.tensor(0.008), 3.125e-05)),
    ("effective_recipe", (8e-3, 3.13e-5)),
    ("effective_recipe", (np.float32(0.008), np.array([1 / 32000]))),
    ("indices_with_void", (by_table,)),
    ("indices_with_void", (by_comparison,)),
    ("indices_with_void", (by_distance,)),
    ("indices_with_void", (Dictionary(),)),
    ("indices_with_void", (functools.partial(as_d2l, start=255),)),
]
WRONG = [
    ("effective_recipe", (0.001, 0.001), "*summed*"),
    ("effective_recipe", (0.032, 0.001 / 32), "4 steps"),
    ("effective_recipe", (0.128, 0.001 / 32), "smaller steps"),
    ("effective_recipe", (0.008, 0.001), "left as it was"),
    ("effective_recipe", (0.008, 0.001 / 8), "one step of 8"),
    ("effective_recipe", (0.008, 0.001 / 16), "decay a weight"),
    ("effective_recipe", (0.016, 0.001 / 32), "times the mean gradient"),
    ("effective_recipe", (0.008, 0), "decay a weight"),
    ("effective_recipe", (-0.008, 0.001 / 32), "is positive"),
    ("indices_with_void", (as_d2l,), "still 0"),
    ("indices_with_void", (cream_only,), "every other colour"),
    ("indices_with_void", (black_too,), "black is a class"),
    ("indices_with_void", (swapped,), "another index"),
    ("indices_with_void", (overflowing,), "indices_with_void"),
    ("indices_with_void", (nearest_class,), "every other colour"),
    ("indices_with_void", (in_place,), "changed its input"),
    ("indices_with_void", (lambda colours: by_table(colours)[None],), "has the shape"),
    ("indices_with_void", (lambda colours: None,), "is there a `return`"),
]
