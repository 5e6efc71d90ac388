"""Model and loss in one module: what DistributedDataParallel and torch.compile are to wrap."""

import inspect
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from segbook import losses
from segbook.data.nested import classes_of
from segbook.train.batches import Reader, collate, loader
from segbook.train.settings import Settings


class Objective(nn.Module):
    """The number that training makes small, as a module: objective(images, labels) -> loss.

    One module for both, because a wrapper sees only what goes through its own forward: a loss computed beside
    DistributedDataParallel leaves every rank with gradients of its own.

    Args:
        model: images (N, 3, H, W) -> logits (N, C, H, W); with an `aux_classifier`, `forward_with_aux` -> two such,
            which is asked for in training alone.
        loss: (logits, labels) -> scalar, void 255 left out. It gets float32, also where autocast gave 16 bits.
        aux_weight: factor on the auxiliary loss; 0.4 is that of PSPNet and of MMSegmentation's FCN.
    """

    def __init__(self, model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], aux_weight: float = 0.4):
        super().__init__()
        self.model = model
        self.loss = loss
        self.aux_weight = aux_weight

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """images (N, 3, H, W) float and labels (N, H, W) int64 -> scalar."""
        if self.training and getattr(self.model, "aux_classifier", None) is not None:
            logits, aux_logits = self.model.forward_with_aux(images)
            return self.loss(logits.float(), labels) + self.aux_weight * self.loss(aux_logits.float(), labels)
        return self.loss(self.model(images).float(), labels)


def make_loss(settings: Settings, train_set: Dataset, device: torch.device, num_workers: int) -> Callable:
    """The loss (logits, labels) -> scalar of the settings, with its class weights; ValueError where they do not fit."""
    loss = getattr(losses, settings.loss) if isinstance(settings.loss, str) else settings.loss
    weights, count = settings.class_weights, classes_of(train_set)
    if weights is None:
        return loss
    if "weight" not in inspect.signature(loss).parameters:
        raise ValueError(f"class_weights need a loss with a `weight`, such as cross_entropy; {settings.loss} has none")
    if weights == "balanced":
        weights = balanced_weights(Reader(train_set, settings.seed, settings.skip_broken), num_workers)
    if len(weights) != count:
        raise ValueError(f"there are {len(weights)} class_weights and {count} classes")
    return partial(loss, weight=torch.as_tensor(weights, dtype=torch.float32, device=device))


def balanced_weights(reader: Reader, num_workers: int) -> Tensor:
    """Pixels / (classes * pixels of the class), counted over the first epoch, without classes that never occur (0)."""
    pixels = torch.zeros(256, dtype=torch.int64)
    first_epoch = [(0, index) for index in range(len(reader.dataset))]
    for batch in loader(reader, batch_size=16, sampler=first_epoch, num_workers=num_workers, collate_fn=collate):
        if batch.labels is not None:
            pixels += torch.bincount(batch.labels.flatten(), minlength=256)
    pixels = pixels[: reader.num_classes]
    return torch.where(pixels > 0, pixels.sum() / ((pixels > 0).sum() * pixels.clamp(min=1)), 0)
