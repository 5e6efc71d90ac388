"""What a training did: in memory (History), and as a table that any program reads (log.csv)."""

import csv
import io
import math
import os
from dataclasses import dataclass, field

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
    stale: int = 0  # validations since then
    skipped: int = 0  # batches that held nothing but void
    broken: dict[str, int] = field(default_factory=dict)  # name -> how often it could not be read and was left out
    seconds: float = 0.0  # wall time, validation included

    def add(self, row: dict) -> None:
        """Append one row of the log; a cell that is "" or None holds nothing."""
        self.step = int(row["step"])
        if row["loss"] in ("", None):
            self.skipped += 1
        else:
            self.steps.append(self.step)
            self.losses.append(float(row["loss"]))
        if row["val_mean_iou"] not in ("", None):
            self.val_steps.append(self.step)
            self.val_mious.append(float(row["val_mean_iou"]))
            self.stale += 1
            if not self.val_mious[-1] <= self.best:  # so that the first one is better than NaN
                self.best, self.best_step, self.stale = self.val_mious[-1], self.step, 0
        for name in filter(None, (row["broken"] or "").split(";")):
            self.broken[name] = self.broken.get(name, 0) + 1
        self.seconds = float(row["seconds"])


def read_log(path: str | os.PathLike) -> list[dict[str, str]]:
    """Rows of a log.csv; an empty cell is "" (no loss: the batch was void; no val_mean_iou: no validation).

    A row that a crash has cut short is left out, and so is what stands after it.
    """
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        rows, history = [], History()
        for row in csv.DictReader(line for line in file if line.endswith("\n")):
            try:
                history.add(row)
            except (TypeError, ValueError, KeyError):
                break
            rows.append(row)
    return rows


def as_csv(rows: list[dict], header: bool = False) -> bytes:
    """Rows as UTF-8 text, None as an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
