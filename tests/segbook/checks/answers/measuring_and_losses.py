"""Answers to chapter 6: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools
from fractions import Fraction

import numpy as np
import torch

Y, X = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
DISTANCE = ((Y - 80) ** 2 + (X - 80) ** 2).sqrt()
DISC = DISTANCE <= 20
EVERYWHERE, POINT, RING, FAT = torch.ones_like(DISC), DISTANCE < 1, DISC & (DISTANCE > 19), DISTANCE <= 23
COUNTS = (0.98, 0.5, 0.75, 150 / 350, 0.6)


def mean_iou(prediction, label, num_classes, void_counts=False, absent=None):
    ious = []
    for c in range(num_classes):
        a, b = (prediction == c) & (void_counts | (label != 255)), label == c
        if (a | b).any():
            ious.append(((a & b).sum() / (a | b).sum()).item())
        elif absent is not None:
            ious.append(absent)
    return sum(ious) / len(ious)


def mean_iou_by_counts(prediction, label, num_classes):
    valid = label != 255
    pairs = np.bincount((label[valid] * num_classes + prediction[valid]).numpy(), minlength=num_classes**2)
    pairs = pairs.reshape(num_classes, num_classes)
    with np.errstate(invalid="ignore"):
        return np.nanmean(pairs.diagonal() / (pairs.sum(0) + pairs.sum(1) - pairs.diagonal()))


def only_classes_of_the_label(prediction, label, num_classes):
    ious = []
    for c in label[label != 255].unique():
        a, b = (prediction == c) & (label != 255), label == c
        ious.append(((a & b).sum() / (a | b).sum()).item())
    return sum(ious) / len(ious)


def void_becomes_background(prediction, label, num_classes):
    return mean_iou(prediction, label.where(label != 255, 0), num_classes)


def tversky(fibre, is_fibre, alpha, beta):
    tp = fibre[is_fibre].sum()
    fp, fn = fibre[~is_fibre].sum(), (1 - fibre[is_fibre]).sum()
    return 1 - tp / (tp + alpha * fp + beta * fn)


def tversky_by_products(fibre, is_fibre, alpha, beta):
    t = is_fibre.to(fibre.dtype)
    tp = (fibre * t).sum()
    return (alpha * (fibre * (1 - t)).sum() + beta * ((1 - fibre) * t).sum()) / (
        tp + alpha * (fibre * (1 - t)).sum() + beta * ((1 - fibre) * t).sum()
    )


def hard_tversky(fibre, is_fibre, alpha, beta):
    return tversky((fibre > 0.5).float(), is_fibre, alpha, beta)


def detached_denominator(fibre, is_fibre, alpha, beta):
    tp = fibre[is_fibre].sum()
    fp, fn = fibre[~is_fibre].sum(), (1 - fibre[is_fibre]).sum()
    return 1 - tp / (tp + alpha * fp + beta * fn).item()


def detached_misses(fibre, is_fibre, alpha, beta):
    tp = fibre[is_fibre].sum()
    fp, fn = fibre[~is_fibre].sum(), (1 - fibre[is_fibre]).sum().detach()
    return 1 - tp / (tp + alpha * fp + beta * fn)


def overwrites(fibre, is_fibre, alpha, beta):
    result = tversky(fibre, is_fibre, alpha, beta)
    fibre.zero_()
    return result


class Tversky:
    def __call__(self, fibre, is_fibre, alpha, beta):
        fibre, is_fibre = fibre.flatten(), is_fibre.flatten()
        return tversky(fibre, is_fibre, alpha, beta)


def loop(prediction, label, num_classes):
    tp, fp, fn = [0] * num_classes, [0] * num_classes, [0] * num_classes
    for p, t in zip(prediction.flatten().tolist(), label.flatten().tolist()):
        if t != 255:
            tp[t] += p == t
            fp[p] += p != t
            fn[t] += p != t
    scores = [a / (a + b + c) for a, b, c in zip(tp, fp, fn) if a + b + c]
    return Fraction(sum(scores)) / len(scores)


def void_rows(prediction, label, num_classes):
    """Leaves out whole rows with any void."""
    keep = (label != 255).all(-1)
    return mean_iou(prediction[keep], label[keep], num_classes) if keep.any() else 0.0


def void_in_the_first_column(prediction, label, num_classes):
    keep = label[..., 0] != 255
    return mean_iou(prediction[keep], label[keep], num_classes, void_counts=True) if keep.any() else 0.0


def first_image_only(prediction, label, num_classes):
    if label.ndim == 3:
        prediction, label = prediction[0], label[0]
    return mean_iou(prediction, label, num_classes)


def mean_of_images(prediction, label, num_classes):
    if label.ndim == 2:
        return mean_iou(prediction, label, num_classes)
    return sum(mean_iou(p, t, num_classes) for p, t in zip(prediction, label)) / len(label)


def relabels_void(prediction, label, num_classes):
    label[label == 255] = 0
    return mean_iou(prediction, label, num_classes)


WEIGHT = (0.2, 4, 0.05)
RIGHT = [
    ("measure_counts", COUNTS),
    ("measure_counts", tuple(torch.tensor(value) for value in COUNTS)),
    ("measure_counts", (0.98, 0.5, 0.75, 0.429, 0.6)),
    ("measure_counts", (Fraction(49, 50), np.float32(0.5), [0.75], Fraction(3, 7), np.array([0.6]))),
    ("measure_weight", WEIGHT),
    ("measure_weight", (torch.tensor(0.2), np.float64(4), Fraction(1, 20))),
    ("measure_weight", ([0.2], 4.0, np.array(0.05))),
    ("measure_weight", (0.4 / 2, (2 - 0.4) / 0.4, 1 / (1 + 19))),
    ("measure_blind", (EVERYWHERE, POINT, RING, FAT)),
    ("measure_blind", (EVERYWHERE.float(), POINT.numpy(), RING.long(), FAT)),
    ("measure_blind", (EVERYWHERE.tolist(), POINT.double(), RING.numpy().astype("uint8"), DISTANCE <= 23.4)),
    ("measure_blind", (DISTANCE <= 80, (DISTANCE < 3).numpy(), DISC & (DISTANCE > 18.5), FAT.T)),
    ("measure_range", (0.8 / 1.2, (1 + 0.6 / 1.4) / 2)),
    ("measure_range", (0.667, torch.tensor(0.714))),
    ("measure_range", (Fraction(2, 3), Fraction(5, 7))),
    ("measure_range", (np.array([0.6667]), [0.7143])),
    ("measure_void", (mean_iou,)),
    ("measure_void", (mean_iou_by_counts,)),
    ("measure_void", (functools.partial(mean_iou, void_counts=False),)),
    ("measure_void", (loop,)),
    ("measure_tversky", (tversky,)),
    ("measure_tversky", (tversky_by_products,)),
    ("measure_tversky", (functools.partial(tversky),)),
    ("measure_tversky", (Tversky(),)),
]
WRONG = [
    ("measure_counts", (0.98, 0.75, 0.5, 150 / 350, 0.6), "exchanged"),
    ("measure_counts", (0.985, *COUNTS[1:]), "forgets one"),
    ("measure_counts", (0.97, *COUNTS[1:]), "errors of both kinds"),
    ("measure_counts", (*COUNTS[:3], 0.3, 0.6), "in the union once"),
    ("measure_counts", (*COUNTS[:3], 0.5, 0.6), "intersection by union"),
    ("measure_counts", (*COUNTS[:4], 0.3), "D = 2J"),
    ("measure_counts", (98, *COUNTS[1:]), "share of 1"),
    ("measure_counts", (0.98, 0.6, *COUNTS[2:]), "marked ones"),
    ("measure_counts", ("0.98", *COUNTS[1:]), "is a number"),
    ("measure_weight", (0.4, 4, 0.05), "twice"),
    ("measure_weight", (0.125, 4, 0.05), "about Dice"),
    ("measure_weight", (0.5, 4, 0.05), "2q over 1"),
    ("measure_weight", (0.2, 5, 0.05), "mind the 1"),
    ("measure_weight", (0.2, 0.25, 0.05), "count less"),
    ("measure_weight", (0.2, 50, 0.05), "which one"),
    ("measure_weight", (0.2, -4, 0.05), "above 0"),
    ("measure_weight", (0.2, 4, 1 / 19), "the odds, not the chance"),
    ("measure_weight", (0.2, 4, 0.95), "marks more"),
    ("measure_weight", (0.2, 4, 0.5), "odds of 1"),
    ("measure_weight", (20, 4, 0.05), "between 0 and 1"),
    ("measure_weight", (0.2, 4, 5), "between 0 and 1"),
    ("measure_blind", (DISC, POINT, RING, FAT), "false alarms"),
    ("measure_blind", (EVERYWHERE, DISC, RING, FAT), "what is missed"),
    ("measure_blind", (EVERYWHERE, POINT, DISC, FAT), "the inside"),
    ("measure_blind", (EVERYWHERE, POINT, RING, DISTANCE <= 21), "wider than the tolerance"),
    ("measure_blind", (EVERYWHERE, torch.zeros_like(DISC), RING, FAT), "marks nothing"),
    ("measure_blind", (EVERYWHERE, POINT, RING, DISTANCE), "True or False"),
    ("measure_blind", (EVERYWHERE, POINT, RING, FAT[:100]), "is needed"),
    ("measure_blind", (EVERYWHERE, DISTANCE <= 6.5, RING, FAT), "what is missed"),
    ("measure_range", (0.714, 0.667), "above the highest"),
    ("measure_range", (2 / 3, 0.8), "0.8 is the mean Dice"),
    ("measure_range", (2 / 3, 2 / 3), "is not the highest"),
    ("measure_range", (0.5, 0.714), "cannot be above 1"),
    ("measure_range", (0.7, 0.714), "is not the lowest"),
    ("measure_range", (0.66, 0.714), "is not the lowest"),
    ("measure_range", (0.667, 0.72), "is not the highest"),
    ("measure_range", (66.7, 71.4), "is not the lowest"),
    ("measure_void", (lambda p, t, c: mean_iou(p, t, c, void_counts=True),), "on void"),
    ("measure_void", (lambda p, t, c: mean_iou(p, t, c, absent=0.0),), "union is empty"),
    ("measure_void", (lambda p, t, c: mean_iou(p, t, c, absent=1.0),), "union is empty"),
    ("measure_void", (only_classes_of_the_label,), "union is empty"),
    ("measure_void", (void_becomes_background,), "pixels of void is"),
    ("measure_void", (void_rows,), "and the right one is"),
    ("measure_void", (void_in_the_first_column,), "of void is"),
    ("measure_void", (first_image_only,), "and the right one is"),
    ("measure_void", (mean_of_images,), "and the right one is"),
    ("measure_void", (relabels_void,), "changed its input"),
    ("measure_void", (lambda p, t, c: (p == t).float().mean().item(),), "and the right one is"),
    ("measure_void", (lambda p, t, c: None,), "returned None"),
    ("measure_tversky", (lambda p, y, a, b: 1 - tversky(p, y, a, b),), "This is the index"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, b, a),), "exchanged"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, 2 * a, 2 * b),), "should be soft Dice"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, 0.5, 0.5),), "should be soft IoU"),
    ("measure_tversky", (hard_tversky,), "should be soft Dice"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, a, b).item(),), "no gradient"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p.detach(), y, a, b),), "no gradient"),
    ("measure_tversky", (detached_denominator,), "plain number"),
    ("measure_tversky", (detached_misses,), "plain number"),
    ("measure_tversky", (overwrites,), "changed its input"),
    ("measure_tversky", (0.5,), "a function is asked for"),
]
