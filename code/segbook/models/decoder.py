"""DeepLabv3+: a decoder that draws what ASPP knows along the edges of an early feature (Chen et al. 2018)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from segbook.models.aspp import ASPP, rates_for
from segbook.models.layers import conv_bn_relu, resize, resize_to_centres, score


class DeepLabV3PlusHead(nn.Module):
    """ASPP on the coarse feature, joined with the fine one: (N, L, H/4, W/4), (N, C, h, w) -> (N, K, H/4, W/4)::

        fine    -> 1x1 ------------------------.
                                               +-> concat -> 3x3 -> 3x3 -> 1x1
        coarse  -> ASPP -> resize to the fine -'

    Args:
        low_channels, in_channels: channels L of the fine and C of the coarse feature.
        output_stride: of the coarse feature; sets ASPP's rates where `atrous_rates` does not.
        head_width: channels of ASPP and of the 3x3 convolutions.
        low_level_channels: channels that the fine feature is cut down to, lest its many outweigh those of ASPP.
        decoder_convs: how many 3x3 convolutions follow the concatenation, 1 or more; the paper measured one to three.
        separable: depthwise-separable 3x3 convolutions, in ASPP and decoder.
        align_corners, align_centres: of the resize, see Segmenter.

    Source: Chen et al. 2018, figure 2 and tables 1 and 2; order of the concatenation as in DeepLab's model.py.
    """

    def __init__(
        self,
        low_channels: int,
        in_channels: int,
        num_classes: int,
        *,
        output_stride: int = 16,
        atrous_rates: Sequence[int] | None = None,
        separable: bool = False,
        decoder_convs: int = 2,
        head_width: int = 256,
        low_level_channels: int = 48,
        align_corners: bool = False,
        align_centres: bool = False,
    ):
        super().__init__()
        if decoder_convs < 1:
            raise ValueError(f"decoder_convs is at least 1, got {decoder_convs}")
        rates = rates_for(output_stride) if atrous_rates is None else atrous_rates
        self.aspp = ASPP(in_channels, rates, head_width, separable)
        self.reduce = nn.Sequential(*conv_bn_relu(low_channels, low_level_channels, 1))
        self.fuse = nn.Sequential(*conv_bn_relu(head_width + low_level_channels, head_width, 3, separable=separable))
        for _ in range(decoder_convs - 1):
            self.fuse.extend(conv_bn_relu(head_width, head_width, 3, separable=separable))
        self.score = score(head_width, num_classes)
        self.align_corners = align_corners
        self.ratio = output_stride // 4 if align_centres else None

    def forward(self, low: Tensor, x: Tensor) -> Tensor:
        low = self.reduce(low)  # (N, 48, H / 4, W / 4)
        x = self.aspp(x)  # (N, 256, h, w)
        # (N, 256, H / 4, W / 4)
        x = resize_to_centres(x, low, self.ratio) if self.ratio else resize(x, low, self.align_corners)
        x = torch.cat([x, low], dim=1)  # (N, 304, H / 4, W / 4)
        return self.score(self.fuse(x))  # (N, K, H / 4, W / 4)
