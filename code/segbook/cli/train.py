"""`segbook train`: a run folder with config.yaml, best.pt, last.pt and log.csv."""

from pathlib import Path

import click
import numpy as np
import torch
import yaml

from segbook import data, models, train
from segbook.cli.common import CROPS, Size, check_device, data_options
from segbook.train.checkpoint import write_atomically
from segbook.train.loop import check_sizes


@click.command("train")
@click.argument("name")
@data_options(required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training set [default: 10].")
@click.option("--steps", type=click.IntRange(1), help="Updates of the weights, instead of --epochs.")
@click.option("--batch-size", type=click.IntRange(1), default=16, help="Images a step.")
@click.option("--lr", type=click.FloatRange(0, min_open=True), default=1e-3, help="Learning rate of the first step.")
@click.option("--optimizer", type=click.Choice(["adamw", "sgd"]), default="adamw")
@click.option("--crop", type=Size(), help="Size of training images [default: by data set].")
@click.option("--seed", type=click.IntRange(0), default=0, help="Weights, order and augmentation follow from it.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out.")
def train_command(
    name, data_name, root, workers, device, out, epochs, steps, batch_size, lr, optimizer, crop, seed, resume, overwrite
) -> None:
    """Train the network NAME; `segbook models` lists the names.

    \b
    segbook train fcn32s_tiny --data toy --epochs 20 --out run
    segbook train fcn32s_tiny --data voc --root ~/data --epochs 1 --out run
    """
    if epochs and steps:
        raise ValueError("--epochs and --steps both say how long to train; give one of them")
    if resume and overwrite:
        raise ValueError("--resume goes on with the run and --overwrite replaces it; give one of them")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; --out names the folder of the run")
    if out.is_dir() and any(out.iterdir()) and not (resume or overwrite):
        raise ValueError(f"{out} is not empty; --resume goes on with the run in it, --overwrite replaces it")
    crop = crop or CROPS.get(data_name, (320, 480))
    train_set = data.load(data_name, "train", root, crop_size=crop, seed=seed)
    val_set = data.load(data_name, "val", root)
    torch.manual_seed(seed)
    model = models.create(name, num_classes=train_set.num_classes)
    check_device(device)
    epoch = max(1, len(train_set) // batch_size)  # steps that visit every image once
    steps = steps or (epochs or 10) * epoch
    check_sizes(train_set, val_set, steps, batch_size)
    settings = {"steps": steps, "batch_size": batch_size, "lr": lr, "optimizer": optimizer, "seed": seed}
    config = {"model": name, "num_classes": train_set.num_classes, "data": data_name, "crop": list(crop)} | settings
    if resume:
        check_same_run(out / "last.pt", config)
    fresh = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(config, sort_keys=False)
        write_atomically(out / "config.yaml", lambda file: file.write(text.encode()))
        history = train.fit(
            model,
            train_set,
            val_set,
            **settings,
            validate_every=epoch,
            out=out,
            config=config | {"classes": list(train_set.classes), "palette": np.asarray(train_set.palette).tolist()},
            resume=resume,
            num_workers=workers,
            device=device,
        )
    except (ValueError, OSError, KeyboardInterrupt):
        if not (out / "last.pt").exists():  # nothing worth keeping: leave the place as it was
            for name in ("config.yaml", "log.csv"):
                (out / name).unlink(missing_ok=True)
            if fresh and out.exists():
                out.rmdir()
        raise
    click.echo(f"best validation mIoU {history.best:.3f} after step {history.best_step} of {steps}: {out / 'best.pt'}")


def check_same_run(last: Path, config: dict) -> None:
    """Refuse to resume a run that was started with other settings.

    Raises:
        FileNotFoundError, ValueError: no checkpoint to go on from, or a setting that differs.
    """
    was = train.load_checkpoint(last)["config"]
    for key, value in config.items():
        if was.get(key) != value:
            raise ValueError(
                f"the run in {last.parent} has {key} {was.get(key)}, not {value}; --resume keeps all settings"
            )
