"""The command line: `segbook train`, `evaluate`, `predict`, `export`, `grade`, `models` and `data`.

`segbook COMMAND --help` has examples.

Standard output carries results, standard error progress and errors. Exit status 0 = done, 1 = the training had to
stop, 2 = bad input, 130 = interrupted.
"""

import click

from segbook import models
from segbook.cli.common import Commands
from segbook.cli.data import data_group
from segbook.cli.evaluate import evaluate_command
from segbook.cli.grade import grade_command
from segbook.cli.predict import export_command, predict_command
from segbook.cli.train import train_command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """Train, measure and use the networks of the book "Segmentation from the ground up"."""


for command in (train_command, evaluate_command, predict_command, export_command, grade_command, data_group):
    main.add_command(command)


@main.command("models")
def models_command() -> None:
    """List the names of all networks."""
    click.echo("\n".join(models.list_models()))
