"""The scores of a network on a data set, from counts that are kept image by image: what `segbook evaluate` gives."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from segbook import train
from segbook.metrics import ConfusionMatrix, boundary_f1
from segbook.train.batches import classes_of


class Counts(NamedTuple):
    """Pixels of each image and class, (images, classes), and how well the outlines agree there."""

    true_positives: Tensor  # int64
    false_positives: Tensor
    false_negatives: Tensor
    boundary_f1: Tensor  # float64, NaN where neither label nor prediction has an outline of the class


def count(model: nn.Module, dataset: Dataset, progress: bool = False) -> Counts:
    """Run the model over whole images, at label resolution."""
    num_classes, pixels, outlines = classes_of(dataset), [], []
    for _, prediction, label in train.predictions(model, dataset, progress=progress):
        image = ConfusionMatrix(num_classes)
        image.update(prediction[None], label[None])
        pixels.append(torch.stack([image.true_positives, image.false_positives, image.false_negatives]))
        outlines.append(boundary_f1(prediction, label, num_classes))
    return Counts(*torch.stack(pixels, dim=1), torch.stack(outlines))


def scores(counts: Counts, classes: Sequence[str]) -> dict:
    """Scores of the whole data set. "iou" leaves out the classes that are neither labelled nor predicted."""
    hit, false, missed = (part.sum(0).double() for part in counts[:3])  # (classes,)
    iou = hit / (hit + false + missed)
    return {
        "mean_iou": iou.nanmean().item(),
        "boundary_f1": counts.boundary_f1.nanmean(0).nanmean().item(),  # over images, then over classes
        "pixel_accuracy": (hit.sum() / (hit + missed).sum()).item(),
        "mean_accuracy": (hit / (hit + missed)).nanmean().item(),
        "iou": {name: value for name, value in zip(classes, iou.tolist()) if value == value},
    }
