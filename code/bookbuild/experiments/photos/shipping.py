"""What ships with the package: trained weights in 16 bits, and the model card beside each, written from the records."""

import json
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from bookbuild import records
from bookbuild.experiments import scoring, toyvoc
from bookbuild.experiments.photos import COMMAND, PLUS, SEVEN, START, roots
from bookbuild.experiments.photos.training import measure
from segbook import data, models
from segbook.files import write_atomically
from segbook.models import pretrained
from segbook.train import checkpoint

MOST_BYTES = 5_000_000
KEPT = ("model", "num_classes", "options", "data", "classes", "palette")  # of a run's config: no path, no setting
STATISTICS = ("running_mean", "running_var")  # their range is the images', so they keep 32 bits
TOY = {path: "toyvoc" for path in (f"toyvoc/{name}" for name in toyvoc.FAMILY)} | {"aspp/os16": "toyvoc_os16"}

PHOTOS_LIMITS = (
    f"It was judged on few images: only {', '.join(SEVEN)} have enough of them in this subset. Chair, sofa and dining "
    "table it finds badly, and what is none of the twenty classes is background to it, or worse, one of them. It was "
    "trained on crops of 321 x 321 pixels; objects much larger or smaller than there are found less well. It says "
    "nothing of who or what a person is, and it is nothing to base a decision about anybody on."
)
TOY_LIMITS = (
    "It has seen 500 synthetic scenes of 128 x 96 pixels and nothing else. It names five things, all else is "
    "background. On photographs its answers mean nothing, however sure they look."
)
BEGUN = (
    "Google's DeepLabv3 on MobileNetV2 for VOC (google-coral/test_data, trained on COCO and on 10,582 images of VOC "
    "2012 without val; Apache License 2.0), its 8-bit TFLite file recovered as floats. Backbone, ASPP and score layer "
    "are its own, fine-tuned; the decoder is new. All weights are the mean of those before and after the tuning. "
    "These weights are under the Apache License 2.0 as well "
    "(https://www.apache.org/licenses/LICENSE-2.0)."
)


def packed(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights in 16 bits; ValueError for one that 16 bits cannot hold."""
    small = {}
    for name, value in state.items():
        wide = not value.is_floating_point() or name.endswith(STATISTICS)
        small[name] = value.clone() if wide else value.half()
        if not small[name].isfinite().all():
            raise ValueError(f"{name} has numbers beyond the range of 16 bits")
    return small


def write_weights(name: str, weights: str, config: dict, state: dict[str, Tensor]) -> Path:
    """NAME-WEIGHTS.pt in the package: what `models.create(name, weights=weights)` loads.

    Raises:
        ValueError: a file of more than MOST_BYTES; it is not written then.
    """
    path = pretrained.SHIPPED / f"{name}-{weights}.pt"
    path.parent.mkdir(exist_ok=True)
    content = {"segbook_checkpoint": checkpoint.VERSION, "config": {key: config[key] for key in KEPT}}
    content["state"] = packed(state)

    def write(file) -> None:
        torch.save(content, file)
        if file.tell() > MOST_BYTES:
            raise ValueError(f"{path.name} would take {file.tell():,} bytes, more than {MOST_BYTES:,}")

    write_atomically(path, write)
    return path


def card(path: Path, run: dict, scores: dict, **told: str) -> str:
    """The text of a model card.

    Args:
        run: the recorded training. scores: of the file that ships, on what `told["scored"]` says.
        told: about, begun, data, command, scored, limits.
    """
    name, _, weights = path.stem.partition("-")
    images = scores.get("images_with", {})
    rows = [
        f"| {label} | {100 * iou:.1f} | {images[label]} |" if images else f"| {label} | {100 * iou:.1f} |"
        for label, iou in scores["iou"].items()
        if not images or label in images
    ]
    header = ["| class | IoU | images |", "|---|---|---|"] if images else ["| class | IoU |", "|---|---|"]
    means = [f"mean IoU {100 * scores['mean_iou']:.1f}"]
    if "mean_iou_seven" in scores:
        means = [f"mean IoU over {', '.join(SEVEN)} {100 * scores['mean_iou_seven']:.1f}"]
        means += [f"over all classes in the labels {100 * scores['mean_iou_occurring']:.1f}"]
    means += [f"boundary F1 {100 * scores['boundary_f1']:.1f}", f"pixel accuracy {100 * scores['pixel_accuracy']:.1f}"]
    versions = ", ".join(f"{key} {value}" for key, value in run["versions"].items())
    return "\n".join(
        [
            f'# {name}, weights="{weights}"',
            "",
            f'{told["about"]} `segbook.models.create("{name}", weights="{weights}")` loads it.',
            "",
            f"- **File:** {path.name}, {path.stat().st_size:,} bytes, weights in 16 bits, computed with in 32",
            f"- **Data:** {told['data']}",
            f"- **Begun from:** {told['begun']}",
            f"- **Command:** `{told['command']}`",
            f"- **Made:** {run['seconds']:,.0f} s on {run['device']}; {versions}; commit {run['commit']}",
            f"- **Scores** of this file, in percent, {told['scored']}: {'; '.join(means)}",
            f"- **Limits:** {told['limits']}",
            "",
            *header,
            *rows,
            "",
        ]
    )


def write_card(path: Path, text: str) -> None:
    write_atomically(path.with_suffix(".md"), lambda file: file.write(text.encode()))
    tqdm.write(f"{path.name}: {path.stat().st_size:,} bytes")


def midway(start: dict[str, Tensor], tuned: dict[str, Tensor]) -> dict[str, Tensor]:
    """The mean of two networks' weights, of which the second was tuned from the first.

    Tuning on a few hundred images forgets what they hardly show; half of the way back keeps most of both.

    Source: Wortsman et al., Robust fine-tuning of zero-shot models, 2022, with their default share of one half.
    """
    return {name: start[name].lerp(value, 0.5) if value.is_floating_point() else value for name, value in tuned.items()}


def ship_photos() -> None:
    """Midway from the start to the row `tuned_whole`: file, its score (results/photos/as_shipped.json), card."""
    source, began = records.provenance(f"{COMMAND} ship photos"), time.perf_counter()
    content = checkpoint.load(roots.HOME / "tuned_whole" / "last.pt")
    state = midway(checkpoint.load(roots.HOME / START)["state"], content["state"])
    path = write_weights(PLUS, "photos", content["config"], state)
    val = data.load("voc", "val", roots.prepare() / "real")
    measured = measure(models.create(PLUS, weights="photos").eval(), val, roots.HOME / "shipped")
    about = {"data": "PASCAL VOC 2012 subset: 345 images of val", "bytes": path.stat().st_size}
    seconds = round(time.perf_counter() - began, 1)
    records.write("photos/as_shipped", about | measured | {"seconds": seconds} | source)
    record = json.loads((records.RESULTS / "photos" / "tuned_whole.json").read_text(encoding="utf-8"))
    tuned = 100 * record["runs"][0]["mean_iou_occurring"]
    text = card(
        path,
        record["runs"][0],
        measured,
        about="A DeepLabv3+ that segments photographs into PASCAL VOC's 20 classes and background.",
        data="437 images of PASCAL VOC 2012's train split, from Flickr; mostly people and animals",
        begun=BEGUN,
        command=f"{record['train']}` in data/photos, then `{COMMAND} ship photos",
        scored=f"on {measured['images']} images of VOC's val at their own sizes, where the tuned weights alone had "
        f"reached {tuned:.1f} over all classes in the labels",
        limits=PHOTOS_LIMITS,
    )
    write_card(path, text)


def ship_toyvoc(paths: Sequence[str] = tuple(TOY), seed: int = 0) -> None:
    """Train the tiny networks as rows of `experiments.toyvoc`, record the run, write file and card.

    A file that is there is left: remove it to have it made anew.
    """
    rows = {row.path: row for row in toyvoc.experiments()}
    for row in (rows[path] for path in paths):
        name, weights = row.build.args[0], TOY[row.path]
        if (pretrained.SHIPPED / f"{name}-{weights}.pt").is_file():
            continue
        model, run = toyvoc.trained(row, seed)
        records.add_run(row.path, row.about(), run)
        classes, palette = list(data.VOC_CLASSES), data.VOC_PALETTE.tolist()
        config = {"model": name, "num_classes": 21, "options": row.build.keywords, "data": "toy"}
        path = write_weights(name, weights, config | {"classes": classes, "palette": palette}, model.state_dict())
        write_card(path, toy_card(path, run, models.create(name, weights=weights)))


def toy_card(path: Path, run: dict, model: nn.Module) -> str:
    counts = scoring.count(model, data.load("toy", "val"))
    return card(
        path,
        run,
        scoring.scores(counts, data.VOC_CLASSES),
        about="A tiny network for the book's synthetic scenes.",
        data="ToyVOC: 500 training scenes",
        begun="random weights",
        command=run["command"],
        scored="on ToyVOC's 100 validation scenes, on which nothing was chosen",
        limits=TOY_LIMITS,
    )


SHIP = {"photos": ship_photos, "toyvoc": ship_toyvoc}
