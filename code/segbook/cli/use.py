"""`segbook predict` and `export`: what a finished run is good for."""

from pathlib import Path

import click
from PIL import Image

from segbook import infer, train
from segbook.cli.common import Factors, Size, device_option
from segbook.cli.evaluate import save_mask
from segbook.export import TOLERANCE, export
from segbook.files import write_atomically


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
@device_option
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
    model, config = train.load_run(run, device)
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
    model, _ = train.load_run(run, "cpu")
    try:
        difference = export(model, out)
    except ImportError as error:
        raise ValueError(str(error)) from error
    click.echo(f"{out}: logits within {difference:.1g} of PyTorch's (at most {TOLERANCE:g} is accepted)")
