"""A place to put things: the time of day, the perspective, the backdrops."""

import math
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from toyvoc import things
from toyvoc.canvas import Canvas, Colour, mix, shade


class Mood(NamedTuple):
    """Colours of one time of day."""

    sky: tuple[Colour, Colour]  # at the top, at the horizon
    hills: tuple[Colour, Colour]
    grass: Colour
    water: tuple[Colour, Colour]  # far, near
    sand: Colour
    road: Colour
    leaf: Colour
    tint: tuple[float, float, float]


MOODS = [
    Mood(  # a bright day
        sky=((86, 154, 214), (206, 230, 240)),
        hills=((142, 178, 176), (104, 150, 112)),
        grass=(130, 174, 88),
        water=((128, 184, 208), (48, 112, 160)),
        sand=(226, 206, 160),
        road=(122, 122, 128),
        leaf=(76, 132, 70),
        tint=(1, 1, 1),
    ),
    Mood(  # dusk
        sky=((84, 78, 132), (248, 172, 122)),
        hills=((128, 100, 128), (88, 74, 102)),
        grass=(112, 112, 80),
        water=((222, 158, 134), (78, 76, 122)),
        sand=(192, 156, 130),
        road=(92, 84, 96),
        leaf=(74, 82, 66),
        tint=(0.88, 0.78, 0.8),
    ),
    Mood(  # autumn
        sky=((170, 198, 214), (244, 234, 212)),
        hills=((190, 154, 112), (160, 116, 76)),
        grass=(178, 160, 88),
        water=((186, 196, 192), (92, 120, 132)),
        sand=(218, 194, 150),
        road=(128, 120, 114),
        leaf=(190, 104, 46),
        tint=(1, 0.97, 0.92),
    ),
    Mood(  # overcast
        sky=((142, 152, 164), (208, 212, 212)),
        hills=((150, 158, 160), (112, 124, 122)),
        grass=(118, 138, 96),
        water=((168, 178, 182), (84, 102, 114)),
        sand=(190, 180, 160),
        road=(104, 106, 112),
        leaf=(80, 104, 78),
        tint=(0.9, 0.92, 0.95),
    ),
    Mood(  # a spring morning
        sky=((128, 192, 200), (252, 238, 214)),
        hills=((156, 194, 190), (112, 162, 146)),
        grass=(150, 184, 122),
        water=((178, 214, 206), (70, 142, 152)),
        sand=(236, 216, 180),
        road=(140, 136, 136),
        leaf=(84, 146, 100),
        tint=(1, 1, 0.96),
    ),
]

# Length of an object (of a bicycle, boat, car, aeroplane) or its height (of a person) where people are 1 high.
LENGTH = {1: 1.9, 2: 1.0, 4: 1.45, 7: 1.55, 15: 1.0}
# The same where all objects of a class are equally large, as a share of the picture's height.
ONE_LENGTH = {1: 1.0, 2: 0.85, 4: 0.75, 7: 0.85, 15: 0.75}


class Stage:
    """The canvas, where the horizon lies, and the things that wait to be laid down from far to near.

    Args:
        rng: every choice is drawn from it. height, width: pixels.
        thin: False draws no thin parts and no thin clutter. one_scale: True gives each class one size.
    """

    def __init__(self, rng: Random, height: int, width: int, thin: bool, one_scale: bool):
        self.rng, self.height, self.width, self.thin, self.one_scale = rng, height, width, thin, one_scale
        self.canvas = Canvas(height, width)
        self.mood = rng.choice(MOODS)
        self.horizon = height * rng.uniform(0.34, 0.48)
        self.ground_height = height - self.horizon
        self.waiting: list[tuple[float, Callable]] = []  # (row of its foot, function that lays the thing)
        self.taken: list[float] = []  # columns where objects stand already

    # things

    def spread(self, smallest: float, largest: float) -> float:
        """A size in pixels between two shares of the height, every octave as likely as the next."""
        return self.height * math.exp(self.rng.uniform(math.log(smallest), math.log(largest)))

    def person_size(self, smallest: float = 0.14, largest: float = 0.95) -> float:
        """Height of a person in pixels: far away or near. The size of every other object follows from it."""
        if self.rng.random() < 0.4:
            return self.height * self.rng.uniform(smallest, largest)
        return self.spread(smallest, largest)

    def foot(self, size: float) -> float:
        """The row on which people of this `size` stand: sizes grow with the distance below the horizon."""
        return min(self.horizon + size / self.height / 0.78 * self.ground_height + 1, 1.08 * self.height)

    def column(self) -> float:
        """A column away from the objects so far, if one of three guesses is; objects may still hide each other."""
        guesses = [self.rng.uniform(0.04, 0.96) * self.width for _ in range(3)]
        best = max(guesses, key=lambda x: min((abs(x - other) for other in self.taken), default=0))
        self.taken.append(best)
        return best

    def add(self, draw: Callable, kind: int, x: float, foot: float, size: float, tilt: float = 0.0) -> None:
        """Let a thing wait; what stands lower in the picture is nearer and is laid later."""
        haze = max(0.0, 0.4 - 0.5 * (foot - self.horizon) / self.ground_height)
        light = {"tint": self.mood.tint, "haze": haze, "air": self.mood.sky[1]}
        flip, how = self.rng.random() < 0.5, self.thin if kind else self.mood.leaf

        def lay() -> None:
            pen = self.canvas.pen(x, foot, size, flip=flip, tilt=tilt, **light)
            draw(pen, self.rng, how)
            self.canvas.lay(pen, kind)

        self.waiting.append((foot, lay))

    def object(self, kind: int, size: float, lift: float = 0.0) -> None:
        """An object of a class, where people are `size` high; lift raises it by that many of its sizes."""
        foot, length = self.foot(size) - lift * size, size * LENGTH[kind]
        if self.one_scale:
            foot, length = self.rng.uniform(0.7, 1.02) * self.height, ONE_LENGTH[kind] * self.height
        self.add(things.OBJECTS[kind], kind, self.column(), foot, length, self.rng.uniform(-2, 2))

    def objects(self, kinds: list[int], fewest: int, most: int) -> None:
        """A random number of objects, of classes drawn from this list; at most two where all are large."""
        for _ in range(min(self.rng.randint(fewest, most), 2 if self.one_scale else most)):
            self.object(self.rng.choice(kinds), self.person_size())

    def flying(self, chance: float) -> None:
        """Perhaps an aeroplane in the air."""
        if self.rng.random() < chance:
            length = ONE_LENGTH[1] * self.height if self.one_scale else LENGTH[1] * self.person_size(0.1, 0.6)
            y = self.rng.uniform(0.2, 0.9) * self.horizon
            self.add(things.aeroplane, 1, self.column(), y, length, self.rng.uniform(-8, 20))

    def clutter(self, choices: list[Callable], fewest: int, most: int, smallest: float = 0.1, largest: float = 0.6):
        """Things that are no objects."""
        if not self.thin:
            choices = [draw for draw in choices if draw not in things.SLENDER]
        for _ in range(self.rng.randint(fewest, most) if choices else 0):
            size = self.height * 0.4 if self.one_scale else self.spread(smallest, largest)
            foot = self.horizon + size / self.height / 0.78 * self.ground_height + 1
            self.add(self.rng.choice(choices), 0, self.rng.uniform(0, 1) * self.width, foot, size)

    def lay_all(self) -> None:
        for _, lay in sorted(self.waiting, key=lambda item: item[0]):
            lay()

    # backdrops

    def sky(self) -> None:
        rng, (top, low) = self.rng, self.mood.sky
        self.canvas.fade(0, self.horizon + 2, top, low)
        if rng.random() < 0.5:
            x, y = rng.uniform(0.1, 0.9) * self.width, rng.uniform(0.2, 0.9) * self.horizon
            radius = rng.uniform(0.04, 0.09) * self.height
            self.blob(x, y, radius, radius, mix(low, (255, 250, 226), 0.8))
        for _ in range(rng.randint(0, 4)):
            x, y = rng.uniform(0, 1) * self.width, rng.uniform(0.1, 0.75) * self.horizon
            size = rng.uniform(0.05, 0.14) * self.height
            cloud = mix(low, (255, 255, 255), rng.uniform(0.3, 0.75))
            for k in range(4):
                up = 0.3 * size if k in (1, 2) else 0
                self.blob(x + (k - 1.5) * size, y - up, size * rng.uniform(0.8, 1.2), size * 0.55, cloud)
        birds, balloons = rng.choice((0, 0, 1, 2, 3)), int(rng.random() < 0.15)
        for draw, size in [(things.gull, 0.07)] * birds + [(things.balloon, 0.25)] * balloons:
            if self.thin:
                x, y = rng.uniform(0, 1) * self.width, rng.uniform(0.25, 0.9) * self.horizon
                self.add(draw, 0, x, y, size * rng.uniform(0.7, 1.4) * self.height)

    def blob(self, x: float, y: float, half_width: float, half_height: float, colour: Colour) -> None:
        turns = [2 * math.pi * k / 18 for k in range(18)]
        self.canvas.backdrop([(x + half_width * math.cos(a), y + half_height * math.sin(a)) for a in turns], colour)

    def box(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.canvas.backdrop([(left, bottom), (left, top), (right, top), (right, bottom)], colour)

    def hills(self) -> None:
        for haze, colour in zip((0.2, 0.0), self.mood.hills):
            high = self.rng.uniform(0.05, 0.14 + 0.3 * haze) * self.height
            start, waves = self.rng.uniform(0, 6.3), self.rng.uniform(3.0, 7.0)
            ridge = [(k / 24, 0.55 + 0.45 * math.sin(start + waves * k / 24)) for k in range(25)]
            ridge = [(x * self.width, self.horizon - high * y) for x, y in ridge]
            corners = [(self.width, self.horizon + 2), (0, self.horizon + 2)]
            self.canvas.backdrop([*ridge, *corners], mix(colour, self.mood.sky[1], haze))

    def skyline(self) -> None:
        rng, x, step = self.rng, -self.rng.uniform(0, 0.08) * self.height, 0.045 * self.height
        while x < self.width:
            wide, high = rng.uniform(0.1, 0.24) * self.height, rng.uniform(0.1, 0.75) * self.horizon
            wall = mix(shade(rng.choice(things.PAINTS), 0.85), self.mood.sky[1], rng.uniform(0.25, 0.6))
            pane = mix(wall, rng.choice([(60, 66, 84), (252, 232, 170)]), 0.55)
            top = self.horizon - high
            self.box(x, top, x + wide, self.horizon + 2, wall)
            for i in range(int(wide / step - 0.4)):
                for j in range(int(high / step / 1.5 - 0.3)):
                    left, upper = x + (i + 0.35) * step, top + (1.5 * j + 0.5) * step
                    self.box(left, upper, left + 0.5 * step, upper + 0.8 * step, pane)
            x += wide + rng.choice((0, 0, 0.01, 0.04)) * self.height

    def ground(self, colour: Colour, top: float | None = None) -> None:
        top = self.horizon if top is None else top
        self.canvas.fade(top, self.height, mix(colour, self.mood.sky[1], 0.25), shade(colour, 0.86))
        for _ in range(26):  # tufts, pebbles
            y = self.rng.uniform(top + 1, self.height)
            x, half = self.rng.uniform(0, self.width), (0.01 + 0.035 * self.near(y)) * self.height
            tuft = shade(colour, self.rng.choice((0.8, 0.9, 1.1)))
            self.canvas.backdrop([(x - half, y), (x, y - half * 0.35), (x + half, y)], tuft)

    def road(self) -> None:
        """A road that crosses the picture, with a broken line along its middle."""
        middle = self.horizon + self.rng.uniform(0.25, 0.75) * self.ground_height
        half, slope = self.rng.uniform(0.06, 0.13) * self.height, self.rng.uniform(-0.06, 0.06) * self.height

        def strip(start: float, end: float, half: float, colour: Colour) -> None:
            rows = [middle + slope * (2 * t - 1) for t in (start, end)]
            upper = [(start * self.width, rows[0] - half), (end * self.width, rows[1] - half)]
            lower = [(end * self.width, rows[1] + half), (start * self.width, rows[0] + half)]
            self.canvas.backdrop(upper + lower, colour)

        strip(0, 1, half, mix(self.mood.road, self.mood.sky[1], 0.1))
        for k in range(0, 12, 2):
            strip(k / 11, (k + 1) / 11, 0.008 * self.height, (232, 226, 204))

    def sea(self) -> None:
        self.canvas.fade(self.horizon, self.height, *self.mood.water)
        for _ in range(34):  # waves
            y = self.rng.uniform(self.horizon + 1, self.height)
            x, half = self.rng.uniform(0, self.width), (0.02 + 0.07 * self.near(y)) * self.height
            colour = mix(mix(*self.mood.water, self.near(y)), (255, 255, 255), self.rng.uniform(0.12, 0.4))
            self.canvas.backdrop([(x - half, y), (x, y - 0.003 * self.height - 0.1 * half), (x + half, y)], colour)

    def near(self, y: float) -> float:
        """0 at the horizon, 1 at the lower edge."""
        return (y - self.horizon) / self.ground_height
