"""`make network`: the network that runs in the page, and what its reader composes scenes from.

    python -m bookbuild.demo.network             train, export, score, write the model card, draw the pictures
    python -m bookbuild.demo.network pictures    draw the pictures only

Everything goes to book/_static/network and is committed. The file in the page must be small: weights are stored in 16
bits and computed with in 32. The scores on the card are those of that file, measured in onnxruntime.
"""

import json
import shlex
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bookbuild import ROOT
from bookbuild.demo.stage_pictures import FINER, SAMPLES, draw_pictures
from bookbuild.records import provenance
from segbook import data, infer
from segbook.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from segbook.metrics import ConfusionMatrix

FOLDER = ROOT / "book" / "_static" / "network"
NAME = "toyvoc"
TRAIN = "segbook train deeplabv3plus_tiny --data toy --steps 1200 --lr 0.01 --seed 0 --out RUN"
EXPORT = f"segbook export RUN/last.pt --half --out {NAME}.onnx"
LIMITS = (
    "It has seen 500 drawn scenes of 128 x 96 pixels and nothing else. It names five things, all else is background. "
    "Objects much larger or smaller than in those scenes, other drawing styles and photographs are outside what it "
    "knows; there its answers mean nothing, however sure they look."
)


def run(command: str, folder: Path, run_folder: Path) -> float:
    """Run one of the commands above in a folder; its seconds."""
    words = [str(run_folder) + word.removeprefix("RUN") if word.startswith("RUN") else word for word in command.split()]
    words[0] = str(Path(sys.executable).with_name(words[0]))
    print("==", shlex.join(words), flush=True)
    began = time.perf_counter()
    subprocess.run(words, cwd=folder, check=True)
    return time.perf_counter() - began


def score(path: Path) -> dict:
    """Mean IoU, pixel accuracy and IoU of the classes that occur, on ToyVOC's validation scenes, in onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scenes = data.load("toy", "val")
    matrix = ConfusionMatrix(scenes.num_classes)
    for image, label in scenes:
        (logits,) = session.run(["logits"], {"image": image[None].numpy()})
        matrix.update(torch.from_numpy(logits), label[None])
    iou = {name: round(value, 4) for name, value in zip(scenes.classes, matrix.iou().tolist()) if value == value}
    return {
        "mean_iou": round(matrix.mean_iou(), 4),
        "pixel_accuracy": round(matrix.pixel_accuracy(), 4),
        "iou": iou,
    }


def draw_poster(path: Path) -> None:
    """A validation scene, and beside it the file's answer: what the page shows before the network is loaded."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scenes = data.load("toy", "val")
    image, _ = scenes[SAMPLES[0]]
    label = torch.from_numpy(session.run(["logits"], {"image": image[None].numpy()})[0]).argmax(1)[0]
    pixels = data.denormalise(image)
    painted = infer.overlay(pixels, label.where(label > 0, data.VOID), scenes.palette, alpha=0.7)
    painted = torch.from_numpy(painted).permute(2, 0, 1)
    gap = torch.full((3, pixels.shape[1], 2), 255, dtype=torch.uint8)
    both = torch.cat([pixels, gap, painted], dim=2).permute(1, 2, 0)  # (96, 258, 3)
    poster = Image.fromarray(both.numpy())
    poster = poster.resize((FINER * poster.width, FINER * poster.height), Image.Resampling.NEAREST)
    poster.save(path.with_name("poster.webp"), quality=80, method=6)


def card(path: Path, seconds: float, source: dict) -> dict:
    """What the page says about the network, and what its script needs to run it."""
    scenes = data.load("toy", "val")
    return {
        "name": "deeplabv3plus_tiny on ToyVOC",
        "file": path.name,
        "bytes": path.stat().st_size,
        "data": "ToyVOC, options default: 500 training scenes of 128 x 96 pixels, 100 for validation",
        "commands": ["make network", TRAIN, EXPORT],  # the first runs the others
        "settings": "batches of 16, AdamW, learning rate 0.01 falling to 0, 1,200 steps, seed 0; the last weights",
        "date": date.today().isoformat(),
        "seconds": round(seconds),
        **source,
        "scores": score(path),
        "limits": LIMITS,
        "classes": list(scenes.classes),
        "palette": np.asarray(scenes.palette).tolist(),
        "mean": list(IMAGENET_MEAN),
        "std": list(IMAGENET_STD),
        "size": [96, 128],
    }


def main() -> None:
    """Make everything, or the pictures alone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    draw_pictures(FOLDER)
    if sys.argv[1:] == ["pictures"]:
        return
    source = provenance("make network")
    with tempfile.TemporaryDirectory() as scratch:
        seconds = run(TRAIN, FOLDER, Path(scratch) / "run")
        run(EXPORT, FOLDER, Path(scratch) / "run")
    path = FOLDER / f"{NAME}.onnx"
    draw_poster(path)
    text = json.dumps(card(path, seconds, source), indent=1)
    (FOLDER / f"{NAME}.json").write_text(text + "\n")
    print(f"== {path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
