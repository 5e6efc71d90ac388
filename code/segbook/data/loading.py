"""One call for every data set, ready for a network."""

from collections.abc import Callable
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from segbook.data.archives import CamVid, VOCSegmentation
from segbook.data.faults import split_faults
from segbook.data.folder import ImageFolderSegmentation
from segbook.data.reader import SegmentationPairs
from segbook.data.toy import ToyVOC
from segbook.data.transforms import normalise, sample_seed, seeded, training_transforms
from segbook.naming import unknown_name

DATASETS = {"toy": ToyVOC, "voc": VOCSegmentation, "camvid": CamVid, "folder": ImageFolderSegmentation}


class Samples(Dataset):
    """What a network eats: (image float32 (3, H, W), normalised; label int64 (H, W), 255 = void).

    `samples[epoch, index]` is a sample in that epoch, `samples[index]` in epoch 0. What `transforms(image, label)`,
    called on bytes, draws depends on (seed, epoch, index) and on nothing else: not on the number of workers, the order
    of reading, or where a run was resumed.
    """

    def __init__(self, pairs: SegmentationPairs, transforms: Callable | None = None, seed: int = 0):
        self.pairs, self.transforms, self.seed = pairs, transforms, seed
        self.classes, self.num_classes = pairs.classes, pairs.num_classes
        self.palette, self.ids = pairs.palette, pairs.ids

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
    transforms: Callable | None = None,
    **options,
) -> Samples:
    """A data set by name: "toy", "voc", "camvid", or "folder", your own.

    Args:
        split: "train", "val", or what else the archive has ("trainval" in VOC, "test" in CamVid).
        root: folder that holds VOCdevkit or CamVid (default $SEGBOOK_DATA); for "toy" the folder to keep it in, for
            "folder" your own, see ImageFolderSegmentation.
        crop_size: (height, width) turns on random scale, crop with padding, and flip; None gives whole images.
        seed: of what is drawn at random.
        scale: range of the random scale before a crop; default (0.5, 2) for photographs, (1, 1) for "toy", whose
            sizes vary by construction.
        transforms: your own, called as transforms(image, label) on tv_tensors of bytes, after the crop if there is one.
        options: for the data set's own class, for example one_scale=True for "toy".

    Raises ValueError: unknown name or split, `scale` without `crop_size`, masks of which `check_data` says that they
    would ruin a training. FileNotFoundError: the data is not there.
    """
    if name not in DATASETS:
        raise unknown_name("data set", name, DATASETS)
    if scale is not None and crop_size is None:
        raise ValueError(f"scale={scale} is the range of the random scale before a crop; give crop_size too")
    pairs = DATASETS[name](root, split, **options)
    for _, fault in split_faults(pairs) if name != "toy" else ():  # which was drawn here
        raise ValueError(f"split {split!r}: {fault}")
    steps = []
    if crop_size is not None:
        steps.append(training_transforms(crop_size, scale or ((1.0, 1.0) if name == "toy" else (0.5, 2.0))))
    if transforms is not None:
        steps.append(transforms)
    return Samples(pairs, v2.Compose(steps) if steps else None, seed)
