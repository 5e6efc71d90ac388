"""Measure the all-background baseline of a VOC validation split: python -m bookbuild.baseline ROOT.

Writes results/voc_baseline.json, from which chapter 1 prints its numbers.
"""

import json
import platform
import subprocess
import sys
import time
from pathlib import Path

import torch
from tqdm import tqdm

from segbook.data import VOCSegmentation
from segbook.metrics import ConfusionMatrix

RESULTS = Path(__file__).resolve().parents[2] / "results"


def main() -> None:
    root = Path(sys.argv[1])
    start = time.perf_counter()
    dataset = VOCSegmentation(root, "val")
    scored, void_as_background = ConfusionMatrix(21), ConfusionMatrix(21)
    void = pixels = 0
    for _, label in tqdm(dataset, desc="labels"):
        label = label.as_subclass(torch.Tensor)[None]
        nothing = torch.zeros_like(label)
        scored.update(nothing, label)
        void_as_background.update(nothing, label.where(label != 255, 0))
        void += int((label == 255).sum())
        pixels += label.numel()
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=RESULTS.parent)
    record = {
        "command": "python -m bookbuild.baseline ROOT",
        "commit": commit.stdout.strip(),
        "data": f"PASCAL VOC 2012, {len(dataset)} images of val: cat, dog, horse, cow, sheep and person dominate",
        "images": len(dataset),
        "pixel_accuracy": scored.pixel_accuracy(),
        "pixel_accuracy_void_as_background": void_as_background.pixel_accuracy(),
        "mean_iou": scored.mean_iou(),
        "pixels_per_void_pixel": pixels / void,
        "seed": None,
        "device": "cpu",
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seconds": round(time.perf_counter() - start, 1),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "voc_baseline.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
