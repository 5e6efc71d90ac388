"""Answers to chapter 14: right ones in several forms; wrong ones, each with a part of what is said to them."""

import math
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F

from segbook import data

LABELS = torch.stack([label for _, label in data.load("toy", "val")])
VALID = LABELS != 255
NEARLY = LABELS.where(VALID, 0)


def with_strays(classes):
    """The labels, and one pixel of each of some classes that are not there, away from void."""
    prediction = NEARLY.clone()
    places = VALID[0].nonzero()
    for place, c in zip(places, classes):
        prediction[0, place[0], place[1]] = c
    return prediction


def strays_on_void():
    prediction = NEARLY.clone()
    places = (~VALID[0]).nonzero()
    for place, c in zip(places, range(8, 15)):
        prediction[0, place[0], place[1]] = c
    return prediction


def trip(stride):
    hot = (F.one_hot(NEARLY, 21) * VALID[..., None]).permute(0, 3, 1, 2).float()
    return F.interpolate(F.avg_pool2d(hot, stride), (96, 128), mode="bilinear").argmax(1)


def without_bicycles():
    return NEARLY.where(NEARLY != 2, 0)


def seeds(gap, spread):
    return math.ceil(8 * (spread / gap) ** 2)


def seeds_by_trying(gap, spread):
    n = 1
    while 2 * spread * math.sqrt(2 / n) > gap:
        n += 1
    return torch.tensor(n)


def seeds_by_square(factor, gap, spread):
    return max(1, math.ceil(factor * spread**2 / gap**2))


class Counter:
    """A callable object that goes upwards until the bar is passed."""

    def __call__(self, gap, spread):
        return next(n for n in range(1, 10**6) if gap**2 * n >= 8 * spread**2)


def to_map(tokens, height, width):
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (height, width))


def to_map_by_hand(tokens, height, width):
    out = torch.zeros(len(tokens), tokens.shape[2], height, width)
    for i in range(height * width):
        out[:, :, i // width, i % width] = tokens[:, 1 + i]
    return out


def to_map_by_steps(drop, tokens, height, width):
    patches = tokens[:, int(drop) :]
    return torch.stack([channel.unflatten(1, (height, width)) for channel in patches.unbind(2)], 1)


def as_found(tokens, height, width):
    images, _, channels = tokens.shape
    return tokens[:, : height * width].reshape(images, channels, width, height)


def not_transposed(tokens, height, width):
    images, _, channels = tokens.shape
    return tokens[:, 1:].reshape(images, channels, height, width)


def column_after_column(tokens, height, width):
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (width, height)).transpose(2, 3)


def with_class_token(tokens, height, width):
    return tokens[:, :-1].transpose(1, 2).unflatten(2, (height, width))


def width_first(tokens, height, width):
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (width, height))


def one_repeated(tokens, height, width):
    return to_map(tokens[:, 1:2].expand(-1, 1 + height * width, -1), height, width)


DINO, SEGFORMER, SHIFT = (37, 6.5, 510.5), (17, 0, 512), (0, (518 / 17 - 1) / 2)
RIGHT = [
    ("papers_two_scores", (with_strays(range(8, 14)),)),
    ("papers_two_scores", (with_strays([3, 5, 6, 20, 19]).numpy(),)),
    ("papers_seeds", (seeds, 89)),
    ("papers_seeds", (seeds_by_trying, 89.0)),
    ("papers_patches", (DINO, SEGFORMER, SHIFT)),
    ("papers_patches", (torch.tensor(DINO), [17.0, 0.0, 512.0], [0.0, -14.74])),
    ("papers_bug", (to_map,)),
    ("papers_bug", (to_map_by_hand,)),
    ("papers_two_scores", (with_strays(range(8, 14)).double(),)),
    ("papers_two_scores", (with_strays([3, 5, 6, 20]).to(torch.uint8).tolist(),)),
    ("papers_seeds", (partial(seeds_by_square, 8), torch.tensor(89))),
    ("papers_seeds", (Counter(), np.int64(89))),
    ("papers_patches", (np.array(DINO), SEGFORMER, torch.tensor(SHIFT))),
    ("papers_patches", (list(DINO), list(SEGFORMER), (0, 14.735))),
    ("papers_bug", (lambda t, h, w: t[:, 1:].reshape(len(t), h, w, -1).permute(0, 3, 1, 2).numpy(),)),
    ("papers_bug", (partial(to_map_by_steps, True),)),
    ("papers_intervals", ([2, 0, 1, 0], 381)),
    ("papers_intervals", ((2.0, 0.0, 1.0, 0.0), 381.0)),
    ("papers_intervals", (np.array([2, 0, 1, 0]), np.int32(381))),
    ("papers_intervals", (torch.tensor([2, 0, 1, 0]), torch.tensor([381]))),
]
WRONG = [
    ("papers_two_scores", (NEARLY,), "Over which classes"),
    ("papers_two_scores", (trip(16),), "one pixel in a hundred"),
    ("papers_two_scores", (without_bicycles(),), "one pixel in a hundred"),
    ("papers_two_scores", (with_strays([9]),), "one is not enough"),
    ("papers_two_scores", (strays_on_void(),), "on void counts in neither"),
    ("papers_two_scores", (LABELS,), "only a label may say 255"),
    ("papers_two_scores", (NEARLY[0],), "is needed"),
    ("papers_seeds", (lambda gap, spread: math.ceil(4 * (spread / gap) ** 2), 45), "both means vary"),
    ("papers_seeds", (lambda gap, spread: math.ceil(2 * (spread / gap) ** 2), 23), "two standard deviations"),
    ("papers_seeds", (lambda gap, spread: math.ceil(8 * spread / gap), 27), "square root of n"),
    ("papers_seeds", (lambda gap, spread: math.ceil(8 * (gap / spread) ** 2), 1), "exchanged"),
    ("papers_seeds", (lambda gap, spread: math.floor(8 * (spread / gap) ** 2), 88), "round up"),
    ("papers_seeds", (lambda gap, spread: 8 * (spread / gap) ** 2, 89), "is a whole number"),
    ("papers_seeds", (seeds, 88), "not yet two standard deviations"),
    ("papers_seeds", (seeds, 90), "so is one less"),
    ("papers_patches", ((32, 7.5, 503.5), SEGFORMER, SHIFT), "cells a side"),
    ("papers_patches", ((37, 7, 511), SEGFORMER, SHIFT), "the middle of pixels 0 to 13"),
    ("papers_patches", (DINO, (16, 0, 480), SHIFT), "rounds up"),
    ("papers_patches", (DINO, (17, 15.5, 527.5), SHIFT), "the first centre"),
    ("papers_patches", (DINO, SEGFORMER, (0, 15.5)), "no multiple of 32"),
    ("papers_patches", (DINO, SEGFORMER, (6.5, 14.74)), "the middle of cell 0"),
    ("papers_patches", (DINO[:2], SEGFORMER, SHIFT), "is needed"),
    ("papers_bug", (as_found,), "height comes before width"),
    ("papers_bug", (not_transposed,), "numbers of other channels"),
    ("papers_bug", (column_after_column,), "row after row"),
    ("papers_bug", (with_class_token,), "the class token"),
    ("papers_bug", (width_first,), "height comes before width"),
    ("papers_bug", (one_repeated,), "not all patches"),
    ("papers_bug", (lambda tokens, h, w: tokens[:, 1:].transpose(1, 2),), "is asked for"),
    ("papers_two_scores", (with_strays([9]).float() + 0.5,), "whole numbers from 0 to 20"),
    ("papers_seeds", (lambda gap, spread: math.floor(8 * (spread / gap) ** 2) + 1, 89), "exactly two deviations"),
    ("papers_seeds", (lambda gap, spread: 89, 89), "seeds_needed(0.05, 0.71)"),
    ("papers_seeds", (seeds, 0), "not yet two standard deviations"),
    ("papers_patches", (DINO, SEGFORMER, (0, 14.7)), "SegFormer's first cell"),
    ("papers_bug", (lambda tokens, h, w: to_map(tokens, h, w).flip(2),), "row after row"),
    ("papers_intervals", ([1, 0, 2, 0], 381), "what does its sign say"),
    ("papers_intervals", ([2, 2, 1, 0], 381), "pair B: its interval holds differences of both signs"),
    ("papers_intervals", ([2, 0, 1, 2], 381), "pair D: its interval holds"),
    ("papers_intervals", ([2, 0, 0, 0], 381), "both ends of its interval have the same sign"),
    ("papers_intervals", ([2, 0, 1], 381), "is needed"),
    ("papers_intervals", ([3, 0, 1, 0], 381), "1, 2 or 0"),
    ("papers_intervals", (["second", "open", "first", "open"], 381), "holds numbers"),
    ("papers_intervals", ([2, 0, 1, 0], 380), "0 is still inside"),
    ("papers_intervals", ([2, 0, 1, 0], 382), "one image fewer"),
    ("papers_intervals", ([2, 0, 1, 0], 363), "with the square root of the number, not"),
    ("papers_intervals", ([2, 0, 1, 0], 380.4), "is a whole number"),
    ("papers_intervals", ([2, 0, 1, 0], 0), "how many images"),
]
