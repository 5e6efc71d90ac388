"""Answers to the page on padding and crops: right ones in several forms; wrong ones, each with what is said."""

from fractions import Fraction

import numpy as np
import torch

RIGHT = [
    ("skip_padding_81", (33, 12)),
    ("skip_padding_81", (torch.tensor(33), np.float64(12))),
    ("skip_alexnet", (13, 18)),
    ("skip_alexnet", (torch.tensor(13.0), 18.0)),
    ("skip_padding_81", (33.0, torch.tensor([12]))),
    ("skip_padding_81", (np.array([33]), np.int8(12))),
    ("skip_alexnet", (Fraction(13), np.float32(18))),
    ("skip_alexnet", (np.array([13]), torch.tensor([18]))),
]
WRONG = [
    ("skip_padding_81", (32, 12), "leave pool5 6 rows"),
    ("skip_padding_81", (1, 12), "leave pool5"),
    ("skip_padding_81", (64, 12), "The pools round up"),
    ("skip_padding_81", (34, 12), "one row less works too"),
    ("skip_padding_81", (33, 31), "belongs to padding 100"),
    ("skip_padding_81", (33, 0), "it is the 32s"),
    ("skip_padding_81", (33, -12), "in front of the map"),
    ("skip_padding_81", (33, 9), "is not pixel 0"),
    ("skip_padding_81", (33.5, 12), "whole number"),
    ("skip_alexnet", (-95, 126), "of the first convolution"),
    ("skip_alexnet", (-67, 98), "of the last pool"),
    ("skip_alexnet", (113, -82), "was left out"),
    ("skip_alexnet", (29, 2), "not by k / 2"),
    ("skip_alexnet", (15.5, 16), "add up what each layer moves"),
    ("skip_alexnet", (13, -18), "mind the sign"),
    ("skip_alexnet", (13, 18.5), "half a row"),
    ("skip_alexnet", (13, 19), "belongs to VGG"),
    ("skip_alexnet", (13, 31), "what the kernel moves by"),
    ("skip_alexnet", (13, 17), "where does the layer"),
    ("skip_padding_81", ("33", 12), "is a number"),
    ("skip_padding_81", (33, None), "is a number"),
    ("skip_padding_81", (0, 12), "no image"),
]
