"""The training loop: fixed steps, and everything random in step i follows from (seed, i)."""

import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, default_collate
from tqdm import tqdm

from segbook.data.palette import VOID
from segbook.losses import cross_entropy
from segbook.train import checkpoint
from segbook.train.evaluation import evaluate, id_of, root_of
from segbook.train.history import COLUMNS, History, Log, read_log
from segbook.train.objective import Objective
from segbook.train.schedule import poly


class Batch(NamedTuple):
    """One training batch and where it comes from."""

    epoch: int
    indices: list[int]
    images: Tensor  # (N, 3, H, W)
    labels: Tensor  # (N, H, W)


def derived_seed(*numbers: int) -> int:
    """One well mixed seed from several numbers: (seed, stream, epoch or step)."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def seed_dropout(seed: int, device: torch.device) -> None:
    """Set the generator that dropout draws from, and no other GPU's (torch.manual_seed sets them all)."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def order(size: int, seed: int, epoch: int) -> list[int]:
    """The order in which epoch `epoch` visits the `size` items of a training set."""
    return torch.randperm(size, generator=torch.Generator().manual_seed(derived_seed(seed, 0, epoch))).tolist()


def batches(dataset: Dataset, batch_size: int, seed: int, start: int = 0, num_workers: int = 0) -> Iterator[Batch]:
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
            dataset,
            batch_sampler=chunks,
            num_workers=num_workers,
            collate_fn=collate,
            generator=torch.Generator().manual_seed(0),  # or the loader would draw from the global one
        )
        for chunk, (images, labels) in zip(chunks, loader):
            yield Batch(epoch, chunk, images, labels)
        epoch, done = epoch + 1, 0


def collate(items: list[tuple[Tensor, Tensor]]) -> list[Tensor]:
    """Stack items of one size: images (N, 3, H, W), labels (N, H, W)."""
    sizes = {tuple(image.shape[-2:]) for image, _ in items}
    if len(sizes) > 1:
        raise ValueError(
            f"a training batch needs images of one size, got {sorted(sizes)}: load the training set with "
            "crop_size=(height, width)"
        )
    return default_collate(items)


def make_optimizer(
    model: nn.Module, optimizer: str, lr: float, momentum: float, weight_decay: float
) -> torch.optim.Optimizer:
    """SGD with momentum or AdamW ("sgd", "adamw") over the parameters that ask for gradients."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise ValueError("the model has no parameter to train")
    if optimizer == "sgd":
        return torch.optim.SGD(parameters, lr=lr, momentum=momentum, weight_decay=weight_decay)
    if optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=weight_decay)
    raise ValueError(f'optimizer is "sgd" or "adamw", got {optimizer!r}')


def fit(
    model: nn.Module,
    train_set: Dataset,
    val_set: Dataset | None = None,
    *,
    steps: int,
    batch_size: int = 16,
    lr: float = 1e-3,
    optimizer: str = "adamw",
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    seed: int = 0,
    validate_every: int | None = None,
    out: str | os.PathLike | None = None,
    config: dict | None = None,
    resume: bool = False,
    num_workers: int = 0,
    device: str | torch.device | None = None,
    progress: bool = True,
) -> History:
    """Train a model for a fixed number of steps, with the poly learning rate.

    Weights are the caller's: seed before you build the model. Order, augmentation and dropout follow from `seed`
    and the step's number alone, so a run can be resumed, with any number of workers, and be the same run.

    Args:
        model: trained in place; left in evaluation mode on `device`, with the last weights (not the best).
        train_set: items (image (3, H, W), label (H, W)) of one size; `num_classes`; `set_epoch` and `ids` if it has
            them. A Subset of such will do.
        val_set: whole images, any size. Without one there is no best checkpoint.
        steps: updates of the weights.
        lr: learning rate of the first step.
        optimizer: "adamw", which forgives a rough guess of lr when training from scratch, or "sgd" with `momentum`,
            the papers' choice for fine-tuning.
        loss: (logits, labels) -> scalar.
        validate_every: steps between validations; a fifth of the training if not given. The last step always does.
        out: folder for best.pt (highest validation mIoU), last.pt and log.csv, written at every validation. Files of
            an earlier run are replaced.
        config: plain values kept in every checkpoint, see `checkpoint.save`.
        resume: go on from out/last.pt; all settings must be the same.
        device: "cuda" if there is one, else "cpu".

    Returns:
        The History, that of the first part included after a resume.

    Raises:
        ValueError: no step or batch to train on, a training set smaller than a batch, images of several sizes, a label
            out of range, other settings than those of the run to resume.
        FloatingPointError: the loss is not finite; names step and images. Checkpoints stay as they are.
    """
    check_sizes(train_set, val_set, steps, batch_size)
    settings = {"steps": steps, "batch_size": batch_size, "lr": lr, "optimizer": optimizer, "momentum": momentum}
    settings |= {"weight_decay": weight_decay, "seed": seed, "images": len(train_set)}
    validate_every = validate_every or max(1, steps // 5)
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    objective = Objective(model, loss).to(device)
    optimiser = make_optimizer(model, optimizer, lr, momentum, weight_decay)
    out = Path(out) if out is not None else None
    start, history = continue_run(out, model, optimiser, settings) if resume else (0, History())
    log = None
    if out is not None:
        for name in () if resume else ("best.pt", "last.pt"):
            (out / name).unlink(missing_ok=True)  # an earlier run's: nobody may take them for this one's
        log = Log(out / "log.csv", start)

    began = time.perf_counter() - history.seconds
    bar = tqdm(total=steps, initial=start, desc="train", unit="step", mininterval=0.5, disable=not progress)
    stream = batches(train_set, batch_size, seed, start, num_workers)
    num_classes = root_of(train_set).num_classes
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            for step in range(start + 1, steps + 1):
                batch = next(stream)
                rate = lr * poly(step - 1, steps)
                for group in optimiser.param_groups:
                    group["lr"] = rate
                row = dict.fromkeys(COLUMNS) | {"step": step, "epoch": batch.epoch, "lr": rate}
                if has_valid_pixels(batch, train_set, num_classes):
                    seed_dropout(derived_seed(seed, 1, step), device)
                    objective.train()
                    value = objective(batch.images.to(device), batch.labels.to(device))
                    row["loss"] = value.item()
                    if not math.isfinite(row["loss"]):
                        raise FloatingPointError(not_finite(row, batch, train_set, out))
                    optimiser.zero_grad(set_to_none=True)
                    value.backward()
                    optimiser.step()
                saving = step % validate_every == 0 or step == steps
                if saving and val_set is not None:
                    bar.set_description("validate")
                    matrix = evaluate(model, val_set, num_workers=num_workers)
                    bar.set_description("train")
                    row |= {"val_mean_iou": matrix.mean_iou(), "val_pixel_accuracy": matrix.pixel_accuracy()}
                row["seconds"] = time.perf_counter() - began
                history.add(row)
                if log is not None:
                    log.write(row)
                if saving and out is not None:
                    common = {"settings": settings, "step": step, "val_mean_iou": row["val_mean_iou"]}
                    if history.best_step == step:
                        checkpoint.save(out / "best.pt", model, config, **common)
                    checkpoint.save(out / "last.pt", model, config, **common, optimizer=optimiser.state_dict())
                bar.set_postfix(loss=row["loss"], val_miou=history.best, refresh=False)
                bar.update()
    finally:
        stream.close()
        bar.close()
        if log is not None:
            log.close()
    model.eval()
    return history


def check_sizes(train_set: Dataset, val_set: Dataset | None, steps: int, batch_size: int) -> None:
    """Refuse a training that cannot make one step, before anything is written.

    Raises:
        ValueError: no step, no batch, fewer images than a batch, nothing to validate on.
    """
    if steps < 1 or batch_size < 1:
        raise ValueError(f"training needs at least one step and one image a batch, got {steps=} and {batch_size=}")
    if len(train_set) < batch_size:
        raise ValueError(
            f"the training set holds {len(train_set)} images, fewer than one batch of {batch_size}; incomplete batches "
            f"are dropped, so choose batch_size={len(train_set)} or less"
        )
    if val_set is not None and len(val_set) == 0:
        raise ValueError("the validation set is empty; leave it out to train without validation")


def has_valid_pixels(batch: Batch, dataset: Dataset, num_classes: int) -> bool:
    """Whether a batch holds any label but void; checked before the labels reach a GPU, where a wrong one is fatal.

    Raises:
        ValueError: a label that is neither a class nor void, with its image.
    """
    lowest, highest = torch.aminmax(batch.labels)
    top = int((batch.labels.to(torch.uint8) + 1).max())  # void becomes 0, classes 1 to C: two cheap passes
    if lowest >= 0 and highest <= VOID and top <= num_classes:
        return top > 0
    wrong = (batch.labels < 0) | ((batch.labels >= num_classes) & (batch.labels != VOID))
    item = int(wrong.flatten(1).any(1).nonzero()[0])
    value = int(batch.labels[item][wrong[item]][0])
    name = id_of(dataset, batch.indices[item])
    raise ValueError(
        f"the label of image {name} holds {value}, which is neither a class (0 to {num_classes - 1}) nor void ({VOID})"
    )


def not_finite(row: dict, batch: Batch, dataset: Dataset, out: Path | None) -> str:
    """The sentence of a training that must stop."""
    names = ", ".join(id_of(dataset, index) for index in batch.indices)
    kept = f"; {out / 'last.pt'} is from before" if out is not None and (out / "last.pt").is_file() else ""
    return (
        f"the loss is {row['loss']} at step {row['step']} (epoch {row['epoch']}, learning rate {row['lr']:.3g}) on the "
        f"images {names}{kept}. Likely causes: a learning rate too high (try a tenth of it), or a broken image"
    )


def continue_run(
    out: Path | None, model: nn.Module, optimiser: torch.optim.Optimizer, settings: dict
) -> tuple[int, History]:
    """Load the last checkpoint into model and optimiser: the step it was written at, and the log up to there.

    Raises:
        FileNotFoundError, ValueError: nothing to go on from, or a run with other settings.
    """
    if out is None:
        raise ValueError("resume needs `out`, the folder of the run to go on with")
    content = checkpoint.load(out / "last.pt")
    for name, value in settings.items():
        was = content.get("settings", {}).get(name)
        if was != value:
            raise ValueError(
                f"the run in {out} has {name} {was}, not {value}; resume with the same settings or start a new run"
            )
    checkpoint.restore(model, content, out / "last.pt")
    optimiser.load_state_dict(content["optimizer"])
    history = History()
    for row in read_log(out / "log.csv"):
        if int(row["step"]) <= content["step"]:
            history.add(row)
    return content["step"], history
