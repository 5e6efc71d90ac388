"""Score a network the way VOC does: whole images, label resolution, one confusion matrix over the data set."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

from segbook import infer
from segbook.data.nested import classes_of
from segbook.infer.prediction import evaluating
from segbook.metrics import ConfusionMatrix
from segbook.train.batches import loader


def predicted_batches(
    model: nn.Module,
    dataset: Dataset,
    *,
    predict: dict[str, Any] | None = None,
    batch_size: int = 4,
    num_workers: int = 0,
    progress: bool = False,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Run the model over a data set: (index of the first, classes (n, H, W), labels (n, H, W)), where the model is.

    Whole images of any size. Neighbours of equal size share a batch; none is resized or padded to fit another, so
    the prediction for an image does not depend on its company. With `predict`, arguments of `infer.predict` (window,
    scales, flip, threshold, ...), that looks at each image. The model gets its mode back at the end.
    """
    device, first = infer.device_of(model), 0
    bar = tqdm(total=len(dataset), desc="evaluate", unit="image", disable=not progress, leave=False)
    with bar, evaluating(model):
        for items in loader(dataset, batch_size=batch_size, num_workers=num_workers, collate_fn=list):
            for _, same in groupby(items, key=lambda item: item[0].shape):
                images, labels = zip(*same)
                if predict is None:
                    with torch.no_grad():
                        classes = infer.to_classes(model(torch.stack(images).to(device)))  # (n, H, W)
                else:
                    classes = torch.stack([infer.predict(model, image, **predict) for image in images]).to(device)
                yield first, classes, torch.stack(labels).to(device)
                first += len(images)
                bar.update(len(images))


def predictions(model: nn.Module, dataset: Dataset, **options: Any) -> Iterator[tuple[int, Tensor, Tensor]]:
    """(index, predicted classes (H, W), label (H, W)) of every item, in order, on the CPU; as `predicted_batches`."""
    for first, classes, labels in predicted_batches(model, dataset, **options):
        for i, (prediction, label) in enumerate(zip(classes.cpu(), labels.cpu())):
            yield first + i, prediction, label


def evaluate(model: nn.Module, dataset: Dataset, **options: Any) -> ConfusionMatrix:
    """Confusion matrix of the model over a data set, void left out; one logit is scored on two classes.

    `dataset` has items (image (3, H, W), label (H, W)), whole images of any size, and `num_classes`; for the options
    see `predicted_batches`. Raises ValueError for an empty data set, or a predicted class that the data does not have.
    """
    if len(dataset) == 0:
        raise ValueError("evaluate got an empty data set")
    matrix = ConfusionMatrix(classes_of(dataset))
    for _, classes, labels in predicted_batches(model, dataset, **options):
        matrix.update(classes, labels)
    return matrix
