"""From an image of any size to a label map of the same size, and to a picture that shows it (chapter 12)."""

from segbook.files import MAX_PIXELS, ImageLike, read_image
from segbook.infer.overlay import overlay
from segbook.infer.prediction import View, device_of, predict, probabilities
from segbook.metrics import to_classes

__all__ = ["MAX_PIXELS", "ImageLike", "View", "device_of", "overlay", "predict", "probabilities"]
__all__ += ["read_image", "to_classes"]
