"""FCN-32s, FCN-16s and FCN-8s: score a feature, upsample, add the scores of a finer one (Long et al. 2015).

The 32s over ResNet-18 is the network of Dive into Deep Learning, section 14.11.
"""

import torch
from torch import Tensor, nn

from segbook.bilinear import BilinearUpsample, bilinear_kernel
from segbook.models.layers import crop


def upsampler(channels: int, factor: int, form: str) -> nn.Module:
    """A layer (N, C, h, w) -> (N, C, factor * h, factor * w), factor even, that starts as bilinear interpolation.

    `form` "separable" is frozen, "grouped" learns one kernel for each channel, "dense" one for each pair of channels,
    and a bias: with factor 32 D2L's layer (kernel 64, stride 32, padding 16). Another form is a ValueError.
    """
    if form == "dense":
        layer = nn.ConvTranspose2d(channels, channels, 2 * factor, stride=factor, padding=factor // 2)
        layer.weight = nn.Parameter(bilinear_kernel(channels, channels, 2 * factor))
        nn.init.zeros_(layer.bias)  # D2L leaves PyTorch's default, within 0.004 of zero
        return layer
    return BilinearUpsample(channels, factor, form, learnable=form == "grouped")


def xavier_score(in_channels: int, num_classes: int) -> nn.Conv2d:
    """1x1 convolution to one score a class, started as D2L's text says (its PyTorch code leaves the default)."""
    layer = nn.Conv2d(in_channels, num_classes, 1)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class SkipFCN(nn.Module):
    """What all FCNs with skips share: the names of their layers, and training in stages.

    score: of the coarsest feature. skip_scores, upsample2x: one a skip, coarse to fine. upsample: up to the image.
    """

    score: nn.Conv2d
    skip_scores: nn.ModuleList
    upsample2x: nn.ModuleList
    upsample: nn.Module

    @torch.no_grad()
    def load_coarser(self, model: "SkipFCN") -> "SkipFCN":
        """Start from a trained FCN with fewer skips (Long et al. 2015, section 4.2): 16s from 32s, 8s from 16s.

        All weights are copied but those of the last upsampling, whose factor differs. New score layers are zero: at
        first the network predicts what the coarser one did, up to upsampling twice instead of once. Returns self.
        Raises ValueError for a model without fewer skips, with another backbone or other classes.
        """
        if not isinstance(model, SkipFCN):
            raise ValueError(f"load_coarser needs an FCN with fewer skips, got {type(model).__name__}")
        ours = self.state_dict()
        theirs = {name: value for name, value in model.state_dict().items() if not name.startswith("upsample.")}
        fits = all(name in ours and ours[name].shape == value.shape for name, value in theirs.items())
        old, new = len(model.skip_scores), len(self.skip_scores)
        if not fits or old >= new:
            raise ValueError(
                "load_coarser goes from 32s to 16s to 8s, over one backbone and with the same classes: "
                f"{type(model).__name__} with {old} skips and {model.score.out_channels} classes does not fit "
                f"{type(self).__name__} with {new} skips and {self.score.out_channels} classes"
            )
        self.load_state_dict(theirs, strict=False)
        for layer in self.skip_scores[old:]:
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)
        return self


class FCN(SkipFCN):
    """Images (N, 3, H, W) -> logits (N, K, H, W), through a backbone with features at strides 4, 8, 16 and 32::

        32s    stage 4 -> score -> x32
        16s    stage 4 -> score -> x2 -> + score of stage 3 -> x16
        8s     stage 4 -> score -> x2 -> + score of stage 3 -> x2 -> + score of stage 2 -> x8

    The feature at stride s has H / s rows, rounded up, so upsampled maps can have too many: the last ones are cut off.
    Cell 0 stays cell 0. (Behind a ResNet its centre is pixel 0, and a bilinear x32 moves it to pixel 15.5: chapter 5.)

    `stride` is 32, 16 or 8, `upsample` the form of every upsampling layer, see `upsampler`. "dense" with stride 32 over
    ResNet-18 is D2L's network, bias included.
    """

    def __init__(self, backbone: nn.Module, num_classes: int, stride: int, upsample: str = "separable"):
        super().__init__()
        skips = {32: [], 16: [2], 8: [2, 1]}[stride]  # indices of the finer features, coarse to fine
        self.backbone = backbone
        self.score = xavier_score(backbone.channels[3], num_classes)
        self.skip_scores = nn.ModuleList([xavier_score(backbone.channels[i], num_classes) for i in skips])
        self.upsample2x = nn.ModuleList([upsampler(num_classes, 2, upsample) for _ in skips])
        self.upsample = upsampler(num_classes, stride, upsample)

    def forward(self, x: Tensor) -> Tensor:
        *finer, coarsest = self.backbone(x)
        score = self.score(coarsest)  # (N, K, H / 32, W / 32)
        for double, skip_score in zip(self.upsample2x, self.skip_scores):
            skip = skip_score(finer.pop())  # (N, K, H / 16, W / 16), then H / 8
            score = crop(double(score), skip) + skip
        return crop(self.upsample(score), x)  # (N, K, H, W)
