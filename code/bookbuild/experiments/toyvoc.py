"""`make results`: the trainings whose numbers the chapters print, three seeds each, on the CPU.

    python -m bookbuild.experiments.toyvoc                      every run that results/ does not hold yet
    python -m bookbuild.experiments.toyvoc --list               what there is, and what is done
    python -m bookbuild.experiments.toyvoc toyvoc 'control/*'   only these
    python -m bookbuild.experiments.toyvoc step_time            how long a training step takes

One JSON file an experiment, rewritten after every seed, so an interrupted call goes on where it was. The recipe is the
same everywhere but for what an experiment says it changes. Scored are the last weights on ToyVOC's 100 validation
scenes, whole and at label resolution; nothing was chosen on them. What had to be chosen, the learning rate, was chosen
on 100 of the 500 training scenes by the experiments under lr_search/.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn
from torch.utils.data import Subset

from bookbuild import records
from bookbuild.experiments import queue, scoring, variants
from bookbuild.experiments.variants import (
    LowLevelFrom,
    SkipVariant,
    aligned_32s,
    normalised_32s,
    randomly_upsampled,
    without_image_pooling,
)
from segbook import data, losses, models, train

COMMAND = "python -m bookbuild.experiments.toyvoc"
SEEDS = (0, 1, 2)
RECIPE = {"steps": 600, "batch_size": 16, "lr": 0.01, "optimizer": "adamw", "weight_decay": 1e-4}
# Dive into Deep Learning adds up the losses of 32 images, at a rate of 0.001; ours is their mean.
SUMMED = {"optimizer": "sgd", "momentum": 0.0, "lr": 0.032, "weight_decay": 1e-3 / 32, "power": 0.0}
D2L = SUMMED | {"loss": "void_as_background"}
FIVE_EPOCHS = {"steps": 75, "batch_size": 32}
CONTROL = {"thin": False, "one_scale": True}
FAMILY = ("fcn32s_tiny", "fcn16s_tiny", "fcn8s_tiny", "fcn_tiny_d8", "deeplabv3_tiny", "deeplabv3plus_tiny")


@dataclass(frozen=True)
class Experiment:
    """One row of a table: a network, the data, and what differs from RECIPE."""

    path: str  # results/<path>.json
    build: Callable[[], nn.Module]
    data: dict = field(default_factory=dict)  # options of data.load("toy", ...)
    settings: dict = field(default_factory=dict)  # of train.fit; a loss by its name in segbook.losses or in variants
    seeds: tuple[int, ...] = SEEDS
    choosing: bool = False  # train on 400 of the training scenes, score the other 100
    augment: bool = True  # flips (ToyVOC's objects vary in size by themselves)
    stages: tuple[str, ...] = ()  # coarser networks to train first, the steps shared equally

    def about(self) -> dict:
        """What the record says of all its runs."""
        scored = "100 of the training scenes, trained on the other 400" if self.choosing else "100 validation scenes"
        return {
            "parameters": sum(p.numel() for p in self.build().parameters()),
            "data": f"ToyVOC, options {self.data or 'default'}, scored on {scored}",
            "settings": RECIPE | self.settings | {"augment": self.augment, "stages": list(self.stages)},
        }


def named(name: str, **options) -> Callable[[], nn.Module]:
    return partial(models.create, name, **options)


def experiments() -> list[Experiment]:
    rows = [Experiment(f"toyvoc/{name}", named(name)) for name in FAMILY]
    rows += [Experiment(f"control/{name}", named(name), CONTROL) for name in FAMILY[:5]]
    # chapter 5: D2L's recipe at its own budget, each part of it exchanged, ours at the same budget, theirs at ours
    learned = named("fcn32s_tiny", upsample="dense")
    rows += [
        Experiment("recipe/d2l", learned, settings=D2L | FIVE_EPOCHS, augment=False, seeds=(0,)),
        Experiment("recipe/d2l_void_left_out", learned, settings=SUMMED | FIVE_EPOCHS, augment=False, seeds=(0,)),
        Experiment(
            "recipe/d2l_adamw",
            learned,
            settings=FIVE_EPOCHS | {"loss": "void_as_background"},
            augment=False,
            seeds=(0,),
        ),
        Experiment("recipe/d2l_frozen", named("fcn32s_tiny"), settings=D2L | FIVE_EPOCHS, augment=False, seeds=(0,)),
        Experiment("recipe/d2l_flips", learned, settings=D2L | FIVE_EPOCHS, seeds=(0,)),
        Experiment(
            "recipe/d2l_300_steps", learned, settings=D2L | FIVE_EPOCHS | {"steps": 300}, augment=False, seeds=(0,)
        ),
        Experiment("recipe/equal_budget", named("fcn32s_tiny"), settings=FIVE_EPOCHS, seeds=(0,)),
    ]
    # chapter 7
    rows += [
        Experiment("skips/fcn4s", partial(SkipVariant, 4)),
        Experiment("skips/fcn2s", partial(SkipVariant, 2)),
        Experiment("skips/parallel_8s", partial(SkipVariant, 8, "parallel")),
        Experiment("skips/concat_8s", partial(SkipVariant, 8, "concat")),
        Experiment("skips/staged_8s", named("fcn8s_tiny"), stages=("fcn32s_tiny", "fcn16s_tiny")),
        Experiment("skips/learned_32s", named("fcn32s_tiny", upsample="dense")),
        Experiment("skips/learned_8s", named("fcn8s_tiny", upsample="dense")),
    ]
    # chapter 8
    for name, settings in {
        "constant_lr": {"power": 0.0},
        "warmup": {"warmup": 60},
        "clip": {"clip": 1.0},
        "no_decay": {"no_decay": True},
        "head_x10": {"head_lr": 10.0},
        "ohem": {"loss": "ohem_cross_entropy"},
        "sgd": {"optimizer": "sgd", "lr": 0.3},
        "batch_4": {"batch_size": 4, "steps": 2400},
        "bf16": {"amp": "bf16"},
    }.items():
        rows.append(Experiment(f"training/{name}", named("fcn8s_tiny"), settings=settings))
    rows.append(Experiment("training/no_flip", named("fcn8s_tiny"), augment=False))
    # chapter 9
    rows += [
        Experiment("dilated/os32", named("fcn_tiny_d8", output_stride=32)),
        Experiment("dilated/os16", named("fcn_tiny_d8", output_stride=16)),
        Experiment("dilated/no_contraction", named("fcn_tiny_d8", contract_dilation=False)),
        Experiment("dilated/stem_7x7", named("fcn_tiny_d8", stem="7x7")),
    ]
    # chapter 10
    rows += [
        Experiment("aspp/rates_12_24_36", named("deeplabv3_tiny", atrous_rates=(12, 24, 36))),
        Experiment("aspp/rates_1_1_1", named("deeplabv3_tiny", atrous_rates=(1, 1, 1))),
        Experiment("aspp/no_image_pooling", without_image_pooling),
        Experiment("aspp/os16", named("deeplabv3_tiny", output_stride=16)),
        Experiment("aspp/stem_v1c", named("deeplabv3_tiny", stem="v1c")),
    ]
    # chapter 11
    rows += [
        Experiment("decoder/convs_1", named("deeplabv3plus_tiny", decoder_convs=1)),
        Experiment("decoder/convs_3", named("deeplabv3plus_tiny", decoder_convs=3)),
        Experiment("decoder/low_4", named("deeplabv3plus_tiny", low_level_channels=4)),
        Experiment("decoder/low_16", named("deeplabv3plus_tiny", low_level_channels=16)),
        Experiment("decoder/from_stage_2", partial(LowLevelFrom, 2)),
        Experiment("decoder/separable", named("deeplabv3plus_tiny", separable=True)),
        Experiment("decoder/os8", named("deeplabv3plus_tiny", output_stride=8)),
    ]
    # chapter 14: claims that are in no other folder
    rows += [
        Experiment("claims/random_32s", partial(randomly_upsampled, "fcn32s_tiny")),
        Experiment("claims/random_8s", partial(randomly_upsampled, "fcn8s_tiny")),
        Experiment("claims/void_as_background_8s", named("fcn8s_tiny"), settings={"loss": "void_as_background"}),
        Experiment("claims/aligned_32s", aligned_32s),
        Experiment("claims/normalised_32s", normalised_32s),
    ]
    # the learning rate of all of the above: one seed, chosen on scenes that are scored nowhere
    for name in ("fcn32s_tiny", "fcn16s_tiny", "fcn8s_tiny", "deeplabv3_tiny"):
        for lr in (0.001, 0.003, 0.01, 0.03, *[0.1] * (name == "fcn8s_tiny")):  # until the best has lower neighbours
            path = f"lr_search/{name}_{lr:g}".replace("0.", "0_")
            rows.append(Experiment(path, named(name), settings={"lr": lr}, seeds=(0,), choosing=True))
    for lr in (0.01, 0.03, 0.1, 0.3):  # SGD's own, searched in the same way
        path = f"lr_search/fcn8s_tiny_sgd_{lr:g}".replace("0.", "0_")
        settings = {"optimizer": "sgd", "lr": lr}
        rows.append(Experiment(path, named("fcn8s_tiny"), settings=settings, seeds=(0,), choosing=True))
    return rows


def run(experiment: Experiment, seed: int) -> dict:
    """Train once and score: everything that a row needs."""
    return trained(experiment, seed)[1]


def trained(experiment: Experiment, seed: int) -> tuple[nn.Module, dict]:
    """A network of the row's, and its run."""
    source = records.provenance(f"{COMMAND} {experiment.path}")
    crop = experiment.data.get("size", (96, 128)) if experiment.augment else None
    train_set = data.load("toy", "train", crop_size=crop, **experiment.data)
    if experiment.choosing:
        test_set = Subset(data.load("toy", "train", **experiment.data), range(400, 500))
        train_set = Subset(train_set, range(400))
    else:
        test_set = data.load("toy", "val", **experiment.data)
    settings = RECIPE | experiment.settings
    if "loss" in settings:
        name = settings["loss"]
        settings["loss"] = getattr(losses, name, None) or getattr(variants, name)
    share = settings["steps"] // (len(experiment.stages) + 1)
    began = time.perf_counter()
    torch.manual_seed(seed)
    coarser = None
    for name in experiment.stages:
        model = models.create(name)
        if coarser is not None:
            model.load_coarser(coarser)
        train.fit(model, train_set, **settings | {"steps": share}, seed=seed, progress=False)
        coarser = model
    model = experiment.build()
    if coarser is not None:
        model.load_coarser(coarser)
    history = train.fit(model, train_set, **settings | {"steps": share}, seed=seed, progress=False)
    seconds = time.perf_counter() - began
    return model, {
        "seed": seed,
        **scoring.scores(scoring.count(model, test_set), data.VOC_CLASSES),
        "last_loss": history.losses[-1],
        "seconds": round(seconds, 1),
        **source,
    }


def step_times() -> dict:
    """Milliseconds of one training step of each network of the family, medians of steps made in turns.

    Processor time, not the clock's: on one thread they are the same, and other programs do not disturb the first.
    """
    source = records.provenance(f"{COMMAND} step_time")
    times: dict[str, list[float]] = {name: [] for name in FAMILY}
    images, labels = torch.randn(16, 3, 96, 128), torch.randint(0, 21, (16, 96, 128))
    steps = {}
    for name in FAMILY:
        objective = train.Objective(models.create(name), losses.cross_entropy)
        steps[name] = objective, torch.optim.AdamW(objective.parameters())
    for turn in range(25):
        for name, (objective, optimizer) in steps.items():
            began = time.process_time()
            optimizer.zero_grad(set_to_none=True)
            objective(images, labels).backward()
            optimizer.step()
            if turn >= 5:
                times[name].append(1000 * (time.process_time() - began))
    return {
        **{name: statistics.median(taken) for name, taken in times.items()},
        "seconds": sum(map(sum, times.values())) / 1000,
        "data": "noise, 16 images of 96x128",
        **source,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("paths", nargs="*", help="experiments or folders, patterns allowed; all if none is given")
    parser.add_argument("--list", action="store_true", help="only say what there is and what is done")
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # a tiny network gains nothing from a second thread, and the sums stay in one order
    timed = (records.RESULTS / "step_time.json").is_file()
    if arguments.paths == ["step_time"] or not (arguments.paths or arguments.list or timed):
        records.write("step_time", step_times())
    if arguments.paths == ["step_time"]:
        return
    wanted = queue.chosen(experiments(), arguments.paths, parser)
    if arguments.list:
        queue.show(wanted)
    else:
        queue.run_missing(wanted, run)


if __name__ == "__main__":
    main()
