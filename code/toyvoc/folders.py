"""Whole data sets as folders, which are complete or not there."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from toyvoc.aerial import draw_tile
from toyvoc.scenes import draw_scene


def make_toy_voc(
    folder: str | Path,
    num_train: int = 500,
    num_val: int = 100,
    size: tuple[int, int] = (96, 128),
    seed: int = 0,
    thin: bool = True,
    one_scale: bool = False,
) -> Path:
    """Draw a data set into `folder`, which gets VOCdevkit/VOC2012 as in VOC's archive.

    Everything is drawn into a folder beside it that is renamed when it is complete: an interrupted call
    leaves nothing that looks finished, and two processes that draw the same set do not disturb each other.

    Args:
        num_train, num_val: scenes. size: (height, width) in pixels. seed: of the whole data set.
        thin: False draws no thin parts. one_scale: True draws all objects of a class equally large.

    Raises:
        ValueError: parameters without sense. FileExistsError: the folder exists and is not empty.
    """
    if min(num_train, num_val) < 1 or min(size) < 32:
        raise ValueError(
            f"make_toy_voc needs at least one scene a split and 32x32 pixels, got num_train={num_train}, "
            f"num_val={num_val}, size={tuple(size)}"
        )
    with drawn_beside(Path(folder)) as drawing:
        base = drawing / "VOCdevkit" / "VOC2012"
        for name in ("JPEGImages", "SegmentationClass", "SegmentationObject", "ImageSets/Segmentation"):
            (base / name).mkdir(parents=True)
        splits = {}
        for split, count in {"train": num_train, "val": num_val}.items():
            splits[split] = [f"toy_{split}_{i:05d}" for i in range(count)]
            for i, name in enumerate(splits[split]):
                scene = draw_scene(Random(f"{seed}/{split}/{i}"), *size, thin=thin, one_scale=one_scale)
                scene.image.save(base / "JPEGImages" / f"{name}.jpg", quality=92, subsampling=0)
                for kind, labels in (("SegmentationClass", scene.classes), ("SegmentationObject", scene.objects)):
                    picture = Image.fromarray(labels)
                    picture.putpalette(VOC_COLOURS)  # readable as numbers and, in any viewer, as colours
                    picture.save(base / kind / f"{name}.png")
        splits["trainval"] = splits["train"] + splits["val"]
        for split, names in splits.items():
            (base / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("\n".join(names) + "\n")
    return Path(folder)


def make_aerial(
    folder: str | Path, num_train: int = 240, num_val: int = 80, num_test: int = 80, size: int = 512, seed: int = 0
) -> Path:
    """Draw a data set of aerial tiles and the buildings in them.

    It was made so: roofs of several shapes, sizes and colours, half hidden by trees, beside car parks, sports courts,
    lorries and bare fields that have a roof's outline or a roof's colour and are none. About one tile in ten has no
    building. The drawing is frozen and was never tuned on a result. What works here need not work on photographs.

    `folder` gets images/NAME.jpg, RGB, size x size; train.tsv, val.tsv and test.tsv with `NAME<TAB>run lengths`; and
    classes.txt. `segbook.data.load("folder", split, root=folder)` reads it. Each tile covers 80 x 80 metres, so that
    `size` sets the resolution and not the content. Tile i of a split depends on `seed` and i alone. The folder is
    complete or it is not there, as with make_toy_voc; a folder that is there already is an error.

    Raises:
        ValueError: fewer than one tile a split, or a size below 32. FileExistsError: the folder is not empty.
    """
    counts = {"train": num_train, "val": num_val, "test": num_test}
    if min(counts.values()) < 1 or size < 32:
        raise ValueError(f"make_aerial needs at least one tile a split and 32 pixels, got {counts} and size={size}")
    with drawn_beside(Path(folder)) as drawing:
        (drawing / "images").mkdir()
        (drawing / "classes.txt").write_text("background\nbuilding\n")
        for split, count in counts.items():
            lines = []
            for i in range(count):
                image, mask = draw_tile(Random(f"aerial/{seed}/{split}/{i}"), size)
                lines.append(f"{split}_{i:04d}\t{run_lengths(mask)}\n")
                image.save(drawing / "images" / f"{split}_{i:04d}.jpg", quality=92, subsampling=0)
            (drawing / f"{split}.tsv").write_text("".join(lines), newline="\n")
    return Path(folder)


@contextmanager
def drawn_beside(folder: Path) -> Iterator[Path]:
    """An empty folder to draw into, which becomes `folder` when the block ends well and vanishes otherwise.

    Raises:
        FileExistsError: `folder` exists and is not empty.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise FileExistsError(f"{folder}: the folder exists and is not empty; choose another or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    drawing = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield drawing
        os.chmod(drawing, 0o755)  # mkdtemp's folders are private
        try:
            os.replace(drawing, folder)
        except OSError:
            if not any(folder.glob("*")):  # else another process has drawn the same meanwhile
                raise
    finally:
        shutil.rmtree(drawing, ignore_errors=True)


def run_lengths(mask: np.ndarray) -> str:
    """0 and 1 as "start length ...", counted from 1, column by column."""
    edges = np.flatnonzero(np.diff(np.pad(mask.astype(np.int8).ravel(order="F"), 1)))  # up, down, up, down, ...
    return " ".join(f"{start + 1} {end - start}" for start, end in zip(edges[::2], edges[1::2]))


def voc_colours() -> list[int]:
    """VOC's 256 colours, red, green, blue, red, ...: bit by bit the index is dealt out to the three."""
    return [
        sum((index >> (3 * bit + channel) & 1) << (7 - bit) for bit in range(8))
        for index in range(256)
        for channel in range(3)
    ]


VOC_COLOURS = voc_colours()
