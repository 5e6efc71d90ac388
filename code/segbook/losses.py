"""What a network is told to make small. Every loss is a plain function `(logits, target, ...) -> scalar`.

Logits are (N, C, H, W), target int64 (N, H, W) with classes 0 to C - 1 and `ignore_index` where void. Void pixels take
no part, neither in a sum nor in the number that it is divided by. A batch that is all void gives 0 with a gradient of
zeros, where torch's own mean gives NaN. Logits of 16 bits, whose sums overflow, are computed in float32.

One logit a pixel, (N, 1, H, W), is the logit of class 1 in a problem of two classes. Every loss takes it: z counts as
the pair of logits (0, z), whose softmax is (1 - sigmoid(z), sigmoid(z)). Labels are then 0 and 1.

Labels out of range raise a ValueError that names one, but only on a CPU: a GPU would have to finish all queued work in
every step, so call `data.palette.check_labels` before a batch is moved there.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from segbook.data.palette import check_labels


def cross_entropy(logits: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = 255) -> Tensor:
    """Minus the log of the true class's probability, averaged over the pixels that are not void.

    With weights (C,), of any number type and on any device, it is torch's weighted mean: every pixel counts with the
    weight of its true class, in the sum and in the divisor, so that only the ratios of the weights matter.

    >>> logits = torch.tensor([[[[2.0, 0.0]], [[0.0, 0.0]]]])  # (1, 2, 1, 2)
    >>> round(cross_entropy(logits, torch.tensor([[[0, 255]]])).item(), 4)  # the second pixel is void
    0.1269
    """
    logits = check_batch(logits, target, ignore_index)
    loss = F.cross_entropy(logits, target, ignore_index=ignore_index, reduction="none")  # (N, H, W), -log p
    return mean_over_pixels(loss, target, ignore_index, weight, logits.shape[1])


def focal_loss(
    logits: Tensor, target: Tensor, gamma: float = 2.0, weight: Tensor | None = None, ignore_index: int = 255
) -> Tensor:
    """Cross-entropy in which a pixel counts (1 - p)^gamma, p its true class's probability: easy pixels fade out.

    gamma = 0 is `cross_entropy`; the paper uses 2. `weight` (C,) is the paper's alpha, normalised as there. Lin et al.
    divide by the number of anchors that hold an object, here it is the mean over pixels.
    Raises ValueError where gamma is negative. Source: Lin et al. 2017, section 3.
    """
    if gamma < 0:
        raise ValueError(f"focal_loss needs a gamma of at least 0, got {gamma}")
    logits = check_batch(logits, target, ignore_index)
    loss = F.cross_entropy(logits, target, ignore_index=ignore_index, reduction="none")  # (N, H, W), -log p
    miss = -torch.expm1(-loss)  # 1 - p
    loss = miss.clamp(min=torch.finfo(miss.dtype).tiny) ** gamma * loss  # the clamp: x**0.5 has no slope at 0
    return mean_over_pixels(loss, target, ignore_index, weight, logits.shape[1])


def ohem_cross_entropy(
    logits: Tensor, target: Tensor, threshold: float = 0.7, min_kept: float = 1 / 16, ignore_index: int = 255
) -> Tensor:
    """Cross-entropy averaged over the hard pixels alone ("online hard example mining").

    Hard is a pixel whose true class has a probability below `threshold`. At least the share `min_kept` of the batch's
    pixels is kept, the hardest first and all that tie with the last of them: no mean over a handful of pixels.

    Raises ValueError where threshold or min_kept is not a share between 0 and 1. Source: Shrivastava et al. 2016 for
    regions; for pixels as in MMSegmentation's sampler, which counts `min_kept` in pixels.
    """
    for name, value in (("threshold", threshold), ("min_kept", min_kept)):
        if not 0 < value <= 1:
            raise ValueError(f"{name} is a share above 0 and at most 1, got {value}")
    logits = check_batch(logits, target, ignore_index)
    loss = F.cross_entropy(logits, target, ignore_index=ignore_index, reduction="none")  # (N, H, W), -log p
    ranked = loss.detach().masked_fill(target == ignore_index, -math.inf).flatten()
    hardest = ranked.topk(math.ceil(min_kept * ranked.numel())).values
    keep = (ranked > -math.log(threshold)) | (ranked >= hardest[-1:])
    return mean_over_pixels(loss, torch.where(keep.view_as(target), target, ignore_index), ignore_index)


def binary_cross_entropy(
    logits: Tensor, target: Tensor, pos_weight: Tensor | float | None = None, ignore_index: int = 255
) -> Tensor:
    """Cross-entropy of one logit a pixel: the same number as `cross_entropy` of the two logits (0, z).

    `pos_weight` is what a pixel of class 1 counts, one of class 0 counting 1. As in torch the sum is divided by the
    number of pixels, not by their weights. Raises ValueError where there is more than one logit a pixel.
    """
    z = single_logit(logits, target, ignore_index)
    if pos_weight is not None:
        pos_weight = torch.as_tensor(pos_weight).to(z)
    loss = F.binary_cross_entropy_with_logits(z, (target == 1).to(z), pos_weight=pos_weight, reduction="none")
    return mean_over_pixels(loss, target, ignore_index)


def dice_loss(logits: Tensor, target: Tensor, ignore_index: int = 255) -> Tensor:
    """1 - Dice, with probabilities for the prediction: `1 - 2 |P G| / (|P| + |G|)`, averaged over classes.

    `|P|` sums a class's probability over all valid pixels of the batch, `|G|` counts its labels, `|P G|` sums the
    probability where the label is. The mean is over the classes that the batch's labels have. Nothing is added to the
    denominator. V-Net squares the terms of `|P|` and `|G|`. Source: Milletari et al. 2016, section 3.
    """
    probability, truth = class_masks(logits, target, ignore_index)
    overlap = (probability * truth).sum(1)  # (C,)
    total = probability.sum(1) + truth.sum(1)
    return mean_over_present(1 - 2 * overlap / total.clamp(min=1e-6), truth)


def iou_loss(logits: Tensor, target: Tensor, ignore_index: int = 255) -> Tensor:
    """1 - soft Jaccard index: `1 - |P G| / (|P| + |G| - |P G|)`, averaged over the classes in the labels.

    The sums are those of `dice_loss`; a class's soft IoU is D / (2 - D) of its soft Dice D.
    Source: Rahman and Wang 2016.
    """
    probability, truth = class_masks(logits, target, ignore_index)
    overlap = (probability * truth).sum(1)  # (C,)
    union = probability.sum(1) + truth.sum(1) - overlap
    return mean_over_present(1 - overlap / union.clamp(min=1e-6), truth)


def lovasz_softmax(logits: Tensor, target: Tensor, ignore_index: int = 255) -> Tensor:
    """The Lovász extension of each class's 1 - IoU, at the errors `|truth - probability|`; mean over present classes.

    Where all probabilities are 0 or 1 it is exactly 1 - IoU; between, it is linear on every ordering of the errors.
    IoU is over all valid pixels of the batch, as in the authors' code with `per_image=False, classes="present"`.
    Source: Berman et al. 2018, section 2 and algorithm 1.
    """
    probability, truth = class_masks(logits, target, ignore_index)
    errors = (truth.to(probability) - probability).abs()
    errors, order = errors.sort(1, descending=True)
    slope = lovasz_gradient(truth.gather(1, order))  # void pixels have error 0: they come last
    return mean_over_present((errors * slope).sum(1), truth)


def lovasz_hinge(logits: Tensor, target: Tensor, ignore_index: int = 255) -> Tensor:
    """The Lovász extension of the foreground's 1 - IoU, at the hinge errors 1 - z of objects and 1 + z of the rest.

    One logit z a pixel, logits (N, 1, H, W); a pixel that is right by a margin of 1 costs nothing. IoU is over all
    valid pixels of the batch. Without any foreground in the labels it is the largest of the errors.
    Raises ValueError where there is more than one logit a pixel. Source: Berman et al. 2018, section 3.1.
    """
    z, valid = single_logit(logits, target, ignore_index), target != ignore_index
    truth = (target == 1) & valid
    errors = torch.where(valid, 1 - torch.where(truth, z, -z), 0).relu()
    errors, order = errors.flatten().sort(descending=True)
    return (errors * lovasz_gradient(truth.flatten()[order][None])[0]).sum()


# What the losses share.


def lovasz_gradient(truth: Tensor) -> Tensor:
    """By how much 1 - IoU grows as the pixels, sorted by falling error, become wrong one after another.

    `truth` is bool (C, P), whether the k-th worst pixel is of the class. Returns (C, P) float32: 1 - IoU with the
    first k pixels wrong, minus the same with the first k - 1 wrong.
    """
    size = truth.sum(1, keepdim=True)  # (C, 1), pixels of the class
    intersection = size - truth.cumsum(1)  # a missed pixel leaves the intersection,
    union = size + (~truth).cumsum(1)  # a false alarm enters the union
    loss = 1 - intersection / union.clamp(min=1)  # (C, P), rises from left to right
    return loss.diff(dim=1, prepend=loss.new_zeros(len(loss), 1))


def class_masks(logits: Tensor, target: Tensor, ignore_index: int = 255) -> tuple[Tensor, Tensor]:
    """Each class's probability and truth at every pixel of the batch, both (C, N*H*W), both 0 on void."""
    logits = check_batch(logits, target, ignore_index)
    valid = (target != ignore_index)[:, None]  # (N, 1, H, W)
    classes = torch.arange(logits.shape[1], device=target.device).view(1, -1, 1, 1)
    probability = torch.where(valid, logits.softmax(1), 0)
    truth = (target[:, None] == classes) & valid  # (N, C, H, W)
    return probability.transpose(0, 1).flatten(1), truth.transpose(0, 1).flatten(1)


def mean_over_present(loss: Tensor, truth: Tensor) -> Tensor:
    """Mean of the per-class losses (C,) over the classes that some label has; 0 where none has any."""
    present = truth.any(1)
    return torch.where(present, loss, 0).sum() / present.sum().clamp(min=1)


def mean_over_pixels(loss: Tensor, target: Tensor, ignore_index: int, weight=None, num_classes: int = 0) -> Tensor:
    """Mean of the losses (N, H, W) over the pixels that are not void, each counted with its class's weight; or 0."""
    counts = target != ignore_index
    loss = torch.where(counts, loss, 0)
    if weight is not None:
        weight = torch.as_tensor(weight).to(loss)
        if weight.shape != (num_classes,):
            raise ValueError(f"weight needs one number for each of {num_classes} classes, got {tuple(weight.shape)}")
        counts = torch.where(counts, weight[torch.where(counts, target, 0)], 0)
        loss = loss * counts
    total = counts.sum()
    return loss.sum() / torch.where(total > 0, total, 1)


def single_logit(logits: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """The one logit of each pixel, (N, H, W)."""
    if logits.ndim == 4 and logits.shape[1] != 1:
        raise ValueError(f"this loss needs one logit a pixel, (N, 1, H, W), got {tuple(logits.shape)}")
    return check_batch(logits, target, ignore_index)[:, 1]


def check_batch(logits: Tensor, target: Tensor, ignore_index: int) -> Tensor:
    """Refuse what is no batch of logits and labels; return the logits with one a class, a single z as (0, z)."""
    if logits.ndim != 4 or target.shape != (logits.shape[0], *logits.shape[2:]):
        shapes = f"{tuple(logits.shape)} and {tuple(target.shape)}; upsample the logits to the label's size"
        raise ValueError(f"a loss needs logits (N, C, H, W) and labels (N, H, W), got {shapes}")
    if target.dtype != torch.int64 or not logits.is_floating_point():
        raise TypeError(f"a loss needs logits.float() and target.long(), got {logits.dtype} and {target.dtype}")
    if logits.dtype.itemsize < 4:
        logits = logits.float()
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    if target.device.type == "cpu" and not torch.compiler.is_compiling():
        check_labels(target, logits.shape[1], ignore_index=ignore_index)
    return logits
