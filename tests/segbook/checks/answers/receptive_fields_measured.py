"""Answers to the page on measured receptive fields: right ones in several forms; wrong ones, each with what is said."""

import numpy as np
import torch
from torch import nn

STRIDES, DILATIONS = (2, 2, 1, 1, 1, 1, 1, 1), (1, 1, 1, 2, 4, 4, 2, 1)


def network(dilations=DILATIONS, strides=STRIDES, paddings=None, first=3, seed=0):
    torch.manual_seed(seed)
    layers, channels = [], first
    for s, d, p in zip(strides, dilations, paddings or dilations):
        layers += [nn.Conv2d(channels, 16, 3, s, p, d, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
        channels = 16
    return nn.Sequential(*layers, nn.Conv2d(channels, 21, 1))


class Wrapped(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)


def silent():
    inner = network()
    nn.init.zeros_(inner[-1].weight)
    return inner


MACS, FLOPS = 150_994_944, 301_989_888
DENSE = [0.0201 + 0.0001 * (i * 7 % 23) for i in range(30)]
DEPTHWISE = [0.0051 + 0.00003 * (i * 5 % 29) for i in range(30)]

RIGHT = [
    ("dilated_bell", (network(), 47, 49)),
    ("dilated_bell", (network().eval(), torch.tensor(47.0), np.float32(47))),
    ("dilated_bell", (Wrapped(network(seed=3)), 47.0, torch.tensor([49]))),
    ("dilated_bell", (nn.Sequential(network(), nn.Identity()), np.int64(47), 51)),
    ("seconds_apart", (MACS, FLOPS, DENSE, DEPTHWISE)),
    ("seconds_apart", (64**4 * 9, 2 * 64**4 * 9, torch.tensor(DENSE), np.array(DEPTHWISE)[:20])),
    ("seconds_apart", (float(MACS), np.float64(FLOPS), tuple(DENSE), DEPTHWISE[::-1])),
    ("seconds_apart", (torch.tensor(MACS), FLOPS, np.array(DENSE)[:, None], torch.tensor(DEPTHWISE) * 3)),
]
WRONG = [
    ("dilated_bell", (network([1] * 8), 47, 49), "no layer is dilated"),
    ("dilated_bell", (network((1, 2, 4, 4, 2, 1, 1, 1)), 47, 49), "then come the six"),
    ("dilated_bell", (network(paddings=[1] * 8), 47, 49), "cells move"),
    ("dilated_bell", (network(strides=[1] * 8), 47, 49), "strides"),
    ("dilated_bell", (network(first=1), 47, 49), "do not go through"),
    ("dilated_bell", (silent(), 47, 49), "no gradient"),
    ("dilated_bell", (network(), 119, 119), "the whole field"),
    ("dilated_bell", (network(), 19, 19), "counting paths does not give 19"),
    ("dilated_bell", (network(), 47, 19), "more than chance"),
    ("dilated_bell", (network(), 47, 61), "more than chance"),
    ("dilated_bell", (network(), 46, 49), "odd side"),
    ("dilated_bell", (network(), 47, 48.6), "odd side"),
    ("dilated_bell", (network(), 47, float("nan")), "divided by zero"),
    ("dilated_bell", (47, 47, 49), "is the network"),
    ("seconds_apart", (MACS, MACS, DENSE, DEPTHWISE), "two floating-point operations"),
    ("seconds_apart", (FLOPS, MACS, DENSE, DEPTHWISE), "are not twice"),
    ("seconds_apart", (64**3 * 9, 2 * 64**3 * 9, DENSE, DEPTHWISE), "all 64 input channels"),
    ("seconds_apart", (8 * MACS, 8 * FLOPS, DENSE, DEPTHWISE), "not a batch"),
    ("seconds_apart", (5, 10, DENSE, DEPTHWISE), "outputs times products"),
    ("seconds_apart", (MACS, FLOPS, DENSE[:19], DEPTHWISE), "here are 19"),
    ("seconds_apart", (MACS, FLOPS, DENSE, [0.005] * 30), "no clock repeats"),
    ("seconds_apart", (MACS, FLOPS, DENSE, [-t for t in DEPTHWISE]), "more than 0 seconds"),
    ("seconds_apart", (MACS, FLOPS, DEPTHWISE, DENSE), "exchanged"),
    ("seconds_apart", (MACS, FLOPS, [t / 1e5 for t in DENSE], DEPTHWISE), "beyond any machine"),
    ("seconds_apart", (MACS, FLOPS, DENSE, [t / 100 for t in DEPTHWISE]), "than the MACs promise"),
    ("seconds_apart", (MACS, FLOPS, DENSE, 0.005), "here are 1"),
    ("seconds_apart", (MACS, FLOPS, "fast", "slow"), "holds numbers"),
]
