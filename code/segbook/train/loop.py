"""The training loop: fixed steps, and everything random in step i follows from (seed, i)."""

import math
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset, Subset
from tqdm import tqdm

from segbook.data.nested import classes_of, looks_of
from segbook.interrupt import deferred_interrupt
from segbook.metrics import ConfusionMatrix
from segbook.train.batches import batches, derived_seed, explained_deaths
from segbook.train.distributed import Processes, processes
from segbook.train.evaluation import predicted_batches
from segbook.train.history import COLUMNS, History
from segbook.train.objective import Objective, make_loss
from segbook.train.optimizer import Updater, freeze
from segbook.train.run import RunFolder
from segbook.train.schedule import poly, warm_up
from segbook.train.settings import Settings, build

PRECISIONS = {None: torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def fit(
    model: nn.Module,
    train_set: Dataset,
    val_set: Dataset | None = None,
    settings: Settings | None = None,
    *,
    out: str | os.PathLike | None = None,
    config: dict[str, Any] | None = None,
    resume: bool = False,
    num_workers: int = 0,
    device: str | torch.device | None = None,
    progress: bool = True,
    callback: Callable[[History, int], None] | None = None,
    **changes: Any,
) -> History:
    """Train a model for a fixed number of steps: `fit(model, data, steps=600, lr=0.01)`. Returns its History.

    Weights are the caller's: seed before you build the model. Order, augmentation and dropout follow from `seed`
    and the step's number alone, so a run can be resumed, with any number of workers, and be the same run.

    Under torchrun the processes share every batch and every validation; the first of them writes and shows progress.
    The loss of a batch is the mean over their shares, and batch norm sees one share at a time.

    Args:
        model: trained in place; left in evaluation mode on `device`, with the last weights (not the best).
        train_set: items (image (3, H, W), label (H, W)) of one size, and `num_classes`; a Subset or a ConcatDataset of
            such will do. A `data.Samples` is augmented anew in each epoch.
        val_set: whole images, any size. Without one there is no best checkpoint.
        settings, changes: see `Settings`. `loss` may be any function (logits, labels) -> scalar; `validate_every` is a
            fifth of the training if not given.
        out: folder for best.pt (highest validation mIoU), last.pt, config.yaml and log.csv, written from the first
            validation on. What an earlier run left there is replaced then, not before.
        config: plain values that checkpoints keep; "model" and "num_classes" name the network for `load_run`.
        resume: go on from out/last.pt; what changes the numbers must be the same, how many processes included.
        num_workers: processes that read images, for each process that trains.
        device: "cuda" if there is one, else "cpu"; under torchrun each process takes its own GPU.
        callback: called after each step with the history and `steps`, for example a `plot.LivePlot`.

    Raises:
        ValueError: settings, images or labels that make no sense, or another run than the one to resume.
        FloatingPointError: loss or weights are not finite; names step and images. Checkpoints stay as they are.
        ChildProcessError: a process that reads images died.
        KeyboardInterrupt: Ctrl-C, once the step is done; pressed again, at once.
    """
    settings = build(settings, changes)
    check_sets(train_set, val_set, settings.batch_size)
    if resume and out is None:
        raise ValueError("resume needs `out`, the folder of the run to go on with")
    with ExitStack() as stack:
        stop_if_interrupted = stack.enter_context(deferred_interrupt())
        world = stack.enter_context(processes(device))
        if settings.batch_size % world.count:
            raise ValueError(f"{world.count} processes cannot share a batch of {settings.batch_size} equally")
        config = (config or {}) | settings.plain() | {"images": len(train_set), "processes": world.count}
        run = RunFolder(Path(out), config | looks_of(train_set)) if out is not None else None
        writing = run is not None and world.first

        freeze(model, settings.freeze, settings.freeze_bn)
        layout = torch.channels_last if settings.channels_last else torch.preserve_format
        loss = make_loss(settings, train_set, world.device, num_workers)
        objective = Objective(model, loss, settings.aux_weight).to(world.device, memory_format=layout)
        updater = Updater(model, settings, world.device)
        history = run.resume(model, updater) if resume else History()
        if resume and writing:
            run.write_texts()  # without what the log had beyond last.pt
        objective = world.wrap(objective)
        objective = torch.compile(objective) if settings.compile else objective

        hidden = not (progress and world.first)
        bar = tqdm(total=settings.steps, initial=history.step, desc="train", unit="step", disable=hidden)
        stack.enter_context(closing(bar))
        stack.enter_context(torch.random.fork_rng(devices=[world.device] if world.device.type == "cuda" else []))
        stack.enter_context(explained_deaths())
        stream = stack.enter_context(closing(batches(train_set, settings, history.step, num_workers, world)))
        per_epoch = len(train_set) // settings.batch_size
        validate_every = settings.validate_every or max(1, settings.steps // 5)
        began = time.perf_counter() - history.seconds

        for step in range(history.step + 1, settings.steps + 1):
            if settings.patience is not None and history.stale >= settings.patience:
                break
            batch = next(stream)
            rate = settings.lr * (poly(step - 1, settings.steps, settings.power) * warm_up(step - 1, settings.warmup))
            row = dict.fromkeys(COLUMNS) | {"step": step, "epoch": (step - 1) // per_epoch, "lr": rate}
            if settings.skip_broken:
                row["broken"] = report_broken(sum(world.gather(batch.broken), []), history, quiet=not world.first)
            states = world.gather((batch.images is not None) + batch.has_labels)
            if max(states) == 2 and min(states) >= 1:  # some process has a label and each an image: all step, or none
                seed_dropout(derived_seed(settings.seed, 1, step, world.rank), world.device)
                objective.train()
                images = batch.images.to(world.device, non_blocking=True, memory_format=layout)  # (N, 3, H, W)
                labels = batch.labels.to(world.device, non_blocking=True)  # (N, H, W)
                with torch.autocast(world.device.type, PRECISIONS[settings.amp], enabled=settings.amp is not None):
                    value = objective(images, labels)
                values = world.gather(value.item())  # the one wait for the GPU in a step
                row["loss"] = sum(values) / len(values)
                if not math.isfinite(row["loss"]):
                    raise FloatingPointError(not_finite(row, values, world.gather(batch.names)))
                updater.step(value, rate)
            saving = step % validate_every == 0 or step == settings.steps
            if saving:
                check_weights(model, step)
            if saving and val_set is not None:
                bar.set_description("validate")
                matrix = validate(model, val_set, world, num_workers, stop_if_interrupted)
                bar.set_description("train")
                row |= {"val_mean_iou": matrix.mean_iou(), "val_pixel_accuracy": matrix.pixel_accuracy()}
            row["seconds"] = time.perf_counter() - began
            history.add(row)
            if writing:
                run.log(row)
            if writing and saving:
                run.save(model, history, updater)
            if callback is not None and world.first:
                callback(history, settings.steps)
            bar.set_postfix(loss=row["loss"], val_miou=history.best, refresh=False)
            bar.update()
            stop_if_interrupted()
    model.eval()
    return history


def validate(
    model: nn.Module, val_set: Dataset, world: Processes, num_workers: int, stop_if_interrupted: Callable[[], None]
) -> ConfusionMatrix:
    """`evaluate` by all processes, each on its share of the images."""
    world.same_buffers(model)
    mine = Subset(val_set, world.share(range(len(val_set)))) if world.count > 1 else val_set
    matrix = ConfusionMatrix(classes_of(val_set))
    for _, classes, labels in predicted_batches(model, mine, num_workers=num_workers):
        stop_if_interrupted()
        matrix.update(classes, labels)
    matrix.counts = sum(world.gather(matrix.counts))  # integers, so exactly what one process would have counted
    return matrix


def seed_dropout(seed: int, device: torch.device) -> None:
    """Set the generator that dropout draws from, and no other GPU's (torch.manual_seed sets them all)."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def check_sets(train_set: Dataset, val_set: Dataset | None, batch_size: int) -> None:
    """Refuse sets of which no batch, or no validation, can be made."""
    if (count := len(train_set)) < batch_size:
        held = f"the training set holds {count} images, fewer than one batch of {batch_size}"
        raise ValueError(f"{held}; incomplete batches are dropped, so choose batch_size={count} or less")
    if val_set is not None and len(val_set) == 0:
        raise ValueError("the validation set is empty; leave it out to train without validation")


def report_broken(broken: list[tuple[str, str]], history: History, quiet: bool) -> str:
    """Name each broken image on standard error when it is first met; return their names for the log."""
    for name, reason in broken:
        if name not in history.broken and not quiet:
            tqdm.write(f"left out {name}: {reason}", file=sys.stderr)
    return ";".join(name for name, _ in broken)


def not_finite(row: dict[str, Any], losses: list[float], names: list[list[str]]) -> str:
    """The sentence of a training that must stop: loss and images of the first process whose loss is not finite."""
    value, of = next(pair for pair in zip(losses, names) if not math.isfinite(pair[0]))
    return (
        f"the loss is {value} at step {row['step']} (epoch {row['epoch']}, learning rate {row['lr']:.3g}) on the "
        f"images {', '.join(of)}; saved files are untouched. Likely causes: a learning rate too high (try a tenth "
        "of it, a warm-up, or clip=1.0), a broken image, or fp16, whose largest number is 65504 (try bf16)"
    )


def check_weights(model: nn.Module, step: int) -> None:
    """Refuse to save weights that no training can go on from: a finite loss may have an infinite gradient."""
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise FloatingPointError(
                f"{name} holds numbers that are not finite after step {step}, although the loss was finite: a gradient "
                "overflowed. Checkpoints are left as they were; try a lower learning rate, or clip=1.0"
            )
