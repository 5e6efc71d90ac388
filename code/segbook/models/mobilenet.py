"""MobileNetV2 as a backbone, from torchvision."""

from torch import Tensor, nn
from torchvision.models import mobilenet_v2

from segbook.models.layers import batch_norm

# The last of torchvision's `features` before the stride changes. The 19th, 320 -> 1280, serves the classifier alone.
ENDS = (3, 6, 13, 17)


class MobileNetV2(nn.Module):
    """The convolutional part of MobileNetV2: (N, 3, H, W) -> four features with 24, 32, 96 and 320 channels.

    Their strides are 4, 8, 16 and 32, none above `output_stride`. As in the ResNets, a convolution that gives up its
    stride leaves dilation 2 to all that follow it, and with `contract_dilation` reads with the old dilation itself.

    Source: torchvision/models/mobilenetv2.py, with its names; the last feature is DeepLab's own, before 1280 channels.
    """

    channels = (24, 32, 96, 320)

    def __init__(self, *, output_stride: int = 32, contract_dilation: bool = True):
        super().__init__()
        if output_stride not in (32, 16, 8):
            raise ValueError(f"output_stride is 32, 16 or 8, got {output_stride!r}")
        self.output_stride = output_stride
        self.features = mobilenet_v2(norm_layer=batch_norm).features[:18]
        stride = dilation = 1
        for layer in self.features.modules():
            if not isinstance(layer, nn.Conv2d) or layer.kernel_size == (1, 1):
                continue
            own = dilation
            if layer.stride == (2, 2) and stride == output_stride:
                layer.stride = (1, 1)
                dilation *= 2
                own = dilation // 2 if contract_dilation else dilation
            elif layer.stride == (2, 2):
                stride *= 2
            layer.dilation = layer.padding = (own, own)

    def forward(self, x: Tensor) -> list[Tensor]:
        features = []
        for i, layer in enumerate(self.features):
            x = layer(x)
            if i in ENDS:
                features.append(x)
        return features
