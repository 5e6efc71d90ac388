"""The base of every dilated network: features, a head that scores them, and a resize to the image."""

from torch import Tensor, nn

from segbook.models.layers import resize


class Segmenter(nn.Module):
    """Images (N, 3, H, W) -> logits (N, K, H, W).

    Args:
        backbone: images -> list of features, coarsest last.
        classifier: the last feature (N, C, h, w) -> logits (N, K, h, w).
        align_corners: of the resize to the image. False puts the *borders* of map and image on one another, True the
            centres of their corner cells; the latter fits a ResNet at sizes n * stride + 1.

    Source: torchvision/models/segmentation/_utils.py.
    """

    def __init__(self, backbone: nn.Module, classifier: nn.Module, align_corners: bool = False):
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.align_corners = align_corners

    def logits(self, features: list[Tensor]) -> Tensor:
        """Logits at the head's resolution."""
        return self.classifier(features[-1])

    def forward(self, x: Tensor) -> Tensor:
        logits = self.logits(self.backbone(x))  # (N, K, h, w)
        return resize(logits, x, self.align_corners)  # (N, K, H, W)


class SegmenterWithAux(Segmenter):
    """A Segmenter with a second head on the last feature but one, for training only.

    `model(x)` leaves that head out; `model.forward_with_aux(x)` returns (logits, auxiliary logits), both (N, K, H, W).
    """

    def __init__(
        self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module, align_corners: bool = False
    ):
        super().__init__(backbone, classifier, align_corners)
        self.aux_classifier = aux_classifier

    def forward_with_aux(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.backbone(x)
        logits = self.logits(features)  # (N, K, h, w)
        aux_logits = self.aux_classifier(features[-2])  # (N, K, h, w)
        return resize(logits, x, self.align_corners), resize(aux_logits, x, self.align_corners)


def segmenter(
    backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None, align_corners: bool
) -> Segmenter:
    """A Segmenter, with an auxiliary head if one is given."""
    if aux_classifier is None:
        return Segmenter(backbone, classifier, align_corners)
    return SegmenterWithAux(backbone, classifier, aux_classifier, align_corners)
