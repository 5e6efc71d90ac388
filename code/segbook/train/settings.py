"""What changes the numbers of a training, declared once: `fit`, the command line, config.yaml and resume read this."""

import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

from segbook.naming import unknown_name

LOSSES = ["cross_entropy", "binary_cross_entropy", "ohem_cross_entropy", "focal_loss", "dice_loss", "lovasz_softmax"]


def setting(default: Any, help: str, **rules: Any) -> Any:
    """A field: its help, and `above`, `at_least` or `choices`; `free` where a resumed run may have another value."""
    return field(default=default, metadata={"help": help, **rules})


@dataclass
class Settings:
    """How to train. A value that no training can mean is a ValueError."""

    steps: int = setting(MISSING, "Updates of the weights.", at_least=1)
    batch_size: int = setting(16, "Images a step, over all processes.", at_least=1)
    lr: float = setting(1e-3, "Highest learning rate; it falls to 0.", above=0)
    power: float = setting(0.9, "How it falls, see schedule.poly; 0 keeps it level.", at_least=0)
    warmup: int = setting(0, "Steps in which the learning rate climbs.", at_least=0)
    optimizer: str = setting(
        "adamw", "adamw forgives a rough lr, sgd is usual for fine-tuning.", choices=["adamw", "sgd"]
    )
    momentum: float = setting(0.9, "Of sgd.", at_least=0)
    weight_decay: float = setting(1e-4, "Pull of the weights towards 0.", at_least=0)
    no_decay: bool = setting(False, "No weight decay on batch norm and biases.")
    head_lr: float = setting(1.0, "Factor on the learning rate outside the backbone.", above=0)
    clip: float | None = setting(None, "Longest gradient [default: any].", above=0)
    loss: str | Callable = setting("cross_entropy", "What is made small, see segbook.losses.", choices=LOSSES)
    class_weights: str | Sequence[float] | None = setting(None, "What a pixel counts by class: 1,2.5,4 or balanced.")
    aux_weight: float = setting(0.4, "Weight of an auxiliary head's loss.", at_least=0)
    freeze: Sequence[str] = setting((), "Module that stays as it is, such as backbone or classifier.aspp; repeatable.")
    freeze_bn: Sequence[str] = setting((), "Module whose batch norms stay as they are; repeatable.")
    amp: str | None = setting(None, "Compute in 16 bits [default: 32].", choices=["bf16", "fp16"])
    channels_last: bool = setting(False, "The memory layout that GPUs prefer.", free=True)
    compile: bool = setting(False, "torch.compile: minutes at the start, faster steps on a GPU.", free=True)
    skip_broken: bool = setting(False, "Leave out training images that cannot be read, and name them.", free=True)
    validate_every: int | None = setting(None, "Steps between validations.", at_least=1, free=True)
    patience: int | None = setting(None, "Stop after so many validations without a better one.", at_least=1, free=True)
    seed: int = setting(0, "Order, augmentation and dropout follow from it.", at_least=0)

    def __post_init__(self):
        self.freeze, self.freeze_bn = list(self.freeze), list(self.freeze_bn)
        if self.class_weights not in (None, "balanced"):
            self.class_weights = numbers(self.class_weights)
        for one in fields(self):
            value, rules = getattr(self, one.name), one.metadata
            if callable(value) or value is None and one.default is None:
                continue
            if value not in rules.get("choices", [value]):
                raise ValueError(f"{one.name} is one of {', '.join(rules['choices'])}, got {value!r}")
            if rules.keys() & {"above", "at_least"} and not isinstance(value, int | float):
                raise ValueError(f"{one.name} is a number, got {value!r}")
            if "above" in rules and not rules["above"] < value < math.inf:
                raise ValueError(f"{one.name} is a number above {rules['above']}, got {value}")
            if "at_least" in rules and not rules["at_least"] <= value < math.inf:
                raise ValueError(f"{one.name} is a number of at least {rules['at_least']}, got {value}")

    def plain(self) -> dict[str, Any]:
        """The values as text, numbers and lists; a loss of one's own by its name."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return values | {"loss": self.loss if isinstance(self.loss, str) else getattr(self.loss, "__name__", "its own")}


def numbers(text: str | Sequence[float]) -> list[float]:
    """Class weights from a list or from "1,2.5,4"."""
    try:
        weights = [float(part) for part in (text.split(",") if isinstance(text, str) else text)]
    except (TypeError, ValueError):
        weights = [-1.0]
    if min(weights, default=-1) < 0 or not all(map(math.isfinite, weights)):
        raise ValueError(f"class_weights are numbers of at least 0, as in 1,2.5,4, or 'balanced'; got {text!r}")
    return weights


def build(settings: Settings | None, changes: dict[str, Any]) -> Settings:
    """The settings with changes by name. An unknown name is a ValueError that shows the nearest."""
    names = [one.name for one in fields(Settings)]
    for name in changes:
        if name not in names:
            raise unknown_name("setting", name, names)
    if settings is None and "steps" not in changes:
        raise ValueError("fit needs `steps`, the number of updates of the weights")
    return Settings(**(vars(settings) if settings else {}) | changes)
