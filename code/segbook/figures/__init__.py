"""Figures that move under the reader's hand: one JavaScript file each, fed with what a cell has computed.

`show("bilinear-kernel", label="...")` returns an object that a notebook displays: a custom element, its data as JSON,
and the script that draws it. Nothing is fetched and no kernel is needed afterwards, so the same output works on the
book's pages (from a file too), in JupyterLab and in Colab. Without JavaScript a picture and the label remain.
"""

import base64
import hashlib
import html
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from segbook.naming import unknown_name

FOLDER = Path(__file__).parent
MAX_DATA = 400_000  # bytes of JSON: a page with three such figures still opens at once
ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}  # what would end a script or a line of one


class InteractiveFigure:
    """What `show` returns: displays itself in a notebook, and says what it is where no HTML can be shown."""

    def __init__(self, name: str, label: str, data: str):
        self.name, self.label, self.data = name, label, data

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": f"Interactive figure ({self.name}): {self.label}"}

    def html(self) -> str:
        """The element, its fallback, its data and its script, as one piece of HTML."""
        script = (FOLDER / "kit.js").read_text("utf-8") + (FOLDER / f"{self.name}.js").read_text("utf-8")
        # An edited script gets another tag: a name can be defined only once in a page, and JupyterLab never reloads.
        tag = f"{self.name}-{hashlib.sha256(script.encode()).hexdigest()[:8]}"
        label = html.escape(self.label, quote=True)
        picture = FOLDER / f"{self.name}.webp"
        image = f'<img alt="{label}" src="{_uri(picture.read_bytes(), "webp")}">' if picture.is_file() else ""
        return (
            f'<{tag} data-segbook="{self.name}" role="group" aria-label="{label}">'
            f"<p>This figure moves where JavaScript runs. {label}</p>{image}"
            f'<script type="application/json">{self.data}</script></{tag}>\n'
            f'<script>(() => {{ const TAG = "{tag}";\n{script}}})();</script>'
        )


def show(name: str, label: str, **data: Any) -> InteractiveFigure:
    """An interactive figure, for the last line of a cell.

    Args:
        name: one of `names()`.
        label: one sentence that says what is drawn, for readers who cannot see it.
        data: what the figure draws; numbers, strings, lists, dicts, tensors and arrays (which become nested lists).

    Raises ValueError for an unknown figure, no label, NaN, infinity or too much data, TypeError for other data.
    """
    if name not in names():
        raise unknown_name("figure", name, names())
    if not label.strip():
        raise ValueError(f"the figure {name!r} needs a label: one sentence that says what it shows")
    try:
        text = json.dumps(data, separators=(",", ":"), allow_nan=False, default=_plain, ensure_ascii=False)
    except ValueError:
        raise ValueError(f"the data of figure {name!r} hold NaN or infinity, which JSON cannot: use None") from None
    if len(text.encode()) > MAX_DATA:
        size = f"{len(text.encode()):,} bytes, more than {MAX_DATA:,}"
        raise ValueError(f"the data of figure {name!r} take {size}: round the numbers or shrink the images")
    return InteractiveFigure(name, label, text.translate(ESCAPES))


def names() -> list[str]:
    """The figures that there are."""
    return sorted(path.stem for path in FOLDER.glob("*.js") if path.stem != "kit")


def recorded(name: str) -> dict[str, Any]:
    """The data of a figure that shows a run too long for a cell: `show(name, label="...", **recorded(name))`."""
    there = {path.stem: path for path in FOLDER.glob("*.json")}
    if name not in there:
        raise unknown_name("recorded figure", name, there)
    return json.loads(there[name].read_text("utf-8"))


def picture(image: Tensor | np.ndarray | Image.Image, quality: int = 80) -> str:
    """An image as a data URI that a figure can draw.

    (3, H, W) or (H, W, 3), floats in 0..1 or bytes, become a WebP of that `quality`, 1 to 100; class numbers (H, W)
    below 256 become a grey PNG whose values are the numbers themselves.
    """
    array = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    buffer = io.BytesIO()
    if array.ndim == 2:
        Image.fromarray(array.astype(np.uint8)).save(buffer, "png", optimize=True)
        return _uri(buffer.getvalue(), "png")
    if array.ndim != 3 or 3 not in (array.shape[0], array.shape[2]):
        raise ValueError(f"picture needs (3, H, W), (H, W, 3) or (H, W), got shape {array.shape}")
    array = array if array.shape[2] == 3 else array.transpose(1, 2, 0)
    pixels = (array.clip(0, 1) * 255).round() if array.dtype.kind == "f" else array
    Image.fromarray(pixels.astype(np.uint8)).save(buffer, "webp", quality=quality)
    return _uri(buffer.getvalue(), "webp")


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _plain(value: Any) -> Any:
    """What json does not know: tensors, arrays and their numbers."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().tolist()
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a figure's data are numbers, text, lists, dicts, tensors and arrays, not {type(value).__name__}")
