"""The things of ToyVOC: five classes of objects, and the clutter that looks like them.

Each function draws one thing standing at the origin of the pen's frame, about one unit long or high.
`thin=False` leaves the thin parts away: masts, stays, spokes, legs, long wings.
"""

from random import Random

from toyvoc.canvas import Colour, Pen, mix, shade

PAINTS = [
    *[(198, 62, 54), (52, 98, 168), (238, 236, 228), (230, 182, 66), (74, 132, 90)],
    *[(46, 58, 96), (222, 122, 58), (150, 154, 160), (62, 142, 148), (128, 52, 62), (226, 154, 152)],
]
SKINS = [(244, 206, 178), (222, 172, 136), (172, 118, 84), (112, 74, 54)]
DARK, GLASS, WOOD, STEEL = (40, 42, 50), (176, 208, 222), (124, 88, 62), (120, 124, 130)


def car(pen: Pen, rng: Random, thin: bool = True) -> None:
    paint = rng.choice(PAINTS)
    if rng.random() < 0.3:  # a van
        pen.poly([(-0.5, 0.1), (-0.5, 0.5), (-0.46, 0.54), (0.28, 0.54), (0.42, 0.34), (0.5, 0.28), (0.5, 0.1)], paint)
        pen.poly([(0.1, 0.34), (0.1, 0.48), (0.26, 0.48), (0.36, 0.34)], GLASS)
        pen.poly([(-0.42, 0.34), (-0.42, 0.48), (0.02, 0.48), (0.02, 0.34)], mix(paint, (255, 255, 255), 0.5))
        top = 0.54
    else:
        pen.poly([(-0.32, 0.24), (-0.2, 0.43), (0.12, 0.43), (0.27, 0.24)], paint)
        pen.poly([(-0.5, 0.1), (-0.5, 0.26), (-0.3, 0.28), (0.28, 0.28), (0.48, 0.22), (0.5, 0.1)], paint)
        pen.poly([(-0.24, 0.27), (-0.16, 0.39), (-0.05, 0.39), (-0.05, 0.27)], GLASS)
        pen.poly([(-0.01, 0.27), (-0.01, 0.39), (0.1, 0.39), (0.19, 0.27)], GLASS)
        top = 0.43
    pen.poly([(-0.5, 0.1), (-0.5, 0.14), (0.5, 0.14), (0.5, 0.1)], shade(paint, 0.7))
    for wheel in (-0.29, 0.29):
        pen.disc(wheel, 0.1, 0.105, DARK)
        pen.disc(wheel, 0.1, 0.045, STEEL)
    pen.poly([(0.44, 0.17), (0.44, 0.22), (0.49, 0.21), (0.5, 0.17)], (255, 240, 190))
    if thin:
        if rng.random() < 0.6:
            pen.line([(-0.18, top), (-0.26, top + 0.26)], 0.012, DARK)  # an aerial
        if rng.random() < 0.4:
            pen.line([(-0.16, top + 0.05), (0.1, top + 0.05)], 0.02, STEEL)  # a roof rack
            for post in (-0.14, 0.08):
                pen.line([(post, top - 0.01), (post, top + 0.05)], 0.02, STEEL)


def person(pen: Pen, rng: Random, thin: bool = True) -> None:
    top, trousers, skin = rng.choice(PAINTS), shade(rng.choice(PAINTS), 0.75), rng.choice(SKINS)
    hair = rng.choice([DARK, (92, 62, 42), (190, 150, 84), (150, 150, 150)])
    step = rng.uniform(0.03, 0.13)
    if thin:
        for foot, back in ((step, 0.0), (-step, 0.03)):
            pen.line([(0.02 if foot > 0 else -0.02, 0.46), (foot * 0.6, 0.24), (foot - back, 0.02)], 0.062, trousers)
            pen.line([(foot - back - 0.01, 0.015), (foot - back + 0.06, 0.015)], 0.04, DARK)
    else:
        pen.poly([(-0.22, 0), (-0.24, 0.5), (0.24, 0.5), (0.22, 0)], trousers)
        pen.poly([(-0.25, 0.3), (-0.22, 0.78), (0.22, 0.78), (0.25, 0.3)], top)
        pen.disc(0, 0.86, 0.16, hair)
    if rng.random() < 0.3:  # a coat or a skirt
        pen.poly([(-0.09, 0.5), (-0.15, 0.3), (0.15, 0.3), (0.09, 0.5)], top)
    pen.poly([(-0.1, 0.44), (-0.12, 0.74), (-0.08, 0.8), (0.08, 0.8), (0.12, 0.74), (0.1, 0.44)], top)
    if thin:
        for side in (-1, 1):
            elbow, hand = side * rng.uniform(0.13, 0.2), side * rng.uniform(0.08, 0.26)
            raised = 0.86 if rng.random() < 0.15 else rng.uniform(0.42, 0.5)
            pen.line([(side * 0.1, 0.76), (elbow, 0.6), (hand, raised)], 0.045, shade(top, 0.85))
            pen.disc(hand, raised, 0.028, skin)
    pen.poly([(-0.03, 0.78), (-0.03, 0.86), (0.03, 0.86), (0.03, 0.78)], skin)
    pen.disc(0, 0.905, 0.075, skin, tall=1.15)
    pen.poly([(-0.08, 0.89), (-0.075, 0.97), (-0.03, 1.0), (0.04, 1.0), (0.078, 0.96), (0.07, 0.93)], hair)


def bicycle(pen: Pen, rng: Random, thin: bool = True) -> None:
    paint, tyre = rng.choice(PAINTS), DARK
    back, front, radius = (-0.29, 0.2), (0.3, 0.2), 0.19
    crank, seat, head = (-0.04, 0.2), (-0.12, 0.5), (0.2, 0.5)
    if not thin:
        pen.poly([back, (-0.3, 0.6), (0.34, 0.6), front], paint)
        for hub in (back, front):
            pen.disc(*hub, 0.25, tyre)
            pen.disc(*hub, 0.15, mix(paint, STEEL, 0.5))
        return
    for hub in (back, front):
        pen.ring(*hub, radius, 0.03, tyre)
        if pen.size > 34:
            for du, dv in ((1, 0), (0.5, 0.87), (-0.5, 0.87)):
                ends = [(hub[0] + k * radius * du, hub[1] + k * radius * dv) for k in (-1, 1)]
                pen.line(ends, 0.006, STEEL, thinnest=0.9)
    for stroke in ([back, seat], [back, crank], [crank, seat], [seat, head], [crank, head], [head, front]):
        pen.line(stroke, 0.03, paint)
    pen.line([head, (0.18, 0.6), (0.26, 0.64)], 0.025, DARK)
    pen.line([seat, (-0.14, 0.57)], 0.025, DARK)
    pen.line([(-0.21, 0.58), (-0.06, 0.58)], 0.04, DARK)


def boat(pen: Pen, rng: Random, thin: bool = True) -> None:
    paint, trim, cloth = rng.choice(PAINTS), rng.choice(PAINTS), mix(rng.choice(PAINTS), (250, 248, 240), 0.6)
    hull = [(-0.42, 0.0), (-0.5, 0.16), (0.5, 0.19), (0.36, 0.0)]
    kind = rng.random()
    if not thin:
        pen.poly([(-0.4, 0.1), (0.0, 1.0), (0.4, 0.1)], cloth)
    elif kind < 0.55:  # under sail
        pen.line([(0.02, 0.15), (0.02, 1.12)], 0.02, WOOD)
        pen.line([(0.02, 1.1), (0.48, 0.2)], 0.006, DARK, thinnest=1.0)
        pen.line([(0.02, 1.1), (-0.48, 0.18)], 0.006, DARK, thinnest=1.0)
        pen.poly([(-0.01, 1.0), (-0.01, 0.26), (-0.4, 0.26)], cloth)
        pen.poly([(0.06, 0.9), (0.06, 0.28), (0.36, 0.28)], shade(cloth, 0.92))
    elif kind < 0.8:  # a fishing boat
        pen.poly([(-0.3, 0.14), (-0.3, 0.42), (0.02, 0.42), (0.08, 0.14)], trim)
        pen.poly([(-0.24, 0.28), (-0.24, 0.37), (-0.02, 0.37), (0.02, 0.28)], GLASS)
        pen.line([(0.16, 0.16), (0.16, 0.74)], 0.02, WOOD)
        pen.line([(0.16, 0.5), (0.44, 0.66)], 0.014, WOOD)
        pen.line([(0.16, 0.72), (0.48, 0.2)], 0.006, DARK, thinnest=1.0)
    else:  # a rowing boat with its oars
        pen.line([(0.0, 0.2), (-0.3, 0.02), (-0.5, -0.08)], 0.018, WOOD)
        pen.line([(0.1, 0.2), (0.4, 0.04), (0.62, -0.06)], 0.018, WOOD)
    pen.poly(hull, paint)
    pen.poly([(-0.5, 0.16), (-0.49, 0.12), (0.48, 0.15), (0.5, 0.19)], trim)


def aeroplane(pen: Pen, rng: Random, thin: bool = True) -> None:
    body, trim = mix(rng.choice(PAINTS), (244, 244, 240), 0.55), rng.choice(PAINTS)
    reach, root = (0.46, 0.14) if thin else (0.26, 0.4)  # of a wing: how far it reaches, how wide it begins
    far_tip, near_tip = 0.1 - 0.7 * reach, 0.12 - 0.8 * reach
    blunt = 0.06 if thin else 0.3
    pen.poly(
        [(0.1, 0.08), (far_tip, 0.08 + reach), (far_tip - blunt, 0.08 + reach), (0.1 - root, 0.08)], shade(body, 0.8)
    )
    pen.poly([(-0.36, 0.1), (-0.5, 0.32), (-0.41, 0.32), (-0.22, 0.12)], trim)
    nose = [(0.3, 0.0), (0.44, 0.02), (0.5, 0.06), (0.44, 0.11), (0.3, 0.14)]
    pen.poly([(-0.5, 0.12), (-0.36, 0.02), *nose, (-0.4, 0.14)], body)
    pen.poly([(-0.44, 0.08), (-0.44, 0.1), (0.46, 0.08), (0.46, 0.06)], trim)
    low = -0.75 * reach
    pen.poly([(0.14, 0.04), (near_tip, low), (near_tip - blunt - 0.02, low), (0.12 - root, 0.04)], shade(body, 0.92))
    if thin:
        pen.poly([(-0.34, 0.08), (-0.5, -0.06), (-0.45, -0.06), (-0.24, 0.07)], shade(body, 0.85))
    pen.poly([(0.38, 0.1), (0.43, 0.1), (0.47, 0.07), (0.38, 0.07)], DARK)
    if pen.size > 30:
        for k in range(6):
            pen.disc(-0.26 + 0.1 * k, 0.105, 0.014, DARK)


OBJECTS = {1: aeroplane, 2: bicycle, 4: boat, 7: car, 15: person}  # VOC's own class indices


def tree(pen: Pen, rng: Random, leaf: Colour) -> None:
    pen.poly([(-0.035, 0), (-0.02, 0.5), (0.02, 0.5), (0.035, 0)], WOOD)
    pen.line([(0, 0.34), (0.14, 0.52)], 0.02, WOOD)
    for u, v, r in ((0, 0.8, 0.2), (-0.15, 0.62, 0.17), (0.15, 0.64, 0.16), (0.03, 0.6, 0.16)):
        pen.disc(u + rng.uniform(-0.03, 0.03), v, r, shade(leaf, rng.uniform(0.85, 1.08)))


def fir(pen: Pen, rng: Random, leaf: Colour) -> None:
    pen.poly([(-0.03, 0), (-0.03, 0.2), (0.03, 0.2), (0.03, 0)], WOOD)
    for low, half in ((0.15, 0.22), (0.42, 0.17), (0.66, 0.12)):
        pen.poly([(-half, low), (0, low + 0.36), (half, low)], shade(leaf, rng.uniform(0.7, 0.85)))


def bush(pen: Pen, rng: Random, leaf: Colour) -> None:
    for u, r in ((-0.3, 0.2), (0.28, 0.19), (0.0, 0.27)):
        pen.disc(u, r * 0.7, r, shade(leaf, rng.uniform(0.75, 1.0)), tall=0.9)


def lamp(pen: Pen, rng: Random, leaf: Colour) -> None:
    pen.line([(0, 0), (0, 0.9), (0.04, 0.97), (0.16, 0.98)], 0.02, DARK)
    pen.poly([(0.1, 0.93), (0.1, 0.98), (0.22, 0.98), (0.22, 0.95)], (250, 232, 170))


def sign(pen: Pen, rng: Random, leaf: Colour) -> None:
    pen.line([(0, 0), (0, 0.9)], 0.03, STEEL)
    pen.disc(0, 0.82, 0.16, rng.choice(PAINTS))
    pen.disc(0, 0.82, 0.1, (240, 238, 230))


def shed(pen: Pen, rng: Random, leaf: Colour) -> None:
    paint = rng.choice(PAINTS)
    pen.poly([(-0.5, 0), (-0.5, 0.42), (0.5, 0.42), (0.5, 0)], paint)
    pen.poly([(-0.58, 0.4), (-0.3, 0.68), (0.3, 0.68), (0.58, 0.4)], shade(rng.choice(PAINTS), 0.75))
    pen.poly([(-0.3, 0.12), (-0.3, 0.32), (-0.08, 0.32), (-0.08, 0.12)], GLASS)
    pen.poly([(0.1, 0), (0.1, 0.3), (0.3, 0.3), (0.3, 0)], DARK)


def rock(pen: Pen, rng: Random, leaf: Colour) -> None:
    stone = mix(STEEL, rng.choice(PAINTS), 0.25)
    pen.poly([(-0.5, 0), (-0.42, 0.2), (-0.1, 0.34), (0.2, 0.28), (0.46, 0.1), (0.5, 0)], stone)
    pen.poly([(-0.42, 0.2), (-0.1, 0.34), (0.2, 0.28), (0.0, 0.2)], shade(stone, 1.2))


def hoops(pen: Pen, rng: Random, leaf: Colour) -> None:
    """Rings that are no bicycle."""
    for u in (-0.25, 0.2):
        pen.ring(u, 0.22, 0.2, 0.03, rng.choice(PAINTS))


def crates(pen: Pen, rng: Random, leaf: Colour) -> None:
    for u, v in ((-0.4, 0.0), (0.02, 0.0), (-0.2, 0.3)):
        paint = rng.choice(PAINTS)
        pen.poly([(u, v), (u, v + 0.3), (u + 0.4, v + 0.3), (u + 0.4, v)], paint)
        pen.poly([(u, v + 0.12), (u, v + 0.17), (u + 0.4, v + 0.17), (u + 0.4, v + 0.12)], shade(paint, 0.75))


def parasol(pen: Pen, rng: Random, leaf: Colour) -> None:
    paint = rng.choice(PAINTS)
    pen.line([(0, 0), (0, 0.8)], 0.02, WOOD)
    pen.poly([(-0.4, 0.66), (-0.26, 0.86), (0, 0.94), (0.26, 0.86), (0.4, 0.66)], paint)
    pen.poly([(-0.13, 0.66), (-0.08, 0.88), (0, 0.94), (0.08, 0.88), (0.13, 0.66)], (240, 236, 226))


def buoy(pen: Pen, rng: Random, leaf: Colour) -> None:
    paint = rng.choice(PAINTS)
    pen.poly([(-0.2, 0), (-0.14, 0.3), (0.14, 0.3), (0.2, 0)], paint)
    pen.line([(0, 0.28), (0, 0.8)], 0.03, DARK)
    pen.poly([(0.0, 0.8), (0.0, 0.56), (0.26, 0.68)], shade(paint, 0.8))


def gull(pen: Pen, rng: Random, leaf: Colour) -> None:
    feather = mix(DARK, (255, 255, 255), rng.choice((0.2, 0.9)))
    pen.line([(-0.5, 0.18), (-0.2, 0.26), (0, 0.08), (0.2, 0.26), (0.5, 0.18)], 0.09, feather)


def balloon(pen: Pen, rng: Random, leaf: Colour) -> None:
    paint = rng.choice(PAINTS)
    pen.line([(0, 0), (-0.08, 0.36)], 0.01, DARK)
    pen.line([(0, 0), (0.08, 0.36)], 0.01, DARK)
    pen.poly([(-0.09, 0.36), (-0.3, 0.62), (0.3, 0.62), (0.09, 0.36)], paint)
    pen.disc(0, 0.7, 0.31, paint)
    pen.disc(0, 0.7, 0.13, mix(paint, (250, 246, 236), 0.6), tall=2.3)
    pen.poly([(-0.06, 0), (-0.06, 0.1), (0.06, 0.1), (0.06, 0)], WOOD)


SLENDER = [lamp, sign, hoops, parasol, buoy]  # clutter with thin parts
