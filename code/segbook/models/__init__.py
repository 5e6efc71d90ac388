"""The networks of the book, by name: `create("fcn32s_tiny")`.

Every model maps images (N, 3, H, W) to logits (N, num_classes, H, W), in evaluation for any height and width from 1 up.
Models with an auxiliary head have `forward_with_aux(x) -> (logits, auxiliary logits)`, both of that shape.
"""

import inspect
from collections.abc import Callable
from functools import partial as bind
from inspect import Parameter
from typing import Any

from torch import nn

from segbook.models import pretrained
from segbook.models.aspp import DeepLabV3Head
from segbook.models.decoder import DeepLabV3PlusHead
from segbook.models.fcn import FCN
from segbook.models.fcn_vgg import FCNVGG16
from segbook.models.heads import FCNConcatHead, FCNHead
from segbook.models.layers import freeze_batch_norm
from segbook.models.mobilenet import MobileNetV2
from segbook.models.pretrained import convert
from segbook.models.resnet import resnet18, resnet50, resnet101, resnet_tiny
from segbook.models.segmenter import Segmenter
from segbook.models.vgg import VGG16
from segbook.naming import unknown_name

__all__ = ["MODELS", "convert", "create", "freeze_batch_norm", "list_models"]


class Recipe:
    """Constructor of a network: recipe(num_classes=21, **options), with the options of its parts, and `aux`.

    `defaults` are options of backbone, head or Segmenter whose defaults are others here.
    """

    def __init__(self, backbone: Callable, head: Callable, aux_head: Callable = FCNHead, **defaults: Any):
        self.backbone, self.head, self.aux_head = backbone, head, aux_head
        options = {"aux": Parameter("aux", Parameter.KEYWORD_ONLY, default=False)}
        for part in (backbone, head, Segmenter):
            options |= {option.name: option for option in keywords(part)}
        options = [option.replace(default=defaults.get(name, option.default)) for name, option in options.items()]
        count = Parameter("num_classes", Parameter.POSITIONAL_OR_KEYWORD, default=21)
        self.__signature__ = inspect.Signature([count, *options])

    def __call__(self, num_classes: int = 21, **options: Any) -> Segmenter:
        def of(part: Callable) -> dict[str, Any]:
            return {option.name: options[option.name] for option in keywords(part)}

        options = {name: option.default for name, option in self.__signature__.parameters.items()} | options
        backbone = self.backbone(**of(self.backbone))
        low_level, *_, before, last = backbone.channels
        reads = (low_level, last) if self.head is DeepLabV3PlusHead else (last,)
        head = self.head(*reads, num_classes, **of(self.head))
        aux = self.aux_head(before, num_classes) if options["aux"] else None
        return Segmenter(backbone, head, aux, **of(Segmenter))


def keywords(constructor: Callable) -> list[Parameter]:
    """The keyword-only arguments of a constructor that are still open."""
    fixed = getattr(constructor, "keywords", {})
    parameters = inspect.signature(constructor).parameters.values()
    return [p for p in parameters if p.kind is Parameter.KEYWORD_ONLY and p.name not in fixed]


def fcn(backbone: Callable, stride: int, num_classes: int = 21, *, upsample: str = "separable") -> FCN:
    return FCN(backbone(), num_classes, stride, upsample)


def fcn_vgg16(stride: int, num_classes: int = 21, *, at_once: bool = False) -> FCNVGG16:
    return FCNVGG16(VGG16(), num_classes, stride, at_once)


fcn_mmseg = bind(Recipe, head=FCNConcatHead, aux_head=bind(FCNHead, dropout=nn.Dropout2d), stem="v1c", output_stride=8)
deeplabv3 = bind(Recipe, head=DeepLabV3Head)
deeplabv3plus = bind(Recipe, head=DeepLabV3PlusHead, output_stride=16)
tiny_aspp = {"atrous_rates": (2, 4, 6), "head_width": 64}

#: From each name to its constructor, called with the number of classes and options.
MODELS = {
    "fcn32s_resnet18": bind(fcn, resnet18, 32),
    "fcn16s_resnet18": bind(fcn, resnet18, 16),
    "fcn8s_resnet18": bind(fcn, resnet18, 8),
    "fcn32s_vgg16": bind(fcn_vgg16, 32),
    "fcn16s_vgg16": bind(fcn_vgg16, 16),
    "fcn8s_vgg16": bind(fcn_vgg16, 8),
    "fcn_resnet50": Recipe(resnet50, FCNHead, aux=True, output_stride=8),
    "fcn_resnet101": Recipe(resnet101, FCNHead, aux=True, output_stride=8),
    "fcn_resnet18_d8": fcn_mmseg(resnet18, aux=True),
    "fcn_resnet50_d8": fcn_mmseg(resnet50, aux=True),
    "fcn_resnet101_d8": fcn_mmseg(resnet101, aux=True),
    "deeplabv3_resnet50": deeplabv3(resnet50, aux=True, output_stride=8),
    "deeplabv3_resnet101": deeplabv3(resnet101, aux=True, output_stride=8),
    "deeplabv3plus_resnet18": deeplabv3plus(resnet18),
    "deeplabv3plus_resnet50": deeplabv3plus(resnet50),
    "deeplabv3plus_resnet101": deeplabv3plus(resnet101),
    "fcn32s_mobilenet_v2": bind(fcn, MobileNetV2, 32),
    "fcn16s_mobilenet_v2": bind(fcn, MobileNetV2, 16),
    "fcn8s_mobilenet_v2": bind(fcn, MobileNetV2, 8),
    "fcn_mobilenet_v2_d16": fcn_mmseg(MobileNetV2, output_stride=16, head_width=256),
    "deeplabv3_mobilenet_v2": deeplabv3(MobileNetV2, output_stride=16),
    "deeplabv3plus_mobilenet_v2": deeplabv3plus(MobileNetV2),
    "fcn32s_tiny": bind(fcn, resnet_tiny, 32),
    "fcn16s_tiny": bind(fcn, resnet_tiny, 16),
    "fcn8s_tiny": bind(fcn, resnet_tiny, 8),
    "fcn_tiny_d8": fcn_mmseg(resnet_tiny),
    "deeplabv3_tiny": deeplabv3(resnet_tiny, output_stride=8, **tiny_aspp),
    "deeplabv3plus_tiny": deeplabv3plus(resnet_tiny, low_level_channels=12, **tiny_aspp),
}


def list_models() -> list[str]:
    """All names that `create` knows."""
    return list(MODELS)


def create(
    name: str,
    num_classes: int | None = None,
    weights: pretrained.Weights | None = None,
    weights_backbone: pretrained.Weights | None = None,
    *,
    partial: bool = False,
    **options: Any,
) -> nn.Module:
    """Build a network by name, in training mode, with random weights unless others are asked for.

    >>> model = create("fcn8s_tiny", num_classes=6).eval()
    >>> model(torch.zeros(1, 3, 95, 127)).shape
    torch.Size([1, 6, 95, 127])

    Args:
        name: one of `list_models()`.
        num_classes: channels of the logits, 21 if not given; 1 for a binary problem with a sigmoid.
        weights: for the whole network: a file, a state dict, a name that ships with this package ("photos" or
            "toyvoc", with the classes and options that they were trained with), or torchvision's name for its own
            ("COCO_WITH_VOC_LABELS_V1"). That last one, and nothing else, makes torchvision download.
        weights_backbone: the same for the backbone; torchvision's are those of its classifiers ("IMAGENET1K_V1").
        partial: load what fits of a file that holds a part of the network, and warn about what stays random.
        options: those of the constructor in MODELS.

    Raises ValueError for an unknown name or option and for weights that do not fit, with the list of those that there
    are, FileNotFoundError where there is no such file.
    """
    if name not in MODELS:
        raise unknown_name("model", name, MODELS)
    known = [option.name for option in keywords(MODELS[name])]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"{name} has no option {', '.join(unknown)}; it has {', '.join(known)}")
    if weights is not None and weights_backbone is not None:
        raise ValueError("weights fills the whole network: leave out weights_backbone, or weights")
    shipped = pretrained.read_shipped(name, weights)
    if shipped is not None:
        asked = options if num_classes is None else options | {"num_classes": num_classes}
        options = pretrained.as_trained(name, weights, shipped["config"], asked)
        num_classes = options.pop("num_classes")
    num_classes = 21 if num_classes is None else num_classes
    if num_classes < 1:
        raise ValueError(f"num_classes is at least 1, got {num_classes}")
    model = MODELS[name](num_classes, **options)
    if weights is not None:
        state = shipped["state"] if shipped else pretrained.read(weights, name)
        if getattr(model, "aux_classifier", None) is None:  # then that of the checkpoint is left out
            state = pretrained.rename(state, {"aux_classifier.": None})
        pretrained.load(model, state, "weights", partial)
    if weights_backbone is not None:
        pretrained.load_backbone(model, name, weights_backbone, partial)
    return model
