"""Bilinear interpolation as a layer: the kernel, the matrix, and an upsampler in three equal forms (chapter 4)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FORMS = ("separable", "grouped", "dense")


def bilinear_kernel(in_channels: int, out_channels: int, kernel_size: int) -> Tensor:
    """Transposed-convolution weights that interpolate bilinearly; off-diagonal kernels are zero: no channel is mixed.

    The kernel's size alone sets the factor it interpolates for, f = (kernel_size + 1) // 2, so use it with stride f;
    any other stride scales the image's brightness.

    >>> bilinear_kernel(1, 1, 4)[0, 0, 1]
    tensor([0.1875, 0.5625, 0.5625, 0.1875])

    Returns weights (in_channels, out_channels, kernel_size, kernel_size), float32; where the numbers of channels
    differ, the extra ones stay zero. Odd kernels peak on a cell, even ones between two. ValueError for a size below 1.
    Source: Long et al. 2015, section 3.3; same values as Dive into Deep Learning, section 14.11.
    """
    if min(in_channels, out_channels, kernel_size) < 1:
        raise ValueError(
            f"bilinear_kernel needs sizes of at least 1, got {in_channels}, {out_channels} and {kernel_size}"
        )
    factor = (kernel_size + 1) // 2
    centre = (kernel_size - 1) / 2  # on a cell if kernel_size is odd, between two if it is even
    tent = 1 - (torch.arange(kernel_size) - centre).abs() / factor  # (k,)
    weight = torch.zeros(in_channels, out_channels, kernel_size, kernel_size)
    diagonal = range(min(in_channels, out_channels))
    weight[diagonal, diagonal] = torch.outer(tent, tent)  # rank one: see BilinearUpsample
    return weight


def bilinear_matrix(size: int, factor: int) -> Tensor:
    """Interpolation of `size` samples by `factor` in one dimension, as a matrix of shape (factor * size, size).

    Row r holds the weights with which output r sees the samples. Output r lies at (r + 1/2) / factor - 1/2, counted
    in samples, for odd and even factors alike, and a sample at distance d counts max(0, 1 - d). Rows near the border
    add up to less than 1: beyond the last sample there is nothing. float32, at most two non-zero weights a row.

    >>> bilinear_matrix(size=2, factor=2)
    tensor([[0.7500, 0.0000],
            [0.7500, 0.2500],
            [0.2500, 0.7500],
            [0.0000, 0.7500]])
    """
    output, sample = torch.arange(factor * size), torch.arange(size)
    half_steps = 2 * output[:, None] + 1 - factor - 2 * factor * sample  # whole numbers: no rounding on large maps
    return (1 - half_steps.abs() / (2 * factor)).clamp(min=0)  # (factor * size, size)


class BilinearUpsample(nn.Module):
    """Upsamples (N, C, H, W) to (N, C, factor * H, factor * W) by the bilinear transposed convolution.

    Kernel 2f, padding f/2 for even factors; kernel 2f - 1, padding (f - 1)/2 for odd ones. Inside, this equals
    F.interpolate(align_corners=False); near the border it fades towards zero, by f // 2 outputs on each side.

    >>> BilinearUpsample(21, factor=32)(torch.zeros(1, 21, 10, 15)).shape
    torch.Size([1, 21, 320, 480])

    Args:
        channels, factor: whole numbers, at least 1; factor 1 returns the input's values.
        form: how the same map is computed. "separable": two small matrix products, no stored weights; the fastest,
            always frozen, and an infinity or NaN in the input spoils its whole row and column of the output.
            "grouped": one k x k kernel for each channel, weight (C, 1, k, k). "dense": C x C kernels, weight
            (C, C, k, k), zero off the diagonal: D2L's layer and the original FCN's, whose channels may learn to mix.
        learnable: makes the weight a parameter (grouped or dense). Otherwise it is a buffer that no checkpoint holds.
        normalise: divides by the bilinear kernel's mass inside the image: the result equals F.interpolate everywhere.
            The divisor depends on position only: it does not follow a learned weight.

    Raises ValueError for a wrong argument or shape, TypeError for an input that is not floating.
    Source: Long et al. 2015, section 3.3; the separable form uses that the kernel has rank one.
    """

    def __init__(
        self, channels: int, factor: int, form: str = "separable", learnable: bool = False, normalise: bool = False
    ) -> None:
        super().__init__()
        if int(channels) != channels or int(factor) != factor or min(channels, factor) < 1:
            raise ValueError(f"BilinearUpsample needs whole numbers of at least 1, got {channels=} and {factor=}")
        if form not in FORMS or (learnable and form == "separable"):
            raise ValueError(f"the forms are {', '.join(FORMS)}, the last two learnable, got {form=} and {learnable=}")
        self.channels, self.factor, self.form = int(channels), int(factor), form
        self.learnable, self.normalise = learnable, normalise
        self.kernel_size, self.padding = 2 * self.factor - self.factor % 2, self.factor // 2
        if form == "grouped":
            weight = bilinear_kernel(1, 1, self.kernel_size).repeat(self.channels, 1, 1, 1)  # (C, 1, k, k)
        elif form == "dense":
            weight = bilinear_kernel(self.channels, self.channels, self.kernel_size)  # (C, C, k, k)
        if learnable:
            self.weight = nn.Parameter(weight)
        elif form != "separable":
            self.register_buffer("weight", weight, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(f"BilinearUpsample expects (N, {self.channels}, H, W), got {tuple(x.shape)}")
        if not x.is_floating_point():
            raise TypeError(f"BilinearUpsample interpolates floating maps, got {x.dtype}; resize labels by nearest")
        rows, columns = (bilinear_matrix(size, self.factor).to(x) for size in x.shape[2:])  # (fH, H), (fW, W)
        if self.form == "separable":
            if self.normalise:
                rows = rows / rows.sum(1, keepdim=True)
                columns = columns / columns.sum(1, keepdim=True)
            return rows @ (x @ columns.T)  # (N, C, H, fW), then (N, C, fH, fW)
        groups = self.channels if self.form == "grouped" else 1
        y = F.conv_transpose2d(x, self.weight.to(x), stride=self.factor, padding=self.padding, groups=groups)
        # divided by the mass that lies inside the image, 1 in the interior
        return y / torch.outer(rows.sum(1), columns.sum(1)) if self.normalise else y

    def extra_repr(self) -> str:
        options = f"form={self.form!r}, learnable={self.learnable}, normalise={self.normalise}"
        return f"{self.channels}, factor={self.factor}, {options}"
