"""Answers to chapter 6: right ones in several forms; wrong ones, each with a part of what is said to them."""

import math

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


LOGITS = torch.full((200, 48, 48), math.log(0.018 / 0.982))
W = (1 - 0.0186) / 0.0186
THRESHOLD = W * 0.3 / 0.7 / (1 + W * 0.3 / 0.7)
RIGHT = [
    ("measure_counts", COUNTS),
    ("measure_counts", tuple(torch.tensor(value) for value in COUNTS)),
    ("measure_blind", (EVERYWHERE, POINT, RING, FAT)),
    ("measure_blind", (EVERYWHERE.float(), POINT.numpy(), RING.long(), FAT)),
    ("measure_merge", (910 / 1100, 0.5)),
    ("measure_merge", (torch.tensor(0.827), 0.5)),
    ("measure_range", (0.8 / 1.2, (1 + 0.6 / 1.4) / 2)),
    ("measure_range", (0.667, torch.tensor(0.714))),
    ("measure_void", (mean_iou,)),
    ("measure_void", (mean_iou_by_counts,)),
    ("measure_tversky", (tversky,)),
    ("measure_tversky", (tversky_by_products,)),
    ("measure_undo", (LOGITS, THRESHOLD)),
    ("measure_undo", (LOGITS[:, None].numpy(), 0.957)),
    ("measure_steps", (0.43, 0.47)),
    ("measure_steps", (torch.tensor(0.45), np.float64(0.48))),
]
WRONG = [
    ("measure_counts", (0.98, 0.75, 0.5, 150 / 350, 0.6), "exchanged"),
    ("measure_counts", (0.985, *COUNTS[1:]), "forgets one"),
    ("measure_counts", (0.97, *COUNTS[1:]), "errors of both kinds"),
    ("measure_counts", (*COUNTS[:3], 0.3, 0.6), "in the union once"),
    ("measure_counts", (*COUNTS[:4], 0.3), "D = 2J"),
    ("measure_counts", (98, *COUNTS[1:]), "share of 1"),
    ("measure_blind", (DISC, POINT, RING, FAT), "false alarms"),
    ("measure_blind", (EVERYWHERE, DISC, RING, FAT), "what is missed"),
    ("measure_blind", (EVERYWHERE, POINT, DISC, FAT), "the inside"),
    ("measure_blind", (EVERYWHERE, POINT, RING, DISTANCE <= 21), "wider than the tolerance"),
    ("measure_blind", (EVERYWHERE, torch.zeros_like(DISC), RING, FAT), "marks nothing"),
    ("measure_blind", (EVERYWHERE, POINT, RING, DISTANCE), "True or False"),
    ("measure_merge", (0.5, 0.5), "10 times as many"),
    ("measure_merge", (0.5, 910 / 1100), "exchanged"),
    ("measure_merge", (0.9, 0.5), "intersections"),
    ("measure_merge", (910 / 1100, 0.9), "mean of 0.9 and 0.1"),
    ("measure_merge", (910 / 1000, 0.5), "intersections"),
    ("measure_range", (0.714, 0.667), "above the highest"),
    ("measure_range", (2 / 3, 0.8), "0.8 is the mean Dice"),
    ("measure_range", (2 / 3, 2 / 3), "is not the highest"),
    ("measure_range", (0.5, 0.714), "is not the lowest"),
    ("measure_range", (0.7, 0.714), "is not the lowest"),
    ("measure_void", (lambda p, t, c: mean_iou(p, t, c, void_counts=True),), "on void"),
    ("measure_void", (lambda p, t, c: mean_iou(p, t, c, absent=0.0),), "union is empty"),
    ("measure_void", (lambda p, t, c: mean_iou(p, t, c, absent=1.0),), "union is empty"),
    ("measure_void", (only_classes_of_the_label,), "union is empty"),
    ("measure_void", (void_becomes_background,), "pixels of void is"),
    ("measure_void", (lambda p, t, c: (p == t).float().mean().item(),), "and the right one is"),
    ("measure_tversky", (lambda p, y, a, b: 1 - tversky(p, y, a, b),), "This is the index"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, b, a),), "exchanged"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, 2 * a, 2 * b),), "should be soft Dice"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, 0.5, 0.5),), "should be soft IoU"),
    ("measure_tversky", (hard_tversky,), "should be soft Dice"),
    ("measure_tversky", (lambda p, y, a, b: tversky(p, y, a, b).item(),), "no gradient"),
    ("measure_undo", (LOGITS + math.log(W), THRESHOLD), "weights multiply the odds"),
    ("measure_undo", (LOGITS / W, THRESHOLD), "weights multiply the odds"),
    ("measure_undo", (LOGITS, 0.3), "on the honest probability"),
    ("measure_undo", (LOGITS, 0.3 / 0.7 / W / (1 + 0.3 / 0.7 / W)), "the other way round"),
    ("measure_undo", (LOGITS, 1.2), "between 0 and 1"),
    ("measure_undo", (LOGITS[:1, :2], THRESHOLD), "those of the test images"),
    ("measure_steps", (0.4, 0.4), "the same network"),
    ("measure_steps", (0.1, 0.45), "the hinge reaches"),
    ("measure_steps", (0.45, 0.1), "cross-entropy reaches"),
    ("measure_steps", (43, 47), "between 0 and 1"),
    ("measure_steps", (None, 0.4), "is a number"),
]
