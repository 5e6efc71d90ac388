"""Figures of the pages follow the theme, are the same bytes each time, and small."""

import base64
import io
import os
import re
import sys

import matplotlib
import numpy as np
import pytest
from matplotlib import pyplot as plt
from PIL import Image

from bookbuild import ROOT
from bookbuild.site.themed_svg import themed_svg
from segbook import plot
from segbook.plot import ON_DARK

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    with matplotlib.rc_context():
        plot.style()
        yield
    plt.close("all")


def test_themed_svg_switches_its_ink_and_is_reproducible():
    def draw():
        figure, ax = plt.subplots()
        ax.plot([0, 1], [1, 0])
        ax.set_xlabel("position")
        return themed_svg(figure)

    svg = draw()
    assert svg == draw()
    assert "prefers-color-scheme:dark" in svg
    drawn = svg.split("</style>", 1)[1]
    assert "var(--c" in drawn and "position" in drawn
    assert not any(colour in drawn for colour in ON_DARK), "a colour that does not follow the theme"


def rasters(svg: str) -> list[Image.Image]:
    found = re.findall(r'href="data:image/(\w+);base64,([^"]+)"', svg)
    assert all(kind == "webp" for kind, _ in found)
    return [Image.open(io.BytesIO(base64.b64decode(text))) for _, text in found]


def test_a_photograph_in_an_svg_is_small_and_a_label_map_exact():
    rows, columns = np.mgrid[:200, :300]
    noise = np.random.default_rng(0).normal(0, 6, (200, 300, 3))
    photograph = (np.stack([rows, columns, rows + columns], 2) / 2 + noise).clip(0, 255).astype(np.uint8)
    label = np.add.outer(np.arange(200) // 40, np.arange(300) // 60) % 3
    colours = np.array([[200, 0, 0], [0, 0, 130], [90, 160, 10]], np.uint8)
    figure, axes = plt.subplots(1, 2, figsize=(4, 2))
    for ax, image in zip(axes, (photograph, colours[label])):
        ax.imshow(image, interpolation="nearest")
    svg = themed_svg(figure)
    drawn, exact = rasters(svg)
    assert len(svg) < 0.4 * len(photograph.tobytes())
    as_seen = np.asarray(Image.fromarray(photograph).resize(drawn.size, Image.Resampling.NEAREST), float)
    found = np.asarray(drawn.convert("RGB"), float)
    assert min(np.abs(as_seen - found[::order]).mean() for order in (1, -1)) < 6  # Matplotlib turns it upside down
    inner = {colour for _, colour in exact.convert("RGB").getcolors(256)}
    assert inner == {tuple(colour) for colour in colours.tolist()}


CELLS = [
    "from matplotlib import pyplot as plt\nfrom segbook import plot\n\nplot.style()\nplt.plot([0, 1]);",
    "plt.plot([1, 0]);",
    "print([name for name in dir() if not name.startswith('_')])",
]


@pytest.mark.slow
def test_every_cell_of_a_kernel_of_the_build_shows_themed_svg_alone(tmp_path, run_cells):
    startup = str(ROOT / "code" / "bookbuild" / "site" / "startup.py")
    environment = os.environ | {"PYTHONSTARTUP": startup, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    cells = run_cells(CELLS, tmp_path, env=environment)
    for cell in cells[:2]:
        (output,) = [one for one in cell.outputs if one.output_type == "display_data"]
        assert "image/png" not in output.data and "prefers-color-scheme:dark" in output.data["image/svg+xml"]
    assert cells[2].outputs[0].text == "['In', 'Out', 'exit', 'get_ipython', 'open', 'plot', 'plt', 'quit']\n"
