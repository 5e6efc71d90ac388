"""`make bench`: our speed as ratios to peers, measured in the same run on the same machine, into results/bench.json.

A ratio above 1 in the column "faster" says that ours takes less time. Three things are measured only where they can
be: reading photographs needs PASCAL VOC under SEGBOOK_DATA, one peer needs segmentation_models_pytorch, and the figures
need a built book and Chromium."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import date
from functools import partial
from pathlib import Path

import torch
from torch.nn import functional as F
from tqdm import tqdm

from bookbuild.bench.timing import Row, in_turns
from bookbuild.records import provenance, write
from segbook.bilinear import BilinearUpsample
from segbook.convolution import conv_transpose2d
from segbook.metrics import ConfusionMatrix


@torch.no_grad()
def transposed_convolution() -> list[Row]:
    x, weight = torch.rand(4, 64, 32, 32), torch.rand(64, 64, 4, 4)
    ours, theirs = in_turns(
        lambda: conv_transpose2d(x, weight, stride=2, padding=1),
        lambda: F.conv_transpose2d(x, weight, stride=2, padding=1),
    )
    return [Row("conv_transpose2d, (4, 64, 32, 32), kernel 4, stride 2", ours, "torch", theirs, 0.4)]


@torch.no_grad()
def bilinear_upsampling() -> list[Row]:
    x = torch.rand(4, 21, 10, 15)
    layers = {form: BilinearUpsample(21, 32, form=form) for form in ("separable", "dense", "grouped")}
    outputs = [layer(x) for layer in layers.values()]
    assert all(torch.allclose(outputs[0], other, atol=1e-5) for other in outputs)
    calls = [partial(layer, x) for layer in layers.values()]
    separable, dense, grouped, plain = in_turns(
        *calls, lambda: F.interpolate(x, scale_factor=32, mode="bilinear", align_corners=False)
    )
    what = "BilinearUpsample separable, (4, 21, 10, 15) x 32"
    return [
        Row(what, separable, "dense", dense, 4),
        Row(what, separable, "grouped", grouped),
        Row(what, separable, "F.interpolate", plain),
    ]


@torch.no_grad()
def confusion_matrix() -> list[Row]:
    from sklearn.metrics import confusion_matrix as sklearn_matrix
    from torchmetrics.classification import MulticlassConfusionMatrix

    target, prediction = torch.randint(0, 21, (2, 8, 320, 480))
    target[torch.rand(target.shape) < 0.05] = 255
    mine, theirs = ConfusionMatrix(21), MulticlassConfusionMatrix(21, ignore_index=255, validate_args=False)

    def sklearn_update() -> None:
        valid = target != 255
        sklearn_matrix(target[valid].numpy(), prediction[valid].numpy(), labels=range(21))

    def our_update() -> None:
        mine.update(prediction, target)

    ours, torchmetrics, sklearn = in_turns(our_update, lambda: theirs.update(prediction, target), sklearn_update)
    what = "ConfusionMatrix.update, (8, 320, 480), 21 classes"
    return [
        Row(what, ours, "torchmetrics", torchmetrics, 4),
        Row(what, ours, "scikit-learn", sklearn, 20),
    ]


# --- reading photographs: each reader in a process of its own, so that its memory is its own ------------------------

EPOCHS, CROP, BATCH, WORKERS = 3, (320, 480), 32, 2


def reading(root: Path) -> list[Row]:
    measured = {}
    for reader in tqdm(("ours", "torchvision", "d2l"), desc="reading PASCAL VOC", leave=False):
        command = [sys.executable, "-m", "bookbuild.bench.run", "--read", reader, str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"reading VOC with {reader} failed:\n{done.stderr[-2000:]}")
        measured[reader] = json.loads(done.stdout.splitlines()[-1])
    ours, torchvision, d2l = measured["ours"], measured["torchvision"], measured["d2l"]
    return [
        Row("VOC reader, first epoch, 1,000 images", ours["cold"], "d2l", d2l["cold"], 1, "s"),
        Row("VOC reader, later epochs, 1,000 images", ours["steady"], "torchvision", torchvision["steady"], 1, "s"),
        Row("VOC reader, peak memory", ours["memory"], "d2l", d2l["memory"], 10, "MB"),
    ]


def read_epochs(reader: str, root: Path) -> dict[str, float]:
    """Seconds per 1,000 images of the first and of later epochs, and peak memory in MB beyond the imports'."""
    import psutil
    from torch.utils.data import DataLoader

    from segbook.data import load
    from segbook.data.transforms import IMAGENET_MEAN, IMAGENET_STD, training_transforms

    os.environ["SEGBOOK_DATA"] = str(root)
    if reader == "d2l":
        from d2l import torch as d2l
    process = psutil.Process()
    before = process.memory_info().rss
    start = time.perf_counter()
    if reader == "ours":
        dataset = load("voc", "train", root, crop_size=CROP, scale=(1, 1))
    elif reader == "torchvision":
        from torchvision import tv_tensors
        from torchvision.datasets import VOCSegmentation, wrap_dataset_for_transforms_v2
        from torchvision.transforms import v2

        kinds = {tv_tensors.Image: torch.float32, tv_tensors.Mask: torch.int64, "others": None}
        steps = [v2.ToImage(), training_transforms(CROP, (1, 1)), v2.ToDtype(kinds, scale=True)]
        steps.append(v2.Normalize(IMAGENET_MEAN, IMAGENET_STD))
        pairs = VOCSegmentation(root, year="2012", image_set="train", transforms=v2.Compose(steps))
        wrapped = wrap_dataset_for_transforms_v2(pairs)

        class Theirs(torch.utils.data.Dataset):
            def __len__(self) -> int:
                return len(wrapped)

            def __getitem__(self, index: int):
                image, mask = wrapped[index]
                return image.as_subclass(torch.Tensor), mask.as_subclass(torch.Tensor)

        dataset = Theirs()
    else:
        dataset = d2l.VOCSegDataset(True, CROP, str(root / "VOCdevkit" / "VOC2012"))
    times, peak = [], 0
    loader = DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=WORKERS, persistent_workers=True)
    for _ in range(EPOCHS):
        for _ in loader:
            peak = max(peak, process.memory_info().rss)
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
    per_thousand = 1000 / len(dataset)
    return {
        "cold": times[0] * per_thousand,
        "steady": statistics.median(times[1:]) * per_thousand,
        "memory": (peak - before) / 2**20,
    }


def machine(info: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name, where the system tells it as Linux does, and how many threads torch uses."""
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.get_num_threads()} threads"


def main() -> None:
    if sys.argv[1:2] == ["--read"]:
        print(json.dumps(read_epochs(sys.argv[2], Path(sys.argv[3]))))
        return
    from bookbuild.bench.cost import cost
    from bookbuild.bench.figures import figure_speed
    from bookbuild.bench.networks import infer_windows, model_speed, model_speed_smp
    from bookbuild.bench.training import train_checkpoint, train_fit, train_loader, train_second_epoch

    torch.manual_seed(0)
    source, began = provenance("make bench", machine()), time.perf_counter()
    rows: list[Row] = []
    parts = [
        transposed_convolution,
        bilinear_upsampling,
        confusion_matrix,
        train_fit,
        train_second_epoch,
        train_checkpoint,
    ]
    parts += [model_speed, infer_windows, model_speed_smp]
    data = os.environ.get("SEGBOOK_DATA")
    if data and (Path(data) / "VOCdevkit").is_dir():
        parts += [partial(reading, Path(data)), partial(train_loader, Path(data))]
    else:
        print("The VOC reader is not measured: set SEGBOOK_DATA to the folder that holds VOCdevkit.")
    for measure in tqdm(parts, desc="ratios to peers"):
        rows += measure()
    print(f"\n{'what':56} {'ours':>12} {'peer':>13} {'theirs':>12} {'faster':>8}  aim")
    for row in rows:
        mine, other = (f"{value:.1f} {row.unit}" for value in (row.ours, row.theirs))
        print(f"{row.what:56} {mine:>12} {row.peer:>13} {other:>12} {row.theirs / row.ours:>7.2f}x  {row.aim or ''}")
    speed = [asdict(row) | {"ours": round(row.ours, 3), "theirs": round(row.theirs, 3)} for row in rows]
    record = {"speed": speed, "cost": cost(), "figures": figure_speed()}
    print("\nFigures in the built pages (aims: 50 ms, 60 frames a second)")
    for row in record["figures"]:
        print(f"{row['figure']:24} {row['page']:32}", end="")
        print(f"{row['first_draw_ms']:7.1f} ms {row['frames_per_second']:6.1f} frames/s")
    read = ", PASCAL VOC" if any("VOC" in row.what for row in rows) else ""
    record |= {"date": date.today().isoformat(), "seconds": round(time.perf_counter() - began)}
    write("bench", record | {"data": f"noise, ToyVOC{read}"} | source)


if __name__ == "__main__":
    main()
