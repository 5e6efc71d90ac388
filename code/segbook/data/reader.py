"""Reading pairs of image and label map from files, with errors that say which file and what is wrong."""

import os
from collections.abc import Callable
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors

from segbook.data.palette import VOID
from segbook.files import read_image, read_mask


class SegmentationPairs(Dataset):
    """Pairs of files, decoded when they are asked for: memory holds one pair at a time, not the data set.

    A subclass sets `classes` and `palette` and hands over `ids` with one image path and one mask path each.
    Images keep their own size. `dataset[i]` is (image uint8 (3, H, W), label int64 (H, W)) as tv_tensors,
    so a transform of torchvision.transforms.v2 changes both together; given `transforms(image, label)`,
    what it returns.

    Raises (when a pair is read):
        ValueError: a mask of another size than its image, or a label that is neither a class nor 255.
    """

    classes: list[str]
    palette: Tensor  # uint8 (C, 3)

    def __init__(self, ids: list[str], images: list[Path], masks: list[Path], transforms: Callable | None = None):
        self.ids = ids
        self.images = images
        self.masks = masks
        self.transforms = transforms

    @property
    def num_classes(self) -> int:
        return len(self.classes)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        image, mask = self.read(index)
        label = tv_tensors.wrap(mask.long(), like=mask)
        return self.transforms(image, label) if self.transforms else (image, label)

    def read(self, index: int) -> tuple[tv_tensors.Image, tv_tensors.Mask]:
        """The pair as stored, before any transform, the mask still in bytes: uint8 (H, W)."""
        image = tv_tensors.Image(read_image(self.images[index]))
        mask = self.read_label(index, image)
        if mask.shape != image.shape[1:]:
            raise ValueError(
                f"{self.masks[index]}: the mask is {_size(mask)} but its image {self.images[index].name} is "
                f"{_size(image)} (height x width), both upright as their EXIF data says; they must agree, and a "
                "mask is resized by nearest only"
            )
        self.check(mask, self.masks[index])
        return image, mask

    def read_label(self, index: int, image: Tensor) -> tv_tensors.Mask:
        """The stored label map, unchecked: uint8 (H, W). A subclass whose files hold something else overrides it."""
        return tv_tensors.Mask(read_mask(self.masks[index]))

    def check(self, mask: Tensor, path: Path) -> None:
        """Refuse labels that no class has. In bytes 255 + 1 is 0, so one comparison lets void pass too."""
        if int((mask + 1).max()) > len(self.classes):
            row, column = ((mask + 1) > len(self.classes)).nonzero()[0].tolist()
            raise ValueError(
                f"{path}: label {int(mask[row, column])} at row {row}, column {column} is neither one of the "
                f"{len(self.classes)} classes (0 to {len(self.classes) - 1}) nor void ({VOID})"
            )


def _size(picture: Tensor) -> str:
    return f"{picture.shape[-2]}x{picture.shape[-1]}"


def data_root(root: str | Path | None, folder: str, how: str) -> Path:
    """The folder that holds `folder`: root, or $SEGBOOK_DATA where root is None.

    Raises:
        FileNotFoundError: neither is given, or `folder` is not in it; `how` says how to get the data.
    """
    if root is None:
        root = os.environ.get("SEGBOOK_DATA")
        if not root:
            raise FileNotFoundError(f"no data folder: give root or set SEGBOOK_DATA to the folder of {folder}. {how}")
    if not (Path(root) / folder).is_dir():
        raise FileNotFoundError(f"{root}: there is no {folder} in this folder. {how}")
    return Path(root)


def read_split(folder: Path, split: str) -> list[str]:
    """The ids that `folder/split.txt` lists, one a line, in its order.

    Raises:
        ValueError: no such split (the message names those there are), or an empty one.
    """
    path = folder / f"{split}.txt"
    if not path.is_file():
        there = sorted(p.stem for p in folder.glob("*.txt"))
        raise ValueError(f"{folder}: there is no split {split!r}; available: {', '.join(there) or 'none'}")
    ids = [line.strip() for line in path.read_text().splitlines() if line.strip()]
    if not ids:
        raise ValueError(f"{path}: the split file is empty; it must list one image id a line")
    return ids


def find_files(ids: list[str], folder: Path, suffixes: tuple[str, ...], split: str) -> list[Path]:
    """One file for each id. The folder is listed once, so a missing file shows before training, not during it.

    Raises:
        FileNotFoundError: the folder, or a file that the split names, is missing.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; split {split!r} needs it")
    there = set(os.listdir(folder))
    names = [next((i + s for s in suffixes if i + s in there), None) for i in ids]
    missing = [i for i, name in zip(ids, names) if name is None]
    if missing:
        raise FileNotFoundError(
            f"{folder / (missing[0] + suffixes[0])}: split {split!r} lists {missing[0]!r} but the file is missing"
            + (f", and {len(missing) - 1} more are" if len(missing) > 1 else "")
        )
    return [folder / name for name in names]
