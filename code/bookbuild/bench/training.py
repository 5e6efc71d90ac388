"""The part of `make bench` that is about training: what fit adds to a bare loop, checkpoints, and the loader."""

import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch.utils.data import DataLoader, Dataset, Subset

from bookbuild.bench.timing import Row, in_turns
from segbook import data, models, train
from segbook.data.transforms import IMAGENET_MEAN, IMAGENET_STD
from segbook.losses import cross_entropy
from segbook.train import checkpoint


def train_fit() -> list[Row]:
    """Steps of `fit` against the same steps in the shortest loop: read, forward, loss, backward, AdamW."""
    steps, batch = 8, 16
    dataset = Subset(data.load("toy", "train", crop_size=(96, 128)), range(steps * batch))
    bare, ours = (models.create("fcn8s_tiny").train() for _ in range(2))

    def bare_loop() -> None:
        optimizer = torch.optim.AdamW(bare.parameters(), lr=0.01, weight_decay=1e-4)
        for images, labels in DataLoader(dataset, batch, shuffle=True):
            loss = cross_entropy(bare(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def fit() -> None:
        train.fit(ours, dataset, steps=steps, batch_size=batch, lr=0.01, device="cpu", progress=False)

    mine, theirs = in_turns(fit, bare_loop, seconds=40)
    return [Row(f"fit, fcn8s_tiny, {steps} steps of {batch} images", mine, "bare loop", theirs, 0.98)]


def train_second_epoch() -> list[Row]:
    """The first step of each new epoch against the other steps: the processes that read go on over its border."""
    per_epoch, epochs, moments = 6, 5, []
    dataset = Subset(data.load("toy", "train", crop_size=(96, 128)), range(16 * per_epoch))
    train.fit(
        models.create("fcn8s_tiny"),
        dataset,
        steps=per_epoch * epochs,
        device="cpu",
        num_workers=1,
        progress=False,
        callback=lambda *_: moments.append(time.perf_counter()),
    )
    taken = [1000 * (late - early) for early, late in zip(moments, moments[1:])]  # of step 2, 3, ...
    first = [taken[i - 1] for i in range(per_epoch, len(moments), per_epoch)]
    others = [value for i, value in enumerate(taken, 1) if i % per_epoch]
    return [Row("first step of an epoch", statistics.median(first), "other steps", statistics.median(others), 0.83)]


def train_checkpoint() -> list[Row]:
    """Weights and AdamW's state of 12.8 million parameters, forced onto the disk, against torch.save, which is not."""
    model = models.create("fcn_resnet18_d8")
    optimizer = torch.optim.AdamW(model.parameters())
    sum(p.sum() for p in model.parameters()).backward()
    optimizer.step()
    state = {"state": model.state_dict(), "optimizer": optimizer.state_dict()}
    with tempfile.TemporaryDirectory() as folder:
        mine, theirs = in_turns(
            lambda: checkpoint.save(f"{folder}/ours.pt", model, optimizer=optimizer.state_dict()),
            lambda: torch.save(state, f"{folder}/theirs.pt"),
        )
        size = Path(folder, "ours.pt").stat().st_size / 1e6
    return [Row(f"checkpoint of {size:.0f} MB", mine, "torch.save", theirs)]


def train_loader(root: Path) -> list[Row]:
    """An epoch of VOC crops at random scales 0.5 to 2, with two workers.

    The peer is torchvision's reference training (references/segmentation/presets.py) on its v2 transforms: resize the
    whole picture so that its short side, 375 pixels in most of VOC, has 188 to 750, flip, crop, normalise.
    """
    from torchvision import tv_tensors
    from torchvision.datasets import VOCSegmentation
    from torchvision.transforms import v2

    count, crop = 256, (320, 480)
    steps = v2.Compose(
        [
            v2.RandomResize(188, 750),
            v2.RandomHorizontalFlip(),
            v2.RandomCrop(crop, pad_if_needed=True, fill={tv_tensors.Mask: 255, tv_tensors.Image: 0}),
            v2.ToDtype({tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64}, scale=True),
            v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
        ]
    )

    def transforms(image, mask):
        image, mask = steps(v2.functional.to_image(image), tv_tensors.Mask(mask))
        return image.as_subclass(torch.Tensor), mask[0].as_subclass(torch.Tensor)

    theirs = VOCSegmentation(root, year="2012", image_set="train", transforms=transforms)

    def epochs(dataset: Dataset):
        loader = DataLoader(
            Subset(dataset, range(count)), batch_size=16, shuffle=True, num_workers=2, persistent_workers=True
        )

        def epoch() -> None:
            for images, labels in loader:
                assert images.shape[2:] == labels.shape[1:] == crop

        return epoch

    mine, other = in_turns(epochs(data.load("voc", "train", root, crop_size=crop)), epochs(theirs), seconds=30)
    return [Row(f"loader, {count} VOC crops, scale 0.5 to 2, 2 workers", mine, "torchvision", other, 1)]
