"""A prediction as a picture: the image tinted by class, and a legend of the classes in it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw, ImageFont

from segbook.data.palette import VOID, index_to_colour
from segbook.files import MAX_PIXELS, ImageLike, read_image


def overlay(
    image: ImageLike, label: ArrayLike, palette: ArrayLike, alpha: float = 0.6, classes: Sequence[str] | None = None
) -> np.ndarray:
    """The image with each pixel tinted in the colour of its class, (H, W, 3) uint8.

    Args:
        image: anything `read_image` takes.
        label: (H, W) classes; where it is 255 (void) the image stays as it is.
        palette: (C, 3) uint8, the colour of each class.
        alpha: how much of the colour; 0 gives the image back, 1 hides it.
        classes: names by index; with them a `legend` is put below, and the picture is wider if a name needs it.

    Raises ValueError: a label of another size, or a class without a colour or without a name.
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
    if classes is None:
        return blended
    below = legend(label, palette, classes, width=blended.shape[1])
    margin = below.shape[1] - blended.shape[1]
    return np.concatenate([np.pad(blended, ((0, 0), (0, margin), (0, 0)), constant_values=255), below])


def legend(label: ArrayLike, palette: ArrayLike, classes: Sequence[str], width: int) -> np.ndarray:
    """The classes that occur in a label map, each a square in its colour and its name: (h, w, 3) uint8 on white.

    The names are set in lines of `width` pixels; one that does not fit makes the legend wider. Void is left out.

    Raises ValueError: a class without a name.
    """
    present = [int(c) for c in np.unique(label) if c != VOID]
    if present and present[-1] >= len(classes):
        raise ValueError(f"there are names for classes 0 to {len(classes) - 1}, the label has class {present[-1]}")
    text = int(np.clip(width / 40, 11, 40))  # height of the letters: legible on a thumbnail and on a poster
    font = ImageFont.load_default(text)
    step, square = round(1.6 * text), text
    x = y = text // 2
    places = []  # left, top, class
    for c in present:
        length = square + text // 2 + round(font.getlength(classes[c])) + text
        if x > text // 2 and x + length > width:
            x, y = text // 2, y + step
        places.append((x, y, c))
        width, x = max(width, x + length), x + length
    picture = Image.new("RGB", (width, y + step if present else 0), "white")
    draw = ImageDraw.Draw(picture)
    for x, y, c in places:
        draw.rectangle((x, y, x + square - 1, y + square - 1), tuple(np.asarray(palette)[c].tolist()), "black")
        draw.text((x + square + text // 2, y + square / 2), classes[c], "black", font, anchor="lm")
    return np.array(picture).reshape(picture.height, picture.width, 3)
