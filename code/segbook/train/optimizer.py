"""From the gradient to new weights: which parameters learn how fast, and what is done to the gradient before."""

from typing import Any

import torch
from torch import Tensor, nn

from segbook.models import freeze_batch_norm
from segbook.naming import unknown_name
from segbook.train.settings import Settings


def freeze(model: nn.Module, whole: list[str], batch_norm: list[str]) -> None:
    """Stop modules of these names from learning: all of their weights, or those of their batch norms alone.

    Either way their batch norms stay in evaluation mode, also after model.train(): with statistics that move on, frozen
    weights would compute something else. An unknown name is a ValueError.
    """
    modules = dict(model.named_modules())
    for name in [*whole, *batch_norm]:
        if name not in modules:
            raise unknown_name("module", name, [known for known in modules if known])
        freeze_batch_norm(modules[name])
    for name in whole:
        modules[name].requires_grad_(False)


def parameter_groups(model: nn.Module, weight_decay: float, head_lr: float = 1.0, no_decay: bool = False) -> list[dict]:
    """The parameters that ask for gradients, in groups with a `weight_decay` and a `scale` on the learning rate each.

    Args:
        head_lr: the scale outside `model.backbone`: a head that starts from nothing needs larger steps, often 10 times.
        no_decay: leave out of the weight decay whatever is a vector or a single number: biases, and batch norm's scale
            and shift. Pulling those towards zero makes no function smoother.

    One to four groups, empty ones left out; a single group with all parameters in order by default.
    Raises ValueError: nothing to train, or a head_lr for a model without a `backbone`.
    Source: DeepLab's released solver (head x10); He et al. 2019, section 3.1 (no decay on biases and batch norm).
    """
    if head_lr != 1 and not hasattr(model, "backbone"):
        raise ValueError(f"head_lr needs a model with a `backbone` beside its head; {type(model).__name__} has none")
    groups: dict[tuple[float, float], list[Tensor]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            scale = 1.0 if name.startswith("backbone.") else head_lr
            decay = 0.0 if no_decay and parameter.ndim < 2 else weight_decay
            groups.setdefault((scale, decay), []).append(parameter)
    if not groups:
        raise ValueError("the model has no parameter to train")
    return [{"params": p, "scale": scale, "weight_decay": decay} for (scale, decay), p in groups.items()]


class Updater:
    """The optimizer with what comes before its step: scaling of an fp16 loss, and clipping.

    fp16 has no numbers below 6e-8, so small gradients would be zeros: the scaler multiplies the loss by a large number,
    divides the gradients by it, and skips an update whose gradients overflowed. Clipping is by the norm of all at once.
    """

    def __init__(self, model: nn.Module, settings: Settings, device: torch.device):
        groups = parameter_groups(model, settings.weight_decay, settings.head_lr, settings.no_decay)
        if settings.optimizer == "sgd":
            self.optimizer = torch.optim.SGD(groups, lr=settings.lr, momentum=settings.momentum)
        else:
            self.optimizer = torch.optim.AdamW(groups, lr=settings.lr)
        self.parameters = [parameter for group in groups for parameter in group["params"]]
        self.clip = settings.clip
        self.scaler = torch.amp.GradScaler(device.type, enabled=settings.amp == "fp16")

    def step(self, loss: Tensor, lr: float) -> None:
        """One update of the weights at learning rate `lr`, times each group's scale."""
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if self.clip is not None:
            self.scaler.unscale_(self.optimizer)  # or the limit would be compared with scaled gradients
            nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
