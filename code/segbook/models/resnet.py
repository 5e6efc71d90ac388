"""ResNets as backbones: features after each of four stages, and strides that can be traded for dilation.

Names of the weights are torchvision's (`conv1`, `bn1`, `layer1.0.conv1`, ...), so its checkpoints load as they are.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from segbook.models.layers import batch_norm, conv, conv_bn_relu

# Output stride -> strides and dilations of the four stages. Where a stage gives up its stride of 2, everything behind
# it sits on a grid twice as fine, and reads every second cell of it instead.
STAGES = {
    32: ((1, 2, 2, 2), (1, 1, 1, 1)),
    16: ((1, 2, 2, 1), (1, 1, 1, 2)),
    8: ((1, 2, 1, 1), (1, 1, 2, 4)),
}


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2016, figure 5, left); the first carries the stride.

    (N, C, h, w) -> (N, width, h / stride, w / stride), rounded up.
    """

    expansion = 1

    def __init__(self, in_channels: int, width: int, stride: int, dilations: tuple[int, int]):
        super().__init__()
        self.conv1 = conv(in_channels, width, 3, stride, dilations[0])
        self.bn1 = batch_norm(width)
        self.conv2 = conv(width, width, 3, 1, dilations[1])
        self.bn2 = batch_norm(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))  # (N, width, h / stride, w / stride)
        x = self.bn2(self.conv2(x))
        x += identity
        return self.relu(x)


class Bottleneck(nn.Module):
    """1x1 to fewer channels, 3x3, 1x1 to four times as many (He et al. 2016, figure 5, right).

    (N, C, h, w) -> (N, 4 width, h / stride, w / stride). The 3x3 carries the stride, as in torchvision (in He et al.
    the first 1x1 does), and the first of the two dilations; the other one is for BasicBlock.
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, stride: int, dilations: tuple[int, int]):
        super().__init__()
        self.conv1 = conv(in_channels, width, 1)
        self.bn1 = batch_norm(width)
        self.conv2 = conv(width, width, 3, stride, dilations[0])
        self.bn2 = batch_norm(width)
        self.conv3 = conv(width, 4 * width, 1)
        self.bn3 = batch_norm(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = shortcut(in_channels, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        identity = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))  # (N, width, h, w)
        x = self.relu(self.bn2(self.conv2(x)))  # (N, width, h / stride, w / stride)
        x = self.bn3(self.conv3(x))  # (N, 4 width, h / stride, w / stride)
        x += identity
        return self.relu(x)


def shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential | None:
    """1x1 convolution that brings a block's input to the shape of its output, None where it has that shape already."""
    if stride == 1 and in_channels == out_channels:
        return None
    return nn.Sequential(conv(in_channels, out_channels, 1, stride), batch_norm(out_channels))


class ResNet(nn.Module):
    """The convolutional part of a ResNet: (N, 3, H, W) -> the features of its four stages.

    Feature i is (N, channels[i], H / s, W / s), rounded up, at strides s = 4, 8, 16, 32, none above `output_stride`.

    Args:
        depths, widths: blocks in each of four stages, and their width; `channels` are width * block.expansion.
        dilate_second: dilate the second convolution of a BasicBlock too. MMSegmentation does not, which breaks the
            equality that `contract_dilation` is for.
        stem: "7x7" (He et al.) or "v1c" (three 3x3 convolutions instead), either at stride 2. A max pool follows.
        output_stride: 32, 16 or 8. Below 32 the last one or two stages keep their resolution and are dilated.
        contract_dilation: a dilated stage's first block, which gave up its stride, reads with the dilation of the
            stage before. That makes the dilated network equal to the strided one on the coarse grid
            (dilated[..., ::4, ::4] == strided at output stride 8), as torchvision's `replace_stride_with_dilation`.
        multi_grid: unit rates of the last stage's blocks. They multiply its dilation (Chen et al. 2017, section
            3.2.1); MMSegmentation replaces the dilation by them.

    Raises:
        ValueError: an unknown stem or output stride, or multi_grid of another length than the last stage.

    Source: torchvision/models/resnet.py; stem "v1c" and the two dilation rules from mmseg/models/backbones/resnet.py.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        dilate_second: bool = True,
        *,
        stem: str = "7x7",
        output_stride: int = 32,
        contract_dilation: bool = True,
        multi_grid: Sequence[int] | None = None,
    ):
        super().__init__()
        if output_stride not in STAGES:
            raise ValueError(f"output_stride is 32, 16 or 8, got {output_stride!r}")
        if multi_grid is not None and len(multi_grid) != depths[-1]:
            raise ValueError(f"multi_grid needs {depths[-1]} rates, one a block of the last stage, got {multi_grid!r}")
        if stem == "7x7":
            self.conv1 = conv(3, widths[0], 7, stride=2)
            self.bn1 = batch_norm(widths[0])
            self.relu = nn.ReLU(inplace=True)
        elif stem == "v1c":
            self.stem = nn.Sequential(
                *conv_bn_relu(3, widths[0] // 2, 3, stride=2),
                *conv_bn_relu(widths[0] // 2, widths[0] // 2, 3),
                *conv_bn_relu(widths[0] // 2, widths[0], 3),
            )
        else:
            raise ValueError(f'stem is "7x7" or "v1c", got {stem!r}')
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)

        self.output_stride = output_stride
        self.channels = tuple(width * block.expansion for width in widths)
        in_channels, before = widths[0], 1  # before: dilation of the stage before
        for stage, (stride, dilation) in enumerate(zip(*STAGES[output_stride])):
            units = multi_grid if multi_grid is not None and stage == 3 else [1] * depths[stage]
            layer = nn.Sequential()
            for i, unit in enumerate(units):
                first = before if i == 0 and contract_dilation else dilation
                second = dilation if dilate_second else 1
                dilations = (unit * first, unit * second)
                layer.append(block(in_channels, widths[stage], stride if i == 0 else 1, dilations))
                in_channels = self.channels[stage]
            self.add_module(f"layer{stage + 1}", layer)
            before = dilation

    def forward(self, x: Tensor) -> list[Tensor]:
        # The 7x7 stem has torchvision's names and no module of its own, so that its checkpoints load.
        x = self.stem(x) if hasattr(self, "stem") else self.relu(self.bn1(self.conv1(x)))  # (N, C, H / 2, W / 2)
        x = self.maxpool(x)  # (N, C, H / 4, W / 4)
        features = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            features.append(x)
        return features


# Parameters: 11,176,512; 23,508,032; 42,500,160; the tiny one (one block a stage, for small images on a CPU) 304,688.
resnet18 = partial(ResNet, BasicBlock, (2, 2, 2, 2), dilate_second=False)  # dilated as in MMSegmentation
resnet50 = partial(ResNet, Bottleneck, (3, 4, 6, 3))
resnet101 = partial(ResNet, Bottleneck, (3, 4, 23, 3))
resnet_tiny = partial(ResNet, BasicBlock, (1, 1, 1, 1), (16, 32, 64, 128))
