"""Drawn aerial photographs of buildings."""

import math
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from toyvoc.canvas import COVERED, FINE, Canvas, Colour, mix, shade
from toyvoc.things import PAINTS

GROUND = 80.0  # metres along the side of a tile, whatever its size in pixels
GRASS = [(96, 122, 70), (118, 132, 84), (134, 128, 92), (88, 108, 78), (150, 142, 108)]
ASPHALT = [(112, 112, 116), (132, 130, 128), (92, 94, 100), (150, 146, 140)]
ROOFS = [
    *[(176, 88, 62), (154, 74, 58), (196, 112, 78), (120, 72, 56), (92, 88, 90), (70, 74, 82)],
    *[(140, 138, 134), (178, 174, 168), (214, 212, 206), (96, 112, 128), (118, 104, 88)],
]
LEAVES = [(58, 88, 48), (74, 102, 54), (50, 76, 52), (96, 108, 58)]
COURTS = [(170, 92, 70), (72, 122, 92), (80, 110, 150), (190, 164, 122)]
Point = tuple[float, float]


def draw_tile(rng: Random, size: int) -> tuple[Image.Image, np.ndarray]:
    """One tile, RGB (size, size), and its buildings, uint8 (size, size) of 0 and 1. All choices are drawn from rng."""
    tile = Tile(rng, size)
    tile.fields()
    if rng.random() < 0.85:
        tile.road()
    for place in rng.sample([tile.car_park, tile.court, tile.bare_ground, tile.lorries], rng.randint(1, 3)):
        place()
    if rng.random() < 0.9:
        tile.buildings()
    tile.cast_shadows()
    tile.trees(rng.randint(3, 18))
    return tile.canvas.picture(rng, grain=rng.uniform(3, 8)), tile.mask()


class Tile:
    """The canvas in metres, which pixels are roof, and what is still to be drawn. The origin is the upper left."""

    def __init__(self, rng: Random, size: int):
        self.rng, self.scale = rng, size / GROUND
        self.canvas = Canvas(size, size)
        self.roofs = Image.new("L", self.canvas.fine.size)
        self.on_roofs = ImageDraw.Draw(self.roofs)
        self.angle = rng.uniform(0, math.pi)  # streets and houses follow one direction
        towards = rng.uniform(0, 2 * math.pi)
        self.sun = (math.cos(towards), math.sin(towards))  # where shadows fall
        self.length = rng.uniform(0.4, 1.0)  # of a shadow, per metre of height
        self.taken: list[tuple[float, float, float]] = []  # circles that are occupied
        self.waiting: list[tuple[list[Point], float, list[tuple[list[Point], Colour]]]] = []

    # a thing's own frame: x along, y across, in metres from its middle

    def place(self, x: float, y: float, angle: float, points: list[Point]) -> list[Point]:
        """Points of a thing's frame, turned and moved to (x, y)."""
        cos, sin = math.cos(angle), math.sin(angle)
        return [(x + u * cos - v * sin, y + u * sin + v * cos) for u, v in points]

    def poly(self, points: list[Point], colour: Colour) -> None:
        self.canvas.backdrop([(u * self.scale, v * self.scale) for u, v in points], colour)

    def box(self, x, y, angle, length, width, colour) -> None:
        self.poly(self.place(x, y, angle, rectangle(length, width)), colour)

    def free_spot(self, radius: float) -> Point | None:
        """A place that nothing occupies yet, which is then taken; None if twenty guesses find none."""
        for _ in range(20):
            x, y = self.rng.uniform(-4, GROUND + 4), self.rng.uniform(-4, GROUND + 4)
            if all(math.hypot(x - u, y - v) > radius + r for u, v, r in self.taken):
                self.taken.append((x, y, radius))
                return x, y
        return None

    # the ground

    def fields(self) -> None:
        rng = self.rng
        ground = rng.choice(GRASS)
        self.box(GROUND / 2, GROUND / 2, 0, 2 * GROUND, 2 * GROUND, ground)
        for _ in range(rng.randint(2, 5)):
            x, y = rng.uniform(0, GROUND), rng.uniform(0, GROUND)
            colour = mix(ground, rng.choice(GRASS), rng.uniform(0.2, 0.8))
            self.box(x, y, self.angle, rng.uniform(15, 60), rng.uniform(10, 40), colour)

    def road(self) -> None:
        rng, wide, asphalt = self.rng, self.rng.uniform(5, 8), self.rng.choice(ASPHALT)
        x, y = rng.uniform(20, 60), rng.uniform(20, 60)
        for angle in (self.angle, self.angle + math.pi / 2)[: rng.randint(1, 2)]:
            self.box(x, y, angle, 3 * GROUND, wide + 3, mix(asphalt, (210, 206, 198), 0.6))  # pavements
            self.box(x, y, angle, 3 * GROUND, wide, asphalt)
            for k in range(-30, 30):
                along = self.place(x, y, angle, [(4 * k, 0)])[0]
                self.box(*along, angle, 2, 0.3, (224, 222, 214))
                self.taken.append((*along, wide / 2 + 1.5))
                if rng.random() < 0.05:
                    self.car(*self.place(*along, angle, [(0, wide / 4)])[0], angle)

    def car(self, x: float, y: float, angle: float, length: float = 4.4, width: float = 1.9) -> None:
        paint = self.rng.choice(PAINTS)
        self.box(x + 0.5 * self.sun[0], y + 0.5 * self.sun[1], angle, length, width, (62, 62, 64))
        self.box(x, y, angle, length, width, paint)
        if length < 6:
            self.box(x, y, angle, 2.2, 1.6, shade(paint, 0.8))

    # what looks like a roof and is none

    def car_park(self) -> None:
        length, width = self.rng.uniform(16, 34), self.rng.uniform(12, 24)
        if spot := self.free_spot(0.45 * max(length, width)):
            self.box(*spot, self.angle, length, width, self.rng.choice(ASPHALT))
            for across in (-width / 2 + 2.6, width / 2 - 2.6):
                for k in range(int(length / 2.8)):
                    if self.rng.random() < 0.5:
                        along = -length / 2 + 1.4 + 2.8 * k
                        self.car(*self.place(*spot, self.angle, [(along, across)])[0], self.angle + math.pi / 2)

    def court(self) -> None:
        length = self.rng.uniform(14, 30)
        if spot := self.free_spot(0.5 * length):
            self.box(*spot, self.angle, length, 0.55 * length, self.rng.choice(COURTS))
            for share in (0.84, 0.42):  # lines: a light rectangle with a smaller one inside
                inner = mix(self.rng.choice(COURTS), (255, 255, 255), 0.1)
                self.box(*spot, self.angle, share * length, 0.45 * length, (232, 232, 226))
                self.box(*spot, self.angle, share * length - 0.7, 0.45 * length - 0.7, inner)

    def bare_ground(self) -> None:
        length, width = self.rng.uniform(8, 24), self.rng.uniform(6, 16)
        if spot := self.free_spot(0.5 * length):
            self.box(*spot, self.angle, length, width, mix(self.rng.choice(COURTS), self.rng.choice(ROOFS), 0.5))

    def lorries(self) -> None:
        for _ in range(self.rng.randint(2, 6)):
            if spot := self.free_spot(5):
                self.car(*spot, self.angle + self.rng.choice((0, math.pi / 2)), self.rng.uniform(8, 13), 2.6)

    # buildings

    def buildings(self) -> None:
        """Houses and sheds, or some halls among them; every octave of sizes is as likely as the next."""
        for _ in range(self.rng.randint(2, 24)):
            length = math.exp(self.rng.uniform(math.log(3.5), math.log(42)))
            width = length * self.rng.uniform(0.45, 0.95)
            if spot := self.free_spot(0.55 * math.hypot(length, width)):
                self.building(*spot, length, width)

    def building(self, x: float, y: float, length: float, width: float) -> None:
        rng, roof = self.rng, self.rng.choice(ROOFS)
        angle = self.angle + rng.choice((0, math.pi / 2)) + rng.gauss(0, 0.04)
        a, b = length / 2, width / 2
        outline, facets = rectangle(length, width), []
        light = [0.82 + 0.3 * abs(math.cos(angle + k * math.pi / 2 - math.atan2(*self.sun))) for k in range(4)]
        kind = "flat" if length > 22 else rng.choice(("gable", "gable", "hip", "wing", "flat"))
        if kind == "flat":
            facets = [(outline, shade(roof, 1.08)), (rectangle(length - 0.8, width - 0.8), roof)]
            for _ in range(rng.randint(0, 4) if length > 8 else 0):  # skylights and machines
                u, v = rng.uniform(-0.7, 0.7) * a, rng.uniform(-0.7, 0.7) * b
                colour = mix(roof, rng.choice(((250, 250, 250), (60, 62, 66))), 0.6)
                facets.append(([(u + p, v + q) for p, q in rectangle(1.8, 1.3)], colour))
        else:
            ridge = a if kind != "hip" else a - 0.8 * b
            facets = [([(-a, -b), (a, -b), (ridge, 0), (-ridge, 0)], shade(roof, light[0]))]
            facets += [([(-a, b), (a, b), (ridge, 0), (-ridge, 0)], shade(roof, 1.9 - light[0]))]
            if kind == "hip":
                facets += [([(s * a, -b), (s * a, b), (s * ridge, 0)], shade(roof, light[1 + s])) for s in (1, -1)]
            if kind == "wing":  # an L: a lower part beside one end
                wing = [(0.2 * a, 0), (a, 0), (a, 2.1 * b), (0.2 * a, 2.1 * b)]
                facets += [(wing, shade(roof, light[1])), ([*wing[1:3], (0.6 * a, 2.1 * b), (0.6 * a, 0)], roof)]
                outline = [(-a, -b), (a, -b), wing[2], wing[3], (0.2 * a, b), (-a, b)]
        height = min(9.0, 2.2 + 0.35 * width)
        placed = [(self.place(x, y, angle, points), colour) for points, colour in facets]
        self.waiting.append((self.place(x, y, angle, outline), height, placed))

    def cast_shadows(self) -> None:
        """Darken the ground behind every building, then draw the buildings: a shadow never falls on a roof."""
        shadow = Image.new("L", self.canvas.fine.size)
        on_shadow = ImageDraw.Draw(shadow)
        for outline, height, _ in self.waiting:
            for k in range(9):
                reach = k / 8 * height * self.length
                on_shadow.polygon(
                    self.fine([(u + reach * self.sun[0], v + reach * self.sun[1]) for u, v in outline]), 150
                )
        self.canvas.fine.paste(Image.new("RGB", shadow.size, (24, 28, 40)), mask=shadow)
        for outline, _, facets in self.waiting:
            self.on_roofs.polygon(self.fine(outline), 255)
            for points, colour in facets:
                self.poly(points, colour)

    def fine(self, points: list[Point]) -> list[Point]:
        return [(u * self.scale * FINE, v * self.scale * FINE) for u, v in points]

    def trees(self, count: int) -> None:
        """Crowns of leaves. Where one hangs over a roof, the pixel is tree: only what can be seen is labelled."""
        rng = self.rng
        for _ in range(count):
            x, y, radius = rng.uniform(0, GROUND), rng.uniform(0, GROUND), rng.uniform(1.2, 4.2)
            leaf = mix(rng.choice(LEAVES), rng.choice(GRASS), rng.uniform(0, 0.4))
            self.poly(
                crown(rng, x + 0.35 * radius * self.sun[0], y + 0.35 * radius * self.sun[1], radius), shade(leaf, 0.55)
            )
            outline = crown(rng, x, y, radius)
            self.poly(outline, leaf)
            self.on_roofs.polygon(self.fine(outline), 0)
            for _ in range(5):
                u, v = rng.gauss(0, 0.4) * radius, rng.gauss(0, 0.4) * radius
                self.poly(crown(rng, x + u, y + v, 0.35 * radius), shade(leaf, rng.uniform(0.8, 1.25)))

    def mask(self) -> np.ndarray:
        """uint8 (size, size): 1 where a roof covers 40 % of a pixel or more."""
        return (np.asarray(self.roofs.reduce(FINE), dtype=np.float32) / 255 >= COVERED).astype(np.uint8)


def rectangle(length: float, width: float) -> list[Point]:
    """Its four corners about the origin."""
    a, b = length / 2, width / 2
    return [(-a, -b), (a, -b), (a, b), (-a, b)]


def crown(rng: Random, x: float, y: float, radius: float) -> list[Point]:
    """The uneven outline of a tree, seen from above."""
    turns = [2 * math.pi * k / 12 for k in range(12)]
    return [
        (x + radius * rng.uniform(0.8, 1.1) * math.cos(t), y + radius * rng.uniform(0.8, 1.1) * math.sin(t))
        for t in turns
    ]
