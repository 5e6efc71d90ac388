"""Pairs of image and label map in files: listed, found and read, with errors that say what lies there."""

import os
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from segbook.data.palette import VOID, check_labels
from segbook.files import read_image, read_mask

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")


class SegmentationPairs(Dataset):
    """Pairs of files, decoded when they are asked for: memory holds one pair at a time, not the data set.

    A subclass sets `classes`, `palette` and, if it knows them, `colours`, and hands over `ids` with one image path and
    one mask path each. Images keep their own size. `dataset[i]` is (image uint8 (3, H, W), label int64 (H, W)) as
    tv_tensors, so a transform of torchvision.transforms.v2 changes both together (`Samples` applies them). A ValueError
    names a mask of another size or all void, a label that is neither a class nor 255.
    """

    classes: list[str]
    palette: Tensor  # uint8 (C, 3), to draw with
    colours: Tensor | None = None  # uint8 (C, 3), what a file's palette has to say; None: any, the same in all files

    def __init__(self, ids: list[str], images: list[Path], masks: list[Path]):
        self.ids, self.images, self.masks = ids, images, masks

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        image, mask = self.read(index)
        return image, tv_tensors.wrap(mask.long(), like=mask)

    def read(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        """The pair as stored, before any transform, the mask still in bytes: uint8 (H, W)."""
        path = self.masks[index]
        image = read_image(self.images[index])
        mask = self.read_label(index, image)
        if mask.shape != image.shape[1:]:
            sizes = ["x".join(map(str, picture.shape[-2:])) for picture in (mask, image)]
            raise ValueError(
                f"{path}: the mask is {sizes[0]} but its image {self.images[index].name} is {sizes[1]} (height x "
                "width), upright as their EXIF data says; they must agree, and a mask is resized by nearest only"
            )
        check_labels(mask, len(self.classes), f"{path}: ")
        if int(mask.min()) == VOID:
            raise ValueError(f"{path}: all of the mask is void ({VOID}), nothing can be learned from it; leave it out")
        return tv_tensors.Image(image), tv_tensors.Mask(mask)

    def read_label(self, index: int, image: Tensor) -> Tensor:
        """The stored label map, unchecked: uint8 (H, W). A subclass whose files hold something else overrides it."""
        return read_mask(self.masks[index])


def data_root(root: str | Path | None, folder: str, how: str) -> Path:
    """The folder that holds `folder`: root, or $SEGBOOK_DATA where root is None; `how` says how to get the data."""
    root = root or os.environ.get("SEGBOOK_DATA")
    if not root:
        raise FileNotFoundError(f"no data folder: give root or set SEGBOOK_DATA to the folder of {folder}. {how}")
    if not (Path(root) / folder).is_dir():
        raise FileNotFoundError(f"{root}: there is no folder {folder} in it. {how}")
    return Path(root)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file that a person wrote: UTF-8, with a byte-order mark or without."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path}: no such file") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file in UTF-8; save it again in that encoding") from None


def read_split(path: Path, available: list[str], how: str = "") -> list[str]:
    """The lines of a split's list that are not blank; `available` splits and `how` to make one are for the error."""
    if not path.is_file():
        there = ", ".join(available) or "none"
        raise ValueError(f"{path.parent}: there is no split {path.stem!r}; available: {there}. {how}".rstrip(" ."))
    lines = [line for line in read_lines(path) if line.strip()]
    if not lines:
        raise ValueError(f"{path}: the split file is empty; it must list one image a line")
    return lines


def stem(name: str) -> str:
    """A file's name without its folder and the suffix of an image; other dots stay."""
    name = os.path.basename(name.strip())
    base, suffix = os.path.splitext(name)
    return base if suffix.lower() in SUFFIXES else name


def images_in(folder: Path) -> dict[str, Path]:
    """The image files of a folder by their names without suffix."""
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder")
    found = {}
    for name in sorted(os.listdir(folder)):
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in SUFFIXES and not name.startswith("."):
            if stem in found:
                raise ValueError(f"{folder}: {found[stem].name} and {name} have one name; keep the one that is meant")
            found[stem] = folder / name
    return found


def pick(ids: list[str], there: dict[str, Path], folder: Path, split: str) -> list[Path]:
    """The file of each id: what is missing shows before training, not during it."""
    if len(set(ids)) < len(ids):
        twice = next(i for i in ids if ids.count(i) > 1)
        raise ValueError(f"split {split!r} lists {twice!r} twice")
    missing = [i for i in ids if i not in there]
    if missing:
        more = f", and {len(missing) - 1} more are missing" if len(missing) > 1 else ""
        raise FileNotFoundError(
            f"{folder}: there is no image file {missing[0]!r}, which split {split!r} needs{more}. "
            + lying_there(folder, missing[0])
        )
    return [there[i] for i in ids]


def lying_there(folder: Path, wanted: str) -> str:
    """What a folder holds where the image `wanted` was expected, and what to do about it."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    near = [name for name in names if wanted and wanted in name]
    if not names:
        return "It is empty"
    name = (near or names)[0]
    if name.lower().endswith(".json"):
        return f"It holds {name}, outlines from LabelMe or the like: export them as PNG masks of class indices"
    if (folder / name).is_dir():
        return f"It holds the folder {name}, and no file is looked for in there: move what it holds up"
    if os.path.splitext(name)[1].lower() not in SUFFIXES:
        return f"It holds {name}, a kind of file that is not read: convert it to PNG or JPEG"
    return f"It holds {name}" + ": image and mask have one name but for the suffix, so rename one" * bool(near)
