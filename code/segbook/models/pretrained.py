"""Weights that others trained: files, checkpoints of three projects, and torchvision's own downloads.

Our networks carry torchvision's names where torchvision has the network, so a conversion is a renaming.
"""

import os
import pickle
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
import torchvision
from torch import Tensor, nn

Weights = str | os.PathLike | Mapping[str, Tensor]

# Prefix of a name in their checkpoint -> in ours. Names that no prefix fits stay as they are.
RENAME = {
    "torchvision": {},
    "mmseg": {
        "decode_head.convs.0.conv.": "classifier.convs.0.",
        "decode_head.convs.0.bn.": "classifier.convs.1.",
        "decode_head.convs.1.conv.": "classifier.convs.3.",
        "decode_head.convs.1.bn.": "classifier.convs.4.",
        "decode_head.conv_cat.conv.": "classifier.fuse.0.",
        "decode_head.conv_cat.bn.": "classifier.fuse.1.",
        "decode_head.conv_seg.": "classifier.score.",
        "auxiliary_head.convs.0.conv.": "aux_classifier.0.",
        "auxiliary_head.convs.0.bn.": "aux_classifier.1.",
        "auxiliary_head.conv_seg.": "aux_classifier.4.",
    },
    "d2l": {
        "0.": "backbone.conv1.",
        "1.": "backbone.bn1.",
        "4.": "backbone.layer1.",
        "5.": "backbone.layer2.",
        "6.": "backbone.layer3.",
        "7.": "backbone.layer4.",
        "final_conv.": "score.",
        "transpose_conv.": "enlarge.",
    },
}
NAMES = {
    "torchvision": ("fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101"),
    "mmseg": ("fcn_resnet18_d8", "fcn_resnet50_d8", "fcn_resnet101_d8"),
    "d2l": ("fcn32s_resnet18",),
}
# The same from torchvision's classifiers to a backbone; None leaves out what only the classifier needs.
CLASSIFIERS = {
    r"resnet\d+": {"fc.": None},
    r"mobilenet_v2": {"features.18.": None, "classifier.": None},
    r"vgg16": {"classifier.0.": "fc6.", "classifier.3.": "fc7.", "classifier.6.": None},
}


def convert(name: str, state_dict: Mapping[str, Tensor], source: str) -> nn.Module:
    """Build one of our networks from the weights of another project's. It computes what theirs does.

    Number of classes, auxiliary head and head widths are read from the checkpoint. The other options have their
    defaults, which are those of the published configurations.

    Args:
        name: ours. From "torchvision": fcn_resnet50, fcn_resnet101, deeplabv3_resnet50, deeplabv3_resnet101. From
            "mmseg": fcn_resnet18_d8, fcn_resnet50_d8, fcn_resnet101_d8. From "d2l": fcn32s_resnet18.
        state_dict: name -> tensor, or a dictionary that holds one as its "state_dict".
        source: "torchvision", "mmseg" or "d2l".

    Returns:
        The network in evaluation mode, on the CPU.

    Raises:
        ValueError: no such conversion, or a checkpoint that does not fit; the message lists what is missing,
            unexpected and of another shape.
    """
    from segbook.models import create  # here, because the package imports this module

    if source not in NAMES or name not in NAMES[source]:
        known = "; ".join(f"from {source!r} {', '.join(names)}" for source, names in NAMES.items())
        raise ValueError(f"cannot convert {name!r} from {source!r}; known are {known}")
    state = rename(plain(state_dict), RENAME[source])

    score = {"torchvision": "classifier.4.weight", "mmseg": "classifier.score.weight", "d2l": "score.weight"}[source]
    if score not in state:
        raise ValueError(f"this is no checkpoint of {name} from {source!r}: nothing in it becomes {score}")
    num_classes, width = state[score].shape[:2]
    options = {"upsample": "dense"} if source == "d2l" else {"aux": "aux_classifier.4.weight" in state}
    if source == "mmseg":
        options["head_width"] = width
        if options["aux"]:
            options["aux_width"] = state["aux_classifier.4.weight"].shape[1]
    model = create(name, num_classes, **options)
    return load(model, state, f"the checkpoint from {source!r}").eval()


def rename(state: Mapping[str, Tensor], prefixes: Mapping[str, str | None]) -> dict[str, Tensor]:
    """Exchange the prefixes of the names; None drops the tensor."""
    renamed = {}
    for name, value in state.items():
        for old, new in prefixes.items():
            if name.startswith(old):
                name = None if new is None else new + name.removeprefix(old)
                break
        if name is not None:
            renamed[name] = value
    return renamed


def load_model(model: nn.Module, name: str, weights: Weights, partial: bool = False) -> nn.Module:
    """Weights of a whole network: a file, a state dict, or the name of torchvision's, which is then downloaded.

    A model without an auxiliary head takes a checkpoint that has one, and leaves it out.
    """
    state = read(weights, name)
    if not hasattr(model, "aux_classifier"):
        state = rename(state, {"aux_classifier.": None})
    return load(model, state, f"weights={shown(weights)}", partial)


def load_backbone(model: nn.Module, name: str, weights: Weights, partial: bool = False) -> nn.Module:
    """Weights of torchvision's classifier into the backbone: a file, a state dict, or a name that is downloaded."""
    found = {pattern: re.search(pattern, name) for pattern in CLASSIFIERS}
    family = next((pattern for pattern, match in found.items() if match), None)
    if family is None:
        raise ValueError(f"{name} has a backbone of its own, for which nobody published weights")
    state = rename(read(weights, found[family].group()), CLASSIFIERS[family])
    ours = model.backbone.state_dict()
    for key in ("fc6.weight", "fc7.weight"):  # a fully connected layer is a convolution: same numbers, another shape
        if key in ours and key in state and state[key].numel() == ours[key].numel():
            state[key] = state[key].reshape(ours[key].shape)
    load(model.backbone, state, f"weights_backbone={shown(weights)}", partial)
    return model


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
        instead = f"; torchvision's names for {name} are {', '.join(published)}" if published else ""
        raise FileNotFoundError(f"there is no file of weights {path}{instead}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise ValueError(f"{path} is not a file of weights that torch can read safely (weights_only=True)") from error
    return plain(content)


def plain(content: Mapping) -> dict[str, Tensor]:
    """The state dict itself, out of what projects wrap around it."""
    for key in ("state_dict", "state", "model"):  # MMSegmentation, segbook.train, torchvision's training script
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"expected a state dict (names and tensors), got {type(content).__name__}")
    return dict(content)


def load(model: nn.Module, state: Mapping[str, Tensor], what: str, partial: bool = False) -> nn.Module:
    """Load a state dict, all of it, or with `partial` what fits, with a warning that lists what stays random.

    Half precision is converted. A batch norm's step counter may be absent: files from before 2018 have none.

    Raises:
        ValueError: names or shapes differ (with `partial`: nothing fits), with the list.
    """
    ours = model.state_dict()
    fitting = {name: value for name, value in state.items() if name in ours and value.shape == ours[name].shape}
    missing = [name for name in ours if name not in state and not name.endswith("num_batches_tracked")]
    unexpected = grouped([name for name in state if name not in ours], ours)
    reshaped = [name for name in state if name in ours and name not in fitting]
    if missing or unexpected or reshaped:
        if not (partial and fitting):
            shapes = [f"{name} {tuple(state[name].shape)} for {tuple(ours[name].shape)}" for name in reshaped]
            faults = {"missing": grouped(missing, fitting), "unexpected": unexpected, "of another shape": shapes}
            report = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in faults.items() if names)
            advice = " (partial=True loads what fits)" if fitting else ""
            raise ValueError(f"{what} does not fit this {type(model).__name__}: {report}{advice}")
        random = ", ".join(grouped(missing + reshaped, fitting)) or "nothing"
        unused = f"; not used: {', '.join(unexpected)}" if unexpected else ""
        warnings.warn(f"{what} fills a part of {type(model).__name__}; still random: {random}{unused}", stacklevel=4)
    model.load_state_dict(fitting, strict=False)
    return model


def grouped(names: Iterable[str], others: Iterable[str]) -> list[str]:
    """Names shortened to the first part that no other name shares: all of layer4 is "layer4"."""
    taken = {".".join(parts[:n]) for parts in (name.split(".") for name in others) for n in range(1, len(parts) + 1)}
    short = {}
    for name in names:
        parts = name.split(".")
        prefixes = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
        short[next((prefix for prefix in prefixes if prefix not in taken), name)] = None
    return list(short)


def shown(weights: Weights) -> str:
    return "a state dict" if isinstance(weights, Mapping) else repr(str(weights))
