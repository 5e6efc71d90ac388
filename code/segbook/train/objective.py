"""Model and loss in one module: what DistributedDataParallel and torch.compile are to wrap."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Objective(nn.Module):
    """The number that training makes small, as a module: objective(images, labels) -> loss.

    While training, a model with an auxiliary head is asked for both outputs and the loss is
    main + 0.4 auxiliary (the weight of PSPNet and of MMSegmentation's FCN). In evaluation the head is not used.

    One module for both, because a wrapper sees only what goes through its own forward: a loss computed beside
    DistributedDataParallel leaves every rank with gradients of its own.

    Args:
        model: images (N, 3, H, W) -> logits (N, C, H, W); `forward_with_aux` -> two such, if it has one.
        loss: (logits, labels) -> scalar, void 255 left out. It gets float32 where autocast gave the logits 16 bits.
        aux_weight: the factor on the auxiliary loss.
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
            return self.loss(in_float32(logits), labels) + self.aux_weight * self.loss(in_float32(aux_logits), labels)
        return self.loss(in_float32(self.model(images)), labels)


def in_float32(logits: Tensor) -> Tensor:
    """Half precision to float32: a loss sums over millions of pixels, and bf16 has three digits."""
    return logits.float() if logits.dtype in (torch.float16, torch.bfloat16) else logits
