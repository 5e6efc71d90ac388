"""Maps of an image that is too large for one forward pass: from overlapping windows, blended."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

BLENDS = ("tent", "flat")


def window_starts(length: int, window: int, overlap: float) -> list[int]:
    """Where windows begin along one axis: in equal steps from 0, the last one moved back to end with the image."""
    step = max(1, round(window * (1 - overlap)))
    return [*range(0, length - window, step), length - window]


def window_shares(length: int, window: int, starts: list[int], blend: str) -> Tensor:
    """How much each window counts at each of its pixels along one axis, (windows, window); at every pixel of the
    image the shares add up to 1.

    "tent" counts most in a window's middle, where it sees context on all sides, and least at its border. With half a
    window of overlap neighbouring tents add up by themselves. "flat" gives all windows over a pixel the same share.
    """
    weight = torch.ones(window)
    if blend == "tent":
        weight = window / 2 - (torch.arange(window) - (window - 1) / 2).abs()  # 0.5, 1.5, ... 1.5, 0.5
    total = torch.zeros(length)
    for start in starts:
        total[start : start + window] += weight
    return torch.stack([weight / total[start : start + window] for start in starts])


def sliding_window(
    score: Callable, size: tuple[int, int], window: tuple[int, int], overlap: float, blend: str, batch_size: int
) -> Iterator[Tensor]:
    """The map of the whole image, some rows (C, rows, W) at a time, from top to bottom.

    A row of windows is added up; what no later window touches is finished and leaves. So memory holds one row of
    windows, whatever the height of the image. The rows are the caller's until it asks for the next.

    Args:
        score: corners (top, left) of at most `batch_size` windows -> their maps (n, C, h, w).
        size: height and width of the image. window: those of a window, no larger.
    """
    (height, width), (h, w) = size, window
    tops, lefts = window_starts(height, h, overlap), window_starts(width, w, overlap)
    row_shares = window_shares(height, h, tops, blend)  # (rows of windows, h)
    column_shares = window_shares(width, w, lefts, blend)  # (columns of windows, w)
    total = None
    for i, top in enumerate(tops):
        for first in range(0, len(lefts), batch_size):
            chosen = range(first, min(first + batch_size, len(lefts)))
            maps = score([(top, lefts[j]) for j in chosen])  # (n, C, h, w)
            if total is None:
                total = maps.new_zeros(maps.shape[1], h, width)
            for j, one in zip(chosen, maps):
                share = torch.outer(row_shares[i], column_shares[j]).to(one)  # (h, w)
                total[..., lefts[j] : lefts[j] + w].addcmul_(one, share)
        done = tops[i + 1] - top if i + 1 < len(tops) else h
        yield total[:, :done]
        if done < h:
            total[:, : h - done] = total[:, done:].clone()
        total[:, h - done :] = 0
