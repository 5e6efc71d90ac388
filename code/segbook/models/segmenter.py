"""The base of every network but the FCNs with skips: a backbone, a head on its features, a resize to the image."""

from torch import Tensor, nn

from segbook.models.decoder import DeepLabV3PlusHead
from segbook.models.layers import resize, resize_to_centres


class Segmenter(nn.Module):
    """Images (N, 3, H, W) -> logits (N, K, H, W).

    Args:
        backbone: images -> list of features, coarsest last; has an `output_stride`.
        classifier: coarsest feature -> logits (N, K, h, w); DeepLabV3PlusHead: (finest, coarsest feature) -> logits.
        aux_classifier: a second head on the last feature but one, for training only.
        align_corners: of the resize to the image. False puts the *borders* of map and image on one another, True the
            centres of their corner cells; the latter fits a ResNet at sizes n * stride + 1.
        align_centres: instead put every cell where it looks, at any size, see `resize_to_centres`.

    Source: torchvision/models/segmentation/_utils.py.
    """

    def __init__(
        self,
        backbone: nn.Module,
        classifier: nn.Module,
        aux_classifier: nn.Module | None = None,
        *,
        align_corners: bool = False,
        align_centres: bool = False,
    ):
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier
        self.align_corners = align_corners
        self.align_centres = align_centres

    def forward(self, x: Tensor) -> Tensor:
        return self.at_image(self.logits(self.backbone(x)), x)  # (N, K, H, W)

    def forward_with_aux(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(logits, auxiliary logits), both (N, K, H, W); only where there is an auxiliary head."""
        if self.aux_classifier is None:
            raise RuntimeError("this network has no auxiliary head: build it with aux=True, or call it as model(x)")
        features = self.backbone(x)
        aux_logits = resize(self.aux_classifier(features[-2]), x, self.align_corners)
        return self.at_image(self.logits(features), x), aux_logits

    def logits(self, features: list[Tensor]) -> Tensor:
        """Logits (N, K, h, w) at the head's own resolution."""
        if isinstance(self.classifier, DeepLabV3PlusHead):
            return self.classifier(features[0], features[-1])
        return self.classifier(features[-1])

    def at_image(self, logits: Tensor, x: Tensor) -> Tensor:
        if not self.align_centres:
            return resize(logits, x, self.align_corners)
        stride = 4 if isinstance(self.classifier, DeepLabV3PlusHead) else self.backbone.output_stride
        return resize_to_centres(logits, x, stride)
