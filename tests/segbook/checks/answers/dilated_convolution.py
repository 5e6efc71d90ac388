"""Answers to chapter 9: right ones in several forms; wrong ones, each with a part of what is said to them."""

import torch


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


def unpadded(net):
    convert(net)
    for block in net.layer4:
        block.conv2.padding = (1, 1)
    return net


SLIPS = {"scores": (4, 21, 60, 60), "auxiliary 3x3": (4, 256, 60, 60)}
RIGHT = [
    ("dilated_rate", (25, 616, 12, 144, 6)),
    ("dilated_rate", tuple(torch.tensor(v) for v in (25, 616, 12, 144, 6))),
    ("dilated_holes", ((1, 3, 6, 6), 33, 33)),
    ("dilated_holes", ([6, 1, 6, 3], torch.tensor(33), 33.0)),
    ("dilated_conversion", (convert,)),
    ("dilated_conversion", (by_index,)),
    ("dilated_slips", (SLIPS,)),
    ("dilated_slips", ({name: torch.Size(shape) for name, shape in SLIPS.items()},)),
    ("dilated_memory", (15, 30)),
    ("dilated_memory", (torch.tensor(15), 30.0)),
    ("dilated_coarser", (0.478, 0.228)),
    ("dilated_coarser", (torch.tensor(0.5), 0.2)),
    ("dilated_auxiliary", (0.718, 0.709)),
    ("dilated_auxiliary", (torch.tensor(0.71), 0.73)),
]
WRONG = [
    ("dilated_rate", (27, 720, 13, 144, 6), "one less"),
    ("dilated_rate", (25, 625, 12, 144, 6), "the taps themselves"),
    ("dilated_rate", (25, 616, 1, 144, 6), "comes out with 18"),
    ("dilated_rate", (25, 616, 12, 12, 6), "along one axis"),
    ("dilated_rate", (25, 616, 12, 144, 12), "spans 49 cells"),
    ("dilated_rate", (25, 22, 12, 144, 6), "one row"),
    ("dilated_rate", (24, 616, 12, 144, 6), "a span of 24"),
    ("dilated_holes", ((1, 2, 4, 6), 27, 27), "a wider one"),
    ("dilated_holes", ((2, 3, 6, 6), 35, 35), "without a layer of rate 1"),
    ("dilated_holes", ((1, 4, 6, 6), 35, 35), "holes"),
    ("dilated_holes", ((1, 3, 9, 27), 81, 81), "was not allowed"),
    ("dilated_holes", ((1, 3, 6, 6), 17, 33), "twice its rate"),
    ("dilated_holes", ((1, 3, 6, 6), 33, 40), "leaves holes"),
    ("dilated_holes", ((1, 3, 6, 6), 33, 6), "the largest is asked for"),
    ("dilated_conversion", (lambda net: convert(net, first_keeps=False),), "before* the stride"),
    ("dilated_conversion", (lambda net: convert(net, rates=(1, 1), first_keeps=False),), "have the rates"),
    ("dilated_conversion", (lambda net: convert(net, rates=(2, 2)),), "have the rates"),
    ("dilated_conversion", (lambda net: net,), "at stride 8"),
    ("dilated_conversion", (lambda net: None,), "returns the network"),
    ("dilated_conversion", (unpadded,), "is the padding of every 3x3 its rate"),
    ("dilated_slips", ({"scores": (4, 21, 60, 60)},), "one is still missing"),
    ("dilated_slips", (SLIPS | {"scores": (4, 2, 60, 60)},), "for how many classes"),
    ("dilated_slips", (SLIPS | {"mixed": (4, 512, 60, 60)},), "was right"),
    ("dilated_slips", ({"scores": (4, 21, 480, 480), "auxiliary 3x3": (4, 256, 60, 60)},), "scores is not"),
    ("dilated_slips", ({"logits": (4, 21, 60, 60)},), "no entry"),
    ("dilated_slips", ("scores",), "is a dict"),
    ("dilated_memory", (30, 15), "fewer images fit"),
    ("dilated_memory", (16, 30), "keep"),
    ("dilated_memory", (14, 30), "one image more"),
    ("dilated_memory", (15, 29), "one image more"),
    ("dilated_memory", (0, 30), "at least one image"),
    ("dilated_coarser", (0.718, 0.23), "another output stride"),
    ("dilated_coarser", (0.4, 0.4), "`output_stride`"),
    ("dilated_coarser", (0.23, 0.48), "furthest"),
    ("dilated_coarser", (0.48, 0.03), "background alone"),
    ("dilated_coarser", (47.8, 22.8), "between 0 and 1"),
    ("dilated_auxiliary", (0.718, 0.718), "aux=True"),
    ("dilated_auxiliary", (0.718, 0.3), "the same 600 steps"),
    ("dilated_auxiliary", (0.718, 0.95), "more than any row"),
    ("dilated_auxiliary", (71.8, 70.9), "between 0 and 1"),
    ("dilated_auxiliary", (0.718, None), "is a number"),
]
