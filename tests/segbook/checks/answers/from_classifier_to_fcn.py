"""Answers to chapter 5: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools

import numpy as np
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


def functional(linear, channels, size):
    return functools.partial(F.conv2d, weight=linear.weight.view(-1, channels, size, size), bias=linear.bias)


class Unfolded(nn.Module):
    """Windows as columns, each through the linear layer itself."""

    def __init__(self, linear, channels, size):
        super().__init__()
        self.linear, self.size = linear, size

    def forward(self, x):
        columns = F.unfold(x, self.size).transpose(1, 2)
        places = x.shape[2] - self.size + 1, x.shape[3] - self.size + 1
        return self.linear(columns).transpose(1, 2).unflatten(2, places)


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


def first_image_only(linear, channels, size):
    layer = reshaped(linear, channels, size)
    return lambda x: layer(x[:1]).expand(len(x), -1, -1, -1)


def transposed(linear, channels, size):
    layer = reshaped(linear, channels, size)
    layer.weight.data = layer.weight.data.transpose(2, 3)
    return layer


def emptied(linear, channels, size):
    layer = reshaped(linear, channels, size)
    layer.weight.data = layer.weight.data.clone()
    linear.weight.data.zero_()
    return layer


KERNEL = bilinear_kernel(21, 21, 64)


def enlarge(cells, height, width, padding=16, first=0):
    big = F.conv_transpose2d(cells, KERNEL, stride=32, padding=padding)
    return big[..., first : first + height, first : first + width]


def interpolated(cells, height, width):
    return F.interpolate(cells, scale_factor=32, mode="bilinear")[..., :height, :width]


def stretched(cells, height, width):
    return F.interpolate(cells, (height, width), mode="bilinear")


def corners(cells, height, width):
    size = 32 * cells.shape[2], 32 * cells.shape[3]
    return F.interpolate(cells, size, mode="bilinear", align_corners=True)[..., :height, :width]


def step(model, optimizer, images, labels, loss_of=None, before=None, zero=True, back=True, move=True):
    (before or model.train)()
    loss_of = loss_of or functools.partial(F.cross_entropy, ignore_index=255)
    loss = loss_of(model(images), labels)
    if zero:
        optimizer.zero_grad()
    if back:
        loss.backward()
    if move:
        optimizer.step()
    return loss.item()


def step_by_hand(model, optimizer, images, labels):
    for parameter in model.parameters():
        parameter.grad = None
    logits = model.train()(images).movedim(1, -1)
    valid = labels < 255
    loss = F.cross_entropy(logits[valid], labels[valid])
    loss.backward()
    optimizer.step()
    return loss


class Step:
    """A callable object, whose gradients are cleared at the end."""

    def __call__(self, model, optimizer, images, labels):
        loss = step(model, optimizer, images, labels, zero=False)
        optimizer.zero_grad()
        return np.float32(loss)


def step_in_evaluation(model, optimizer, images, labels):
    return step(model, optimizer, images, labels, before=model.eval)


def left_in_evaluation(model, optimizer, images, labels):
    loss = step(model, optimizer, images, labels)
    model.eval()
    return loss


def as_it_comes(model, optimizer, images, labels):
    return step(model, optimizer, images, labels, before=lambda: None)


def void_overwritten(model, optimizer, images, labels):
    labels[labels == 255] = -100
    return step(model, optimizer, images, labels, loss_of=F.cross_entropy)


def wrong_step(**options):
    return functools.partial(step, **options)


def over_all_pixels(logits, labels):
    return F.cross_entropy(logits, labels, ignore_index=255, reduction="none").mean()


RIGHT = [
    ("fcn_cells", (9, 17, 25.5)),
    ("fcn_cells", (torch.tensor(9), 17.0, np.float64(25.5))),
    ("fcn_cells", (16 - 8 + 1, 24 - 8 + 1, 153 * 4096 / (128 * 192))),
    ("fcn_cells", (np.int64(9), torch.tensor([17]), 25.48)),
    ("fcn_count", (24588, 589836)),
    ("fcn_count", (2048 * 12 + 12, 12**2 * 64**2 + 12)),
    ("fcn_count", (torch.tensor(24588), np.array([589836]))),
    ("fcn_count", (24588.0, 589836.0)),
    ("as_convolution", (reshaped,)),
    ("as_convolution", (copied,)),
    ("as_convolution", (functional,)),
    ("as_convolution", (Unfolded,)),
    ("enlarge_to_image", (enlarge,)),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0, first=16).numpy(),)),
    ("enlarge_to_image", (interpolated,)),
    ("enlarge_to_image", (functools.partial(enlarge, padding=16),)),
    ("training_step", (step,)),
    ("training_step", (step_by_hand,)),
    ("training_step", (Step(),)),
    ("training_step", (wrong_step(),)),
    ("fcn_boundary", (21.333, 17.88)),
    ("fcn_boundary", (21.3, 17.9)),
    ("fcn_boundary", (torch.tensor(64 / 3), np.float32(17.878))),
    ("fcn_boundary", (32 * 2 / 3, 17.87)),
]
WRONG = [
    ("fcn_cells", (16, 24, 25.5), "not padded"),
    ("fcn_cells", (2, 3, 1), "tile to tile"),
    ("fcn_cells", (17, 9, 25.5), "rows come first"),
    ("fcn_cells", (8, 16, 25.5), "first place"),
    ("fcn_cells", (65, 129, 25.5), "a cell is not a pixel"),
    ("fcn_cells", (9, 16, 25.5), "a window of 8"),
    ("fcn_cells", (9, 17, 153), "number of crops"),
    ("fcn_cells", (9, 17, 153 * 4096), "number of pixels"),
    ("fcn_cells", (9, 17, 9.75), "over the pixels"),
    ("fcn_cells", (9.5, 17, 25.5), "whole number"),
    ("fcn_count", (24576, 589836), "bias is missing"),
    ("fcn_count", (6156, 589836), "512 channels"),
    ("fcn_count", (2048 * 13, 589836), "*output*"),
    ("fcn_count", (2048 * 12 * 9 + 12, 589836), "1x1"),
    ("fcn_count", (24588, 589824), "bias is missing"),
    ("fcn_count", (24588, 49152), "*pair*"),
    ("fcn_count", (24588, 147468), "twice as wide"),
    ("fcn_count", (24588, 1_806_357), "from 12 maps"),
    ("as_convolution", (channels_last,), "channels first"),
    ("as_convolution", (no_bias,), "the bias is missing"),
    ("as_convolution", (padded,), "an output of"),
    ("as_convolution", (strided,), "no padding and stride 1"),
    ("as_convolution", (first_image_only,), "the first image of the batch is right"),
    ("as_convolution", (transposed,), "does not give the linear layer's numbers"),
    ("as_convolution", (emptied,), "changed the linear layer"),
    ("as_convolution", (lambda linear, c, s: nn.Conv2d(c, linear.out_features, s),), "random numbers"),
    ("as_convolution", (lambda linear, c, s: linear,), "as_convolution"),
    ("as_convolution", (lambda linear, c, s: linear.weight.view(-1, c, s, s),), "returns a layer"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0),), "drawn brightest at row"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0, first=32),), "on which sides"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w, padding=0, first=15),), "drawn brightest at row"),
    ("enlarge_to_image", (lambda c, h, w: F.interpolate(c, (h, w)),), "not bilinear"),
    ("enlarge_to_image", (stretched,), "keep their 32 pixels"),
    ("enlarge_to_image", (corners,), "not bilinear"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w) / 2,), "with 0.4"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c, h, w)[:, :1],), "has the shape"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c[:1], h, w),), "has the shape"),
    ("enlarge_to_image", (lambda c, h, w: enlarge(c[:1], h, w).expand(len(c), -1, -1, -1),), "the first image"),
    ("training_step", (wrong_step(loss_of=F.cross_entropy),), "raised"),
    ("training_step", (wrong_step(loss_of=lambda z, y: F.cross_entropy(z, y * (y != 255))),), "class 0"),
    ("training_step", (wrong_step(loss_of=over_all_pixels),), "divided by all pixels"),
    (
        "training_step",
        (wrong_step(loss_of=lambda z, y: F.cross_entropy(z, y, ignore_index=255, reduction="sum")),),
        "a sum",
    ),
    (
        "training_step",
        (wrong_step(loss_of=lambda z, y: F.cross_entropy(z.softmax(1), y, ignore_index=255)),),
        "softmax itself",
    ),
    ("training_step", (wrong_step(zero=False),), "earlier calls"),
    ("training_step", (wrong_step(move=False),), "as they were"),
    ("training_step", (wrong_step(back=False),), "as they were"),
    ("training_step", (step_in_evaluation,), "evaluation mode"),
    ("training_step", (as_it_comes,), "evaluation mode"),
    ("training_step", (left_in_evaluation,), "evaluation mode"),
    ("training_step", (void_overwritten,), "changed its input"),
    ("training_step", (lambda m, o, x, y: None,), "is there a `return`"),
    ("fcn_boundary", (2 / 3, 17.88), "share of the way"),
    ("fcn_boundary", (32 / 3, 17.88), "from the right cell"),
    ("fcn_boundary", (17.88, 21.33), "the other way"),
    ("fcn_boundary", (16, 17.88), "half-way"),
    ("fcn_boundary", (21.33, 21.33), "the other way"),
    ("fcn_boundary", (21.33, 0.559), "share of the way"),
    ("fcn_boundary", (21.33, 16), "half-way"),
    ("fcn_boundary", (21.33, 19), "same value"),
    ("fcn_boundary", ("21.3", 17.9), "is a number"),
]
