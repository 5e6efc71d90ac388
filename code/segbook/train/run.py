"""The folder of a run: config.yaml, best.pt, last.pt and log.csv; and a network out of it."""

import json
import os
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from torch import nn

from segbook import models
from segbook.data.palette import voc_colormap
from segbook.files import write_atomically
from segbook.train import checkpoint
from segbook.train.history import History, as_csv, read_log
from segbook.train.optimizer import Updater
from segbook.train.settings import Settings

FILES = ("config.yaml", "log.csv", "best.pt", "last.pt")
FREE = {one.name for one in fields(Settings) if one.metadata.get("free")}
REMEMBERED = ("step", "best", "best_step", "stale", "seconds")  # of the history: the log may have lost rows in a crash


class RunFolder:
    """The files of a run as they are written. Nothing is touched before there is a first checkpoint to put there."""

    def __init__(self, path: Path, config: dict[str, Any]):
        self.path = path
        self.config = config  # plain values, for each checkpoint and for config.yaml
        self.begun = False  # whether the files in the folder are this run's
        self.rows: list[dict] = []  # of the log: they wait for the first checkpoint
        nearest = next(place for place in (path.absolute(), *path.absolute().parents) if place.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            raise ValueError(f"{path} cannot be the folder of a run: {nearest} is a file, or you may not write there")

    def resume(self, model: nn.Module, updater: Updater) -> History:
        """Load last.pt into model and updater: the history up to there, as far as log.csv holds it.

        Raises FileNotFoundError, ValueError: nothing to go on from, or a run with other settings.
        """
        content = checkpoint.load(self.path / "last.pt")
        for name, was in content["config"].items():
            if name not in FREE and self.config.get(name, was) != was:
                raise ValueError(
                    f"the run in {self.path} has {name} {was}, not {self.config[name]}; resume with the settings that "
                    f"{self.path / 'config.yaml'} holds, or start a new run"
                )
        checkpoint.restore(model, content, self.path / "last.pt")
        updater.load_state_dict(content)
        log, history = self.path / "log.csv", History()
        self.rows = [row for row in read_log(log) if int(row["step"]) <= content["step"]] if log.exists() else []
        for row in self.rows:
            history.add(row)
        for name in REMEMBERED:
            setattr(history, name, content["history"][name])
        self.begun = True
        return history

    def write_texts(self, suffix: str = "") -> None:
        """Write config.yaml, in JSON's notation, which is YAML too, and log.csv with the rows that there are."""
        text = "".join(f"{name}: {json.dumps(value, ensure_ascii=False)}\n" for name, value in self.config.items())
        write_atomically(self.path / f"config.yaml{suffix}", lambda file: file.write(text.encode()))
        write_atomically(self.path / f"log.csv{suffix}", lambda file: file.write(as_csv(self.rows, header=True)))

    def log(self, row: dict) -> None:
        if not self.begun:
            self.rows.append(row)
            return
        path = self.path / "log.csv"
        try:
            with open(path, "ab") as file:
                file.write(as_csv([row]))
        except OSError as error:
            raise OSError(error.errno, f"cannot write {path}: {error.strerror}; last.pt is whole") from error

    def save(self, model: nn.Module, history: History, updater: Updater) -> None:
        """Write last.pt and, if the last validation was the best, best.pt.

        The first ones lie beside those of an earlier run until they are whole. It is given up only then, and never does
        a best.pt of the one stand beside a last.pt of the other.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        about = {"step": history.step, "val_mean_iou": history.val_mious[-1] if history.val_mious else None}
        more = {"best.pt": about} if history.best_step == history.step else {}
        more["last.pt"] = about | updater.state_dict() | {"history": {one: getattr(history, one) for one in REMEMBERED}}
        part = "" if self.begun else ".new"
        try:
            for name, content in more.items():
                checkpoint.save(self.path / (name + part), model, self.config, **content)
            if not self.begun:
                self.write_texts(part)
        except BaseException:
            for name in FILES:
                (self.path / f"{name}.new").unlink(missing_ok=True)
            raise
        if not self.begun:
            for name in ("last.pt", "best.pt"):
                (self.path / name).unlink(missing_ok=True)
            for name in ("config.yaml", "log.csv", *more):
                os.replace(self.path / (name + part), self.path / name)
            self.begun = True


def load_run(run: str | os.PathLike, device: str | torch.device | None = None) -> tuple[nn.Module, dict[str, Any]]:
    """A trained network in evaluation mode, and what is known about it.

    Args:
        run: the folder of a run (its best.pt, or last.pt where nothing was validated), a checkpoint file, or
            NAME:WEIGHTS for weights that ship with the package, such as "fcn8s_tiny:toyvoc".
        device: where the network goes; "cuda" if there is one, else "cpu".

    The dict has at least "model", "num_classes", "options", "data", "classes" and "palette". Raises FileNotFoundError
    and ValueError as `checkpoint.load` and `restore`, or for a checkpoint that names no model.
    """
    content = read_run(run)
    about = content["config"]
    if "model" not in about:
        raise ValueError(f"{run} does not say which model it holds; build that model and use checkpoint.restore")
    count = about["num_classes"]
    unknown = {"options": {}, "data": None, "classes": [f"class {i}" for i in range(max(2, count))]}
    about = unknown | {"palette": voc_colormap(max(2, count)).tolist()} | about
    model = models.create(about["model"], num_classes=count, **about["options"])
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return checkpoint.restore(model, content, run).to(device).eval(), about


def read_run(run: str | os.PathLike) -> dict[str, Any]:
    """The checkpoint that `load_run` means, as `checkpoint.load` gives it."""
    path = Path(run)
    if path.is_dir():
        best = path / "best.pt"
        return checkpoint.load(path / "last.pt" if (path / "last.pt").exists() and not best.exists() else best)
    name, _, weights = str(run).partition(":")
    if name in models.MODELS and not path.exists():
        content = models.pretrained.read_shipped(name, weights)
        if content is None:
            raise ValueError(f"no weights {weights!r} of {name} ship with this package")
        return content
    return checkpoint.load(path)
