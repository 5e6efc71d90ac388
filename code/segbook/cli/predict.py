"""`segbook predict` and `export`: what a trained network is good for."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

import click
from PIL import Image
from tqdm import tqdm

from segbook import infer
from segbook.cli.common import device_option, looks_options, with_options
from segbook.cli.outputs import legend, plan_outputs, save_mask
from segbook.data.reader import SUFFIXES
from segbook.export import check_path, export
from segbook.files import MAX_PIXELS, read_image, write_atomically
from segbook.train.run import load_run


@click.command("predict")
@click.argument("run")
@click.argument("images", metavar="IMAGE_OR_FOLDER...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for the results.")
@click.option("--overwrite", is_flag=True, help="Replace results that are there already; never an input.")
@with_options(looks_options)
@click.option("--alpha", type=click.FloatRange(0, 1), default=0.6, help="Strength of the colours in the overlay.")
@click.option("--legend/--no-legend", "named", default=True, help="Names of the classes below the overlay.")
@click.option("--max-pixels", type=click.IntRange(1), default=MAX_PIXELS, help="Refuse images with more.")
@device_option
def predict_command(run, images, out, overwrite, alpha, named, max_pixels, device, **looks) -> None:
    """Segment each IMAGE, and the images in each FOLDER, with the network in RUN.

    RUN is the folder of a training, a checkpoint, or NAME:WEIGHTS for weights that ship with the package.

    Writes OUT/NAME-mask.png, the mask (index PNG at the image's size), and OUT/NAME-overlay.jpg for the eye. An image
    that cannot be read is named, the others go on, and the exit status is 2. Images of more than 4096x4096 pixels go
    through windows of 1024x1024.

    \b
    segbook predict run photo.jpg --out predictions
    segbook predict run photos --out predictions
    segbook predict run aerial.png --window 512x512 --overlap 0.5 --out predictions
    segbook predict run photo.jpg --scales 0.75,1,1.25 --flip --out predictions
    """
    paths = find_images(images, out)
    plan = plan_outputs(paths, out, ("-mask.png", "-overlay.jpg"), overwrite=overwrite)
    model, about = load_run(run, device)
    unread = 0
    for path, (mask, drawing) in zip(tqdm(paths, "predict", unit="image", disable=len(paths) == 1), plan):
        try:
            image = read_image(path, max_pixels)
        except (OSError, ValueError) as error:
            if len(paths) == 1:
                raise
            tqdm.write(f"Error: {error}", file=sys.stderr)
            unread += 1
            continue
        label = infer.predict(model, image, max_pixels=max_pixels, **looks)
        save_mask(mask, label, about["palette"])
        drawn = Image.fromarray(infer.overlay(image, label, about["palette"], alpha))
        if named:
            below = legend(label, about["palette"], about["classes"], drawn.width)
            whole = Image.new("RGB", (below.width, drawn.height + below.height), "white")  # wider, if a name needs it
            whole.paste(drawn)
            whole.paste(below, (0, drawn.height))
            drawn = whole
        drawn.thumbnail((65_500, 65_500))  # a JPEG has no longer side
        write_atomically(drawing, lambda file, drawn=drawn: drawn.save(file, "JPEG", quality=92, subsampling=0))
        tqdm.write(str(drawing))
    if unread:
        raise ValueError(f"{unread} of {len(paths)} images could not be read, see above; the others are in {out}")


def find_images(given: Iterable[Path], out: Path) -> list[Path]:
    """The files that are given and the images in the folders that are given, sorted; each file once.

    No folder may be where the results go (ValueError): the next run would take them for images.
    """
    found = []
    for path in given:
        if path.is_dir():
            if out.exists() and out.samefile(path):
                raise ValueError(f"{path} holds the images; the results need another folder, as in --out {path}/masks")
            inside = [p for p in sorted(path.iterdir()) if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")]
            if not inside:
                raise ValueError(f"{path}: no image in this folder ({' '.join(SUFFIXES)}); folders in it do not count")
            found += inside
        elif not path.exists() and any(sign in str(path) for sign in "*?["):
            raise FileNotFoundError(f"{path}: no file matches this pattern; give the folder, {path.parent}, instead")
        elif not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
        else:
            found.append(path)
    return list({os.path.abspath(path): path for path in found}.values())


@click.command("export")
@click.argument("run")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The ONNX file.")
@click.option("--half", is_flag=True, help="Store large weights in 16 bits: half the size.")
def export_command(run, out, half) -> None:
    """Write the network in RUN as an ONNX file for images of any size, checked against onnxruntime.

    RUN is the folder of a training, a checkpoint, or NAME:WEIGHTS for weights that ship with the package.

    \b
    segbook export run --out model.onnx
    """
    check_path(out)
    model, about = load_run(run, "cpu")
    try:
        difference = export(model, out, about=about, half=half)
    except ImportError as error:
        raise ValueError(str(error)) from error
    click.echo(f"{out}: logits within {difference:.1g} of PyTorch's")
