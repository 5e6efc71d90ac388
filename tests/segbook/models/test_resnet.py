"""The dilated ResNets: equal to torchvision's, equal to their strided selves, and not so without contraction."""

import pytest
import torch
import torchvision
from torch import nn

from segbook.convolution import receptive_field
from segbook.models.resnet import BasicBlock, Bottleneck, ResNet, resnet18, resnet50, resnet101, resnet_tiny


def dilations(build, stage, **options):
    """Dilation of every 3x3 convolution of a stage, in order."""
    with torch.device("meta"):
        net = build(**options)
    convs = [m for m in getattr(net, f"layer{stage}").modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert all(conv.padding == conv.dilation for conv in convs)
    return [conv.dilation[0] for conv in convs]


def strides(build, **options):
    with torch.device("meta"):
        return [96 // feature.shape[-1] for feature in build(**options)(torch.empty(1, 3, 96, 96))]


class Last(nn.Module):
    """The last feature alone, as a net that calibrate can run."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)[-1]


@pytest.fixture(scope="module")
def checkpoint(calibrate):
    """Weights of a calibrated torchvision ResNet-50, without its classifier."""
    net = calibrate(torchvision.models.resnet50(weights=None))
    return {name: value for name, value in net.state_dict().items() if not name.startswith("fc.")}


def loaded(checkpoint, **options):
    """A network that shares the checkpoint's weights: drawing random ones first would take longer than the tests."""
    with torch.device("meta"):
        net = resnet50(**options).eval()
    net.load_state_dict(checkpoint, assign=True)
    return net


@pytest.mark.parametrize(("output_stride", "replace"), [(32, None), (16, (0, 0, 1)), (8, (0, 1, 1))])
@torch.no_grad()
def test_equals_torchvision_with_stride_replaced_by_dilation(checkpoint, noise, output_stride, replace):
    with torch.device("meta"):
        theirs = torchvision.models.resnet50(weights=None, replace_stride_with_dilation=replace)
    theirs.load_state_dict(checkpoint, strict=False, assign=True)
    layers = {f"layer{i}": f"layer{i}" for i in (1, 2, 3, 4)}
    theirs = torchvision.models._utils.IntermediateLayerGetter(theirs.eval(), layers)
    x = noise(2, 3, 97, 129)
    ours = loaded(checkpoint, output_stride=output_stride)
    for feature, expected in zip(ours(x), theirs(x).values()):
        torch.testing.assert_close(feature, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [(97, 129), (64, 96), (1, 1)])
@pytest.mark.parametrize("output_stride", [16, 8])
@torch.no_grad()
def test_dilated_equals_strided_on_the_coarse_grid(checkpoint, noise, output_stride, size):
    x, step = noise(1, 3, *size), 32 // output_stride
    strided = loaded(checkpoint)(x)[-1]
    dilated = loaded(checkpoint, output_stride=output_stride)(x)[-1]
    torch.testing.assert_close(dilated[..., ::step, ::step], strided, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_without_contraction_it_is_another_network(checkpoint, noise):
    x = noise(1, 3, 97, 129)
    strided = loaded(checkpoint)(x)[-1]
    dilated = loaded(checkpoint, output_stride=8, contract_dilation=False)(x)[-1]
    assert (dilated[..., ::4, ::4] - strided).abs().max() > 0.1


@pytest.mark.parametrize(("second", "equal"), [(True, True), (False, False)])
@torch.no_grad()
def test_basic_blocks_keep_the_equality_only_if_both_convolutions_are_dilated(noise, calibrate, second, equal):
    """MMSegmentation dilates the first one alone."""
    strided = calibrate(Last(resnet18()))
    dilated = Last(resnet18(output_stride=8, dilate_second=second)).eval()
    dilated.load_state_dict(strided.state_dict())
    x = noise(1, 3, 97, 129)
    difference = (dilated(x)[..., ::4, ::4] - strided(x)).abs().max()
    assert (difference < 1e-4) == equal and (difference > 0.1) != equal


@torch.no_grad()
def test_the_tiny_net_keeps_the_equality_with_either_stem(noise, calibrate):
    for stem in ("7x7", "v1c"):
        strided = calibrate(Last(resnet_tiny(stem=stem)))
        dilated = Last(resnet_tiny(stem=stem, output_stride=8)).eval()
        dilated.load_state_dict(strided.state_dict())
        x = noise(1, 3, 96, 128)
        torch.testing.assert_close(dilated(x)[..., ::4, ::4], strided(x), atol=1e-4, rtol=1e-4)


def test_dilations_of_mmsegmentation_d8():
    d8 = {"stem": "v1c", "output_stride": 8}
    assert [dilations(resnet50, i, **d8) for i in (1, 2, 3, 4)] == [[1] * 3, [1] * 4, [1] + [2] * 5, [2, 4, 4]]
    assert [dilations(resnet18, i, **d8) for i in (1, 2, 3, 4)] == [[1] * 4, [1] * 4, [1, 1, 2, 1], [2, 1, 4, 1]]
    uncontracted = {"output_stride": 8, "contract_dilation": False}
    assert [dilations(resnet50, i, **uncontracted) for i in (3, 4)] == [[2] * 6, [4] * 3]


def test_multi_grid_multiplies_the_dilation_of_the_last_stage():
    """The paper's (1, 2, 4) at output stride 16 is 2, 4, 8; MMSegmentation would make it 1, 2, 4."""
    grid = {"output_stride": 16, "multi_grid": (1, 2, 4)}
    assert dilations(resnet50, 4, contract_dilation=False, **grid) == [2, 4, 8]
    assert dilations(resnet50, 3, contract_dilation=False, **grid) == [1] * 6
    assert dilations(resnet50, 4, **grid) == [1, 4, 8]  # the first one contracted
    for options in ({"multi_grid": (1, 1, 1)}, {}):
        assert dilations(resnet50, 4, output_stride=8, **options) == [2, 4, 4]


@torch.no_grad()
def test_multi_grid_of_ones_changes_nothing_and_others_do(checkpoint, noise):
    x = noise(1, 3, 65, 65)
    plain = loaded(checkpoint, output_stride=16)(x)[-1]
    assert torch.equal(loaded(checkpoint, output_stride=16, multi_grid=(1, 1, 1))(x)[-1], plain)
    assert (loaded(checkpoint, output_stride=16, multi_grid=(1, 2, 4))(x)[-1] - plain).abs().max() > 0.01


def test_worked_shapes_of_resnet50_v1c_d8():
    """FACTS S2: what MMSegmentation prints for an input of (4, 3, 480, 480)."""
    with torch.device("meta"):
        features = resnet50(stem="v1c", output_stride=8)(torch.empty(4, 3, 480, 480))
    shapes = [(4, 256, 120, 120), (4, 512, 60, 60), (4, 1024, 60, 60), (4, 2048, 60, 60)]
    assert [tuple(feature.shape) for feature in features] == shapes


@pytest.mark.parametrize(("output_stride", "expected"), [(32, [4, 8, 16, 32]), (16, [4, 8, 16, 16]), (8, [4, 8, 8, 8])])
def test_strides(output_stride, expected):
    for backbone in (resnet_tiny, resnet18):
        for stem in ("7x7", "v1c"):
            assert strides(backbone, output_stride=output_stride, stem=stem) == expected


def test_parameters_and_channels():
    with torch.device("meta"):
        nets = [resnet18(), resnet50(), resnet101(), resnet50(stem="v1c")]
    counts = [sum(parameter.numel() for parameter in net.parameters()) for net in nets]
    assert counts == [11_176_512, 23_508_032, 42_500_160, 23_527_264]
    assert nets[0].channels == (64, 128, 256, 512) and nets[1].channels == (256, 512, 1024, 2048)


def test_names_of_the_weights_are_torchvisions():
    with torch.device("meta"):
        for ours, theirs in ((resnet18(), torchvision.models.resnet18()), (resnet50(), torchvision.models.resnet50())):
            shapes = {name: value.shape for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
            assert {name: value.shape for name, value in ours.state_dict().items()} == shapes
        stem = resnet50(stem="v1c").stem.state_dict()
    assert {name.split(".")[0] for name in stem} == set("013467")  # as in MMSegmentation's checkpoints
    assert [stem[f"{i}.weight"].shape[:2] for i in "036"] == [(32, 3), (32, 32), (64, 32)]


def test_cells_of_a_resnet_are_centred_on_pixel_32i():
    """Odd kernels with symmetric padding: every stage has its cell 0 at pixel 0, dilated or not."""
    for stem in ("7x7", "v1c"):
        for output_stride in (32, 8):
            with torch.device("meta"):
                net = resnet18(stem=stem, output_stride=output_stride)
            entry = [net.conv1, net.bn1, net.relu] if stem == "7x7" else [net.stem]
            field = receptive_field([*entry, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4])
            assert (field.stride, field.centre) == (output_stride, 0)


def test_gradient_of_cell_7_is_centred_on_pixel_224(noise):
    """The same from the gradient: random positive weights, no maxima, one cell (measured: 223.98; VGG gives 239.50)."""
    net = resnet18().eval()
    net.maxpool = nn.AvgPool2d(3, 2, 1)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
    x = torch.ones(1, 3, 449, 449, requires_grad=True)
    net(x)[-1][0, 0, 7, 7].backward()
    mass = x.grad[0].sum((0, 1))
    assert (mass * torch.arange(449)).sum() / mass.sum() == pytest.approx(224, abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output_stride": 4}, "32, 16 or 8, got 4"),
        ({"stem": "v1d"}, "'v1d'"),
        ({"multi_grid": (1, 2, 4)}, r"multi_grid needs 1 rates, .* got \(1, 2, 4\)"),
    ],
)
def test_wrong_options_name_themselves(options, message):
    with pytest.raises(ValueError, match=message):
        resnet_tiny(**options)


def test_blocks_have_a_shortcut_only_where_the_shape_changes():
    net = ResNet(BasicBlock, (1, 1, 1, 1), (4, 8, 8, 8), output_stride=8)
    assert net.layer1[0].downsample is None and net.layer2[0].downsample is not None  # stride 2
    assert net.layer3[0].downsample is None  # as many channels, and dilated instead of strided
    net = ResNet(Bottleneck, (2, 1, 1, 1), (8, 8, 8, 8))
    assert net.layer1[0].downsample is not None and net.layer1[1].downsample is None  # 8 to 32 channels, then 32
