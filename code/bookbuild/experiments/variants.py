"""Networks that the book measures once and no package needs: neighbours of FCN-8s, DeepLabv3 and DeepLabv3+.

Each is a tiny network with one thing changed, so that a row of results/ can say what that thing is worth.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook import losses, models
from segbook.bilinear import BilinearUpsample, bilinear_kernel
from segbook.models.fcn import upsampler, xavier_score
from segbook.models.layers import crop, resize
from segbook.models.resnet import resnet_tiny


class SkipVariant(nn.Module):
    """An FCN over the tiny ResNet with skips down to any stride from 32 to 2: (N, 3, H, W) -> (N, K, H, W).

    Args:
        stride: of the finest feature used: 32, 16, 8, 4 or 2 (the stem, before its pool).
        fuse: "sum" adds logits, as the paper does. "concat" puts the upsampled logits beside the skip's features and
            lets a 1x1 convolution mix them. "parallel" upsamples all logits to the finest stride in one step and adds
            them there, as the paper's figure 3 is drawn.
    """

    def __init__(self, stride: int, fuse: str = "sum", num_classes: int = 21):
        super().__init__()
        self.backbone = resnet_tiny()
        channels = (16, *self.backbone.channels)  # of the features at strides 2, 4, 8, 16, 32
        used = [level for level in range(5) if 2 ** (level + 1) >= stride]  # fine to coarse
        self.levels, self.fuse = used[::-1], fuse
        extra = num_classes if fuse == "concat" else 0
        scores = [xavier_score(channels[level] + extra * (level < 4), num_classes) for level in self.levels]
        self.scores = nn.ModuleList(scores)
        factors = [2**i for i in range(1, len(used))] if fuse == "parallel" else [2] * (len(used) - 1)
        self.upsamplers = nn.ModuleList([upsampler(num_classes, factor, "separable") for factor in factors[::-1]])
        self.last = upsampler(num_classes, stride, "separable")

    def features(self, x: Tensor) -> list[Tensor]:
        """At strides 2, 4, 8, 16 and 32."""
        net = self.backbone
        features = [net.relu(net.bn1(net.conv1(x)))]
        x = net.maxpool(features[0])
        for layer in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = layer(x)
            features.append(x)
        return features

    def forward(self, x: Tensor) -> Tensor:
        coarsest, *finer = [self.features(x)[level] for level in self.levels]
        if self.fuse == "parallel":
            maps = [score(feature) for score, feature in zip(self.scores, (coarsest, *finer))]
            total = maps[-1] + sum(crop(upsample(m), maps[-1]) for upsample, m in zip(self.upsamplers, maps))
            return crop(self.last(total), x)
        total = self.scores[0](coarsest)
        for upsample, score, feature in zip(self.upsamplers, self.scores[1:], finer):
            total = crop(upsample(total), feature)
            total = score(torch.cat([total, feature], 1)) if self.fuse == "concat" else total + score(feature)
        return crop(self.last(total), x)


def randomly_upsampled(name: str, num_classes: int = 21) -> nn.Module:
    """An FCN whose transposed convolutions (form "dense") learn from PyTorch's random start, not a bilinear one."""
    model = models.create(name, num_classes, upsample="dense")
    for layer in model.modules():
        if isinstance(layer, nn.ConvTranspose2d):
            layer.reset_parameters()
    return model


class AlignedUpsample(nn.Module):
    """x32 that puts cell i where a ResNet saw it, at pixel 32 i: kernel 63, cropped from its centre, mass restored.

    The usual one (kernel 64, padding 16) puts it at 32 i + 15.5, half a cell away. (N, C, h, w) -> (N, C, 32 h, 32 w).
    """

    def __init__(self, channels: int):
        super().__init__()
        self.register_buffer("kernel", bilinear_kernel(1, 1, 63).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        def upsample(maps: Tensor) -> Tensor:
            whole = F.conv_transpose2d(maps, self.kernel, stride=32, groups=maps.shape[1])  # 32 (h - 1) + 63 rows
            return whole[..., 31:, 31:]  # row 31 is the centre of cell 0

        return upsample(x) / upsample(torch.ones_like(x))


def aligned_32s(name: str = "fcn32s_tiny", num_classes: int = 21) -> nn.Module:
    """An FCN-32s whose scores lie where the ResNet saw them."""
    model = models.create(name, num_classes)
    model.upsample = AlignedUpsample(num_classes)
    return model


def normalised_32s(name: str = "fcn32s_tiny", num_classes: int = 21) -> nn.Module:
    """An FCN-32s in the usual place with the border's mass restored: what `aligned_32s` is to be compared with."""
    model = models.create(name, num_classes)
    model.upsample = BilinearUpsample(num_classes, 32, normalise=True)
    return model


def void_as_background(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy with void trained as class 0, as Dive into Deep Learning's reader of VOC has it."""
    return losses.cross_entropy(logits, target.where(target != 255, 0))


def without_image_pooling() -> nn.Module:
    """deeplabv3_tiny whose ASPP has no image pooling; the projection behind it is narrower by one branch."""
    model = models.create("deeplabv3_tiny")
    aspp = model.classifier[0]
    del aspp.convs[-1]
    old = aspp.project[0]
    aspp.project[0] = nn.Conv2d(old.in_channels - old.out_channels, old.out_channels, 1, bias=False)
    nn.init.kaiming_normal_(aspp.project[0].weight, mode="fan_out", nonlinearity="relu")
    return model


class LowLevelFrom(nn.Module):
    """deeplabv3plus_tiny whose decoder joins another feature than that of stage 1: `stage` 1, 2 or 3.

    Its maps lie at stride 4, 8 and 16; the decoder works where the joined feature lies.
    """

    def __init__(self, stage: int):
        super().__init__()
        self.stage = stage
        self.net = models.create("deeplabv3plus_tiny")
        width = self.net.backbone.channels[stage - 1]
        old = self.net.classifier.reduce[0]
        self.net.classifier.reduce[0] = nn.Conv2d(width, old.out_channels, 1, bias=False)
        nn.init.kaiming_normal_(self.net.classifier.reduce[0].weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        features = self.net.backbone(x)
        logits = self.net.classifier(features[self.stage - 1], features[-1])
        return resize(logits, x)
