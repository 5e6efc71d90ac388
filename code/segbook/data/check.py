"""What ruins a training before it starts: a look at every pair of files."""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from segbook.data.camvid import CamVid
from segbook.data.folder import LAYOUT, ImageFolderSegmentation, splits
from segbook.data.palette import VOC_PALETTE, VOID
from segbook.data.reader import SegmentationPairs
from segbook.data.voc import VOCSegmentation
from segbook.files import open_image


class Fault(NamedTuple):
    """Something to mend before a training: where, and what."""

    split: str
    name: str  # of the pair; "" if it concerns the split
    message: str


@dataclass
class SplitSummary:
    """What a split holds. `pixels[v]` counts the label v over all masks that could be read: int64 (256,)."""

    pairs: int = 0
    pixels: Tensor = field(default_factory=lambda: torch.zeros(256, dtype=torch.int64))
    masks_with: Tensor = field(default_factory=lambda: torch.zeros(256, dtype=torch.int64))
    smallest: tuple[int, int] | None = None  # (height, width) of the image with the fewest pixels
    largest: tuple[int, int] | None = None
    samples: list[tuple[str, Tensor, Tensor]] = field(default_factory=list)  # name, image, mask of a few sound pairs


@dataclass
class Report:
    """What `check_data` found. Faults are to be mended; notes are to be known."""

    root: Path
    classes: list[str] = field(default_factory=list)
    palette: Tensor | None = None
    splits: dict[str, SplitSummary] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_data(root: str | Path, layout: str | None = None, progress: bool = False, samples: int = 4) -> Report:
    """Read every pair of a data set and list what would ruin a training.

    Faults: images or masks that are missing or cannot be read, of different sizes, with labels or colours that no class
    has, all void; masks whose palette disagrees with the classes' colours, so that program and eye see different
    things; a foreground that was stored as 255; one picture in two splits, under whatever name and in whatever format
    without loss (the decoded pixels are compared, so a JPEG saved again is not found). Notes: a picture twice in one
    split, classes that "train" never labels, a missing "train" or "val".

    Args:
        root: holds VOCdevkit/VOC2012 (ToyVOC's folder does), CamVid, or images/ as ImageFolderSegmentation reads it.
        layout: "voc", "camvid" or "folder"; the first that is there if not given.
        progress: show a bar on standard error.
        samples: sound pairs of each split to keep for the eye.

    Raises:
        FileNotFoundError, ValueError: no such folder, none of the layouts, or no split in it.
    """
    root = Path(root)
    report, seen, colours = Report(root), {}, {}
    for split, make in find_splits(root, layout):
        summary = report.splits[split] = SplitSummary()
        try:
            pairs = make()
        except (ValueError, OSError) as error:  # the others may still tell something
            report.faults.append(Fault(split, "", f"the split cannot be read: {error}"))
            continue
        report.classes, report.palette, summary.pairs = pairs.classes, pairs.palette, len(pairs)
        if not colours:
            colours.update(declared_colours(pairs))
        for index in tqdm(range(len(pairs)), desc=f"check {split}", unit="pair", disable=not progress):
            name = pairs.ids[index]
            digest, fault = check_pair(pairs, index, summary, colours, samples)
            if fault:
                report.faults.append(Fault(split, name, fault))
            where, twin = seen.setdefault(digest, (split, name)) if digest else (split, name)
            if where != split:
                report.faults.append(Fault(split, name, f"the same picture as {twin} of split {where}"))
            elif twin != name:
                report.notes.append(f"{split}: {name} is the same picture as {twin}")
    conclude(report)
    return report


LAYOUTS = {  # name in data.load: what reads it, the folder it is known by, where its splits are listed
    "voc": (VOCSegmentation, "VOCdevkit/VOC2012", "VOCdevkit/VOC2012/ImageSets/Segmentation"),
    "camvid": (CamVid, "CamVid", "CamVid"),
    "folder": (ImageFolderSegmentation, "images", None),
}


def find_splits(root: Path, layout: str | None = None) -> Iterator[tuple[str, Callable[[], SegmentationPairs]]]:
    """The splits of a layout, or of the first that lies in `root`, each with what opens it, "train" first.

    VOC's trainval repeats the others and is left out.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    found = [name for name, (_, mark, _) in LAYOUTS.items() if (root / mark).is_dir() and layout in (None, name)]
    if not found:
        raise ValueError(f"{root}: holds neither VOCdevkit/VOC2012 nor CamVid nor images/. {LAYOUT}")
    kind, _, lists = LAYOUTS[found[0]]
    names = [path.stem for path in (root / lists).glob("*.txt")] if lists else splits(root)
    names = sorted({*names} - {"trainval"}, key=lambda name: (name != "train", name != "val", name))
    if not names:
        raise ValueError(f"{root}: there is no split; write train.txt and val.txt, with one name a line")
    for name in names:
        yield name, lambda name=name: kind(root, name)


def declared_colours(pairs: SegmentationPairs) -> dict[int, tuple[str, tuple[int, int, int]]]:
    """Where the colour of an index is stated, and the colour."""
    if isinstance(pairs, VOCSegmentation):
        place, colours = "VOC", VOC_PALETTE
    else:
        place, colours = "classes.txt", getattr(pairs, "colours", None)
    return {} if colours is None else {i: (place, tuple(c)) for i, c in enumerate(colours.tolist())}


def check_pair(
    pairs: SegmentationPairs, index: int, summary: SplitSummary, colours: dict, samples: int
) -> tuple[bytes | None, str | None]:
    """A digest of a pair's picture and the first fault of the pair; counts its labels and sizes on the way."""
    try:
        image, mask = pairs.read(index)
    except (ValueError, OSError) as error:
        return None, str(error)
    size = tuple(image.shape[1:])
    digest = hashlib.sha256(repr(size).encode() + image.numpy().tobytes()).digest()
    summary.smallest = min(summary.smallest or size, size, key=math.prod)
    summary.largest = max(summary.largest or size, size, key=math.prod)
    here = torch.bincount(mask.as_subclass(Tensor).flatten().long(), minlength=256)
    summary.pixels += here
    summary.masks_with += here > 0
    path = pairs.masks[index]
    if here[VOID] == mask.numel():
        return digest, f"{path}: all of the mask is void ({VOID}), so nothing can be learned from it"
    if len(summary.samples) < samples:
        summary.samples.append((pairs.ids[index], image, mask))
    return digest, None if getattr(pairs, "runs", None) else check_palette(path, here, colours)


def check_palette(path: Path, here: Tensor, colours: dict) -> str | None:
    """Whether the indices that a palette file uses have the colours that the classes, or the files before it, have."""
    with open_image(path) as picture:
        stored = picture.getpalette() if picture.mode == "P" else []
    for value in here[:VOID].nonzero().flatten().tolist():
        colour = tuple(stored[3 * value : 3 * value + 3])
        if colour:
            place, expected = colours.setdefault(value, (path.name, colour))
            if colour != expected:
                return (
                    f"{path}: index {value} is coloured {colour} by this file's palette and {expected} in {place}; did "
                    "a program renumber the colours?"
                )
    return None


def conclude(report: Report) -> None:
    """What only the whole shows."""
    pixels = sum(summary.pixels for summary in report.splits.values())
    if len(report.classes) == 2 and sum(pixels[:2] > 0) == 1 and pixels[VOID] > 0:
        only = report.classes[int(pixels[1] > 0)]
        advice = "a mask of 0 and 255 needs colours in classes.txt, as in 'background 0 0 0' and 'building 255 255 255'"
        report.faults.append(Fault("all", "", f"every pixel is {only} or void ({VOID}); {advice}"))
    train = report.splits.get("train")
    if train is not None and train.pairs:
        absent = [name for i, name in enumerate(report.classes) if train.pixels[i] == 0]
        if absent:
            report.notes.append(
                f"train never labels {len(absent)} of {len(report.classes)} classes: {', '.join(absent)}"
            )
    for name in ("train", "val"):
        if name not in report.splits:
            report.notes.append(f"there is no split {name!r}")
