"""Weights that others trained: files, checkpoints of three projects, and torchvision's own downloads.

Our networks carry torchvision's names where torchvision has the network, so a conversion is a renaming.
"""

import os
import warnings
from collections.abc import Iterable, Mapping
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import torchvision
from torch import Tensor, nn

from segbook.files import read_weights

Weights = str | os.PathLike | Mapping[str, Tensor]


class Source(NamedTuple):
    """A project that published weights."""

    names: tuple[str, ...]  # our networks that its checkpoints become
    last: str  # our name of the last layer's weight, which tells the number of classes
    rename: dict[str, str]  # prefix of a name in theirs -> in ours; other names stay as they are


SOURCES = {
    "torchvision": Source(
        names=("fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101"),
        last="classifier.4.weight",
        rename={},
    ),
    "mmseg": Source(
        names=("fcn_resnet18_d8", "fcn_resnet50_d8", "fcn_resnet101_d8"),
        last="classifier.score.weight",
        rename={
            **{f"decode_head.convs.{i}.conv.": f"classifier.convs.{3 * i}." for i in (0, 1)},
            **{f"decode_head.convs.{i}.bn.": f"classifier.convs.{3 * i + 1}." for i in (0, 1)},
            "decode_head.conv_cat.conv.": "classifier.fuse.0.",
            "decode_head.conv_cat.bn.": "classifier.fuse.1.",
            "decode_head.conv_seg.": "classifier.score.",
            "auxiliary_head.convs.0.conv.": "aux_classifier.0.",
            "auxiliary_head.convs.0.bn.": "aux_classifier.1.",
            "auxiliary_head.conv_seg.": "aux_classifier.4.",
        },
    ),
    "d2l": Source(
        names=("fcn32s_resnet18",),
        last="score.weight",
        rename={
            "0.": "backbone.conv1.",
            "1.": "backbone.bn1.",
            **{f"{stage + 3}.": f"backbone.layer{stage}." for stage in (1, 2, 3, 4)},
            "final_conv.": "score.",
            "transpose_conv.": "upsample.",
        },
    ),
    "google": Source(
        names=("deeplabv3_mobilenet_v2",),
        last="classifier.1.weight",
        rename={"aspp.": "classifier.0.", "score.": "classifier.1."},
    ),
}
# Our backbones; and in torchvision's classifiers on them the prefixes to exchange, None for what is not needed.
RESNET = {"fc.": None}
BACKBONES = {
    "resnet18": RESNET,
    "resnet50": RESNET,
    "resnet101": RESNET,
    "mobilenet_v2": {"features.18.": None, "classifier.": None},
    "vgg16": {"classifier.0.": "fc6.", "classifier.3.": "fc7.", "classifier.6.": None},
    "tiny": None,
}
SHIPPED = Path(__file__).parent / "weights"  # NAME-WEIGHTS.pt, in the layout of segbook.train's checkpoints
WRAPPED_AS = ("state_dict", "state", "model", "model_state_dict", "model_state", "net", "network", "weights")
PREFIXES = ("module.", "model.", "_orig_mod.")  # of DistributedDataParallel, Lightning, torch.compile


def convert(name: str, state_dict: Mapping[str, Tensor], source: str) -> nn.Module:
    """One of our networks with the weights of another project's, in evaluation mode. It computes what theirs does.

    Number of classes, auxiliary head and head width are read from the checkpoint; the rest is as published.

    Args:
        name: ours: fcn_resnet* and deeplabv3_resnet* from "torchvision", fcn_resnet*_d8 from "mmseg", fcn32s_resnet18
            from "d2l", deeplabv3_mobilenet_v2 from "google" (there without 3x3 convolutions and atrous rates).
        state_dict: name -> tensor, or what projects wrap around it, see `plain`.

    Raises ValueError where there is no such conversion, or listing what of the checkpoint does not fit.
    """
    from segbook.models import create  # here, because the package imports this module

    if source not in SOURCES or name not in SOURCES[source].names:
        known = "; ".join(f"from {key!r} {', '.join(value.names)}" for key, value in SOURCES.items())
        raise ValueError(f"cannot convert {name!r} from {source!r}; known are {known}")
    _, last, renaming = SOURCES[source]
    state = rename(plain(state_dict), renaming)
    if last not in state:
        raise ValueError(f"this is no checkpoint of {name} from {source!r}: nothing in it becomes {last}")
    num_classes, width = state[last].shape[:2]
    aux = "aux_classifier.4.weight" in state
    options = {
        "torchvision": {"aux": aux},
        "mmseg": {"aux": aux, "head_width": width},
        "d2l": {"upsample": "dense"},
        "google": {"atrous_rates": (), "head_convs": 0, "align_corners": True},
    }
    model = create(name, num_classes, **options[source])
    return load(model, state, f"the checkpoint from {source!r}").eval()


def rename(state: Mapping[str, Tensor], prefixes: Mapping[str, str | None]) -> dict[str, Tensor]:
    """Exchange the prefixes of the names; None drops the tensor."""
    renamed = {}
    for name, value in state.items():
        old = next((prefix for prefix in prefixes if name.startswith(prefix)), "")
        new = prefixes.get(old, "")
        if new is not None:
            renamed[new + name.removeprefix(old)] = value
    return renamed


def load_backbone(model: nn.Module, name: str, weights: Weights, partial: bool = False) -> nn.Module:
    """Weights of the backbone alone: torchvision's classifier as a file, state dict or name, or a shipped network's."""
    backbone = next(known for known in BACKBONES if known in name)
    if isinstance(weights, str) and (paths := sorted(SHIPPED.glob(f"*{backbone}*-{weights}.pt"))):
        whole = read(paths[0], name)
        state = {key.removeprefix("backbone."): v for key, v in whole.items() if key.startswith("backbone.")}
    elif BACKBONES[backbone] is None:
        raise ValueError(f"{name} has a backbone of its own, for which nobody published weights")
    else:
        state = rename(read(weights, backbone), BACKBONES[backbone])
    ours = model.backbone.state_dict()
    for key in ("fc6.weight", "fc7.weight"):  # a fully connected layer is a convolution: same numbers, another shape
        if key in ours and key in state and state[key].numel() == ours[key].numel():
            state[key] = state[key].reshape(ours[key].shape)
    return load(model.backbone, state, "weights_backbone", partial)


def read_shipped(name: str, weights: Weights | None) -> dict | None:
    """The checkpoint of `name` that ships with this package as `weights` ("config", "state"), or None."""
    path = SHIPPED / f"{name}-{weights}.pt"
    if not isinstance(weights, str) or not path.is_file():
        return None
    return read_weights(path)


def as_trained(name: str, weights: str, config: Mapping, asked: Mapping) -> dict[str, Any]:
    """Classes and options of a shipped network; a ValueError where others are asked for."""
    trained = {"num_classes": config["num_classes"]}
    trained |= {option: tuple(v) if isinstance(v, list) else v for option, v in config["options"].items()}
    others = [f"{option}={value!r}" for option, value in asked.items() if trained.get(option) != value]
    if others:
        raise ValueError(
            f"{name} with weights={weights!r} was trained with {trained}, not {', '.join(others)}: leave these out, or "
            f"train your own network with weights_backbone={weights!r}"
        )
    return trained


def read(weights: Weights, name: str) -> dict[str, Tensor]:
    """A state dict from whatever was given. `name` is the network's name in torchvision, if it is there at all."""
    if isinstance(weights, Mapping):
        return plain(weights)
    published = {}
    if name in torchvision.models.list_models():
        published = torchvision.models.get_model_weights(name).__members__
    if weights in published:
        return published[weights].get_state_dict(progress=True, check_hash=True)
    path = Path(weights)
    if not path.is_file():
        shipped = sorted({path.stem.rsplit("-", 1)[1] for path in SHIPPED.glob(f"*{name}-*.pt")})  # also for a backbone
        names = [*shipped, *published]
        instead = f"; names for {name} are {', '.join(names)}" if names else ""
        raise FileNotFoundError(f"there is no file of weights {path}{instead}")
    return plain(read_weights(path))


def plain(content: Mapping) -> dict[str, Tensor]:
    """The state dict itself, out of what projects wrap around it: a dictionary, prefixes of all its names."""
    while isinstance(content, Mapping) and not is_state(content):
        wrapped = next((key for key in WRAPPED_AS if isinstance(content.get(key), Mapping)), None)
        if wrapped is None:
            inside = [repr(key) for key, value in content.items() if value and is_state(value)]
            advice = f"; there is one in it as {', '.join(inside)}: pass that" if inside else ""
            keys = ", ".join(map(repr, list(content)[:8]))
            raise ValueError(f"expected a state dict (names and tensors), got a dictionary of {keys}{advice}")
        content = content[wrapped]
    if not isinstance(content, Mapping):
        raise ValueError(f"expected a state dict (names and tensors), got {type(content).__name__}")
    state = dict(content)
    while state and (prefix := next((p for p in PREFIXES if all(name.startswith(p) for name in state)), None)):
        state = {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def is_state(content: object) -> bool:
    return isinstance(content, Mapping) and all(isinstance(value, Tensor) for value in content.values())


def load(model: nn.Module, state: Mapping[str, Tensor], what: str, partial: bool = False) -> nn.Module:
    """Load a state dict, all of it, or with `partial` what fits, with a warning that lists what stays random.

    A batch norm's step counter may be absent: files from before 2018 have none. Raises ValueError, with the list,
    where names or shapes differ (with `partial`: where nothing fits).
    """
    ours = model.state_dict()
    fitting = {name: value for name, value in state.items() if name in ours and value.shape == ours[name].shape}
    missing = [name for name in ours if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = grouped([name for name in state if name not in ours], ours)
    reshaped = [name for name in state if name in ours and name not in fitting]
    shapes = [f"{name} {tuple(state[name].shape)} for {tuple(ours[name].shape)}" for name in reshaped]
    faults = {"missing": grouped(missing, fitting), "unexpected": unexpected, "of another shape": shapes}
    report = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in faults.items() if names)
    if report and not (partial and fitting):
        advice = " (partial=True loads what fits)" if fitting else ""
        raise ValueError(f"{what} does not fit this {type(model).__name__}: {report}{advice}")
    if report:
        warnings.warn(f"{what} fills a part of {type(model).__name__}, the rest stays random; {report}", stacklevel=3)
    model.load_state_dict(fitting, strict=False)
    return model


def grouped(names: Iterable[str], others: Iterable[str]) -> list[str]:
    """Names shortened to the first part that no other name shares: all of layer4 is "layer4"."""

    def prefixes(name: str) -> Iterable[str]:  # layer4, layer4.0, layer4.0.conv1, ...
        return accumulate(name.split("."), "{}.{}".format)

    taken = {prefix for name in others for prefix in prefixes(name)}
    return list(dict.fromkeys(next((p for p in prefixes(name) if p not in taken), name) for name in names))
