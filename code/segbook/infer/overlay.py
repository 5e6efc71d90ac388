"""A prediction as a picture: the image tinted by class."""

import numpy as np
from numpy.typing import ArrayLike

from segbook.data.palette import VOID, index_to_colour
from segbook.files import MAX_PIXELS, ImageLike, read_image


def overlay(image: ImageLike, label: ArrayLike, palette: ArrayLike, alpha: float = 0.6) -> np.ndarray:
    """The image with each pixel tinted in the colour of its class, (H, W, 3) uint8.

    Args:
        image: anything `read_image` takes.
        label: (H, W) classes; where it is 255 (void) the image stays as it is.
        palette: (C, 3) uint8, the colour of each class.
        alpha: how much of the colour; 0 gives the image back, 1 hides it.

    Raises ValueError: a label of another size, or a class without a colour.
    """
    label = np.asarray(label)  # whoever has a label of this size has allowed the size
    pixels = read_image(image, max(MAX_PIXELS, label.size)).permute(1, 2, 0).numpy()  # (H, W, 3)
    if label.shape != pixels.shape[:2]:
        raise ValueError(f"overlay needs a label of the image's size {pixels.shape[:2]}, got {label.shape}")
    colours = index_to_colour(label, palette).numpy()  # (H, W, 3)
    blended = pixels.copy()
    for top in range(0, len(label), 256):  # in strips: the sums are floats and would fill the memory
        rows = slice(top, top + 256)
        inside = label[rows] != VOID
        mixed = (1 - alpha) * pixels[rows][inside] + alpha * colours[rows][inside]
        blended[rows][inside] = np.round(mixed).astype(np.uint8)
    return blended
