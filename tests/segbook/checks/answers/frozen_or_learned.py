"""Answers to Frozen or learned?: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools

import numpy as np
import torch
from torch import nn

from segbook.bilinear import BilinearUpsample, bilinear_kernel


def grouped():
    return BilinearUpsample(3, 8, form="grouped", learnable=True)


def torchs_own(groups=3, start=True, stride=8, padding=4, bias=False):
    layer = nn.ConvTranspose2d(3, 3, 16, stride, padding, groups=groups, bias=bias)
    if start:
        with torch.no_grad():
            weight = bilinear_kernel(1, 1, 16).repeat(3, 1, 1, 1) if groups == 3 else bilinear_kernel(3, 3, 16)
            layer.weight.copy_(weight)
            if bias:
                layer.bias.zero_()
    return layer


class Apart(nn.Module):
    """One layer for each channel."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(BilinearUpsample(1, 8, form="dense", learnable=True) for _ in range(3))

    def forward(self, x):
        return torch.cat([layer(part) for layer, part in zip(self.layers, x.split(1, dim=1))], dim=1)


class OneForAll(nn.Module):
    """One kernel that all channels share."""

    def __init__(self):
        super().__init__()
        self.layer = BilinearUpsample(1, 8, form="grouped", learnable=True)

    def forward(self, x):
        return self.layer(x.flatten(0, 1)[:, None]).unflatten(0, x.shape[:2])[:, :, 0]


class Scaled(nn.Module):
    """Interpolation with a learned factor a channel."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, x):
        return nn.functional.interpolate(x, scale_factor=8, mode="bilinear") * self.scale


SAME = grouped()


def summed(weight):
    by_pair = weight.abs().sum((2, 3))
    return by_pair.diagonal().sum() / by_pair.sum()


def looped(weight):
    whole = weight.abs().sum().item()
    return sum(weight[i, i].abs().sum().item() for i in range(min(weight.shape[:2]))) / whole


def in_numpy(weight):
    by_pair = np.abs(weight.numpy()).sum((2, 3))
    return np.trace(by_pair) / by_pair.sum()


def in_place(weight):
    return summed(weight.abs_())


RIGHT = [
    ("upsampler_without_mixing", (grouped,)),
    ("upsampler_without_mixing", (torchs_own,)),
    ("upsampler_without_mixing", (Apart,)),
    ("upsampler_without_mixing", (functools.partial(BilinearUpsample, 3, 8, form="grouped", learnable=True),)),
    ("upsampler_without_mixing", (lambda: torchs_own(bias=True),)),
    ("diagonal_share", (summed,)),
    ("diagonal_share", (looped,)),
    ("diagonal_share", (in_numpy,)),
    ("diagonal_share", (functools.partial(summed),)),
    ("diagonal_share", (lambda w: torch.einsum("iikl->", w[: w.shape[1], : len(w)].abs()) / w.abs().sum(),)),
]
WRONG = [
    ("upsampler_without_mixing", (lambda: BilinearUpsample(3, 8, form="dense", learnable=True),), "it can mix"),
    ("upsampler_without_mixing", (lambda: torchs_own(groups=1),), "it can mix"),
    ("upsampler_without_mixing", (lambda: BilinearUpsample(3, 8),), "nothing that training may change"),
    ("upsampler_without_mixing", (lambda: BilinearUpsample(3, 8, form="grouped"),), "nothing that training may change"),
    ("upsampler_without_mixing", (lambda: torchs_own(start=False),), "does not interpolate"),
    ("upsampler_without_mixing", (lambda: torchs_own(stride=4, padding=6),), "is needed"),
    ("upsampler_without_mixing", (OneForAll,), "to bend every kernel freely"),
    ("upsampler_without_mixing", (Scaled,), "to bend every kernel freely"),
    ("upsampler_without_mixing", (lambda: SAME,), "a second time"),
    (
        "upsampler_without_mixing",
        (lambda: BilinearUpsample(2, 8, form="grouped", learnable=True),),
        "raised ValueError",
    ),
    ("upsampler_without_mixing", (lambda: 768,), "an nn.Module"),
    ("upsampler_without_mixing", (lambda: ...,), "is there a `return`"),
    ("upsampler_without_mixing", (grouped(),), "raised TypeError"),
    ("upsampler_without_mixing", (768,), "a function is asked for"),
    ("diagonal_share", (lambda w: w.sum((2, 3)).diagonal().sum() / w.sum(),), "both signs"),
    ("diagonal_share", (lambda w: w.abs().sum((2, 3)).diagonal().sum(),), "between 0 and 1"),
    ("diagonal_share", (lambda w: w.abs().sum((2, 3)).diagonal().mean() / w.abs().sum(),), "is not right"),
    ("diagonal_share", (lambda w: w.square().sum((2, 3)).diagonal().sum() / w.square().sum(),), "is not right"),
    ("diagonal_share", (lambda w: w.abs().diagonal(dim1=2, dim2=3).sum() / w.abs().sum(),), "is not right"),
    ("diagonal_share", (lambda w: 1 / 3,), "is not right"),
    ("diagonal_share", (lambda w: 1 - summed(w),), "is not right"),
    ("diagonal_share", (lambda w: w.abs().sum((2, 3)).diagonal() / w.abs().sum(),), "is a number"),
    ("diagonal_share", (in_place,), "changed its input"),
    ("diagonal_share", (lambda w: sum(w[i, i].abs().sum() for i in range(len(w))) / w.abs().sum(),), "IndexError"),
    ("diagonal_share", (0.7,), "a function is asked for"),
]
