"""MobileNetV2 as a backbone: torchvision's features, and its strides traded for dilation."""

import pytest
import torch
import torchvision
from torch import nn

from segbook.models.mobilenet import MobileNetV2


@pytest.fixture(scope="module")
def theirs(calibrate):
    torch.manual_seed(0)
    return calibrate(torchvision.models.mobilenet_v2(weights=None))


def loaded(theirs, **options):
    net = MobileNetV2(**options).eval()
    keys = net.state_dict()
    net.load_state_dict({name: value for name, value in theirs.state_dict().items() if name in keys})
    return net


@torch.no_grad()
def test_features_are_torchvisions(theirs, noise):
    x = noise(2, 3, 65, 97)
    outputs = []
    y = x
    for layer in theirs.features[:18]:
        y = layer(y)
        outputs.append(y)
    ours = loaded(theirs)(x)
    assert [feature.shape[1] for feature in ours] == list(MobileNetV2.channels)
    assert [feature.shape[-1] for feature in ours] == [25, 13, 7, 4]
    for feature, index in zip(ours, (3, 6, 13, 17)):
        torch.testing.assert_close(feature, outputs[index], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("output_stride", [16, 8])
@torch.no_grad()
def test_dilated_equals_strided_on_the_coarse_grid(theirs, noise, output_stride):
    x, step = noise(1, 3, 97, 129), 32 // output_stride
    strided = loaded(theirs)(x)[-1]
    dilated = loaded(theirs, output_stride=output_stride)(x)
    assert [128 // (feature.shape[-1] - 1) for feature in dilated] == [min(s, output_stride) for s in (4, 8, 16, 32)]
    torch.testing.assert_close(dilated[-1][..., ::step, ::step], strided, atol=1e-4, rtol=1e-4)
    plain = loaded(theirs, output_stride=output_stride, contract_dilation=False)(x)[-1]
    assert (plain[..., ::step, ::step] - strided).abs().max() > 0.05


def test_dilations():
    net = MobileNetV2(output_stride=8)
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert [conv.dilation[0] for conv in convs] == [1] * 8 + [2] * 7 + [4] * 3
    assert [conv.stride[0] for conv in convs] == [2, 1, 2, 1, 2] + [1] * 13
