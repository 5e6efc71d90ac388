"""Data sets with one planted fault each, and sound ones."""

import re
import shutil

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from segbook import data
from segbook.cli import main
from segbook.data import check


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """Three training and two validation pairs, palette masks of three classes with some void."""
    root = tmp_path_factory.mktemp("sound")
    (root / "classes.txt").write_text("field 0 0 0\nhouse 128 0 0\nwater 0 128 0\n")
    for split, names in {"train": "abc", "val": "de"}.items():
        for name in names:
            rng = np.random.default_rng(ord(name))
            mask = rng.integers(0, 3, (8, 6 + ord(name) % 3)).astype(np.uint8)
            mask[0] = 255
            write(root / f"images/{split}/{name}.png", rng.integers(0, 256, (*mask.shape, 3)))
            write(root / f"masks/{split}/{name}.png", mask, data.voc_colormap())
    return root


@pytest.fixture
def root(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "copy")


def write(path, array, palette=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(array, dtype=np.uint8))
    if palette is not None:
        picture.putpalette(palette.flatten().tolist())
    picture.save(path)


def faults(root):
    return [(f.split, f.name, f.message) for f in data.check_data(root).faults]


def test_a_sound_folder(sound):
    report = data.check_data(sound)
    assert report.faults == [] and report.notes == []
    assert [(name, s.pairs) for name, s in report.splits.items()] == [("train", 3), ("val", 2)]
    masks = [np.array(Image.open(path)) for path in (sound / "masks/train").iterdir()]
    pixels = np.bincount(np.concatenate([m.ravel() for m in masks]), minlength=256)
    assert report.splits["train"].pixels.tolist() == pixels.tolist()
    assert report.splits["train"].masks_with[[0, 1, 2, 3, 255]].tolist() == [3, 3, 3, 0, 3]
    sizes = sorted(m.shape for m in masks)
    assert sorted(report.splits["train"].sizes) == sizes
    assert check.summary_lines(report)[0] == f"train: 3 pairs of 8x{sizes[0][1]} to 8x{sizes[-1][1]} pixels"


def plant_size(root):
    write(root / "masks/train/a.png", np.zeros((3, 3)), data.voc_colormap())


def plant_label(root):
    write(root / "masks/train/a.png", np.full((8, 6 + ord("a") % 3), 7), data.voc_colormap())


def plant_colour(root):
    write(root / "masks/train/a.png", np.full((8, 6 + ord("a") % 3, 3), 77))


def plant_void(root):
    write(root / "masks/train/a.png", np.full((8, 6 + ord("a") % 3), 255), data.voc_colormap())


def plant_palette(root):
    write(root / "masks/train/a.png", np.array(Image.open(root / "masks/train/a.png")), data.voc_colormap().flip(0))


def plant_damage(root):
    path = root / "images/train/a.png"
    path.write_bytes(path.read_bytes()[:60])


@pytest.mark.parametrize(
    ("plant", "sentence"),
    [
        (plant_size, "the mask is 3x3 but its image a.png is"),
        (plant_label, r"a.png: label 7 is out of range: .*\(row 0, column 0\)"),
        (plant_colour, r"colour \(77, 77, 77\) at row 0, column 0"),
        (plant_void, "all of the mask is void"),
        (plant_palette, r"index 0 is coloured \(224, 224, 192\) .* and \(0, 0, 0\) in the classes' list"),
        (plant_damage, "the image is damaged or cut short"),
    ],
)
def test_a_planted_fault_is_the_only_one(root, plant, sentence):
    plant(root)
    [(split, name, message)] = faults(root)
    assert (split, name) == ("train", "a") and re.search(sentence, message), message


def test_palettes_that_disagree_with_each_other(root):
    (root / "classes.txt").write_text("field\nhouse\nwater\n")
    assert faults(root) == []
    plant_palette(root)
    assert {"b", "c"} >= {name for split, name, _ in faults(root) if split == "train"} != set()


def test_one_picture_in_two_splits_under_another_name_and_format(root):
    picture = Image.open(root / "images/train/b.png")
    picture.save(root / "images/val/z.bmp")
    shutil.copy(root / "masks/train/b.png", root / "masks/val/z.png")
    assert faults(root) == [("val", "z", "the same picture as b of split train")]
    (root / "images/val/z.bmp").rename(root / "images/train/z.bmp")
    (root / "masks/val/z.png").rename(root / "masks/train/z.png")
    report = data.check_data(root)
    assert report.faults == [] and report.notes == ["train: z is the same picture as b"]


def test_a_missing_mask_leaves_the_other_split_checked(root):
    (root / "masks/train/b.png").unlink()
    write(root / "masks/val/d.png", np.zeros((1, 1)))
    assert [(split, name) for split, name, _ in faults(root)] == [("train", ""), ("val", "d")]


def test_foreground_stored_as_255(root):
    (root / "classes.txt").write_text("field\nhouse\n")
    for path in (root / "masks").rglob("*.png"):
        write(path, 255 * (np.array(Image.open(path)) == 1))
    found = faults(root)
    assert [(split, name) for split, name, _ in found] == [("train", ""), ("val", "")]
    assert all("every pixel is field or void (255)" in message for _, _, message in found)


def test_a_note_on_classes_needs_a_mask_that_could_be_read(root):
    for path in (root / "masks/train").glob("*.png"):
        path.write_bytes(b"no picture")
    report = data.check_data(root)
    assert len(report.faults) == 3 and report.notes == []


def test_voc_and_camvid_layouts(tmp_path):
    root = data.make_toy_voc(tmp_path / "toy", num_train=3, num_val=2, size=(32, 40))
    report = data.check_data(root)
    assert report.faults == [] and list(report.splits) == ["train", "val"]  # not trainval, which repeats both
    assert report.splits["train"].pairs == 3 and "diningtable" in report.notes[0]
    write(root / "VOCdevkit/VOC2012/SegmentationClass/toy_val_00001.png", np.full((32, 40), 21), data.voc_colormap())
    assert [(f.split, f.name) for f in data.check_data(root).faults] == [("val", "toy_val_00001")]
    for i, split in enumerate(("train", "val")):
        write(root / f"CamVid/{split}/x{i}.png", np.full((4, 4, 3), i))
        write(root / f"CamVid/{split}annot/x{i}.png", np.full((4, 4), 11))
        (root / f"CamVid/{split}.txt").write_text(f"x{i}\n")
    assert len(data.check_data(root, "camvid").faults) == 2  # all void


def test_the_command(root, tmp_path):
    def run(*arguments):
        return CliRunner().invoke(main, ["data", "check", *map(str, arguments), "--out", str(tmp_path / "report.html")])

    result = run(root)
    assert result.exit_code == 0 and f"No fault found: {tmp_path / 'report.html'}" in result.stdout
    assert "train: 3 pairs of 8x" in result.stdout
    plant_size(root)
    result = run(root)
    assert result.exit_code == 1 and "fault: train a: " in result.stdout and "1 fault found" in result.stdout
    (tmp_path / "unsplit/images").mkdir(parents=True)
    places = {
        tmp_path / "gone": "no such folder",
        tmp_path: "holds neither",
        tmp_path / "unsplit": "no split; write train.txt and val.txt, .* or put the images in images/train/",
    }
    for place, sentence in places.items():
        result = run(place)
        assert result.exit_code == 2 and result.stdout == "" and re.search(sentence, result.stderr)


def test_the_page_needs_nothing_else_and_escapes_names(root):
    plant_size(root)
    (root / "classes.txt").write_text("<b>field</b>\nhouse\nwater\n")
    for kind in ("images", "masks"):
        (root / f"{kind}/train/a.png").rename(root / f"{kind}/train/<b>a.png")
    text = check.page(data.check_data(root))
    assert "<b>" not in text and "&lt;b&gt;field" in text and "&lt;b&gt;a" in text
    assert not re.findall(r"https?:|<script|<link(?! rel=\"icon\" href=\"data:)|url\(", text)
    assert text.count("<img") == text.count('src="data:image/webp;base64,') == 2 + 2
    assert "color-scheme: light dark" in text and "the mask is 3x3" in text
