"""The few building blocks that every network of the package shares."""

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """PyTorch's batch norm, which says what to do when one image meets a 1x1 map: one value has no variance."""
    layer = nn.BatchNorm2d(channels)
    layer.register_forward_pre_hook(_need_two_values)  # no subclass, which torch.fx would not know
    return layer


def _need_two_values(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    (x,) = inputs
    if layer.training and x.numel() == x.shape[1]:
        raise ValueError(
            f"batch norm cannot train on one value per channel, here {tuple(x.shape)}: use at least two images a batch "
            "(drop_last=True leaves out a last batch of one) or segbook.models.freeze_batch_norm(model)"
        )


def freeze_batch_norm(model: nn.Module) -> nn.Module:
    """Fix every batch norm of a model, in place: stored statistics, and scale and shift no longer trained.

    Unlike `.eval()` it survives the next `model.train()`. Returns the model.
    """
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eval().requires_grad_(False)
            layer.register_forward_pre_hook(_stay_in_evaluation, prepend=True)  # before the check above
    return model


def _stay_in_evaluation(layer: nn.Module, inputs: Any) -> None:
    layer.training = False


def conv(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Conv2d:
    """Convolution for an odd kernel, padded so that cell 0 of the output is centred on cell 0 of the input.

    (N, C, h, w) -> (N, D, h / stride, w / stride), rounded up, whatever the dilation. No bias: a batch norm follows.
    Weights start from He's normal distribution (fan out), as in torchvision's ResNets.
    """
    padding = dilation * (kernel_size // 2)
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer


def conv_bn_relu(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, dilation: int = 1, separable: bool = False
) -> list[nn.Module]:
    """Convolution, batch norm, ReLU, as a list for nn.Sequential: (N, C, h, w) -> (N, D, h / stride, w / stride).

    `separable` splits a k x k convolution in two, k x k within each channel and then 1x1 across them, each with batch
    norm and ReLU (Chen et al. 2018, sections 3.1 and 3.2). Of k*k*C*D weights it leaves k*k*C + C*D.
    """
    if separable and kernel_size > 1:
        depthwise = conv(in_channels, in_channels, kernel_size, stride, dilation, groups=in_channels)
        across = conv_bn_relu(in_channels, out_channels, 1)
        return [depthwise, batch_norm(in_channels), nn.ReLU(inplace=True), *across]
    whole = conv(in_channels, out_channels, kernel_size, stride, dilation)
    return [whole, batch_norm(out_channels), nn.ReLU(inplace=True)]


def score(in_channels: int, num_classes: int) -> nn.Conv2d:
    """1x1 convolution to one score a class. It starts near zero, so at first all classes are about equally likely."""
    layer = nn.Conv2d(in_channels, num_classes, 1)
    nn.init.normal_(layer.weight, std=0.01)  # as MMSegmentation's conv_seg
    nn.init.zeros_(layer.bias)
    return layer


def resize(x: Tensor, like: Tensor, align_corners: bool = False) -> Tensor:
    """Bilinear resize of (N, C, h, w) to the height and width of `like`."""
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=align_corners)


def resize_to_centres(x: Tensor, like: Tensor, stride: int) -> Tensor:
    """Bilinear resize that puts cell i on pixel i * stride of `like`, its centre behind a ResNet or MobileNetV2.

    At n * stride + 1 pixels this is align_corners=True. At other sizes the last cell's value goes on to the border.
    """
    rows, columns = ((cells - 1) * stride + 1 for cells in x.shape[-2:])
    x = F.interpolate(x, (rows, columns), mode="bilinear", align_corners=True)
    return F.pad(x, (0, like.shape[-1] - columns, 0, like.shape[-2] - rows), mode="replicate")


def crop(x: Tensor, like: Tensor, offset: int = 0) -> Tensor:
    """The part of (N, C, h, w) with the height and width of `like` that starts `offset` cells from the top left."""
    height, width = like.shape[-2:]
    return x[..., offset : offset + height, offset : offset + width]
