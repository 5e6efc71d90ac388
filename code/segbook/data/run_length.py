"""Binary masks as run lengths, the text in which competitions exchange them.

A mask is a list of pairs `start length`: the first pixel of a run of ones, and how many there are. Pixels are counted
from 1, down the first column, then down the second (column-major): [[0, 1, 0], [1, 1, 0]] is "2 3". Counted along the
rows it would be "2 1 4 2", so a mask read in the wrong order is not an error, it is another mask.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from segbook.data.reader import read_lines


def encode_runs(mask: ArrayLike) -> str:
    """A mask (H, W) of 0 and 1 as "start length start length ..."; an empty mask is "". ValueError for other masks.

    >>> encode_runs([[0, 1, 0], [1, 1, 0]])
    '2 3'
    """
    mask = np.asarray(mask)
    if mask.ndim != 2:
        raise ValueError(f"encode_runs needs one mask (H, W), got shape {mask.shape}")
    strange = mask[(mask != 0) & (mask != 1)]
    if strange.size:
        raise ValueError(f"a run-length mask holds 0 and 1, this one holds {strange[0]}")
    column_by_column = np.pad(mask.astype(np.int8).ravel(order="F"), 1)  # a 0 before and after: every run has two ends
    edges = np.flatnonzero(np.diff(column_by_column))  # up, down, up, down, ... counted from 0
    starts, ends = edges[::2], edges[1::2]
    return " ".join(map(str, np.stack([starts + 1, ends - starts], 1).ravel()))


def decode_runs(text: str, height: int, width: int) -> Tensor:
    """The mask of a run-length text: uint8 (height, width), 1 where a run is.

    >>> decode_runs("2 3", height=2, width=3)
    tensor([[0, 1, 0],
            [1, 1, 0]], dtype=torch.uint8)

    Raises ValueError: not pairs of whole numbers; a run that is empty, out of order or beyond the last pixel.
    """
    cells = text.split()
    if not all(cell.isascii() and cell.isdigit() for cell in cells) or len(cells) % 2:
        shown = text if len(text) < 40 else text[:36] + " ..."
        raise ValueError(f"run lengths are pairs of whole numbers, 'start length start length ...', got {shown!r}")
    mask = np.zeros(height * width, dtype=np.uint8)
    free = 1  # the first pixel that no run has taken yet
    for start, length in zip(map(int, cells[::2]), map(int, cells[1::2])):
        run = f"the run '{start} {length}'"
        if start < free or length < 1:
            raise ValueError(f"{run} is empty or starts before pixel {free}, the next in order")
        free = start + length
        if free - 1 > mask.size:
            raise ValueError(f"{run} ends at pixel {free - 1}, a mask of {height}x{width} has {mask.size}")
        mask[start - 1 : free - 1] = 1
    return torch.from_numpy(mask.reshape(width, height).T.copy())  # columns become columns again


def write_runs(path: str | Path, masks: Iterable[tuple[str, ArrayLike]]) -> None:
    """Write `name<TAB>run lengths`, one mask a line, without a header: a submission.

    Raises ValueError as `encode_runs`, or for a name that would break the table; nothing is written then.
    """
    lines = []
    for name, mask in masks:
        if not name or set(name) & set("\t\r\n"):
            raise ValueError(f"{name!r} cannot be a name in a table: it is empty or holds a tab or the end of a line")
        lines.append(f"{name}\t{encode_runs(mask)}\n")
    Path(path).write_text("".join(lines), encoding="utf-8", newline="\n")


def read_runs(path: str | Path) -> dict[str, str]:
    """Names and run lengths of a table, in its order; `decode_runs` turns each into a mask.

    NAME.csv has commas and a header line, which is skipped; any other file has tabs and no header. Raises
    FileNotFoundError, and ValueError for what is not text, a line without its two cells, a name that occurs twice.
    """
    path = Path(path)
    commas = path.suffix.lower() == ".csv"
    runs = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line.strip() or (commas and number == 1):
            continue
        name, *cells = line.split("," if commas else "\t")
        if len(cells) != 1 or not name:
            wanted = "name,run lengths" if commas else "name<TAB>run lengths"
            raise ValueError(f"{path}, line {number}: {wanted!r} is expected, found {len(cells) + 1} cells")
        if name in runs:
            raise ValueError(f"{path}, line {number}: {name!r} has a mask already; a table has one line an image")
        runs[name] = cells[0]
    return runs
