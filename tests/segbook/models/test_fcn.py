"""FCN-32s, 16s and 8s over a ResNet: D2L's network, its skips written out, staged training."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from segbook import models
from segbook.bilinear import bilinear_kernel
from segbook.models.fcn import FCN, upsampler
from segbook.models.resnet import resnet_tiny


def d2l_net(num_classes=21):
    """Dive into Deep Learning, section 14.11, written out from FACTS S1."""
    pretrained_net = torchvision.models.resnet18(weights=None)
    net = nn.Sequential(*list(pretrained_net.children())[:-2])
    net.add_module("final_conv", nn.Conv2d(512, num_classes, kernel_size=1))
    net.add_module(
        "transpose_conv", nn.ConvTranspose2d(num_classes, num_classes, kernel_size=64, padding=16, stride=32)
    )
    net.transpose_conv.weight.data.copy_(bilinear_kernel(num_classes, num_classes, 64))
    return net


@pytest.fixture(scope="module")
def theirs(calibrate):
    torch.manual_seed(0)
    return calibrate(d2l_net(), size=64)


@torch.no_grad()
def test_converted_it_is_d2ls_network(theirs, noise):
    ours = models.convert("fcn32s_resnet18", theirs.state_dict(), "d2l")
    x = noise(2, 3, 64, 96)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-4)
    x = noise(2, 3, 97, 129)  # D2L's own output has 128 x 160 cells; ours keeps the top left of them
    assert theirs(x).shape[-2:] == (128, 160)
    torch.testing.assert_close(ours(x), theirs(x)[..., :97, :129], atol=1e-5, rtol=1e-4)
    assert (ours(x) - theirs(x)[..., -97:, -129:]).abs().max() > 0.1  # and not the bottom right


@torch.no_grad()
def test_frozen_and_learned_forms_start_equal(noise, calibrate):
    """All three forms are the bilinear x32 at first; only their parameters differ."""
    x, nets = noise(1, 3, 64, 97), {}
    for form in ("separable", "grouped", "dense"):
        torch.manual_seed(0)
        nets[form] = calibrate(models.create("fcn32s_resnet18", upsample=form))  # the seed makes the rest equal too
        torch.testing.assert_close(nets[form](x), nets["separable"](x), atol=1e-5, rtol=1e-4)
    counts = {form: sum(p.numel() for p in net.upsample.parameters()) for form, net in nets.items()}
    assert counts == {"separable": 0, "grouped": 21 * 64 * 64, "dense": 21 * 21 * 64 * 64 + 21}
    assert counts["dense"] == 1_806_336 + 21
    assert (nets["dense"].upsample.weight != 0).sum() == 86_016


@pytest.mark.parametrize("form", ["separable", "grouped", "dense"])
@pytest.mark.parametrize("factor", [2, 8, 32])
def test_upsampling_layers_are_the_bilinear_transposed_convolution(factor, form, noise):
    x = noise(2, 3, 4, 5)
    layer = upsampler(3, factor, form)
    expected = F.conv_transpose2d(x, bilinear_kernel(3, 3, 2 * factor), stride=factor, padding=factor // 2)
    assert expected.shape[-2:] == (4 * factor, 5 * factor)
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [(64, 96), (70, 81)])
@torch.no_grad()
def test_skips_written_out(size, noise, calibrate):
    """Sum fusion, one doubling after the other, cells kept at the top left."""
    model = calibrate(models.create("fcn8s_tiny"))
    x = noise(2, 3, *size)
    _, layer2, layer3, layer4 = model.backbone(x)

    def upsample(y, factor):
        weight = bilinear_kernel(21, 21, 2 * factor)
        return F.conv_transpose2d(y, weight, stride=factor, padding=factor // 2)

    def scored(feature, layer):
        return F.conv2d(feature, layer.weight, layer.bias)

    third, second = scored(layer3, model.skip_scores[0]), scored(layer2, model.skip_scores[1])
    y = upsample(scored(layer4, model.score), 2)[..., : third.shape[2], : third.shape[3]] + third
    y = upsample(y, 2)[..., : second.shape[2], : second.shape[3]] + second
    expected = upsample(y, 8)[..., : size[0], : size[1]]
    torch.testing.assert_close(model(x), expected, atol=1e-4, rtol=1e-4)
    # Its neighbour that must fail: the parallel 8s of the paper's picture is another network.
    y = upsample(scored(layer4, model.score), 4)[..., : second.shape[2], : second.shape[3]]
    y = y + upsample(third, 2)[..., : second.shape[2], : second.shape[3]] + second
    assert (upsample(y, 8)[..., : size[0], : size[1]] - expected).abs().max() > 0.01


def test_score_layers_start_as_xavier_and_zero():
    torch.manual_seed(0)
    model = models.create("fcn32s_resnet18")
    bound = (6 / (512 + 21)) ** 0.5
    assert 0.95 * bound < model.score.weight.abs().max() <= bound
    assert not model.score.bias.any()


def test_skips_read_the_stage_that_their_stride_says():
    channels = {"fcn32s_tiny": [], "fcn16s_tiny": [64], "fcn8s_tiny": [64, 32]}
    for name, expected in channels.items():
        assert [layer.in_channels for layer in models.create(name).skip_scores] == expected
        assert models.create(name).score.in_channels == 128


@pytest.mark.parametrize(("coarse", "fine"), [("fcn32s_tiny", "fcn16s_tiny"), ("fcn16s_tiny", "fcn8s_tiny")])
@pytest.mark.parametrize("upsample", ["separable", "grouped"])
@torch.no_grad()
def test_load_coarser_starts_from_the_coarser_prediction(coarse, fine, upsample, noise, calibrate):
    coarse = calibrate(models.create(coarse, upsample=upsample))
    for i, layer in enumerate(coarse.skip_scores):
        nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(i))
    fine = models.create(fine, upsample=upsample)
    assert fine.load_coarser(coarse) is fine
    fine.eval()
    assert torch.equal(fine.score.weight, coarse.score.weight)
    assert torch.equal(fine.backbone.layer4[0].conv2.weight, coarse.backbone.layer4[0].conv2.weight)
    assert torch.equal(fine.backbone.bn1.running_var, coarse.backbone.bn1.running_var)
    assert not fine.skip_scores[-1].weight.any() and not fine.skip_scores[-1].bias.any()
    x = noise(2, 3, 96, 128)
    theirs, ours = coarse(x), fine(x)
    assert (ours - theirs).abs().mean() < 0.2 * theirs.abs().mean()  # upsampled in two steps, not in one
    assert (ours.argmax(1) == theirs.argmax(1)).float().mean() > 0.9


def test_load_coarser_refuses_what_is_not_coarser():
    net = models.create("fcn16s_tiny")
    for other, words in (
        (models.create("fcn16s_tiny"), "1 skips and 21 classes does not fit FCN with 1 skips"),
        (models.create("fcn8s_tiny"), "2 skips"),
        (models.create("fcn32s_tiny", num_classes=5), "0 skips and 5 classes"),
        (FCN(resnet_tiny(stem="v1c"), 21, 32), "one backbone"),
    ):
        with pytest.raises(ValueError, match=words):
            net.load_coarser(other)
