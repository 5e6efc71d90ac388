"""One training in several processes, one a GPU: torchrun starts them, torch.distributed joins them::

    torchrun --nproc-per-node 2 --no-python segbook train fcn8s_tiny --data toy --out run

Every process holds the whole network and reads its share of each batch. DistributedDataParallel averages the gradients,
so that all take the same step. What else they must agree on goes through `gather`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this is, and the device it computes on. One process alone is number 0 of 1."""

    rank: int
    count: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this is the one process that writes files and shows progress."""
        return self.rank == 0

    def share(self, items: Sequence) -> Sequence:
        """Every count-th item: what this process takes of a list. Lengths may differ by one."""
        return items[self.rank :: self.count]

    def wrap(self, objective: nn.Module) -> nn.Module:
        """The objective whose gradients are averaged over the processes. Also copies the first one's weights to all."""
        if self.count == 1:
            return objective
        return DistributedDataParallel(objective, [self.device.index] if self.device.type == "cuda" else None)

    def gather(self, value: Any) -> list[Any]:
        """What each process gave, in the order of ranks; the same list in all of them."""
        values = [value] * self.count
        if self.count > 1:
            dist.all_gather_object(values, value)
        return values

    def same_buffers(self, model: nn.Module) -> None:
        """Give every process the first one's buffers. Batch norm's statistics have followed each share's own images."""
        for buffer in model.buffers() if self.count > 1 else ():
            dist.broadcast(buffer, src=0)


ALONE = Processes(0, 1, torch.device("cpu"))


@contextmanager
def processes(device: str | torch.device | None = None) -> Iterator[Processes]:
    """Join the processes that torchrun started, or be one alone; leave them at the end if joined here.

    `device` is "cuda" if there is one, else "cpu". Without a number each process takes the GPU of its local rank;
    ValueError where there are more of them than GPUs.
    """
    device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    joined = dist.is_available() and dist.is_initialized()
    if not joined and not (dist.is_available() and dist.is_torchelastic_launched()):
        yield Processes(0, 1, device)
        return
    if device.type == "cuda":
        local, count = int(os.environ.get("LOCAL_RANK", 0)), torch.cuda.device_count()
        if device.index is None and local >= count:
            raise ValueError(f"process {local} has no GPU, there are {count}: start one a GPU (--nproc-per-node)")
        device = device if device.index is not None else torch.device("cuda", local)
        torch.cuda.set_device(device)
    if not joined:  # gloo joins CPUs, and carries the small agreements beside nccl's gradients
        dist.init_process_group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(dist.get_rank(), dist.get_world_size(), device)
    finally:
        if not joined:
            dist.destroy_process_group()
