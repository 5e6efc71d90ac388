"""`predict` and `probabilities`: one forward pass, or the mean of several scales, flips and windows."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook.data.transforms import normalise
from segbook.files import MAX_PIXELS, ImageLike, check_size, read_image
from segbook.infer.windows import BLENDS, sliding_window
from segbook.metrics import check_threshold, to_classes

WHOLE = 4096 * 4096  # pixels of the largest image that is computed in one piece unless told so


@dataclass(frozen=True)
class View:
    """How to look at an image: what `predict` and `probabilities` are told by keyword; ValueError if it has no sense.

    Args:
        window: height and width, or one number for both: cut the image into windows of this size, cut down to the
            image where they are larger. None is one forward pass of the whole image, but windows of 1024x1024 above
            4096x4096 pixels, where one pass would fill the memory.
        overlap: share of a window that the next one covers again, 0 or more and below 1. Half a window, the default,
            computes every pixel about four times.
        blend: "tent" or "flat", see `windows.window_shares`.
        scales: the window is resized by each of these factors; their mean counts.
        flip: each scale once more, mirrored left to right.
        batch_size: windows at once; it changes speed and memory, not the result (but for rounding).
        max_pixels: refuse an image with more.
    """

    window: int | tuple[int, int] | None = None
    overlap: float = 0.5
    blend: str = "tent"
    scales: Sequence[float] = (1,)
    flip: bool = False
    batch_size: int = 4
    max_pixels: int = MAX_PIXELS

    def __post_init__(self):
        sides = (self.window, self.window) if isinstance(self.window, int) else self.window or (1, 1)
        if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
            raise ValueError(f"window is a height and a width in pixels, or one number for both, got {self.window}")
        if not 0 <= self.overlap < 1:
            raise ValueError(f"overlap is a share of the window, from 0 to below 1, got {self.overlap}")
        if self.blend not in BLENDS:
            raise ValueError(f"blend is one of {', '.join(BLENDS)}, got {self.blend!r}")
        if len(self.scales) == 0 or not all(0 < scale < math.inf for scale in self.scales):
            raise ValueError(f"scales are positive factors, at least one of them, got {tuple(self.scales)}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size is at least 1, got {self.batch_size}")

    def window_in(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of the windows in an image of this size."""
        window = self.window or (1024 if height * width > WHOLE else (height, width))
        h, w = (window, window) if isinstance(window, int) else window
        return min(h, height), min(w, width)


def predict(model: nn.Module, image: ImageLike, *, threshold: float = 0.5, **view) -> Tensor:
    """Label map (H, W) int64, on the CPU, at the image's own size.

    By default one forward pass of the whole image. With more than one window, scale or flip it is the class of the
    largest mean probability: see `probabilities`.

    >>> from segbook import models
    >>> model = models.create("fcn32s_tiny")
    >>> predict(model, torch.zeros(3, 70, 90)).shape
    torch.Size([70, 90])

    With one logit it is class 1 where the probability is above `threshold`; `view` are the fields of `View`.

    Raises FileNotFoundError, TypeError, ValueError: as `probabilities`; a threshold outside 0 to 1.
    """
    check_threshold(threshold)
    view = View(**view)
    image = to_pixels(image, view.max_pixels)  # (3, H, W)
    with torch.no_grad(), evaluating(model):
        if view.window_in(*image.shape[1:]) == image.shape[1:] and tuple(view.scales) == (1,) and not view.flip:
            return to_classes(forward(model, to_input(image[None], model)), threshold)[0].cpu()
        parts = []
        for rows in probability_rows(model, image, view):  # (C, rows, W)
            parts.append((rows[0] > threshold).long() if len(rows) == 1 else rows.argmax(0))
    return torch.cat([part.cpu() for part in parts])


def probabilities(model: nn.Module, image: ImageLike, **view) -> Tensor:
    """Probability of each class at each pixel, (C, H, W) float32 on the CPU; with one logit its sigmoid, (1, H, W).

    What is averaged is always probabilities, after the logits have been brought back to the size of the window: in a
    mean of logits one look that is very sure, and wrong, could outvote all others.

    Args:
        model: images (N, 3, H, W) -> logits (N, C, H, W), in 32 or 16 bits. It runs in evaluation mode on the device
            where it is, and gets its mode back.
        image: anything `read_image` takes, or normalised floats (3, H, W), as data sets give them.
        view: the fields of `View`, as keyword arguments.

    Raises FileNotFoundError, TypeError, ValueError: as `read_image` and `View`; logits of another size than the image.
    Source: means over scales and flips as in Chen et al. 2017, section 4.1; weighted windows after Isensee et al.
    2021 (nnU-Net), with a tent in place of their Gaussian.
    """
    view = View(**view)
    image = to_pixels(image, view.max_pixels)  # (3, H, W)
    whole, top = None, 0
    with torch.no_grad(), evaluating(model):
        for rows in probability_rows(model, image, view):  # (C, rows, W)
            whole = whole if top else torch.empty(len(rows), *image.shape[1:])  # (C, H, W)
            whole[:, top : top + rows.shape[1]] = rows
            top += rows.shape[1]
    return whole


def probability_rows(model: nn.Module, image: Tensor, view: View) -> Iterator[Tensor]:
    """The probabilities of an image (3, H, W), some rows (C, rows, W) at a time, from top to bottom."""
    h, w = view.window_in(*image.shape[1:])

    def score(corners: list[tuple[int, int]]) -> Tensor:
        crops = torch.stack([image[:, top : top + h, left : left + w] for top, left in corners])
        return mean_probabilities(model, to_input(crops, model), view.scales, view.flip)

    return sliding_window(score, image.shape[1:], (h, w), view.overlap, view.blend, view.batch_size)


def mean_probabilities(model: nn.Module, x: Tensor, scales: Sequence[float], flip: bool) -> Tensor:
    """Probabilities (N, C, H, W), averaged over the images at several scales, each also mirrored if asked for."""
    found = []
    for scale in scales:
        size = [max(1, round(length * scale)) for length in x.shape[-2:]]
        scaled = F.interpolate(x, size, mode="bilinear", antialias=scale < 1) if scale != 1 else x
        for mirror in (False, True) if flip else (False,):
            logits = forward(model, scaled.flip(-1) if mirror else scaled)  # (N, C, H * scale, W * scale)
            logits = logits.flip(-1) if mirror else logits
            if scale != 1:
                logits = F.interpolate(logits, x.shape[-2:], mode="bilinear", antialias=scale > 1)
            found.append(logits.sigmoid() if logits.shape[1] == 1 else logits.softmax(1))
    return torch.stack(found).mean(0) if len(found) > 1 else found[0]


def forward(model: nn.Module, x: Tensor) -> Tensor:
    """The model's logits in float32, if it gives any at the size of its input; it may compute in 16 bits."""
    dtype = next((p.dtype for p in model.parameters() if p.is_floating_point()), x.dtype)
    logits = model(x.to(dtype))
    shape = tuple(getattr(logits, "shape", ()))
    if len(shape) != 4 or shape[-2:] != x.shape[-2:]:
        wanted = f"logits (N, C, H, W) at its input's size, {tuple(x.shape[-2:])} here"
        found = shape or type(logits).__name__
        raise ValueError(f"predict needs a model that returns {wanted}; this one returned {found}")
    return logits.float()  # before any sum: float16 ends at 65,504


def to_pixels(image: ImageLike, max_pixels: int) -> Tensor:
    """The bytes (3, H, W) of any image; normalised floats (3, H, W) stay."""
    if isinstance(image, Tensor) and image.is_floating_point() and image.ndim == 3 and len(image) == 3:
        check_size(tuple(image.shape[1:]), max_pixels)
        return image
    return read_image(image, max_pixels)


def to_input(images: Tensor, model: nn.Module) -> Tensor:
    """Bytes or normalised floats (N, 3, H, W) -> normalised float32 where the model is."""
    images = images.to(device_of(model))
    return images.float() if images.is_floating_point() else normalise(images)


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer lies; the CPU if it has none."""
    return next((tensor.device for tensor in (*model.parameters(), *model.buffers())), torch.device("cpu"))


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards in the mode it had."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
