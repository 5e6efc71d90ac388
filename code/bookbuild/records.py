"""Records of real runs, results/**.json: written, merged and read, each run with where it comes from.

A record of several runs, one a seed, holds them under "runs" and above them their means. A record without "runs" is one
run. `provenance` is in every run, so that a record may grow over weeks and still say the truth about each of its parts.
"""

import json
import platform
import statistics
import subprocess
from importlib import metadata
from typing import Any

import torch

from bookbuild import ROOT
from segbook.files import write_atomically

RESULTS = ROOT / "results"
CODE = ("code", "pyproject.toml")  # what a run's numbers depend on
MEANS = ("mean_iou", "boundary_f1", "pixel_accuracy", "seconds")
UNKNOWN = "unknown"


def provenance(command: str, device: str | None = None) -> dict[str, Any]:
    """Where a run comes from; ask before it starts, since the code may change meanwhile.

    Args:
        command: what a person types to make this run.
        device: default: the CPU, and how many threads torch uses.

    Returns:
        "commit", "clean" (was the code as committed?), both "unknown" outside of git, "versions", "device", "command".
    """
    commit, changed = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", *CODE)
    return {
        "commit": commit or UNKNOWN,
        "clean": UNKNOWN if changed is None else not changed,
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in ("torch", "torchvision")},
        },
        "device": device or f"cpu, {torch.get_num_threads()} thread(s)",
        "command": command,
    }


def _git(*arguments: str) -> str | None:
    """What git says, None where there is no git or no repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, cwd=ROOT, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def write(path: str, content: dict[str, Any]) -> None:
    """results/<path>.json, whole or not at all."""
    file = RESULTS / f"{path}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1) + "\n"
    write_atomically(file, lambda stream: stream.write(text.encode()))


def load_runs(path: str, about: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs in results/<path>.json, none if the record is about something else by now.

    Args:
        about: what the row is: its data, settings, number of parameters.
    """
    file = RESULTS / f"{path}.json"
    if not file.is_file():
        return []
    content = json.loads(file.read_text(encoding="utf-8"))
    about = json.loads(json.dumps(about))  # tuples are lists there
    return content["runs"] if about == {key: content.get(key) for key in about} else []


def add_run(path: str, about: dict[str, Any], run: dict[str, Any]) -> None:
    """Put a run among those that results/<path>.json holds of the same row, in the place of one of the same seed."""
    others = [one for one in load_runs(path, about) if one["seed"] != run["seed"]]
    runs = sorted([*others, run], key=lambda one: one["seed"])
    write(path, {**summary(runs), **about, "seeds": [one["seed"] for one in runs], "runs": runs})


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the runs, with the lowest and the highest; of the IoU by class, where each run has it."""
    found: dict[str, Any] = {}
    for key in MEANS:
        values = [run[key] for run in runs if key in run]
        if len(values) == len(runs):
            found |= {key: statistics.mean(values), f"{key}_low": min(values), f"{key}_high": max(values)}
    classes = [name for name in runs[0]["iou"] if all(run["iou"].get(name) is not None for run in runs)]
    return found | {"iou": {name: statistics.mean(run["iou"][name] for run in runs) for name in classes}}
