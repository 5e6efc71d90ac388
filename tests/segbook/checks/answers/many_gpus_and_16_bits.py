"""Answers to the optional page on many GPUs and 16 bits: right ones in several forms, wrong ones with their reply."""

from functools import partial

import torch
import torch.nn.functional as F

from segbook import losses


def halves(factor, loss=losses.cross_entropy):
    """Two losses times a factor of (their valid pixels, all valid pixels)."""

    def weighted_halves(model, images, labels):
        total = (labels != 255).sum()
        parts = zip(images.chunk(2), labels.chunk(2))
        return [factor((y != 255).sum(), total) * loss(model(x), y) for x, y in parts]

    return weighted_halves


def of_eight(model, images, labels):
    total = (labels != 255).sum()
    parts = [(images[s], labels[s]) for s in (slice(0, 4), slice(4, 8))]
    return [2 * (y != 255).sum() / total * losses.cross_entropy(model(x), y) for x, y in parts]


def by_sums(model, images, labels):
    total = (labels != 255).sum()
    scores = model(images).chunk(2)
    return torch.stack(
        [F.cross_entropy(z, y, ignore_index=255, reduction="sum") * 2 / total for z, y in zip(scores, labels.chunk(2))]
    )


def plain(scores, labels):
    return F.cross_entropy(scores, labels, ignore_index=255)


def masked_mean(scores, labels):
    valid = labels != 255
    return (F.cross_entropy(scores, labels.where(valid, 0), reduction="none") * valid).sum() / valid.sum()


def in_numbers(model, images, labels):
    return [part.item() for part in by_sums(model, images, labels)]


def detached(model, images, labels):
    return [part.detach() for part in by_sums(model, images, labels)]


def mutating(model, images, labels):
    labels[labels == 255] = 0
    return by_sums(model, images, labels)


def in_training(model, images, labels):
    found = by_sums(model, images, labels)
    model.train()
    return found


def with_gradients(model, images, labels):
    found = by_sums(model, images, labels)
    found.sum().backward(retain_graph=True)
    return found


def all_in_one(model, images, labels):
    """The whole loss, twice: right as a mean, and no halves."""
    return [losses.cross_entropy(model(images), labels)] * 2


def moved(model, images, labels):
    with torch.no_grad():
        next(model.parameters()).add_(1)
    return by_sums(model, images, labels)


class Halves:
    def __call__(self, model, images, labels):
        return tuple(by_sums(model, images, labels))


def fair(v, total):
    return 2 * v / total


RIGHT = [
    ("loss_scale", (4, 20)),
    ("loss_scale", (torch.tensor(4), 20.0)),
    ("loss_scale", ([4], torch.tensor([20]))),
    ("loss_scale", (4.0, torch.tensor(20.0))),
    ("weighted_halves", (halves(fair),)),
    ("weighted_halves", (by_sums,)),
    ("weighted_halves", (Halves(),)),
    ("weighted_halves", (partial(halves(fair)),)),
]
WRONG = [
    ("loss_scale", (20, 4), "exchanged"),
    ("loss_scale", (3, 20), "still zero"),
    ("loss_scale", (4, 21), "overflows"),
    ("loss_scale", (5, 20), "below its smallest"),
    ("loss_scale", (15, 20), "below its smallest"),
    ("loss_scale", (4, 19), "and so will something larger"),
    ("loss_scale", (4, 1048576), "not the factors"),
    ("loss_scale", (3.9, 20.6), "a whole number"),
    ("loss_scale", ("4", "20"), "is a number"),
    ("weighted_halves", (halves(lambda v, total: 1),), "in another direction"),
    ("weighted_halves", (halves(lambda v, total: v / total),), "0.5 times as long"),
    ("weighted_halves", (halves(lambda v, total: 2 * (1 - v / total)),), "in another direction"),
    ("weighted_halves", (halves(lambda v, total: total / (2 * v.clamp(min=1))),), "in another direction"),
    ("weighted_halves", (of_eight,), "not the first half's"),
    ("weighted_halves", (halves(fair, plain),), "0 times NaN"),
    ("weighted_halves", (halves(fair, masked_mean),), "0 times NaN"),
    ("weighted_halves", (lambda model, x, y: sum(by_sums(model, x, y)),), "not two losses"),
    ("weighted_halves", (lambda model, x, y: [sum(by_sums(model, x, y))],), "there are two halves"),
    ("weighted_halves", (in_numbers,), "a tensor of one number"),
    ("weighted_halves", (detached,), "no gradient arrives"),
    ("weighted_halves", (mutating,), "changed its input"),
    ("weighted_halves", (in_training,), "another mode"),
    ("weighted_halves", (with_gradients,), "leaves gradients"),
    ("weighted_halves", (moved,), "changes the network"),
    ("weighted_halves", (all_in_one,), "times a factor"),
]
