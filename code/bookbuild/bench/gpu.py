"""`make gpu`, the speed: images a second and memory of the full-size networks, into results/gpu/speed.json.

Each network takes training steps and answers in three ways: ours with bfloat16, channels_last and torch.compile, ours
as it comes, and torchvision's as it comes where it has that network. Beside them stands the rate of a large matrix
product on the same card, since no network can be faster than that.
"""

import argparse
import platform
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models import segmentation as torchvision_models
from tqdm import tqdm

from bookbuild.bench.networks import gflops, loss_of_ours, loss_of_theirs
from bookbuild.records import provenance, write
from segbook import models

SIZE = (16, 3, 512, 512)
NETWORKS = (
    "deeplabv3plus_mobilenet_v2",
    "fcn8s_resnet18",
    "fcn_resnet50",
    "deeplabv3_resnet50",
    "deeplabv3plus_resnet50",
)
PEERS = ("fcn_resnet50", "deeplabv3_resnet50")  # of torchvision


class Loss(nn.Module):
    """`loss_of_ours` as a module, since torch.compile wraps a module's forward and nothing else."""

    def __init__(self, model: nn.Module):
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return loss_of_ours(self.model, x)


def speed(run: Callable[[], object], count: int, device: torch.device, seconds: float) -> dict:
    """Images a second of a call that takes `count` of them, after three calls to warm up, and the memory's peak."""
    cuda = device.type == "cuda"
    for _ in range(3):
        run()
    if cuda:
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
    start, calls = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        run()
        if cuda:
            torch.cuda.synchronize(device)
        calls += 1
    taken = time.perf_counter() - start
    peak = round(torch.cuda.max_memory_allocated(device) / 2**30, 2) if cuda else None
    return {"images_per_second": round(calls * count / taken, 1), "peak_memory_gib": peak}


def step(model: nn.Module, loss: Callable[[Tensor], Tensor], images: Tensor, amp: bool = False) -> None:
    """Forward and backward."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=amp):
        value = loss(images)
    value.backward()
    model.zero_grad(set_to_none=True)


@torch.no_grad()
def answer(model: nn.Module, images: Tensor, amp: bool = False) -> None:
    """Forward."""
    with torch.autocast(images.device.type, torch.bfloat16, enabled=amp):
        model(images)


def ways(name: str, x: Tensor, seconds: float) -> dict:
    """{"fast" | "plain" | "torchvision": {"training" | "inference": {"images_per_second", "peak_memory_gib"}}}

    Training includes the auxiliary heads, inference does not.
    """
    device, found = x.device, {}
    timed = partial(speed, count=len(x), device=device, seconds=seconds)
    model = models.create(name).to(device, memory_format=torch.channels_last).train()
    images = x.contiguous(memory_format=torch.channels_last)
    training = timed(partial(step, model, torch.compile(Loss(model)), images, amp=True))
    inference = timed(partial(answer, torch.compile(model.eval()), images, amp=True))
    found["fast"] = {"training": training, "inference": inference}
    model = models.create(name).to(device).train()
    training = timed(partial(step, model, partial(loss_of_ours, model), x))
    found["plain"] = {"training": training, "inference": timed(partial(answer, model.eval(), x))}
    if name in PEERS:
        build = partial(getattr(torchvision_models, name), weights=None, weights_backbone=None, num_classes=21)
        model = build(aux_loss=True).to(device).train()
        training = timed(partial(step, model, partial(loss_of_theirs, model), x))
        model = build(aux_loss=False).to(device).eval()
        found["torchvision"] = {"training": training, "inference": timed(partial(answer, model, x))}
    return found


def matrix_rate(device: torch.device, kind: torch.dtype, side: int, seconds: float) -> float:
    """10^12 operations a second of a product of two square matrices."""
    a, b = torch.randn(2, side, side, device=device, dtype=kind)
    products = speed(partial(torch.mm, a, b), count=1, device=device, seconds=seconds)["images_per_second"]
    return round(products * 2 * side**3 / 1e12, 2)


def measure(device: torch.device, size: tuple[int, ...] = SIZE, side: int = 8192, seconds: float = 3.0) -> dict:
    """What results/gpu/speed.json holds. `share` is that of the bfloat16 product's rate, of a training step.

    A training step is counted as three forward passes: one forward, and twice as much backward.
    """
    rates = {
        "bfloat16": matrix_rate(device, torch.bfloat16, side, seconds),
        "float32": matrix_rate(device, torch.float32, side, seconds),
    }
    x, rows = torch.randn(size, device=device), {}
    for name in tqdm(NETWORKS, desc="speed"):
        rows[name] = ways(name, x, seconds)
        with torch.device("meta"):
            cost = gflops(models.create(name), (1, *size[1:]))
        fastest = rows[name]["fast"]["training"]["images_per_second"]
        rows[name] |= {"gflop": round(cost, 2), "share": round(3 * cost * fastest / (1000 * rates["bfloat16"]), 3)}
        tqdm.write(f"{name}: {rows[name]}")
    return {"batch": list(size), "matrix_tflops_per_second": rates, "networks": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda", help="cuda [default] or cpu")
    device = torch.device(parser.parse_args().device)
    if device.type == "cuda" and not torch.cuda.is_available():
        parser.error("no CUDA device is at hand; results/gpu/speed.json is made on one")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    source, began = provenance("python -m bookbuild.bench.gpu", name), time.perf_counter()
    record = measure(device) | {"data": "noise", **source}
    record["seconds"] = round(time.perf_counter() - began)
    write(f"{'gpu' if device.type == 'cuda' else 'cpu'}/speed", record)


if __name__ == "__main__":
    main()
