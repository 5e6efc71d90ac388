"""`segbook evaluate`, `predict` and `export`: what a finished run is good for."""

import json
import math
import time
from pathlib import Path

import click
import numpy as np
import torch
from PIL import Image

from segbook import data, infer, train
from segbook.cli.common import Factors, Size, check_device, data_options
from segbook.export import TOLERANCE, export
from segbook.files import write_atomically
from segbook.metrics import ConfusionMatrix


def checkpoint_of(run: Path) -> Path:
    """RUN/best.pt, or RUN/last.pt where no validation has been; RUN itself if it is a file."""
    if run.is_dir() and not (run / "best.pt").exists() and (run / "last.pt").exists():
        return run / "last.pt"
    return run / "best.pt" if run.is_dir() else run


def load_run(run: Path, device: str | None) -> tuple[torch.nn.Module, dict]:
    """The model of a run, on its device, and the config in its checkpoint."""
    check_device(device)
    path = checkpoint_of(run)
    model = train.load_model(path)
    return model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")), train.load_checkpoint(path)["config"]


def save_mask(path: Path, label: np.ndarray, palette: list[list[int]]) -> None:
    """Write class indices (H, W) as a PNG with a palette: programs read the indices, people see colours."""
    image = Image.fromarray(label.astype(np.uint8))
    image.putpalette(np.asarray(palette, dtype=np.uint8).tobytes())
    write_atomically(path, lambda file: image.save(file, "PNG"))


@click.command("evaluate")
@click.argument("run", type=click.Path(path_type=Path))
@data_options(required=False)
@click.option("--split", default="val")
@click.option("--batch-size", type=click.IntRange(1), default=4, help="Images of equal size at once.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option("--save-masks", type=click.Path(path_type=Path), help="Folder for the predicted masks, as index PNGs.")
def evaluate_command(run, data_name, root, workers, device, split, batch_size, as_json, save_masks) -> None:
    """Measure the network in RUN on whole images, at label resolution.

    \b
    segbook evaluate run --json
    segbook evaluate run --data voc --root ~/data --split val --save-masks masks
    """
    model, config = load_run(run, device)
    data_name = data_name or config.get("data", "")
    dataset = data.load(data_name, split, root)
    if dataset.num_classes != config["num_classes"]:
        raise ValueError(
            f"{run} was trained on {config['num_classes']} classes ({config.get('data')}), {data_name} has "
            f"{dataset.num_classes}"
        )
    if save_masks is not None:
        save_masks.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    matrix = ConfusionMatrix(dataset.num_classes)
    found = train.predictions(model, dataset, batch_size=batch_size, num_workers=workers, progress=True)
    for index, prediction, label in found:
        matrix.update(prediction[None], label[None])
        if save_masks is not None:
            save_mask(save_masks / f"{dataset.ids[index]}.png", prediction.numpy(), dataset.palette)
    result = {
        "model": config["model"],
        "data": data_name,
        "split": split,
        "images": len(dataset),
        "pixel_accuracy": number(matrix.pixel_accuracy()),
        "mean_accuracy": number(matrix.mean_accuracy()),
        "mean_iou": number(matrix.mean_iou()),
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

    head = f"{result['model']} on {result['data']} {result['split']}, {result['images']} images, percent"
    means = [line(name.replace("_", " "), result[name]) for name in ("pixel_accuracy", "mean_accuracy", "mean_iou")]
    return "\n".join([head, *means, "", "IoU by class", *(line(name, value) for name, value in result["iou"].items())])


@click.command("predict")
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--window", type=Size(), help="Cut large images into windows of this size [default: the whole image].")
@click.option("--overlap", type=click.FloatRange(0, 1, max_open=True), default=0.5, help="Of neighbouring windows.")
@click.option("--scales", type=Factors(), default="1", help="Mean over the image resized by these factors.")
@click.option("--flip", is_flag=True, help="Mean with the mirrored image too.")
@click.option("--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.5, help="One logit.")
@click.option("--alpha", type=click.FloatRange(0, 1), default=0.6, help="Strength of the colours in the overlay.")
@click.option("--legend/--no-legend", default=True, help="Names of the classes below the overlay.")
@click.option("--max-pixels", type=click.IntRange(1), default=infer.MAX_PIXELS, help="Refuse images with more.")
@click.option("--device", help="cpu, cuda, cuda:1, ... [default: cuda if there is one].")
def predict_command(
    run, images, out, window, overlap, scales, flip, threshold, alpha, legend, max_pixels, device
) -> None:
    """Segment each IMAGE with the network in RUN.

    Writes OUT/NAME.png, the mask (index PNG at the image's size), and OUT/NAME-overlay.png for the eye.

    \b
    segbook predict run photo.jpg --out predictions
    segbook predict run aerial.png --window 512x512 --overlap 0.5 --out predictions
    segbook predict run photo.jpg --scales 0.75,1,1.25 --flip --out predictions
    """
    stems = [path.stem for path in images]
    twice = sorted({stem for stem in stems if stems.count(stem) > 1})
    if twice:
        raise ValueError(f"several images are called {', '.join(twice)} and would overwrite each other in {out}")
    model, config = load_run(run, device)
    for path in images:
        infer.read_image(path, max_pixels)  # all of them before the first is written
    out.mkdir(parents=True, exist_ok=True)
    looks = {"window": window, "overlap": overlap, "scales": scales, "flip": flip}
    classes = config["classes"] if legend else None
    for path in images:
        image = infer.read_image(path, max_pixels)
        label = infer.predict(model, image, **looks, threshold=threshold, max_pixels=max_pixels)
        save_mask(out / f"{path.stem}.png", label.numpy(), config["palette"])
        drawn = Image.fromarray(infer.overlay(image, label, config["palette"], alpha, classes))
        write_atomically(out / f"{path.stem}-overlay.png", lambda file, drawn=drawn: drawn.save(file, "PNG"))
        click.echo(out / f"{path.stem}-overlay.png")


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The ONNX file.")
def export_command(run, out) -> None:
    """Write the network in RUN as an ONNX file for images of any size, checked against onnxruntime.

    \b
    segbook export run --out model.onnx
    """
    model, _ = load_run(run, "cpu")
    try:
        difference = export(model, out)
    except ImportError as error:
        raise ValueError(str(error)) from error
    click.echo(f"{out}: logits within {difference:.1g} of PyTorch's (at most {TOLERANCE:g} is accepted)")
