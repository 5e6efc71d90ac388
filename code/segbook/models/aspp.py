"""DeepLabv3: atrous spatial pyramid pooling, the same map read at several scales at once (Chen et al. 2017)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segbook.models.layers import conv_bn_relu, resize, score


def rates_for(output_stride: int) -> tuple[int, ...]:
    """The published rates: 6, 12, 18 at output stride 16 and 12, 24, 36 at 8, in pixels 96, 192 and 288 both times."""
    return tuple(pixels // output_stride for pixels in (96, 192, 288))


class ImagePooling(nn.Sequential):
    """The mean over the whole image, seen from every cell: (N, C, h, w) -> (N, D, h, w), constant in h and w.

    In training its batch norm sees one value an image, so a batch needs two.
    """

    def __init__(self, in_channels: int, out_channels: int):
        super().__init__(nn.AdaptiveAvgPool2d(1), *conv_bn_relu(in_channels, out_channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        pooled = super().forward(x)  # (N, D, 1, 1)
        return resize(pooled, x)  # (N, D, h, w); from one cell every resize gives the same


class ASPP(nn.Module):
    """1x1, one 3x3 for each rate and image pooling, side by side: (N, C, h, w) -> (N, out_channels, h, w).

    A 3x3 whose rate is as large as the map has eight of its nine taps in the padding: it has become a 1x1. That is
    why the image is pooled as well: a mean reaches everything, whatever the size.

    Args:
        rates: dilations of the 3x3 convolutions, in cells of the map, 1 or more; () leaves the 1x1 and the pooling.
        separable: depthwise-separable 3x3 convolutions (Chen et al. 2018).

    Source: torchvision/models/segmentation/deeplabv3.py, in its order (pooling last) and with its names.
    """

    def __init__(self, in_channels: int, rates: Sequence[int], out_channels: int = 256, separable: bool = False):
        super().__init__()
        if min(rates, default=1) < 1:
            raise ValueError(f"atrous_rates are at least 1 each, got {tuple(rates)}")
        self.convs = nn.ModuleList([nn.Sequential(*conv_bn_relu(in_channels, out_channels, 1))])
        for rate in rates:
            branch = conv_bn_relu(in_channels, out_channels, 3, dilation=rate, separable=separable)
            self.convs.append(nn.Sequential(*branch))
        self.convs.append(ImagePooling(in_channels, out_channels))
        self.project = nn.Sequential(*conv_bn_relu(len(self.convs) * out_channels, out_channels, 1), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([branch(x) for branch in self.convs], dim=1)  # (N, 5 D, h, w) with three rates
        return self.project(x)  # (N, D, h, w)


class DeepLabV3Head(nn.Sequential):
    """ASPP -> 3x3 -> 1x1: (N, C, h, w) -> (N, K, h, w).

    Args:
        output_stride: of the map; sets ASPP's rates where `atrous_rates` does not.
        separable: depthwise-separable 3x3 convolutions, in ASPP and behind it.
        head_width: channels of each of ASPP's branches and of what follows.
        head_convs: how many 3x3: one in torchvision, none in the paper and in Google's MobileNetV2.

    Source: torchvision/models/segmentation/deeplabv3.py.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        output_stride: int = 16,
        atrous_rates: Sequence[int] | None = None,
        separable: bool = False,
        head_width: int = 256,
        head_convs: int = 1,
    ):
        rates = rates_for(output_stride) if atrous_rates is None else atrous_rates
        super().__init__(ASPP(in_channels, rates, head_width, separable))
        for _ in range(head_convs):
            self.extend(conv_bn_relu(head_width, head_width, 3, separable=separable))
        self.append(score(head_width, num_classes))
