"""Answers to chapter 3: right ones in several forms; wrong ones, each with a part of what is said to them."""

import numpy as np
import torch
import torch.nn.functional as F

WHOLE, CUT = [[1, 2, 0], [5, 5, 2], [6, 3, 0]], [[1, 4], [0, 0]]
SIZES = {"a": (2, 0), "b": (1, 1), "c": (2, 1), "d": (2, 1)}


def enlarge(x, weight, stride, turn=True, exchange=True):
    n, channels, h, w = x.shape
    spread = x.new_zeros(n, channels, (h - 1) * stride + 1, (w - 1) * stride + 1)
    spread[..., ::stride, ::stride] = x
    kernel = weight.flip(-1, -2) if turn else weight
    kernel = kernel.transpose(0, 1) if exchange else kernel
    return F.conv2d(spread, kernel, padding=weight.shape[-1] - 1)


def stamped(x, weight, stride):
    n, _, h, w = x.shape
    k = weight.shape[-1]
    out = np.zeros((n, weight.shape[1], (h - 1) * stride + k, (w - 1) * stride + k))
    for i in range(h):
        for j in range(w):
            stamp = np.einsum("nc,cdab->ndab", x[:, :, i, j].numpy(), weight.numpy())
            out[:, :, i * stride : i * stride + k, j * stride : j * stride + k] += stamp
    return out


def only_turned(x, weight, stride):
    return (
        enlarge(x, weight.transpose(0, 1), stride) if weight.shape[0] == weight.shape[1] else enlarge(x, weight, stride)
    )


def spoils_input(x, weight, stride):
    out = enlarge(x, weight, stride)
    x.zero_()
    return out


def by_autograd(f, in_shape):
    def transposed(v):
        u = torch.zeros(in_shape, dtype=v.dtype, requires_grad=True)
        return torch.autograd.grad(f(u), u, v)[0]

    return transposed


def by_matrix(f, in_shape):
    size = int(np.prod(in_shape))
    columns = [f(e.view(in_shape)).flatten() for e in torch.eye(size, dtype=torch.float64)]
    matrix = torch.stack(columns, 1)
    return lambda v: (matrix.T @ v.flatten()).view(in_shape).numpy()


def zeros(f, in_shape):
    return lambda v: torch.zeros(in_shape)


def flat(f, in_shape):
    return lambda v: by_autograd(f, in_shape)(v).flatten()


def inverse(f, in_shape):
    size = int(np.prod(in_shape))
    columns = [f(e.view(in_shape)).flatten() for e in torch.eye(size, dtype=torch.float64)]
    matrix = torch.stack(columns, 1)
    return lambda v: (torch.linalg.pinv(matrix) @ v.flatten()).view(in_shape)


HAAR = torch.tensor([[1.0, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]]).view(4, 1, 2, 2) / 2
RIGHT = [
    ("transpose_by_hand", (WHOLE, CUT)),
    ("transpose_by_hand", (torch.tensor(WHOLE), np.array(CUT))),
    ("transpose_sizes", (SIZES, ["a"])),
    ("transpose_sizes", ({letter: list(pair) for letter, pair in SIZES.items()}, "a")),
    ("transpose_bug", (enlarge,)),
    ("transpose_bug", (stamped,)),
    ("transpose_bug", (lambda x, weight, stride: F.conv_transpose2d(x, weight, stride=stride),)),
    ("transpose_of_anything", (by_autograd,)),
    ("transpose_of_anything", (by_matrix,)),
    ("transpose_grid", ([5], {2: 0.001, 5: 0.03, 6: 0.002})),
    ("transpose_grid", (5, {2: torch.tensor(0.0), 5: np.float64(0.04), 6: 0.005, 7: 0.008})),
    ("transpose_orthogonal", (HAAR,)),
    ("transpose_orthogonal", (torch.eye(4).view(4, 1, 2, 2).numpy(),)),
]
WRONG = [
    ("transpose_by_hand", ([[1]], CUT), "makes maps larger"),
    ("transpose_by_hand", ([[1, 3, 2], [3, 7, 4], [0, 3, 0]], CUT), "values of whole are wrong"),
    (
        "transpose_by_hand",
        (F.conv_transpose2d(torch.tensor([[[[1.0, 2], [3, 0]]]]), torch.tensor([[[[1.0, 2], [0, 1]]]]))[0, 0], CUT),
        "flipped kernel",
    ),
    ("transpose_by_hand", (WHOLE, [[1, 0, 2, 0], [2, 1, 4, 2], [3, 0, 0, 0], [6, 3, 0, 0]]), "still the whole canvas"),
    ("transpose_by_hand", (WHOLE, [[1, 0], [2, 1]]), "inner part"),
    ("transpose_by_hand", ([[1, 2, 0], [5, 5, 2], [6, 3, 1]], CUT), "1 of the 9"),
    ("transpose_sizes", (SIZES | {"a": (3, 0)}, ["a"]), "a: 9 cells become"),
    ("transpose_sizes", (SIZES | {"b": (0, 0)}, ["a"]), "b: 9 cells become"),
    ("transpose_sizes", (SIZES | {"c": (3, 3)}, ["a"]), "refused by torch"),
    ("transpose_sizes", (SIZES | {"d": (1, 0)}, ["a"]), "d: 6 cells become"),
    ("transpose_sizes", (SIZES, ["a", "b"]), "moves the middle"),
    ("transpose_sizes", (SIZES, []), "moves the middle"),
    ("transpose_sizes", ({"a": (2, 0)}, ["a"]), "no setting for b, c, d"),
    ("transpose_sizes", (SIZES | {"a": (3, 2)}, ["a"]), "a smaller padding"),
    ("transpose_bug", (lambda x, w, s: enlarge(x, w, s, turn=False, exchange=False),), "differs from torch"),
    ("transpose_bug", (lambda x, w, s: enlarge(x, w, s, turn=False),), "turned"),
    ("transpose_bug", (lambda x, w, s: enlarge(x, w, s, exchange=False),), "look at the channels"),
    ("transpose_bug", (only_turned,), "look at the channels"),
    ("transpose_bug", (lambda x, w, s: enlarge(x, w, 2),), "has the shape"),
    ("transpose_bug", (spoils_input,), "changed its input"),
    ("transpose_bug", (lambda x, w, s: enlarge(x, w, s) + 0.01,), "differs from torch's by up to 0.01"),
    ("transpose_of_anything", (zeros,), "returns zeros"),
    ("transpose_of_anything", (flat,), "goes back to the input's"),
    ("transpose_of_anything", (lambda f, shape: lambda v: torch.ones(shape),), "<f(u), v> is"),
    ("transpose_of_anything", (inverse,), "inverts f"),
    ("transpose_of_anything", (lambda f, shape: torch.zeros(shape),), "a function is asked for"),
    ("transpose_of_anything", (lambda f, shape: f,), "transpose_of"),
    ("transpose_grid", ([2, 5], {2: 0.001, 5: 0.03, 6: 0.002}), "the prediction differs"),
    ("transpose_grid", ([5, 6], {2: 0.001, 5: 0.03, 6: 0.002}), "the prediction differs"),
    ("transpose_grid", ([5], {2: 0.001, 5: 0.03, 6: 0.05}), "kernel 6 keeps"),
    ("transpose_grid", ([5], {2: 0.001, 5: 0.003, 6: 0.005}), "kernel 5 keeps only"),
    ("transpose_grid", ([3], {2: 0.001, 5: 0.03, 6: 0.002}), "out of 2, 5 and 6"),
    ("transpose_grid", ([5], {5: 0.03}), "nothing for kernel 2"),
    ("transpose_grid", ([5], {2: -1, 5: 0.03, 6: 0}), "between 0 and 1"),
    ("transpose_grid", ([5], {2: 0.1, 5: 3, 6: 0.2}), "between 0 and 1"),
    ("transpose_orthogonal", (torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(1)),), "scalar product"),
    ("transpose_orthogonal", (2 * HAAR,), "lengths squared"),
    ("transpose_orthogonal", (torch.ones(4, 1, 2, 2) / 2,), "scalar product"),
    ("transpose_orthogonal", (HAAR.view(4, 4),), "has the shape"),
    ("transpose_orthogonal", (torch.zeros(4, 1, 2, 2),), "lengths squared"),
    ("transpose_orthogonal", (HAAR * torch.tensor([1.0, 1, 1, 0]).view(4, 1, 1, 1),), "lengths squared"),
]
