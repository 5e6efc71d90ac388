"""What goes wrong in a training: how it is noticed, and the sentence that says what to do."""

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset
from tqdm import tqdm

from segbook.data.palette import VOID
from segbook.train.batches import Batch
from segbook.train.distributed import Processes
from segbook.train.evaluation import id_of
from segbook.train.history import History

PRECISIONS = {None: torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
EMPTY, ALL_VOID, USABLE = range(3)  # what a batch is good for


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


def check_settings(
    *, lr: float, power: float, warmup: int, head_lr: float, clip: float | None, amp: str | None
) -> None:
    """Refuse what no training can mean."""
    for name, value in {"lr": lr, "head_lr": head_lr, "clip": clip}.items():
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{name} is a number above 0, got {value}")
    for name, value in {"power": power, "warmup": warmup}.items():
        if not 0 <= value < math.inf:
            raise ValueError(f"{name} is at least 0, got {value}")
    if amp not in PRECISIONS:
        raise ValueError(f'amp is "bf16", "fp16" or None, got {amp!r}')


def usable(batch: Batch, dataset: Dataset, num_classes: int) -> int:
    """EMPTY, ALL_VOID or USABLE; checked before the labels reach a GPU, where a wrong one is fatal.

    Raises:
        ValueError: a label that is neither a class nor void, with its image.
    """
    if batch.labels is None:
        return EMPTY
    lowest, highest = torch.aminmax(batch.labels)
    top = int((batch.labels.to(torch.uint8) + 1).max())  # void becomes 0, classes 1 to C: two cheap passes
    if lowest >= 0 and highest <= VOID and top <= num_classes:
        return USABLE if top > 0 else ALL_VOID
    wrong = (batch.labels < 0) | ((batch.labels >= num_classes) & (batch.labels != VOID))
    item = int(wrong.flatten(1).any(1).nonzero()[0])
    value = int(batch.labels[item][wrong[item]][0])
    name = id_of(dataset, batch.indices[item])
    raise ValueError(
        f"the label of image {name} holds {value}, which is neither a class (0 to {num_classes - 1}) nor void ({VOID})"
    )


def report_broken(broken: list[tuple[str, str]], history: History, quiet: bool) -> str:
    """Name each broken image on standard error when it is first met; return their ids for the log."""
    for name, reason in broken:
        if name not in history.broken and not quiet:
            tqdm.write(f"left out {name}: {reason}", file=sys.stderr)
    return ";".join(name for name, _ in broken)


def not_finite(
    losses: list[float],
    row: dict,
    batch: Batch,
    dataset: Dataset,
    world: Processes,
    out: Path | None,
    amp: str | None,
    clip: float | None,
) -> str:
    """The sentence of a training that must stop, the same in all processes."""
    rank = next((i for i, value in enumerate(losses) if not math.isfinite(value)), 0)
    names = ", ".join(id_of(dataset, index) for index in world.share(batch.chunk, rank))
    kept = f"; {out / 'last.pt'} is from before" if out is not None and (out / "last.pt").is_file() else ""
    causes = ["a learning rate too high (try a tenth of it, or a warm-up)", "a broken image"]
    if amp == "fp16":
        causes.insert(0, 'fp16, whose largest number is 65504 (try amp="bf16", or none)')
    elif clip is None:
        causes.insert(1, "a gradient that should have been clipped (clip=1.0)")
    return (
        f"the loss is {losses[rank]} at step {row['step']} (epoch {row['epoch']}, learning rate {row['lr']:.3g}) on "
        f"the images {names}{kept}. Likely causes: {', '.join(causes[:-1])}, or {causes[-1]}"
    )


def check_weights(model: nn.Module, step: int) -> None:
    """Refuse to save weights that no training can go on from: a finite loss may have an infinite gradient.

    Raises:
        FloatingPointError: naming the first such parameter.
    """
    for name, parameter in model.named_parameters():
        if not parameter.isfinite().all():
            raise FloatingPointError(
                f"{name} holds numbers that are not finite after step {step}, although the loss was finite: a gradient "
                "overflowed. Checkpoints are left as they were; try a lower learning rate, or clip=1.0"
            )


@contextmanager
def explained_deaths() -> Iterator[None]:
    """Say what to do where a process that reads images is killed. Its death may surface at any line of the loop."""
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        reason = str(error).splitlines()[0].rstrip(". ")
        raise ChildProcessError(
            f"a process that reads images died ({reason}): most often the machine ran out of memory. Use fewer workers "
            "and resume; the last checkpoint is untouched"
        ) from error
