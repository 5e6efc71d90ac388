"""PASCAL VOC 2012 as it lies in its archive."""

from collections.abc import Callable
from pathlib import Path

from segbook.data.palette import VOC_CLASSES, VOC_PALETTE
from segbook.data.reader import SegmentationPairs, data_root, find_files, read_split


class VOCSegmentation(SegmentationPairs):
    """The segmentation pairs of PASCAL VOC 2012: 20 classes and background, 255 = void.

    Args:
        root: folder that holds VOCdevkit/VOC2012; None takes $SEGBOOK_DATA.
        split: a name in ImageSets/Segmentation: "train" (1,464 images in the official archive),
            "val" (1,449) or "trainval".
        transforms: called as transforms(image, label) with tv_tensors.

    Raises:
        FileNotFoundError: no such folder, or an id of the split without its file.
        ValueError: unknown or empty split.

    Source: Everingham et al., host.robots.ox.ac.uk/pascal/VOC/voc2012.
    """

    classes = VOC_CLASSES
    palette = VOC_PALETTE

    def __init__(self, root: str | Path | None = None, split: str = "train", transforms: Callable | None = None):
        self.root = data_root(root, "VOCdevkit/VOC2012", "segbook.data.download_voc(root) fetches it (2 GB).")
        self.split = split
        base = self.root / "VOCdevkit" / "VOC2012"
        ids = read_split(base / "ImageSets" / "Segmentation", split)
        images = find_files(ids, base / "JPEGImages", (".jpg",), split)
        masks = find_files(ids, base / "SegmentationClass", (".png",), split)
        super().__init__(ids, images, masks, transforms)
