"""From an image of any size to a label map of the same size, and to a picture that shows it."""

import os
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor, nn

from segbook.data.transforms import normalise

ImageLike = str | os.PathLike | Image.Image | np.ndarray | Tensor


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer lies; the CPU if it has none."""
    tensors = [*model.parameters(), *model.buffers()]
    return tensors[0].device if tensors else torch.device("cpu")


def to_classes(logits: Tensor) -> Tensor:
    """Logits (N, C, H, W) -> classes (N, H, W): the largest; with one logit, class 1 where it is above 0."""
    return (logits[:, 0] > 0).long() if logits.shape[1] == 1 else logits.argmax(1)


def read_image(image: ImageLike) -> Tensor:
    """Any image as bytes: uint8 (3, H, W), turned upright if its EXIF data says so.

    Args:
        image: a path; a PIL image of any mode; an array uint8 (H, W), (H, W, 3) or (H, W, 4); a tensor uint8 (3, H, W).

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is no image or is cut short, or an array of another shape.
        TypeError: anything else, or numbers that are not bytes.
    """
    if isinstance(image, Tensor):
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3:
            raise ValueError(f"an image tensor is uint8 (3, H, W), got {image.dtype} {tuple(image.shape)}")
        return image
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8:
            raise TypeError(f"an image array holds bytes (uint8), got {image.dtype}; scale it to 0..255 first")
        if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] in (3, 4)):
            raise ValueError(f"an image array is (H, W), (H, W, 3) or (H, W, 4), got {image.shape}")
        image = Image.fromarray(image)
    if isinstance(image, Image.Image):
        return torch.from_numpy(np.array(upright_rgb(image))).permute(2, 0, 1)  # (3, H, W)
    if not isinstance(image, str | os.PathLike):
        raise TypeError(f"an image is a path, a PIL image, an array or a tensor, got {type(image).__name__}")
    path = Path(image)
    if not path.is_file():
        raise FileNotFoundError(f"there is no image {path}")
    try:
        with Image.open(path) as opened:
            return read_image(opened)
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that Pillow can read") from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read to its end: {error}") from error


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turned as its EXIF data says, with three channels of 8 bits; transparency is dropped."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits in PIL's integer modes: keep the upper 8
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    return image.convert("RGB")


@torch.inference_mode()
def predict(model: nn.Module, image: ImageLike) -> Tensor:
    """Label map (H, W) int64, on the CPU, at the image's own size.

    Args:
        model: images (N, 3, H, W) -> logits (N, C, H, W). It runs in evaluation mode on the device where it is, and
            gets its mode back.
        image: anything `read_image` takes, or a float tensor (3, H, W) that is normalised already, as data sets
            give it.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `read_image`.
    """
    if isinstance(image, Tensor) and image.is_floating_point() and image.ndim == 3:
        x = image
    else:
        x = normalise(read_image(image))
    training = model.training
    model.eval()
    try:
        return to_classes(model(x[None].to(device_of(model))))[0].cpu()
    finally:
        model.train(training)


def overlay(image: ImageLike, label: ArrayLike, palette: ArrayLike, alpha: float = 0.6) -> np.ndarray:
    """The image with each pixel tinted in the colour of its class, (H, W, 3) uint8.

    Args:
        image: anything `read_image` takes.
        label: (H, W) classes; where it is 255 (void) the image stays as it is.
        palette: (C, 3) uint8, the colour of each class.
        alpha: how much of the colour; 0 gives the image back, 1 hides it.

    Raises:
        ValueError: a label of another size, or a class without a colour.
    """
    pixels = read_image(image).permute(1, 2, 0).numpy()  # (H, W, 3)
    label, palette = np.asarray(label), np.asarray(palette)
    if label.shape != pixels.shape[:2]:
        raise ValueError(f"overlay needs a label of the image's size {pixels.shape[:2]}, got {label.shape}")
    valid = label != 255
    if valid.any() and not 0 <= label[valid].min() <= label[valid].max() < len(palette):
        raise ValueError(
            f"the palette has colours for classes 0 to {len(palette) - 1}, the label has {label[valid].min()} to "
            f"{label[valid].max()}"
        )
    blended = pixels.copy()
    blended[valid] = np.round((1 - alpha) * pixels[valid] + alpha * palette[label[valid]]).astype(np.uint8)
    return blended
