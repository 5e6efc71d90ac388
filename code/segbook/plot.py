"""Drawing for the chapters: one style, legible on a light and on a dark page.

`style()` is called once, in a chapter's first cell: it sets sizes and colours.
"""

import io
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from segbook.train import History

WIDEST = 6.2  # inches of a row of images: beyond, a phone shrinks its titles below 9 pixels

# Each colour as it is drawn on a light page, and what the book puts there on a dark one (contrast 3:1 or more on both).
# The series colours follow Okabe and Ito: they stay apart for colour-blind readers.
INK, PAPER, GREY = "#20242b", "#fefefd", "#6b7280"
SERIES = ("#0072b2", "#d55e00", "#008f68", "#b0508a", "#9a6f00", "#5b5bd6")
ON_DARK = {
    INK: "#e8eaed",
    PAPER: "#14181e",
    GREY: "#9aa3af",
    **dict(zip(SERIES, ("#56b4e9", "#ff9a4d", "#2fcf9f", "#e59ac6", "#e6b93c", "#a5a5ff"))),
}


def style() -> None:
    """Set sizes and colours of every following figure."""
    mpl.rcParams.update(
        {
            "figure.figsize": (5.8, 2.6),
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "font.size": 11,  # still legible when a phone shrinks the figure to 350 px
            "axes.titlesize": 11,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": mpl.cycler(color=SERIES),
            "axes.facecolor": "none",
            "grid.alpha": 0.25,
            "image.cmap": "viridis",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
            **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
            "grid.color": GREY,
        }
    )


def _pixels(image: ArrayLike) -> np.ndarray:
    """An array that imshow draws: (H, W) or (H, W, 3), from a tensor (3, H, W), an array or a PIL image."""
    array = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return array.clip(0, 1) if array.ndim == 3 and array.dtype.kind == "f" else array


def show_images(
    images: Sequence[ArrayLike],
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    cmap: str | None = None,
    scale: float = 1.8,
) -> np.ndarray:
    """Draw images in a grid, without axes.

    Args:
        images: each (H, W), (3, H, W), (H, W, 3) or PIL; floats in colour images are clipped to 0..1.
        columns: images in a row; all of them if not given.
        cmap: colour map of the (H, W) images.
        scale: height of one image in inches; less where a row would be wider than WIDEST.

    Returns the array of axes, row by row.
    """
    arrays = [_pixels(image) for image in images]
    columns = columns or len(arrays)
    rows = -(-len(arrays) // columns)
    aspect = max(a.shape[1] / a.shape[0] for a in arrays)
    scale = min(scale, WIDEST / (aspect * columns))
    titled = sum(any(titles[i : i + columns]) for i in range(0, len(arrays), columns)) if titles else 0
    size = (scale * aspect * columns, (scale + 0.05) * rows + 0.2 * titled)
    figure, axes = plt.subplots(rows, columns, figsize=size, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, array, title in zip(axes.flat, arrays, titles or [""] * len(arrays)):
        ax.imshow(array, cmap=cmap, interpolation="nearest")
        ax.set_title(title)
    return axes


def heatmap(
    array: ArrayLike, ax: Axes | None = None, values: bool = True, title: str | None = None, cmap: str = "Blues"
) -> Axes:
    """Draw a small matrix (H, W) as coloured cells, and with `values` its numbers, rounded where one is not whole."""
    array = _pixels(array)
    if array.ndim != 2:
        raise ValueError(f"heatmap draws a matrix (H, W), got an array of shape {tuple(array.shape)}")
    ax = ax or plt.subplots(figsize=(0.45 * array.shape[1] + 0.4, 0.45 * array.shape[0] + 0.6))[1]
    drawn = ax.imshow(array, cmap=cmap, interpolation="nearest")
    ax.set(xticks=[], yticks=[], title=title or "")
    ax.spines[:].set_visible(False)
    if values:
        whole = np.allclose(array, np.round(array))
        texts = {at: f"{value:.0f}" if whole else f"{value:.2g}" for at, value in np.ndenumerate(array)}
        size = 11 if max(map(len, texts.values()), default=0) < 3 else 9.5  # as large as a phone needs, where it fits
        for (i, j), value in np.ndenumerate(array):
            red, green, blue, _ = drawn.cmap(drawn.norm(value))
            dark_cell = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            # fixed colours: the cell under them does not change with the theme
            ink = "#ffffff" if dark_cell else "#101010"
            ax.text(j, i, texts[i, j], ha="center", va="center", fontsize=size, color=ink)
    return ax


def history(run: "History", steps: int | None = None, figure: Figure | None = None) -> np.ndarray:
    """Draw a training: the loss of every step (thin) with a mean of 25 (thick), and the validations' mIoU.

    `run` is what `train.fit` returns, or hands to its callback; `steps` the length of the whole training, the right
    end of both axes; `figure` what to draw on, a new one of pyplot if not given. Returns the two axes.
    """
    figure = figure or plt.figure(figsize=(5.8, 2.4))
    left, right = axes = figure.subplots(1, 2)
    mean = np.convolve(run.losses, np.full(25, 1 / 25), "valid") if len(run.losses) >= 25 else []
    left.plot(run.steps, run.losses, lw=0.5, color=GREY)
    left.plot(run.steps[24 : 24 + len(mean)], mean, color=SERIES[0])
    right.plot(run.val_steps, run.val_mious, "o-", ms=4, color=SERIES[0])
    left.set(xlabel="step", title="training loss", xlim=(0, steps))
    if run.losses:
        left.set_yscale("log")
        left.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        left.yaxis.set_major_formatter("{x:g}")
        left.minorticks_off()
    right.set(xlabel="step", title="validation mIoU", xlim=(0, steps), ylim=(0, 1))
    return axes


class LivePlot:
    """Callback of `train.fit`: `history` redrawn in place in a notebook, in one picture of some 20 kB.

    It is redrawn after `seconds` at the earliest, and at the end. Outside of a notebook nothing is shown.
    """

    def __init__(self, seconds: float = 5.0):
        self.seconds, self.drawn, self.handle = seconds, float("-inf"), None

    def __call__(self, run: "History", steps: int) -> None:
        soon = run.step < steps and time.perf_counter() - self.drawn < self.seconds
        if soon or "ipykernel" not in sys.modules:
            return
        from IPython.display import Image, display

        figure, picture = Figure(figsize=(7.5, 2.6), layout="constrained"), io.BytesIO()  # none of pyplot's
        history(run, steps, figure)
        figure.savefig(picture, format="png", dpi=80)
        self.handle = self.handle or display(display_id=True)
        self.handle.update(Image(picture.getvalue()))
        self.drawn = time.perf_counter()
