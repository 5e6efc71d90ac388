"""What the commands share: errors as sentences, and options."""

import math
import sys
from pathlib import Path

import click
import torch

CROPS = {"toy": (96, 128), "voc": (320, 480), "camvid": (360, 480), "folder": (256, 256)}  # (height, width) to train on


class Commands(click.Group):
    """A group that turns the package's errors into one sentence on standard error."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (FloatingPointError, ChildProcessError) as error:
            fail(error, 1)
        except (ValueError, OSError) as error:
            fail(error, 2)
        except KeyboardInterrupt:
            fail("interrupted; a training goes on from its last validation with --resume", 130)


def fail(error: Exception | str, status: int) -> None:
    """Print the error's own sentence and leave. From a loader's worker it carries a traceback: the last line counts."""
    message = str(error)
    if isinstance(error, OSError) and error.strerror:
        message = error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    if message.startswith("Caught "):
        message = message.rstrip().splitlines()[-1].split(": ", 1)[-1]
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)


class Numbers(click.ParamType):
    """Numbers above 0 with a sign between, written as in `example`: 320x480, or 0.75,1,1.25."""

    def __init__(self, name: str, kind: type, between: str, example: str, count: int | None = None):
        self.name, self.kind, self.between, self.example, self.count = name, kind, between, example, count

    def convert(self, value, param, ctx) -> tuple:
        try:
            parts = value.lower().split(self.between) if isinstance(value, str) else value  # a list of a YAML file
            numbers = tuple(map(self.kind, parts))
        except (TypeError, ValueError):
            numbers = ()
        if not numbers or self.count not in (None, len(numbers)) or not all(0 < one < math.inf for one in numbers):
            self.fail(f"{value!r} is not of the form {self.example}", param, ctx)
        return numbers


SIZE = Numbers("HEIGHTxWIDTH", int, "x", "320x480", count=2)
FACTORS = Numbers("NUMBER,...", float, ",", "0.75,1,1.25")


class Device(click.ParamType):
    """A device that this machine has."""

    name = "DEVICE"

    def convert(self, value, param, ctx) -> str:
        there = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
        try:
            device = torch.device(value)
        except RuntimeError:
            device = None
        if device is None or (device.index or 0) >= there.get(device.type, 0):
            kinds = ", ".join(kind for kind, count in there.items() if count)
            self.fail(f"there is no device {value!r} here; this machine has {kinds}", param, ctx)
        return value


device_option = click.option(
    "--device", type=Device(), help="cpu, cuda, cuda:1, or mps (untested) [default: cuda, or cpu]."
)
looks_options = [
    click.option("--window", type=SIZE, help="Cut large images into windows of this size [default: whole images]."),
    click.option("--overlap", type=click.FloatRange(0, 1, max_open=True), default=0.5, help="Of neighbouring windows."),
    click.option("--scales", type=FACTORS, default="1", help="Mean over the image resized by these factors."),
    click.option("--flip", is_flag=True, help="Mean with the mirrored image too."),
    click.option(
        "--threshold", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.5, help="One logit."
    ),
]


def data_options(required: bool) -> list:
    """--data, --root, --workers and --device, which train and evaluate share."""
    root = "Folder of VOCdevkit, CamVid or images [default: $SEGBOOK_DATA]."
    return [
        click.option("--data", "data_name", required=required, help=f"One of {', '.join(CROPS)}."),
        click.option("--root", type=click.Path(path_type=Path), help=root),
        click.option("--workers", type=click.IntRange(0), default=0, help="Processes that read images."),
        device_option,
    ]


def with_options(options: list):
    """A decorator that adds them all, shown in this order."""

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add
