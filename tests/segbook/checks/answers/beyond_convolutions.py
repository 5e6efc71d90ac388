"""Answers to the page Beyond convolutions: right ones in several forms; wrong ones, with a part of what is said."""

from functools import partial

import torch
import torch.nn.functional as F


def semantic(classes, masks):
    return torch.einsum("qc,qhw->chw", classes.softmax(-1)[:, :-1], masks.sigmoid())


def semantic_as_convolution(classes, masks):
    kernel = classes.double().softmax(-1)[:, :-1].T[:, :, None, None]
    return F.conv2d(masks.double().sigmoid()[None], kernel)[0].numpy()


def shuffled(layer):
    factor = layer.kernel_size[0]
    weight = layer.weight.permute(1, 2, 3, 0).flatten(0, 2)[:, :, None, None]
    return weight, layer.bias.repeat_interleave(factor**2)


def shuffled_by_asking(layer):
    """The layer's answers to one channel at a time, put together again."""
    factor, inputs = layer.kernel_size[0], layer.in_channels
    with torch.no_grad():
        bias = F.pixel_unshuffle(layer(torch.zeros(1, inputs, 1, 1)), factor).flatten()
        ones = torch.eye(inputs)[:, :, None, None]
        weight = F.pixel_unshuffle(layer(ones), factor).flatten(1).T - bias[:, None]
    return weight[:, :, None, None].numpy(), bias.tolist()


def turned_taps(layer):
    factor = layer.kernel_size[0]
    return layer.weight.permute(1, 3, 2, 0).flatten(0, 2)[:, :, None, None], layer.bias.repeat_interleave(factor**2)


def query_after_query(inside, classes, masks):
    total = 0
    for what, where in zip(classes.softmax(1), masks):
        total = total + what[:-1, None, None] * inside(where)
    return total


class Product:
    """A callable object that multiplies matrices."""

    def __call__(self, classes, masks):
        what = classes.exp() / classes.exp().sum(1, keepdim=True)
        return (what[:, :-1].T @ masks.sigmoid().flatten(1)).unflatten(1, masks.shape[1:])


def shuffled_with(change, layer):
    weight, bias = shuffled(layer)
    return change(weight), change(bias)


def emptied(layer):
    weight, bias = shuffled(layer)
    weight, bias = weight.clone(), bias.clone()
    layer.bias.data.zero_()
    return weight, bias


RIGHT = [
    ("beyond_masks", (semantic,)),
    ("beyond_masks", (semantic_as_convolution,)),
    ("beyond_shuffle", (shuffled,)),
    ("beyond_shuffle", (shuffled_by_asking,)),
    ("beyond_masks", (partial(query_after_query, torch.sigmoid),)),
    ("beyond_masks", (Product(),)),
    ("beyond_shuffle", (partial(shuffled_with, torch.Tensor.detach),)),
    ("beyond_shuffle", (lambda layer: list(shuffled_with(torch.Tensor.double, layer)),)),
]
WRONG = [
    ("beyond_masks", (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(1), m.sigmoid()),), "'no object'"),
    ("beyond_masks", (lambda c, m: semantic(torch.cat([c[:, :-1], c[:, :1] - 99], 1), m),), "must add nothing"),
    ("beyond_masks", (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(1)[:, :-1], m.softmax(0)),), "a sigmoid"),
    ("beyond_masks", (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(1)[:, :-1], m),), "logits still"),
    (
        "beyond_masks",
        (lambda c, m: torch.einsum("qc,qhw->chw", c.softmax(0)[:, :-1], m.sigmoid()),),
        "nothing is shared",
    ),
    ("beyond_masks", (lambda c, m: semantic(c, m) / len(c),), "not their mean"),
    ("beyond_masks", (lambda c, m: semantic(c, m).argmax(0),), "is asked for"),
    ("beyond_masks", (lambda c, m: 1 - semantic(c, m),), "must add nothing"),
    ("beyond_shuffle", (lambda layer: (shuffled(layer)[0], 0 * shuffled(layer)[1]),), "but for the bias"),
    ("beyond_shuffle", (lambda layer: (shuffled(layer)[0], layer.bias.repeat(layer.kernel_size[0] ** 2)),), "the bias"),
    ("beyond_shuffle", (turned_taps,), "rows and columns of the taps"),
    ("beyond_shuffle", (lambda layer: (shuffled(layer)[0].flip(0), shuffled(layer)[1]),), "by output, then row"),
    ("beyond_shuffle", (lambda layer: (layer.weight, layer.bias),), "are needed"),
    ("beyond_shuffle", (emptied,), "changed the layer"),
    ("beyond_shuffle", (lambda layer: shuffled(layer)[0],), "a weight and a bias"),
    ("beyond_shuffle", (lambda layer: (2 * shuffled(layer)[0], shuffled(layer)[1]),), "another layer"),
]
