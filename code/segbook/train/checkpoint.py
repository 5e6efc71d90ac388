"""Checkpoints: written so that a kill at any moment leaves a whole file, read so that nothing in them can run."""

import os
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segbook.files import read_weights, write_atomically
from segbook.models import pretrained

VERSION = 1  # raise it when a reader of the old layout would go wrong


def save(path: str | os.PathLike, model: nn.Module, config: dict | None = None, **more: Any) -> None:
    """Write a checkpoint of the model, atomically.

    `config` holds plain values; "model" and "num_classes" among them let `load_run` build it again. `more` are plain
    values and tensors that go beside it (step, optimizer state, best score).
    """
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    content = {"segbook_checkpoint": VERSION, "config": dict(config or {}), "state": state, **more}
    write_atomically(path, lambda file: torch.save(content, file))


def load(path: str | os.PathLike) -> dict[str, Any]:
    """The content of a checkpoint: "config", "state" and whatever was saved beside them, on the CPU.

    Raises FileNotFoundError where no file is, ValueError for one that is no checkpoint of this package and version, or
    holds something else than tensors and plain values.
    """
    path = Path(path)
    if not path.is_file():
        run = path.parent if path.suffix else path
        raise FileNotFoundError(f"there is no checkpoint {path}; `segbook train ... --out {run}` writes one")
    content = read_weights(path)
    if not isinstance(content, dict) or "segbook_checkpoint" not in content:
        raise ValueError(f"{path} was not written by segbook.train; weights from elsewhere go to models.create")
    if (found := content["segbook_checkpoint"]) != VERSION:
        raise ValueError(f"{path} has version {found}, this segbook reads version {VERSION}; take another")
    return content


def restore(model: nn.Module, content: dict[str, Any], path: str | os.PathLike = "the checkpoint") -> nn.Module:
    """Put the weights of a checkpoint's content into the model; ValueError where not all of them fit."""
    config = content["config"]
    of = f"{config['model']} with {config.get('num_classes')} classes" if "model" in config else "another model"
    return pretrained.load(model, content["state"], f"{path}, weights of {of},")
