"""FCN heads, ASPP and the decoder against the layers written out, and the order of every concatenation."""

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from segbook import models
from segbook.models.aspp import ASPP, DeepLabV3Head, rates_for
from segbook.models.decoder import DeepLabV3PlusHead
from segbook.models.heads import FCNConcatHead, FCNHead
from segbook.models.layers import conv_bn_relu, score


class Wrapped(nn.Module):
    """A head on random features of an image, so that calibrate can run it."""

    def __init__(self, head, *channels):
        super().__init__()
        self.head, self.channels = head, channels

    def forward(self, x):
        low = F.interpolate(x.mean(1, keepdim=True), scale_factor=2)
        maps = [x.mean(1, keepdim=True).repeat(1, self.channels[-1], 1, 1)]
        if len(self.channels) == 2:
            maps.insert(0, low.repeat(1, self.channels[0], 1, 1))
        return self.head(*maps)


def conv_bn_relu_of(layers, x, prefix="", **options):
    """The three layers written out, from a state dict: `prefix` + "0.weight" and `prefix` + "1.*"."""
    x = F.conv2d(x, layers[f"{prefix}0.weight"], **options)
    statistics = [layers[f"{prefix}1.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
    return F.relu(F.batch_norm(x, *statistics))


@torch.no_grad()
def test_fcn_head_is_torchvisions(calibrate, noise):
    theirs = calibrate(Wrapped(torchvision.models.segmentation.fcn.FCNHead(32, 5), 32)).head
    ours = FCNHead(32, 5).eval()
    ours.load_state_dict(theirs.state_dict())
    x = noise(2, 32, 9, 7)
    assert torch.equal(ours(x), theirs(x))
    assert [type(layer).__name__ for layer in ours] == [type(layer).__name__ for layer in theirs]


@torch.no_grad()
def test_concat_head_is_mmsegmentations_written_out(calibrate, noise):
    head = calibrate(Wrapped(FCNConcatHead(32, 5), 32)).head
    layers, x = head.state_dict(), noise(2, 32, 9, 7)
    y = conv_bn_relu_of(layers, x, "convs.0."[:-2], padding=1)
    y = conv_bn_relu_of({k.replace("convs.3", "second.0").replace("convs.4", "second.1"): v for k, v in layers.items()},
                        y, "second.", padding=1)  # fmt: skip
    both = conv_bn_relu_of(layers, torch.cat([x, y], 1), "fuse.", padding=1)
    expected = F.conv2d(both, layers["score.weight"], layers["score.bias"])
    torch.testing.assert_close(head(x), expected, atol=1e-5, rtol=1e-4)
    swapped = layers | {"fuse.0.weight": layers["fuse.0.weight"].roll(8, 1)}  # as if [features, input]
    both = conv_bn_relu_of(swapped, torch.cat([x, y], 1), "fuse.", padding=1)
    assert (F.conv2d(both, layers["score.weight"]) - expected).abs().max() > 0.01


def aspp_of(layers, x, rates, order=(0, 1, 2, 3, 4)):
    """ASPP as FACTS S4 states it: 1x1, three 3x3, pooling; concatenated; 1x1. `order` permutes the branches."""
    branches = [conv_bn_relu_of(layers, x, "convs.0.")]
    for i, rate in enumerate(rates, start=1):
        branches.append(conv_bn_relu_of(layers, x, f"convs.{i}.", padding=rate, dilation=rate))
    pooling = {k.replace("convs.4.1.", "pool.0.").replace("convs.4.2.", "pool.1."): v for k, v in layers.items()}
    pooled = conv_bn_relu_of(pooling, x.mean((2, 3), keepdim=True), "pool.")
    branches.append(F.interpolate(pooled, x.shape[-2:], mode="bilinear", align_corners=False))
    return conv_bn_relu_of(layers, torch.cat([branches[i] for i in order], 1), "project.")


@torch.no_grad()
def test_aspp_is_what_the_text_says(calibrate, noise):
    rates = (2, 4, 6)
    aspp = calibrate(Wrapped(ASPP(24, rates, 16), 24)).head
    layers, x = aspp.state_dict(), noise(2, 24, 13, 17)
    assert layers["project.0.weight"].shape == (16, 80, 1, 1)  # five features, not four
    torch.testing.assert_close(aspp(x), aspp_of(layers, x, rates), atol=1e-5, rtol=1e-4)
    assert (aspp(x) - aspp_of(layers, x, rates, order=(4, 0, 1, 2, 3))).abs().max() > 0.1  # pooling first
    assert (aspp(x) - aspp_of(layers, x, rates, order=(0, 2, 1, 3, 4))).abs().max() > 0.1  # two rates swapped


@torch.no_grad()
def test_deeplabv3_head_is_torchvisions(calibrate, noise):
    theirs = calibrate(Wrapped(torchvision.models.segmentation.deeplabv3.DeepLabHead(32, 5, (12, 24, 36)), 32)).head
    ours = DeepLabV3Head(32, 5, atrous_rates=(12, 24, 36)).eval()
    ours.load_state_dict(theirs.state_dict())
    x = noise(2, 32, 13, 17)
    torch.testing.assert_close(ours(x), theirs(x), atol=1e-5, rtol=1e-4)
    assert ours[0].project[3].p == theirs[0].project[3].p == 0.5


@pytest.mark.parametrize(("rate", "degenerate"), [(9, True), (40, True), (8, False), (2, False)])
@torch.no_grad()
def test_a_rate_beyond_the_map_is_a_1x1_convolution(noise, rate, degenerate):
    """On a 9x9 map a rate of 9 leaves only the centre tap inside, wherever the kernel stands; 8 does not."""
    branch = ASPP(4, (rate,), 8).convs[1][0]
    x = noise(1, 4, 9, 9)
    centre = F.conv2d(x, branch.weight[..., 1:2, 1:2])
    assert torch.allclose(branch(x), centre, atol=1e-5) == degenerate


def test_image_pooling_is_constant_and_sees_everything(noise):
    pooling = ASPP(4, (1,), 8).eval().convs[-1]
    with torch.no_grad():
        y = pooling(noise(1, 4, 6, 5))
    assert y.shape == (1, 8, 6, 5) and (y - y[..., :1, :1]).abs().max() < 1e-6
    x = noise(1, 4, 6, 5).requires_grad_()
    pooling(x)[..., 0, 0].sum().backward()
    assert (x.grad[0].abs().amax(0) > 0).all()  # every cell of the map reaches the corner


def test_rates_for_keep_their_reach_in_pixels():
    assert [rates_for(s) for s in (8, 16, 32)] == [(12, 24, 36), (6, 12, 18), (3, 6, 9)]
    with torch.device("meta"):
        for name, stride, rates in (
            ("deeplabv3_resnet50", 8, (12, 24, 36)),
            ("deeplabv3_resnet50", 16, (6, 12, 18)),
            ("deeplabv3plus_resnet50", 16, (6, 12, 18)),
            ("deeplabv3plus_resnet50", 8, (12, 24, 36)),
        ):
            head = models.create(name, output_stride=stride).classifier
            aspp = head.aspp if "plus" in name else head[0]
            assert [branch[0].dilation[0] for branch in aspp.convs[1:4]] == list(rates)
        aspp = models.create("deeplabv3_tiny").classifier[0]
    assert [branch[0].dilation[0] for branch in aspp.convs[1:4]] == [2, 4, 6]


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("decoder_convs", [1, 2, 3])
@torch.no_grad()
def test_decoder_is_what_the_text_says(calibrate, noise, decoder_convs, align_corners):
    """FACTS S4: 1x1 to 48; ASPP resized to it; concatenate 304; 3x3 256; 1x1."""
    rates = (1, 2, 3)
    head = DeepLabV3PlusHead(
        12, 24, 5, atrous_rates=rates, decoder_convs=decoder_convs, align_corners=align_corners
    )  # fmt: skip
    head = calibrate(Wrapped(head, 12, 24), size=9).head
    layers, low, x = head.state_dict(), noise(2, 12, 14, 18, seed=1), noise(2, 24, 7, 9)
    aspp = {name.removeprefix("aspp."): value for name, value in layers.items() if name.startswith("aspp.")}
    coarse = aspp_of(aspp, x, rates)
    coarse = F.interpolate(coarse, low.shape[-2:], mode="bilinear", align_corners=align_corners)
    fine = conv_bn_relu_of(layers, low, "reduce.")
    assert fine.shape[1] == 48

    def decode(joined):
        assert joined.shape[1] == 304
        for i in range(decoder_convs):
            step = {
                k.replace(f"fuse.{3 * i}.", "x.0.").replace(f"fuse.{3 * i + 1}.", "x.1."): v for k, v in layers.items()
            }
            joined = conv_bn_relu_of(step, joined, "x.", padding=1)
        return F.conv2d(joined, layers["score.weight"], layers["score.bias"])

    expected = decode(torch.cat([coarse, fine], 1))
    torch.testing.assert_close(head(low, x), expected, atol=1e-5, rtol=1e-4)
    assert (decode(torch.cat([fine, coarse], 1)) - expected).abs().max() > 0.01  # the other order is another network


def test_deeplabv3plus_reads_the_first_stage():
    with torch.device("meta"):
        model = models.create("deeplabv3plus_resnet50").eval()
        assert model.classifier.reduce[0].weight.shape == (48, 256, 1, 1)
        low, *_, x = model.backbone(torch.empty(1, 3, 512, 512))
        assert (low.shape[-1], x.shape[-1]) == (128, 32)
        assert model.classifier(low, x).shape == (1, 21, 128, 128)  # stride 4, then resized to the image
        mobile = models.create("deeplabv3plus_mobilenet_v2")
    assert mobile.classifier.reduce[0].weight.shape == (48, 24, 1, 1)


def test_separable_convolutions_save_what_the_formula_says():
    whole = nn.Sequential(*conv_bn_relu(24, 16, 3))
    split = nn.Sequential(*conv_bn_relu(24, 16, 3, dilation=2, separable=True))
    assert whole[0].weight.numel() == 9 * 24 * 16
    assert split[0].weight.numel() + split[3].weight.numel() == 9 * 24 + 24 * 16
    assert split[0].groups == 24 and split[0].dilation == (2, 2) and split[3].kernel_size == (1, 1)
    assert [type(layer).__name__ for layer in split] == ["Conv2d", "BatchNorm2d", "ReLU"] * 2
    with torch.device("meta"):
        for name in ("deeplabv3_resnet50", "deeplabv3plus_resnet50"):
            few = models.create(name, separable=True).classifier
            assert all(m.groups > 1 for m in few.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3))


def test_separable_equals_the_product_of_its_kernels(noise):
    """Without what lies between them, the two convolutions are one of rank one: w[d, c] * k[c]."""
    depthwise, _, _, across, *_ = conv_bn_relu(6, 4, 3, separable=True)
    x = noise(1, 6, 8, 8)
    kernel = across.weight * depthwise.weight.transpose(0, 1)  # (4, 6, 3, 3)
    torch.testing.assert_close(across(depthwise(x)), F.conv2d(x, kernel, padding=1), atol=1e-5, rtol=1e-4)


def test_scores_start_near_zero():
    torch.manual_seed(0)
    layer = score(256, 21)
    assert layer.weight.std().item() == pytest.approx(0.01, rel=0.1) and not layer.bias.any()


def test_mmsegmentation_drops_whole_channels_and_torchvision_single_values():
    """In evaluation nobody sees the difference; in training it is another regulariser."""
    kinds = {}
    with torch.device("meta"):
        for name in ("fcn_resnet18_d8", "fcn_resnet50"):
            model = models.create(name)
            kinds[name] = [(type(m), m.p) for m in model.modules() if isinstance(m, (nn.Dropout, nn.Dropout2d))]
    assert kinds == {"fcn_resnet18_d8": [(nn.Dropout2d, 0.1)] * 2, "fcn_resnet50": [(nn.Dropout, 0.1)] * 2}
