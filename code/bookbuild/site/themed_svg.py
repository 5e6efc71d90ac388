"""Figures of the pages: SVG whose ink follows the page's theme.

Every kernel of the build runs `install` before its first cell (startup.py, which PYTHONSTARTUP names).
"""

import base64
import io
import re

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from segbook.plot import ON_DARK


def install() -> None:
    """Let IPython show a Figure as themed SVG alone."""
    from IPython import get_ipython
    from matplotlib_inline.backend_inline import configure_inline_support

    shell = get_ipython()
    configure_inline_support(shell, "inline")  # it would otherwise run after the first cell and undo the next lines
    for formatter in shell.display_formatter.formatters.values():
        formatter.pop(Figure, None)
    shell.display_formatter.formatters["image/svg+xml"].for_type(Figure, themed_svg)


def themed_svg(figure: Figure) -> str:
    """The figure as SVG text whose colours switch with the reader's theme.

    The browser applies the page's colour scheme to `prefers-color-scheme` inside an embedded image, so the media
    query follows the page's own switch. The same figure gives the same bytes: no date, a fixed salt for ids.
    """
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "segbook"}):
        figure.savefig(buffer, format="svg", dpi=150, transparent=True, bbox_inches="tight", metadata={"Date": None})
    svg = re.sub('data:image/png;base64,([^"]+)', _webp, buffer.getvalue())
    names = {light: f"--c{i}" for i, light in enumerate(ON_DARK)}
    for light, name in names.items():
        svg = svg.replace(light, f"var({name})")
    light_rule = ";".join(f"{name}:{light}" for light, name in names.items())
    dark_rule = ";".join(f"{names[light]}:{dark}" for light, dark in ON_DARK.items())
    css = (
        f"<style>:root{{{light_rule}}}@media (prefers-color-scheme:dark){{:root{{{dark_rule}}}}}"
        "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif!important}</style>"
    )
    head, tail = svg.split("<defs>", 1)
    return head + css + "<defs>" + tail


def _webp(found: re.Match) -> str:
    """A PNG in an SVG as WebP where that is smaller: a photograph takes a tenth, few colours stay what they are."""
    image, buffer = Image.open(io.BytesIO(base64.b64decode(found[1]))), io.BytesIO()
    image.save(buffer, "webp", quality=90, lossless=image.convert("RGBA").getcolors(256) is not None)
    packed = base64.b64encode(buffer.getvalue()).decode()
    return f"data:image/webp;base64,{packed}" if len(packed) < len(found[1]) else found[0]
