"""DeepLabv3 and DeepLabv3+ by name: which backbone, which head, which rates."""

from collections.abc import Callable, Sequence

from segbook.models.aspp import DeepLabV3Head, rates_for
from segbook.models.decoder import DeepLabV3Plus
from segbook.models.heads import FCNHead
from segbook.models.mobilenet import MobileNetV2
from segbook.models.resnet import ResNet
from segbook.models.segmenter import Segmenter, segmenter


def deeplabv3(
    backbone: Callable[..., ResNet],
    num_classes: int = 21,
    *,
    aux: bool = True,
    stem: str = "7x7",
    output_stride: int = 8,
    contract_dilation: bool = True,
    multi_grid: Sequence[int] | None = None,
    atrous_rates: Sequence[int] | None = None,
    separable: bool = False,
    head_width: int = 256,
    align_corners: bool = False,
) -> Segmenter:
    """DeepLabv3 as torchvision builds it: dilated ResNet, ASPP, one 3x3, 1x1, resize.

    Args:
        atrous_rates: of ASPP, by default 12, 24, 36 at output stride 8 and half of them at 16.
        separable: depthwise-separable 3x3 convolutions in the head.
        head_width: channels of each of ASPP's branches and of what follows.

    Source: Chen et al. 2017; torchvision/models/segmentation/deeplabv3.py.
    """
    features = backbone(
        stem=stem, output_stride=output_stride, contract_dilation=contract_dilation, multi_grid=multi_grid
    )
    aux_channels, channels = features.channels[-2:]
    rates = rates_for(output_stride, atrous_rates)
    head = DeepLabV3Head(channels, num_classes, rates, head_width, separable)
    aux_head = FCNHead(aux_channels, num_classes, width=aux_channels // 4) if aux else None
    return segmenter(features, head, aux_head, align_corners)


def deeplabv3plus(
    backbone: Callable[..., ResNet],
    num_classes: int = 21,
    *,
    stem: str = "7x7",
    output_stride: int = 16,
    contract_dilation: bool = True,
    multi_grid: Sequence[int] | None = None,
    atrous_rates: Sequence[int] | None = None,
    separable: bool = False,
    decoder_convs: int = 2,
    head_width: int = 256,
    low_level_channels: int = 48,
    align_corners: bool = False,
) -> Segmenter:
    """DeepLabv3+: dilated ResNet, ASPP, decoder at stride 4, resize.

    Args:
        atrous_rates: of ASPP, by default 6, 12, 18 at output stride 16 and twice as much at 8.
        separable: depthwise-separable 3x3 convolutions in ASPP and decoder.
        decoder_convs: 3x3 convolutions behind the concatenation.
        head_width: channels of ASPP and decoder.
        low_level_channels: channels that the first stage's feature is cut down to.

    Source: Chen et al. 2018.
    """
    features = backbone(
        stem=stem, output_stride=output_stride, contract_dilation=contract_dilation, multi_grid=multi_grid
    )
    return DeepLabV3Plus(
        features,
        num_classes,
        rates_for(output_stride, atrous_rates),
        separable=separable,
        decoder_convs=decoder_convs,
        head_width=head_width,
        low_level_channels=low_level_channels,
        align_corners=align_corners,
    )


def deeplabv3plus_mobilenet_v2(
    num_classes: int = 21,
    *,
    output_stride: int = 16,
    contract_dilation: bool = True,
    atrous_rates: Sequence[int] | None = None,
    separable: bool = False,
    decoder_convs: int = 2,
    head_width: int = 256,
    low_level_channels: int = 48,
    align_corners: bool = False,
) -> DeepLabV3Plus:
    """DeepLabv3+ over MobileNetV2, whose feature at stride 4 has only 24 channels. Options as in `deeplabv3plus`."""
    return DeepLabV3Plus(
        MobileNetV2(output_stride=output_stride, contract_dilation=contract_dilation),
        num_classes,
        rates_for(output_stride, atrous_rates),
        separable=separable,
        decoder_convs=decoder_convs,
        head_width=head_width,
        low_level_channels=low_level_channels,
        align_corners=align_corners,
    )
