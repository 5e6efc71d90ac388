"""The picture that stands for the book where somebody shares its address."""

from pathlib import Path

from matplotlib.figure import Figure

from segbook import data
from segbook.plot import INK, PAPER

WIDTH, HEIGHT = 1200, 630  # pixels, what the large sites ask for
SCENE = 3  # of ToyVOC's validation scenes


def draw_card(path: Path, title: str) -> None:
    """Write a PNG: the title, and under it a scene and its labels side by side."""
    scenes = data.load("toy", "val")
    image, label = scenes[SCENE]
    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=100, facecolor=PAPER, layout="none")
    figure.text(0.05, 0.86, title, fontsize=38, color=INK, weight="bold", va="center", family="sans-serif")
    figure.text(0.05, 0.755, "An open book of runnable notebooks", fontsize=22, color=INK, va="center")
    for left, picture in (
        (0.05, data.denormalise(image).permute(1, 2, 0)),
        (0.515, data.index_to_colour(label, scenes.palette).numpy()),
    ):
        axes = figure.add_axes((left, 0.04, 0.435, 0.64))
        axes.imshow(picture, aspect="auto", interpolation="nearest")
        axes.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
