"""One row: trained by its command, scored, recorded."""

import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset
from tqdm import tqdm

from bookbuild import records
from bookbuild.experiments import scoring
from bookbuild.experiments.photos import COMMAND, SEVEN, Row, roots
from bookbuild.experiments.photos.networks import write_start
from segbook import data, train


def run(row: Row, seed: int) -> dict:
    """Train, or go on with a training that was cut off, and score: one run of the row's record."""
    provenance = records.provenance(f"{COMMAND} {row.path}")
    folders = roots.prepare()
    if row.begun_from != "imagenet":
        write_start(folders / "all")
    train_row(row)
    folder = roots.HOME / row.name
    scored = folders / ("choose" if row.root == "choose" else "real")
    dataset = data.load(row.dataset, "test" if row.dataset == "camvid" else "val", scored)
    model, _ = train.load_run(folder / row.checkpoint)
    log = train.read_log(folder / "log.csv")
    return {
        "seed": seed,
        **measure(model, dataset, folder),
        "parameters": sum(p.numel() for p in model.parameters()),
        **told(log, chosen=row.root in ("real", "choose")),
        **provenance,
    }


def train_row(row: Row) -> None:
    """Run the row's command in data/photos; SystemExit with what to do where it fails."""
    words = [word.replace("$SEGBOOK_DATA", str(roots.source())) for word in shlex.split(row.train)]
    words[0] = str(Path(sys.executable).with_name(words[0]))
    resumed = ["--resume"] if (roots.HOME / row.name / "last.pt").is_file() else []
    tqdm.write(f"== in {roots.HOME}: {row.train} {' '.join(resumed)}")
    roots.HOME.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(words + resumed, cwd=roots.HOME)
    if done.returncode:
        raise SystemExit(
            f"{row.path} stopped, see above; the same command goes on from its last checkpoint. "
            f"Where its settings have changed, remove {roots.HOME / row.name} first"
        )


def told(log: Sequence[dict[str, str]], chosen: bool) -> dict:
    """What a training's log says: seconds, step time, losses, and the validations where they mean something."""
    seconds = [float(row["seconds"]) for row in log]
    steps = [b - a for a, b in zip(seconds, seconds[1:])]  # a resumed run's clock goes on where it stood
    losses = [float(row["loss"]) for row in log if row["loss"]]
    part = max(1, len(losses) // 100)
    found = {
        "seconds": round(seconds[-1], 1),
        "step_seconds": round(statistics.median(steps), 3) if steps else None,  # validations are outliers
        "losses": [round(statistics.mean(losses[i : i + part]), 4) for i in range(0, len(losses), part)],
    }
    if chosen:
        curve = [(int(row["step"]), float(row["val_mean_iou"])) for row in log if row["val_mean_iou"]]
        found |= {"val_steps": [step for step, _ in curve], "val_mean_iou": [score for _, score in curve]}
    return found


def measure(model: nn.Module, dataset: Dataset, folder: Path | None = None) -> dict:
    """Score a network on whole images; the counts of each image go to counts.npz in a folder."""
    began = time.perf_counter()
    counts = scoring.count(model, dataset, progress=True)
    seconds = time.perf_counter() - began
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(folder / "counts.npz", **{name: part.numpy() for name, part in counts._asdict().items()})
    return photo_scores(counts, dataset.classes) | {"scored_seconds": round(seconds, 1)}


def photo_scores(counts: scoring.Counts, classes: Sequence[str]) -> dict:
    """Scores, with the means that a subset needs: over SEVEN, over the classes in the labels; and images by class."""
    found = scoring.scores(counts, classes)
    images = ((counts.true_positives + counts.false_negatives) > 0).sum(0)  # (classes,)
    shown = {name: int(n) for name, n in zip(classes, images) if n}
    means = {"mean_iou_occurring": statistics.mean(found["iou"][name] for name in shown)}
    if set(SEVEN) <= set(shown):
        means["mean_iou_seven"] = statistics.mean(found["iou"][name] for name in SEVEN)
    return found | means | {"images": len(counts.true_positives), "images_with": shown}


def stored_counts(name: str) -> scoring.Counts:
    """The counts of each image that `measure` stored; FileNotFoundError where the row has not been scored here."""
    path = roots.HOME / name / "counts.npz"
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: remove results/photos/{name}.json, then {COMMAND} photos/{name}")
    with np.load(path) as stored:
        return scoring.Counts(*(torch.from_numpy(stored[part]) for part in scoring.Counts._fields))
