"""What the trainings of `make results` and `make gpu` share: which rows are asked for, what of them is missing."""

import argparse
import fnmatch
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tqdm import tqdm

from bookbuild.records import add_run, load_runs


class Row(Protocol):
    """One row of a table: a network, trained once a seed."""

    path: str  # results/<path>.json
    seeds: tuple[int, ...]

    def about(self) -> dict[str, Any]:
        """What the record says of all its runs; runs under another description do not count as done."""


def chosen(rows: Sequence[Row], patterns: Sequence[str], parser: argparse.ArgumentParser) -> list[Row]:
    """The rows that some pattern or folder names, all without one; ends with a message where none fits."""
    if not patterns:
        return list(rows)
    found = [row for row in rows if any(fnmatch.fnmatch(row.path, p) or row.path.startswith(f"{p}/") for p in patterns)]
    if not found:
        parser.error(f"no experiment fits {' '.join(patterns)}; --list names them")
    return found


def missing(row: Row) -> list[int]:
    """Seeds that the row's record does not hold yet."""
    done = [run["seed"] for run in load_runs(row.path, row.about())]
    return [seed for seed in row.seeds if seed not in done]


def show(rows: Sequence[Row]) -> None:
    """Say what there is and what is done."""
    for row in rows:
        print(f"{row.path:52} {len(row.seeds) - len(missing(row))} of {len(row.seeds)} seeds")


def run_missing(rows: Sequence[Row], run: Callable[[Any, int], dict[str, Any]]) -> None:
    """Run what is missing, a record rewritten after each: first one seed of everything, for a table without gaps."""
    todo = [(row, seed) for row in rows for seed in missing(row)]
    todo.sort(key=lambda one: one[1])
    for row, seed in tqdm(todo, desc="results", unit="run"):
        if seed not in missing(row):
            continue  # a second process did it meanwhile
        made = run(row, seed)
        add_run(row.path, row.about(), made)
        tqdm.write(f"{row.path} seed {seed}: mIoU {made['mean_iou']:.3f}, {made['seconds']:.0f} s")
