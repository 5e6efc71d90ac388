"""ToyVOC: drawn scenes in the exact folder layout of PASCAL VOC."""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from segbook.data.palette import voc_colormap
from segbook.data.scenes import draw_scene
from segbook.data.voc import VOCSegmentation

DRAWING = 1  # raised when a change in the drawing changes pictures, so that no old folder is taken for a new one


class ToyVOC(VOCSegmentation):
    """Drawn coasts, fields, streets and airfields, small enough to train on with a laptop's CPU.

    It was made so, on purpose: thin parts (masts, spokes, legs, wings), one class at very different sizes,
    objects that hide each other, and clutter in the same colours and shapes (lamp posts, hoops, sheds, gulls).
    These are the difficulties that skip connections and atrous pyramids were invented for, so they show here
    in a minute of training. What works on ToyVOC need not work on photographs. `thin=False, one_scale=True`
    takes them away and is the control: several scales cannot help where there is one. A finer grid still can, for
    the scenes stay small (chapter 7 measures how much).

    Five classes appear, with VOC's own indices: aeroplane 1, bicycle 2, boat 4, car 7, person 15. There are 21
    classes as in VOC, the others are absent. The folder is drawn at first use, in seconds, and kept; the same
    parameters always give the same pictures. Scene i does not depend on how many scenes there are.

    Args:
        root: folder to keep data sets in; None takes $SEGBOOK_CACHE, else ~/.cache/segbook. Below it
            `self.root`, named by the parameters, holds VOCdevkit/VOC2012 as VOC's archive does.
        split: "train", "val" or "trainval".
        num_train, num_val: scenes. size: (height, width) in pixels. seed: of the whole data set.
        thin: False draws no thin parts. one_scale: True draws all objects of a class equally large.
        transforms: called as transforms(image, label) with tv_tensors.

    Raises:
        ValueError: unknown split, or parameters without sense.
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
        transforms: Callable | None = None,
    ):
        wanted = {"num_train": num_train, "num_val": num_val, "size": list(size), "seed": seed}
        wanted |= {"thin": thin, "one_scale": one_scale}
        if root is None:
            root = cache_folder()
        digest = hashlib.sha256(json.dumps(["ToyVOC", DRAWING, wanted]).encode()).hexdigest()[:12]
        folder = Path(root) / f"toyvoc-{digest}"
        if not folder.is_dir():
            make_toy_voc(folder, **wanted)
        super().__init__(folder, split, transforms)


def cache_folder() -> Path:
    """Where data sets that are drawn here are kept: $SEGBOOK_CACHE, else ~/.cache/segbook."""
    return Path(os.environ.get("SEGBOOK_CACHE") or Path.home() / ".cache" / "segbook")


def make_toy_voc(
    folder: str | Path,
    num_train: int = 500,
    num_val: int = 100,
    size: tuple[int, int] = (96, 128),
    seed: int = 0,
    thin: bool = True,
    one_scale: bool = False,
) -> Path:
    """Draw a data set into `folder`, which gets VOCdevkit/VOC2012 as in VOC's archive; parameters as ToyVOC's.

    Everything is drawn into a folder beside it that is renamed when it is complete: an interrupted call
    leaves nothing that looks finished, and two processes that draw the same set do not disturb each other.

    Raises:
        ValueError: parameters without sense. FileExistsError: the folder exists and is not empty.
    """
    if min(num_train, num_val) < 1 or min(size) < 32:
        raise ValueError(
            f"make_toy_voc needs at least one scene a split and 32x32 pixels, got num_train={num_train}, "
            f"num_val={num_val}, size={tuple(size)}"
        )
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: the folder exists and is not empty; choose another or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    drawing = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        _draw(drawing / "VOCdevkit" / "VOC2012", {"train": num_train, "val": num_val}, size, seed, thin, one_scale)
        os.chmod(drawing, 0o755)  # mkdtemp's folders are private
        try:
            os.replace(drawing, folder)
        except OSError:
            if not (folder / "VOCdevkit").is_dir():  # else another process has drawn the same meanwhile
                raise
    finally:
        shutil.rmtree(drawing, ignore_errors=True)
    return folder


def _draw(base: Path, counts: dict[str, int], size: tuple[int, int], seed: int, thin: bool, one_scale: bool) -> None:
    for name in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
        (base / name).mkdir(parents=True)
    palette = voc_colormap().flatten().tolist()
    splits = {}
    for split, count in counts.items():
        splits[split] = [f"toy_{split}_{i:05d}" for i in range(count)]
        for i, name in enumerate(splits[split]):
            scene = draw_scene(Random(f"{seed}/{split}/{i}"), *size, thin=thin, one_scale=one_scale)
            scene.image.save(base / "JPEGImages" / f"{name}.jpg", quality=92, subsampling=0)
            for kind, labels in (("SegmentationClass", scene.classes), ("SegmentationObject", scene.objects)):
                _save_indices(base / kind / f"{name}.png", labels, palette)
    splits["trainval"] = splits["train"] + splits["val"]
    for split, names in splits.items():
        (base / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")


def _save_indices(path: Path, labels: np.ndarray, palette: list[int]) -> None:
    """An index PNG with VOC's colours: readable as numbers and, in any viewer, as colours."""
    picture = Image.fromarray(labels)
    picture.putpalette(palette)
    picture.save(path)
