"""Answers to chapter 9: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools

import numpy as np
import torch
from torch import nn

from segbook import models


def convert(net, first_keeps=True, rates=(2, 4), stride=True, shortcut=True):
    for stage, rate in ((net.layer3, rates[0]), (net.layer4, rates[1])):
        for name, layer in stage.named_modules():
            if "conv2" in name:
                own = rate // 2 if first_keeps and name.startswith("0.") else rate
                layer.stride = (1, 1) if stride else layer.stride
                layer.dilation = layer.padding = (own, own)
            elif "downsample.0" in name and shortcut:
                layer.stride = (1, 1)
    return net


def by_index(net):
    for stage, (before, rate) in ((net.layer3, (1, 2)), (net.layer4, (2, 4))):
        stage[0].downsample[0].stride = (1, 1)
        for i, block in enumerate(stage):
            d = before if i == 0 else rate
            block.conv2.stride, block.conv2.dilation, block.conv2.padding = (1, 1), (d, d), (d, d)
    return net


def by_count(net):
    """For the 6 and 3 blocks of a ResNet-50."""
    rates = {"layer3": [1, 2, 2, 2, 2, 2], "layer4": [2, 4, 4]}
    for stage, each in rates.items():
        for i in range(len(each)):
            conv = net.get_submodule(f"{stage}.{i}.conv2")
            conv.stride, conv.dilation, conv.padding = 1, each[i], each[i]
        net.get_submodule(f"{stage}.0.downsample.0").stride = 1
    return net


class Last(nn.Module):
    """Gives the last map alone."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)[-1]


class Convert:
    def __call__(self, net):
        return Last(convert(net))


class Repeated(nn.Module):
    """The strided network's cells, each written 4 x 4 times."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        maps = self.net(x)
        rows, columns = (-(-n // 8) for n in x.shape[-2:])
        wide = maps[-1].repeat_interleave(4, -1).repeat_interleave(4, -2)
        return [*maps[:-1], wide[..., :rows, :columns]]


def unpadded(net):
    convert(net)
    for block in net.layer4:
        block.conv2.padding = (1, 1)
    return net


def finer(net, rate=2, padding=None, stride=8, layers=("convs", "fuse")):
    made = models.create("fcn_tiny_d8", output_stride=stride)
    made.load_state_dict(net.state_dict())
    for name in layers:
        for layer in made.classifier.get_submodule(name).modules():
            if isinstance(layer, nn.Conv2d):
                layer.dilation, layer.padding = (rate, rate), (padding or rate,) * 2
    return made


def in_place(net):
    """Changes the network that it is given."""
    old = models.create("fcn_tiny_d8", output_stride=8)
    for (_, theirs), (_, ours) in zip(old.backbone.named_modules(), net.backbone.named_modules()):
        if isinstance(ours, nn.Conv2d):
            ours.stride, ours.dilation, ours.padding = theirs.stride, theirs.dilation, theirs.padding
    for layer in net.classifier.modules():
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3):
            layer.dilation = layer.padding = (2, 2)
    return net


def bent(net):
    made = finer(net)
    made.backbone.layer4[0].conv1.dilation = made.backbone.layer4[0].conv1.padding = (4, 4)
    return made


class Twice(nn.Module):
    """Repeats the old logits instead of computing new ones."""

    def __init__(self, net):
        super().__init__()
        self.old, self.backbone = net, finer(net).backbone

    def logits(self, features):
        old = self.old.logits([features[-1][..., ::2, ::2]])
        wide = old.repeat_interleave(2, -1).repeat_interleave(2, -2)
        return wide[..., : features[-1].shape[-2], : features[-1].shape[-1]]

    def forward(self, x):
        return x[:, :1]


SLIPS = {"logits": (4, 21, 60, 60), "auxiliary 3x3": (4, 256, 60, 60)}
RIGHT = [
    ("dilated_rate", (25, 616, 12, 144, 6)),
    ("dilated_rate", tuple(torch.tensor(v) for v in (25, 616, 12, 144, 6))),
    ("dilated_rate", tuple(np.float64(v) for v in (25, 616, 12, 144, 6))),
    ("dilated_rate", (25.0, np.array([616]), 12, 12**2, 24 / 4)),
    ("dilated_strides", ((1, 2, 2, 4, 4), 27)),
    ("dilated_strides", ([1, 2, 2, 4, 4], torch.tensor(27))),
    ("dilated_strides", (np.array([1, 2, 2, 4, 4]), 27.0)),
    ("dilated_strides", (torch.tensor([1.0, 2, 2, 4, 4]), np.int64(27))),
    ("dilated_holes", ((1, 3, 6, 6), 33, 33)),
    ("dilated_holes", ([6, 1, 6, 3], torch.tensor(33), 33.0)),
    ("dilated_holes", (np.array([3, 6, 6, 1]), 33, np.int64(33))),
    ("dilated_holes", (torch.tensor([6, 6, 3, 1]), 33.0, torch.tensor([33]))),
    ("dilated_conversion", (convert,)),
    ("dilated_conversion", (by_index,)),
    ("dilated_conversion", (by_count,)),
    ("dilated_conversion", (functools.partial(convert, rates=(2, 4)),)),
    ("dilated_conversion", (Convert(),)),
    ("dilated_slips", (SLIPS,)),
    ("dilated_slips", ({name: torch.Size(shape) for name, shape in SLIPS.items()},)),
    ("dilated_slips", ({name: np.array(shape) for name, shape in SLIPS.items()},)),
    ("dilated_slips", ({"scores": [4, 21, 60, 60], "auxiliary 3x3": [4, 256.0, 60, 60]},)),
    ("dilated_head", (finer,)),
    ("dilated_head", (in_place,)),
    ("dilated_head", (functools.partial(finer, rate=2),)),
    ("dilated_head", (lambda net: finer(net).train(),)),
]
WRONG = [
    ("dilated_rate", (27, 720, 13, 144, 6), "one less"),
    ("dilated_rate", (25, 625, 12, 144, 6), "the taps themselves"),
    ("dilated_rate", (25, 616, 1, 144, 6), "comes out with 18"),
    ("dilated_rate", (25, 616, 12, 12, 6), "along one axis"),
    ("dilated_rate", (25, 616, 12, 144, 12), "spans 49 cells"),
    ("dilated_rate", (25, 22, 12, 144, 6), "one row"),
    ("dilated_rate", (24, 616, 12, 144, 6), "a span of 24"),
    ("dilated_rate", ("25", 616, 12, 144, 6), "is a number"),
    ("dilated_strides", ((2, 2, 2, 4, 4), 27), "layer 1 changes"),
    ("dilated_strides", ((2, 2, 4, 4, 4), 33), "layer 1 changes"),
    ("dilated_strides", ((1, 1, 2, 2, 4), 21), "layer 2 changes"),
    ("dilated_strides", ((1, 2, 4, 4, 4), 31), "layer 3 changes"),
    ("dilated_strides", ((1, 2, 2, 2, 2), 19), "layer 4 changes"),
    ("dilated_strides", ((1, 2, 2, 4, 8), 35), "layer 5 changes"),
    ("dilated_strides", ((1, 2, 2, 4, 4), 26), "in the middle"),
    ("dilated_strides", ((1, 2, 2, 4, 4), 11), "with its own rate"),
    ("dilated_strides", ((1, 2, 2, 4), 19), "has the shape"),
    ("dilated_strides", ((0, 1, 1, 2, 2), 13), "from 1 up"),
    ("dilated_holes", ((1, 2, 4, 6), 27, 27), "a wider one"),
    ("dilated_holes", ((2, 3, 6, 6), 35, 35), "without a layer of rate 1"),
    ("dilated_holes", ((1, 4, 6, 6), 35, 35), "holes"),
    ("dilated_holes", ((1, 3, 9, 27), 81, 81), "was not allowed"),
    ("dilated_holes", ((1, 3, 6, 6), 17, 33), "twice its rate"),
    ("dilated_holes", ((1, 3, 6, 6), 33, 40), "leaves holes"),
    ("dilated_holes", ((1, 3, 6, 6), 33, 6), "the largest is asked for"),
    ("dilated_holes", ((1, 3, 6), 21, 21), "has the shape"),
    ("dilated_conversion", (lambda net: convert(net, first_keeps=False),), "before* the stride"),
    ("dilated_conversion", (lambda net: convert(net, rates=(1, 1), first_keeps=False),), "have the rates"),
    ("dilated_conversion", (lambda net: convert(net, rates=(2, 2)),), "have the rates"),
    ("dilated_conversion", (lambda net: net,), "at stride 8"),
    ("dilated_conversion", (lambda net: None,), "is there a `return`"),
    ("dilated_conversion", (lambda net: "done",), "returns the network"),
    ("dilated_conversion", (lambda net: convert(net, shortcut=False),), "does not run"),
    ("dilated_conversion", (Repeated,), "neither repeated"),
    ("dilated_conversion", (unpadded,), "is the padding of every 3x3 its rate"),
    ("dilated_slips", ({"scores": (4, 21, 60, 60)},), "one is still missing"),
    ("dilated_slips", (SLIPS | {"logits": (4, 2, 60, 60)},), "for how many classes"),
    ("dilated_slips", (SLIPS | {"logits": (4, 20, 60, 60)},), "logits is not"),
    ("dilated_slips", (SLIPS | {"mixed": (4, 512, 60, 60)},), "was right"),
    ("dilated_slips", ({"logits": (4, 21, 480, 480), "auxiliary 3x3": (4, 256, 60, 60)},), "logits is not"),
    ("dilated_slips", ({"output": (4, 21, 60, 60)},), "no entry"),
    ("dilated_slips", (SLIPS | {"auxiliary 3x3": (4, 1024, 60, 60)},), "auxiliary 3x3 is not"),
    ("dilated_slips", ("scores",), "is a dict"),
    ("dilated_head", (lambda net: finer(net, rate=1),), "how far apart were the taps"),
    ("dilated_head", (lambda net: finer(net, rate=4),), "how far apart were the taps"),
    ("dilated_head", (lambda net: finer(net, layers=("convs",)),), "how far apart were the taps"),
    ("dilated_head", (lambda net: finer(net, layers=("fuse",)),), "how far apart were the taps"),
    ("dilated_head", (lambda net: net,), "is not output stride 8"),
    ("dilated_head", (lambda net: finer(net, stride=32),), "is not output stride 8"),
    ("dilated_head", (lambda net: finer(net, padding=1),), "its rate?"),
    ("dilated_head", (bent,), "obeyed the theorem"),
    ("dilated_head", (Twice,), "computed from the image as well"),
    ("dilated_head", (lambda net: 8,), "a network of the package"),
    ("dilated_head", (lambda net: None,), "is there a `return`"),
]
