"""ResNets as backbones: features after each of four stages, and strides that can be traded for dilation.

Blocks and names of the weights are torchvision's (`conv1`, `layer1.0.conv1`, ...), so its checkpoints load as they are.
"""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck

from segbook.models.layers import batch_norm, conv, conv_bn_relu

# Output stride -> strides and dilations of the four stages. Where a stage gives up its stride of 2, everything behind
# it sits on a grid twice as fine, and reads every second cell of it instead.
STAGES = {
    32: ((1, 2, 2, 2), (1, 1, 1, 1)),
    16: ((1, 2, 2, 1), (1, 1, 1, 2)),
    8: ((1, 2, 1, 1), (1, 1, 2, 4)),
}


class ResNet(nn.Module):
    """The convolutional part of a ResNet: (N, 3, H, W) -> the features of its four stages.

    Feature i is (N, channels[i], H / s, W / s), rounded up, at strides s = 4, 8, 16, 32, none above `output_stride`.

    Args:
        block: BasicBlock or Bottleneck.
        depths, widths: blocks in each stage, and their width; `channels` are width * block.expansion.
        dilate_second: dilate the second convolution of a BasicBlock too. MMSegmentation does not, which breaks the
            equality that `contract_dilation` is for.
        stem: "7x7" (He et al.) or "v1c" (three 3x3 convolutions instead), either at stride 2. A max pool follows.
        output_stride: 32, 16 or 8. Below 32 the last one or two stages keep their resolution and are dilated.
        contract_dilation: a dilated stage's first block, which gave up its stride, reads with the dilation of the
            stage before. That makes the dilated network equal to the strided one on the coarse grid
            (dilated[..., ::4, ::4] == strided at output stride 8), as torchvision's `replace_stride_with_dilation`.
        multi_grid: unit rates of the last stage's blocks. They multiply its dilation (Chen et al. 2017, section
            3.2.1); MMSegmentation replaces the dilation by them.

    Raises ValueError for an unknown stem or output stride, or multi_grid of another length than the last stage.
    Source: torchvision/models/resnet.py; stem "v1c" and the two dilation rules from mmseg/models/backbones/resnet.py.
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        widths: Sequence[int] = (64, 128, 256, 512),
        *,
        dilate_second: bool = True,
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
        width = widths[0]
        if stem == "7x7":
            self.conv1, self.bn1, self.relu = conv_bn_relu(3, width, 7, stride=2)
        elif stem == "v1c":
            half = width // 2
            self.stem = nn.Sequential(
                *conv_bn_relu(3, half, 3, stride=2), *conv_bn_relu(half, half, 3), *conv_bn_relu(half, width, 3)
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
                layer.append(residual(block, in_channels, widths[stage], stride if i == 0 else 1))
                dilate(layer[i], unit * first, unit * second)
                in_channels = self.channels[stage]
            self.add_module(f"layer{stage + 1}", layer)
            before = dilation

    def forward(self, x: Tensor) -> list[Tensor]:
        # The 7x7 stem has torchvision's names and no module of its own, so that its checkpoints load.
        x = self.stem(x) if hasattr(self, "stem") else self.relu(self.bn1(self.conv1(x)))  # (N, C, H / 2, W / 2)
        x = self.maxpool(x)  # (N, C, H / 4, W / 4)
        features = [x]
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            features.append(layer(features[-1]))
        return features[1:]


def residual(block: type[nn.Module], in_channels: int, width: int, stride: int) -> nn.Module:
    """A block of torchvision's, with a 1x1 convolution in its shortcut where its output has another shape."""
    out_channels, shortcut = width * block.expansion, None
    with torch.random.fork_rng(devices=[]):
        if stride != 1 or in_channels != out_channels:
            shortcut = nn.Sequential(conv(in_channels, out_channels, 1, stride), batch_norm(out_channels))
        made = block(in_channels, width, stride, shortcut, norm_layer=batch_norm)
    for layer in made.modules():  # once more, in version 1's order: a seed still gives the network that was recorded
        if isinstance(layer, nn.Conv2d):
            layer.reset_parameters()
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return made


def dilate(block: nn.Module, *rates: int) -> None:
    """Spread the taps of a block's 3x3 convolutions, two in a BasicBlock and one in a Bottleneck."""
    layers = [layer for layer in block.modules() if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)]
    for layer, rate in zip(layers, rates):
        layer.dilation = layer.padding = (rate, rate)


# Parameters: 11,176,512; 23,508,032; 42,500,160; the tiny one (one block a stage, for small images on a CPU) 309,456.
resnet18 = partial(ResNet, BasicBlock, (2, 2, 2, 2), dilate_second=False)  # dilated as in MMSegmentation
resnet50 = partial(ResNet, Bottleneck, (3, 4, 6, 3), dilate_second=True)
resnet101 = partial(ResNet, Bottleneck, (3, 4, 23, 3), dilate_second=True)
resnet_tiny = partial(ResNet, BasicBlock, (1, 1, 1, 1), (16, 32, 64, 128), dilate_second=True)
