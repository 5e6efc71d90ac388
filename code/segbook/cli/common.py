"""What the commands share: errors as sentences, and options."""

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


class Size(click.ParamType):
    """HEIGHTxWIDTH, as in 320x480."""

    name = "HEIGHTxWIDTH"

    def convert(self, value, param, ctx) -> tuple[int, int]:
        if isinstance(value, tuple | list):  # from a YAML file
            value = "x".join(map(str, value))
        height, _, width = str(value).lower().partition("x")
        if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
            self.fail(f"{value!r} is no size; write height x width as in 320x480", param, ctx)
        return int(height), int(width)


class Factors(click.ParamType):
    """Positive numbers with commas between, as in 0.75,1,1.25."""

    name = "NUMBER,..."

    def convert(self, value, param, ctx) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            factors = tuple(float(part) for part in value.split(","))
        except ValueError:
            factors = ()
        if not factors or not all(0 < factor < float("inf") for factor in factors):
            self.fail(f"{value!r} is no list of factors; write positive numbers as in 0.75,1,1.25", param, ctx)
        return factors


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
    click.option("--window", type=Size(), help="Cut large images into windows of this size [default: whole images]."),
    click.option("--overlap", type=click.FloatRange(0, 1, max_open=True), default=0.5, help="Of neighbouring windows."),
    click.option("--scales", type=Factors(), default="1", help="Mean over the image resized by these factors."),
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
