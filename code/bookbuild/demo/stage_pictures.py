"""What the reader composes a ToyVOC scene from, in the page.

Things and places are drawn by ToyVOC's own code, larger than in its scenes so that they can be scaled down. The things
go into one atlas with an alpha channel, each place becomes one picture without objects.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image

from toyvoc import things
from toyvoc.canvas import FINE, Canvas, Pen
from toyvoc.stage import LENGTH, MOODS, Stage

ROWS, COLUMNS = 96, 128  # of a ToyVOC scene
FINER = 4  # times as many pixels here, in each direction
PERSON = 34  # rows that a person is high when the reader takes one
WIDEST = 1400  # columns of the atlas
SEEDS = {"car": (1, 3, 7), "person": (2, 8, 6), "bicycle": (1, 2, 4), "boat": (2, 8, 5), "aeroplane": (1, 2, 6)}
CLUTTER = {"hoops": 24, "parasol": 34, "lamp": 40, "tree": 46, "shed": 34, "gull": 14}  # and their rows
PLACES = {"coast": ("coast", 2), "town": ("town", 1), "country": ("country", 1), "dusk": ("coast", 3)}  # drawing, seed


class FinePen(Pen):
    """Draws FINER times larger than ToyVOC. Strokes keep the least width that they have there."""

    def line(self, points, width, colour, thinnest=1.2):
        super().line(points, width, colour, thinnest * FINER)


class Thing(NamedTuple):
    """Something that the reader can place."""

    name: str
    draw: Callable
    kind: int  # its class, 0 for clutter
    rows: float  # of a scene that one of its units takes
    seed: int


def all_things() -> list[Thing]:
    """Three things of each class, then clutter, which the network should call background."""
    kinds = {draw.__name__: kind for kind, draw in things.OBJECTS.items()}
    objects = [
        Thing(name, things.OBJECTS[kinds[name]], kinds[name], PERSON * LENGTH[kinds[name]], seed)
        for name, seeds in SEEDS.items()
        for seed in seeds
    ]
    return objects + [Thing(name, getattr(things, name), 0, rows, 1) for name, rows in CLUTTER.items()]


def draw_thing(thing: Thing) -> Image.Image:
    """The thing alone, RGBA, cropped to what is drawn. Colours at its edge are its own, not mixed with a background."""
    side = round(2.4 * thing.rows * FINER)
    canvas = Canvas(side, side)
    pen = FinePen(canvas, side / 2, 0.6 * side, thing.rows * FINER)
    thing.draw(pen, Random(f"{thing.name}/{thing.seed}"), True if thing.kind else MOODS[0].leaf)
    cover = np.asarray(pen.mask.reduce(FINE), dtype=np.float32)[..., None] / 255  # (side, side, 1)
    colour = np.asarray(canvas.fine.reduce(FINE), dtype=np.float32) / np.maximum(cover, 1e-3)  # drawn over black
    pixels = np.concatenate([colour.clip(0, 255), 255 * cover], axis=2).round().astype(np.uint8)
    image = Image.fromarray(pixels)
    return image.crop(image.getchannel("A").getbbox())


def draw_place(name: str, seed: int) -> Image.Image:
    """A backdrop of ToyVOC at FINER times its size, with nothing on it and without grain."""
    stage = Stage(Random(f"place/{name}/{seed}"), ROWS * FINER, COLUMNS * FINER, thin=True, one_scale=False)
    stage.sky()  # its birds and balloons wait to be laid, and are not
    if name == "coast":
        stage.hills()
        stage.sea()
        stage.ground(stage.mood.sand, stage.horizon + 0.7 * stage.ground_height)
    elif name == "town":
        stage.skyline()
        stage.ground(stage.mood.road)
        stage.road()
    else:
        stage.hills()
        stage.ground(stage.mood.grass)
        stage.road()
    return stage.canvas.fine.reduce(FINE)


def draw_stage(folder: Path) -> dict:
    """Write things.webp and the places into a folder; what they are."""
    entries, images, x, y, height = [], [], 0, 0, 0
    for thing in all_things():
        image = draw_thing(thing)
        if x + image.width > WIDEST:
            x, y, height = 0, y + height, 0
        entries.append({"name": thing.name, "kind": thing.kind, "box": [x, y, image.width, image.height]})
        images.append(image)
        x, height = x + image.width, max(height, image.height)
    atlas = Image.new("RGBA", (WIDEST, y + height))
    for entry, image in zip(entries, images):
        atlas.paste(image, tuple(entry["box"][:2]))
    atlas.save(folder / "things.webp", lossless=True, method=6)
    for name, (drawing, seed) in PLACES.items():
        draw_place(drawing, seed).save(folder / f"{name}.webp", quality=85, method=6)
    return {"size": [COLUMNS * FINER, ROWS * FINER], "places": list(PLACES), "things": entries}
