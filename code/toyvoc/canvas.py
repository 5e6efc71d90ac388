"""A canvas that draws a thing on the picture and on its label map with the same strokes."""

import math
from random import Random

import numpy as np
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
FINE = 3  # drawn at three times the size, then averaged down: smooth edges, as in a photograph
COVERED = 0.4  # a pixel belongs to what covers this much of it; below one half, so that thin parts survive

FEWEST = 0.0012  # share of the picture below which a glimpse of an object is void


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """The colour a fraction t of the way from a to b."""
    return tuple(round(u + (v - u) * t) for u, v in zip(a, b))


def shade(colour: Colour, factor: float) -> Colour:
    """Darker (factor below 1) or lighter."""
    return tuple(min(255, round(c * factor)) for c in colour)


class Canvas:
    """A picture (height, width), the order in which things were laid on it, and the class of each thing.

    `order[y, x]` is 0 on the backdrop and k where the k-th thing is on top; `kinds[k]` is its class index,
    0 for clutter, which hides objects without being one.
    """

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        self.fine = Image.new("RGB", (width * FINE, height * FINE))
        self.draw = ImageDraw.Draw(self.fine)
        self.order = np.zeros((height, width), dtype=np.uint8)
        self.kinds = [0]

    def backdrop(self, points: list[tuple[float, float]], colour: Colour) -> None:
        """A polygon in pixels that is no thing: sky, hills, water, houses far away."""
        self.draw.polygon([(x * FINE, y * FINE) for x, y in points], fill=colour)

    def fade(self, top: float, bottom: float, above: Colour, below: Colour) -> None:
        """Rows top to bottom, in a colour that changes from above to below."""
        first, last = round(top * FINE), round(bottom * FINE)
        if last <= first:
            return
        t = np.linspace(0, 1, last - first)[:, None, None]
        rows = np.array(above) * (1 - t) + np.array(below) * t  # (rows, 1, 3)
        strip = Image.fromarray(rows.round().astype(np.uint8)).resize((self.fine.width, last - first))
        self.fine.paste(strip, (0, first))

    def pen(self, x: float, y: float, size: float, **options) -> "Pen":
        return Pen(self, x, y, size, **options)

    def lay(self, pen: "Pen", kind: int) -> None:
        """Put what the pen drew on top, as one thing of this class."""
        cover = np.asarray(pen.mask.reduce(FINE), dtype=np.float32) / 255  # (H, W), share of each pixel
        if (seen := cover >= COVERED).any():
            self.order[seen] = len(self.kinds)
            self.kinds.append(kind)

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """(class map, object map), uint8 (H, W), with 255 as VOC uses it.

        A pixel is border where a neighbour (of eight) belongs to something in front of it and one of
        the two is an object. So the border lies around the thing in front and never eats its thin parts.
        An object that is hidden but for a few pixels is void as a whole: no one could name it.
        """
        padded = np.pad(self.order, 1, mode="edge")
        shifted = [padded[i : i + self.height, j : j + self.width] for i in range(3) for j in range(3)]
        front = np.max(shifted, axis=0)
        kinds = np.array(self.kinds, dtype=np.uint8)
        visible = np.bincount(self.order.ravel(), minlength=len(kinds))
        named = (kinds > 0) & (visible >= FEWEST * self.order.size)
        number = np.cumsum(named) * named  # objects count 1, 2, ...; clutter and void stay 0
        border = (front > self.order) & ((kinds[self.order] > 0) | (kinds[front] > 0))
        void = border | ((kinds > 0) & ~named)[self.order]
        return tuple(np.where(void, 255, what[self.order]).astype(np.uint8) for what in (kinds, number))

    def picture(self, rng: Random, grain: float) -> Image.Image:
        """The picture at its own size, with unevenness and grain, so that no area has one exact colour."""
        pixels = np.asarray(self.fine.reduce(FINE), dtype=np.float32)  # (H, W, 3)
        noise = np.random.default_rng(rng.getrandbits(64))
        patches = Image.fromarray(noise.random((max(2, self.height // 8), max(2, self.width // 8)), dtype=np.float32))
        patches = np.asarray(patches.resize((self.width, self.height), Image.Resampling.BICUBIC))[:, :, None]
        fine = noise.random((self.height, self.width, 1), dtype=np.float32)
        pixels = pixels * (1 + 0.14 * (patches - 0.5)) + 2 * grain * (fine - 0.5)
        return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


class Pen:
    """Draws one thing in its own frame: origin where it stands, x to the right, y up, 1 = `size` pixels.

    Args:
        flip: mirror left and right. tilt: turn counter-clockwise, in degrees.
        tint, haze, air: colours are multiplied by tint, then mixed with the air's colour by haze.
    """

    def __init__(self, canvas, x, y, size, flip=False, tilt=0.0, tint=(1, 1, 1), haze=0.0, air=(255, 255, 255)):
        self.size = size
        self.mask = Image.new("L", canvas.fine.size)
        self.on_mask, self.on_picture = ImageDraw.Draw(self.mask), canvas.draw
        self.tint, self.haze, self.air = tint, haze, air
        cos, sin = math.cos(math.radians(tilt)) * size * FINE, math.sin(math.radians(tilt)) * size * FINE
        side = -1 if flip else 1
        self.place = lambda u, v: (x * FINE + side * (u * cos - v * sin), y * FINE - (u * sin + v * cos))

    def colour(self, colour: Colour) -> Colour:
        return mix(tuple(min(255, round(c * t)) for c, t in zip(colour, self.tint)), self.air, self.haze)

    def poly(self, points: list[tuple[float, float]], colour: Colour) -> None:
        placed = [self.place(*p) for p in points]
        self.on_picture.polygon(placed, fill=self.colour(colour))
        self.on_mask.polygon(placed, fill=255)

    def line(self, points: list[tuple[float, float]], width: float, colour: Colour, thinnest: float = 1.2) -> None:
        """A stroke `width` wide in the thing's own units, but never below `thinnest` pixels."""
        placed = [self.place(*p) for p in points]
        wide = round(max(width * self.size, thinnest) * FINE)
        self.on_picture.line(placed, fill=self.colour(colour), width=wide, joint="curve")
        self.on_mask.line(placed, fill=255, width=wide, joint="curve")

    def disc(self, u: float, v: float, radius: float, colour: Colour, tall: float = 1.0) -> None:
        self.poly(_circle(u, v, radius, tall), colour)

    def ring(self, u: float, v: float, radius: float, width: float, colour: Colour, thinnest: float = 1.2) -> None:
        circle = _circle(u, v, radius)
        self.line([*circle, circle[0], circle[1]], width, colour, thinnest)


def _circle(u: float, v: float, radius: float, tall: float = 1.0) -> list[tuple[float, float]]:
    turns = [2 * math.pi * k / 20 for k in range(20)]
    return [(u + radius * math.cos(a), v + tall * radius * math.sin(a)) for a in turns]
