"""One call for every data set, ready for a network."""

import difflib
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset

from segbook.data.camvid import CamVid
from segbook.data.folder import ImageFolderSegmentation
from segbook.data.reader import SegmentationPairs
from segbook.data.toy import ToyVOC
from segbook.data.transforms import normalise, sample_seed, seeded, training_transforms
from segbook.data.voc import VOCSegmentation

DATASETS = {"toy": ToyVOC, "voc": VOCSegmentation, "camvid": CamVid, "folder": ImageFolderSegmentation}


class Samples(Dataset):
    """What a network eats: (image float32 (3, H, W), normalised; label int64 (H, W), 255 = void).

    A sample's augmentation depends on (seed, epoch, index) and on nothing else: not on the number of
    workers, the order of reading, or where a run was resumed. `samples[epoch, index]` is a sample in an
    epoch, `samples[index]` in epoch 0.

    Args:
        pairs: where images and labels come from.
        transforms: random, called as transforms(image, label) on bytes; None leaves whole images.
        seed: of the augmentation.
    """

    def __init__(self, pairs: SegmentationPairs, transforms=None, seed: int = 0):
        self.pairs = pairs
        self.transforms = transforms
        self.seed = seed
        self.classes = pairs.classes
        self.num_classes = pairs.num_classes
        self.palette = pairs.palette
        self.ids = pairs.ids

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, key: int | tuple[int, int]) -> tuple[Tensor, Tensor]:
        epoch, index = key if isinstance(key, tuple) else (0, key)
        index = range(len(self.pairs))[index]  # so that -1 is the last one, with the last one's seed
        image, mask = self.pairs.read(index)
        if self.transforms is not None:
            with seeded(sample_seed(self.seed, epoch, index)):
                image, mask = self.transforms(image, mask)
        return normalise(image), mask.as_subclass(Tensor).long()  # floats and int64 only after the crop


def load(
    name: str,
    split: str,
    root: str | Path | None = None,
    crop_size: tuple[int, int] | None = None,
    seed: int = 0,
    scale: tuple[float, float] | None = None,
    **options,
) -> Samples:
    """A data set by name: "toy", "voc", "camvid", or "folder", your own.

    Args:
        split: "train", "val", or what else the archive has ("trainval" in VOC, "test" in CamVid).
        root: folder that holds VOCdevkit or CamVid (default $SEGBOOK_DATA); for "toy" the folder to keep it in, for
            "folder" your own, see ImageFolderSegmentation.
        crop_size: (height, width) turns on training augmentation: random scale, crop with padding, flip.
            None gives whole images, each at its own size.
        seed: of the augmentation.
        scale: range of the random scale; default (0.5, 2) for photographs, (1, 1) for "toy", whose
            sizes vary by construction.
        options: for the data set's own class, for example one_scale=True for "toy".

    Raises:
        ValueError: unknown name or split. FileNotFoundError: the data is not there.
    """
    if name not in DATASETS:
        near = difflib.get_close_matches(str(name), DATASETS, n=1)
        guess = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"unknown data set {name!r}, available: {', '.join(DATASETS)}{guess}")
    pairs = DATASETS[name](root, split, **options)
    if crop_size is None:
        return Samples(pairs, seed=seed)
    scale = scale or ((1.0, 1.0) if name == "toy" else (0.5, 2.0))
    return Samples(pairs, training_transforms(crop_size, scale), seed)
