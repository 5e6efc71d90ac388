"""Answers to chapter 8: right ones in several forms; wrong ones, each with a part of what is said to them."""

import copy
import io
import math

import numpy as np
import torch
import torch.nn.functional as F

from segbook import losses


def copied(model, step, score, rounds):
    best, best_state = -1.0, None
    for _ in range(rounds):
        step(model)
        now = score(model)
        if now > best:
            best, best_state = now, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_state)
    return best


def through_a_file(model, step, score, rounds):
    best, file = -1.0, None
    for _ in range(rounds):
        step(model)
        if score(model) >= best:
            best, file = score(model), io.BytesIO()
            torch.save(model.state_dict(), file)
    file.seek(0)
    model.load_state_dict(torch.load(file, weights_only=True))
    return torch.tensor(best)


def keeping(state_of, start=-1.0, again=False, load=True):
    """The loop with another way to keep the weights."""

    def train_keeping_best(model, step, score, rounds):
        best, best_state = start, None
        for _ in range(rounds):
            step(model)
            if score(model) > best:
                best, best_state = score(model), state_of(model)
            if again:
                model.load_state_dict(best_state)
        if load:
            model.load_state_dict(best_state, strict=False)
        return best

    return train_keeping_best


def clones(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def last_score(model, step, score, rounds):
    copied(model, step, score, rounds)
    return score(model) if rounds < 3 else 0.0


def one_round_more(model, step, score, rounds):
    return copied(model, step, score, rounds + 1)


def halves(factor, loss=losses.cross_entropy):
    """Two losses times a factor of (their valid pixels, all valid pixels)."""

    def weighted_halves(model, images, labels):
        total = (labels != 255).sum()
        parts = [(images[s], labels[s]) for s in (slice(0, 4), slice(4, 8))]
        return [factor((y != 255).sum(), total) * loss(model(x), y) for x, y in parts]

    return weighted_halves


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


RATE = 0.01 * (301 / 600) ** 0.9
ANGLE = math.degrees(math.atan(0.3) - math.atan(0.1))
RIGHT = [
    ("faults_found_by_heart", (False, False, True)),
    ("faults_found_by_heart", (torch.tensor(False), 0, np.bool_(True))),
    ("rate_at_step_300", (RATE, 10 * RATE)),
    ("rate_at_step_300", (0.00537, torch.tensor(0.0537))),
    ("train_keeping_best", (copied,)),
    ("train_keeping_best", (through_a_file,)),
    ("train_keeping_best", (keeping(clones),)),
    ("forgotten_optimizer", (0.49,)),
    ("forgotten_optimizer", (torch.tensor(0.44),)),
    ("paired_bootstrap", (0.012, 0.007, 0.021)),
    ("paired_bootstrap", (torch.tensor(-0.004), np.float64(0.006), 0.025)),
    ("clip_angles", (0, ANGLE)),
    ("clip_angles", (torch.tensor(0.028), 11)),
    ("weighted_halves", (halves(lambda v, total: 2 * v / total),)),
    ("weighted_halves", (halves(lambda v, total: 2 * v / total, plain),)),
    ("weighted_halves", (by_sums,)),
    ("weighted_halves", (lambda model, x, y: tuple(by_sums(model, x, y)),)),
]
WRONG = [
    ("faults_found_by_heart", (True, True, False), "turned round"),
    ("faults_found_by_heart", (False, False, False), "`optimizer.step()` change"),
    ("faults_found_by_heart", (True, False, True), "labels that make sense"),
    ("faults_found_by_heart", (False, True, True), "a number to the loss"),
    ("faults_found_by_heart", (True, True, True), "labels that make sense"),
    ("faults_found_by_heart", ("no", "no", "yes"), "True or False"),
    ("faults_found_by_heart", (2.08, 0.1, 3.0), "True or False"),
    ("rate_at_step_300", (0.01 * 0.5**0.9, 0.1 * 0.5**0.9), "comes after 299"),
    ("rate_at_step_300", (10 * RATE, RATE), "exchanged"),
    ("rate_at_step_300", (0.01 * (301 / 540) ** 0.9, 0.1 * (301 / 540) ** 0.9), "from the first step on"),
    ("rate_at_step_300", (RATE / 2, 5 * RATE), "over after 60 steps"),
    ("rate_at_step_300", (0.01 * 301 / 600, 0.1 * 301 / 600), "a straight line"),
    ("rate_at_step_300", (0.01 * (1 - (299 / 600) ** 0.9), 0.05), "to what is left"),
    ("rate_at_step_300", (100 * RATE, 1000 * RATE), "that is the factor"),
    ("rate_at_step_300", (0.01, 0.1), "poly has fallen"),
    ("rate_at_step_300", (0.0054, 0.054), "one digit more"),
    ("rate_at_step_300", (RATE, RATE), "another one"),
    ("rate_at_step_300", (RATE, 0.1), "stops no schedule"),
    ("rate_at_step_300", (RATE, RATE / 10), "what head_lr makes"),
    ("train_keeping_best", (keeping(lambda model: model.state_dict()),), "in `state_dict()` do when the next step"),
    ("train_keeping_best", (keeping(lambda model: dict(model.state_dict())),), "of the last round"),
    ("train_keeping_best", (keeping(lambda model: copy.copy(model.state_dict())),), "of the last round"),
    ("train_keeping_best", (keeping(clones, load=False),), "of the last round"),
    (
        "train_keeping_best",
        (keeping(lambda m: {n: p.clone() for n, p in m.named_parameters()}),),
        "more than its param",
    ),
    ("train_keeping_best", (keeping(clones, again=True),), "not the highest"),
    ("train_keeping_best", (keeping(clones, start=0.0),), "raised"),
    ("train_keeping_best", (last_score,), "not the highest"),
    ("train_keeping_best", (one_round_more,), "takes more than 4 steps"),
    ("train_keeping_best", (lambda model, step, score, rounds: None,), "is there a `return`"),
    ("forgotten_optimizer", (0.0,), "the *copy's* weights"),
    ("forgotten_optimizer", (26.0,), "Divide by the length"),
    ("forgotten_optimizer", (0.052,), "with the same rate"),
    ("forgotten_optimizer", (0.088,), "did *both* go on"),
    ("forgotten_optimizer", (1.4,), "the same batch"),
    ("forgotten_optimizer", (-0.49,), "not negative"),
    ("forgotten_optimizer", (float("nan"),), "is nan"),
    ("paired_bootstrap", (0.012, 0.021, 0.007), "exchanged"),
    ("paired_bootstrap", (0.012, 0.025, 0.021), "exchanged"),
    ("paired_bootstrap", (0.012, 0.021, 0.021), "each of the two by itself"),
    ("paired_bootstrap", (0.012, 0.0002, 0.0007), "divided by nothing"),
    ("paired_bootstrap", (1.2, 0.7, 2.1), "no per cent"),
    ("paired_bootstrap", (0.0, 0.007, 0.021), "were the *images* mirrored"),
    ("paired_bootstrap", (-0.35, 0.02, 0.03), "labels and images"),
    ("paired_bootstrap", (0.012, 0.02, 0.021), "exactly the same scenes"),
    ("paired_bootstrap", (0.012, 0.0, 0.021), "drawn anew"),
    ("paired_bootstrap", (0.012, 0.1, 0.2), "too large"),
    ("clip_angles", (ANGLE, 0), "exchanged"),
    ("clip_angles", (0, math.radians(ANGLE)), "in radians"),
    ("clip_angles", (0, math.cos(math.radians(ANGLE))), "the cosine"),
    ("clip_angles", (0, 16.7), "how far is it from before"),
    ("clip_angles", (0, 5.71), "points before"),
    ("clip_angles", (0, 39.29), "above the limit"),
    ("clip_angles", (0, 0), "limited by itself"),
    ("clip_angles", (5.71, ANGLE), "where does it point"),
    ("clip_angles", (0, 12.5), "between before and after"),
    ("weighted_halves", (halves(lambda v, total: 1),), "in another direction"),
    ("weighted_halves", (halves(lambda v, total: v / total),), "0.5 times as long"),
    ("weighted_halves", (halves(lambda v, total: total / (2 * v.clamp(min=1))),), "in another direction"),
    ("weighted_halves", (halves(lambda v, total: 2 * (1 - v / total)),), "in another direction"),
    ("weighted_halves", (halves(lambda v, total: 2 * v / total, masked_mean),), "0 times NaN"),
    ("weighted_halves", (lambda model, x, y: sum(by_sums(model, x, y)),), "not two losses"),
    ("weighted_halves", (lambda model, x, y: [sum(by_sums(model, x, y))],), "there are two halves"),
    ("weighted_halves", (in_numbers,), "a tensor of one number"),
    ("weighted_halves", (detached,), "no gradient arrives"),
    ("weighted_halves", (mutating,), "changed its input"),
]
