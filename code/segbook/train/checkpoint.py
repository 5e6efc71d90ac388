"""Checkpoints: written so that a kill at any moment leaves a whole file, read so that nothing in them can run."""

import os
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segbook.files import write_atomically

VERSION = 1  # raise it when a reader of the old layout would go wrong
PICKLES = (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # how a file starts that was meant to be loaded


def save(path: str | os.PathLike, model: nn.Module, config: dict | None = None, **more: Any) -> None:
    """Write a checkpoint of the model, atomically.

    Args:
        model: its state_dict is stored, moved to the CPU.
        config: plain values (str, numbers, lists, dicts); with "model" and "num_classes", `load_run` can build the
            network again without being told its name.
        more: plain values and tensors that go beside it (step, optimizer state, best score).
    """
    state = {name: value.detach().cpu() for name, value in model.state_dict().items()}
    content = {"segbook_checkpoint": VERSION, "config": dict(config or {}), "state": state, **more}
    write_atomically(path, lambda file: torch.save(content, file))


def load(path: str | os.PathLike) -> dict[str, Any]:
    """The content of a checkpoint: "config", "state" and whatever was saved beside them, on the CPU.

    Always read with weights_only=True: tensors and plain values, never code.

    Raises:
        FileNotFoundError: no file there.
        ValueError: not a checkpoint, one with something else than tensors and plain values in it, one that
            segbook did not write, or one of another version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}; `segbook train ... --out {path.parent}` writes one")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, AttributeError, IndexError, ValueError) as error:
        if isinstance(error, pickle.UnpicklingError) and path.read_bytes()[:2] in PICKLES:
            raise ValueError(
                f"{path} is refused: it asks to run code when it is loaded, and a checkpoint holds tensors and plain "
                "values only"
            ) from error
        raise ValueError(f"{path} is not a checkpoint, or is cut short: torch cannot read it") from error
    if not isinstance(content, dict) or "segbook_checkpoint" not in content:
        raise ValueError(f"{path} was not written by segbook.train; weights from elsewhere go to models.create")
    if content["segbook_checkpoint"] != VERSION:
        raise ValueError(
            f"{path} has version {content['segbook_checkpoint']}, this segbook reads version {VERSION}; "
            "load it with the segbook that wrote it"
        )
    return content


def restore(model: nn.Module, content: dict[str, Any], path: str | os.PathLike = "the checkpoint") -> nn.Module:
    """Put the weights of a checkpoint's content into the model, all of them, strictly.

    Raises:
        ValueError: names or shapes differ; the message gives the first of each kind and the model that the
            checkpoint was written for.
    """
    ours, theirs = model.state_dict(), content["state"]
    faults = {
        "missing": [name for name in ours if name not in theirs],
        "not in the model": [name for name in theirs if name not in ours],
        "of another shape": [name for name in ours if name in theirs and ours[name].shape != theirs[name].shape],
    }
    if any(faults.values()):
        first = "; ".join(f"{len(names)} {kind}, first {names[0]}" for kind, names in faults.items() if names)
        config = content["config"]
        of = f"{config['model']} with {config.get('num_classes')} classes" if "model" in config else "another model"
        raise ValueError(f"{path} holds the weights of {of}, which do not fit this {type(model).__name__}: {first}")
    model.load_state_dict(theirs)
    return model
