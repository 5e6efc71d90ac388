"""From the gradient to new weights: which parameters learn how fast, and what is done to the gradient before."""

import torch
from torch import Tensor, nn


def parameter_groups(model: nn.Module, weight_decay: float, head_lr: float = 1.0, no_decay: bool = False) -> list[dict]:
    """The parameters that ask for gradients, in groups with a `weight_decay` and a `scale` on the learning rate each.

    Args:
        head_lr: the scale of everything outside `model.backbone`. A backbone that comes trained needs small steps, a
            head that starts from nothing needs large ones: 10 is usual.
        no_decay: leave out of the weight decay whatever is a vector or a single number: biases, and batch norm's scale
            and shift. Pulling those towards zero makes no function smoother.

    Returns:
        One to four groups, empty ones left out; a single group with all parameters in order by default.

    Raises:
        ValueError: nothing to train, or a head_lr for a model without a `backbone`.

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


def make_optimizer(groups: list[dict], optimizer: str, lr: float, momentum: float) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW ("sgd", "adamw") over the groups of `parameter_groups`."""
    if optimizer == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=momentum)
    if optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=lr)
    raise ValueError(f'optimizer is "sgd" or "adamw", got {optimizer!r}')


class Updater:
    """The optimiser with what comes before its step: scaling of an fp16 loss, and clipping.

    Args:
        optimiser: made by `make_optimizer`.
        clip: longest gradient, as the norm over all parameters together; a longer one is shortened to it and keeps its
            direction. None leaves gradients as they are.
        scaler: of torch.amp, enabled for fp16 alone. fp16 has no numbers below 6e-8, so small gradients would be zeros;
            the scaler multiplies the loss by a large number, divides the gradients by it, and skips an update whose
            gradients overflowed.
    """

    def __init__(self, optimiser: torch.optim.Optimizer, clip: float | None, scaler: torch.amp.GradScaler):
        self.optimiser = optimiser
        self.clip = clip
        self.scaler = scaler

    def step(self, loss: Tensor, lr: float) -> None:
        """One update of the weights at learning rate `lr`, times each group's scale."""
        for group in self.optimiser.param_groups:
            group["lr"] = lr * group["scale"]
        self.optimiser.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        if self.clip is not None:
            self.scaler.unscale_(self.optimiser)  # or the limit would be compared with scaled gradients
            parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self.clip)
        self.scaler.step(self.optimiser)
        self.scaler.update()

    def state_dict(self) -> dict:
        return {"optimizer": self.optimiser.state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.optimiser.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
