"""The one reader of image files, of mask files, and of weights; and a file that is written whole or not at all."""

import os
import pickle
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

#: What `predict` takes for an image: a path, a PIL image, an array or a tensor; see `read_image`.
ImageLike = str | os.PathLike | Image.Image | np.ndarray | Tensor
MAX_PIXELS = 200_000_000  #: more than cameras take; a file of a few kB can unpack to far more, and fill the memory


def read_image(image: ImageLike, max_pixels: int = MAX_PIXELS) -> Tensor:
    """Any image as bytes: uint8 (3, H, W), turned upright if its EXIF data says so.

    Grey is repeated in three channels, palettes and CMYK become RGB, transparency is dropped, of several frames the
    first counts. Of 16 bits the upper 8 are kept, of a TIFF's 12 too. Refused is what leaves open which number is
    white: floats, more than 16 bits, and 16 bits of which only 12 are used.

    Args:
        image: a path; a PIL image of any mode; an array uint8 or uint16, (H, W) or (H, W, C); a tensor of bytes,
            (H, W) or (C, H, W), with 1, 3 or 4 channels.
        max_pixels: a larger image is refused; a file before it is unpacked.

    Raises FileNotFoundError; ValueError for what is damaged, empty, too large, of another shape or numbers; TypeError.
    """
    if isinstance(image, np.ndarray | Tensor):
        return from_array(image, max_pixels)
    if isinstance(image, str | os.PathLike):
        with open_image(image, max_pixels) as picture:
            return read_image(picture, max_pixels)
    if not isinstance(image, Image.Image):
        raise TypeError(f"an image is a path, a PIL image, an array or a tensor, got {type(image).__name__}")
    check_size((image.height, image.width), max_pixels)
    picture = as_rgb(upright(image))
    # "RGB;L" gives each row's reds, then its greens, then its blues: cheaper to crop and normalise than RGBRGB
    rows = torch.frombuffer(bytearray(picture.tobytes("raw", "RGB;L")), dtype=torch.uint8)
    return rows.view(picture.height, 3, picture.width).permute(1, 0, 2)  # (3, H, W)


def read_mask(path: str | os.PathLike) -> Tensor:
    """A label file as class indices: uint8 (H, W). Palette files give their indices, not their colours.

    It is turned as its own EXIF data says, like an image: a pair has to agree as a person sees it.
    Raises as `read_image`, and ValueError for colours, floats, an index above 255 and a JPEG.
    """
    with open_image(path) as picture:
        if picture.format in ("JPEG", "MPO"):
            raise ValueError("a JPEG cannot hold class indices, its compression changes them; use PNG")
        if picture.mode not in ("P", "L", "1") and not picture.mode.startswith("I"):
            remedy = {"LA": "save it without its alpha channel", "F": "save whole numbers of 8 bits"}
            colours = "turn colours into indices once with segbook.data.colour_to_index"
            raise ValueError(
                f"an index mask is expected (one number a pixel, mode P or L), this file holds mode {picture.mode}; "
                f"{remedy.get(picture.mode, colours)}"
            )
        label = np.array(upright(picture))  # (H, W)
        if label.min() < 0 or label.max() > 255:
            raise ValueError(f"an index is 0 to 255, this mask has {label.min()} to {label.max()}; number them anew")
        return torch.from_numpy(label.astype(np.uint8, copy=False))


@contextmanager
def open_image(path: str | os.PathLike, max_pixels: int = MAX_PIXELS) -> Iterator[Image.Image]:
    """Pillow's image of a file, not yet unpacked. Errors, those inside the block too, become OSErrors and ValueErrors
    in a sentence with its path.
    """
    try:
        with open(path, "rb") as file:
            picture = identify(file)
            check_size((picture.height, picture.width), max_pixels)
            yield picture
    except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
        raise type(error)(f"{path}: {error.strerror.lower()}") from None
    except (ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: {error}") from error
    except (OSError, SyntaxError, EOFError, struct.error) as error:
        raise ValueError(f"{path}: the image is damaged or cut short ({error}); fetch the file again") from error


def identify(file: BinaryIO) -> Image.Image:
    """`Image.open` without its limit of size: that is one for the whole process, so no thread may change it."""
    Image.preinit()  # the common formats are asked first
    Image.init()
    start = file.read(16)
    for factory, accept in (Image.OPEN[name] for name in Image.ID):
        try:
            accepted = accept is None or accept(start)
            if accepted and not isinstance(accepted, str):  # a text says why this Pillow cannot
                file.seek(0)
                return factory(file, "")
        except (SyntaxError, IndexError, TypeError, struct.error):
            continue  # another format may start alike
    raise ValueError("not an image file that Pillow can read; save it as PNG or JPEG")


def upright(picture: Image.Image) -> Image.Image:
    """Unpacked, and turned as its EXIF data says; exif_transpose alone would copy those that need no turn."""
    picture.load()
    return picture if picture.getexif().get(0x0112, 1) == 1 else ImageOps.exif_transpose(picture)


def as_rgb(picture: Image.Image) -> Image.Image:
    """Three channels of 8 bits."""
    if picture.mode[0] in "IF":  # 16 bits or more
        (bits,) = getattr(picture, "tag_v2", {}).get(258, (16,))  # a TIFF's BitsPerSample
        picture = Image.fromarray(to_bytes(np.asarray(picture), bits))
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")  # as Pillow asks for, or it warns
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def to_bytes(values: np.ndarray, bits: int = 16) -> np.ndarray:
    """The upper 8 bits of 12 or 16, if that is what they are."""
    low, high = values.min(), values.max()
    if values.dtype.kind not in "ui" or low < 0 or high > 65535 or bits != 12 and 0 < high < 4096:
        raise ValueError(
            f"{values.dtype} numbers from {low} to {high}, and nothing says which of them is white (12 bits stored in "
            "16?); scale the image to 0..255 and save it with 8 bits"
        )
    return (values >> (4 if bits == 12 else 8)).astype(np.uint8)


def from_array(image: np.ndarray | Tensor, max_pixels: int) -> Tensor:
    """An array (H, W) or (H, W, C), or a tensor (H, W) or (C, H, W) -> uint8 (3, H, W)."""
    of_array = isinstance(image, np.ndarray)
    pixels = np.moveaxis(image, -1, 0) if of_array and image.ndim == 3 else image  # (H, W) or (C, H, W)
    fits = pixels.ndim == 2 or pixels.ndim == 3 and len(pixels) in (1, 3, 4)
    if not fits or not of_array and pixels.dtype != torch.uint8:
        raise ValueError(
            "an image is an array (H, W) or (H, W, C) or a tensor of bytes (H, W) or (C, H, W), with 1, 3 or 4 "
            f"channels, or a tensor of normalised floats (3, H, W); got {image.dtype} {tuple(image.shape)}"
        )
    check_size(tuple(pixels.shape[-2:]), max_pixels)
    if of_array:
        pixels = torch.from_numpy(np.array(pixels) if pixels.dtype == np.uint8 else to_bytes(pixels))
    return pixels.expand(3, -1, -1) if pixels.ndim == 2 or len(pixels) == 1 else pixels[:3]


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Refuse an image of (height, width) without pixels, or with too many."""
    name, pixels = f"an image of {size[0]} x {size[1]}", size[0] * size[1]
    if pixels == 0:
        raise ValueError(f"{name} has no pixels")
    if pixels > max_pixels:
        raise ValueError(
            f"{name} has {pixels:,} pixels, more than max_pixels={max_pixels:,}; cut it into tiles, or predict in "
            f"windows with max_pixels={pixels} and about {pixels * 20 / 2**30:.0f} GB of memory"
        )


def read_weights(path: str | os.PathLike) -> Any:
    """What torch.save wrote, tensors and plain values, on the CPU. ValueError for all else: nothing in it can run."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, AttributeError, IndexError, ValueError) as error:
        reason = "cut short, of another kind, or asking to run code, which is refused (weights_only=True)"
        raise ValueError(f"{path} is no file of weights: {reason}") from error


def write_atomically(path: str | os.PathLike, write: Callable[[BinaryIO], Any]) -> None:
    """Create or replace the file at path with what write(file) writes: all of it, or nothing.

    The bytes go to a neighbour `path + ".part"`, which then takes the name in one step, on the same disk: whatever
    happens before, a full disk included, the old file stays as it was. OSErrors name the path.
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
            untouched = f"{error.strerror or error}; what stood there before is untouched"
            raise OSError(error.errno, f"cannot write {path}: {untouched}") from error
        raise
