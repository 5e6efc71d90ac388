"""Score a network the way VOC does: whole images, label resolution, one confusion matrix over the data set."""

from collections.abc import Iterator
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from segbook.infer import device_of, to_classes
from segbook.metrics import ConfusionMatrix
from segbook.train.interrupt import ignore_interrupts


def root_of(dataset: Dataset) -> Dataset:
    """The data set under any number of Subsets: it has the classes and the epoch."""
    while isinstance(dataset, Subset):
        dataset = dataset.dataset
    return dataset


def id_of(dataset: Dataset, index: int) -> str:
    """Name of item `index`, or its number if the data set has no ids."""
    if isinstance(dataset, Subset):
        return id_of(dataset.dataset, dataset.indices[index])
    return dataset.ids[index] if hasattr(dataset, "ids") else str(index)


def predictions(
    model: nn.Module, dataset: Dataset, *, batch_size: int = 4, num_workers: int = 0, progress: bool = False
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Run the model over a data set: (index, predicted classes (H, W), label (H, W)) for every item, in order.

    Whole images of any size. Neighbours of equal size share a batch; none is resized or padded to fit another, so
    the prediction for an image does not depend on its company. The model runs in evaluation mode on the device
    where it is, and gets its mode back at the end.
    """
    device, training = device_of(model), model.training
    generator = torch.Generator().manual_seed(0)  # or the loader would draw from the global one
    loader = DataLoader(
        dataset,
        batch_size,
        num_workers=num_workers,
        collate_fn=list,
        worker_init_fn=ignore_interrupts,
        generator=generator,
    )
    bar = tqdm(total=len(dataset), desc="evaluate", unit="image", disable=not progress, leave=False)
    model.eval()
    index = 0
    try:
        for items in loader:
            for _, same in groupby(items, key=lambda item: item[0].shape):
                images, labels = zip(*same)
                with torch.inference_mode():
                    classes = to_classes(model(torch.stack(images).to(device))).cpu()  # (n, H, W)
                for prediction, label in zip(classes, labels):
                    yield index, prediction, label
                    index += 1
                    bar.update()
    finally:
        bar.close()
        model.train(training)


def evaluate(
    model: nn.Module, dataset: Dataset, *, batch_size: int = 4, num_workers: int = 0, progress: bool = False
) -> ConfusionMatrix:
    """Confusion matrix of the model over a data set, void left out.

    Args:
        dataset: items (image (3, H, W), label (H, W)), whole images of any size, and `num_classes`; a Subset of such
            will do.
        batch_size: at most so many images of equal size at once; it changes the speed, not the result.

    Raises:
        ValueError: an empty data set, or a predicted class that the data does not have.
    """
    if len(dataset) == 0:
        raise ValueError("evaluate got an empty data set")
    matrix = ConfusionMatrix(root_of(dataset).num_classes)
    for _, prediction, label in predictions(
        model, dataset, batch_size=batch_size, num_workers=num_workers, progress=progress
    ):
        matrix.update(prediction[None], label[None])
    return matrix
