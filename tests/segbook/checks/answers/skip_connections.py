"""Answers to chapter 7: right ones in several forms; wrong ones, each with a part of what is said to them."""

import math
from types import SimpleNamespace

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from segbook import models
from segbook.bilinear import BilinearUpsample

# Stand for the scores of the three networks in the reader's notebook, under their name there
scores = {
    name: SimpleNamespace(mean_iou=lambda value=value: value)
    for name, value in (("fcn32s", 0.456), ("fcn16s", 0.57), ("fcn8s", 0.62))
}


def from_the_middle(n, padding=100):
    h = math.ceil((n + 2 * padding - 2) / 32) - 6
    return (32 * (h + 1) - n) // 2


def trim(x, like):
    return x[..., : like.shape[-2], : like.shape[-1]]


class FourS(nn.Module):
    """Right; its slips are options."""

    votes, factor, trimmed = 4, 4, trim

    def __init__(self, backbone, num_classes=21):
        super().__init__()
        self.backbone = backbone
        self.score32, self.score16, self.score8, self.score4 = (
            nn.Conv2d(backbone.channels[i], num_classes, 1) for i in (3, 2, 1, 0)
        )
        self.twice = BilinearUpsample(num_classes, 2)
        self.enlarge = BilinearUpsample(num_classes, self.factor)

    def forward(self, x):
        h4, h8, h16, h32 = self.backbone(x)
        cut = type(self).trimmed
        z = cut(self.twice(self.score32(h32)), h16) + self.score16(h16)
        z = cut(self.twice(z), h8) + self.score8(h8)
        if self.votes == 3:
            return trim(self.enlarge(z), x)
        z = cut(self.twice(z), h4) + self.score4(h4)
        return trim(self.enlarge(z), x)


class InAList(nn.Module):
    """The same with a loop, transposed convolutions and a last layer that does not fade at the border."""

    def __init__(self, backbone, num_classes=21):
        super().__init__()
        self.trunk = backbone
        self.votes = nn.ModuleList([nn.Conv2d(c, num_classes, 1) for c in backbone.channels])
        for vote in self.votes:
            nn.init.zeros_(vote.weight)

    def forward(self, x):
        *finer, z = [vote(h) for vote, h in zip(self.votes, self.trunk(x))]
        tap = torch.tensor([0.25, 0.75, 0.75, 0.25])
        kernel = torch.outer(tap, tap).expand(z.shape[1], 1, 4, 4)
        for vote in finer[::-1]:
            z = trim(F.conv_transpose2d(z, kernel, stride=2, padding=1, groups=z.shape[1]), vote) + vote
        return trim(F.interpolate(z, scale_factor=4, mode="bilinear"), x)


class NoVote(FourS):
    votes, factor = 3, 8


class StillByEight(FourS):
    factor = 8


class EightAlone(nn.Module):
    def __init__(self, backbone, num_classes=21):
        super().__init__()
        self.backbone = backbone
        self.others = nn.ModuleList([nn.Conv2d(c, num_classes, 1) for c in backbone.channels[1:]])

    def forward(self, x):
        return x


class NotTrimmed(FourS):
    def trimmed(x, like):
        return x


class TrimmedInFront(FourS):
    def trimmed(x, like):
        return x[..., -like.shape[-2] :, -like.shape[-1] :]


class AtOnce(FourS):
    """Every vote enlarged on its own."""

    def forward(self, x):
        votes = zip((self.score4, self.score8, self.score16, self.score32), self.backbone(x))
        return sum(trim(BilinearUpsample(z.shape[1], 4 * 2**i)(z), x) for i, z in enumerate(s(h) for s, h in votes))


class Learned(FourS):
    def __init__(self, backbone, num_classes=21):
        super().__init__(backbone, num_classes)
        self.twice = BilinearUpsample(num_classes, 2, form="grouped", learnable=True)


class InPlace(nn.Module):
    frame, first, last = (16, 16, 16, 16), 1, None

    def __init__(self):
        super().__init__()
        self.net = models.create("fcn32s_tiny")

    def forward(self, x):
        h = self.net.backbone(F.pad(x, self.frame))[-1][..., self.first : self.last, self.first : self.last]
        return trim(self.net.upsample(self.net.score(h)), x)


class Reflected(nn.Module):
    """The same cells by another border, dropped after they are scored."""

    def __init__(self):
        super().__init__()
        self.fcn = models.create("fcn32s_tiny")

    def forward(self, x):
        z = self.fcn.score(self.fcn.backbone(F.pad(x, (16, 16, 16, 16), mode="reflect"))[-1])
        return self.fcn.upsample(z[:, :, 1:, 1:])[:, :, : x.shape[2], : x.shape[3]]


class Plain(InPlace):
    def forward(self, x):
        return self.net(x)


class LastDropped(InPlace):
    first, last = None, -1


class OtherFrame(InPlace):
    frame = (8, 8, 8, 8)


class NotCut(InPlace):
    def forward(self, x):
        return self.net.upsample(self.net.score(self.net.backbone(F.pad(x, self.frame))[-1]))


ALIGNED = (0.451, (0.451 - 0.456) / (0.62 - 0.456))
RIGHT = [
    ("skip_padding_81", (33, 12)),
    ("skip_padding_81", (torch.tensor(33), np.float64(12))),
    ("skip_alexnet", (13, 18)),
    ("skip_alexnet", (torch.tensor(13.0), 18.0)),
    ("skip_crop_start", (lambda n, padding=100: padding - 81,)),
    ("skip_crop_start", (lambda n, p=100: torch.tensor(31.5 - (112.5 - p)),)),
    ("skip_taps", (80, 88, 64)),
    ("skip_taps", (torch.tensor(80), 88.0, np.int64(64))),
    ("skip_four_s", (FourS,)),
    ("skip_four_s", (InAList,)),
    ("skip_control_fit", (0.775,)),
    ("skip_control_fit", (torch.tensor(0.785),)),
    ("skip_alignment", (InPlace, *ALIGNED)),
    ("skip_alignment", (Reflected, torch.tensor(ALIGNED[0]), np.float64(ALIGNED[1]))),
]
WRONG = [
    ("skip_padding_81", (32, 12), "leave pool5 6 rows"),
    ("skip_padding_81", (1, 12), "leave pool5"),
    ("skip_padding_81", (64, 12), "The pools round up"),
    ("skip_padding_81", (34, 12), "one row less works too"),
    ("skip_padding_81", (33, 31), "belongs to padding 100"),
    ("skip_padding_81", (33, 0), "it is the 32s"),
    ("skip_padding_81", (33, -12), "in front of the map"),
    ("skip_padding_81", (33, 9), "is not pixel 0"),
    ("skip_padding_81", (33.5, 12), "whole number"),
    ("skip_alexnet", (-95, 126), "of the first convolution"),
    ("skip_alexnet", (-67, 98), "of the last pool"),
    ("skip_alexnet", (113, -82), "was left out"),
    ("skip_alexnet", (29, 2), "not by k / 2"),
    ("skip_alexnet", (15.5, 16), "add up what each layer moves"),
    ("skip_alexnet", (13, -18), "mind the sign"),
    ("skip_alexnet", (13, 18.5), "half a row"),
    ("skip_alexnet", (13, 19), "belongs to VGG"),
    ("skip_alexnet", (13, 31), "what the kernel moves by"),
    ("skip_alexnet", (13, 17), "where does the layer"),
    ("skip_crop_start", (from_the_middle,), "that is the middle"),
    ("skip_crop_start", (lambda n, padding=100: 19,), "padding 100 alone"),
    ("skip_crop_start", (lambda n, padding=100: padding - 80,), "off by one"),
    ("skip_crop_start", (lambda n, padding=100: padding - 69,), "has its middle on pixel 0"),
    ("skip_crop_start", (lambda n: 19,), "raised TypeError"),
    ("skip_crop_start", (lambda n, padding=100: padding - 81.5,), "whole number"),
    ("skip_crop_start", (19,), "a function is asked for"),
    ("skip_taps", (64, 64, 64), "tails of their own"),
    ("skip_taps", (128, 256, 64), "do not multiply"),
    ("skip_taps", (80, 80, 64), "one doubling more"),
    ("skip_taps", (80, 88, 63), "none of them is zero"),
    ("skip_taps", (80, 88, 32), "none of them is zero"),
    ("skip_taps", (79, 88, 64), "off by one"),
    ("skip_taps", (36, 88, 64), "then by 16 reaches another number"),
    ("skip_four_s", (EightAlone,), "no layer turns the features at stride 4"),
    ("skip_four_s", (NoVote,), "arrives nowhere"),
    ("skip_four_s", (StillByEight,), "still by 8"),
    ("skip_four_s", (NotTrimmed,), "97x75 raised RuntimeError"),
    ("skip_four_s", (TrimmedInFront,), "only the *end*"),
    ("skip_four_s", (AtOnce,), "sum of its votes"),
    ("skip_four_s", (Learned,), "what else is learned"),
    ("skip_four_s", (lambda backbone, num_classes: num_classes,), "is no network"),
    ("skip_control_fit", (0.545,), "to `control_labels`"),
    ("skip_control_fit", (0.65,), "are the cells fitted"),
    ("skip_control_fit", (0.7,), "as many steps"),
    ("skip_control_fit", (0.945,), "which stride"),
    ("skip_control_fit", (77.5,), "between 0 and 1"),
    ("skip_control_fit", (None,), "is a number"),
    ("skip_alignment", (Plain, *ALIGNED), "like the plain FCN-32s"),
    ("skip_alignment", (LastDropped, *ALIGNED), "to the other side"),
    ("skip_alignment", (NotCut, *ALIGNED), "has the shape"),
    ("skip_alignment", (OtherFrame, *ALIGNED), "around the pixel it looks at"),
    ("skip_alignment", (lambda: nn.Conv2d(3, 21, 1), *ALIGNED), "keep `self.net`"),
    ("skip_alignment", (InPlace, 0.62, 1.0), "the recipe of the chapter"),
    ("skip_alignment", (InPlace, 0.451, -0.005), "that is the gain itself"),
    ("skip_alignment", (InPlace, 0.451, -3.05), "not in per cent"),
    ("skip_alignment", (InPlace, 0.451, 0.0305), "mind the sign"),
    ("skip_alignment", (InPlace, 0.451, 0.727), "not at 0"),
    ("skip_alignment", (InPlace, 45.1, 0.1), "between 0 and 1"),
]
