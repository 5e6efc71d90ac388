"""The VGG FCNs against the reference written out with its constants, which ours never states."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segbook import models
from segbook.bilinear import bilinear_kernel
from segbook.convolution import conv_output_size
from segbook.models.fcn_vgg import FCNVGG16, FullUpsample, Grid
from segbook.models.vgg import VGG16

CONSTANTS = {32: ([], 19), 16: ([5], 27), 8: ([5, 9], 31)}  # of the released networks (ran)
SKIPS = {32: [], 16: [1], 8: [1, 0]}


def narrow(padding=100):
    """VGG-16 with few channels: the geometry is the same and a test is fast."""
    return VGG16(widths=(4, 4, 6, 8, 8), fc_width=12, padding=padding)


def net(stride, padding=100, at_once=False):
    torch.manual_seed(0)
    model = FCNVGG16(narrow(padding), 5, stride, at_once).eval()
    for layer in (model.score, *model.skip_scores):
        nn.init.normal_(layer.weight, std=1.0)
        nn.init.normal_(layer.bias)
    return model


def reference(model, x, stride, offsets, last, scales=(1, 1)):
    """voc-fcn32s, 16s and 8s: transposed convolutions without padding, and crops that are typed in."""

    def deconvolution(y, factor):
        return F.conv_transpose2d(y, bilinear_kernel(5, 5, 2 * factor), stride=factor)

    features = model.backbone(x)
    y = model.score(features[2])
    for i, offset, scale, layer in zip(SKIPS[stride], offsets, scales, model.skip_scores):
        y = deconvolution(y, 2)
        skip = layer(scale * features[i])
        y = y + skip[:, :, offset : offset + y.shape[2], offset : offset + y.shape[3]]
    y = deconvolution(y, stride)
    return y[:, :, last : last + x.shape[2], last : last + x.shape[3]]


@pytest.mark.parametrize("size", [(1, 1), (33, 50), (97, 64)])
@pytest.mark.parametrize(("stride", "at_once"), [(32, False), (16, False), (8, False), (16, True), (8, True)])
@torch.no_grad()
def test_equals_the_reference_with_its_typed_in_crops(stride, size, at_once, noise):
    model, x = net(stride, at_once=at_once), noise(2, 3, *size)
    scales = (0.01, 0.0001) if at_once else (1, 1)
    expected = reference(model, x, stride, *CONSTANTS[stride], scales)
    assert model(x).shape == (2, 5, *size)
    torch.testing.assert_close(model(x), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("which", [0, 1, 2])
@torch.no_grad()
def test_a_crop_shifted_by_one_is_another_network(which, noise):
    model, x = net(8), noise(1, 3, 64, 64)
    offsets, last = CONSTANTS[8]
    shifted = [*offsets, last]
    shifted[which] += 1
    expected = model(x)
    assert (reference(model, x, 8, shifted[:2], shifted[2]) - expected).abs().max() > 1e-2
    assert (reference(model, x, 8, offsets, last) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_offsets_are_derived(stride):
    model = net(stride)
    assert (model.skip_offsets, model.offset) == CONSTANTS[stride]
    for padding in (90, 97, 110):  # only the last crop depends on the padding: pad - 81, - 73, - 69
        moved = FCNVGG16(narrow(padding), 5, stride)
        assert moved.skip_offsets == model.skip_offsets and moved.offset == model.offset + padding - 100
    if stride == 32:
        assert FCNVGG16(narrow(81), 5, 32).offset == 0
        with pytest.raises(ValueError, match="no crop aligns .* it would start at cell -1"):
            FCNVGG16(narrow(80), 5, 32)


def test_centres_behind_vgg():
    """Cell i of pool3, pool4, pool5 lies at 3.5, 7.5, 15.5 plus stride * i with the usual padding of 1."""
    backbone = narrow(padding=1)
    fields = backbone.fields()
    assert [(field.stride, field.centre) for field in fields[:2]] == [(8, 3.5), (16, 7.5)]
    assert (fields[2].stride, fields[2].centre) == (32, 15.5 + 3 * 32)  # fc6 is centred three cells further
    assert (fields[0].size, fields[1].size, fields[2].size) == (44, 100, 212 + 6 * 32)


def test_gradient_of_a_pool5_cell_is_centred_where_the_arithmetic_says():
    backbone = narrow(padding=1).eval()
    layers = [nn.AvgPool2d(2, ceil_mode=True) if isinstance(m, nn.MaxPool2d) else m for m in backbone.features]
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
    x = torch.ones(1, 3, 480, 480, requires_grad=True)
    nn.Sequential(*layers)(x)[0, 0, 7, 7].backward()
    mass = x.grad[0].sum((0, 1))
    assert (mass * torch.arange(480)).sum().item() / mass.sum().item() == pytest.approx(7 * 32 + 15.5, abs=0.05)


def room(n, stride, padding):
    """Cells of one axis beyond what the last crop needs, by arithmetic alone; negative if fc6 or the crop fails."""
    sizes, size = [], conv_output_size(n, 3, padding=padding)
    for _ in range(5):
        size = conv_output_size(size, 2, stride=2, ceil_mode=True)
        sizes.append(size)
    if size < 7:
        return -1
    size -= 6
    for offset, skip in zip(CONSTANTS[stride][0], (sizes[3], sizes[2])):
        size = 2 * (size + 1)
        assert skip - offset >= size, "the skip is smaller than what it is added to"
    offset = CONSTANTS[stride][1] + padding - 100
    return stride * (size + 1) - offset - n if offset >= 0 else -1


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_padding_100_suffices_for_every_size_and_97_is_the_smallest_that_does(stride):
    for padding, suffices in ((100, True), (97, True), (96, False)):
        assert all(room(n, stride, padding) >= 0 for n in range(1, 1001)) == suffices
    assert not any(room(n, stride, 50) >= 0 for n in range(1, 1001))


def test_too_little_padding_is_an_error_with_a_reason(noise):
    model = net(32, padding=90)
    assert model(noise(1, 3, 15, 15)).shape[-1] == 15
    with pytest.raises(ValueError, match=r"\(14, 15\) pixels with a padding of 90 leaves \(6, 7\).*padding=100"):
        model(noise(1, 3, 14, 15))


@pytest.mark.parametrize("size", [31, 32, 45, 63, 64, 65])
@torch.no_grad()
def test_any_size_comes_back(size, noise):
    for stride in (32, 16, 8):
        assert net(stride)(noise(1, 3, size, 1)).shape == (1, 5, size, 1)


@pytest.mark.parametrize("factor", [2, 8, 32])
def test_full_upsampling_is_the_transposed_convolution_without_padding(factor, noise):
    x = noise(2, 3, 4, 5)
    expected = F.conv_transpose2d(x, bilinear_kernel(3, 3, 2 * factor), stride=factor)
    layer = FullUpsample(3, factor)
    assert expected.shape[-2:] == (5 * factor, 6 * factor) and not list(layer.parameters())
    torch.testing.assert_close(layer(x), expected, atol=1e-5, rtol=1e-4)


def test_grid_arithmetic():
    score = Grid(32, 12.5)
    assert score.upsampled(2) == Grid(16, -11.5) and score.upsampled(32) == Grid(1, -19)
    with pytest.raises(ValueError, match="no crop aligns"):
        Grid(16, 0).offset(Grid(8, 0))
    with pytest.raises(ValueError, match="0.5"):
        Grid(16, 0).offset(Grid(16, 8))


def test_only_scores_and_vgg_learn_and_scores_start_at_zero(noise):
    torch.manual_seed(0)
    model = FCNVGG16(narrow(), 5, 8).train()
    names = {name.split(".")[0] for name, _ in model.named_parameters()}
    assert names == {"backbone", "score", "skip_scores"}
    assert not any(layer.weight.any() or layer.bias.any() for layer in (model.score, *model.skip_scores))
    x = noise(1, 3, 20, 20)
    assert not model(x).any()  # every class has the same score at first
    F.cross_entropy(model(x), torch.zeros(1, 20, 20, dtype=torch.long)).backward()
    assert model.score.weight.grad.any() and all(layer.weight.grad.any() for layer in model.skip_scores)


@torch.no_grad()
def test_a_classifier_slid_over_the_pool_map_is_its_convolutional_form(noise):
    """fc6 on every 7x7 window of one pool5 map: equal. On crops of the image: not, their borders are zeros."""
    backbone = narrow(padding=1).eval()
    for layer in backbone.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.normal_(layer.bias, std=0.1)
    x = noise(1, 3, 288, 288)
    pool5 = backbone.features(x)
    assert pool5.shape[-2:] == (9, 9)
    convolved = backbone.fc6(pool5)  # (1, 12, 3, 3)
    windows = pool5.unfold(2, 7, 1).unfold(3, 7, 1)  # (1, 8, 3, 3, 7, 7)
    slid = F.linear(windows.permute(0, 2, 3, 1, 4, 5).flatten(3), backbone.fc6.weight.flatten(1), backbone.fc6.bias)
    torch.testing.assert_close(convolved, slid.permute(0, 3, 1, 2), atol=1e-5, rtol=1e-4)
    for row, column in ((0, 0), (1, 1), (2, 1)):
        crop = x[..., 32 * row : 32 * row + 224, 32 * column : 32 * column + 224]
        alone = backbone.fc6(backbone.features(crop))[0, :, 0, 0]
        deviation = (alone - convolved[0, :, row, column]).norm() / convolved[0, :, row, column].norm()
        assert deviation > 0.02


def test_dropout_follows_fc6_and_fc7_in_training_alone(noise):
    backbone, x = narrow(), noise(1, 3, 40, 40)
    backbone.train()
    assert not torch.equal(backbone(x)[2], backbone(x)[2]) and torch.equal(backbone(x)[1], backbone(x)[1])
    assert backbone.dropout.p == 0.5
    backbone.eval()
    assert torch.equal(backbone(x)[2], backbone(x)[2])


@torch.no_grad()
def test_staged_training_16s_from_32s_and_8s_from_16s(noise):
    coarse = net(32)
    middle = FCNVGG16(narrow(), 5, 16).eval().load_coarser(coarse)
    fine = FCNVGG16(narrow(), 5, 8).eval().load_coarser(middle)
    x = noise(1, 3, 64, 80)
    expected = coarse(x)
    for model in (middle, fine):
        assert torch.equal(model.score.weight, coarse.score.weight)
        assert torch.equal(model.backbone.fc6.weight, coarse.backbone.fc6.weight)
        assert (model(x) - expected).abs().mean() < 0.1 * expected.abs().mean()  # upsampled in steps, not at once
    with pytest.raises(ValueError, match="32s to 16s to 8s"):
        coarse.load_coarser(middle)


def test_full_width_is_vgg16():
    with torch.device("meta"):
        backbone = models.create("fcn8s_vgg16").backbone
    assert backbone.channels == (256, 512, 4096)
    assert backbone.features[0].padding == (100, 100) and backbone.features[2].padding == (1, 1)
    assert backbone.fc6.weight.shape == (4096, 512, 7, 7) and backbone.fc7.weight.shape == (4096, 4096, 1, 1)
    assert sum(
        layer.weight.numel() + layer.bias.numel() for layer in backbone.features if hasattr(layer, "weight")
    ) == (
        14_714_688  # torchvision's vgg16().features
    )
