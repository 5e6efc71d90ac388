"""Answers to chapter 14: right ones in several forms; wrong ones, each with a part of what is said to them."""

import math

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


def to_map(tokens, height, width):
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (height, width))


def to_map_by_hand(tokens, height, width):
    out = torch.zeros(len(tokens), tokens.shape[2], height, width)
    for i in range(height * width):
        out[:, :, i // width, i % width] = tokens[:, 1 + i]
    return out


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


def semantic(classes, masks):
    return torch.einsum("qc,qhw->chw", classes.softmax(-1)[:, :-1], masks.sigmoid())


def semantic_as_convolution(classes, masks):
    kernel = classes.double().softmax(-1)[:, :-1].T[:, :, None, None]
    return F.conv2d(masks.double().sigmoid()[None], kernel)[0].numpy()


def shuffled(layer):
    factor = layer.kernel_size[0]
    weight = layer.weight.permute(1, 2, 3, 0).flatten(0, 2)[:, :, None, None]
    return weight, layer.bias.repeat_interleave(factor**2)


def shuffled_by_asking(layer):
    """The layer's answers to one channel at a time, put together again."""
    factor, inputs = layer.kernel_size[0], layer.in_channels
    with torch.no_grad():
        bias = F.pixel_unshuffle(layer(torch.zeros(1, inputs, 1, 1)), factor).flatten()
        ones = torch.eye(inputs)[:, :, None, None]
        weight = F.pixel_unshuffle(layer(ones), factor).flatten(1).T - bias[:, None]
    return weight[:, :, None, None].numpy(), bias.tolist()


def turned_taps(layer):
    factor = layer.kernel_size[0]
    return layer.weight.permute(1, 3, 2, 0).flatten(0, 2)[:, :, None, None], layer.bias.repeat_interleave(factor**2)


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
    ("papers_masks", (semantic,)),
    ("papers_masks", (semantic_as_convolution,)),
    ("papers_shuffle", (shuffled,)),
    ("papers_shuffle", (shuffled_by_asking,)),
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
    ("papers_masks", (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(1), m.sigmoid()),), "'no object'"),
    ("papers_masks", (lambda c, m: semantic(torch.cat([c[:, :-1], c[:, :1] - 99], 1), m),), "must add nothing"),
    ("papers_masks", (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(1)[:, :-1], m.softmax(0)),), "a sigmoid"),
    ("papers_masks", (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(1)[:, :-1], m),), "logits still"),
    (
        "papers_masks",
        (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(0)[:, :-1], m.sigmoid()),),
        "nothing is shared",
    ),
    ("papers_masks", (lambda c, m: semantic(c, m) / len(c),), "not their mean"),
    ("papers_masks", (lambda c, m: semantic(c, m).argmax(0),), "is asked for"),
    ("papers_masks", (lambda c, m: 1 - semantic(c, m),), "must add nothing"),
    ("papers_shuffle", (lambda layer: (shuffled(layer)[0], 0 * shuffled(layer)[1]),), "but for the bias"),
    ("papers_shuffle", (lambda layer: (shuffled(layer)[0], layer.bias.repeat(layer.kernel_size[0] ** 2)),), "the bias"),
    ("papers_shuffle", (turned_taps,), "rows and columns of the taps"),
    ("papers_shuffle", (lambda layer: (shuffled(layer)[0].flip(0), shuffled(layer)[1]),), "by output, then row"),
    ("papers_shuffle", (lambda layer: (layer.weight, layer.bias),), "are needed"),
    ("papers_shuffle", (lambda layer: shuffled(layer)[0],), "a weight and a bias"),
]
