"""Answers to chapter 12: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools
from fractions import Fraction

import numpy as np
import torch

from segbook import data, models
from segbook.infer import predict, probabilities

deeplab = models.create("deeplabv3plus_tiny", weights="toyvoc").eval()


def repaired(picture):
    return deeplab(data.normalise(picture)[None])[0].argmax(0)


def by_predict(picture):
    return predict(deeplab, picture).numpy()


def with_network(model, picture):
    with torch.no_grad():
        return model(data.normalise(picture)[None]).argmax(1)[0]


class Repaired:
    def __call__(self, picture):
        return with_network(deeplab, picture)


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


def untrained(picture):
    torch.manual_seed(0)
    return predict(models.create("deeplabv3plus_tiny"), picture)


def in_place(picture):
    found = repaired(picture)
    picture.zero_()
    return found


def returns_nothing(picture):
    repaired(picture)


VIEWS = ((), (-1,), (-2,), (-2, -1))


def four_views(model, image):
    return torch.stack([model(image[None].flip(axes)).softmax(1).flip(axes)[0] for axes in VIEWS]).mean(0)


@torch.no_grad()
def all_at_once(model, image):
    stack = torch.stack([image.flip(axes) for axes in VIEWS])
    found = model(stack).softmax(1)
    return sum(one.flip(axes) for one, axes in zip(found, VIEWS)).numpy() / 4


class FourViews:
    def __call__(self, model, image):
        return four_views(model, image)


def by_package(model, image):
    if image.dtype == torch.float64:
        return four_views(model, image)
    upright = probabilities(model, image, flip=True)
    return (upright + probabilities(model, image.flip(1), flip=True).flip(1)) / 2


def views_of(model, image, views=VIEWS, back=True, logits=False):
    found = []
    for axes in views:
        one = model(image[None].flip(axes))
        one = one if logits else one.softmax(1)
        found.append((one.flip(axes) if back else one)[0])
    return torch.stack(found)


def mean_of_logits(model, image):
    return views_of(model, image, logits=True).mean(0)


def softmax_last(model, image):
    return mean_of_logits(model, image).softmax(0)


def not_turned_back(model, image):
    return views_of(model, image, back=False).mean(0)


def left_and_right(model, image):
    return views_of(model, image, VIEWS[:2]).mean(0)


def three_views(model, image):
    return views_of(model, image, VIEWS[:3]).mean(0)


def added_up(model, image):
    return views_of(model, image).sum(0)


def softmax_of_rows(model, image):
    return torch.stack([model(image[None].flip(a)).softmax(2).flip(a)[0] for a in VIEWS]).mean(0)


def turned_the_other_way(model, image):
    turned = ((), (-2,), (-1,), (-2, -1))
    return torch.stack([model(image[None].flip(a)).softmax(1).flip(b)[0] for a, b in zip(VIEWS, turned)]).mean(0)


def keeps_the_batch(model, image):
    return four_views(model, image)[None]


def in_training_mode(model, image):
    model.train()
    return four_views(model, image)


def paints_it_black(model, image):
    found = four_views(model, image)
    image.zero_()
    return found


SCORES = {32: 0.3367, 48: 0.4419, 64: 0.5625, 96: 0.7699}
RIGHT = [
    ("infer_count", (345, 3.77)),
    ("infer_count", (torch.tensor(345), 345 * 512 * 512 / 24e6)),
    ("infer_count", (np.int64(345), Fraction(345 * 512 * 512, 24_000_000))),
    ("infer_count", (345.0, np.array([3.8]))),
    ("infer_finer", ([24, 48, 72], 16, 6)),
    ("infer_finer", (torch.tensor([24, 48, 72]), 16.0, -6.0)),
    ("infer_finer", ({24, 48, 72}, np.int64(16), Fraction(6))),
    ("infer_finer", ((72, 48, 24), torch.tensor(16), torch.tensor([6.0]))),
    ("infer_views", (four_views,)),
    ("infer_views", (all_at_once,)),
    ("infer_views", (FourViews(),)),
    ("infer_views", (by_package,)),
    ("infer_views", (functools.partial(four_views),)),
    ("infer_tents", ([0.5, 0.75],)),
    ("infer_tents", (torch.tensor([0.75, 0.5]),)),
    ("infer_tents", ({0.5, 0.75},)),
    ("infer_tents", ((Fraction(1, 2), Fraction(3, 4)),)),
    ("infer_input", (repaired,)),
    ("infer_input", (by_predict,)),
    ("infer_input", (Repaired(),)),
    ("infer_input", (functools.partial(with_network, deeplab),)),
    ("infer_input", (torch.no_grad()(repaired),)),
    ("infer_input", (functools.partial(predict, deeplab),)),
    ("infer_context", (SCORES,)),
    ("infer_context", ({size: torch.tensor(score) for size, score in SCORES.items()},)),
    ("infer_context", ({size: round(score, 3) for size, score in SCORES.items()},)),
    ("infer_context", ({np.int64(size): np.float32(score) for size, score in SCORES.items()},)),
]
WRONG = [
    ("infer_count", (14 * 22, 3.4), "one window more"),
    ("infer_count", (96, 1.05), "they step by 256"),
    ("infer_count", (345, 4.2), "divide the pixels"),
    ("infer_count", (345, 345), "divide the pixels"),
    ("infer_count", (300, 3.3), "each axis by itself"),
    ("infer_count", (15 * 22, 3.6), "each axis by itself"),
    ("infer_count", (345.5, 3.8), "whole number"),
    ("infer_count", ("345", 3.8), "is a number"),
    ("infer_finer", ([6, 12, 18], 16, 6), "a quarter as far"),
    ("infer_finer", ([12, 24, 36], 16, 6), "output stride 8"),
    ("infer_finer", ([1.5, 3, 4.5], 16, 6), "closer together now"),
    ("infer_finer", ([24, 36, 48], 16, 6), "do not look at the pixels"),
    ("infer_finer", ([24, 48], 16, 6), "has the shape"),
    ("infer_finer", ([24, 48, 72], 4, 6), "the map has two"),
    ("infer_finer", ([24, 48, 72], 64, 6), "how many new cells"),
    ("infer_finer", ([24, 48, 72], 16, 7.5), "asked is what changes"),
    ("infer_finer", ([24, 48, 72], 16, 4), "from output stride 16 to 8"),
    ("infer_finer", ([24, 48, 72], 16, 12), "misplaced before"),
    ("infer_views", (mean_of_logits,), "probabilities are asked for"),
    ("infer_views", (softmax_last,), "averages logits"),
    ("infer_views", (not_turned_back,), "not been turned back"),
    ("infer_views", (left_and_right,), "mirrors left to right: a view is missing"),
    ("infer_views", (three_views,), "a view is missing"),
    ("infer_views", (added_up,), "a mean is asked for"),
    ("infer_views", (softmax_of_rows,), "do not add up to 1"),
    ("infer_views", (turned_the_other_way,), "the way it was turned"),
    ("infer_views", (keeps_the_batch,), "has the shape"),
    ("infer_views", (in_training_mode,), "changed the model"),
    ("infer_views", (paints_it_black,), "changed its input"),
    ("infer_views", (0.5,), "a function is asked for"),
    ("infer_tents", ([0.5],), "at an overlap of 0.75 the sum is constant"),
    ("infer_tents", ([0.75],), "at an overlap of 0.50 the sum is constant"),
    ("infer_tents", ([0.5, 2 / 3, 0.75],), "at an overlap of 0.67 the sum varies"),
    ("infer_tents", ([1 / 3, 0.5, 0.75],), "at an overlap of 0.33 the sum varies"),
    ("infer_tents", ([0, 0.5, 0.75],), "at an overlap of 0.00 the sum varies"),
    ("infer_tents", ([0.5, 0.8],), "not among the five"),
    ("infer_tents", (["1/2", "3/4"],), "holds numbers"),
    ("infer_tents", (0.5,), "is a list"),
    ("infer_input", (shipped,), "which numbers was it trained on"),
    ("infer_input", (bytes_as_floats,), "which numbers was it trained on"),
    ("infer_input", (without_mean,), "which numbers was it trained on"),
    ("infer_input", (untrained,), "with the network that ships"),
    ("infer_input", (as_batch,), "has the shape"),
    ("infer_input", (in_place,), "changed its input"),
    ("infer_input", (returns_nothing,), "is there a `return`"),
    ("infer_input", (3,), "a function is asked for"),
    ("infer_context", ({32: 0.3},), "no score for windows of 48, 64, 96"),
    ("infer_context", (dict.fromkeys(SCORES, 0.7),), "was `window` passed"),
    ("infer_context", (SCORES | {32: 0.6},), "otherwise with windows of 32"),
    ("infer_context", (SCORES | {96: 0.55},), "otherwise with windows of 96"),
    ("infer_context", ({32: 0.3, 48: 0.4, 64: 0.5, 96: 0.7},), "in one matrix"),
    ("infer_context", ({size: 100 * score for size, score in SCORES.items()},), "between 0 and 1"),
    ("infer_context", (SCORES | {48: "0.39"},), "the score of 48 is a number"),
    ("infer_context", ([0.3, 0.4],), "is a dict"),
]
