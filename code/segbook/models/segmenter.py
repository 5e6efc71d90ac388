"""The base of every network but the FCNs with skips: a backbone, a head on its features, a resize to the image."""

import torch.nn.functional as F
from torch import Tensor, nn

from segbook.models.decoder import DeepLabV3PlusHead
from segbook.models.layers import crop, resize


class Segmenter(nn.Module):
    """Images (N, 3, H, W) -> logits (N, K, H, W).

    Args:
        backbone: images -> list of features, coarsest last; has an `output_stride`.
        classifier: coarsest feature -> logits (N, K, h, w); DeepLabV3PlusHead: (finest, coarsest feature) -> logits.
        aux_classifier: a second head on the last feature but one, for training only.
        align_corners: of the resize to the image. False puts the *borders* of map and image on one another, True the
            centres of their corner cells; the latter fits a ResNet at sizes n * stride + 1.
        pad_to_stride: bring any image to such a size, by zeros on the right and below that the logits lose again.

    Source: torchvision/models/segmentation/_utils.py.
    """

    def __init__(
        self,
        backbone: nn.Module,
        classifier: nn.Module,
        aux_classifier: nn.Module | None = None,
        *,
        align_corners: bool = False,
        pad_to_stride: bool = False,
    ):
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier
        self.align_corners = align_corners
        self.pad_to_stride = pad_to_stride

    def forward(self, x: Tensor) -> Tensor:
        padded = self.pad(x)
        return self.at_image(self.logits(self.backbone(padded)), padded, x)  # (N, K, H, W)

    def forward_with_aux(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(logits, auxiliary logits), both (N, K, H, W); only where there is an auxiliary head."""
        if self.aux_classifier is None:
            raise RuntimeError("this network has no auxiliary head: build it with aux=True, or call it as model(x)")
        padded = self.pad(x)
        features = self.backbone(padded)
        aux_logits = self.aux_classifier(features[-2])  # (N, K, h, w)
        return self.at_image(self.logits(features), padded, x), self.at_image(aux_logits, padded, x)

    def logits(self, features: list[Tensor]) -> Tensor:
        """Logits (N, K, h, w) at the head's own resolution."""
        if isinstance(self.classifier, DeepLabV3PlusHead):
            return self.classifier(features[0], features[-1])
        return self.classifier(features[-1])

    def pad(self, x: Tensor) -> Tensor:
        if not self.pad_to_stride:
            return x
        below, right = (-(n - 1) % self.backbone.output_stride for n in x.shape[-2:])
        return F.pad(x, (0, right, 0, below))  # zeros are the mean colour

    def at_image(self, logits: Tensor, padded: Tensor, x: Tensor) -> Tensor:
        logits = resize(logits, padded, self.align_corners)
        return crop(logits, x) if self.pad_to_stride else logits
