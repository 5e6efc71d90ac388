"""The picture of each chapter on the home page: book/_static/path/NAME.webp, at most 15 kB, and their words.

    python -m bookbuild.site.thumbnails [NAME...]

draws them from what the chapters show: the recorded predictions, scenes, layers of the package, recorded scores. What
is drawn stands on one dark ground, so that the pictures are a row in either theme.
"""

import json
import sys
from collections.abc import Callable
from random import Random

import numpy as np
import torch
from PIL import Image, ImageDraw

from bookbuild import ROOT
from bookbuild.chapters import chapter_files
from segbook import bilinear, data, figures, infer, models
from segbook.convolution import conv_transpose2d, receptive_field
from toyvoc.aerial import draw_tile

FOLDER = ROOT / "book" / "_static" / "path"
STATIC = ROOT / "book" / "_static"
SIZE = WIDTH, HEIGHT = 400, 250
MOST_BYTES = 15_000
FINE = 3  # lines are drawn this much larger, then shrunk
GROUND, INK, BLUE, ORANGE, GREEN = "#1b2430", "#e8eaed", "#56b4e9", "#ff9a4d", "#2fcf9f"
PANELS = {"photo": (0, 0), "FCN-32s": (1, 0), "FCN-16s": (2, 0), "FCN-8s": (0, 1), "ships": (1, 1)}  # of a ladder
TITLE, PITCH = 22, 264  # pixels: above a panel of a ladder, and from one panel to the next
SHAPES = {"motorcycle": (260, 175), "astronaut": (260, 260)}


def fitted(image: Image.Image, across: float = 0.5, down: float = 0.5) -> Image.Image:
    """Cut to the shape of a thumbnail around a point, and resized."""
    scale = max(WIDTH / image.width, HEIGHT / image.height)
    wide, high = WIDTH / scale, HEIGHT / scale
    left, top = across * (image.width - wide), down * (image.height - high)
    return image.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS, (left, top, left + wide, top + high))


def chelsea() -> Image.Image:
    return Image.open(STATIC / "network" / "chelsea.webp").convert("RGB")


def panel(photo: str, what: str, down: float = 0.5) -> Image.Image:
    """One prediction out of a recorded strip."""
    column, row = PANELS[what]
    wide, high = SHAPES[photo]
    left, top = column * PITCH, TITLE + row * (high + TITLE + 4)
    image = Image.open(STATIC / "photos" / f"ladder-{photo}.webp")
    return fitted(image.crop((left, top, left + wide, top + high)), down=down)


class Plate:
    """A picture in thumbnail's pixels, drawn finer."""

    def __init__(self, under: Image.Image | None = None):
        size = (WIDTH * FINE, HEIGHT * FINE)
        self.image = under.resize(size) if under else Image.new("RGB", size, GROUND)
        self.pen = ImageDraw.Draw(self.image, "RGBA")

    def box(self, left: float, top: float, wide: float, high: float, **look) -> None:
        look["width"] = look.get("width", 0) * FINE
        self.pen.rectangle([FINE * left, FINE * top, FINE * (left + wide) - 1, FINE * (top + high) - 1], **look)

    def dot(self, x: float, y: float, radius: float, fill) -> None:
        self.pen.ellipse([FINE * (x - radius), FINE * (y - radius), FINE * (x + radius), FINE * (y + radius)], fill)

    def line(self, points: list[tuple[float, float]], fill, width: float = 2) -> None:
        self.pen.line([(FINE * x, FINE * y) for x, y in points], fill, round(width * FINE), joint="curve")

    def done(self) -> Image.Image:
        return self.image.resize(SIZE, Image.Resampling.LANCZOS)


def mixed(value: float, low: str = GROUND, high: str = BLUE) -> tuple[int, ...]:
    """A colour between two, value 0 to 1."""
    ends = [[int(text[i : i + 2], 16) for i in (1, 3, 5)] for text in (low, high)]
    return tuple(round(a + value * (b - a)) for a, b in zip(*ends))


def pixels_to_labels() -> Image.Image:
    poster = Image.open(STATIC / "network" / "poster.webp").convert("RGB")
    half = poster.height * SIZE[0] // HEIGHT // 2
    both = Image.new("RGB", (2 * half, poster.height))
    both.paste(poster.crop((0, 0, half, poster.height)))
    both.paste(poster.crop((520 + half - 30, 0, 520 + 2 * half - 30, poster.height)), (half, 0))
    return fitted(both)


def convolution_arithmetic() -> Image.Image:
    photo, field = chelsea(), receptive_field(models.create("fcn32s_vgg16").backbone.features[:24])  # pool4
    plate, scale = Plate(fitted(photo)), HEIGHT / photo.height
    places = [scale * (field.centre + i * field.stride) for i in range(40)]
    for x in places:
        for y in places:
            plate.dot(x, y, 2, "#ffffff")
    x, y, side = places[13], places[9], scale * field.size
    plate.box(x - side / 2, y - side / 2, side, side, outline=BLUE, width=4)
    plate.line([(x, y), (places[14], y)], ORANGE, 5)
    return plate.done()


def cells(plate: Plate, grid: torch.Tensor, left: float, top: float, side: float, colour: str) -> None:
    for (row, column), value in np.ndenumerate((grid / grid.max()).numpy()):
        look = {"fill": mixed(0.12 + 0.88 * value, high=colour), "outline": GROUND, "width": 1}
        plate.box(left + column * side, top + row * side, side, side, **look)


def transposed_convolution() -> Image.Image:
    x = torch.tensor([[1.0, 3.0], [2.0, 4.0]])[None, None]
    y = conv_transpose2d(x, torch.ones(1, 1, 3, 3), stride=2)
    plate = Plate()
    cells(plate, x[0, 0], 40, 85, 40, ORANGE)
    cells(plate, y[0, 0], 160, 25, 40, BLUE)
    plate.box(160 + 80, 25 + 80, 120, 120, outline=ORANGE, width=3)  # the stamp of the last cell
    plate.line([(120, 125), (120 + 32, 125)], INK, 3)
    return plate.done()


def bilinear_kernels() -> Image.Image:
    small = chelsea().crop((60, 60, 380, 260)).resize((40, 25), Image.Resampling.BOX)  # its eyes
    x = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float()
    up = bilinear.BilinearUpsample(3, 10)(x)[0].permute(1, 2, 0).detach().clamp(0, 255).byte().numpy()
    picture = small.resize(SIZE, Image.Resampling.NEAREST)
    picture.paste(Image.fromarray(up).crop((WIDTH // 2, 0, WIDTH, HEIGHT)), (WIDTH // 2, 0))
    return picture


def scene() -> tuple[np.ndarray, torch.Tensor]:
    """The scene that the chapters look at, as bytes, and its label."""
    image, label = data.load("toy", "val")[2]
    return data.denormalise(image).permute(1, 2, 0).numpy(), label


def measuring_and_losses() -> Image.Image:
    image, label = scene()
    truth = (label > 0) & (label != data.VOID)
    guess = truth.roll((2, 3), (0, 1))
    picture = image * 0.35
    for both, colour in ((truth & guess, GREEN), (truth & ~guess, ORANGE), (guess & ~truth, BLUE)):
        picture[both.numpy()] = mixed(1, high=colour)
    return fitted(Image.fromarray(picture.astype(np.uint8)).resize((1024, 768), Image.Resampling.NEAREST))


def training_that_holds_up() -> Image.Image:
    record, plate = figures.recorded("training-replay"), Plate()
    for height in (65, 125, 185):
        plate.line([(25, height), (375, height)], "#3a4656", 1)
    for network, colour in zip(record["networks"], (INK, GREEN, ORANGE, BLUE)):
        losses = network["losses"][: 3 * (len(network["losses"]) // 3)]
        means = np.array(losses).reshape(-1, 3).mean(1)
        high = 1.3
        points = [(25 + 350 * i / (len(means) - 1), 225 - 205 * min(loss, high) / high) for i, loss in enumerate(means)]
        plate.line(points, colour, 3)
    return plate.done()


def dilated_convolution() -> Image.Image:
    plate, side = Plate(), 13
    for i in range(3):
        rate, left, top = 2**i, 25 + 122 * i, 66
        for row in range(9):
            for column in range(9):
                tap = abs(row - 4) in (0, rate) and abs(column - 4) in (0, rate)
                fill = (BLUE, GREEN, ORANGE)[i] if tap else "#2b3746"
                plate.box(left + column * side, top + row * side, side - 2, side - 2, fill=fill)
    return plate.done()


def aspp() -> Image.Image:
    plate = Plate(fitted(Image.fromarray((scene()[0] * 0.6).astype(np.uint8))))
    for rate, colour in ((22, BLUE), (52, GREEN), (94, ORANGE)):
        for row in (-rate, 0, rate):
            for column in (-rate, 0, rate):
                plate.dot(200 + 1.5 * column, 125 + row, 7, colour)
    plate.dot(200, 125, 8, INK)
    return plate.done()


def inference() -> Image.Image:
    photo = fitted(Image.open(STATIC / "network" / "grace_hopper.webp"), down=0.25)
    plate = Plate(photo)
    for i, (left, top) in enumerate([(12, 12), (138, 12), (12, 92), (138, 92)]):
        plate.box(left, top, 250, 146, outline=(BLUE, ORANGE, GREEN, INK)[i], width=3)
    return plate.done()


def capstone() -> Image.Image:
    image, label = draw_tile(Random(3), 256)
    label = torch.from_numpy(label).long()
    picture = infer.overlay(np.array(image), label.where(label > 0, data.VOID), [(0, 0, 0), mixed(1, high=ORANGE)], 0.8)
    half = Image.new("RGB", image.size)
    half.paste(image)
    half.paste(Image.fromarray(picture).crop((128, 0, 256, 256)), (128, 0))
    return fitted(half, down=0.2)


def ours_against_the_papers() -> Image.Image:
    plate = Plate()
    names = ("fcn32s_tiny", "fcn16s_tiny", "fcn8s_tiny", "fcn_tiny_d8", "deeplabv3_tiny", "deeplabv3plus_tiny")
    for i, name in enumerate(names):
        record = json.loads((ROOT / "results" / "toyvoc" / f"{name}.json").read_text())
        y, x = 35 + 36 * i, lambda score: 25 + 350 * (score - 0.2) / 0.7
        plate.line([(25, y), (375, y)], "#2b3746", 1)
        plate.line([(x(record["mean_iou_low"]), y), (x(record["mean_iou_high"]), y)], BLUE, 4)
        plate.dot(x(record["mean_iou"]), y, 8, ORANGE if name.startswith("deep") else BLUE)
    return plate.done()


# What is drawn for a chapter, and its alternative text.
THUMBNAILS: dict[str, tuple[Callable[[], Image.Image], str]] = {
    "01-pixels-to-labels": (pixels_to_labels, "A cat's face, its right half painted as one class."),
    "02-convolution-arithmetic": (convolution_arithmetic, "A cat under a grid of dots, one cell's field framed."),
    "03-transposed-convolution": (transposed_convolution, "Four cells become five by five by overlapping stamps."),
    "04-bilinear-kernels": (bilinear_kernels, "A cat's eye in coarse squares, and interpolated."),
    "05-from-classifier-to-fcn": (lambda: panel("astronaut", "FCN-32s", 0.1), "An astronaut painted in coarse blobs."),
    "06-measuring-and-losses": (measuring_and_losses, "A scene in which hits, misses and false alarms are coloured."),
    "07-skip-connections": (lambda: panel("astronaut", "FCN-8s", 0.1), "The astronaut painted in fine, torn patches."),
    "08-training-that-holds-up": (training_that_holds_up, "Four losses that fall while networks train."),
    "09-dilated-convolution": (dilated_convolution, "A kernel of nine taps, at three distances."),
    "10-aspp-and-deeplabv3": (aspp, "A scene with a boat under the taps of three rates."),
    "11-deeplabv3plus": (lambda: panel("astronaut", "ships", 0.1), "The astronaut painted along her outline."),
    "12-inference-any-size": (inference, "A photograph under four overlapping windows."),
    "13-capstone-rooftops": (capstone, "Houses from the air, on one half painted."),
    "14-ours-against-the-papers": (ours_against_the_papers, "Six scores as dots, each with its spread."),
}


def write(name: str) -> int:
    """Draw a thumbnail at the best quality that fits; its bytes."""
    path = FOLDER / f"{name}.webp"
    picture = THUMBNAILS[name][0]()
    for quality in (80, 70, 60, 50, 40, 30, 20):
        picture.save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= MOST_BYTES:
            break
    return path.stat().st_size


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name in sys.argv[1:] or [path.stem for path in chapter_files(ROOT)]:
        print(f"{name}: {write(name):,} bytes")
    told = {name: alt for name, (_, alt) in THUMBNAILS.items()}
    (FOLDER / "pictures.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
