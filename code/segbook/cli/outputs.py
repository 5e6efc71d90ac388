"""Where results go: names planned so that nothing is lost, label maps as files, and a legend for people."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from segbook.data.palette import VOID
from segbook.files import write_atomically


def plan_outputs(
    images: Sequence[Path],
    folder: Path,
    suffixes: Sequence[str],
    names: Sequence[str] | None = None,
    keep: Iterable[Path] = (),
    overwrite: bool = False,
) -> list[list[Path]]:
    """The files to write for each image, folder/NAME + suffix; nothing is written yet.

    `names` are the images', or their files' without the last suffix; they may hold slashes. What is there may be
    replaced with `overwrite`, but for the images and the files in `keep`, by whatever link.

    Raises ValueError for two results of one name (capitals do not count: not every disk tells them apart) or one in the
    place of an input, FileExistsError for one that is there already, or where `folder` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; the results need a folder")
    inputs = {identity(path): path for path in (*images, *keep)}
    writers, plan = {}, []
    for image, name in zip(images, names or [path.stem for path in images]):
        plan.append([folder / f"{name}{suffix}" for suffix in suffixes])
        for path in plan[-1]:
            other = writers.setdefault(os.path.normpath(path).casefold(), image)
            if other is not image:
                raise ValueError(f"{other} and {image} would both be written to {path}; rename one of them")
            if not os.path.lexists(path):
                continue
            if identity(path) in inputs:
                raise ValueError(f"{path} would replace an input, {inputs[identity(path)]}; write to another folder")
            if not overwrite:
                raise FileExistsError(f"{path} is there already; replace it with --overwrite, or give another folder")
    return plan


def identity(path: Path) -> tuple | None:
    """What two names of one file have in common, over links and capitals; None if there is no file."""
    return (os.stat(path).st_dev, os.stat(path).st_ino) if os.path.exists(path) else None


def save_mask(path: Path, label: ArrayLike, palette: ArrayLike) -> None:
    """Write class indices (H, W) as a PNG with a palette (C, 3): programs read the indices, people see colours."""
    image = Image.fromarray(np.asarray(label).astype(np.uint8))
    image.putpalette(np.asarray(palette, dtype=np.uint8).tobytes())
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda file: image.save(file, "PNG"))


def legend(label: ArrayLike, palette: ArrayLike, classes: Sequence[str], width: int) -> Image.Image:
    """The classes that occur in a label map, each a square in its colour and its name, on white.

    The names are set in lines of `width` pixels; one that does not fit makes the legend wider. Void is left out.
    """
    present = [int(c) for c in np.unique(label) if c != VOID]
    text = int(np.clip(width / 40, 11, 40))  # height of the letters: legible on a thumbnail and on a poster
    font = ImageFont.load_default(text)
    step = round(1.6 * text)
    x = y = text // 2
    places = []  # left, top, class
    for c in present:
        length = text + text // 2 + round(font.getlength(classes[c])) + text
        if x > text // 2 and x + length > width:
            x, y = text // 2, y + step
        places.append((x, y, c))
        width, x = max(width, x + length), x + length
    picture = Image.new("RGB", (width, y + step if present else 0), "white")
    draw = ImageDraw.Draw(picture)
    for x, y, c in places:
        draw.rectangle((x, y, x + text - 1, y + text - 1), tuple(np.asarray(palette)[c].tolist()), "black")
        draw.text((x + text + text // 2, y + text / 2), classes[c], "black", font, anchor="lm")
    return picture
