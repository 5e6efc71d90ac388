"""PASCAL VOC 2012 as it lies in its archive, with SBD's further annotations where they were added."""

from collections.abc import Callable
from pathlib import Path

from segbook.data.palette import VOC_CLASSES, VOC_PALETTE
from segbook.data.reader import SegmentationPairs, data_root, images_in, pick, read_split


class VOCSegmentation(SegmentationPairs):
    """The segmentation pairs of PASCAL VOC 2012: 20 classes and background, 255 = void.

    SBD (Hariharan et al. 2011) annotates more of VOC's images, more coarsely and without void. Its splits "trainaug"
    (10,582 images) and "aug" (trainaug without train) are there as MMSegmentation's tools/dataset_converters/voc_aug.py
    lays them out: masks in SegmentationClassAug/NAME.png, lists in ImageSets/Segmentation/{trainaug,aug}.txt. Where
    both have a mask, VOC's own is taken, as MMSegmentation does.

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
    palette = colours = VOC_PALETTE
    base = "VOCdevkit/VOC2012"

    def __init__(self, root: str | Path | None = None, split: str = "train", transforms: Callable | None = None):
        self.root = data_root(root, self.base, "segbook.data.download_voc(root) fetches it (2 GB).")
        self.split = split
        images, masks, more = (
            self.root / self.base / name for name in ("JPEGImages", "SegmentationClass", "SegmentationClassAug")
        )
        lines = read_split(self.root / self.base / f"ImageSets/Segmentation/{split}.txt", self.splits(self.root))
        ids = [Path(line.split()[0]).stem for line in lines]  # some lists of trainaug give the two paths
        own = images_in(masks)
        added = images_in(more) if more.is_dir() else {}
        super().__init__(
            ids,
            pick(ids, images_in(images), images, split),
            pick(ids, added | own, more if added else masks, split),
            transforms,
        )

    @classmethod
    def splits(cls, root: Path) -> list[str]:
        """The splits that lie in a root."""
        return sorted(path.stem for path in (root / cls.base / "ImageSets/Segmentation").glob("*.txt"))
