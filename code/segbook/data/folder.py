"""Your own images and masks, from a folder."""

import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torchvision import tv_tensors

from segbook.data.palette import VOID, VOID_COLOUR, colour_to_index, voc_colormap
from segbook.data.reader import SegmentationPairs, data_root, read_split
from segbook.data.run_length import decode_runs, read_runs
from segbook.files import open_image, read_image, read_mask

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
TABLES = (".tsv", ".csv")
LAYOUT = "It needs images/, masks/ or a table of run lengths, and classes.txt; see ImageFolderSegmentation."


class ImageFolderSegmentation(SegmentationPairs):
    """Pairs of files that you bring along: `images/` and `masks/`, where a pair has one name but for the suffix.

    A split S is what is found first of
      - S.tsv or S.csv: names and run lengths (`run_length`), which are the masks too; two classes, no masks/;
      - S.txt: one name a line;
      - images/S/ and masks/S/: all that lies in them.
    Images and masks lie in images/S/ and masks/S/ where those exist, else in images/ and masks/.

    classes.txt has one class a line, its index counted from 0: `name`, or `name RED GREEN BLUE` on every line. A line
    `void RED GREEN BLUE` at the end says which colour means void; without it VOC's cream does. Blank lines and lines
    that start with # do not count. With a table the file may be missing: the classes are then background, foreground.

    A mask with a palette, or grey, gives its indices; a mask in RGB its colours, looked up in classes.txt. If all the
    colours there are grey (as black and white are), grey masks are looked up too. 255 is void, as everywhere. A problem
    of two classes can be given to a network with one logit (`num_classes=1`): it is the logit of class 1.

    Args:
        root: the folder; None takes $SEGBOOK_DATA.
        split: "train", "val", or what else is there.
        transforms: called as transforms(image, label) with tv_tensors.

    Raises:
        FileNotFoundError: no such folder, no classes.txt, a name of the split without its image or mask.
        ValueError: unknown or empty split, a classes.txt or a table that makes no sense, two files of one name. When a
            pair is read: a mask of another size, a colour or an index that is no class, malformed run lengths.
    """

    def __init__(self, root: str | Path | None = None, split: str = "train", transforms: Callable | None = None):
        self.root = data_root(root, "images", LAYOUT)
        self.split = split
        table = next((self.root / (split + s) for s in TABLES if (self.root / (split + s)).is_file()), None)
        rows = read_runs(table) if table else {}
        self.runs = {stem(name): runs for name, runs in rows.items()} if table else None
        self.classes, self.colours = read_classes(self.root / "classes.txt", self.runs is not None)
        if self.runs is not None and len(self.classes) != 2:
            raise ValueError(f"{table}: run lengths tell two classes apart, classes.txt lists {len(self.classes)}")
        self.palette = voc_colormap(len(self.classes)) if self.colours is None else self.colours[: len(self.classes)]
        self.grey = self.colours is not None and bool((self.colours == self.colours[:, :1]).all())
        folders = [self.root / kind / split for kind in ("images", "masks")]
        folders = [folder if folder.is_dir() else folder.parent for folder in folders]
        there = files_by_stem(folders[0])
        if self.runs is not None:
            ids = [stem(name) for name in rows]
        elif folders[0] != self.root / "images" and not (self.root / f"{split}.txt").is_file():
            ids = sorted(there)
        else:
            ids = [stem(line) for line in self._read_split()]
        if not ids:
            raise ValueError(f"{table or folders[0]}: split {split!r} is empty")
        images = pick(ids, there, folders[0], split)
        masks = pick(ids, files_by_stem(folders[1]), folders[1], split) if self.runs is None else [table] * len(ids)
        super().__init__(ids, images, masks, transforms)

    def _read_split(self) -> list[str]:
        try:
            return read_split(self.root, self.split)
        except ValueError as error:
            if (self.root / f"{self.split}.txt").is_file():
                raise
            raise ValueError(
                f"{self.root}: there is no split {self.split!r}; available: {', '.join(splits(self.root)) or 'none'}. "
                f"Write {self.split}.txt with one name a line, or put the images in images/{self.split}/"
            ) from error

    def read_label(self, index: int, image: Tensor) -> tv_tensors.Mask:
        path, name = self.masks[index], self.ids[index]
        if self.runs is not None:
            try:
                return tv_tensors.Mask(decode_runs(self.runs[name], *image.shape[1:]))
            except ValueError as error:
                raise ValueError(f"{path}, {name}: {error}") from None
        with open_image(path) as picture:  # not decoded yet
            mode = picture.mode
        if mode in ("RGB", "RGBA") and self.colours is None:
            raise ValueError(
                f"{path}: the mask holds colours but classes.txt has none; write 'name RED GREEN BLUE' there"
            )
        if mode in ("RGB", "RGBA") or (mode == "L" and self.grey):
            try:
                label = colour_to_index(read_image(path).permute(1, 2, 0), self.colours)
            except ValueError as error:
                raise ValueError(str(error) if str(error).startswith(str(path)) else f"{path}: {error}") from None
            label[label == len(self.classes)] = VOID  # the row of void's own colour
            return tv_tensors.Mask(label.to(torch.uint8))
        return tv_tensors.Mask(read_mask(path))


def splits(root: Path) -> list[str]:
    """The splits of a folder, whichever way they are given. A text file is one if it names an image."""
    images = {stem(path.name) for path in (root / "images").rglob("*")}
    found = {path.name for path in (root / "images").glob("[!.]*") if path.is_dir()}
    for path in root.glob("*"):
        if path.suffix in (".txt", *TABLES) and path.stem != "classes":
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            if any(stem(line.replace(",", "\t").split("\t")[0]) in images for line in lines):
                found.add(path.stem)
    return sorted(found)


def read_classes(path: Path, binary: bool) -> tuple[list[str], Tensor | None]:
    """Names, and colours uint8 (C, 3) if the file has them, or (C + 1, 3) with void's own in the last row.

    Args:
        binary: without a file, the classes are background and foreground.

    Raises:
        FileNotFoundError: no file. ValueError: a name twice, no class or too many, colours on some lines only, or two
            classes of one colour.
    """
    if not path.is_file():
        if binary:
            return ["background", "foreground"], None
        raise FileNotFoundError(
            f"{path}: no such file; it lists the classes, one 'name' or 'name RED GREEN BLUE' a line"
        )
    names, colours = [], []
    for line in path.read_text(encoding="utf-8-sig").splitlines():
        cells = line.split()
        if not cells or cells[0].startswith("#"):
            continue
        coloured = len(cells) > 3 and all(cell.isascii() and cell.isdigit() for cell in cells[-3:])
        names.append(" ".join(cells[:-3] if coloured else cells))
        colours += [tuple(map(int, cells[-3:]))] if coloured else []
    fault = None
    if colours and len(colours) != len(names):
        fault = f"{len(colours)} of {len(names)} lines have a colour; give one to every class or to none"
    elif any(value > 255 for colour in colours for value in colour):
        fault = "a colour is three numbers from 0 to 255"
    elif len(set(names)) < len(names) or len(set(colours)) < len(colours):
        fault = "two classes have one name or one colour"
    void = bool(colours) and names[-1:] == ["void"]
    names = names[: len(names) - void]
    if not fault and not 1 <= len(names) <= VOID:
        fault = f"{len(names)} classes; there can be 1 to {VOID}"
    if not fault and "void" in names:
        fault = "'void' is not a class: leave it out, or give its colour in the last line"
    if not fault and VOID_COLOUR in colours[: len(names)]:
        fault = f"the colour {VOID_COLOUR} means void; give the class another"
    if fault:
        raise ValueError(f"{path}: {fault}")
    return names, torch.tensor(colours, dtype=torch.uint8) if colours else None


def stem(name: str) -> str:
    """A file's name without the suffix of an image; other dots stay."""
    base, suffix = os.path.splitext(name.strip())
    return base if suffix.lower() in SUFFIXES else name.strip()


def files_by_stem(folder: Path) -> dict[str, Path]:
    """The image files of a folder by their names without suffix.

    Raises:
        FileNotFoundError: no such folder. ValueError: two files of one name.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder. {LAYOUT}")
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            if stem(path.name) in found:
                twin = found[stem(path.name)].name
                raise ValueError(f"{folder}: {twin} and {path.name} have one name; which is meant? Keep one of them")
            found[stem(path.name)] = path
    return found


def pick(ids: list[str], there: dict[str, Path], folder: Path, split: str) -> list[Path]:
    """The file of each id.

    Raises:
        FileNotFoundError: some have none. ValueError: an id is listed twice.
    """
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise ValueError(f"split {split!r} lists {twice!r} twice")
    missing = [i for i in ids if i not in there]
    if missing:
        raise FileNotFoundError(
            f"{folder}: there is no image file {missing[0]!r}, which split {split!r} needs"
            + (f", and {len(missing) - 1} more are missing" if len(missing) > 1 else "")
        )
    return [there[i] for i in ids]
