"""States of networks and optimizers: compared leaf by leaf, walked through, and sent through a file."""

import copy
import io
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from segbook.checks.values import Wrong, short


class Walk:
    """A network that goes on by random steps, and the scores of the places that it has been at."""

    def __init__(self, scores: Sequence[float], random: torch.Generator):
        self.scores = scores
        self.random = random
        self.model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.places: list[dict[str, Tensor]] = []
        self.jumped = False  # whether a step began elsewhere than where the one before had ended

    def step(self, model: nn.Module) -> None:
        self.jumped |= bool(self.places) and bool(differing(self.places[-1], model.state_dict()))
        for value in model.state_dict().values():
            value += 1 if value.ndim == 0 else torch.rand(value.shape, generator=self.random)
        self.places.append(copy.deepcopy(model.state_dict()))

    def found(self, model: nn.Module, names: Sequence[str]) -> int:
        """The round, from 1, after which these tensors were as the model's are; 0 for none."""
        state = model.state_dict()
        same = [all(torch.equal(place[name], state[name]) for name in names) for place in self.places]
        return same.index(True) + 1 if True in same else 0

    def score(self, model: nn.Module) -> float:
        at = self.found(model, [name for name, _ in model.named_parameters()])
        return self.scores[at - 1] if at else -1.0


def flat(state: Any, name: str = "") -> dict[str, Any]:
    """The tensors and numbers of nested dictionaries and lists, by their path."""
    if isinstance(state, dict | list | tuple):
        items = state.items() if isinstance(state, dict) else enumerate(state)
        return {path: leaf for key, value in items for path, leaf in flat(value, f"{name}.{key}").items()}
    return {name.removeprefix("."): state}


def differing(a: Any, b: Any) -> list[str]:
    """Paths at which two states differ in a single bit, or that only one of them has."""
    a, b = flat(a), flat(b)

    def same(x: Any, y: Any) -> bool:
        return torch.equal(x, y) if isinstance(x, Tensor) and isinstance(y, Tensor) else bool(x == y)

    return [path for path in {**a, **b} if path not in a or path not in b or not same(a[path], b[path])]


def through_a_file(state: dict) -> dict:
    """What a checkpoint file gives back: tensors and plain values."""
    file = io.BytesIO()
    try:
        torch.save(state, file)
        file.seek(0)
        return torch.load(file, weights_only=True)
    except Exception as error:  # pickle raises what it likes
        raise Wrong(f"{short(state)} cannot be written to a file and read again as tensors and plain values") from error
