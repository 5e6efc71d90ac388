"""Answers to the page on col2im: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools

import numpy as np
import torch
import torch.nn.functional as F

STAMPS, OUTPUT = 21 * 64 * 64 * 150, 21 * 320 * 480
MEMORY = (STAMPS, OUTPUT, 21 * STAMPS, STAMPS)


def put_back(stamps, size, k, stride, add=True, kind=None, across=None):
    channels = stamps.shape[1] // k**2
    canvas = torch.zeros(stamps.shape[0], channels, *size, dtype=kind or stamps.dtype)
    in_a_row = across or (size[1] - k) // stride + 1
    for cell in range(stamps.shape[2]):
        top, left = cell // in_a_row * stride, cell % in_a_row * stride
        place = canvas[:, :, top : top + k, left : left + k]
        one = stamps[:, :, cell].unflatten(1, (channels, k, k))
        place.copy_(place + one if add else one)
    return canvas


def by_index(stamps, size, k, stride):
    """The transpose of unfold, said with numbers of cells."""
    places = F.unfold(torch.arange(size[0] * size[1], dtype=torch.float64).view(1, 1, *size), k, stride=stride)
    values = stamps.unflatten(1, (-1, k * k)).flatten(2)
    canvas = stamps.new_zeros(*values.shape[:2], size[0] * size[1])
    return canvas.index_add_(2, places.long().flatten(), values).view(*values.shape[:2], *size)


class ByGradient:
    def __call__(self, stamps, size, k, stride):
        image = torch.zeros(stamps.shape[0], stamps.shape[1] // k**2, *size, dtype=stamps.dtype, requires_grad=True)
        return torch.autograd.grad(F.unfold(image, k, stride=stride), image, stamps)[0]


def channels_last(stamps, size, k, stride):
    channels = stamps.shape[1] // k**2
    return F.fold(stamps.unflatten(1, (k * k, channels)).transpose(1, 2).flatten(1, 2), size, k, stride=stride)


def spoils(stamps, size, k, stride):
    out = F.fold(stamps, size, k, stride=stride)
    stamps.zero_()
    return out


RIGHT = [
    ("col2im_memory", MEMORY),
    ("col2im_memory", tuple(map(float, MEMORY))),
    ("col2im_memory", tuple(torch.tensor(value) for value in MEMORY)),
    ("col2im_memory", tuple(np.array([value]) for value in MEMORY)),
    ("col2im_fold", (put_back,)),
    ("col2im_fold", (by_index,)),
    ("col2im_fold", (ByGradient(),)),
    ("col2im_fold", (functools.partial(put_back, add=True),)),
]
WRONG = [
    ("col2im_memory", (STAMPS // 21, *MEMORY[1:]), "a stamp of its own"),
    ("col2im_memory", (21 * STAMPS, *MEMORY[1:]), "input channels already"),
    ("col2im_memory", (STAMPS, 320 * 480, *MEMORY[2:]), "there are 21 channels"),
    ("col2im_memory", (STAMPS, 21 * 352 * 512, *MEMORY[2:]), "that is the canvas"),
    ("col2im_memory", (STAMPS, OUTPUT, STAMPS, STAMPS), "one product for each input channel"),
    ("col2im_memory", (STAMPS, OUTPUT, 42 * STAMPS, STAMPS), "without the additions"),
    ("col2im_memory", (STAMPS, OUTPUT, 21 * STAMPS, 21 * STAMPS), "sees itself only"),
    ("col2im_memory", (STAMPS, OUTPUT, 21 * STAMPS, STAMPS // 21), "one of the 21 channels"),
    ("col2im_memory", (12.9e6, *MEMORY[1:]), "write it as a product"),
    ("col2im_memory", ("many", *MEMORY[1:]), "is a number"),
    ("col2im_fold", (functools.partial(put_back, add=False),), "where two overlap"),
    ("col2im_fold", (functools.partial(put_back, kind=torch.float32),), "returned torch.float32"),
    ("col2im_fold", (lambda s, size, k, stride: s.new_zeros(len(s), s.shape[1] // k**2, *size),), "nothing has been"),
    ("col2im_fold", (channels_last,), "differs from fold's"),
    ("col2im_fold", (spoils,), "changed its input"),
    ("col2im_fold", (lambda s, size, k, stride: F.fold(s, size, k, stride=stride)[:1],), "has the shape"),
    ("col2im_fold", (lambda s, size, k, stride: F.fold(s, size, k, stride=stride).numpy(),), "a tensor is asked for"),
    ("col2im_fold", (lambda s, size, k, stride: F.fold(s, size, k, stride=2),), "raised"),
    ("col2im_fold", (lambda s, size, k, stride: F.fold(s, size, k, stride=stride) + 1e-3,), "by up to 0.001"),
    ("col2im_fold", (MEMORY,), "a function is asked for"),
]
