"""`make gpu`: the full-size networks on photographs; on a CPU the same questions, asked of the tiny networks.

    python -m bookbuild.experiments.photographs                 every run that results/ does not hold yet
    python -m bookbuild.experiments.photographs --list          what there is, and what is done
    python -m bookbuild.experiments.photographs gpu/camvid      only these

CamVid and the VOC subset lie under SEGBOOK_DATA, beside them ImageNet's weights of the backbones; nothing is
installed or downloaded. On CUDA the rows of results/gpu/ are made, without it those of results/cpu/.

CamVid's protocol: train on train; after each fifth of the steps score val; the weights that were best there are scored
on test, once, at 360x480. VOC has no public test labels: its rows are scored on val with the last weights, nothing
chosen. One JSON file a row, rewritten after every seed.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from torch import nn

from bookbuild import records
from bookbuild.experiments import queue, scoring, variants
from bookbuild.experiments.toyvoc import D2L, FAMILY
from segbook import data, losses, models, train
from segbook.train import checkpoint

MOBILENET = "mobilenet_v2-imagenet.pth"
RESNET18 = "resnet18-imagenet-conv1-layer3.pth"  # no layer4: a row that starts from it says so
NOTES = {MOBILENET: "ImageNet", RESNET18: "ImageNet, conv1 to layer3 only", None: "none"}
FULL = {"crop": (360, 480), "batch_size": 16, "amp": "bf16", "channels_last": True, "num_workers": 12}
SMALL = {"crop": (180, 240), "batch_size": 8}
SCRATCH = {"lr": 0.005, "optimizer": "adamw"}
FINE_TUNING = {"lr": 0.001, "optimizer": "adamw", "head_lr": 5.0}
ONE_SCALE = {"scale": (1.0, 1.0)}


@dataclass(frozen=True)
class Row:
    """One row of a table: a network, the photographs, and how it is trained."""

    path: str  # results/<path>.json: gpu/camvid/..., cpu/voc/...
    build: Callable[..., nn.Module]  # build(num_classes=...)
    steps: int
    settings: dict = field(default_factory=dict)  # crop, scale, loss (a name) and train.fit's own
    weights: str | None = None  # file with the backbone's weights, in SEGBOOK_DATA
    seeds: tuple[int, ...] = (0,)

    @property
    def dataset(self) -> str:
        return "voc" if "/voc/" in self.path else "camvid"

    def about(self) -> dict:
        """What the record says of all its runs."""
        split = "test, weights chosen on val" if self.dataset == "camvid" else "val, last weights"
        model = self.build(num_classes={"camvid": 11, "voc": 21}[self.dataset])
        return {
            "parameters": sum(p.numel() for p in model.parameters()),
            "data": f"{self.dataset}, scored on {split}",
            "pretrained": NOTES[self.weights],
            "settings": self.settings | {"steps": self.steps},
        }


def gpu_rows() -> list[Row]:
    """Full-size networks, for one large GPU: each run at most eight minutes, the most useful first."""
    plus, resnet = "deeplabv3plus_mobilenet_v2", "resnet18"
    pretrained, scratch = FULL | FINE_TUNING, FULL | SCRATCH
    three = (0, 1, 2)

    def row(path: str, name: str, steps: int, settings: dict, weights: str | None = None, seeds=(0,), **options) -> Row:
        return Row(path, partial(models.create, name, **options), steps, settings, weights, seeds)

    rows = [
        row("gpu/camvid/deeplabv3plus_mobilenet_v2_imagenet", plus, 4000, pretrained, MOBILENET),
        row("gpu/camvid/deeplabv3plus_mobilenet_v2", plus, 6000, scratch),
    ]
    for name in ("fcn32s", "fcn16s", "fcn8s", "deeplabv3plus"):
        rows.append(row(f"gpu/camvid/{name}_{resnet}", f"{name}_{resnet}", 2500, pretrained, RESNET18))
    rows += [
        row("gpu/camvid/fcn_resnet18_d8", "fcn_resnet18_d8", 2500, scratch),  # its stem differs from the weights'
        row("gpu/camvid/deeplabv3_resnet50", "deeplabv3_resnet50", 2000, scratch),
    ]
    ablation = SCRATCH | FULL | {"crop": (240, 320)}
    for name, build in {
        "frozen_bilinear_32s": partial(models.create, "fcn32s_resnet18"),
        "learned_bilinear_32s": partial(models.create, "fcn32s_resnet18", upsample="dense"),
        "learned_random_32s": partial(variants.randomly_upsampled, "fcn32s_resnet18"),
        "aligned_32s": partial(variants.aligned_32s, "fcn32s_resnet18"),
        "normalised_32s": partial(variants.normalised_32s, "fcn32s_resnet18"),
        "output_stride_32": partial(models.create, "fcn_resnet18_d8", output_stride=32),
        "output_stride_16": partial(models.create, "fcn_resnet18_d8", output_stride=16),
        "output_stride_8": partial(models.create, "fcn_resnet18_d8", output_stride=8),
        "with_decoder": partial(models.create, "deeplabv3plus_resnet18"),
    }.items():
        rows.append(Row(f"gpu/claims/{name}", build, 1500, ablation, seeds=three))
    void = ablation | {"loss": "void_as_background"}
    rows.append(row("gpu/claims/void_as_class_0_8s", "fcn8s_resnet18", 1500, void, seeds=three))
    rows.append(row("gpu/claims/void_ignored_8s", "fcn8s_resnet18", 1500, ablation, seeds=three))
    voc = {"crop": (320, 480)}
    equal = FULL | voc | {"batch_size": 32}
    rows += [
        row("gpu/voc/deeplabv3plus_mobilenet_v2_imagenet", plus, 3000, pretrained | voc, MOBILENET),
        row("gpu/voc/d2l_recipe", "fcn32s_resnet18", 600, equal | D2L | ONE_SCALE, RESNET18, upsample="dense"),
        row("gpu/voc/our_recipe", "fcn32s_resnet18", 600, equal | FINE_TUNING, RESNET18),
    ]
    return rows


def cpu_rows() -> list[Row]:
    """What two cores can do in an evening: the tiny networks on CamVid, and three that start from ImageNet."""
    plus = partial(models.create, "deeplabv3plus_mobilenet_v2")
    fcn32s = partial(models.create, "fcn32s_resnet18")
    voc = {"crop": (240, 320), "batch_size": 32}
    epochs_5 = 5 * 437 // 32  # as many epochs as in Dive into Deep Learning, of the subset's 437 training images
    return [
        Row("cpu/camvid/deeplabv3plus_mobilenet_v2_imagenet", plus, 600, SMALL | FINE_TUNING, MOBILENET),
        *(Row(f"cpu/camvid/{name}", partial(models.create, name), 600, SMALL | SCRATCH) for name in FAMILY),
        Row("cpu/camvid/deeplabv3plus_mobilenet_v2", plus, 600, SMALL | SCRATCH),
        Row("cpu/voc/d2l_recipe", partial(fcn32s, upsample="dense"), epochs_5, voc | D2L | ONE_SCALE, RESNET18),
        Row("cpu/voc/our_recipe", fcn32s, epochs_5, voc | FINE_TUNING, RESNET18),
        Row("cpu/voc/our_recipe_one_size", fcn32s, epochs_5, voc | FINE_TUNING | ONE_SCALE, RESNET18),
    ]


def run(row: Row, seed: int, root: Path, device: torch.device) -> dict:
    """Train once, score by the protocol above: everything that a row of a table needs."""
    cuda = device.type == "cuda"
    command = f"python -m bookbuild.experiments.photographs {row.path}"
    source = records.provenance(command, torch.cuda.get_device_name(device) if cuda else None)
    settings = dict(row.settings)
    crop, scale = settings.pop("crop"), settings.pop("scale", None)
    if "loss" in settings:
        name = settings["loss"]
        settings["loss"] = getattr(losses, name, None) or getattr(variants, name)
    train_set = data.load(row.dataset, "train", root, crop_size=crop, scale=scale, seed=seed)
    val_set = data.load(row.dataset, "val", root)
    torch.manual_seed(seed)
    model = row.build(num_classes=train_set.num_classes)
    if row.weights:
        state = torch.load(root / row.weights, weights_only=True)
        network = row.weights.split("-")[0]  # "resnet18": which names the weights have
        models.pretrained.load_backbone(model, network, {k: v.float() for k, v in state.items()}, partial=True)
    choosing = row.dataset == "camvid"
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        history = train.fit(
            model,
            train_set,
            val_set if choosing else None,
            steps=row.steps,
            out=folder if choosing else None,
            seed=seed,
            device=device,
            **settings,
        )
        seconds = time.perf_counter() - began
        if choosing:
            best = Path(folder, "best.pt")
            checkpoint.restore(model, train.load_checkpoint(best), best)
    scored = data.load(row.dataset, "test", root) if choosing else val_set
    return {
        "seed": seed,
        **scoring.scores(scoring.count(model, scored), scored.classes),
        "val_mean_iou": history.best if choosing else None,
        "best_step": history.best_step if choosing else None,
        "losses": [round(value, 4) for value in history.losses[:: max(1, row.steps // 100)]],
        "seconds": round(seconds, 1),
        "images_per_second": round(row.steps * settings["batch_size"] / seconds, 1),
        "peak_memory_gib": round(torch.cuda.max_memory_allocated(device) / 2**30, 2) if cuda else None,
        **source,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", help="rows or folders, patterns allowed; all if none is given")
    parser.add_argument("--list", action="store_true", help="only say what there is and what is done")
    parser.add_argument("--device", help="cuda or cpu [default: cuda if there is one]")
    arguments = parser.parse_args()
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    rows = queue.chosen(gpu_rows() if device.type == "cuda" else cpu_rows(), arguments.paths, parser)
    if arguments.list:
        queue.show(rows)
        return
    if "SEGBOOK_DATA" not in os.environ:
        parser.error("set SEGBOOK_DATA to the folder that holds CamVid, VOCdevkit and the backbones' weights")
    if device.type == "cpu":
        torch.set_num_threads(1)
    queue.run_missing(rows, partial(run, root=Path(os.environ["SEGBOOK_DATA"]), device=device))


if __name__ == "__main__":
    main()
