"""Training batches: which images, in which order, read by how many processes, and what is wrong with them.

Everything random in step i follows from (seed, i), so that a run can be cut anywhere and go on as if it had not been.
What travels is (epoch, index): one loader serves the whole training, and its processes need no other news.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from segbook.data import VOID, Samples, check_labels, sample_seed, seeded
from segbook.data.nested import classes_of, locate
from segbook.interrupt import ignore_interrupts
from segbook.train.distributed import ALONE, Processes
from segbook.train.settings import Settings


def derived_seed(*numbers: int) -> int:
    """One well mixed seed from several numbers: (seed, stream, epoch or step, ...). Zeros at the end change nothing."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def order(size: int, seed: int, epoch: int) -> list[int]:
    """The order in which epoch `epoch` visits the `size` items of a training set."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(derived_seed(seed, 0, epoch))).tolist()


def batch_positions(
    size: int, batch_size: int, seed: int, start: int, world: Processes
) -> Iterator[list[tuple[int, int]]]:
    """(epoch, index) of this process's images in each batch from step `start` on; an incomplete last one is dropped."""
    per_epoch = size // batch_size
    epoch, done = divmod(start, per_epoch)
    while True:
        indices = order(size, seed, epoch)
        for first in range(done * batch_size, per_epoch * batch_size, batch_size):
            yield [(epoch, index) for index in world.share(indices[first : first + batch_size])]
        epoch, done = epoch + 1, 0


class Batch(NamedTuple):
    """What this process has of one training batch."""

    names: list[str]  # of the images that could be read
    images: Tensor | None  # (N, 3, H, W), None if none could
    labels: Tensor | None  # (N, H, W)
    has_labels: bool  # whether any pixel is not void
    broken: list[tuple[str, str]]  # name of each image that could not be read, and why


class Reader(Dataset):
    """The items of a data set by (epoch, index): (name, image, label), or (name, reason) if one cannot be read."""

    def __init__(self, dataset: Dataset, seed: int, skip_broken: bool):
        self.dataset = dataset
        self.seed = seed
        self.skip_broken = skip_broken
        self.num_classes = classes_of(dataset)

    def __getitem__(self, position: tuple[int, int]) -> tuple:
        epoch, index = position
        dataset, inside = locate(self.dataset, index)
        name = dataset.ids[inside] if hasattr(dataset, "ids") else str(inside)
        try:
            with seeded(sample_seed(self.seed, epoch, index)):  # what is no Samples may draw from torch's generator
                image, label = dataset[(epoch, inside) if isinstance(dataset, Samples) else inside]
        except (ValueError, OSError) as error:
            if not self.skip_broken:
                raise
            return name, str(error)
        check_labels(torch.as_tensor(label), self.num_classes, f"image {name}: ")
        return name, image, label


def collate(items: list[tuple]) -> Batch:
    """Stack items of one size."""
    broken = [item for item in items if len(item) == 2]
    readable = [item for item in items if len(item) == 3]
    sizes = sorted({tuple(image.shape[-2:]) for _, image, _ in readable})
    if len(sizes) > 1:
        raise ValueError(f"a training batch needs images of one size, got {sizes}: load with crop_size=(height, width)")
    if not readable:
        return Batch([], None, None, False, broken)
    names, images, labels = default_collate(readable)
    return Batch(list(names), images, labels, bool((labels != VOID).any()), broken)


def loader(dataset: Dataset, **options: Any) -> DataLoader:
    """A DataLoader that draws nothing from the global generator, and whose processes leave Ctrl-C to this one."""
    seed = torch.Generator().manual_seed(0)
    return DataLoader(dataset, generator=seed, worker_init_fn=ignore_interrupts, **options)


def batches(
    dataset: Dataset, settings: Settings, start: int = 0, num_workers: int = 0, world: Processes = ALONE
) -> Iterator[Batch]:
    """Training batches without end, from step `start` on; closing the generator ends the processes that read."""
    yield from loader(
        Reader(dataset, settings.seed, settings.skip_broken),
        batch_sampler=batch_positions(len(dataset), settings.batch_size, settings.seed, start, world),
        num_workers=num_workers,
        collate_fn=collate,
        pin_memory=world.device.type == "cuda",
    )


@contextmanager
def explained_deaths() -> Iterator[None]:
    """What to do where a process that reads images is killed. Its death may surface at any line of the loop."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise ChildProcessError(
            f"a process that reads images died ({str(error).splitlines()[0].rstrip('. ')}): most often the machine ran "
            "out of memory. Use fewer workers and resume; the last checkpoint is untouched"
        ) from error
