from random import Random

from segbook import figures
from segbook.data import draw_scene

LABEL = "Nine taps of three dilated kernels around one cell of a map of 12 by 16 cells that lies over a drawn scene."
DATA = {
    "preset": "published",
    "cell": [6, 6],
    "scenes": [
        {"name": f"scene {i}", "image": figures.picture(draw_scene(Random(f"0/val/{i}"), 96, 128).image)}
        for i in (60, 78)
    ],
}
