"""The training loop: fixed steps, and everything random in step i follows from (seed, i)."""

import math
import os
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset
from tqdm import tqdm

from segbook.losses import cross_entropy
from segbook.metrics import ConfusionMatrix
from segbook.train import checkpoint
from segbook.train.batches import batches, derived_seed
from segbook.train.distributed import Processes, processes
from segbook.train.evaluation import predictions, root_of
from segbook.train.faults import (
    ALL_VOID,
    PRECISIONS,
    USABLE,
    check_settings,
    check_sizes,
    check_weights,
    explained_deaths,
    not_finite,
    report_broken,
    usable,
)
from segbook.train.history import COLUMNS, History, Log, read_log
from segbook.train.interrupt import deferred_interrupt
from segbook.train.objective import Objective
from segbook.train.optimizer import Updater, make_optimizer, parameter_groups
from segbook.train.schedule import poly, warm_up


def fit(
    model: nn.Module,
    train_set: Dataset,
    val_set: Dataset | None = None,
    *,
    steps: int,
    batch_size: int = 16,
    lr: float = 1e-3,
    power: float = 0.9,
    warmup: int = 0,
    optimizer: str = "adamw",
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    no_decay: bool = False,
    head_lr: float = 1.0,
    clip: float | None = None,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    aux_weight: float = 0.4,
    amp: str | None = None,
    channels_last: bool = False,
    compile: bool = False,
    seed: int = 0,
    validate_every: int | None = None,
    out: str | os.PathLike | None = None,
    config: dict | None = None,
    resume: bool = False,
    skip_broken: bool = False,
    num_workers: int = 0,
    device: str | torch.device | None = None,
    progress: bool = True,
    callback: Callable[[History, int], None] | None = None,
) -> History:
    """Train a model for a fixed number of steps, with the poly learning rate.

    Weights are the caller's: seed before you build the model. Order, augmentation and dropout follow from `seed`
    and the step's number alone, so a run can be resumed, with any number of workers, and be the same run.

    Under torchrun the processes share every batch and every validation; the first of them writes and shows progress.
    The loss of a batch is then the mean over the processes' shares, and batch norm sees one share at a time.

    Args:
        model: trained in place; left in evaluation mode on `device`, with the last weights (not the best).
        train_set: items (image (3, H, W), label (H, W)) of one size; `num_classes`; `set_epoch` and `ids` if it has
            them. A Subset of such will do.
        val_set: whole images, any size. Without one there is no best checkpoint.
        steps: updates of the weights.
        batch_size: images a step, over all processes together.
        lr: learning rate of the first step, or of the end of the warm-up; `power` and `warmup` are those of
            `schedule.poly` and `schedule.warm_up`, the latter in steps.
        optimizer: "adamw", which forgives a rough guess of lr when training from scratch, or "sgd" with `momentum`,
            the papers' choice for fine-tuning.
        no_decay, head_lr: see `optimizer.parameter_groups`.
        clip: longest gradient, see `optimizer.Updater`.
        loss: (logits, labels) -> scalar.
        aux_weight: factor on the loss of an auxiliary head.
        amp: "bf16" or "fp16" computes in 16 bits what bears it (torch.autocast); weights stay in 32. Scores are
            always computed in 32 bits.
        channels_last: store the channels of a pixel side by side, the layout that a GPU's convolutions want.
        compile: torch.compile model and loss; minutes at the start, for a training of hours on a GPU.
        validate_every: steps between validations; a fifth of the training if not given. The last step always does.
        out: folder for best.pt (highest validation mIoU), last.pt and log.csv, written at every validation. Files of
            an earlier run are replaced.
        config: plain values kept in every checkpoint, see `checkpoint.save`.
        resume: go on from out/last.pt; whatever changes the numbers must be the same, how many processes included.
        skip_broken: leave out training images that cannot be read, name each once and count it, instead of stopping.
        num_workers: processes that read images, for each process that trains.
        device: "cuda" if there is one, else "cpu"; under torchrun each process takes its own GPU.
        callback: called after each step with the history and `steps`, for example a `LivePlot`.

    Returns:
        The History, that of the first part included after a resume.

    Raises:
        ValueError: no step or batch to train on, a training set smaller than a batch, images of several sizes, a label
            out of range, a setting that makes no sense, other settings than those of the run to resume.
        FloatingPointError: loss or weights are not finite; names step and images. Checkpoints stay as they are.
        ChildProcessError: a process that reads images died.
    """
    check_sizes(train_set, val_set, steps, batch_size)
    check_settings(lr=lr, power=power, warmup=warmup, head_lr=head_lr, clip=clip, amp=amp)
    validate_every = validate_every or max(1, steps // 5)
    num_classes = root_of(train_set).num_classes
    out = Path(out) if out is not None else None
    with ExitStack() as stack:
        stop_if_interrupted = stack.enter_context(deferred_interrupt())
        world = stack.enter_context(processes(device))
        if batch_size % world.count:
            raise ValueError(f"{world.count} processes cannot share a batch of {batch_size} equally")
        settings = {"steps": steps, "batch_size": batch_size, "lr": lr, "power": power, "warmup": warmup}
        settings |= {"optimizer": optimizer, "momentum": momentum, "weight_decay": weight_decay, "no_decay": no_decay}
        settings |= {"head_lr": head_lr, "clip": clip, "loss": getattr(loss, "__name__", type(loss).__name__)}
        settings |= {"aux_weight": aux_weight, "amp": amp, "seed": seed, "images": len(train_set)}
        settings |= {"processes": world.count}

        layout = torch.channels_last if channels_last else torch.preserve_format
        objective = Objective(model, loss, aux_weight).to(world.device, memory_format=layout)
        optimiser = make_optimizer(parameter_groups(model, weight_decay, head_lr, no_decay), optimizer, lr, momentum)
        scaler = torch.amp.GradScaler(world.device.type, enabled=amp == "fp16")
        updater = Updater(optimiser, clip, scaler)
        start, history = continue_run(out, model, updater, settings) if resume else (0, History())
        driven = world.wrap(objective)
        driven = torch.compile(driven) if compile else driven

        log = None
        if out is not None and world.first:
            for name in () if resume else ("best.pt", "last.pt"):
                (out / name).unlink(missing_ok=True)  # an earlier run's: nobody may take them for this one's
            log = stack.enter_context(closing(Log(out / "log.csv", start)))
        began = time.perf_counter() - history.seconds
        hidden = not (progress and world.first)
        bar = tqdm(total=steps, initial=start, desc="train", unit="step", mininterval=0.5, disable=hidden)
        stack.enter_context(closing(bar))
        stack.enter_context(torch.random.fork_rng(devices=[world.device] if world.device.type == "cuda" else []))
        stack.enter_context(explained_deaths())
        stream = batches(train_set, batch_size, seed, start, num_workers, world, skip_broken)
        stack.enter_context(closing(stream))

        for step in range(start + 1, steps + 1):
            batch = next(stream)
            rate = lr * (poly(step - 1, steps, power) * warm_up(step - 1, warmup))
            row = dict.fromkeys(COLUMNS) | {"step": step, "epoch": batch.epoch, "lr": rate}
            if skip_broken:
                row["broken"] = report_broken(world.gather_items(batch.broken), history, quiet=not world.first)
            states = world.gather(usable(batch, train_set, num_classes))
            if max(states) == USABLE and min(states) >= ALL_VOID:  # all processes step, or none does
                seed_dropout(derived_seed(seed, 1, step, world.rank), world.device)
                driven.train()
                images = batch.images.to(world.device, non_blocking=True, memory_format=layout)
                labels = batch.labels.to(world.device, non_blocking=True)
                with torch.autocast(world.device.type, PRECISIONS[amp], enabled=amp is not None):
                    value = driven(images, labels)
                losses = world.gather(value.item())
                row["loss"] = sum(losses) / len(losses)
                if not math.isfinite(row["loss"]):
                    raise FloatingPointError(not_finite(losses, row, batch, train_set, world, out, amp, clip))
                updater.step(value, rate)
            saving = step % validate_every == 0 or step == steps
            if saving:
                check_weights(model, step)
            if saving and val_set is not None:
                bar.set_description("validate")
                matrix = validate(model, val_set, world, num_workers, stop_if_interrupted)
                bar.set_description("train")
                row |= {"val_mean_iou": matrix.mean_iou(), "val_pixel_accuracy": matrix.pixel_accuracy()}
            row["seconds"] = time.perf_counter() - began
            history.add(row)
            if log is not None:
                log.write(row)
            if saving and log is not None:
                common = {"settings": settings, "step": step, "val_mean_iou": row["val_mean_iou"]}
                if history.best_step == step:
                    checkpoint.save(out / "best.pt", model, config, **common)
                checkpoint.save(out / "last.pt", model, config, **common, **updater.state_dict())
            if callback is not None and world.first:
                callback(history, steps)
            bar.set_postfix(loss=row["loss"], val_miou=history.best, refresh=False)
            bar.update()
            stop_if_interrupted()
    model.eval()
    return history


def seed_dropout(seed: int, device: torch.device) -> None:
    """Set the generator that dropout draws from, and no other GPU's (torch.manual_seed sets them all)."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)


def validate(
    model: nn.Module, val_set: Dataset, world: Processes, num_workers: int, stop_if_interrupted: Callable[[], None]
) -> ConfusionMatrix:
    """`evaluate` by all processes, each on its share of the images."""
    world.same_buffers(model)
    mine = Subset(val_set, world.share(range(len(val_set)))) if world.count > 1 else val_set
    matrix = ConfusionMatrix(root_of(val_set).num_classes)
    for _, prediction, label in predictions(model, mine, num_workers=num_workers):
        stop_if_interrupted()
        matrix.update(prediction[None], label[None])
    return world.add_counts(matrix)


def continue_run(out: Path | None, model: nn.Module, updater: Updater, settings: dict) -> tuple[int, History]:
    """Load the last checkpoint into model and updater: the step it was written at, and the log up to there.

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
    updater.load_state_dict(content)
    history = History()
    for row in read_log(out / "log.csv"):
        if int(row["step"]) <= content["step"]:
            history.add(row)
    return content["step"], history
