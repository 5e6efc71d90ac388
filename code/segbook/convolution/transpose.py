"""Transposed convolution, three times: by stamping, through the transposed matrix, and fast.

Every input cell puts its kernel, scaled by its value, on an empty canvas, one stride further than the cell before.
`padding` cuts cells off every side, `output_padding` cuts fewer off the bottom and the right. See chapter 3.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from segbook.convolution.geometry import conv_output_size, conv_transpose_output_size

Pair = tuple[int, int]


def conv_matrix(
    weight: Tensor, in_size: int | Pair, stride: int | Pair = 1, padding: int | Pair = 0, dilation: int | Pair = 1
) -> Tensor:
    """The matrix M of a convolution: `M @ x.flatten()` equals `conv2d(x, weight, ...).flatten()`.

    One row for each output value, one column for each input value. It is dense, for looking at and for small checks:
    a 3x3 layer with 64 channels on a 56x56 map would need 160 GB. Differentiable with respect to `weight`.

    >>> conv_matrix(torch.tensor([[[[1.0, 2.0]]]]), in_size=(1, 3))
    tensor([[1., 2., 0.],
            [0., 1., 2.]])

    `weight` is (out_channels, in_channels, kernel height, kernel width), as conv2d takes it. Returns M, shaped
    (out_channels * out height * out width, in_channels * in height * in width).
    Raises ValueError for a weight that is not 4-dimensional, or a kernel that does not fit into the padded input.
    """
    if weight.dim() != 4:
        raise ValueError(f"conv_matrix needs weight (out, in, height, width), got shape {tuple(weight.shape)}")
    (h, w), (sh, sw), (ph, pw), (dh, dw) = map(_pair, (in_size, stride, padding, dilation))
    out_channels, in_channels, kh, kw = weight.shape
    out_h, out_w = conv_output_size(h, kh, sh, ph, dh), conv_output_size(w, kw, sw, pw, dw)
    matrix = weight.new_zeros(out_channels, out_h, out_w, in_channels, h + 2 * ph, w + 2 * pw)
    for i in range(out_h):
        for j in range(out_w):
            # the input cells that output (i, j) sees
            rows = slice(i * sh, i * sh + dh * (kh - 1) + 1, dh)
            columns = slice(j * sw, j * sw + dw * (kw - 1) + 1, dw)
            matrix[:, i, j, :, rows, columns] = weight
    matrix = matrix[..., ph : ph + h, pw : pw + w]  # padded cells are zero: their columns do nothing
    return matrix.reshape(out_channels * out_h * out_w, in_channels * h * w)


def conv_transpose2d(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
) -> Tensor:
    """Transposed convolution, fast: one matrix product makes all stamps, `fold` adds them up.

    >>> conv_transpose2d(torch.tensor([[[[1.0, 10.0]]]]), torch.ones(1, 1, 1, 3), stride=2)
    tensor([[[[ 1.,  1., 11., 10., 10.]]]])

    Args:
        x: (N, in_channels, h, w), or (in_channels, h, w) without a batch.
        weight: (in_channels, out_channels / groups, kernel height, kernel width). The input channels come first.
        bias: (out_channels,).
        stride: cells from one stamp to the next, in the output.
        padding: cells cut off each side of the output.
        output_padding: cells fewer to cut off at the bottom and the right; less than max(stride, dilation).
        groups: input and output channels are split into this many independent blocks.
        dilation: cells from one kernel weight to the next. Like all sizes, one number or (height, width).

    Returns (N, out_channels, H, W), or without N as x, with H = `conv_transpose_output_size(h, ...)`.
    Raises ValueError for shapes that do not fit together, a too large output_padding, an empty output.
    Source: torch.nn.functional.conv_transpose2d, same signature and values; GEMM + col2im as in Caffe.
    """
    return _in_groups(gemm_col2im, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d_stamp(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
) -> Tensor:
    """`conv_transpose2d` by its definition: a loop that stamps one kernel for each input cell. Slow."""
    return _in_groups(stamp, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d_matrix(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
) -> Tensor:
    """`conv_transpose2d` by its name: the transpose of `conv_matrix` applied to x. For small sizes."""
    return _in_groups(transposed_matrix, x, weight, bias, stride, padding, output_padding, groups, dilation)


# The three ways. x (N, g, I, h, w) and weight (g, I, O, kh, kw), in g groups, give (N, g, O, *size).


def stamp(x: Tensor, weight: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Tensor:
    """All stamps, one after the other, and then the padding cut off."""
    (height, width), (sh, sw), (ph, pw), (dh, dw), (kh, kw) = size, stride, padding, dilation, weight.shape[-2:]
    canvas = x.new_zeros(*x.shape[:2], weight.shape[2], height + 2 * ph, width + 2 * pw)
    for i in range(x.shape[-2]):
        for j in range(x.shape[-1]):
            rows = slice(i * sh, i * sh + dh * (kh - 1) + 1, dh)
            columns = slice(j * sw, j * sw + dw * (kw - 1) + 1, dw)
            # every output channel o: the kernels of all input channels i, each times its value
            canvas[..., rows, columns] += torch.einsum("ngi,giokl->ngokl", x[..., i, j], weight)
    return canvas[..., ph : ph + height, pw : pw + width]


def transposed_matrix(x: Tensor, weight: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Tensor:
    """Mᵀx, where M is the convolution that takes the output's shape to that of x."""
    groups = []
    for x_group, weight_group in zip(x.unbind(1), weight):
        matrix = conv_matrix(weight_group, size, stride, padding, dilation)  # (I * h * w, O * H * W)
        groups.append(x_group.flatten(1) @ matrix)  # a row times M is Mᵀ times a column
    return torch.stack(groups, 1).view(*x.shape[:2], weight.shape[2], *size)


def gemm_col2im(x: Tensor, weight: Tensor, size: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Tensor:
    """One matrix product, and `fold`, which leaves out the padding as it adds."""
    stamps = weight.flatten(2).mT @ x.flatten(3)  # (N, g, O * kh * kw, h * w): column p is the stamp of cell p
    output = F.fold(stamps.flatten(1, 2), size, weight.shape[-2:], dilation, padding, stride)
    return output.unflatten(1, (x.shape[1], -1))


def _in_groups(
    way: Callable, x: Tensor, weight: Tensor, bias: Tensor | None, stride, padding, output_padding, groups, dilation
) -> Tensor:
    """What the three ways share: checks, groups, output_padding, the bias."""
    if x.dim() not in (3, 4) or weight.dim() != 4 or x.shape[-3] != weight.shape[0]:
        raise ValueError(
            "a transposed convolution needs x (N, in, h, w) or (in, h, w) and weight (in, out / groups, height, width)"
            f", input channels first, got shapes {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    if groups < 1 or len(weight) % groups:
        raise ValueError(f"groups={groups} does not divide the {len(weight)} input channels")
    channels = weight.shape[1] * groups
    if bias is not None and bias.shape != (channels,):
        raise ValueError(f"bias needs one value for each of {channels} output channels, got {tuple(bias.shape)}")
    stride, padding, output_padding, dilation = map(_pair, (stride, padding, output_padding, dilation))
    settings = zip(x.shape[-2:], weight.shape[-2:], stride, padding, output_padding, dilation)
    height, width = (conv_transpose_output_size(*setting) for setting in settings)
    down, right = (-(-extra // step) for extra, step in zip(output_padding, stride))
    batch = F.pad(x if x.dim() == 4 else x[None], (0, right, 0, down))  # zeros stamp nothing, but make room ...
    size = height + down * stride[0] - output_padding[0], width + right * stride[1] - output_padding[1]
    output = way(batch.unflatten(1, (groups, -1)), weight.unflatten(0, (groups, -1)), size, stride, padding, dilation)
    output = output.flatten(1, 2)[..., :height, :width].contiguous()  # ... for output_padding, and perhaps some more
    if bias is not None:
        output = output + bias[:, None, None]
    return output if x.dim() == 4 else output[0]


def _pair(value: int | Pair) -> Pair:
    """One number twice, or the two numbers given: height first."""
    return (value, value) if isinstance(value, int) else value
