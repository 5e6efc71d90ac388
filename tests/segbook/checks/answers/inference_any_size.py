"""Answers to chapter 12: right ones in several forms; wrong ones, each with a part of what is said to them."""

import torch
from torch import nn

from segbook import data
from segbook.infer import predict

torch.manual_seed(0)
deeplab = nn.Conv2d(3, 21, 1)  # stands for the network of the reader's notebook, under its name there


def repaired(picture):
    with torch.no_grad():
        return deeplab(data.normalise(picture)[None])[0].argmax(0)


def by_predict(picture):
    return predict(deeplab, picture).numpy()


def shipped(picture):
    with torch.no_grad():
        return deeplab(picture.float()[None] / 255)[0].argmax(0)


def bytes_as_floats(picture):
    with torch.no_grad():
        return deeplab(picture.float()[None])[0].argmax(0)


def without_mean(picture):
    deviation = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    with torch.no_grad():
        return deeplab((picture / 255 / deviation)[None])[0].argmax(0)


def as_batch(picture):
    return repaired(picture)[None]


SCORES = {32: 0.3, 48: 0.42, 64: 0.52, 96: 0.71}
RIGHT = [
    ("infer_count", (345, 3.77)),
    ("infer_count", (torch.tensor(345), 345 * 512 * 512 / 24e6)),
    ("infer_tents", ([0.5, 0.75],)),
    ("infer_tents", (torch.tensor([0.75, 0.5]),)),
    ("infer_mean", (0.648, 0.003)),
    ("infer_mean", (torch.tensor(0.65), 0.001)),
    ("infer_statistics", (0.699, 0.717)),
    ("infer_statistics", (torch.tensor(0.69), 0.72)),
    ("infer_input", (repaired,)),
    ("infer_input", (by_predict,)),
    ("infer_context", (SCORES,)),
    ("infer_context", ({size: torch.tensor(score) for size, score in SCORES.items()},)),
]
WRONG = [
    ("infer_count", (14 * 22, 3.4), "one window more"),
    ("infer_count", (96, 1.05), "they step by 256"),
    ("infer_count", (345, 4.2), "divide the pixels"),
    ("infer_count", (300, 3.3), "each axis by itself"),
    ("infer_count", (345.5, 3.8), "whole number"),
    ("infer_tents", ([0.5],), "at an overlap of 0.75 the sum is constant"),
    ("infer_tents", ([0.5, 2 / 3, 0.75],), "at an overlap of 0.67 the sum varies"),
    ("infer_tents", ([0, 0.5, 0.75],), "at an overlap of 0.00 the sum varies"),
    ("infer_tents", ([0.5, 0.8],), "not among the five"),
    ("infer_tents", (0.5,), "is a list"),
    ("infer_mean", (0.648, 0.0), "averaged here too"),
    ("infer_mean", (0.4, 0.2), "mirrored back"),
    ("infer_mean", (0.3, 0.01), "far below"),
    ("infer_mean", (64.8, 0.01), "between 0 and 1"),
    ("infer_mean", (0.648, -0.1), "between 0 and 1"),
    ("infer_statistics", (0.7, 0.7), "twice"),
    ("infer_statistics", (0.1, 0.717), "evaluation mode"),
    ("infer_statistics", (0.699, 0.2), "miou_16_new is 0.200"),
    ("infer_statistics", (0.717, 0.699), "exchanged"),
    ("infer_statistics", (69.9, 71.7), "between 0 and 1"),
    ("infer_input", (shipped,), "numbers was the network trained on"),
    ("infer_input", (bytes_as_floats,), "numbers was the network trained on"),
    ("infer_input", (without_mean,), "numbers was the network trained on"),
    ("infer_input", (as_batch,), "has the shape"),
    ("infer_input", (abs,), "run the chapter's cells"),
    ("infer_input", (3,), "a function is asked for"),
    ("infer_context", ({32: 0.3},), "no score for windows of 48, 64, 96"),
    ("infer_context", (dict.fromkeys(SCORES, 0.7),), "was `window` passed"),
    ("infer_context", (SCORES | {32: 0.6},), "should understand more"),
    ("infer_context", (SCORES | {96: 0.55},), "three quarters"),
    ("infer_context", ({size: 100 * score for size, score in SCORES.items()},), "between 0 and 1"),
    ("infer_context", ([0.3, 0.4],), "is a dict"),
]
