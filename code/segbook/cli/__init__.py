"""The command line: `segbook train`, `evaluate`, `predict`, `models` and `data`. `segbook COMMAND --help` has examples.

Standard output carries results, standard error progress and errors. Exit status 0 = done, 1 = the training had to
stop, 2 = bad input, 130 = interrupted.
"""

from pathlib import Path

import click

from segbook import data, models
from segbook.cli.common import Commands
from segbook.cli.train import train_command
from segbook.cli.use import evaluate_command, predict_command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Train, measure and use the networks of the book "Segmentation from the ground up"."""


main.add_command(train_command)
main.add_command(evaluate_command)
main.add_command(predict_command)


@main.command("models")
def models_command() -> None:
    """List the names of all networks."""
    click.echo("\n".join(models.list_models()))


@main.group("data")
def data_group() -> None:
    """Make or fetch data."""


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
