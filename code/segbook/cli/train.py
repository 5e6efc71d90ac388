"""`segbook train`: a run folder with config.yaml, best.pt, last.pt and log.csv."""

from pathlib import Path

import click
import numpy as np
import torch
import yaml
from click.core import ParameterSource

from segbook import data, losses, models, train
from segbook.cli.common import CROPS, Size, check_device, data_options
from segbook.files import write_atomically
from segbook.train.distributed import processes
from segbook.train.faults import check_sizes

LOSSES = ("cross_entropy", "ohem_cross_entropy", "focal_loss", "dice_loss", "lovasz_softmax")
ABOVE_ZERO = click.FloatRange(0, min_open=True)


def read_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Let the values of a YAML file stand where the command line says nothing.

    Raises:
        ValueError: no YAML mapping, or a key that is no option.
    """
    if path is None:
        return
    try:
        content = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no YAML file: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold one `option: value` a line, as the config.yaml of a run does")
    names = {flag.lstrip("-").replace("-", "_"): p.name for p in ctx.command.params for flag in p.opts}
    ctx.default_map = {}
    for key, value in content.items():
        name = names.get(str(key).replace("-", "_"))
        if name is None or name == param.name:
            raise ValueError(f"{path}: there is no option {key!r}; `segbook train --help` lists them")
        if value is not None:
            ctx.default_map[name] = value


@click.command("train")
@click.argument("model")
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=read_config,
    help="YAML file with any of these options; the command line wins.",
)
@data_options(required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training set [default: 10].")
@click.option("--steps", type=click.IntRange(1), help="Updates of the weights, instead of --epochs.")
@click.option("--batch-size", type=click.IntRange(1), default=16, help="Images a step, over all processes.")
@click.option("--crop", type=Size(), help="Size of training images [default: by data set].")
@click.option("--weights-backbone", help="Trained backbone: a file, or IMAGENET1K_V1 to download [default: random].")
@click.option("--lr", type=ABOVE_ZERO, default=1e-3, help="Highest learning rate; it falls to 0.")
@click.option("--warmup", type=click.IntRange(0), default=0, help="Steps in which the learning rate climbs.")
@click.option("--optimizer", type=click.Choice(["adamw", "sgd"]), default="adamw")
@click.option("--weight-decay", type=click.FloatRange(0), default=1e-4)
@click.option("--no-decay", is_flag=True, help="No weight decay on batch norm and biases.")
@click.option("--head-lr", type=ABOVE_ZERO, default=1.0, help="Factor on the learning rate outside the backbone.")
@click.option("--clip", type=ABOVE_ZERO, help="Longest gradient [default: any].")
@click.option("--loss", type=click.Choice(LOSSES), default="cross_entropy")
@click.option("--aux-weight", type=click.FloatRange(0), default=0.4, help="Weight of an auxiliary head's loss.")
@click.option("--amp", type=click.Choice(["bf16", "fp16"]), help="Compute in 16 bits [default: 32].")
@click.option("--channels-last", is_flag=True, help="The memory layout that GPUs prefer.")
@click.option("--compile", is_flag=True, help="torch.compile: minutes at the start, faster steps on a GPU.")
@click.option("--skip-broken", is_flag=True, help="Leave out training images that cannot be read, and name them.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Weights, order and augmentation follow from it.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out.")
@click.pass_context
def train_command(
    ctx, model, data_name, root, workers, device, out, epochs, steps, crop, weights_backbone, resume, overwrite,
    **options,
) -> None:  # fmt: skip
    """Train the network MODEL; `segbook models` lists the names.

    \b
    segbook train fcn32s_tiny --data toy --epochs 20 --out run
    segbook train fcn32s_tiny --data voc --root ~/data --epochs 1 --out run
    segbook train --config run/config.yaml --out run --resume
    torchrun --nproc-per-node 2 --no-python segbook train fcn8s_tiny --data toy --out run
    """
    if epochs and steps and ctx.get_parameter_source("epochs") is not ctx.get_parameter_source("steps"):
        typed = ctx.get_parameter_source("epochs") is ParameterSource.COMMANDLINE
        epochs, steps = (epochs, None) if typed else (None, steps)  # the command line wins over --config
    if epochs and steps:
        raise ValueError("--epochs and --steps both say how long to train; give one of them")
    if resume and overwrite:
        raise ValueError("--resume goes on with the run and --overwrite replaces it; give one of them")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; --out names the folder of the run")
    if out.is_dir() and any(out.iterdir()) and not (resume or overwrite):
        raise ValueError(f"{out} is not empty; --resume goes on with the run in it, --overwrite replaces it")
    check_device(device)
    with processes(device) as world:
        crop = crop or CROPS.get(data_name, (320, 480))
        if not world.first:
            world.wait()  # the first process makes or unpacks the data, alone
        train_set = data.load(data_name, "train", root, crop_size=crop, seed=options["seed"])
        val_set = data.load(data_name, "val", root)
        if world.first:
            world.wait()
        torch.manual_seed(options["seed"])
        network = models.create(model, num_classes=train_set.num_classes, weights_backbone=weights_backbone)
        epoch = max(1, len(train_set) // options["batch_size"])  # steps that visit every image once
        steps = steps or (epochs or 10) * epoch
        check_sizes(train_set, val_set, steps, options["batch_size"])
        skip_broken = options.pop("skip_broken")
        config = {"model": model, "data": data_name, "crop": list(crop), "weights_backbone": weights_backbone}
        config |= {"steps": steps} | options
        if resume:
            check_same_run(out / "last.pt", config)
        fresh = not out.exists()
        world.wait()  # until all have looked at the folder
        try:
            if world.first:
                out.mkdir(parents=True, exist_ok=True)
                text = yaml.safe_dump(config, sort_keys=False)
                write_atomically(out / "config.yaml", lambda file: file.write(text.encode()))
            kept = {"num_classes": train_set.num_classes, "classes": list(train_set.classes)}
            history = train.fit(
                network,
                train_set,
                val_set,
                steps=steps,
                **options | {"loss": getattr(losses, options["loss"])},
                skip_broken=skip_broken,
                validate_every=epoch,
                out=out,
                config=config | kept | {"palette": np.asarray(train_set.palette).tolist()},
                resume=resume,
                num_workers=workers,
                device=world.device,
            )
        except (ValueError, OSError, KeyboardInterrupt):
            if world.first and not (out / "last.pt").exists():  # nothing worth keeping: leave the place as it was
                for name in ("config.yaml", "log.csv"):
                    (out / name).unlink(missing_ok=True)
                if fresh and out.exists():
                    out.rmdir()
            raise
        if world.first:
            score = f"best validation mIoU {history.best:.3f} after step {history.best_step} of {steps}"
            click.echo(f"{score}: {out / 'best.pt'}")


def check_same_run(last: Path, config: dict) -> None:
    """Refuse to resume a run that was started with other settings.

    Raises:
        FileNotFoundError, ValueError: no checkpoint to go on from, or a setting that differs.
    """
    was = train.load_checkpoint(last)["config"]
    for key, value in config.items():
        if was.get(key) != value:
            raise ValueError(
                f"the run in {last.parent} has {key} {was.get(key)}, not {value}; --resume keeps all settings: "
                f"--config {last.parent / 'config.yaml'} repeats them"
            )
