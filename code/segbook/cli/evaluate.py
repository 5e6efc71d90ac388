"""`segbook evaluate`: the scores of a network on a data set, as one JSON object or as a table."""

import json
import math
import time
from pathlib import Path

import click
import torch

from segbook import data, infer, train
from segbook.cli.common import data_options, looks_options, with_options
from segbook.cli.outputs import plan_outputs, save_mask
from segbook.metrics import ConfusionMatrix, boundary_f1


@click.command("evaluate")
@click.argument("run")
@with_options(data_options(required=False))
@click.option("--split", default="val")
@click.option("--batch-size", type=click.IntRange(1), default=4, help="Images of equal size at once.")
@with_options(looks_options)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option("--save-masks", type=click.Path(path_type=Path), help="Folder for the predicted masks, as index PNGs.")
def evaluate_command(
    run, data_name, root, workers, device, split, batch_size, window, as_json, save_masks, **looks
) -> None:
    """Measure the network in RUN on whole images, at label resolution.

    RUN is the folder of a training, a checkpoint, or NAME:WEIGHTS for weights that ship with the package.

    \b
    segbook evaluate run --json
    segbook evaluate run --data voc --root ~/data --split val --save-masks masks
    segbook evaluate run --scales 0.75,1,1.25 --flip
    """
    model, about = train.load_run(run, device)
    data_name = data_name or about["data"] or ""
    dataset = data.load(data_name, split, root)
    if dataset.classes != about["classes"]:  # in their order
        theirs = f"{data_name} has {', '.join(dataset.classes)}"
        raise ValueError(f"{run} was trained on the classes {', '.join(about['classes'])}; {theirs}")
    planned = []
    if save_masks is not None:  # as an earlier evaluation's, but never the data set's own files
        pairs = dataset.pairs
        planned = plan_outputs(pairs.images, save_masks, (".png",), dataset.ids, keep=pairs.masks, overwrite=True)
    plain = {"overlap": 0.5, "scales": (1,), "flip": False, "threshold": 0.5}
    predict = looks | {"window": window} if window or looks != plain else None  # None: images share batches
    began = time.perf_counter()
    matrix, outlines = ConfusionMatrix(dataset.num_classes), []
    options = {"predict": predict, "batch_size": batch_size, "num_workers": workers, "progress": True}
    for first, classes, labels in train.predicted_batches(model, dataset, **options):
        matrix.update(classes, labels)
        outlines.append(boundary_f1(classes, labels, dataset.num_classes).cpu())  # (n, C)
        for i, label in enumerate(classes.cpu() if planned else ()):
            save_mask(planned[first + i][0], label, dataset.palette)
    result = {
        "model": about["model"],
        "data": data_name,
        "split": split,
        "images": len(dataset),
        "pixel_accuracy": number(matrix.pixel_accuracy()),
        "mean_accuracy": number(matrix.mean_accuracy()),
        "mean_iou": number(matrix.mean_iou()),
        "boundary_f1": number(torch.cat(outlines).nanmean(0).nanmean().item()),  # over images, then over classes
        "iou": dict(zip(dataset.classes, map(number, matrix.iou().tolist()))),
        "seconds": round(time.perf_counter() - began, 3),
        "device": str(infer.device_of(model)),
    }
    click.echo(json.dumps(result, allow_nan=False) if as_json else as_table(result))


def number(value: float) -> float | None:
    """JSON has no NaN: a score without a denominator is null."""
    return None if math.isnan(value) else value


def as_table(result: dict) -> str:
    """The scores for people, in percent."""

    def line(name: str, value: float | None) -> str:
        return f"{name:<16}" + ("    -" if value is None else f"{100 * value:5.1f}")

    count = f"{result['images']} image{'s' * (result['images'] != 1)}"
    head = f"{result['model']} on {result['data']} {result['split']}, {count}, percent"
    names = ("pixel_accuracy", "mean_accuracy", "mean_iou", "boundary_f1")
    means = [line(name.replace("_", " "), result[name]) for name in names]
    return "\n".join([head, *means, "", "IoU by class", *(line(name, value) for name, value in result["iou"].items())])
