"""Answers to the page on checkerboards: right ones in several forms; wrong ones, each with a part of what is said."""

import functools

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def best(k, padding, extra, seed=0):
    noise = torch.randn(100, 1, 6, 6, generator=torch.Generator().manual_seed(seed))
    large = F.interpolate(noise, (32, 32), mode="bicubic")
    alone = torch.eye(k * k).view(1, k * k, k, k)
    drawn = F.conv_transpose2d(F.avg_pool2d(large, 2), alone, None, 2, padding, extra)
    drawn = drawn.movedim(1, -1).reshape(-1, k * k)
    return torch.linalg.lstsq(drawn, large.view(-1, 1)).solution.view(k, k)


def as_layer(weight):
    layer = nn.ConvTranspose2d(1, 1, len(weight), 2, bias=False)
    layer.weight.data = weight[None, None].clone()
    return layer


def turned(kernels, k):
    return kernels | {k: kernels[k].flip(0, 1)}


BEST = {2: best(2, 0, 0), 5: best(5, 2, 1), 6: best(6, 2, 0)}
OTHER = {k: best(k, padding, extra, seed=7) for k, padding, extra in [(2, 0, 0), (5, 2, 1), (6, 2, 0)]}
TENT = torch.tensor([0.0, 0.25, 0.75, 0.75, 0.25, 0.0])


def start(channels_in, channels_out, stride, k, scale=1.0):
    weight = scale * torch.randn(channels_out, channels_in, k, k)
    return weight.repeat_interleave(stride**2, dim=0)


def by_kron(channels_in, channels_out, stride, k):
    weight = np.random.default_rng().normal(size=(channels_out, 1, channels_in, k, k))
    return np.broadcast_to(weight, (channels_out, stride**2, channels_in, k, k)).reshape(-1, channels_in, k, k)


class Icnr:
    def __call__(self, channels_in, channels_out, stride, k):
        small = torch.empty(channels_out, channels_in, k, k)
        nn.init.xavier_uniform_(small)
        return nn.Parameter(F.interpolate(small.flatten(1)[None, None], scale_factor=(stride**2, 1))[0, 0]).view(
            -1, channels_in, k, k
        )


def repeated_block(channels_in, channels_out, stride, k):
    return torch.randn(channels_out, channels_in, k, k).repeat(stride**2, 1, 1, 1)


def only_stride_2(channels_in, channels_out, stride, k):
    return start(channels_in, channels_out * stride**2 // 4, 2, k) if channels_out * stride**2 % 4 == 0 else None


def equal_sums(channels_in, channels_out, stride, k):
    weight = torch.randn(channels_out * stride**2, channels_in, k, k)
    return weight - weight.mean((2, 3), keepdim=True)


def seeded(channels_in, channels_out, stride, k):
    return torch.randn(channels_out, channels_in, k, k, generator=torch.Generator().manual_seed(0)).repeat_interleave(
        stride**2, 0
    )


def one_kernel(channels_in, channels_out, stride, k):
    return torch.randn(1, 1, k, k).expand(channels_out * stride**2, channels_in, k, k)


RIGHT = [
    ("checkerboard_kept", ([5], BEST)),
    ("checkerboard_kept", (5, {k: weight[None, None].numpy() for k, weight in OTHER.items()})),
    ("checkerboard_kept", ({5}, {k: as_layer(weight) for k, weight in BEST.items()})),
    ("checkerboard_kept", (np.array([5]), {k: weight.tolist() for k, weight in OTHER.items()})),
    ("checkerboard_subpixel", (start,)),
    ("checkerboard_subpixel", (by_kron,)),
    ("checkerboard_subpixel", (Icnr(),)),
    ("checkerboard_subpixel", (functools.partial(start, scale=0.1),)),
]
WRONG = [
    ("checkerboard_kept", ([2, 5], BEST), "the prediction differs"),
    ("checkerboard_kept", ([], BEST), "the prediction differs"),
    ("checkerboard_kept", ([5, 6], BEST), "the prediction differs"),
    ("checkerboard_kept", ([3], BEST), "out of 2, 5 and 6"),
    ("checkerboard_kept", ([5], {5: BEST[5]}), "nothing for size 2"),
    ("checkerboard_kept", ([5], {2: 0.0013, 5: 0.03, 6: 0.001}), "one kernel 2 x 2 is needed"),
    ("checkerboard_kept", ([5], turned(BEST, 5)), "times the error of the best kernel"),
    ("checkerboard_kept", ([5], BEST | {6: TENT.outer(TENT)}), "times the error of the best kernel"),
    ("checkerboard_kept", ([5], BEST | {2: torch.ones(2, 2) / 4}), "times the error of the best kernel"),
    ("checkerboard_kept", ([5], BEST | {5: torch.randn(5, 5)}), "times the error of the best kernel"),
    ("checkerboard_kept", ([5], [BEST[k] for k in BEST]), "a dict of size: weights"),
    ("checkerboard_kept", ([5], BEST | {5: BEST[5] * np.nan}), "no finite numbers"),
    ("checkerboard_subpixel", (lambda i, o, s, k: torch.randn(o * s**2, i, k, k),), "the phases disagree"),
    ("checkerboard_subpixel", (repeated_block,), "in which order does pixel_shuffle"),
    ("checkerboard_subpixel", (only_stride_2,), "differ by up to"),
    ("checkerboard_subpixel", (equal_sums,), "the phases disagree"),
    ("checkerboard_subpixel", (seeded,), "two calls return the same weights"),
    ("checkerboard_subpixel", (lambda i, o, s, k: torch.zeros(o * s**2, i, k, k),), "not all of its"),
    ("checkerboard_subpixel", (one_kernel,), "not all of its"),
    ("checkerboard_subpixel", (lambda i, o, s, k: torch.randn(o, i, k, k),), "has the shape"),
    ("checkerboard_subpixel", (lambda i, o, s, k: None,), "is there a `return`"),
    ("checkerboard_subpixel", (start(3, 2, 2, 3),), "a function is asked for"),
]
