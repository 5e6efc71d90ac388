"""Predictions on photographs as pictures for the chapters: book/_static/photos/*.webp, and their credits.

ladder-PHOTO     the photograph, and what the six, the one that ships and Google's see in it
rates            the ladder's DeepLabv3 with the rates that it was trained with, and with others
sizes            the network that ships, its input resized to 257 and to 513 pixels
half-cell        the network that ships as it is, and with its cells drawn half a cell away (align_corners=False)
camvid           four test frames of CamVid
"""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import nn
from tqdm import tqdm

from bookbuild import ROOT
from bookbuild.experiments.photos import RUNGS, roots
from bookbuild.experiments.photos.evaluations import RESIZES, Resized
from bookbuild.experiments.photos.networks import PUBLISHED, SHIPPED, named
from segbook import data, infer
from segbook.cli.outputs import legend
from segbook.files import read_image, write_atomically

FOLDER = ROOT / "book" / "_static" / "photos"
MOST_BYTES = 60_000
QUALITIES = (85, 75, 65, 55, 45, 35, 25)
RATES = {"rates 6, 12, 18 (its own)": (6, 12, 18), "rates 1, 1, 1": (1, 1, 1), "rates 18, 36, 54": (18, 36, 54)}
SHOWN = ("chelsea", "astronaut", "motorcycle")  # in the strips of several photographs
CAMVID_FRAMES = (10, 75, 140, 205)  # of the 233 in test
CAMVID_ROW, ASPP = "camvid_longer", "deeplabv3_mobilenet_v2"
TITLES = {
    "fcn32s_mobilenet_v2": "FCN-32s",
    "fcn16s_mobilenet_v2": "FCN-16s",
    "fcn8s_mobilenet_v2": "FCN-8s",
    "fcn_mobilenet_v2_d16": "dilated FCN",
    ASPP: "DeepLabv3",
    "deeplabv3plus_mobilenet_v2": "DeepLabv3+",
    SHIPPED: "the one that ships",
    PUBLISHED: "DeepLabv3, Google's",
}
SKIMAGE, CC0 = "scikit-image, skimage.data", "CC0"
CREDITS = {
    "chelsea": {"credit": "Chelsea the cat, by Stefan van der Walt", "licence": CC0, "source": f"{SKIMAGE}.chelsea"},
    "astronaut": {
        "credit": "The astronaut Eileen Collins, by NASA (Great Images in NASA)",
        "licence": "public domain, no known copyright restrictions",
        "source": f"{SKIMAGE}.astronaut",
    },
    "motorcycle": {
        "credit": "Motorcycle, left view, from the Middlebury 2014 stereo benchmark: D. Scharstein, H. Hirschmueller, "
        "Y. Kitajima, G. Krathwohl, N. Nesic, X. Wang and P. Westling, GCPR 2014",
        "licence": "distributed with scikit-image, whose documentation names the source and no licence",
        "source": f"{SKIMAGE}.stereo_motorcycle",
    },
    "coffee": {
        "credit": "Coffee cup, by Rachel Michetti, courtesy of Pikolo Espresso Bar",
        "licence": CC0,
        "source": f"{SKIMAGE}.coffee",
    },
    "grace_hopper": {
        "credit": "Commodore Grace M. Hopper, USN, by James S. Davis, U.S. Navy, 1984",
        "licence": "public domain, a work of the U.S. federal government",
        "source": "matplotlib, sample_data/grace_hopper.jpg",
    },
    "camvid": {
        "credit": "CamVid: G. Brostow, J. Fauqueur and R. Cipolla, Pattern Recognition Letters, 2009",
        "licence": "CC BY-NC 4.0, in the distribution of the SegNet tutorial; here as rendered results",
        "source": "CamVid, test frames",
    },
}

Panel = tuple[str, np.ndarray]  # a title, "" for none, and a picture (H, W, 3)


def photographs() -> dict[str, np.ndarray]:
    """The free photographs, (H, W, 3) uint8."""
    import matplotlib
    from skimage import data as pictures

    hopper = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    return {
        "chelsea": pictures.chelsea(),
        "astronaut": pictures.astronaut(),
        "motorcycle": pictures.stereo_motorcycle()[0],
        "coffee": pictures.coffee(),
        "grace_hopper": read_image(hopper).permute(1, 2, 0).numpy(),
    }


class Painter:
    """Tints pictures by class, and remembers which classes there were, for the legend."""

    def __init__(self, classes: Sequence[str], palette: torch.Tensor):
        self.classes = classes
        self.palette = palette
        self.seen = {0} if classes[0] != "background" else set()

    def paint(self, title: str, image: np.ndarray, label: torch.Tensor) -> Panel:
        """A panel; VOC's background is left as it is."""
        if self.classes[0] == "background":
            label = label.where(label > 0, data.VOID)
        self.seen |= set(label.unique().tolist())
        return title, infer.overlay(image, label, self.palette, alpha=0.6)

    def predict(self, title: str, image: np.ndarray, model: nn.Module) -> Panel:
        return self.paint(title, image, infer.predict(model, image))

    def sheet(self, panels: Sequence[Panel], columns: int, width: int) -> Image.Image:
        """Panels in rows, each `width` wide, under its title if it has one; the legend below."""
        font = ImageFont.load_default(14)
        tiles = []
        for title, picture in panels:
            bar = 22 if title else 0
            height = round(width * picture.shape[0] / picture.shape[1])
            tile = Image.new("RGB", (width, bar + height), "white")
            tile.paste(Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS), (0, bar))
            ImageDraw.Draw(tile).text((width / 2, bar / 2), title, "black", font, anchor="mm")
            tiles.append(tile)
        rows = [tiles[i : i + columns] for i in range(0, len(tiles), columns)]
        gap, y = 4, 0
        whole = columns * (width + gap) - gap
        names = legend(np.array(sorted(self.seen)), self.palette, self.classes, whole)
        heights = [max(tile.height for tile in row) for row in rows]
        page = Image.new("RGB", (max(whole, names.width), sum(heights) + gap * len(rows) + names.height), "white")
        for row, height in zip(rows, heights):
            for x, tile in enumerate(row):
                page.paste(tile, (x * (width + gap), y))
            y += height + gap
        page.paste(names, (0, y))
        return page


def save(page: Image.Image, name: str, folder: Path) -> None:
    """Write NAME.webp in the best of QUALITIES that takes at most MOST_BYTES; ValueError if none does."""
    for quality in QUALITIES:
        stream = io.BytesIO()
        page.save(stream, "WEBP", quality=quality, method=6)
        if stream.tell() <= MOST_BYTES:
            write_atomically(folder / f"{name}.webp", lambda file, found=stream: file.write(found.getvalue()))
            tqdm.write(f"{name}.webp: {stream.tell():,} bytes, {page.width} x {page.height}, quality {quality}")
            return
    raise ValueError(f"{name}.webp takes {stream.tell():,} bytes in the lowest quality; draw it smaller")


def draw_ladder(nets: dict[str, nn.Module], images: dict[str, np.ndarray], folder: Path, width: int = 260) -> None:
    """ladder-PHOTO for each photograph: the photograph, and each network's prediction under its title."""
    for name, image in images.items():
        painter = Painter(data.VOC_CLASSES, data.VOC_PALETTE)
        panels = [("the photograph", image), *(painter.predict(title, image, net) for title, net in nets.items())]
        save(painter.sheet(panels, 3, width), f"ladder-{name}", folder)


def draw_rows(
    name: str, nets: dict[str, nn.Module], images: dict[str, np.ndarray], folder: Path, width: int = 260
) -> None:
    """One picture: a row for each photograph, a column for each network."""
    painter = Painter(data.VOC_CLASSES, data.VOC_PALETTE)
    panels = []
    for row, image in enumerate(images.values()):
        panels += [painter.predict("" if row else title, image, net) for title, net in nets.items()]
    save(painter.sheet(panels, len(nets), width), name, folder)


def draw_camvid(net: nn.Module, dataset: data.Samples, frames: Sequence[int], folder: Path, width: int = 260) -> None:
    """One picture: frame, label and prediction in each row."""
    painter = Painter(dataset.classes, dataset.palette)
    panels: list[Panel] = []
    for i in frames:
        x, label = dataset[i]
        image = data.denormalise(x).permute(1, 2, 0).numpy()
        frame, true, predicted = ("", "", "") if panels else ("frame", "label", "prediction")
        panels += [(frame, image), painter.paint(true, image, label), painter.predict(predicted, image, net)]
    save(painter.sheet(panels, 3, width), "camvid", folder)


def write_credits(folder: Path) -> None:
    text = json.dumps(CREDITS, indent=1, ensure_ascii=False) + "\n"
    write_atomically(folder / "credits.json", lambda file: file.write(text.encode()))


def trained(names: Sequence[str], **changes: Any) -> dict[str, nn.Module]:
    """The networks that there are, by name; of the others is said that they are left out."""
    found = {}
    for name in names:
        try:
            found[name] = named(name, **changes)
        except FileNotFoundError as error:
            tqdm.write(f"left out: {error}")
    return found


def draw() -> None:
    """All strips for which there are run folders."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    images = photographs()
    some = {name: images[name] for name in SHOWN}
    ladder = trained((*RUNGS, SHIPPED, PUBLISHED))
    draw_ladder({TITLES[name]: net for name, net in ladder.items()}, images, FOLDER)
    if ASPP in ladder:
        draw_rows("rates", {title: named(ASPP, atrous_rates=rates) for title, rates in RATES.items()}, some, FOLDER)
    if SHIPPED in ladder:
        shipped = ladder[SHIPPED]
        draw_rows("sizes", {f"{side} pixels": Resized(shipped, side) for side in (257, 513)}, some, FOLDER)
        moved = {"where they look": shipped, "half a cell away": named(SHIPPED, **RESIZES["false"])}
        draw_rows("half-cell", moved, some, FOLDER)
    for net in trained([CAMVID_ROW]).values():
        draw_camvid(net, data.load("camvid", "test", roots.prepare() / "real"), CAMVID_FRAMES, FOLDER)
    write_credits(FOLDER)
