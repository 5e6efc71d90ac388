"""Answers to chapter 5: right ones in several forms; wrong ones, each with a part of what is said to them."""

import torch
import torch.nn.functional as F
from torch import nn

from segbook.bilinear import bilinear_kernel


def reshaped(linear, channels, size):
    layer = nn.Conv2d(channels, linear.out_features, size)
    layer.weight.data = linear.weight.data.view(linear.out_features, channels, size, size)
    layer.bias.data = linear.bias.data
    return layer


def copied(linear, channels, size):
    layer = nn.Conv2d(channels, linear.out_features, size)
    with torch.no_grad():
        for c in range(channels):
            for i in range(size):
                for j in range(size):
                    layer.weight[:, c, i, j] = linear.weight[:, (c * size + i) * size + j]
        layer.bias.copy_(linear.bias)
    return nn.Sequential(layer)


def channels_last(linear, channels, size):
    layer = reshaped(linear, channels, size)
    layer.weight.data = linear.weight.data.view(-1, size, size, channels).permute(0, 3, 1, 2)
    return layer


def no_bias(linear, channels, size):
    layer = reshaped(linear, channels, size)
    layer.bias = None
    return layer


def padded(linear, channels, size):
    layer = reshaped(linear, channels, size)
    layer.padding = (size // 2, size // 2)
    return layer


def strided(linear, channels, size):
    layer = reshaped(linear, channels, size)
    layer.stride = (2, 2)
    return layer


KERNEL = bilinear_kernel(21, 21, 64)


def enlarge(cells, height, width, padding=16, first=0):
    big = F.conv_transpose2d(cells, KERNEL, stride=32, padding=padding)
    return big[..., first : first + height, first : first + width]


RIGHT = [
    ("as_convolution", (reshaped,)),
    ("as_convolution", (copied,)),
    ("valid_crops", (2.3e-7,)),
    ("valid_crops", (torch.tensor(1e-6),)),
    ("effective_recipe", (0.008, 0.001 / 32)),
    ("effective_recipe", (torch.tensor(0.008), 3.125e-05)),
    ("enlarge_to_image", (enlarge,)),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0, first=16).numpy(),)),
    ("draw_where_you_look", (31, 31, 0.33)),
    ("draw_where_you_look", (torch.tensor(31), 31.0, torch.tensor(0.35))),
    ("learned_enlargement", (0.46, 0.55)),
    ("learned_enlargement", (torch.tensor(0.45), 0.57)),
]
WRONG = [
    ("as_convolution", (channels_last,), "channels first"),
    ("as_convolution", (no_bias,), "the bias is missing"),
    ("as_convolution", (padded,), "has the shape"),
    ("as_convolution", (strided,), "no padding, stride 1"),
    ("as_convolution", (lambda linear, c, s: nn.Conv2d(c, linear.out_features, s),), "random numbers"),
    ("as_convolution", (lambda linear, c, s: linear,), "as_convolution"),
    ("valid_crops", (0.17,), "is not rounding"),
    ("valid_crops", (1.0,), "is not rounding"),
    ("valid_crops", (-0.1,), "not negative"),
    ("valid_crops", (float("nan"),), "divided by zero"),
    ("valid_crops", (torch.zeros(117),), "is a number"),
    ("effective_recipe", (0.001, 0.001), "*summed*"),
    ("effective_recipe", (0.032, 0.001 / 32), "4 steps"),
    ("effective_recipe", (0.008, 0.001), "left as it was"),
    ("effective_recipe", (0.008, 0.001 / 8), "one step of 8"),
    ("effective_recipe", (0.008, 0.001 / 16), "decay a weight"),
    ("effective_recipe", (0.016, 0.001 / 32), "times the mean gradient"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0),), "brightest at row"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0, first=32),), "on which sides"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0, first=15),), "brightest at row"),
    ("enlarge_to_image", (lambda c, h, w: F.interpolate(c, (h, w)),), "brightest at row"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w) / 2,), "on which sides"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w)[:, :1],), "has the shape"),
    ("draw_where_you_look", (16, 1, 0.33), "cell 0 is drawn around pixel 15"),
    ("draw_where_you_look", (31, 0, 0.33), "become 65 pixels"),
    ("draw_where_you_look", (32, 33, 0.33), "refused by torch"),
    ("draw_where_you_look", (31, 31, 0.39), "between the shifted and the aligned"),
    ("draw_where_you_look", (31, 31, 33), "between 0 and 1"),
    ("draw_where_you_look", (15.5, 0, 0.33), "whole number"),
    ("learned_enlargement", (0.46, 0.46), "another `upsample`"),
    ("learned_enlargement", (0.46, 55), "between 0 and 1"),
    ("learned_enlargement", (0.46, 0.1), "hardly above"),
    ("learned_enlargement", (0.46, None), "is a number"),
    ("learned_enlargement", (0, 0.5), "between 0 and 1"),
]
