"""ToyVOC: drawn scenes in the exact folder layout of PASCAL VOC."""

import hashlib
import json
import os
from pathlib import Path

from segbook.data.archives import VOCSegmentation
from toyvoc import make_toy_voc

DRAWING = 1  # raised when a change in the drawing changes pictures, so that no old folder is taken for a new one


class ToyVOC(VOCSegmentation):
    """Drawn coasts, fields, streets and airfields, small enough to train on with a laptop's CPU.

    It was made so that skip connections and atrous pyramids show their worth in a minute: thin parts, one class at
    very different sizes, objects that hide each other, clutter in the same colours and shapes. What works on ToyVOC
    need not work on photographs. `thin=False, one_scale=True` is the control (chapter 7).

    Five of VOC's 21 classes appear, with its indices: aeroplane 1, bicycle 2, boat 4, car 7, person 15.

    Args:
        root: folder to keep data sets in; None takes $SEGBOOK_CACHE, else ~/.cache/segbook. Below it
            `self.root`, named by the parameters and drawn at first use, holds VOCdevkit/VOC2012 as VOC's archive does.
        split: "train", "val" or "trainval".
        num_train, num_val, size, seed, thin, one_scale: as toyvoc.make_toy_voc.

    Raises ValueError: unknown split, or parameters without sense.
    """

    def __init__(
        self,
        root: str | Path | None = None,
        split: str = "train",
        *,
        num_train: int = 500,
        num_val: int = 100,
        size: tuple[int, int] = (96, 128),
        seed: int = 0,
        thin: bool = True,
        one_scale: bool = False,
    ):
        wanted = {"num_train": num_train, "num_val": num_val, "size": list(size), "seed": seed}
        wanted |= {"thin": thin, "one_scale": one_scale}
        digest = hashlib.sha256(json.dumps(["ToyVOC", DRAWING, wanted]).encode()).hexdigest()[:12]
        folder = Path(root or cache_folder()) / f"toyvoc-{digest}"
        if not folder.is_dir():
            make_toy_voc(folder, **wanted)
        super().__init__(folder, split)


def cache_folder() -> Path:
    """Where data sets that are drawn here are kept: $SEGBOOK_CACHE, else ~/.cache/segbook."""
    return Path(os.environ.get("SEGBOOK_CACHE") or Path.home() / ".cache" / "segbook")
