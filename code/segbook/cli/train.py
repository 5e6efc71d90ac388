"""`segbook train`: a run folder with config.yaml, best.pt, last.pt and log.csv."""

from dataclasses import MISSING, fields
from pathlib import Path

import click
import torch
import yaml
from click.core import ParameterSource

from segbook import data, models, train
from segbook.cli.common import CROPS, SIZE, data_options, with_options
from segbook.train.distributed import processes
from segbook.train.run import read_run

FOUND = {"num_classes", "classes", "palette", "images", "processes"}  # a config.yaml has them, but no option sets them


def read_config(ctx: click.Context, param: click.Parameter, path: Path | None) -> None:
    """Let the values of a YAML file stand where the command line says nothing; each key has to be an option."""
    if path is None:
        return
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no YAML file: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} must hold one `option: value` a line, as the config.yaml of a run does")
    names = {flag.lstrip("-").replace("-", "_"): p.name for p in ctx.command.params for flag in [*p.opts, p.name]}
    ctx.default_map = {}
    for key, value in content.items():
        name = names.get(str(key).replace("-", "_"))
        if key in FOUND or value is None:
            continue
        if name is None or name == param.name:
            raise ValueError(f"{path}: there is no option {key!r}; `segbook train --help` lists them")
        ctx.default_map[name] = list(value.items()) if isinstance(value, dict) else value


class Option(click.ParamType):
    """KEY=VALUE, the value as in YAML: output_stride=8, atrous_rates=[2,4,6]."""

    name = "KEY=VALUE"

    def convert(self, value, param, ctx) -> tuple:
        if isinstance(value, tuple):  # from a YAML file
            return value
        key, equals, text = value.partition("=")
        try:
            return key.strip().replace("-", "_"), yaml.safe_load(text) if equals else self.fail("no =", param, ctx)
        except yaml.YAMLError:
            self.fail(f"{value!r} is no option; write KEY=VALUE as in output_stride=8", param, ctx)


def settings_options() -> list:
    """An option for each field of `train.Settings`."""
    options = []
    for one in fields(train.Settings):
        help, kind, flag = one.metadata["help"], {}, f"--{one.name.replace('_', '-')}"
        if one.name == "steps":
            help = "Updates of the weights, instead of --epochs."
        if one.default is False:
            kind = {"is_flag": True}
        elif "choices" in one.metadata:
            kind = {"type": click.Choice(one.metadata["choices"])}
        elif one.default == ():
            kind = {"multiple": True}
        elif one.name == "class_weights":
            kind = {"type": click.UNPROCESSED}
        else:
            kind = {"type": int if "int" in str(one.type) else float}
        default = None if one.default is MISSING else one.default
        options.append(click.option(flag, one.name, default=default, help=help, **kind))
    return options


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
@with_options(data_options(required=True))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the run.")
@click.option("--epochs", type=click.IntRange(1), help="Passes over the training set [default: 10].")
@click.option("--crop", type=SIZE, help="Size of training images [default: by data set].")
@click.option("--classes", "one_class", metavar="NAME", help="The second of two classes: one logit instead of two.")
@click.option("--weights", help="Of the whole network: a run, a file or NAME:WEIGHTS to start from.")
@click.option("--weights-backbone", help="photos (MobileNetV2), a file, IMAGENET1K_V1 to download [default: random].")
@click.option("--partial", is_flag=True, help="Take what fits of these weights, and list what stays random.")
@click.option("--model-option", "options", type=Option(), multiple=True, help="Such as output_stride=8; repeatable.")
@with_options(settings_options())
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --out, once the new one has a checkpoint.")
@click.pass_context
def train_command(
    ctx, model, data_name, root, workers, device, out, epochs, crop, one_class, weights, weights_backbone, partial,
    options, resume, overwrite, **settings,
) -> None:  # fmt: skip
    """Train the network MODEL; `segbook models` lists the names.

    \b
    segbook train fcn32s_tiny --data toy --epochs 20 --out run
    segbook train fcn32s_tiny --data voc --root ~/data --epochs 1 --out run
    segbook train --config run/config.yaml --out run --resume
    segbook train fcn8s_tiny --data folder --root mine --weights run --partial --freeze backbone --out tuned
    torchrun --nproc-per-node 2 --no-python segbook train fcn8s_tiny --data toy --out run
    """
    typed = [name for name in ("epochs", "steps") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if len(typed) == 2:
        raise ValueError("--epochs and --steps both say how long to train; give one of them")
    epochs = None if typed == ["steps"] or not typed and settings["steps"] else epochs  # the command line wins
    check_out(out, resume, overwrite)
    with processes(device) as world:
        crop = crop or CROPS.get(data_name, (320, 480))
        if not world.first:
            world.gather("the first process makes or unpacks the data, alone")
        train_set = data.load(data_name, "train", root, crop_size=crop, seed=settings["seed"])
        val_set = data.load(data_name, "val", root)
        if world.first:
            world.gather("the data is there")
        per_epoch = max(1, len(train_set) // settings["batch_size"])  # steps that visit every image once
        settings["steps"] = (epochs or 10) * per_epoch if epochs or not settings["steps"] else settings["steps"]
        settings["validate_every"] = settings["validate_every"] or per_epoch
        num_classes = train_set.num_classes
        if one_class is not None:
            if train_set.classes[1:] != [one_class]:
                needed = f"--classes {one_class} needs data of two classes, the second {one_class!r}"
                raise ValueError(f"{needed}; this has {', '.join(train_set.classes)}")
            num_classes = 1
            if settings["loss"] == "cross_entropy" and settings["class_weights"] is None:
                settings["loss"] = "binary_cross_entropy"  # the same number, sooner
        config = {"model": model, "num_classes": num_classes, "options": dict(options), "data": data_name}
        config |= {"crop": list(crop), "one_class": one_class, "weights": weights, "weights_backbone": weights_backbone}
        if weights and (Path(weights).is_dir() or ":" in weights and not Path(weights).exists()):
            weights = read_run(weights)["state"]
        torch.manual_seed(settings["seed"])
        trained = (None, None) if resume else (weights, weights_backbone)
        network = models.create(model, num_classes, *trained, partial=partial, **dict(options))
        history = train.fit(
            network, train_set, val_set, train.Settings(**settings), out=out, config=config | {"partial": partial},
            resume=resume, num_workers=workers, device=world.device,
        )  # fmt: skip
        if world.first:
            score = f"best validation mIoU {history.best:.3f} after step {history.best_step} of {history.step}"
            click.echo(f"{score}: {out / 'best.pt'}")


def check_out(out: Path, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that holds something, unless told what to do with it."""
    if resume and overwrite:
        raise ValueError("--resume goes on with the run and --overwrite replaces it; give one of them")
    if out.exists() and not out.is_dir():
        raise ValueError(f"{out} is a file; --out names the folder of the run")
    if out.is_dir() and any(out.iterdir()) and not (resume or overwrite):
        ways = "--resume goes on with the run in it, --overwrite replaces it"
        ways = ways if (out / "last.pt").exists() else "no run to go on with is in it, --overwrite puts one there"
        raise ValueError(f"{out} is not empty; {ways}")
