"""Answers to chapter 7: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from segbook import data, models
from segbook.bilinear import BilinearUpsample
from segbook.metrics import ConfusionMatrix


def mast(*columns, width=3):
    label = torch.zeros(1, 96, 128, dtype=torch.int64)
    for column in columns:
        label[:, 20:80, column : column + width] = 1
    return label


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
    """Every vote upsampled on its own."""

    def forward(self, x):
        votes = zip((self.score4, self.score8, self.score16, self.score32), self.backbone(x))
        return sum(trim(BilinearUpsample(z.shape[1], 4 * 2**i)(z), x) for i, z in enumerate(s(h) for s, h in votes))


class Learned(FourS):
    def __init__(self, backbone, num_classes=21):
        super().__init__(backbone, num_classes)
        self.twice = BilinearUpsample(num_classes, 2, form="grouped", learnable=True)


class ByInterpolation(FourS):
    """No step fades at the border."""

    def forward(self, x):
        *finer, z = [s(h) for s, h in zip((self.score4, self.score8, self.score16, self.score32), self.backbone(x))]
        for vote in finer[::-1]:
            z = trim(F.interpolate(z, scale_factor=2, mode="bilinear"), vote) + vote
        return trim(F.interpolate(z, scale_factor=4, mode="bilinear"), x)


class ResizedToTheOther(FourS):
    """Right at sizes that every stride divides."""

    def forward(self, x):
        *finer, z = [s(h) for s, h in zip((self.score4, self.score8, self.score16, self.score32), self.backbone(x))]
        for vote in finer[::-1]:
            z = F.interpolate(z, size=vote.shape[2:], mode="bilinear") + vote
        return F.interpolate(z, size=x.shape[2:], mode="bilinear")


class Frozen(FourS):
    def __init__(self, backbone, num_classes=21):
        super().__init__(backbone, num_classes)
        self.score4.requires_grad_(False)


class Detached(FourS):
    def forward(self, x):
        h4, h8, h16, h32 = self.backbone(x)
        z = trim(self.twice(self.score32(h32)), h16) + self.score16(h16)
        z = trim(self.twice(z), h8) + self.score8(h8)
        z = trim(self.twice(z).detach(), h4) + self.score4(h4)
        return trim(self.enlarge(z), x)


class Nearest(FourS):
    def __init__(self, backbone, num_classes=21):
        super().__init__(backbone, num_classes)
        self.twice = nn.Upsample(scale_factor=2)


class Factory:
    """Any callable will do."""

    def __call__(self, backbone, num_classes=21):
        return FourS(backbone, num_classes)


class InPlace(nn.Module):
    frame, first, last = (16, 16, 16, 16), 1, None

    def __init__(self):
        super().__init__()
        self.net = models.create("fcn32s_tiny", weights="toyvoc")

    def forward(self, x):
        h = self.net.backbone(F.pad(x, self.frame))[-1][..., self.first : self.last, self.first : self.last]
        return trim(self.net.upsample(self.net.score(h)), x)


class Reflected(nn.Module):
    """The same cells by another border, dropped after they are scored."""

    def __init__(self):
        super().__init__()
        self.fcn = models.create("fcn32s_tiny", weights="toyvoc")

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


def miou(net):
    score = ConfusionMatrix(21)
    images, labels = map(torch.stack, zip(*data.load("toy", "val")))
    with torch.no_grad():
        score.update(net.eval()(images).argmax(1), labels)
    return score.mean_iou()


LOW, HIGH = 0.457, 0.642
plain, reflected = InPlace(), Reflected()
FIRST, SECOND = miou(plain), miou(reflected)
SHARE, OTHER = (FIRST - LOW) / (HIGH - LOW), (SECOND - 0.46) / (0.64 - 0.46)
Z16, TWICE = [6, 2, 4, -1], [4.5, 5, 3, 2.5, 3.5, 2.75, 0.25, -0.75]
RIGHT = [
    ("skip_alike", (mast(33), mast(42))),
    ("skip_alike", (mast(36)[0].double(), mast(40, width=3)[0].numpy())),
    ("skip_alike", (mast(0, 50).bool(), mast(9, 50).bool())),
    ("skip_alike", (mast(33).transpose(1, 2).contiguous().transpose(1, 2), mast(40).float())),
    ("skip_by_hand", (Z16, TWICE)),
    ("skip_by_hand", (torch.tensor([Z16]), np.array(TWICE)[:, None])),
    ("skip_by_hand", (tuple(Z16), torch.tensor(TWICE, requires_grad=True))),
    ("skip_by_hand", (np.array(Z16, dtype=np.int8), [float(v) for v in TWICE])),
    ("skip_crop_start", (lambda n, padding=100: padding - 81,)),
    ("skip_crop_start", (lambda n, p=100: torch.tensor(31.5 - (112.5 - p)),)),
    ("skip_crop_start", (functools.partial(lambda shift, n, padding=100: padding - shift, 81),)),
    ("skip_crop_start", (lambda *size: np.int64([*size, 100][1] - 81),)),
    ("skip_taps", (80, 88, 64)),
    ("skip_taps", (torch.tensor(80), 88.0, np.int64(64))),
    ("skip_taps", (np.array([80]), torch.tensor([88]), 64)),
    ("skip_taps", (80.0, np.float32(88), torch.tensor(64.0))),
    ("skip_four_s", (FourS,)),
    ("skip_four_s", (InAList,)),
    ("skip_four_s", (ByInterpolation,)),
    ("skip_four_s", (Factory(),)),
    ("skip_four_s", (functools.partial(FourS),)),
    ("skip_in_place", (plain, FIRST, LOW, HIGH, SHARE)),
    ("skip_in_place", (reflected, torch.tensor(SECOND), np.float64(0.46), 0.64, np.float64(OTHER))),
    ("skip_in_place", (nn.Sequential(plain), np.array([FIRST]), torch.tensor(LOW), HIGH, torch.tensor([SHARE]))),
    ("skip_in_place", (plain.eval(), round(FIRST, 3), LOW, HIGH, round(SHARE, 3))),
]
NUMBERS = (FIRST, LOW, HIGH, SHARE)
WRONG = [
    ("skip_alike", (mast(36), mast(56)), "at stride 16 the shares"),
    ("skip_alike", (mast(33), mast(33)), "are the same"),
    ("skip_alike", (mast(33), mast(36)), "cross a border"),
    ("skip_alike", (mast(40), mast(47)), "at stride 16 the shares"),
    ("skip_alike", (2 * mast(33), mast(42)), "other classes"),
    ("skip_alike", (mast(33)[:, :90], mast(42)), "has the shape"),
    ("skip_alike", (33, 42), "has the shape"),
    ("skip_alike", (None, mast(42)), "has the shape"),
    ("skip_alike", ("mast", mast(42)), "holds numbers"),
    ("skip_by_hand", ([6, 6, 2, 0], TWICE), "still to be added"),
    ("skip_by_hand", ([8, 4, 2, -1], TWICE), "was repeated"),
    ("skip_by_hand", ([8, 2, 4, -1], TWICE), "it fades"),
    ("skip_by_hand", ([0, -4, 2, -1], TWICE), "votes alone"),
    ("skip_by_hand", ([6, 10, 0, 1], TWICE), "votes are added"),
    ("skip_by_hand", ([6, 2, 3, -1], TWICE), "at the places [2]"),
    ("skip_by_hand", (Z16, np.repeat(Z16, 2)), "each value was repeated"),
    ("skip_by_hand", (Z16, [6, *TWICE[1:-1], -1]), "at either end"),
    ("skip_by_hand", (Z16, TWICE[::-1]), "3/4 of the nearer"),
    ("skip_by_hand", (Z16, TWICE[:4]), "is eight values"),
    ("skip_by_hand", ("boat", TWICE), "holds numbers"),
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
    ("skip_four_s", (NotTrimmed,), "x75 raised RuntimeError"),
    ("skip_four_s", (TrimmedInFront,), "only the *end*"),
    ("skip_four_s", (AtOnce,), "sum of its votes"),
    ("skip_four_s", (Learned,), "what else is learned"),
    ("skip_four_s", (lambda backbone, num_classes: num_classes,), "is no network"),
    ("skip_taps", (80, 88.5, 64), "whole number"),
    ("skip_crop_start", (lambda n, padding=100: padding - 81 + (n > 400),), "off by one"),
    ("skip_four_s", (ResizedToTheOther,), "only the *end*"),
    ("skip_four_s", (Frozen,), "is frozen"),
    ("skip_four_s", (Detached,), "does its gradient arrive"),
    ("skip_four_s", (Nearest,), "sum of its votes"),
    ("skip_in_place", (Plain(), *NUMBERS), "like the plain FCN-32s"),
    ("skip_in_place", (LastDropped(), *NUMBERS), "to the other side"),
    ("skip_in_place", (NotCut(), *NUMBERS), "has the shape"),
    ("skip_in_place", (OtherFrame(), *NUMBERS), "the pixel that a cell looks at"),
    ("skip_in_place", (InPlace, *NUMBERS), "is the trained network"),
    ("skip_in_place", (nn.Conv2d(3, 21, 1), *NUMBERS), "keep `self.net`"),
    ("skip_in_place", (plain, FIRST + 0.05, LOW, HIGH, SHARE), "another mIoU"),
    ("skip_in_place", (plain, FIRST, HIGH, LOW, SHARE), "are not what"),
    ("skip_in_place", (plain, FIRST, LOW, HIGH, FIRST - LOW), "that is the gain itself"),
    ("skip_in_place", (plain, FIRST, LOW, HIGH, 100 * SHARE), "not in per cent"),
    ("skip_in_place", (plain, FIRST, LOW, HIGH, -SHARE), "mind the sign"),
    ("skip_in_place", (plain, FIRST, LOW, HIGH, FIRST / HIGH), "not at 0"),
    ("skip_in_place", (plain, 100 * FIRST, LOW, HIGH, SHARE), "between 0 and 1"),
]
