"""Published checkpoints: they compute here what they compute at home, and misfits are listed."""

import os
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.resnet import Bottleneck

from segbook import models
from segbook.models import pretrained
from segbook.models.fcn_vgg import FCNVGG16
from segbook.models.resnet import resnet18
from segbook.models.vgg import VGG16


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a test tried to download")

    monkeypatch.setattr("torch.hub.download_url_to_file", refuse)


# --- torchvision ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["fcn_resnet50", "deeplabv3_resnet50"])
def published(request, calibrate):
    """Name and torchvision's network with random weights and calibrated batch norm."""
    torch.manual_seed(0)
    build = getattr(torchvision.models.segmentation, request.param)

    class Tensors(nn.Module):  # torchvision returns a dictionary
        def __init__(self):
            super().__init__()
            self.net = build(weights=None, weights_backbone=None, num_classes=21, aux_loss=True)

        def forward(self, x):
            return self.net(x)["out"]

    return request.param, calibrate(Tensors()).net


@torch.no_grad()
def test_converted_torchvision_networks_compute_the_same(published, noise):
    name, theirs = published
    ours = models.convert(name, theirs.state_dict(), "torchvision")
    x = noise(2, 3, 97, 129)
    expected = theirs(x)
    logits, aux_logits = ours.forward_with_aux(x)
    assert not ours.training and expected["out"].std() > 0.1
    assert (logits - expected["out"]).abs().max() <= 1e-4
    assert (aux_logits - expected["aux"]).abs().max() <= 1e-4


@torch.no_grad()
def test_the_auxiliary_head_may_be_absent_or_left_out(published, noise):
    name, theirs = published
    state = theirs.state_dict()
    without = {key: value for key, value in state.items() if not key.startswith("aux")}
    ours = models.convert(name, without, "torchvision")
    assert ours.aux_classifier is None
    x = noise(1, 3, 33, 33)
    assert (ours(x) - theirs(x)["out"]).abs().max() <= 1e-4
    left_out = models.create(name, weights=state, aux=False).eval()
    assert torch.equal(left_out(x), ours(x))
    with pytest.raises(ValueError, match="missing: aux_classifier"):
        models.create(name, weights=without)


def test_other_numbers_of_classes_are_read_or_refused(published):
    name, theirs = published
    state = {key: value[:5] if key.startswith("classifier.4") else value for key, value in theirs.state_dict().items()}
    state = {key: value for key, value in state.items() if not key.startswith("aux")}
    assert models.convert(name, state, "torchvision")(torch.zeros(2, 3, 9, 9)).shape == (2, 5, 9, 9)
    with pytest.raises(ValueError, match=r"of another shape: classifier.4.weight \(5, .*for \(21, .*partial=True"):
        models.create(name, weights=state, aux=False)
    with pytest.warns(UserWarning, match=r"stays random; of another shape: classifier.4.weight .*classifier.4.bias"):
        models.create(name, weights=state, aux=False, partial=True)


def test_layout_of_the_large_networks():
    """ResNet-101: names and shapes alone, without weights."""
    with torch.device("meta"):
        for name in ("fcn_resnet101", "deeplabv3_resnet101"):
            build = getattr(torchvision.models.segmentation, name)
            theirs = build(weights=None, weights_backbone=None, aux_loss=True).state_dict()
            ours = models.create(name).state_dict()
            assert {key: value.shape for key, value in ours.items()} == {k: v.shape for k, v in theirs.items()}


# --- MMSegmentation ---------------------------------------------------------------------------------------------------


class ConvModule(nn.Module):
    """conv, bn, ReLU under mmcv's names."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(out_channels)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


class FirstDilated(nn.Module):
    """MMSegmentation's BasicBlock: only conv1 carries the dilation, conv2 has padding 1."""

    expansion = 1

    def __init__(self, inplanes, planes, stride, dilation):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride, bias=False), nn.BatchNorm2d(planes)
            )  # fmt: skip

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNetV1c(nn.Module):
    """Strides 1, 2, 1, 1, dilations 1, 1, 2, 4, contract_dilation, deep stem: FACTS S2 in MMSegmentation's names."""

    def __init__(self, depth):
        super().__init__()
        layers, inputs = [], 3
        for width, stride in ((32, 2), (32, 1), (64, 1)):
            layers += [nn.Conv2d(inputs, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
            inputs = width
        self.stem = nn.Sequential(*layers)
        if depth == 50:
            dilated = torchvision.models.resnet50(weights=None, replace_stride_with_dilation=(False, True, True))
            assert isinstance(dilated.layer4[0], Bottleneck)
            for i in (1, 2, 3, 4):
                self.add_module(f"layer{i}", getattr(dilated, f"layer{i}"))
            return
        planes = ((64, 64, 1, (1, 1)), (64, 128, 2, (1, 1)), (128, 256, 1, (1, 2)), (256, 512, 1, (2, 4)))
        for i, (inputs, width, stride, dilations) in enumerate(planes, start=1):
            blocks = [FirstDilated(inputs, width, stride, dilations[0]), FirstDilated(width, width, 1, dilations[1])]
            self.add_module(f"layer{i}", nn.Sequential(*blocks))

    def forward(self, x):
        x = F.max_pool2d(self.stem(x), 3, 2, 1)
        x = self.layer2(self.layer1(x))
        third = self.layer3(x)
        return third, self.layer4(third)


class MMSeg(nn.Module):
    """EncoderDecoder with FCNHead (two convolutions, concatenated input) and auxiliary FCNHead (one)."""

    def __init__(self, depth, width, aux_width, classes):
        super().__init__()
        third, last = (1024, 2048) if depth == 50 else (256, 512)
        self.backbone = ResNetV1c(depth)
        self.decode_head = nn.Module()
        self.decode_head.convs = nn.Sequential(ConvModule(last, width), ConvModule(width, width))
        self.decode_head.conv_cat = ConvModule(last + width, width)
        self.decode_head.conv_seg = nn.Conv2d(width, classes, 1)
        self.auxiliary_head = nn.Module()
        self.auxiliary_head.convs = nn.Sequential(ConvModule(third, aux_width))
        self.auxiliary_head.conv_seg = nn.Conv2d(aux_width, classes, 1)

    def both(self, x):
        third, last = self.backbone(x)
        head, aux = self.decode_head, self.auxiliary_head
        y = head.conv_seg(head.conv_cat(torch.cat([last, head.convs(last)], dim=1)))
        z = aux.conv_seg(aux.convs(third))
        return [F.interpolate(map, x.shape[2:], mode="bilinear", align_corners=False) for map in (y, z)]

    def forward(self, x):
        return sum(self.both(x))


@pytest.mark.parametrize(("depth", "width", "aux_width"), [(18, 128, 64), (18, 40, 64), (50, 512, 256)])
@torch.no_grad()
def test_converted_mmsegmentation_networks_compute_the_same(depth, width, aux_width, noise, calibrate):
    """R18 and R50 `-d8` with their published widths, and with others, which are read from the checkpoint."""
    torch.manual_seed(0)
    theirs = calibrate(MMSeg(depth, width, aux_width, classes=19))
    name = f"fcn_resnet{depth}_d8"
    checkpoint = {"meta": {"epoch": 1}, "state_dict": theirs.state_dict()}
    ours = models.convert(name, checkpoint, "mmseg")
    x = noise(2, 3, 97, 129)
    expected, aux_expected = theirs.both(x)
    logits, aux_logits = ours.forward_with_aux(x)
    assert expected.std() > 0.05
    assert (logits - expected).abs().max() <= 1e-4
    assert (aux_logits - aux_expected).abs().max() <= 1e-4
    if width == 128:  # the trunk alone is another network under the rule that keeps the equality of test_resnet
        exact = resnet18(stem="v1c", output_stride=8, dilate_second=True).eval()
        exact.load_state_dict(theirs.backbone.state_dict())
        assert (exact(x)[-1] - theirs.backbone(x)[1]).abs().max() > 0.1
    without = {key: value for key, value in theirs.state_dict().items() if not key.startswith("auxiliary_head")}
    assert models.convert(name, without, "mmseg").aux_classifier is None


# --- Google -----------------------------------------------------------------------------------------------------------


class GoogleDeepLab(nn.Module):
    """FACTS, "DeepLabv3 on MobileNetV2", written out on torchvision's MobileNetV2."""

    def __init__(self, classes=21):
        super().__init__()
        self.features = torchvision.models.mobilenet_v2().features[:18]
        self.features[14].conv[1][0].stride = (1, 1)  # gives up its stride; its own 3x3 keeps dilation 1
        for i in (15, 16, 17):
            self.features[i].conv[1][0].dilation = self.features[i].conv[1][0].padding = (2, 2)
        self.local, self.pooled, self.project = (
            nn.Sequential(nn.Conv2d(c, 256, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU()) for c in (320, 320, 512)
        )
        self.score = nn.Conv2d(256, classes, 1)

    def forward(self, x):
        features = self.features(x)
        pooled = self.pooled(features.mean((2, 3), keepdim=True)).expand(-1, -1, *features.shape[2:])
        logits = self.score(self.project(torch.cat([self.local(features), pooled], 1)))
        return F.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=True)

    def named(self):
        """Its weights under the names of the published file."""
        renames = {"features.": "backbone.features.", "local.": "aspp.convs.0.", "project.": "aspp.project."}
        renames |= {"pooled.0.": "aspp.convs.1.1.", "pooled.1.": "aspp.convs.1.2."}
        return pretrained.rename(self.state_dict(), renames)


@torch.no_grad()
def test_the_converted_google_network_computes_the_same(noise, calibrate):
    theirs = calibrate(GoogleDeepLab(classes=5))
    ours, x = models.convert("deeplabv3_mobilenet_v2", theirs.named(), "google"), noise(2, 3, 97, 129)
    expected = theirs(x)
    assert expected.std() > 0.05 and (ours(x) - expected).abs().max() <= 1e-4
    ours.align_corners = False
    assert (ours(x) - expected).abs().max() > 1e-3


@torch.no_grad()
def test_the_published_google_file_loads_and_computes_the_same(noise):
    state = torch.load(real("deeplabv3_mobilenet_v2-voc.pth"), weights_only=True)
    ours, theirs, x = models.convert("deeplabv3_mobilenet_v2", state, "google"), GoogleDeepLab(), noise(1, 3, 129, 97)
    assert sum(parameter.numel() for parameter in ours.parameters()) == 2_113_557
    names = dict(zip(theirs.named(), theirs.state_dict(), strict=True))  # published -> torchvision's
    missing, unexpected = theirs.load_state_dict({names[name]: value for name, value in state.items()}, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    assert (ours(x) - theirs.eval()(x)).abs().max() <= 1e-4


# --- what convert refuses ---------------------------------------------------------------------------------------------


def test_convert_names_what_it_knows():
    for name, source in (("fcn_resnet50", "detectron2"), ("fcn_resnet50", "mmseg"), ("fcn8s_tiny", "torchvision")):
        with pytest.raises(ValueError, match=rf"cannot convert '{name}' from '{source}'.*'mmseg' fcn_resnet18_d8, "):
            models.convert(name, {}, source)
    with pytest.raises(ValueError, match="no checkpoint of fcn_resnet50 from 'torchvision'"):
        models.convert("fcn_resnet50", {}, "torchvision")
    with pytest.raises(ValueError, match="expected a state dict .*got list"):
        models.convert("fcn_resnet50", [], "torchvision")


def test_a_checkpoint_that_does_not_fit_lists_why():
    state = models.create("fcn32s_resnet18", upsample="dense").state_dict()
    theirs = {"final_conv.weight": state["score.weight"], "final_conv.bias": state["score.bias"][:3], "fc.weight": 1}
    theirs["fc.weight"] = torch.zeros(2)
    with pytest.raises(ValueError) as caught:
        models.convert("fcn32s_resnet18", theirs, "d2l")
    message = str(caught.value)
    assert "missing: backbone, upsample;" in message
    assert "unexpected: fc;" in message
    assert "of another shape: score.bias (3,) for (21,)" in message


# --- files and backbones ----------------------------------------------------------------------------------------------


def test_a_saved_model_comes_back(tmp_path, noise):
    model = models.create("fcn8s_tiny", num_classes=4).eval()
    for wrap in (
        lambda s: s,
        lambda s: {"state_dict": s},
        lambda s: {"state": s, "config": {}},
        lambda s: {"model": s},
    ):
        torch.save(wrap(model.state_dict()), tmp_path / "net.pt")
        again = models.create("fcn8s_tiny", num_classes=4, weights=tmp_path / "net.pt").eval()
        x = noise(1, 3, 32, 32)
        assert torch.equal(again(x), model(x))
    assert torch.equal(models.create("fcn8s_tiny", 4, str(tmp_path / "net.pt")).eval()(x), model(x))


@pytest.mark.parametrize("prefixes", ["module.", "model.", "_orig_mod.", "module._orig_mod.model."])
@pytest.mark.parametrize("key", ["state_dict", "model_state", "model_state_dict", "net", "network", None])
def test_what_people_wrap_around_a_state_dict_is_unwrapped(prefixes, key):
    model = models.create("fcn32s_tiny", num_classes=3)
    wrapped = {prefixes + name: value for name, value in model.state_dict().items()}
    wrapped = {key: wrapped, "epoch": 3} if key else wrapped
    again = models.create("fcn32s_tiny", num_classes=3, weights=wrapped)
    assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), model.state_dict().values()))


def test_an_unknown_wrapper_is_named():
    state = models.create("fcn32s_tiny").state_dict()
    with pytest.raises(ValueError, match="a dictionary of 'ema', 'epoch'; there is one in it as 'ema': pass that"):
        models.create("fcn32s_tiny", weights={"ema": state, "epoch": 3})


def test_a_shipped_network_is_built_as_it_was_trained(tmp_path, monkeypatch, noise):
    monkeypatch.setattr(pretrained, "SHIPPED", tmp_path)
    options = {"decoder_convs": 1, "atrous_rates": [1, 3]}
    trained = models.create("deeplabv3plus_tiny", 4, decoder_convs=1, atrous_rates=(1, 3)).eval()
    config = {"model": "deeplabv3plus_tiny", "num_classes": 4, "options": options}
    state = {name: value.half() if value.is_floating_point() else value for name, value in trained.state_dict().items()}
    torch.save({"segbook_checkpoint": 1, "config": config, "state": state}, tmp_path / "deeplabv3plus_tiny-mine.pt")
    for known in ({}, {"num_classes": 4}, {"atrous_rates": (1, 3)}):
        again, x = models.create("deeplabv3plus_tiny", weights="mine", **known).eval(), noise(1, 3, 40, 50)
        assert (again(x) - trained(x)).abs().max() < 0.02  # 16 bits
    for other in ({"num_classes": 2}, {"decoder_convs": 2}, {"separable": True}):
        with pytest.raises(ValueError, match=r"'mine' was trained with .*'decoder_convs': 1.*weights_backbone='mine'"):
            models.create("deeplabv3plus_tiny", weights="mine", **other)
    with pytest.raises(FileNotFoundError, match="no file of weights other; names for deeplabv3plus_tiny are mine"):
        models.create("deeplabv3plus_tiny", weights="other")
    backbone = models.create("fcn8s_tiny", num_classes=2, weights_backbone="mine").backbone.state_dict()
    assert torch.equal(backbone["conv1.weight"], trained.backbone.conv1.weight.half().float())


def test_files_that_are_no_weights(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file of weights .*absent.pt; names for fcn8s_tiny are toyvoc$"):
        models.create("fcn8s_tiny", weights=tmp_path / "absent.pt")
    with pytest.raises(FileNotFoundError, match="names for fcn_resnet50 are COCO_WITH_VOC_LABELS_V1"):
        models.create("fcn_resnet50", weights="COCO")
    with pytest.raises(FileNotFoundError, match="names for mobilenet_v2 are photos, IMAGENET1K_V1"):
        models.create("fcn8s_mobilenet_v2", weights_backbone="photo")
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ValueError, match="text.pt is no file of weights"):
        models.create("fcn8s_tiny", weights=tmp_path / "text.pt")
    whole = models.create("fcn8s_tiny")
    torch.save(whole, tmp_path / "module.pt")  # a pickled module would run code
    with pytest.raises(ValueError, match="weights_only=True"):
        models.create("fcn8s_tiny", weights=tmp_path / "module.pt")
    torch.save(whole.state_dict(), tmp_path / "cut.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:1000])
    with pytest.raises(ValueError, match="cut.pt is no file of weights"):
        models.create("fcn8s_tiny", weights=tmp_path / "cut.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="expected a state dict .*got list"):
        models.create("fcn8s_tiny", weights=tmp_path / "list.pt")


def test_weights_of_another_model_are_refused(tmp_path):
    state = models.create("fcn_tiny_d8").state_dict()
    with pytest.raises(
        ValueError, match=r"missing: backbone.conv1, backbone.bn1, .*; unexpected: backbone.stem, classifier"
    ):
        models.create("fcn8s_tiny", weights=state)
    with pytest.raises(ValueError, match="does not fit"):
        models.create("fcn8s_tiny", weights={"x": torch.zeros(1)}, partial=True)  # nothing of it fits
    with pytest.raises(ValueError, match="leave out weights_backbone"):
        models.create("fcn32s_resnet18", weights=state, weights_backbone=state)


@torch.no_grad()
def test_torchvision_classifiers_fill_backbones(noise, calibrate):
    torch.manual_seed(0)
    x = noise(1, 3, 64, 64)
    theirs = calibrate(torchvision.models.resnet18(weights=None))
    old = {key: value for key, value in theirs.state_dict().items() if not key.endswith("num_batches_tracked")}
    ours = models.create("fcn32s_resnet18", weights_backbone=old).backbone.eval()  # files of 2017 lack the counter
    body = nn.Sequential(*list(theirs.children())[:-2])
    torch.testing.assert_close(ours(x)[-1], body(x), atol=1e-5, rtol=1e-4)
    theirs = calibrate(torchvision.models.mobilenet_v2(weights=None))
    ours = models.create("deeplabv3plus_mobilenet_v2", weights_backbone=theirs.state_dict(), output_stride=32)
    torch.testing.assert_close(ours.backbone.eval()(x)[-1], theirs.features[:18](x), atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_a_vgg_classifier_becomes_convolutions(noise):
    """fc6 as a 7x7 convolution gives on a 7x7 map what the fully connected layer gives."""
    backbone = VGG16(widths=(2, 2, 4, 4, 4), fc_width=6, padding=1)
    layers = {"0": nn.Linear(4 * 49, 6), "3": nn.Linear(6, 6), "6": nn.Linear(6, 10)}
    state = {f"features.{key}": value for key, value in backbone.features.state_dict().items()}
    state |= {f"classifier.{i}.{key}": v for i, layer in layers.items() for key, v in layer.state_dict().items()}
    model = FCNVGG16(VGG16(widths=(2, 2, 4, 4, 4), fc_width=6), 5, 32).eval()
    pretrained.load_backbone(model, "fcn32s_vgg16", state)
    pool5 = noise(1, 4, 7, 7)
    expected = layers["3"](F.relu(layers["0"](pool5.flatten(1))))
    ours = model.backbone.fc7(F.relu(model.backbone.fc6(pool5)))
    torch.testing.assert_close(ours.flatten(1), expected, atol=1e-5, rtol=1e-4)
    assert torch.equal(model.backbone.features[0].weight, backbone.features[0].weight)


def test_layout_of_torchvisions_vgg16():
    with torch.device("meta"):
        theirs = torchvision.models.vgg16().state_dict()
        ours = models.create("fcn32s_vgg16").backbone.state_dict()
    renamed = pretrained.rename(theirs, pretrained.BACKBONES["vgg16"])
    assert renamed.keys() == ours.keys()
    assert all(value.numel() == ours[key].numel() for key, value in renamed.items())


def test_half_precision_and_part_of_a_backbone(tmp_path):
    """A file with conv1 to layer3 in fp16: refused, unless asked for, and then what stays random is listed."""
    torch.manual_seed(0)
    state = torchvision.models.resnet18(weights=None).half().state_dict()
    part = {key: value for key, value in state.items() if not key.startswith(("layer4.", "fc."))}
    torch.save(part, tmp_path / "part.pth")
    with pytest.raises(ValueError, match=r"does not fit this ResNet: missing: layer4 \(partial=True loads what fits\)"):
        models.create("fcn32s_resnet18", weights_backbone=tmp_path / "part.pth")
    with pytest.warns(UserWarning, match="stays random; missing: layer4$"):
        model = models.create("fcn32s_resnet18", weights_backbone=tmp_path / "part.pth", partial=True)
    loaded = model.backbone.layer3[1].conv2.weight
    assert loaded.dtype == torch.float32 and torch.equal(loaded, part["layer3.1.conv2.weight"].float())


SHARED = Path(os.environ.get("SEGBOOK_DATA") or Path(__file__).parents[4] / "shared" / "data")


def real(name):
    path = SHARED / name
    if not path.is_file():
        path = Path(__file__).parents[4] / "shared" / "data" / name
    if not path.is_file():
        pytest.skip(f"the file {name} is not in {SHARED} (set SEGBOOK_DATA)")
    return path


def test_real_imagenet_files_load(recwarn):
    models.create("deeplabv3plus_mobilenet_v2", weights_backbone=real("mobilenet_v2-imagenet.pth"))
    assert not recwarn.list
    with pytest.warns(UserWarning, match="stays random; missing: layer4$"):
        models.create("fcn32s_resnet18", weights_backbone=real("resnet18-imagenet-conv1-layer3.pth"), partial=True)


def test_partial_is_silent_where_everything_fits(recwarn):
    model = models.create("fcn32s_tiny")
    models.create("fcn32s_tiny", weights=model.state_dict(), partial=True)
    assert not recwarn.list


def test_another_stem_needs_partial_and_names_both_sides():
    state = torchvision.models.resnet18(weights=None).state_dict()
    with pytest.raises(ValueError, match=r"missing: stem; unexpected: conv1, bn1"):
        models.create("fcn_resnet18_d8", weights_backbone=state)
    with pytest.warns(UserWarning, match="stays random; missing: stem; unexpected: conv1, bn1"):
        models.create("fcn_resnet18_d8", weights_backbone=state, partial=True)


def test_a_tiny_backbone_has_no_published_weights():
    with pytest.raises(ValueError, match="fcn8s_tiny has a backbone of its own"):
        models.create("fcn8s_tiny", weights_backbone={})


# --- downloads --------------------------------------------------------------------------------------------------------


def test_a_published_name_goes_through_torchvisions_own_api(monkeypatch, published):
    name, theirs = published
    asked = []

    def hub(url, *_, check_hash=False, **__):
        asked.append((url, check_hash))
        return theirs.state_dict()

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", hub)
    model = models.create(name, weights="COCO_WITH_VOC_LABELS_V1")
    assert torch.equal(model.classifier[4].weight, theirs.classifier[4].weight)
    ((url, check_hash),) = asked
    assert url.startswith(f"https://download.pytorch.org/models/{name}_coco-") and check_hash


def test_a_published_backbone_likewise(monkeypatch):
    state, asked = torchvision.models.resnet18(weights=None).state_dict(), []
    monkeypatch.setattr(
        "torchvision.models._api.load_state_dict_from_url", lambda url, *_, **__: asked.append(url) or state
    )
    model = models.create("fcn32s_resnet18", weights_backbone="IMAGENET1K_V1")
    assert torch.equal(model.backbone.conv1.weight, state["conv1.weight"]) and "resnet18" in asked[0]
