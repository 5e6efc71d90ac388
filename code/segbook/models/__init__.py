"""The networks of the book, by name: `create("fcn32s_tiny")`.

Every model maps images (N, 3, H, W) to logits (N, num_classes, H, W), in evaluation for any height and width from 1 up.
Models with an auxiliary head have `forward_with_aux(x) -> (logits, auxiliary logits)`, both of that shape.
"""

import difflib
import inspect
from functools import partial as bind

from torch import nn

from segbook.models import pretrained
from segbook.models.deeplab import deeplabv3, deeplabv3plus, deeplabv3plus_mobilenet_v2
from segbook.models.dilated_fcn import fcn_mmseg, fcn_torchvision
from segbook.models.fcn import fcn_resnet
from segbook.models.fcn_vgg import fcn_vgg16
from segbook.models.layers import freeze_batch_norm
from segbook.models.pretrained import convert
from segbook.models.resnet import resnet18, resnet50, resnet101, resnet_tiny

__all__ = ["MODELS", "convert", "create", "freeze_batch_norm", "list_models"]

# Name -> constructor(num_classes, **options). What a line does not set has the default of the constructor's signature.
MODELS = {
    "fcn32s_resnet18": bind(fcn_resnet, resnet18, 32),
    "fcn16s_resnet18": bind(fcn_resnet, resnet18, 16),
    "fcn8s_resnet18": bind(fcn_resnet, resnet18, 8),
    "fcn32s_vgg16": bind(fcn_vgg16, 32),
    "fcn16s_vgg16": bind(fcn_vgg16, 16),
    "fcn8s_vgg16": bind(fcn_vgg16, 8),
    "fcn_resnet50": bind(fcn_torchvision, resnet50),
    "fcn_resnet101": bind(fcn_torchvision, resnet101),
    "fcn_resnet18_d8": bind(fcn_mmseg, resnet18),
    "fcn_resnet50_d8": bind(fcn_mmseg, resnet50),
    "fcn_resnet101_d8": bind(fcn_mmseg, resnet101),
    "deeplabv3_resnet50": bind(deeplabv3, resnet50),
    "deeplabv3_resnet101": bind(deeplabv3, resnet101),
    "deeplabv3plus_resnet18": bind(deeplabv3plus, resnet18),
    "deeplabv3plus_resnet50": bind(deeplabv3plus, resnet50),
    "deeplabv3plus_resnet101": bind(deeplabv3plus, resnet101),
    "deeplabv3plus_mobilenet_v2": deeplabv3plus_mobilenet_v2,
    "fcn32s_tiny": bind(fcn_resnet, resnet_tiny, 32),
    "fcn16s_tiny": bind(fcn_resnet, resnet_tiny, 16),
    "fcn8s_tiny": bind(fcn_resnet, resnet_tiny, 8),
    "fcn_tiny_d8": bind(fcn_mmseg, resnet_tiny, aux=False),
    "deeplabv3_tiny": bind(deeplabv3, resnet_tiny, aux=False, atrous_rates=(2, 4, 6), head_width=64),
    "deeplabv3plus_tiny": bind(
        deeplabv3plus, resnet_tiny, atrous_rates=(2, 4, 6), head_width=64, low_level_channels=12
    ),
}


def list_models() -> list[str]:
    """All names that `create` knows.

    >>> "deeplabv3plus_resnet50" in list_models()
    True
    """
    return list(MODELS)


def create(
    name: str,
    num_classes: int = 21,
    weights: pretrained.Weights | None = None,
    weights_backbone: pretrained.Weights | None = None,
    *,
    partial: bool = False,
    **options,
) -> nn.Module:
    """Build a network by name, in training mode, with random weights unless others are asked for.

    >>> model = create("fcn8s_tiny", num_classes=6).eval()
    >>> model(torch.zeros(1, 3, 95, 127)).shape
    torch.Size([1, 6, 95, 127])

    Args:
        name: one of `list_models()`.
        num_classes: channels of the logits; 1 for a binary problem with a sigmoid.
        weights: for the whole network: a file, a state dict, or torchvision's name for its own
            ("COCO_WITH_VOC_LABELS_V1"). Such a name, and nothing else, makes torchvision download.
        weights_backbone: the same for the backbone: torchvision's classifier ("IMAGENET1K_V1"), its last layers unused.
        partial: load what fits of a file that holds a part of the network, and warn about what stays random.
        options: those of the constructor in MODELS; a wrong one raises an error that lists them.

    Returns:
        A module (N, 3, H, W) -> (N, num_classes, H, W).

    Raises:
        ValueError: unknown name or option, or weights that do not fit, with what is missing, unexpected or of another
            shape.
        FileNotFoundError: no such file.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=3, cutoff=0)
        raise ValueError(f"there is no model {name!r}; the nearest are {', '.join(near)} (list_models() names all)")
    constructor = MODELS[name]
    known = [option for option in inspect.signature(constructor).parameters if option != "num_classes"]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    if num_classes < 1:
        raise ValueError(f"num_classes is at least 1, got {num_classes}")
    if weights is not None and weights_backbone is not None:
        raise ValueError("weights fills the whole network: leave out weights_backbone, or weights")
    model = constructor(num_classes, **options)
    if weights is not None:
        pretrained.load_model(model, name, weights, partial)
    if weights_backbone is not None:
        pretrained.load_backbone(model, name, weights_backbone, partial)
    return model
