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
from segbook.infer.windows import BLENDS, bands


def device_of(model: nn.Module) -> torch.device:
    """Where the model's first parameter or buffer lies; the CPU if it has none."""
    tensors = [*model.parameters(), *model.buffers()]
    return tensors[0].device if tensors else torch.device("cpu")


def to_probabilities(logits: Tensor) -> Tensor:
    """Logits (N, C, H, W) -> probabilities, float32: softmax over the classes; with one logit, its sigmoid."""
    return logits.float().sigmoid() if logits.shape[1] == 1 else logits.float().softmax(1)


def to_classes(logits: Tensor, threshold: float = 0.5) -> Tensor:
    """Logits (N, C, H, W) -> classes (N, H, W): the largest. With one logit, class 1 where its sigmoid is above the
    threshold (compared as logits, so that 0.5 means above 0 to the last bit).

    >>> to_classes(torch.tensor([[[[0.2, -0.2]]]]))
    tensor([[[1, 0]]])
    """
    if logits.shape[1] == 1:
        return (logits[:, 0] > math.log(threshold / (1 - threshold))).long()
    return logits.argmax(1)


@dataclass(frozen=True)
class Plan:
    """What `predict` and `probabilities` share: an image (3, H, W), and how to look at it."""

    image: Tensor  # bytes, or normalised floats
    window: tuple[int, int]  # the whole image if none was asked for
    overlap: float
    blend: str
    scales: tuple[float, ...]
    flip: bool
    batch_size: int

    @property
    def plain(self) -> bool:
        """Whether one forward pass of the whole image is all that is asked for."""
        return self.window == self.image.shape[-2:] and self.scales == (1,) and not self.flip


def predict(
    model: nn.Module,
    image: ImageLike,
    *,
    window: int | tuple[int, int] | None = None,
    overlap: float = 0.5,
    blend: str = "tent",
    scales: Sequence[float] = (1,),
    flip: bool = False,
    threshold: float = 0.5,
    batch_size: int = 4,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Label map (H, W) int64, on the CPU, at the image's own size.

    By default one forward pass of the whole image. With more than one window, scale or flip it is the class of the
    largest mean probability: see `probabilities`, whose arguments these are.

    >>> from segbook import models
    >>> model = models.create("fcn32s_tiny")
    >>> predict(model, torch.zeros(3, 70, 90)).shape
    torch.Size([70, 90])

    Args:
        threshold: with one logit, class 1 where the probability is above it.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `probabilities`; a threshold that is not between 0 and 1.
    """
    if not 0 < threshold < 1:
        raise ValueError(f"threshold is a probability between 0 and 1, got {threshold}")
    plan = make_plan(image, window, overlap, blend, scales, flip, batch_size, max_pixels)
    with torch.no_grad(), evaluating(model):
        if plan.plain:
            return to_classes(forward(model, to_input(plan.image[None], model)), threshold)[0].cpu()
        parts = []
        for band in probability_bands(model, plan):  # (C, rows, W)
            parts.append((band[0] > threshold).long() if len(band) == 1 else band.argmax(0))
    return torch.cat([part.cpu() for part in parts])


def probabilities(
    model: nn.Module,
    image: ImageLike,
    *,
    window: int | tuple[int, int] | None = None,
    overlap: float = 0.5,
    blend: str = "tent",
    scales: Sequence[float] = (1,),
    flip: bool = False,
    batch_size: int = 4,
    max_pixels: int = MAX_PIXELS,
) -> Tensor:
    """Probability of each class at each pixel, (C, H, W) float32 on the CPU; with one logit its sigmoid, (1, H, W).

    What is averaged is always probabilities, after the logits have been brought back to the size of the window. A
    mean of logits is a geometric mean of probabilities: one view that is very sure, and wrong, could outvote all
    others. (DeepLab and MMSegmentation average probabilities over scales and flips too; over windows MMSegmentation
    averages logits.)

    Args:
        model: images (N, 3, H, W) -> logits (N, C, H, W). It runs in evaluation mode on the device where it is, and
            gets its mode back.
        image: anything `read_image` takes, or a float tensor (3, H, W) that is normalised already, as data sets
            give it.
        window: height and width, or one number for both: cut the image into windows of this size instead of one
            forward pass, for images that do not fit into memory. Cut down to the image where it is larger.
        overlap: share of a window that the next one covers again, 0 or more and below 1. Half a window, the default,
            computes every pixel about four times.
        blend: "tent" or "flat", see `windows.window_shares`.
        scales: the window is resized by each of these factors; their mean counts.
        flip: each scale once more, mirrored left to right.
        batch_size: windows at once; it changes speed and memory, not the result (but for rounding).
        max_pixels: refuse an image with more.

    Raises:
        FileNotFoundError, TypeError, ValueError: as `read_image`; an argument without sense; a model whose output is
            not logits at the size of its input.

    Source: means over scales and flips as in Chen et al. 2017, section 4.1; weighted windows after Isensee et al.
    2021 (nnU-Net), with a tent in place of their Gaussian.
    """
    plan = make_plan(image, window, overlap, blend, scales, flip, batch_size, max_pixels)
    whole, row = torch.empty(0), 0
    with torch.no_grad(), evaluating(model):
        for band in probability_bands(model, plan):  # (C, rows, W)
            if row == 0:
                whole = torch.empty(len(band), *plan.image.shape[-2:])  # (C, H, W)
            whole[:, row : row + band.shape[1]] = band
            row += band.shape[1]
    return whole


def probability_bands(model: nn.Module, plan: Plan) -> Iterator[Tensor]:
    """The probabilities of the whole image, (C, rows, W) at a time, from top to bottom."""
    h, w = plan.window

    def score(corners: list[tuple[int, int]]) -> Tensor:
        crops = torch.stack([plan.image[:, top : top + h, left : left + w] for top, left in corners])
        return mean_of_views(model, to_input(crops, model), plan.scales, plan.flip)

    return bands(score, plan.image.shape[-2:], plan.window, plan.overlap, plan.blend, plan.batch_size)


def mean_of_views(model: nn.Module, x: Tensor, scales: Sequence[float], flip: bool) -> Tensor:
    """Probabilities (N, C, H, W), averaged over the images at several scales, each also mirrored if asked for."""
    views = []
    for scale in scales:
        size = [max(1, round(length * scale)) for length in x.shape[-2:]]
        scaled = F.interpolate(x, size, mode="bilinear", antialias=scale < 1) if scale != 1 else x
        for mirror in (False, True) if flip else (False,):
            logits = forward(model, scaled.flip(-1) if mirror else scaled)  # (N, C, H * scale, W * scale)
            logits = logits.flip(-1) if mirror else logits
            if scale != 1:
                logits = F.interpolate(logits, x.shape[-2:], mode="bilinear", antialias=scale > 1)
            views.append(to_probabilities(logits))
    return torch.stack(views).mean(0) if len(views) > 1 else views[0]


def forward(model: nn.Module, x: Tensor) -> Tensor:
    """The model's logits, if it gives any at the size of its input."""
    logits = model(x)
    if not isinstance(logits, Tensor) or logits.ndim != 4 or logits.shape[-2:] != x.shape[-2:]:
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"predict needs a model that returns logits (N, C, H, W) at its input's size, {tuple(x.shape[-2:])} here; "
            f"this one returned {found}"
        )
    return logits


def to_input(images: Tensor, model: nn.Module) -> Tensor:
    """Bytes or normalised floats (N, 3, H, W) -> normalised floats where the model is."""
    images = images.to(device_of(model))
    return images if images.is_floating_point() else normalise(images)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; afterwards in the mode it had."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)


def make_plan(
    image: ImageLike,
    window: int | tuple[int, int] | None,
    overlap: float,
    blend: str,
    scales: Sequence[float],
    flip: bool,
    batch_size: int,
    max_pixels: int,
) -> Plan:
    """Check everything that can be wrong before the model runs, and read the image.

    Raises:
        FileNotFoundError, TypeError, ValueError: see `probabilities`.
    """
    if isinstance(image, Tensor) and image.is_floating_point() and image.ndim == 3 and image.shape[0] == 3:
        check_size(image.shape[-2:], max_pixels)
    else:
        image = read_image(image, max_pixels)
    size = tuple(image.shape[-2:])
    window = (window, window) if isinstance(window, int) else size if window is None else tuple(window)
    if len(window) != 2 or not all(isinstance(length, int) and length > 0 for length in window):
        raise ValueError(f"window is a height and a width in pixels, or one number for both, got {window}")
    if not 0 <= overlap < 1:
        raise ValueError(f"overlap is a share of the window, from 0 to below 1, got {overlap}")
    if blend not in BLENDS:
        raise ValueError(f"blend is one of {', '.join(BLENDS)}, got {blend!r}")
    if len(scales) == 0 or not all(0 < scale < math.inf for scale in scales):
        raise ValueError(f"scales are positive factors, at least one of them, got {tuple(scales)}")
    if batch_size < 1:
        raise ValueError(f"batch_size is at least 1, got {batch_size}")
    window = (min(window[0], size[0]), min(window[1], size[1]))
    return Plan(image, window, overlap, blend, tuple(scales), flip, batch_size)
