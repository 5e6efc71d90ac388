"""`segbook data`: make, fetch and check data."""

from pathlib import Path

import click

from segbook import data
from segbook.data.check import LAYOUTS, page, summary_lines
from segbook.files import write_atomically


@click.group("data")
def data_group() -> None:
    """Make, fetch or check data."""


@data_group.command("make-toy")
@click.option("--root", type=click.Path(path_type=Path), help="Where to [default: a cache folder].")
def make_toy(root) -> None:
    """Generate ToyVOC, the book's small data set in VOC's layout.

    \b
    segbook data make-toy --root toy
    """
    toy = data.ToyVOC(root, "train")
    click.echo(toy.root)


@data_group.command("download")
@click.option("--data", "name", type=click.Choice(["voc"]), default="voc")
@click.option("--root", type=click.Path(path_type=Path), required=True, help="VOCdevkit will lie in this folder.")
def download(name, root) -> None:
    """Fetch PASCAL VOC 2012 (2 GB) and unpack it; goes on where it was interrupted.

    \b
    segbook data download --data voc --root ~/data
    """
    data.download_voc(root)
    click.echo(root)


@data_group.command("check")
@click.argument("root", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--data", "layout", type=click.Choice(LAYOUTS), help="Its layout [default: the first found].")
@click.option("--out", type=click.Path(path_type=Path), default="data-check.html", help="The report, one HTML page.")
def check(root, layout, out) -> None:
    """Look for what ruins trainings in DIR, which holds VOCdevkit, CamVid, or images/ and masks/ of your own.

    Masks of another size, labels and colours that no class has, palettes that disagree, a picture in two splits, files
    that cannot be read, masks that are all void; and how often each class occurs in each split.

    Exit status 0: no fault was found, 1: some were, 2: DIR holds no data set.

    \b
    segbook data check ~/rooftops --out report.html
    """
    report = data.check_data(root, layout, progress=True)
    write_atomically(out, lambda file: file.write(page(report).encode()))
    click.echo("\n".join(summary_lines(report)) + f": {out}")
    if report.faults:
        raise SystemExit(1)
