"""Answers to chapter 2: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools

import numpy as np
import torch
from torch import nn

from segbook.convolution import receptive_field


def conv(k, s=1, p=0, d=1):
    return nn.Conv2d(3, 3, k, s, p, d)


def mended(layers, image=(1, 1, 0.0)):
    size, stride, centre = image
    for k, s, p, d in layers:
        size, centre, stride = size + (k - 1) * d * stride, centre + ((k - 1) * d / 2 - p) * stride, stride * s
    return size, stride, centre


class Calculator:
    """The same, as an object that returns a tensor."""

    def __call__(self, layers):
        return torch.tensor(mended(layers), dtype=torch.float64)


def by_the_package(layers):
    return receptive_field([nn.Conv2d(1, 1, *layer) for layer in layers])


def public(layers):
    size, stride, centre = 1, 1, 0.0
    for k, s, p, d in layers:
        size += (k - 1) * d * stride
        centre += ((k - 1) / 2 - p) * stride
        stride *= s
    return size, stride, centre


def stride_first(layers):
    size, stride, centre = 1, 1, 0.0
    for k, s, p, d in layers:
        stride *= s
        size += (k - 1) * d * stride
        centre += ((k - 1) * d / 2 - p) * stride
    return size, stride, centre


def whole_pixels(layers):
    size, stride, centre = mended(layers)
    return size, stride, int(centre)


def one_layer(layers):
    return mended(layers[:1])


def for_this_layer(layers):
    return (5, 1, 0.0) if tuple(layers) == ((3, 1, 2, 2),) else public(layers)


def changes_its_input(layers):
    found, layers[:] = mended(layers), []
    return found


def forgets_the_end(layers):
    mended(layers)


def only_two(layers):
    return mended(layers)[:2]


def fails(layers):
    return layers["k"]


LAYER = (3, 1, 2, 2)
RIGHT = [
    ("read_matrix", (2, 3, 1, 3)),
    ("read_matrix", (torch.tensor(2), np.int64(3), 1.0, 3)),
    ("read_matrix", (np.array([2]), torch.tensor([3]), np.float32(1), torch.tensor(3.0, requires_grad=True))),
    ("read_matrix", (2.0, 3.0, 1.0, 3.0)),
    ("same_padding", (6, 3)),
    ("same_padding", (torch.tensor(6), 3.0)),
    ("same_padding", (np.int8(6), np.array(3))),
    ("same_padding", (6.0, torch.tensor([3.0]))),
    ("three_numbers", (17, 4, 3, 27)),
    ("three_numbers", (torch.tensor(17), np.int64(4), 3.0, np.float32(27))),
    ("three_numbers", (17.0, 4.0, torch.tensor([3.0]), np.array(27))),
    ("three_numbers", (*receptive_field([conv(5, 2, 1), conv(3, 1, 2, 2), conv(3, 2)]), 27)),
    ("mended_calculator", (mended, LAYER)),
    ("mended_calculator", (Calculator(), [5, 2, 0, 3])),
    ("mended_calculator", (by_the_package, torch.tensor([2, 1, 0, 2]))),
    ("mended_calculator", (functools.partial(mended, image=[1, 1, 0]), np.array([[3.0, 2, 1, 4]]))),
    ("mended_calculator", (lambda stack: list(mended(stack)), LAYER)),
    ("aligned_stem", ([conv(2, 2), conv(2, 2)],)),
    ("aligned_stem", (nn.Sequential(conv(4, 2, 1), conv(4, 2, 1)),)),
    ("aligned_stem", ([conv(3, 1, 1), conv(4, 2, 1), conv(4, 2, 1)],)),
    ("aligned_stem", (nn.ModuleList([conv(4, 4), conv(3, 1, 1)]),)),
    ("aligned_stem", ((conv(3, 1, 1, 1), conv(2, 2), conv(2, 2)),)),
    ("holes", (7, (1, 2, 4))),
    ("holes", (torch.tensor(7), [1, 3, 9])),
    ("holes", (7, (2, 1, 4))),
    ("holes", (7.0, np.array([1, 2, 5]))),
    ("holes", (np.int32(7), torch.tensor([3, 1, 9]))),
]
WRONG = [
    ("read_matrix", (2, 3, 1, 2), "row 0 has its weights"),
    ("read_matrix", (3, 3, 1, 3), "make"),
    ("read_matrix", (2, 3, 0, 3), "make"),
    ("read_matrix", (2, 2, 0, 3), "row 0 has its weights"),
    ("read_matrix", (4, 3, 1, 1), "row 0 has its weights"),
    ("read_matrix", (2, 0, 1, 3), "at least 1"),
    ("read_matrix", (2, 3, 1, 2.5), "whole number"),
    ("read_matrix", (2, 3, True, 3), "is a number"),
    ("read_matrix", (None, None, None, None), "is a number"),
    ("same_padding", (1, 3), "the kernel's reach d(k - 1)"),
    ("same_padding", (6, 6), "comes out with 38"),
    ("same_padding", (12, 3), "comes out with"),
    ("same_padding", (-6, 3), "negative"),
    ("same_padding", (3, 3), "comes out with"),
    ("same_padding", ("6", 3), "is a number"),
    ("same_padding", (6, 3.5), "whole number"),
    ("same_padding", (6, float("nan")), "divided by zero"),
    ("three_numbers", (17, 2, 3, 15), "two layers have a stride of 2"),
    ("three_numbers", (17, 5, 3, 33), "are multiplied"),
    ("three_numbers", (17, 8, 3, 51), "only two do"),
    ("three_numbers", (13, 4, 3, 27), "two cells apart"),
    ("three_numbers", (11, 4, 3, 27), "more than one pixel"),
    ("three_numbers", (25, 4, 6, 30), "the map that it lies on"),
    ("three_numbers", (18, 4, 3, 27), "add up"),
    ("three_numbers", (17, 4, 1, 25), "two of the three"),
    ("three_numbers", (17, 4, 4, 28), "of the first layer"),
    ("three_numbers", (17, 4, 3.5, 27.5), "the middle of what its cell 0 reads"),
    ("three_numbers", (17, 4, 3, 23), "Cells count from 0"),
    ("three_numbers", ([17, 4], 4, 3, 27), "is a number"),
    ("mended_calculator", (mended, (3, 1, 1, 1)), "are right"),
    ("mended_calculator", (mended, (1, 2, 0, 5)), "are right"),
    ("mended_calculator", (mended, (3, 1, 2)), "one layer"),
    ("mended_calculator", (mended, (3, 0, 2, 2)), "is no layer"),
    ("mended_calculator", (mended, (3, 1, 2.5, 2)), "whole numbers"),
    ("mended_calculator", (public, LAYER), "says centre -1"),
    ("mended_calculator", (for_this_layer, LAYER), "says centre"),
    ("mended_calculator", (stride_first, LAYER), "finds another"),
    ("mended_calculator", (whole_pixels, LAYER), "says centre"),
    ("mended_calculator", (one_layer, LAYER), "finds another"),
    ("mended_calculator", (changes_its_input, LAYER), "changed its input"),
    ("mended_calculator", (forgets_the_end, LAYER), "is there a `return`"),
    ("mended_calculator", (only_two, LAYER), "returns size, stride and centre"),
    ("mended_calculator", (fails, LAYER), "raised TypeError"),
    ("mended_calculator", (LAYER, LAYER), "a function is asked for"),
    ("aligned_stem", ([conv(3, 2, 1), conv(3, 2, 1)],), "Odd kernels"),
    ("aligned_stem", ([conv(7, 4, 3), conv(3, 1, 1)],), "cell 0 stands at 0"),
    ("aligned_stem", ([conv(2, 2), conv(2, 1)],), "the stride is 2"),
    ("aligned_stem", ([conv(4, 4)],), "two or three"),
    ("aligned_stem", ([nn.MaxPool2d(2), conv(2, 2)],), "MaxPool2d"),
    ("aligned_stem", ([conv(2, 2), conv(2, 2), conv(1)],), "kernel of 1"),
    ("aligned_stem", ([nn.Conv2d(3, 8, 2, 2), nn.Conv2d(16, 8, 2, 2)],), "does not go through"),
    ("aligned_stem", ([nn.Conv2d(1, 8, 2, 2), nn.Conv2d(8, 8, 2, 2)],), "does not go through"),
    ("aligned_stem", ("conv",), "list of convolutions"),
    ("aligned_stem", ([],), "no answer yet"),
    ("holes", (13, (1, 2, 4)), "not all of its pixels"),
    ("holes", (49, (1, 2, 4)), "one row"),
    ("holes", (9, (1, 2, 4)), "follow all paths"),
    ("holes", (7, (2, 2, 2)), "no wider than 13"),
    ("holes", (7, (1, 2, 9)), "holes"),
    ("holes", (7, (2, 4, 8)), "holes"),
    ("holes", (7, (1, 2)), "has the shape"),
    ("holes", (7, (1, 2.5, 4)), "whole numbers"),
    ("holes", (7, (0, 1, 9)), "from 1 up"),
]
