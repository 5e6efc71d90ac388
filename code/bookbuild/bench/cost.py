"""The part of `make bench` about growth: seconds of one image over its size, and over the output stride.

Beside each time stands the count of operations. Divided by the rate that one plain convolution reaches on the machine
in the same run, it predicts the time. The largest size is timed once more in a process that keeps its memory: the C
library of Linux gives blocks over 32 MB back at once, and to fetch them anew for every map takes time.
"""

import json
import os
import subprocess
import sys
from functools import partial

import torch
from torch import nn
from tqdm import tqdm

from bookbuild import ROOT
from bookbuild.bench.networks import gflops
from bookbuild.bench.timing import in_turns
from segbook import models

SIDES = (128, 192, 256, 384, 512, 768)
NETWORKS = (
    "fcn32s_resnet18",
    "fcn8s_resnet18",
    "fcn_resnet18_d8",
    "deeplabv3_resnet50",
    "deeplabv3plus_resnet18",
    "deeplabv3plus_mobilenet_v2",
)
STRIDES = {"fcn_resnet18_d8": (32, 16, 8), "deeplabv3_resnet50": (32, 16, 8), "deeplabv3plus_resnet18": (32, 16, 8)}
KEEP = {"MALLOC_MMAP_THRESHOLD_": str(2**33), "MALLOC_TRIM_THRESHOLD_": str(2**34)}
STRIDE_SIDE = 384  # of the image whose output stride changes


def cost(sides: tuple[int, ...] = SIDES, networks: tuple[str, ...] = NETWORKS, seconds: float = 1.0) -> dict:
    """What `results/bench.json` holds under "cost".

    Returns:
        {"gflops_per_second": the plain convolution's rate, "size": {network: [{"side", "gflop", "ms"}, ...]},
        "kept": {network: ms at the largest size in a process that keeps its memory},
        "stride_side": pixels, "stride": {network: [{"output_stride", "gflop", "ms"}, ...]}}, for one image.
    """
    torch.manual_seed(0)
    size, stride = {}, {}
    for name in tqdm(networks, desc="over the size"):
        model = models.create(name)
        size[name] = [{"side": side, **measured(model, side, seconds)} for side in sides]
    for name in tqdm(sorted(STRIDES.keys() & set(networks)), desc="over the output stride"):
        built = {step: models.create(name, output_stride=step) for step in STRIDES[name]}
        stride[name] = [{"output_stride": step, **measured(net, STRIDE_SIDE, seconds)} for step, net in built.items()]
    rate, kept = plain_rate(seconds), with_memory_kept(networks, sides[-1], seconds)
    return {"gflops_per_second": rate, "size": size, "kept": kept, "stride_side": STRIDE_SIDE, "stride": stride}


def measured(model: nn.Module, side: int, seconds: float) -> dict:
    """Operations and median milliseconds of one forward pass in evaluation mode."""
    image = torch.randn(1, 3, side, side)
    with torch.no_grad():
        (ms,) = in_turns(partial(model.eval(), image), seconds=seconds)
    return {"gflop": round(gflops(model, image.shape), 3), "ms": round(ms, 2)}


def with_memory_kept(networks: tuple[str, ...], side: int, seconds: float) -> dict[str, float]:
    """Milliseconds of one image in a process of its own, whose environment tells malloc to give nothing back."""
    command = [sys.executable, "-m", "bookbuild.bench.cost", str(side), str(seconds), *networks]
    path = {"PYTHONPATH": str(ROOT / "code")}
    done = subprocess.run(command, env=os.environ | KEEP | path, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def plain_rate(seconds: float) -> float:
    """10^9 operations a second of a 3x3 convolution from 128 to 128 channels on a map of 64x64."""
    convolution, x = nn.Conv2d(128, 128, 3, padding=1), torch.randn(1, 128, 64, 64)
    with torch.no_grad():
        (ms,) = in_turns(partial(convolution, x), seconds=seconds)
    return round(gflops(convolution, x.shape) / (ms / 1000), 1)


if __name__ == "__main__":
    torch.manual_seed(0)
    asked = {name: measured(models.create(name), int(sys.argv[1]), float(sys.argv[2])) for name in sys.argv[3:]}
    print(json.dumps({name: found["ms"] for name, found in asked.items()}))
