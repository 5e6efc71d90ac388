"""Shapes traced once, against real runs on other image sizes, torch's own counter and published numbers."""

import random

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model_weights

from bookbuild.model_shapes.__main__ import record
from bookbuild.model_shapes.catalogue import catalogue, stages
from bookbuild.model_shapes.trace import Shapes, trace
from segbook.bilinear import BilinearUpsample
from segbook.figures import FOLDER
from segbook.models import MODELS, create, list_models
from segbook.models.fcn_vgg import FullUpsample

LISTED = (nn.Conv2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d, BilinearUpsample, FullUpsample)


def on_meta(name: str, **options) -> nn.Module:
    with torch.device("meta"):
        return create(name, **options).eval()


def run(model: nn.Module, height: int, width: int) -> tuple[dict[str, tuple], int]:
    """Shapes of what the layers make of one image, by name, and the operations that torch counts."""
    found = {}
    hooks = [
        layer.register_forward_hook(lambda _, __, output, name=name: found.update({name: tuple(output.shape[1:])}))
        for name, layer in model.named_modules()
        if isinstance(layer, LISTED) and not name.endswith(".bilinear")
    ]
    with torch.no_grad(), torch.device("meta"), FlopCounterMode(display=False) as counter:
        found["logits"] = tuple(model(torch.empty(1, 3, height, width)).shape[1:])
    for handle in hooks:
        handle.remove()
    return found, counter.get_total_flops()


def agree(model: nn.Module, found: Shapes, height: int, width: int) -> None:
    shapes = dict(zip([layer.name for layer in found.layers], found.outputs(height, width)))
    assert (shapes, 2 * sum(found.multiply_adds(height, width))) == run(model, height, width)


@pytest.mark.parametrize("name", list_models())
def test_every_map_and_every_operation_at_any_size(name):
    draw = random.Random(name)
    model = on_meta(name)
    found = trace(model)
    agree(model, found, draw.randint(1, 40), draw.randint(1, 40))
    agree(model, found, 2 * draw.randint(40, 300) + 1, draw.randint(40, 600))
    aux = (
        sum(p.numel() for p in model.aux_classifier.parameters())
        if getattr(model, "aux_classifier", None) is not None
        else 0
    )
    assert sum(layer.parameters for layer in found.layers) + aux == sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("deeplabv3plus_tiny", {"output_stride": 8, "separable": True, "decoder_convs": 3}),
        ("deeplabv3_tiny", {"output_stride": 32, "atrous_rates": (1, 3)}),
        ("deeplabv3plus_mobilenet_v2", {"output_stride": 8}),
        ("fcn16s_vgg16", {"at_once": True}),
    ],
)
def test_options_too(name, options):
    model = on_meta(name, **options)
    agree(model, trace(model), 77, 131)


@pytest.mark.parametrize("name", ["fcn_resnet50", "fcn_resnet101", "deeplabv3_resnet50", "deeplabv3_resnet101"])
def test_torchvisions_gflops_are_multiply_adds_at_520_with_the_auxiliary_head(name):
    published = get_model_weights(name).DEFAULT.meta["_ops"]  # 152.717 for fcn_resnet50
    aux_head = 65 * 65 * (9 * 1024 * 256 + 256 * 21)
    assert (sum(trace(on_meta(name)).multiply_adds(520, 520)) + aux_head) / 1e9 == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fcn_resnet50", 32_957_013),
        ("deeplabv3_resnet101", 58_630_997),
        ("fcn_resnet50_d8", 47_134_069),
        ("fcn8s_vgg16", 134_362_751),
        ("deeplabv3plus_resnet50", 40_352_181),
    ],
)
def test_parameters_are_the_published_ones_without_the_auxiliary_head(name, parameters):
    assert sum(layer.parameters for layer in trace(on_meta(name)).layers) == parameters


def test_sources_are_where_the_maps_come_from():
    layers = trace(on_meta("deeplabv3plus_tiny")).layers
    names = [layer.name for layer in layers]
    source = {layer.name: layer.source if layer.source in (None, -1) else names[layer.source] for layer in layers}
    assert source["backbone.conv1"] == -1
    assert source["classifier.reduce.0"] == "backbone.layer1.0.conv2"
    assert source["classifier.aspp.convs.2.0"] == "backbone.layer4.0.conv2"
    assert source["classifier.aspp.project.0"] is None and source["classifier.fuse.0"] is None

    layers = trace(on_meta("fcn8s_vgg16")).layers
    names = stages(layers)
    source = {stage: names[layer.source] for layer, stage in zip(layers, names) if layer.source != -1}
    assert (source["skip 1"], source["skip 2"], source["double 1"]) == ("pool4", "pool3", "score")


def test_the_model_is_left_as_it_was():
    model = create("fcn32s_tiny").train()
    trace(model)
    assert model.training and all(p.device.type == "cpu" for p in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layer_that_it_does_not_know_is_named():
    with pytest.raises(ValueError, match="does not know ConvTranspose2d"):
        trace(on_meta("fcn32s_tiny", upsample="dense"))


def test_catalogue_holds_every_stride_and_loses_no_parameter():
    names = ("fcn_tiny_d8", "fcn8s_tiny", "deeplabv3plus_tiny")
    found = catalogue({name: MODELS[name] for name in names})
    assert {name: list(model["strides"]) for name, model in found["models"].items()} == {
        "fcn_tiny_d8": [8, 16, 32],
        "fcn8s_tiny": [0],
        "deeplabv3plus_tiny": [8, 16, 32],
    }
    for name, model in found["models"].items():
        for stride, variant in model["strides"].items():
            steps = [step for _, _, steps in variant["stages"] for step in steps]
            shapes = trace(on_meta(name, **({"output_stride": stride} if stride else {})))
            assert [found["layers"][number][:10] for number, _, _ in steps] == [
                list(layer[:10]) for layer in shapes.layers
            ]
            assert [step[1:] for step in steps] == [[layer.reads, layer.writes] for layer in shapes.layers]
    low = dict((stage, source) for stage, source, _ in found["models"]["deeplabv3plus_tiny"]["strides"][16]["stages"])
    assert low["reduce"] == list(low).index("layer1")


@pytest.mark.slow
def test_the_recorded_catalogue_is_in_step_with_the_networks():
    assert (FOLDER / "model-shapes.json").read_bytes() == record(), "write it anew: python -m bookbuild.model_shapes"
