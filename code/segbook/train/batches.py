"""Training batches: which images, in which order, read by how many processes, and what may be wrong with them.

Everything random in step i follows from (seed, i), so that a run can be cut anywhere and go on as if it had not been.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from segbook.train.distributed import Processes
from segbook.train.evaluation import id_of, root_of
from segbook.train.interrupt import ignore_interrupts

ALONE = Processes(0, 1, torch.device("cpu"))


class Batch(NamedTuple):
    """What this process has of one training batch, and where it comes from."""

    epoch: int
    chunk: list[int]  # indices of the whole batch, all processes together
    indices: list[int]  # of the images here, those that could be read
    images: Tensor | None  # (N, 3, H, W), None if none could be read
    labels: Tensor | None  # (N, H, W)
    broken: list[tuple[str, str]]  # id and reason of those that could not


def derived_seed(*numbers: int) -> int:
    """One well mixed seed from several numbers: (seed, stream, epoch or step, ...). Zeros at the end change nothing."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def order(size: int, seed: int, epoch: int) -> list[int]:
    """The order in which epoch `epoch` visits the `size` items of a training set."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(derived_seed(seed, 0, epoch))).tolist()


class Survivor(Dataset):
    """A data set in which an item that cannot be read is the reason why, so that reading goes on."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except (ValueError, OSError) as error:
            return str(error)


def batches(
    dataset: Dataset,
    batch_size: int,
    seed: int,
    start: int = 0,
    num_workers: int = 0,
    world: Processes = ALONE,
    skip_broken: bool = False,
) -> Iterator[Batch]:
    """Training batches without end, from step `start` on. The last, smaller batch of an epoch is dropped."""
    per_epoch = len(dataset) // batch_size
    epoch, done = divmod(start, per_epoch)
    root = root_of(dataset)
    while True:
        if hasattr(root, "set_epoch"):
            root.set_epoch(epoch)
        indices = order(len(dataset), seed, epoch)
        chunks = [indices[i * batch_size : (i + 1) * batch_size] for i in range(done, per_epoch)]
        loader = DataLoader(
            Survivor(dataset) if skip_broken else dataset,
            batch_sampler=[world.share(chunk) for chunk in chunks],
            num_workers=num_workers,
            collate_fn=collate,
            worker_init_fn=ignore_interrupts,
            generator=torch.Generator().manual_seed(0),  # or the loader would draw from the global one
            pin_memory=world.device.type == "cuda",
        )
        # The loader comes first, so that it is read to its end and stops its processes there, and not in a destructor
        # where Python would swallow a Ctrl-C.
        for (images, labels, reasons), chunk in zip(loader, chunks):
            mine = world.share(chunk)
            readable = [index for index, reason in zip(mine, reasons) if reason is None]
            broken = [(id_of(dataset, index), reason) for index, reason in zip(mine, reasons) if reason is not None]
            yield Batch(epoch, chunk, readable, images, labels, broken)
        epoch, done = epoch + 1, 0


def collate(items: list[tuple[Tensor, Tensor] | str]) -> tuple[Tensor | None, Tensor | None, list[str | None]]:
    """Stack items of one size: images (N, 3, H, W), labels (N, H, W); and for each item why it is missing, or None."""
    reasons = [item if isinstance(item, str) else None for item in items]
    readable = [item for item in items if not isinstance(item, str)]
    sizes = {tuple(image.shape[-2:]) for image, _ in readable}
    if len(sizes) > 1:
        raise ValueError(
            f"a training batch needs images of one size, got {sorted(sizes)}: load the training set with "
            "crop_size=(height, width)"
        )
    return *(default_collate(readable) if readable else (None, None)), reasons
