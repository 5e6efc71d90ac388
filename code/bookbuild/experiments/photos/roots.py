"""The folders that the trainings on photographs read: the archives unpacked, and derived from VOC's by its lists.

real    VOC's subset and CamVid as they are
all     train: VOC's train; val: 16 of its images, a heartbeat (`segbook train` saves when it validates)
choose  train: four of five images of VOC's train; val: the fifth ones, from the first on
void    as `all`, with void labelled as background in the train images
"""

import os
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bookbuild import ROOT
from segbook.data import VOID
from segbook.files import write_atomically

HOME = ROOT / "data" / "photos"
ARCHIVES = {"VOCdevkit": "voc2012-subset.tar", "CamVid": "camvid.tar"}
BASE = Path("VOCdevkit", "VOC2012")
LISTS = Path("ImageSets", "Segmentation")
HEARTBEAT = 16


def source() -> Path:
    """The folder of archives and weights."""
    return Path(os.environ.get("SEGBOOK_DATA") or ROOT.parent / "shared" / "data").absolute()


def weights(name: str) -> Path:
    """A file of weights; FileNotFoundError where it is not there."""
    if not (source() / name).is_file():
        raise FileNotFoundError(f"there is no {name} in {source()}; set SEGBOOK_DATA to the folder that holds it")
    return source() / name


def prepare() -> Path:
    """Make what is not there yet; the folder of all roots."""
    roots = HOME / "roots"
    for folder, archive in ARCHIVES.items():
        unpack(folder, archive, roots / "real")
    base = roots / "real" / BASE
    train = (base / LISTS / "train.txt").read_text().split()
    held_out = train[::5]
    derive(base, roots / "all", train, held_out[:HEARTBEAT])
    derive(base, roots / "void", train, held_out[:HEARTBEAT], void_as_background=True)
    derive(base, roots / "choose", [name for name in train if name not in held_out], held_out)
    return roots


def unpack(folder: str, archive: str, root: Path) -> None:
    """Put `folder` of an archive into `root`; a link where SEGBOOK_DATA holds the folder instead."""
    if (root / folder).exists():
        return
    root.mkdir(parents=True, exist_ok=True)
    if (source() / archive).is_file():
        part = root / f"{folder}.part"  # so that an unpacking that was cut off is none
        with tarfile.open(source() / archive) as tar:
            tar.extractall(part, filter="data")
        (part / folder).rename(root / folder)
        part.rmdir()
    elif (source() / folder).is_dir():
        (root / folder).symlink_to(source() / folder)
    else:
        raise FileNotFoundError(f"neither {archive} nor {folder} is in {source()}; set SEGBOOK_DATA to their folder")


def derive(base: Path, root: Path, train: Sequence[str], val: Sequence[str], void_as_background: bool = False) -> None:
    """A root with other lists, whose images and masks are those of VOC's folder `base`."""
    ours = root / BASE
    if (ours / LISTS / "val.txt").is_file():  # written last
        return
    (ours / LISTS).mkdir(parents=True, exist_ok=True)
    link(ours / "JPEGImages", base / "JPEGImages")
    if void_as_background:
        (ours / "SegmentationClass").mkdir(exist_ok=True)
        for name in train:
            fill_void(base / "SegmentationClass" / f"{name}.png", ours / "SegmentationClass" / f"{name}.png")
    else:
        link(ours / "SegmentationClass", base / "SegmentationClass")
    for split, names in (("train", train), ("val", val)):
        (ours / LISTS / f"{split}.txt").write_text("\n".join(names) + "\n")


def link(path: Path, target: Path) -> None:
    if not path.is_symlink():
        path.symlink_to(target)


def fill_void(mask: Path, out: Path) -> None:
    """Write a mask again with 0 in place of 255, its palette unchanged."""
    with Image.open(mask) as picture:
        label = np.array(picture)
        filled = Image.fromarray(np.where(label == VOID, 0, label).astype(np.uint8))
        filled.putpalette(picture.getpalette())
    write_atomically(out, lambda file: filled.save(file, "PNG"))
