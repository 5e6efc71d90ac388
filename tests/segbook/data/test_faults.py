"""What the check calls a fault, loading refuses, and nothing else."""

import re
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segbook import data
from segbook.cli import main
from segbook.data import faults

COLOURS = [(0, 0, 0), (200, 30, 30), (0, 128, 0)]  # field, house, water
CLASSES = "field 0 0 0\nhouse 200 30 30\nwater 0 128 0\n"


def write(path, array, palette=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(array, dtype=np.uint8))
    if palette is not None:
        picture.putpalette(np.asarray(palette, dtype=np.uint8).flatten().tolist())
    picture.save(path)


def labels(seed, classes=3):
    mask = np.random.default_rng(seed).integers(0, classes, (9, 12))
    mask[0] = 255
    return mask


def full(colours):
    """256 colours, of which the last is void's."""
    return [*colours, *[(9, 9, 9)] * (255 - len(colours)), (224, 224, 192)]


@pytest.fixture
def root(tmp_path):
    """Two pairs in train and one in val, palette masks in the order and the colours of classes.txt."""
    (tmp_path / "classes.txt").write_text(CLASSES)
    for seed, name in enumerate(("train/a", "train/b", "val/c")):
        write(tmp_path / f"images/{name}.png", np.random.default_rng(seed).integers(0, 256, (9, 12, 3)))
        write(tmp_path / f"masks/{name}.png", labels(seed), full(COLOURS))
    return tmp_path


def refusals(root, name="folder", splits=("train", "val")):
    """What is said when each split is loaded and every pair read."""
    said = []
    for split in splits:
        try:
            samples = data.load(name, split, root)
        except ValueError as error:
            said.append(str(error).removeprefix(f"split '{split}': "))
            continue
        for i in range(len(samples)):
            try:
                samples[i]
            except ValueError as error:
                said.append(str(error))
    return said


def repaint(root, change, names=("train/a",)):
    """Store masks anew: change(RGB image) gives what is saved."""
    for name in names:
        with Image.open(root / f"masks/{name}.png") as picture:
            change(picture.convert("RGB")).save(root / f"masks/{name}.png")


def by_frequency(picture):
    """Pillow's convert("P") with an adaptive palette: the most frequent colour becomes 0."""
    return picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=4)


def black_and_white(root):
    (root / "classes.txt").write_text("background\nbuilding\n")
    for path in (root / "masks").rglob("*.png"):
        write(path, 255 * (np.array(Image.open(path)) == 1))


def one_class_black_and_white(root):
    black_and_white(root)
    (root / "classes.txt").write_text("building\n")


def another_order(root):
    swapped = np.array([2, 0, 1, *range(3, 256)])[labels(0)]
    write(root / "masks/train/a.png", swapped, full([COLOURS[1], COLOURS[2], COLOURS[0]]))


def without_stated_colours(change):
    def plant(root):
        (root / "classes.txt").write_text("field\nhouse\nwater\n")
        change(root)

    return plant


PLANTS = {
    "0 and 255": (black_and_white, "every pixel is background or void .* needs colours in classes.txt"),
    "0 and 255, one class": (one_class_black_and_white, "every pixel is building or void"),
    "convert(P), adaptive": (lambda root: repaint(root, by_frequency), "did a program renumber the colours"),
    "convert(P), web": (lambda root: repaint(root, lambda p: p.convert("P")), "label .* out of range"),
    "another order": (another_order, "index 0 is coloured .* in the classes' list.*with one palette"),
    "files disagree": (without_stated_colours(another_order), "index 0 is coloured .* in a.png"),
    "size": (lambda root: write(root / "masks/train/a.png", np.zeros((3, 3))), "the mask is 3x3 but its image"),
    "label": (lambda root: write(root / "masks/train/a.png", np.full((9, 12), 7)), "label 7 is out of range"),
    "void": (lambda root: write(root / "masks/train/a.png", np.full((9, 12), 255)), "all of the mask is void"),
    "no colour": (lambda root: write(root / "masks/train/a.png", np.full((9, 12, 3), 7)), "not in the palette"),
    "two of one name": (lambda root: Image.new("F", (12, 9)).save(root / "masks/train/a.tif"), "have one name"),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_what_the_check_finds_is_refused_with_the_same_words(root, plant):
    change, sentence = PLANTS[plant]
    assert data.check_data(root).faults == [] and refusals(root) == []
    change(root)
    found = [fault.message.removeprefix("the split cannot be read: ") for fault in data.check_data(root).faults]
    said = refusals(root)
    assert said and set(said) <= set(found)
    assert re.search(sentence, said[0]), said


def test_vocs_colours_are_known(tmp_path):
    root = data.make_toy_voc(tmp_path / "toy", num_train=3, num_val=1, size=(32, 40))
    path = root / "VOCdevkit/VOC2012/SegmentationClass/toy_train_00001.png"
    write(path, np.array(Image.open(path)), data.voc_colormap().flip(1))
    [said] = refusals(root, "voc")
    assert "toy_train_00001.png: index" in said and "renumber" in said


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_the_commands_refuse_too(root, tmp_path, command):
    run, small = tmp_path / "run", ["--steps", "1", "--batch-size", "2", "--crop", "32x32", "--device", "cpu"]
    start = ["train", "fcn32s_tiny", "--data", "folder", "--root", str(root), "--out", str(run), *small]
    if command == "evaluate":
        result = CliRunner().invoke(main, start)
        assert result.exit_code == 0, result.output
    black_and_white(root)
    again = ["evaluate", str(run), "--root", str(root), "--split", "val", "--json"]
    result = CliRunner().invoke(main, start if command == "train" else again)
    assert result.exit_code == 2 and result.stdout == "" and "needs colours in classes.txt" in result.stderr
    assert run.exists() == (command == "evaluate")


# what is sound is let through


def shorter_palettes(root):
    """As programs save them that list only the colours in use."""
    (root / "classes.txt").write_text("field\nhouse\nwater\n")
    for i, path in enumerate(sorted((root / "masks").rglob("*.png"))):
        write(path, np.minimum(labels(i, classes=i + 1), i), COLOURS[: i + 1])


def other_unused_colours(root):
    for path in (root / "masks/train").glob("*.png"):
        write(path, labels(0, classes=2), full([*COLOURS[:2], (1, 2, 3)]))


def grey(root):
    for i, path in enumerate(sorted((root / "masks").rglob("*.png"))):
        write(path, labels(i))


def painted_in_rgb(root):
    repaint(root, lambda picture: picture, ("train/a", "train/b", "val/c"))


def one_class_without_void(root):
    write(root / "masks/val/c.png", np.zeros((9, 12)), full(COLOURS))


@pytest.mark.parametrize(
    "change", [shorter_palettes, other_unused_colours, grey, painted_in_rgb, one_class_without_void]
)
def test_what_is_sound_is_let_through(root, change):
    change(root)
    assert refusals(root) == [] and data.check_data(root).faults == []


def test_real_data_sets_are_sound(some_real):
    voc = some_real("voc2012-subset.tar", "VOCdevkit", "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", 12)
    camvid = some_real("camvid.tar", "CamVid", "CamVid/val.txt", 3)
    assert list(faults.split_faults(data.VOCSegmentation(voc, "val"))) == []
    assert list(faults.split_faults(data.CamVid(camvid, "val"))) == []


def test_a_sound_split_costs_no_pixel_but_those_of_its_first_pair(root, monkeypatch):
    for i in range(20):
        for kind in ("images", "masks"):
            shutil.copy(root / f"{kind}/train/a.png", root / f"{kind}/train/x{i}.png")
    read_pairs, read_masks = [], []
    read = data.SegmentationPairs.read
    monkeypatch.setattr(data.SegmentationPairs, "read", lambda self, i: read_pairs.append(i) or read(self, i))
    monkeypatch.setattr(faults, "read_mask", read_masks.append)
    assert len(data.load("folder", "train", root)) == 22
    assert read_pairs == [0] and read_masks == []
