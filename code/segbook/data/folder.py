"""Your own images and masks, from a folder."""

from pathlib import Path

import torch
from torch import Tensor

from segbook.data.palette import VOID, VOID_COLOUR, colour_to_index, voc_colormap
from segbook.data.reader import SegmentationPairs, data_root, images_in, lying_there, pick, read_lines, read_split, stem
from segbook.data.run_length import decode_runs, read_runs
from segbook.files import open_image, read_image, read_mask

TABLES = (".tsv", ".csv")
LAYOUT = (
    "A data set of your own has images/train, images/val, masks/train and masks/val, where an image and its mask have "
    "one name but for the suffix, and classes.txt with one class a line. (Lists train.txt and val.txt, or tables of "
    "run lengths, do as well: see ImageFolderSegmentation.)"
)


class ImageFolderSegmentation(SegmentationPairs):
    """Pairs of files that you bring along: `images/` and `masks/`, where a pair has one name but for the suffix.

    A split S is what is found first of

    - S.tsv or S.csv: names and run lengths (`run_length`), which are the masks too; two classes, no masks/;
    - S.txt: one name a line, with or without suffix and folder;
    - images/S/ and masks/S/: all that lies in them.

    Images and masks lie in images/S/ and masks/S/ where those exist, else in images/ and masks/.

    classes.txt has one class a line, its index counted from 0: `name`, or `name RED GREEN BLUE` on every line. A line
    `void RED GREEN BLUE` at the end says which colour means void; without it VOC's cream does. Blank lines and lines
    that start with # do not count. With a table the file may be missing: the classes are then background, foreground.

    A mask with a palette, or grey, gives its indices; a mask in RGB its colours, looked up in classes.txt. If all the
    colours there are grey (as black and white are), grey masks are looked up too. 255 is void, as everywhere. A problem
    of two classes can be given to a network with one logit (`num_classes=1`): it is the logit of class 1.

    `root` is the folder, None takes $SEGBOOK_DATA. Raises FileNotFoundError for a folder or a file that is missing,
    ValueError for lists, tables and files that make no sense, and when a pair is read for a mask of another size, a
    colour or an index that is no class, malformed run lengths.
    """

    base = "images"

    def __init__(self, root: str | Path | None = None, split: str = "train"):
        self.root = data_root(root, self.base, LAYOUT)
        self.split = split
        table = next((self.root / (split + s) for s in TABLES if (self.root / (split + s)).is_file()), None)
        rows = read_runs(table) if table else {}
        self.runs = {stem(name): runs for name, runs in rows.items()} if table else None
        self.classes, self.colours = read_classes(self.root / "classes.txt", binary=table is not None)
        if table and len(self.classes) != 2:
            raise ValueError(f"{table}: run lengths tell two classes apart, classes.txt lists {len(self.classes)}")
        self.palette = voc_colormap(len(self.classes)) if self.colours is None else self.colours[: len(self.classes)]
        self.grey = self.colours is not None and bool((self.colours == self.colours[:, :1]).all())
        images, masks = (self.root / kind / split for kind in ("images", "masks"))
        images, masks = (folder if folder.is_dir() else folder.parent for folder in (images, masks))
        there, listed = images_in(images), self.root / f"{split}.txt"
        if table:
            ids = [stem(name) for name in rows]
        elif images != self.root / "images" and not listed.is_file():
            ids = sorted(there)
        else:
            how = f"Write {split}.txt with one name a line, or put the images in images/{split}/"
            ids = [stem(line) for line in read_split(listed, self.splits(self.root), how)]
        if not ids:
            raise ValueError(f"{table or images}: split {split!r} is empty. {lying_there(images, '')}")
        paths = pick(ids, there, images, split)
        if not table and not masks.is_dir():
            drawn = f"{ids[0]}.json"
            how = lying_there(images, drawn) if (images / drawn).is_file() else LAYOUT
            raise FileNotFoundError(f"{masks}: no such folder. {images}: {how}")
        labels = [table] * len(ids) if table else pick(ids, images_in(masks), masks, split)
        super().__init__(ids, paths, labels)

    @classmethod
    def splits(cls, root: Path) -> list[str]:
        """The splits of a folder, whichever way they are given. A text file is one if it names an image."""
        images = {stem(path.name) for path in (root / "images").rglob("*")}
        found = {path.name for path in (root / "images").glob("[!.]*") if path.is_dir()}
        for path in root.glob("*"):
            if path.suffix in (".txt", *TABLES) and path.stem != "classes":
                lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
                if any(stem(line.replace(",", "\t").split("\t")[0]) in images for line in lines):
                    found.add(path.stem)
        return sorted(found)

    def read_label(self, index: int, image: Tensor) -> Tensor:
        path, name = self.masks[index], self.ids[index]
        if self.runs is not None:
            try:
                return decode_runs(self.runs[name], *image.shape[1:])
            except ValueError as error:
                raise ValueError(f"{path}, {name}: {error}") from None
        with open_image(path) as picture:  # not decoded yet
            mode = picture.mode
        coloured = mode in ("RGB", "RGBA")
        if coloured and self.colours is None:
            how = "give each line its colour, three numbers with spaces between, as in 'house 250 50 83'"
            raise ValueError(f"{path}: the mask holds colours but classes.txt has none; {how}")
        if not coloured and not (mode == "L" and self.grey):
            return read_mask(path)
        colours = read_image(path).permute(1, 2, 0)  # (H, W, 3)
        try:
            label = colour_to_index(colours, self.colours)
        except ValueError as error:
            raise ValueError(f"{path}: {error} The palette is that of classes.txt") from None
        label[label == len(self.classes)] = VOID  # the row of void's own colour
        return label.to(torch.uint8)


def read_classes(path: Path, binary: bool) -> tuple[list[str], Tensor | None]:
    """Names, and colours uint8 (C, 3) if the file has them, or (C + 1, 3) with void's own in the last row.

    `binary` says what to do without a file: the classes are background and foreground.
    """
    if binary and not path.is_file():
        return ["background", "foreground"], None
    if not path.is_file():
        wanted = "it lists the classes, one 'name' or 'name RED GREEN BLUE' a line"
        raise FileNotFoundError(f"{path}: no such file; {wanted}")
    names, colours = [], []
    for line in read_lines(path):
        cells = line.split()
        if not cells or cells[0].startswith("#"):
            continue
        coloured = len(cells) > 3 and all(cell.isascii() and cell.isdigit() for cell in cells[-3:])
        names.append(" ".join(cells[:-3] if coloured else cells))
        colours += [tuple(map(int, cells[-3:]))] if coloured else []
    void = bool(colours) and names[-1:] == ["void"]
    classes = names[: len(names) - void]
    lacking = f"{len(colours)} of {len(names)} lines have a colour; give one to every class or to none"
    faults = [
        (colours and len(colours) != len(names), lacking),
        (any(value > 255 for colour in colours for value in colour), "a colour is three numbers from 0 to 255"),
        (len(set(names)) < len(names) or len(set(colours)) < len(colours), "two classes have one name or one colour"),
        (not 1 <= len(classes) <= VOID, f"{len(classes)} classes; there can be 1 to {VOID}"),
        ("void" in classes, "'void' is not a class: leave it out, or give its colour in the last line"),
        (VOID_COLOUR in colours[: len(classes)], f"the colour {VOID_COLOUR} means void; give the class another"),
    ]
    for wrong, message in faults:
        if wrong:
            raise ValueError(f"{path}: {message}")
    return classes, torch.tensor(colours, dtype=torch.uint8) if colours else None
