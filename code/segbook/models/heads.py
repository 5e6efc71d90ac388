"""The heads of FCNs without skips, in two dialects: torchvision's and MMSegmentation's."""

import torch
from torch import Tensor, nn

from segbook.models.layers import conv_bn_relu, score


class FCNHead(nn.Sequential):
    """3x3 to a quarter of the channels -> dropout -> 1x1: (N, C, h, w) -> (N, K, h, w).

    `dropout` leaves out single values (nn.Dropout, torchvision) or whole channels (nn.Dropout2d, MMSegmentation).

    Source: torchvision/models/segmentation/fcn.py; MMSegmentation's auxiliary head has the same layers.
    """

    def __init__(self, in_channels: int, num_classes: int, dropout: type[nn.Module] = nn.Dropout):
        width = in_channels // 4
        super().__init__(*conv_bn_relu(in_channels, width, 3), dropout(0.1), score(width, num_classes))


class FCNConcatHead(nn.Module):
    """Two 3x3, the input set beside their result, one more 3x3, 1x1: (N, C, h, w) -> (N, K, h, w).

    `head_width` channels inside, a quarter of the input's if not given, as published.

    Source: MMSegmentation's FCNHead with num_convs=2, concat_input=True: `decode_head` of fcn_r50-d8.
    """

    def __init__(self, in_channels: int, num_classes: int, *, head_width: int | None = None):
        super().__init__()
        width = head_width or in_channels // 4
        self.convs = nn.Sequential(*conv_bn_relu(in_channels, width, 3), *conv_bn_relu(width, width, 3))
        self.fuse = nn.Sequential(*conv_bn_relu(in_channels + width, width, 3))
        self.dropout = nn.Dropout2d(0.1)
        self.score = score(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, self.convs(x)], dim=1)  # (N, C + width, h, w), the input first
        x = self.fuse(x)  # (N, width, h, w)
        return self.score(self.dropout(x))  # (N, K, h, w)
