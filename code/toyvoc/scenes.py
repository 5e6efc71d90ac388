"""The four places of ToyVOC."""

from random import Random
from typing import NamedTuple

import numpy as np
from PIL import Image

from toyvoc import things
from toyvoc.canvas import mix
from toyvoc.stage import Stage

AEROPLANE, BICYCLE, BOAT, CAR, PERSON = 1, 2, 4, 7, 15


class Scene(NamedTuple):
    """One drawn scene. Both maps are uint8 (H, W) with 255 at borders: class indices, and numbered objects."""

    image: Image.Image
    classes: np.ndarray
    objects: np.ndarray


def coast(stage: Stage) -> None:
    rng = stage.rng
    stage.sky()
    if rng.random() < 0.6:
        stage.hills()
    stage.sea()
    if beach := rng.random() < 0.6:
        shore = stage.horizon + rng.uniform(0.55, 0.8) * stage.ground_height
        stage.ground(stage.mood.sand, shore)
        stage.canvas.fade(shore - 1, shore + 1, (244, 246, 244), mix(stage.mood.sand, (255, 255, 255), 0.4))
        stage.clutter([things.parasol, things.rock, things.crates], 0, 2, 0.5, 0.75)
        for _ in range(rng.randint(0, 1 if stage.one_scale else 3)):
            stage.object(rng.choice((PERSON, PERSON, PERSON, BICYCLE)), stage.person_size(0.5, 0.9))
    for _ in range(1 if stage.one_scale else rng.randint(1, 3)):
        stage.object(BOAT, stage.person_size(0.1, 0.5 if beach else 0.8))
    stage.clutter([things.buoy, things.rock], 0, 3, 0.06, 0.3)
    stage.flying(0.4)


def country(stage: Stage) -> None:
    stage.sky()
    stage.hills()
    stage.ground(stage.mood.grass)
    if stage.rng.random() < 0.75:
        stage.road()
    stage.clutter([things.tree, things.tree, things.fir, things.bush, things.shed, things.rock, things.sign], 2, 6)
    stage.objects([BICYCLE, BICYCLE, CAR, CAR, PERSON], 2, 4)
    stage.flying(0.3)
    stage.clutter([things.bush, things.tree], 0, 1, 0.7, 1.1)


def town(stage: Stage) -> None:
    stage.sky()
    stage.skyline()
    stage.ground(mix(stage.mood.road, stage.mood.sand, 0.5))
    stage.road()
    stage.clutter([things.tree, things.lamp, things.lamp, things.sign, things.crates, things.hoops], 2, 5)
    stage.objects([BICYCLE, BICYCLE, CAR, CAR, PERSON, PERSON], 2, 5)
    stage.flying(0.2)
    stage.clutter([things.lamp, things.sign, things.bush], 0, 1, 0.7, 1.1)


def airfield(stage: Stage) -> None:
    stage.sky()
    if stage.rng.random() < 0.5:
        stage.hills()
    stage.ground(stage.mood.grass)
    stage.road()
    stage.clutter([things.shed, things.sign, things.crates, things.fir], 1, 3)
    for _ in range(1 if stage.one_scale else stage.rng.randint(1, 2)):
        stage.object(AEROPLANE, stage.person_size(0.14, 0.6), lift=0.4)
    stage.objects([CAR, PERSON, PERSON, BICYCLE], 1, 2)
    stage.flying(0.3)


PLACES = [coast, coast, country, town, airfield]


def draw_scene(rng: Random, height: int, width: int, thin: bool = True, one_scale: bool = False) -> Scene:
    """One scene; the same state of `rng` gives the same scene. Parameters as in ToyVOC."""
    stage = Stage(rng, height, width, thin, one_scale)
    rng.choice(PLACES)(stage)
    stage.lay_all()
    classes, objects = stage.canvas.labels()
    return Scene(stage.canvas.picture(rng, grain=rng.uniform(3, 7)), classes, objects)
