"""Answers to chapter 3: right ones in several forms; wrong ones, each with a part of what is said to them."""

import functools

import numpy as np
import torch
import torch.nn.functional as F

WHOLE, CUT = [[2, 9, 4], [7, 25, 23], [6, 19, 15]], [[6, 2], [12, 5]]
SIZES = {"a": (2, 0), "b": (1, 1), "c": (2, 1), "d": (2, 1)}
X, KERNEL = torch.tensor([[2.0, 1], [3, 5]]), torch.tensor([[1.0, 4], [2, 3]])


def layer(x, kernel, **options):
    return F.conv_transpose2d(x[None, None], kernel[None, None], **options)[0, 0]


def upsample(x, weight, stride, turn=True, exchange=True):
    n, channels, h, w = x.shape
    spread = x.new_zeros(n, channels, (h - 1) * stride + 1, (w - 1) * stride + 1)
    spread[..., ::stride, ::stride] = x
    kernel = weight.flip(-1, -2) if turn else weight
    kernel = kernel.transpose(0, 1) if exchange else kernel
    return F.conv2d(spread, kernel, padding=weight.shape[-1] - 1)


def stamped(x, weight, stride, kind=None):
    n, _, h, w = x.shape
    k = weight.shape[-1]
    out = torch.zeros(n, weight.shape[1], (h - 1) * stride + k, (w - 1) * stride + k, dtype=kind or x.dtype)
    for i in range(h):
        for j in range(w):
            stamp = torch.einsum("nc,cdab->ndab", x[:, :, i, j], weight)
            out[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return out


class Folded:
    def __call__(self, x, weight, stride):
        k, (h, w) = weight.shape[-1], x.shape[2:]
        stamps = weight.flatten(1).T @ x.flatten(2)
        return F.fold(stamps, ((h - 1) * stride + k, (w - 1) * stride + k), k, stride=stride)


def only_turned(x, weight, stride):
    same = weight.shape[0] == weight.shape[1]
    return upsample(x, weight.transpose(0, 1), stride) if same else upsample(x, weight, stride)


def spoils_input(x, weight, stride):
    out = upsample(x, weight, stride)
    x.zero_()
    return out


def first_image_only(x, weight, stride):
    out = upsample(x, weight, stride)
    return out[:1].expand_as(out)


def zeros_in_32_bits(x, weight, stride):
    n, channels, h, w = x.shape
    spread = torch.zeros(n, channels, (h - 1) * stride + 1, (w - 1) * stride + 1)
    spread[..., ::stride, ::stride] = x
    return F.conv2d(spread, weight.flip(-1, -2).transpose(0, 1), padding=weight.shape[-1] - 1)


def by_autograd(f, in_shape):
    def transposed(z):
        x = torch.zeros(in_shape, dtype=z.dtype, requires_grad=True)
        return torch.autograd.grad(f(x), x, z)[0]

    return transposed


def by_backward(f, in_shape):
    def transposed(z):
        x = torch.ones(in_shape, dtype=z.dtype, requires_grad=True)
        (f(x) * z).sum().backward()
        return x.grad

    return transposed


def by_vjp(f, in_shape):
    return lambda z: torch.func.vjp(f, torch.zeros(in_shape, dtype=z.dtype))[1](z)[0]


class ByGraph:
    """Runs f once, when it is made."""

    def __init__(self, f, in_shape):
        self.x = torch.zeros(in_shape, dtype=torch.float64, requires_grad=True)
        self.y = f(self.x)

    def __call__(self, z):
        return torch.autograd.grad(self.y, self.x, z, retain_graph=True)[0]


def full_matrix(f, in_shape):
    size = int(np.prod(in_shape))
    return torch.stack([f(e.view(in_shape)).flatten() for e in torch.eye(size, dtype=torch.float64)], 1)


def by_matrix(f, in_shape):
    matrix = full_matrix(f, in_shape)
    return lambda z: (matrix.T @ z.flatten()).view(in_shape)


def inverse(f, in_shape):
    matrix = full_matrix(f, in_shape)
    return lambda z: (torch.linalg.pinv(matrix) @ z.flatten()).view(in_shape)


def remembers(f, in_shape):
    kept = []

    def transposed(z):
        kept.append(by_autograd(f, in_shape)(z))
        return kept[0]

    return transposed


def in_32_bits(f, in_shape):
    return lambda z: by_autograd(f, in_shape)(z).float()


HAAR = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).view(4, 1, 2, 2) / 2
EYE = torch.eye(4).view(4, 1, 2, 2)
REFLECTED = torch.eye(4) - torch.tensor([1.0, 2, 3, 4]).outer(torch.tensor([1.0, 2, 3, 4])) / 15
ROUNDED = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(5)))[0].mul(1000).round() / 1000
PARTLY = torch.block_diag(torch.tensor([[0.6, 0.8], [-0.8, 0.6]]), torch.tensor([[0.6, 0.8], [-0.8, 0.6]]))
RIGHT = [
    ("transpose_by_hand", (WHOLE, CUT)),
    ("transpose_by_hand", (torch.tensor(WHOLE), np.array(CUT))),
    ("transpose_by_hand", (tuple(map(tuple, WHOLE)), [[6.0, 2.0], [12.0, 5.0]])),
    ("transpose_by_hand", (layer(X, KERNEL), layer(X, KERNEL, stride=2, padding=1))),
    ("transpose_sizes", (SIZES, ["a"])),
    ("transpose_sizes", ({letter: list(pair) for letter, pair in SIZES.items()}, "a")),
    ("transpose_sizes", ({letter.upper(): np.array(pair) for letter, pair in SIZES.items()}, {"A"})),
    ("transpose_sizes", ({letter: torch.tensor(pair) for letter, pair in SIZES.items()}, np.array(["(a)"]))),
    ("transpose_phases", ([5, 7], [4, 6, 2], [3, 4, 2, 3, 2])),
    ("transpose_phases", ((7, 5), (2, 4, 6), (1, 4, 4, 3, 2))),
    ("transpose_phases", (torch.tensor([5.0, 7]), np.array([6, 2, 4]), torch.tensor([1, 2, 2, 3, 2]))),
    ("transpose_phases", (np.array([7, 5]), [6, 4, 2], [1, 4, 2, 1.0, 2])),
    ("transpose_bug", (upsample,)),
    ("transpose_bug", (stamped,)),
    ("transpose_bug", (Folded(),)),
    ("transpose_bug", (functools.partial(upsample, turn=True),)),
    ("transpose_bug", (lambda x, weight, stride: F.conv_transpose2d(x, weight, stride=stride),)),
    ("transpose_of_anything", (by_autograd,)),
    ("transpose_of_anything", (by_backward,)),
    ("transpose_of_anything", (by_vjp,)),
    ("transpose_of_anything", (ByGraph,)),
    ("transpose_orthogonal", (HAAR,)),
    ("transpose_orthogonal", ((-HAAR[[2, 0, 3, 1]]).numpy(),)),
    ("transpose_orthogonal", (REFLECTED.view(4, 1, 2, 2),)),
    ("transpose_orthogonal", (ROUNDED.view(4, 1, 2, 2).tolist(),)),
]
WRONG = [
    ("transpose_by_hand", ([[1]], CUT), "makes maps larger"),
    ("transpose_by_hand", (F.conv2d(X[None, None], KERNEL[None, None], padding=1)[0, 0], CUT), "flipped kernel"),
    ("transpose_by_hand", (layer(X, KERNEL.T), CUT), "values of whole are wrong"),
    ("transpose_by_hand", (layer(X, KERNEL.flip(0, 1)), CUT), "flipped kernel"),
    ("transpose_by_hand", (WHOLE, layer(X, KERNEL, stride=2)), "still the whole canvas"),
    ("transpose_by_hand", (WHOLE, KERNEL), "inner part"),
    ("transpose_by_hand", ([[2, 9, 4], [7, 25, 23], [6, 19, 14]], CUT), "1 of the 9"),
    ("transpose_by_hand", (WHOLE, [[25]]), "cut has the shape"),
    ("transpose_by_hand", ("by hand", CUT), "holds numbers"),
    ("transpose_sizes", (SIZES | {"a": (3, 0)}, ["a"]), "a: 9 cells become"),
    ("transpose_sizes", (SIZES | {"b": (0, 0)}, ["a"]), "b: 9 cells become"),
    ("transpose_sizes", (SIZES | {"c": (3, 3)}, ["a"]), "refused by torch"),
    ("transpose_sizes", (SIZES | {"d": (1, 0)}, ["a"]), "d: 6 cells become"),
    ("transpose_sizes", (SIZES, ["a", "b"]), "moves the middle"),
    ("transpose_sizes", (SIZES, []), "moves the middle"),
    ("transpose_sizes", (SIZES, ["z"]), "list of the letters"),
    ("transpose_sizes", (SIZES, 1), "list of letters"),
    ("transpose_sizes", ({"a": (2, 0)}, ["a"]), "no setting for b, c, d"),
    ("transpose_sizes", (SIZES | {"a": (3, 2)}, ["a"]), "a smaller padding"),
    ("transpose_sizes", (SIZES | {"a": (1.5, 0)}, ["a"]), "whole number"),
    ("transpose_phases", ([3, 2], [4, 6, 2], [3, 4, 2, 3, 2]), "sums counts the stamps"),
    ("transpose_phases", ([5, 7], [2, 2, 1], [3, 4, 2, 3, 2]), "sums_3 counts the stamps"),
    ("transpose_phases", ([6, 6], [4, 6, 2], [3, 4, 2, 3, 2]), "sums is not what repeats"),
    ("transpose_phases", ([5, 7], [5, 7, 2], [3, 4, 2, 3, 2]), "sums_3 is not what repeats"),
    ("transpose_phases", ([12], [4, 6, 2], [3, 4, 2, 3, 2]), "has the shape"),
    ("transpose_phases", ([5, 7], [4, 6, 2], [1, 4, 2, 3, 2]), "in 0 weights"),
    ("transpose_phases", ([5, 7], [4, 6, 2], [2, 3, 2, 3, 2]), "in 2 weights"),
    ("transpose_phases", ([5, 7], [4, 6, 2], [1, 6, 2, 3, 2]), "5 and 9 alternate"),
    ("transpose_phases", ([5, 7], [4, 6, 2], [1, 4, 2, 3]), "mended has the shape"),
    ("transpose_phases", ([5, 7], [4, 6, 2], [np.nan, 4, 2, 3, 2]), "a grid is left"),
    ("transpose_bug", (lambda x, w, s: upsample(x, w, s, turn=False, exchange=False),), "differs from torch"),
    ("transpose_bug", (lambda x, w, s: upsample(x, w, s, turn=False),), "turned"),
    ("transpose_bug", (lambda x, w, s: upsample(x, w, s, exchange=False),), "look at the channels"),
    ("transpose_bug", (only_turned,), "look at the channels"),
    ("transpose_bug", (lambda x, w, s: upsample(x, w, 2),), "has the shape"),
    ("transpose_bug", (spoils_input,), "changed its input"),
    ("transpose_bug", (lambda x, w, s: upsample(x, w, s) + 0.001,), "differs from torch's by up to 0.001"),
    ("transpose_bug", (functools.partial(stamped, kind=torch.float32),), "returned torch.float32 for an input of"),
    ("transpose_bug", (zeros_in_32_bits,), "raised RuntimeError"),
    ("transpose_bug", (lambda x, w, s: upsample(x, w, s).numpy(),), "a tensor is asked for"),
    ("transpose_bug", (first_image_only,), "differs from torch's"),
    ("transpose_of_anything", (lambda f, shape: lambda z: z.new_zeros(shape),), "all zeros"),
    ("transpose_of_anything", (lambda f, shape: lambda z: by_autograd(f, shape)(z).flatten(),), "back to the input's"),
    ("transpose_of_anything", (lambda f, shape: lambda z: z.new_ones(shape),), "not the transposed matrix"),
    ("transpose_of_anything", (inverse,), "inverts f"),
    ("transpose_of_anything", (by_matrix,), "builds its matrix"),
    ("transpose_of_anything", (remembers,), "not the transposed matrix"),
    ("transpose_of_anything", (in_32_bits,), "returned torch.float32"),
    ("transpose_of_anything", (lambda f, shape: lambda z: torch.zeros(shape),), "returned torch.float32"),
    ("transpose_of_anything", (lambda f, shape: torch.zeros(shape),), "a function is asked for"),
    ("transpose_of_anything", (lambda f, shape: f,), "transpose_of"),
    ("transpose_orthogonal", (torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(1)),), "scalar product"),
    ("transpose_orthogonal", (2 * HAAR,), "lengths squared"),
    ("transpose_orthogonal", (torch.ones(4, 1, 2, 2) / 2,), "scalar product"),
    ("transpose_orthogonal", (HAAR.view(4, 4),), "has the shape"),
    ("transpose_orthogonal", (torch.zeros(4, 1, 2, 2),), "lengths squared"),
    ("transpose_orthogonal", (HAAR * torch.tensor([1.0, 1, 1, 0]).view(4, 1, 1, 1),), "lengths squared"),
    ("transpose_orthogonal", (EYE,), "12 of the 16 weights are zero"),
    ("transpose_orthogonal", (PARTLY.view(4, 1, 2, 2),), "8 of the 16 weights are zero"),
    ("transpose_orthogonal", (HAAR * np.nan,), "no finite numbers"),
]
