"""Files: what a person calls an image as bytes with three channels, and a file that is written whole or not at all."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

# What `predict` takes for an image: a path, a PIL image, an array or a tensor; see `read_image`.
ImageLike = str | os.PathLike | Image.Image | np.ndarray | Tensor
MAX_PIXELS = 200_000_000  # more than cameras take; a file of a few kB can unpack to far more, and fill the memory


def read_image(image: ImageLike, max_pixels: int = MAX_PIXELS) -> Tensor:
    """Any image as bytes: uint8 (3, H, W), turned upright if its EXIF data says so.

    Grey is repeated in three channels, transparency is dropped, and of 16 bits the upper 8 are kept.

    Args:
        image: a path; a PIL image of any mode; an array uint8 or uint16, (H, W), (H, W, 3) or (H, W, 4); a tensor of
            bytes, (H, W), (1, H, W), (3, H, W) or (4, H, W).
        max_pixels: a larger image is refused; a file before it is unpacked.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a file that is no image or is cut short, an array of another shape, no pixel or too many.
        TypeError: anything else, or numbers that are neither bytes nor 16 bits.
    """
    if isinstance(image, Tensor):
        return from_tensor(image, max_pixels)
    if isinstance(image, np.ndarray):
        return from_array(image, max_pixels)
    if isinstance(image, Image.Image):
        check_size((image.height, image.width), max_pixels)
        return torch.from_numpy(np.array(upright_rgb(image))).permute(2, 0, 1)  # (3, H, W)
    if not isinstance(image, str | os.PathLike):
        raise TypeError(f"an image is a path, a PIL image, an array or a tensor, got {type(image).__name__}")
    path = Path(image)
    if not path.is_file():
        raise FileNotFoundError(f"there is no image {path}")
    try:
        with without_pillows_limit(), Image.open(path) as opened:
            check_size((opened.height, opened.width), max_pixels, f"{path}: ")
            return read_image(opened, max_pixels)
    except UnidentifiedImageError as error:
        raise ValueError(f"{path} is not an image that Pillow can read") from error
    except (OSError, SyntaxError) as error:
        raise ValueError(f"{path} cannot be read to its end: {error}") from error


def from_tensor(image: Tensor, max_pixels: int) -> Tensor:
    """Bytes (H, W) or (1, 3 or 4, H, W) -> (3, H, W)."""
    channels_fit = image.ndim == 2 or image.ndim == 3 and image.shape[0] in (1, 3, 4)
    if image.dtype != torch.uint8 or not channels_fit:
        raise ValueError(
            "an image tensor is bytes (uint8), (H, W) or (C, H, W) with 1, 3 or 4 channels, or already normalised "
            f"floats (3, H, W); got {image.dtype} {tuple(image.shape)}"
        )
    check_size(image.shape[-2:], max_pixels)
    image = image if image.ndim == 3 else image[None]  # (C, H, W)
    return image.expand(3, -1, -1) if image.shape[0] == 1 else image[:3]


def from_array(image: np.ndarray, max_pixels: int) -> Tensor:
    """Bytes or 16 bits, (H, W) or (H, W, 3 or 4) -> uint8 (3, H, W)."""
    if image.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"an image array holds bytes or 16 bits (uint8, uint16), got {image.dtype}; scale it to 0..255")
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] in (3, 4)):
        raise ValueError(f"an image array is (H, W), (H, W, 3) or (H, W, 4), got {image.shape}")
    check_size(image.shape[:2], max_pixels)
    if image.dtype == np.uint16:
        image = (image >> 8).astype(np.uint8)
    image = np.repeat(image[..., None], 3, 2) if image.ndim == 2 else image[..., :3].copy()
    return torch.from_numpy(image).permute(2, 0, 1)  # (3, H, W)


def check_size(size: tuple[int, int], max_pixels: int, prefix: str = "") -> None:
    """Refuse an image of (height, width) without pixels, or with too many."""
    height, width = size
    if height * width == 0:
        raise ValueError(f"{prefix}an image of {height} x {width} has no pixels")
    if height * width > max_pixels:
        raise ValueError(
            f"{prefix}an image of {height} x {width} has {height * width:,} pixels, more than max_pixels={max_pixels:,}"
            f"; max_pixels={height * width} allows it, and needs about {height * width * 20 / 2**30:.0f} GB and a "
            "sliding window"
        )


@contextmanager
def without_pillows_limit() -> Iterator[None]:
    """Pillow refuses and warns at sizes of its own, set for the whole process; `max_pixels` stands in for it."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def upright_rgb(image: Image.Image) -> Image.Image:
    """Turned as its EXIF data says, with three channels of 8 bits; transparency is dropped."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):  # 16 bits in PIL's integer modes: keep the upper 8
        image = Image.fromarray((np.asarray(image).astype(np.int64).clip(0, 65535) >> 8).astype(np.uint8))
    return image.convert("RGB")


def write_atomically(path: str | os.PathLike, write: Callable[[BinaryIO], Any]) -> None:
    """Create or replace the file at path with what write(file) writes: all of it, or nothing.

    The bytes go to a neighbour `path + ".part"` first; os.replace then swaps the name in one step, on the
    same disk. Whatever happens before that step, a full disk included, the old file stays as it was.

    Raises:
        OSError: naming path, if the file cannot be written.
    """
    path = Path(path)
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())  # on the disk before it takes the name
        os.replace(part, path)
    except BaseException as error:
        part.unlink(missing_ok=True)
        if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
            error = error.__context__  # torch.save wraps what the disk said
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise OSError(
                error.errno, f"cannot write {path}: {reason}; what stood there before is untouched"
            ) from error
        raise
