"""What is measured on trained weights without another training. Each is a record of its own under results/photos.

published            Google's network on val, as it was published (align_corners=True)
published_aligned    the same with every cell put where it looks: what the network that ships has to beat
alignment            two networks, images padded to 512 and to 513, their logits resized in three ways
output_stride        the ladder's DeepLabv3+ evaluated at output stride 8 and at 16
sizes                the network that ships, its input resized to 257, 385 and 513 pixels
intervals            paired bootstrap over images: which differences of two rows are more than these images' luck
"""

import time
from collections.abc import Iterator
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import Dataset

from bookbuild import records
from bookbuild.experiments import scoring
from bookbuild.experiments.photos import COMMAND, PLUS, RUNGS, SEVEN, roots
from bookbuild.experiments.photos.networks import PUBLISHED, named
from bookbuild.experiments.photos.training import measure, stored_counts
from segbook import data

VAL = "PASCAL VOC 2012 subset: 345 images of val"
GOOGLES = "Google's weights, trained on COCO and on 10,582 images of VOC; " + VAL
RESIZES = {
    "true": {"align_corners": True, "align_centres": False},
    "false": {"align_corners": False, "align_centres": False},
    "centres": {"align_corners": False, "align_centres": True},
}
ALIGNED = (PUBLISHED, "shipped")
PLACES = [(512, "true"), (512, "false"), (512, "centres"), (513, "true")]
SIZES = (257, 385, 513)
RESAMPLES, SEED = 2000, 0


class Padded(nn.Module):
    """A network that sees images padded to size x size with the mean colour, below and on the right."""

    def __init__(self, net: nn.Module, size: int):
        super().__init__()
        self.net = net
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]  # at most 500 in VOC
        return self.net(F.pad(x, (0, self.size - width, 0, self.size - height)))[..., :height, :width]


class Resized(nn.Module):
    """A network that sees images whose longer side is `size`; its logits are brought back to the image."""

    def __init__(self, net: nn.Module, size: int):
        super().__init__()
        self.net = net
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        factor = self.size / max(x.shape[-2:])
        sides = [max(1, round(side * factor)) for side in x.shape[-2:]]
        x_small = F.interpolate(x, sides, mode="bilinear", antialias=factor < 1)
        return F.interpolate(self.net(x_small), x.shape[-2:], mode="bilinear")


def published(val: Dataset) -> dict:
    return {"data": GOOGLES} | measure(named(PUBLISHED), val, roots.HOME / PUBLISHED)


def published_aligned(val: Dataset) -> dict:
    return {"data": GOOGLES} | measure(named(PUBLISHED, **RESIZES["centres"]), val, roots.HOME / "published_aligned")


def alignment(val: Dataset) -> dict:
    """Scores of each network of ALIGNED by size and resize: "512_true", "513_true"."""
    found: dict = {"data": VAL}
    for name in ALIGNED:
        found[name] = {}
        for size, resize in PLACES:
            net = named(name, **RESIZES[resize])
            found[name][f"{size}_{resize}"] = measure(Padded(net, size), val)
    return found


def output_stride(val: Dataset) -> dict:
    """Scores of the ladder's DeepLabv3+ at both output strides. ASPP's rates double with the finer map."""
    return {"data": VAL} | {f"os{stride}": measure(named(PLUS, output_stride=stride), val) for stride in (16, 8)}


def sizes(val: Dataset) -> dict:
    """Scores of the network that ships by the longer side of its input."""
    return {"data": VAL} | {f"side_{side}": measure(Resized(named("shipped"), side), val) for side in SIZES}


def intervals(val: Dataset) -> dict:
    """95 % intervals of the differences between neighbours on the ladder, and of all rows to Google's network."""
    pairs = [*pairwise(RUNGS), ("published_aligned", "shipped")]
    pairs += [(PUBLISHED, name) for name in (*RUNGS, "shipped")]
    seven = [val.classes.index(name) for name in SEVEN]
    found = []
    for before, after in pairs:
        one, other = stored_counts(before), stored_counts(after)
        found.append({"of": after, "minus": before, **differences(one, other, seven)})
    how = f"percentiles of {RESAMPLES} resamples of the images, the same for both, seed {SEED}"
    return {"data": VAL, "interval": "95 %, " + how, "differences": found}


def differences(one: scoring.Counts, other: scoring.Counts, seven: list[int]) -> dict:
    """Means of `other` less those of `one`, each with an interval."""
    found = {}
    drawn = resamples(len(one.true_positives))
    for key, classes in (("mean_iou_seven", seven), ("mean_iou_occurring", slice(None))):
        gained = occurring_means(other, drawn, classes) - occurring_means(one, drawn, classes)
        low, high = gained[1:].quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
        found[key] = {"difference": gained[0].item(), "low": low, "high": high}
    return found


def resamples(images: int) -> Tensor:
    """How often each image is drawn, (1 + RESAMPLES, images): each once, then with replacement."""
    generator = torch.Generator().manual_seed(SEED)
    drawn = torch.randint(images, (RESAMPLES, images), generator=generator)
    times = torch.zeros(RESAMPLES, images, dtype=torch.float64).scatter_add_(1, drawn, torch.ones_like(drawn).double())
    return torch.cat([torch.ones_like(times[:1]), times])


def occurring_means(counts: scoring.Counts, drawn: Tensor, classes: list[int] | slice) -> Tensor:
    """Mean IoU over those of the classes that the drawn images' labels have, one for each row of `drawn`."""
    hit, false, missed = (drawn @ part.double()[:, classes] for part in counts[:3])  # (resamples, classes)
    iou = hit / (hit + false + missed)
    return iou.where(hit + missed > 0, torch.nan).nanmean(1)


MEASURES = {one.__name__: one for one in (published, published_aligned, alignment, output_stride, sizes, intervals)}


def record(name: str) -> None:
    """Measure and write results/photos/NAME.json."""
    source, began = records.provenance(f"{COMMAND} photos/{name}"), time.perf_counter()
    val = data.load("voc", "val", roots.prepare() / "real")
    measured = MEASURES[name](val)
    records.write(f"photos/{name}", measured | {"seconds": round(time.perf_counter() - began, 1)} | source)


def missing() -> Iterator[str]:
    """Those without a record."""
    yield from (name for name in MEASURES if not (records.RESULTS / "photos" / f"{name}.json").is_file())
