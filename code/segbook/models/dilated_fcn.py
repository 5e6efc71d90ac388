"""FCNs without skips: a dilated ResNet and a head at stride 8. Two dialects, torchvision's and MMSegmentation's."""

from collections.abc import Callable, Sequence

from torch import nn

from segbook.models.heads import FCNConcatHead, FCNHead
from segbook.models.resnet import ResNet
from segbook.models.segmenter import Segmenter, segmenter


def fcn_torchvision(
    backbone: Callable[..., ResNet],
    num_classes: int = 21,
    *,
    aux: bool = True,
    stem: str = "7x7",
    output_stride: int = 8,
    contract_dilation: bool = True,
    multi_grid: Sequence[int] | None = None,
    align_corners: bool = False,
) -> Segmenter:
    """torchvision's FCN: one 3x3 and a 1x1 on the last feature, the same on the last but one while training.

    Source: torchvision/models/segmentation/fcn.py; `aux` adds the auxiliary head, the other options are ResNet's.
    """
    features = backbone(
        stem=stem, output_stride=output_stride, contract_dilation=contract_dilation, multi_grid=multi_grid
    )
    aux_channels, channels = features.channels[-2:]
    head = FCNHead(channels, num_classes, width=channels // 4)
    aux_head = FCNHead(aux_channels, num_classes, width=aux_channels // 4) if aux else None
    return segmenter(features, head, aux_head, align_corners)


def fcn_mmseg(
    backbone: Callable[..., ResNet],
    num_classes: int = 21,
    *,
    aux: bool = True,
    stem: str = "v1c",
    output_stride: int = 8,
    contract_dilation: bool = True,
    multi_grid: Sequence[int] | None = None,
    head_width: int | None = None,
    aux_width: int | None = None,
    align_corners: bool = False,
) -> Segmenter:
    """MMSegmentation's FCN `*-d8`: two 3x3, concatenated with their input, one more 3x3 and a 1x1.

    Args:
        head_width, aux_width: channels inside the heads, by default a quarter of their inputs', as published.

    Source: mmseg/models/decode_heads/fcn_head.py and configs/_base_/models/fcn_r50-d8.py.
    """
    features = backbone(
        stem=stem, output_stride=output_stride, contract_dilation=contract_dilation, multi_grid=multi_grid
    )
    aux_channels, channels = features.channels[-2:]
    head = FCNConcatHead(channels, num_classes, width=head_width or channels // 4)
    aux_head = None
    if aux:
        aux_head = FCNHead(aux_channels, num_classes, width=aux_width or aux_channels // 4, dropout=nn.Dropout2d)
    return segmenter(features, head, aux_head, align_corners)
