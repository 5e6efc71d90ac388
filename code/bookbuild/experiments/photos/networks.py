"""The networks that are measured: Google's, the start of the one that ships, and what the rows have trained."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from bookbuild.experiments.photos import GOOGLE, PLUS, SMALL, START, experiments, roots
from segbook import data, models
from segbook.models import pretrained
from segbook.train import checkpoint

PUBLISHED, SHIPPED = "published", "shipped"  # names among the rows': Google's network, the package's
CROPS, CROP = 24, (321, 321)  # on so many training images, cut to this size, the decoder's batch norms are calibrated


def published() -> nn.Module:
    """DeepLabv3 on MobileNetV2 as Google published it, in evaluation mode."""
    state = torch.load(roots.weights(GOOGLE), map_location="cpu", weights_only=True)
    return models.convert("deeplabv3_mobilenet_v2", {name: value.float() for name, value in state.items()}, "google")


def named(name: str, **changes: Any) -> nn.Module:
    """Google's network, the one that ships, or a row's by its name, in evaluation mode; other options if asked for.

    Only options that leave the weights as they are make sense: align_corners, align_centres, output_stride, rates.

    Raises:
        FileNotFoundError: the row has not been trained, or nothing ships yet.
    """
    if name == PUBLISHED:
        config = {"model": "deeplabv3_mobilenet_v2", "num_classes": 21}
        config["options"] = {"atrous_rates": (), "head_convs": 0, "align_corners": True}
        state = published().state_dict()
    else:
        if name == SHIPPED:
            path = pretrained.SHIPPED / f"{PLUS}-photos.pt"
        else:
            path = roots.HOME / name / next(row.checkpoint for row in experiments() if row.name == name)
        content = checkpoint.load(path)
        config, state = content["config"], content["state"]
    model = models.create(config["model"], config["num_classes"], **config["options"] | changes)
    model.load_state_dict(state)
    return model.eval()


def write_start(root: Path) -> Path:
    """The checkpoint from which the network that ships is trained, made of Google's weights if it is not there."""
    path = roots.HOME / START
    if not path.is_file():
        train_set = data.load("voc", "train", root, crop_size=CROP)
        model = start(published(), train_set)
        config = {"model": PLUS, "num_classes": 21, "options": SMALL, "data": "voc"}
        config |= {"classes": list(train_set.classes), "palette": train_set.palette.tolist()}
        checkpoint.save(path, model, config)
    return path


@torch.no_grad()
def start(source: nn.Module, train_set: Dataset, crops: int = CROPS, seed: int = 0) -> nn.Module:
    """A small DeepLabv3+ that computes what a DeepLabv3 of the published form does, exactly aligned.

    Backbone, ASPP and score layer are the DeepLabv3's. Between them the decoder is the identity on ASPP's 256 channels
    and takes nothing from the 48 of the fine feature: each depthwise 3x3 holds a 1 in its middle, each pointwise 1x1 a
    1 from channel i to channel i and else 0, and what comes in is never negative, so that a ReLU keeps it. The weights
    on the fine feature get a gradient from the first step on, the fine feature itself from the second. Its own 1x1 is
    random.

    The decoder's batch norms are calibrated one after another on training crops: running statistics of these crops,
    and the scale and shift that undo them, sqrt(var + eps) and mean. So they are the identity in evaluation, and nearly
    so in training.

    Args:
        source: with atrous_rates=() and head_convs=0, in evaluation mode.
        train_set: crops of one size.

    Returns:
        The network, in evaluation mode.
    """
    torch.manual_seed(seed)
    num_classes = source.classifier[1].out_channels
    model = models.create(PLUS, num_classes, **SMALL).eval()
    head = model.classifier
    model.backbone.load_state_dict(source.backbone.state_dict())
    head.aspp.load_state_dict(source.classifier[0].state_dict())
    head.score.load_state_dict(source.classifier[1].state_dict())
    for layer in head.fuse:
        if isinstance(layer, nn.Conv2d):
            nn.init.zeros_(layer.weight)
            kept = range(layer.out_channels)
            if layer.groups > 1:
                layer.weight[kept, 0, 1, 1] = 1
            else:
                layer.weight[kept, kept, 0, 0] = 1  # channels from 256 on, the fine ones, are left at 0
    images = torch.stack([train_set[i][0] for i in range(min(crops, len(train_set)))])
    calibrate(model, head.reduce[1], images, undone=False)
    for layer in head.fuse:
        if isinstance(layer, nn.BatchNorm2d):
            calibrate(model, layer, images, undone=True)
    return model


def calibrate(model: nn.Module, norm: nn.BatchNorm2d, images: Tensor, undone: bool) -> None:
    """Give one batch norm of a model in evaluation mode the statistics of images; `undone`: make it the identity."""
    momentum = norm.momentum
    norm.reset_running_stats()
    norm.momentum = None  # plain averages over the batches
    norm.train()
    for batch in images.split(8):
        model(batch)
    norm.eval()
    norm.momentum = momentum
    if undone:
        norm.weight.copy_((norm.running_var + norm.eps).sqrt())
        norm.bias.copy_(norm.running_mean)
