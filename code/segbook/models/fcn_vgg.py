"""The FCNs of Long et al. (2015) over VGG-16. Their crops follow from where the cells of each map lie."""

from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from segbook.bilinear import BilinearUpsample
from segbook.models.fcn import SkipFCN
from segbook.models.layers import crop
from segbook.models.vgg import VGG16


class Grid(NamedTuple):
    """Where the cells of a map lie in the image: cell i at pixel centre + i * stride, on both axes."""

    stride: float
    centre: float

    def upsampled(self, factor: int) -> "Grid":
        """Behind a transposed convolution with kernel 2f, stride f, no padding: cell 0 is the middle of 2f outputs."""
        stride = self.stride / factor
        return Grid(stride, self.centre - (2 * factor - 1) / 2 * stride)

    def offset(self, other: "Grid") -> int:
        """The cell of this grid that lies on cell 0 of the other one: where a crop has to start."""
        cells = (other.centre - self.centre) / self.stride
        if self.stride != other.stride or cells < 0 or cells != int(cells):
            raise ValueError(f"no crop aligns {self} with {other}: it would start at cell {cells:g}")
        return int(cells)


class FullUpsample(nn.Module):
    """Frozen bilinear transposed convolution, kernel 2f, stride f, no padding: (h, w) -> (f (h + 1), f (w + 1)).

    BilinearUpsample cuts f/2 cells off each side; a frame of zeros around the input moves that cut outwards.
    """

    def __init__(self, channels: int, factor: int):
        super().__init__()
        self.bilinear = BilinearUpsample(channels, factor)
        self.margin = factor // 2

    def forward(self, x: Tensor) -> Tensor:
        x = self.bilinear(F.pad(x, (1, 1, 1, 1)))  # (N, K, f (h + 2), f (w + 2))
        return x[..., self.margin : -self.margin, self.margin : -self.margin]  # (N, K, f (h + 1), f (w + 1))


class FCNVGG16(SkipFCN):
    """Images (N, 3, H, W) -> logits (N, K, H, W), as Long et al. released them::

        32s    fc7 -> score -> x32
        16s    fc7 -> score -> x2 -> + score of pool4 -> x16
        8s     fc7 -> score -> x2 -> + score of pool4 -> x2 -> + score of pool3 -> x8

    The image is padded by 100, and only the crops cut that frame off again. A crop is right if cell 0 of what it
    leaves lies on cell 0 of what it is added to, or on pixel 0. With padding 100 that gives the reference's constants:
    19 for 32s, 5 and 27 for 16s, 5, 9 and 31 for 8s.

    Score layers start at zero, the upsampling is frozen, as released. (The paper learns all of it but the last.)
    `at_once` is for training all skips from the start ("FCN-8s at-once"): pool4 is scaled by 0.01 and pool3 by 0.0001
    before they are scored, so that their larger activations do not swamp the coarse score.

    Raises ValueError for at_once without skips, or a padding (below 81 for 32s) for which no crop is right.
    Source: Long et al. 2015; shelhamer/fcn.berkeleyvision.org, voc-fcn32s, voc-fcn16s, voc-fcn8s and voc-fcn8s-atonce.
    """

    def __init__(self, backbone: VGG16, num_classes: int, stride: int, at_once: bool = False):
        super().__init__()
        if at_once and stride == 32:
            raise ValueError("at_once scales the skips, and FCN-32s has none: leave it out, or take 16s or 8s")
        skips = {32: [], 16: [1], 8: [1, 0]}[stride]  # indices of the finer features, coarse to fine
        self.backbone = backbone
        self.score = nn.Conv2d(backbone.channels[2], num_classes, 1)
        self.skip_scores = nn.ModuleList([nn.Conv2d(backbone.channels[i], num_classes, 1) for i in skips])
        self.upsample2x = nn.ModuleList([FullUpsample(num_classes, 2) for _ in skips])
        self.upsample = FullUpsample(num_classes, stride)
        self.skip_scales = (0.01, 0.0001) if at_once else (1, 1)
        for layer in (self.score, *self.skip_scores):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

        grids = [Grid(field.stride, field.centre) for field in backbone.fields()]
        grid = grids[2]
        self.skip_offsets = []
        for i in skips:
            grid = grid.upsampled(2)
            self.skip_offsets.append(grids[i].offset(grid))
        self.offset = grid.upsampled(stride).offset(Grid(stride=1, centre=0))

    def forward(self, x: Tensor) -> Tensor:
        *finer, coarsest = self.backbone(x)
        score = self.score(coarsest)  # (N, K, h, w)
        stages = zip(self.upsample2x, self.skip_scores, self.skip_scales, self.skip_offsets)
        for double, skip_score, scale, offset in stages:
            score = double(score)  # (N, K, 2 h + 2, 2 w + 2)
            score = score + crop(skip_score(scale * finer.pop()), score, offset)
        return crop(self.upsample(score), x, self.offset)  # (N, K, H, W)
