"""What a training did: in memory (History) and as a table that any program reads (log.csv)."""

import csv
import io
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from segbook.files import write_atomically

COLUMNS = ("step", "epoch", "lr", "loss", "val_mean_iou", "val_pixel_accuracy", "seconds", "broken")


@dataclass
class History:
    """What a training did. Steps count updates from 1; a validation at step s scores the weights after s updates."""

    step: int = 0  # the last one done
    steps: list[int] = field(default_factory=list)  # one entry for every step that had a loss
    losses: list[float] = field(default_factory=list)
    val_steps: list[int] = field(default_factory=list)  # one entry for every validation
    val_mious: list[float] = field(default_factory=list)
    best: float = math.nan  # highest validation mIoU
    best_step: int = 0
    skipped: int = 0  # batches that held nothing but void
    broken: dict[str, int] = field(default_factory=dict)  # id -> how often it could not be read and was left out
    seconds: float = 0.0  # wall time, validation included

    def add(self, row: dict) -> None:
        """Append one row of the log; a cell that is "" or None holds nothing."""
        self.step = int(row["step"])
        if row["loss"] in ("", None):
            self.skipped += 1
        else:
            self.steps.append(int(row["step"]))
            self.losses.append(float(row["loss"]))
        if row["val_mean_iou"] not in ("", None):
            self.val_steps.append(int(row["step"]))
            self.val_mious.append(float(row["val_mean_iou"]))
            if self.val_mious[-1] > (-math.inf if math.isnan(self.best) else self.best):
                self.best, self.best_step = self.val_mious[-1], int(row["step"])
        for name in filter(None, (row["broken"] or "").split(";")):
            self.broken[name] = self.broken.get(name, 0) + 1
        self.seconds = float(row["seconds"])


def read_log(path: str | os.PathLike) -> list[dict[str, str]]:
    """Rows of a log.csv; an empty cell is "" (no loss: the batch was void; no val_mean_iou: no validation)."""
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


class Log:
    """log.csv, one line a step, written as it happens.

    Lines after step `keep` belong to a run that was cut short: they are dropped when the file is opened.
    """

    def __init__(self, path: Path, keep: int = 0):
        rows = [row for row in read_log(path) if int(row["step"]) <= keep] if keep else []
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: file.write(as_csv(rows, header=True).encode()))
        self.file = open(path, "a", newline="", buffering=1)  # noqa: SIM115 (one line at a time; fit closes it)

    def write(self, row: dict) -> None:
        self.file.write(as_csv([row]))

    def close(self) -> None:
        self.file.close()


def as_csv(rows: list[dict], header: bool = False) -> str:
    """Rows as text, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
