"""Answers to chapter 11: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools
import math
from fractions import Fraction

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

LOW, ASPP, JOINED, SCORES = (256, 97, 129), (256, 25, 33), (304, 97, 129), (21, 97, 129)


def apart(n):
    return 2 / math.comb(2 * n, n)


def apart_by_places(n):
    share = Fraction(2)
    for i in range(n):
        share *= Fraction(n - i, 2 * n - i)
    return share


def apart_by_trying(n):
    draws = np.random.default_rng(0).standard_normal((100_000, 2 * n))
    a, b = draws[:, :n], draws[:, n:]
    return ((a.min(1) > b.max(1)) | (a.max(1) < b.min(1))).mean()


def decode(reduce, fuse, score, low, coarse, size, order=1, first=False, last=False):
    coarse = F.interpolate(coarse, low.shape[-2:], mode="bilinear", align_corners=first)
    logits = score(fuse(torch.cat([coarse, reduce(low)][::order], 1)))
    return F.interpolate(logits, size, mode="bilinear", align_corners=last)


class Decode:
    def __call__(self, *parts):
        return decode(*parts)


def one_at_a_time(reduce, fuse, score, low, coarse, size):
    rows = [decode(reduce, fuse, score, a[None], b[None], size) for a, b in zip(low, coarse)]
    return torch.cat(rows)


def with_modules(reduce, fuse, score, low, coarse, size):
    coarse = nn.Upsample(size=tuple(low.shape[2:]), mode="bilinear")(coarse)
    return nn.Upsample(size=tuple(size), mode="bilinear")(
        nn.Sequential(fuse, score)(torch.cat((coarse, reduce(low)), 1))
    )


def as_found(reduce, fuse, score, low, coarse, size):
    coarse = F.interpolate(coarse, scale_factor=4, mode="bilinear", align_corners=True)
    return score(fuse(torch.cat([reduce(low), coarse], dim=1)))


def by_factors(reduce, fuse, score, low, coarse, size):
    coarse = F.interpolate(coarse, scale_factor=4, mode="bilinear")
    logits = score(fuse(torch.cat([coarse, reduce(low)], dim=1)))
    return F.interpolate(logits, scale_factor=4, mode="bilinear")


def cut_off(*parts):
    return decode(*parts).detach()


def in_training(reduce, fuse, score, low, coarse, size):
    fuse.train()
    return decode(reduce, fuse, score, low, coarse, size)


def nearest(reduce, fuse, score, low, coarse, size):
    coarse = F.interpolate(coarse, low.shape[-2:])
    logits = score(fuse(torch.cat([coarse, reduce(low)], 1)))
    return F.interpolate(logits, size, mode="bilinear")


def classes(*parts):
    return decode(*parts).argmax(1)


BY_OFFSET = [0.6805, 0.7234, 0.7211, 0.6753]
RIGHT = [
    ("plus_shapes", (LOW, ASPP, JOINED, SCORES)),
    ("plus_shapes", (torch.Size(LOW), [1, *ASPP], np.array(JOINED), torch.tensor(SCORES))),
    ("plus_shapes", (list(LOW), np.float64(ASPP), torch.empty(1, *JOINED, device="meta").shape, SCORES)),
    ("plus_shapes", (torch.tensor((1, *LOW)), ASPP, JOINED, [21.0, 97, 129])),
    ("plus_separable", (73_728, 8_768, 9_548_352, 13)),
    ("plus_separable", (64 * 128 * 9.0, np.int64(8_768), 8_768 * 33**2, 13.0)),
    ("plus_separable", (torch.tensor(73_728), Fraction(8_768), torch.tensor(9_548_352), np.array(13))),
    ("plus_separable", (np.array([73_728]), 8_768, np.float64(9_548_352), torch.tensor([13]))),
    ("plus_decoder", (decode,)),
    ("plus_decoder", (Decode(),)),
    ("plus_decoder", (functools.partial(decode, first=False),)),
    ("plus_decoder", (one_at_a_time,)),
    ("plus_decoder", (with_modules,)),
    ("plus_seeds", (apart, 5)),
    ("plus_seeds", (apart_by_places, torch.tensor(5))),
    ("plus_seeds", (apart_by_trying, 5.0)),
    ("plus_seeds", (functools.lru_cache(apart), np.int64(5))),
    ("plus_stop", (BY_OFFSET,)),
    ("plus_stop", (dict(enumerate(torch.tensor(BY_OFFSET))),)),
    ("plus_stop", (np.round(BY_OFFSET, 3),)),
    ("plus_stop", (tuple(map(Fraction, BY_OFFSET)),)),
    ("plus_light", ({"separable": True, "head_width": 320},)),
    ("plus_light", ({"separable": 1, "head_width": 320, "low_level_channels": 24, "decoder_convs": 2},)),
    ("plus_light", ({"separable": np.True_, "head_width": np.int64(320)},)),
    ("plus_light", (dict(head_width=torch.tensor(320.0), separable=True, low_level_channels=48),)),
]
WRONG = [
    ("plus_shapes", ((48, 97, 129), ASPP, JOINED, SCORES), "what the decoder makes of it"),
    ("plus_shapes", ((256, 96, 128), ASPP, JOINED, SCORES), "rounded up"),
    ("plus_shapes", (LOW, (256, 24, 32), JOINED, SCORES), "rounded up"),
    ("plus_shapes", (LOW, (1280, 25, 33), JOINED, SCORES), "mixed before they leave"),
    ("plus_shapes", (LOW, (1024, 25, 33), JOINED, SCORES), "five branches"),
    ("plus_shapes", (LOW, (256, 49, 65), JOINED, SCORES), "output stride 8"),
    ("plus_shapes", (LOW, ASPP, (512, 97, 129), SCORES), "reduced before"),
    ("plus_shapes", (LOW, ASPP, (304, 25, 33), SCORES), "resized to the other"),
    ("plus_shapes", (LOW, ASPP, JOINED, (21, 385, 513)), "behind the last upsampling"),
    ("plus_shapes", (LOW, ASPP, JOINED, (20, 97, 129)), "background"),
    ("plus_shapes", (LOW, ASPP, JOINED, (97, 129)), "is needed"),
    ("plus_separable", (..., ..., ..., ...), "a `...` to replace"),
    ("plus_separable", (8_192, 8_768, 9_548_352, 13), "that is a 1x1"),
    ("plus_separable", (64 * 128 * 169, 8_768, 9_548_352, 13), "no weights into them"),
    ("plus_separable", (73_728, 576, 9_548_352, 13), "the first step alone"),
    ("plus_separable", (73_728, 8_192, 9_548_352, 13), "a ninth is nearly right"),
    ("plus_separable", (73_728, 9_344, 9_548_352, 13), "one kernel for each channel that comes in"),
    ("plus_separable", (73_728, 8_768, 2 * 9_548_352, 13), "a multiply-add is one"),
    ("plus_separable", (73_728, 8_768, 8_768, 13), "at every cell"),
    ("plus_separable", (73_728, 8_768, 8_768 * 33, 13), "rows and columns"),
    ("plus_separable", (73_728, 8_768, 9_548_352, 18), "two gaps"),
    ("plus_separable", (73_728, 8_768, 9_548_352, 3), "that is rate 1"),
    ("plus_separable", ("73728", 8_768, 9_548_352, 13), "is a number"),
    ("plus_decoder", (as_found,), "returns logits of 8x12"),
    ("plus_decoder", (by_factors,), "raised RuntimeError"),
    ("plus_decoder", (lambda *parts: decode(*parts, order=-1),), "joined in the order"),
    ("plus_decoder", (lambda *parts: decode(*parts, first=True),), "the first resize"),
    ("plus_decoder", (lambda *parts: decode(*parts, last=True),), "the last resize"),
    ("plus_decoder", (lambda *parts: decode(*parts, first=True, last=True),), "corners are aligned, and"),
    ("plus_decoder", (nearest,), "which rule has each resize"),
    ("plus_decoder", (cut_off,), "no gradient comes back"),
    ("plus_decoder", (in_training,), "changed the trained parts"),
    ("plus_decoder", (classes,), "is asked for"),
    ("plus_decoder", (lambda *parts: None,), "is there a `return`"),
    ("plus_decoder", ("decode",), "a function is asked for"),
    ("plus_seeds", (lambda n: apart(n) / 2, 5), "the upper one"),
    ("plus_seeds", (lambda n: 2 * 0.5**n, 8), "not compared in pairs"),
    ("plus_seeds", (lambda n: 2 / math.factorial(2 * n), 4), "does not matter"),
    ("plus_seeds", (lambda n: 1 - apart(n), 5), "not apart"),
    ("plus_seeds", (lambda n: 0.1, 5), "count the ways"),
    ("plus_seeds", (lambda n: None, 5), "is there a `return`"),
    ("plus_seeds", (apart, 4), "you are fooled"),
    ("plus_seeds", (apart, 6), "so is one less"),
    ("plus_seeds", (apart, 100), "fewer than nine"),
    ("plus_stop", ([0.6753, 0.7211, 0.7234, 0.6805],), "at offset 0 and 1 and 2 and 3"),
    ("plus_stop", ([0.674, 0.713, 0.715, 0.668],), "a matrix of its own"),
    ("plus_stop", ([0.6805, 0.7234, 0.7211, 0.7],), "at offset 3"),
    ("plus_stop", ([0.7248] * 4,), "all four are the same"),
    ("plus_stop", ([0.6, 0.8, 0.8, 0.6],), "the network that ships"),
    ("plus_stop", ([68.05, 72.34, 72.11, 67.53],), "between 0 and 1"),
    ("plus_stop", (0.7234,), "is needed"),
    ("plus_stop", ({1: 0.72, 2: 0.72},), "one for each of"),
    ("plus_light", ({},), "no answer yet"),
    ("plus_light", ({"separable": True},), "a wider head still fits"),
    ("plus_light", ({"separable": True, "head_width": 384},), "and 15 are there"),
    ("plus_light", ({"separable": "False", "head_width": 320},), "is True or False"),
    ("plus_light", ({"separable": 2, "head_width": 320},), "is True or False"),
    ("plus_light", ({"head_width": 128},), "which kind of 3x3"),
    ("plus_light", ({"head_width": 64},), "a wider head still fits"),
    ("plus_light", ({"separable": True, "decoder_convs": 1, "head_width": 384},), "keeps its two"),
    ("plus_light", ({"separable": True, "head_width": 330},), "steps of 64"),
    ("plus_light", ({"separable": True, "head_width": 320, "output_stride": 32},), "is not one of the options"),
    ("plus_light", ({"separable": True, "head_width": 10**6 * 64},), "wider than any"),
]
