"""What ruins a training before it starts: a look at every pair of files, and the report as a page and as lines."""

import hashlib
import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from segbook.data.faults import split_faults
from segbook.data.folder import LAYOUT
from segbook.data.loading import DATASETS
from segbook.data.palette import VOID, index_to_colour
from segbook.figures import picture

LAYOUTS = ("voc", "camvid", "folder")  # names of data.load, in the order in which they are looked for
UNIONS = ("trainval", "trainaug")  # splits of VOC that repeat others
SHOWN = 4  # sound pairs of a split that the page shows


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
    sizes: list[tuple[int, int]] = field(default_factory=list)  # (height, width) of each image
    pictures: dict[str, str] = field(default_factory=dict)  # name: image with mask, as a data: address


@dataclass
class Report:
    """What `check_data` found. Faults are to be mended; notes are to be known."""

    root: Path
    classes: list[str] = field(default_factory=list)
    splits: dict[str, SplitSummary] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_data(root: str | Path, layout: str | None = None, progress: bool = False) -> Report:
    """Read every pair of a data set and list what would ruin a training.

    Faults: all that `load` refuses, at once or when a pair is read (a missing, damaged or empty file, different sizes,
    labels and colours that no class has, palettes that disagree, a foreground stored as 255); and one picture in two
    splits, whatever its name (decoded pixels are compared, so a JPEG saved again is not found). Notes: a picture twice
    in one split, classes that "train" never labels, no "train" or "val".

    Args:
        root: holds VOCdevkit/VOC2012 (ToyVOC's folder does), CamVid, or images/ as ImageFolderSegmentation reads it.
        layout: "voc", "camvid" or "folder"; the first that is there if not given.

    Raises FileNotFoundError or ValueError where there is no such folder, none of the layouts, or no split in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root}: no such folder")
    found = [name for name in LAYOUTS if layout in (None, name) and (root / DATASETS[name].base).is_dir()]
    if not found:
        raise ValueError(f"{root}: holds neither VOCdevkit/VOC2012 nor CamVid nor images/. {LAYOUT}")
    kind = DATASETS[found[0]]
    splits = sorted({*kind.splits(root)} - {*UNIONS}, key=lambda name: (name != "train", name != "val", name))
    if not splits:
        ways = "write train.txt and val.txt, with one name a line"
        ways += ", or put the images in images/train/ and images/val/" * (kind.base == "images")
        raise ValueError(f"{root}: there is no split; {ways}")
    report, seen = Report(root), {}
    for split in splits:
        report.splits[split] = SplitSummary()
        try:
            pairs = kind(root, split)
        except (ValueError, OSError) as error:  # the others may still tell something
            report.faults.append(Fault(split, "", f"the split cannot be read: {error}"))
            continue
        report.classes = pairs.classes
        look_at(pairs, split, report, seen, progress)
    train = report.splits.get("train", SplitSummary())
    absent = [name for i, name in enumerate(report.classes) if train.pixels.any() and train.pixels[i] == 0]
    if absent:
        report.notes.append(f"train never labels {len(absent)} of {len(report.classes)} classes: {', '.join(absent)}")
    report.notes += [f"there is no split {name!r}" for name in ("train", "val") if name not in report.splits]
    return report


def look_at(pairs, split: str, report: Report, seen: dict, progress: bool) -> None:
    """Count a split's labels and sizes and add its faults; `seen` maps a picture's digest to where it was first."""
    summary = report.splits[split]
    summary.pairs = len(pairs)
    faults = {}
    for index in tqdm(range(len(pairs)), desc=f"check {split}", unit="pair", disable=not progress):
        name = pairs.ids[index]
        try:
            image, mask = pairs.read(index)
        except (ValueError, OSError) as error:
            faults[name] = str(error)
            continue
        summary.sizes.append(tuple(image.shape[1:]))
        counts = torch.bincount(mask.as_subclass(Tensor).flatten().long(), minlength=256)
        summary.pixels += counts
        summary.masks_with += counts > 0
        if len(summary.pictures) < SHOWN:
            mixed = (image.permute(1, 2, 0).int() + index_to_colour(mask, pairs.palette).int()) // 2  # (H, W, 3)
            drawn = Image.fromarray(mixed.byte().numpy())
            drawn.thumbnail((240, 240))
            summary.pictures[name] = picture(drawn)
        digest = hashlib.sha256(repr(image.shape).encode() + image.numpy().tobytes()).digest()
        where, twin = seen.setdefault(digest, (split, name))
        if where != split:
            report.faults.append(Fault(split, name, f"the same picture as {twin} of split {where}"))
        elif twin != name:
            report.notes.append(f"{split}: {name} is the same picture as {twin}")
    faults |= dict(split_faults(pairs))  # of a file that was numbered anew this says more than its labels do
    report.faults += [Fault(split, name, message) for name, message in faults.items()]


def summary_lines(report: Report, most: int = 10) -> list[str]:
    """The report for a terminal, the verdict last, with at most so many faults."""
    lines = []
    for name, summary in report.splits.items():
        sizes = sorted(set(summary.sizes), key=math.prod)
        span = " to ".join(f"{height}x{width}" for height, width in dict.fromkeys([*sizes[:1], *sizes[-1:]]))
        lines.append(f"{name}: {summary.pairs} pair{'s' * (summary.pairs != 1)}" + f" of {span} pixels" * bool(sizes))
    lines += [f"fault: {fault.split} {fault.name}".rstrip() + f": {fault.message}" for fault in report.faults[:most]]
    if len(report.faults) > most:
        lines.append(f"... and {len(report.faults) - most} more faults")
    lines += [f"note: {note}" for note in report.notes]
    count = len(report.faults)
    return [*lines, f"{count} fault{'s' * (count != 1)} found" if count else "No fault found"]


def page(report: Report) -> str:
    """The report as HTML with its style and pictures inside: opening it fetches nothing. It follows the theme."""
    *lines, verdict = summary_lines(report, most=200)
    body = [f"<h1>Data check: {verdict}</h1><p>{escape(str(report.root))}</p>"]
    body += [f"<p>{escape(line)}</p>" for line in lines]
    for split, summary in report.splits.items():
        body.append(f"<h2>{escape(split)}</h2><table><tr><th>Label<th>Class<th>Masks<th>Pixels<th></tr>")
        for value in summary.pixels.nonzero().flatten().tolist():
            share = f"{100 * int(summary.pixels[value]) / int(summary.pixels.sum()):.2f}"
            label = "void" if value == VOID else escape(report.classes[value])
            bar = f'<td class="bar"><div style="width:{share}%"></div>'
            body.append(f"<tr><td>{value}<td>{label}<td>{int(summary.masks_with[value])}<td>{share} %{bar}</tr>")
        body.append("</table>")
        for name, drawn in summary.pictures.items():
            image = f'<img alt="{escape(name)} with its mask" src="{drawn}">'
            body.append(f"<figure>{image}<figcaption>{escape(name)}</figcaption></figure>")
    return PAGE + "\n".join(body) + "</body></html>\n"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data check</title><link rel="icon" href="data:,"><style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto }
p, td, figcaption { overflow-wrap: anywhere }
td, th { padding: 0 .5rem; text-align: left }
figure { display: inline-block; margin: .5rem }
figure, img { max-width: 100% }
.bar { width: 30% }
.bar div { height: .6rem; background: #0072b2 }
</style></head><body>
"""
