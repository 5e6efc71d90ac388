"""Own data: every way to store a mask, every way to name a split, and what is said about faults."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from segbook import data, models, train
from segbook.cli import main

COLOURS = {"field": (0, 128, 0), "house": (200, 30, 30), "water way": (0, 0, 255)}
VOID_COLOUR = (255, 255, 0)


def label(seed=0, size=(5, 7), classes=3):
    mask = np.random.default_rng(seed).integers(0, classes, size).astype(np.uint8)
    mask[0, 0] = 255
    return mask


def save(path, array, palette=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.asarray(array, dtype=np.uint8))
    if palette is not None:
        picture.putpalette(np.asarray(palette, dtype=np.uint8).tobytes().ljust(768, b"\0"))
    picture.save(path)


def save_image(path, size=(5, 7), seed=0):
    save(path, np.random.default_rng(seed).integers(0, 256, (*size, 3)))


def painted(mask):
    """The mask as colours, pixel by pixel."""
    table = dict(enumerate(COLOURS.values())) | {255: VOID_COLOUR}
    return np.array([[table[int(v)] for v in row] for row in mask], dtype=np.uint8)


def classes_file(root, colours=True):
    lines = [f"{name} {' '.join(map(str, c)) if colours else ''}" for name, c in COLOURS.items()]
    root.mkdir(exist_ok=True)
    (root / "classes.txt").write_text("# mine\n\n" + "\n".join(lines) + "\nvoid 255 255 0\n" * colours)


@pytest.fixture
def root(tmp_path):
    """One pair, "a", in split train; index mask, no colours."""
    classes_file(tmp_path, colours=False)
    save_image(tmp_path / "images/a.jpg")
    save(tmp_path / "masks/a.png", label())
    (tmp_path / "train.txt").write_text("a\n")
    return tmp_path


@pytest.mark.parametrize("kind", ["index", "palette", "palette and colours", "rgb", "rgba"])
def test_every_kind_of_mask_gives_the_same_label(root, kind):
    mask = label(3)
    classes_file(root, colours=kind in ("palette and colours", "rgb", "rgba"))
    if kind.startswith("rgb"):
        colours = painted(mask)
        save(root / "masks/a.png", np.dstack([colours, np.full((5, 7), 9)]) if kind == "rgba" else colours)
    else:
        palette = [*COLOURS.values()] if "colours" in kind else data.voc_colormap()
        save(root / "masks/a.png", mask, palette if "palette" in kind else None)
    pairs = data.ImageFolderSegmentation(root, "train")
    assert pairs.classes == list(COLOURS) and pairs.palette.shape == (3, 3) and pairs.ids == ["a"]
    image, found = pairs[0]
    assert image.shape == (3, 5, 7) and found.dtype == torch.int64 and np.array_equal(found, mask)
    sample = data.load("folder", "train", root, crop_size=(4, 4))
    assert sample.num_classes == 3 and sample[0][0].shape == (3, 4, 4)


def test_black_and_white_masks_are_colours_where_classes_txt_says_so(root):
    save(root / "masks/a.png", 255 * (label() == 1))
    (root / "classes.txt").write_text("background 0 0 0\nhouse 255 255 255\n")
    assert np.array_equal(data.ImageFolderSegmentation(root)[0][1], label() == 1)
    (root / "classes.txt").write_text("background\nhouse\n")  # without colours 255 is void
    assert set(data.ImageFolderSegmentation(root)[0][1].unique().tolist()) == {0, 255}
    save(root / "masks/a.png", label() == 1)  # indices under grey colours: refused, not all background
    (root / "classes.txt").write_text("background 0 0 0\nhouse 255 255 255\n")
    with pytest.raises(ValueError, match=r"a.png: colour \(1, 1, 1\) at row"):
        data.ImageFolderSegmentation(root)[0]


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_run_lengths(tmp_path, suffix):
    masks = {f"tile.{i}": np.random.default_rng(i).integers(0, 2, (6 + i, 4)) for i in range(3)}
    for i, (name, mask) in enumerate(masks.items()):
        save_image(tmp_path / f"images/{name}.png", mask.shape, i)
    comma = suffix == "csv"
    rows = [f"{name}.png{',' if comma else chr(9)}{data.encode_runs(m)}" for name, m in reversed(masks.items())]
    (tmp_path / f"val.{suffix}").write_text("\n".join(["name,runs"] * comma + rows) + "\n")
    pairs = data.ImageFolderSegmentation(tmp_path, "val")
    assert pairs.classes == ["background", "foreground"] and pairs.ids == list(reversed(masks))
    assert all(np.array_equal(pairs[i][1], masks[name]) for i, name in enumerate(pairs.ids))
    (tmp_path / "classes.txt").write_text("ground\nroof\n")
    assert data.load("folder", "val", tmp_path).classes == ["ground", "roof"]
    path = tmp_path / f"val.{suffix}"
    path.write_text(path.read_text() + rows[0].replace(".png", ".jpg", 1) + "\n")
    with pytest.raises(ValueError, match="lists 'tile.2' twice"):
        data.ImageFolderSegmentation(tmp_path, "val")
    (tmp_path / "classes.txt").write_text("ground\nroof\ntree\n")
    with pytest.raises(ValueError, match="two classes apart, classes.txt lists 3"):
        data.ImageFolderSegmentation(tmp_path, "val")


def test_splits_by_folders_and_by_files(root):
    for split, names in {"train": "ca", "val": "b"}.items():
        for name in names:
            save_image(root / f"images/{split}/{name}.PNG")
            save(root / f"masks/{split}/{name}.png", label())
    (root / "train.txt").unlink()
    assert data.ImageFolderSegmentation(root, "train").ids == ["a", "c"]
    assert data.ImageFolderSegmentation(root, "val").ids == ["b"]
    (root / "train.txt").write_text("c.PNG\n")  # the list chooses among the folder's
    assert data.ImageFolderSegmentation(root, "train").ids == ["c"]
    (root / "notes.txt").write_text("call the office")
    with pytest.raises(ValueError, match=r"no split 'test'; available: train, val\. Write test.txt"):
        data.ImageFolderSegmentation(root, "test")


def test_faults_of_a_folder(root):
    with pytest.raises(
        FileNotFoundError, match="no folder images in it. A data set of your own has images/train, .* classes.txt"
    ):
        data.ImageFolderSegmentation(root / "images")
    (root / "train.txt").write_text("a\nb\nc\n")
    with pytest.raises(FileNotFoundError, match="images: there is no image file 'b', .*, and 1 more are missing"):
        data.ImageFolderSegmentation(root)
    save_image(root / "images/b.png")
    (root / "train.txt").write_text("a\nb\n")
    with pytest.raises(FileNotFoundError, match="masks: there is no image file 'b', which split 'train' needs"):
        data.ImageFolderSegmentation(root)
    (root / "train.txt").write_text("a\na.jpg\n")
    with pytest.raises(ValueError, match="lists 'a' twice"):
        data.ImageFolderSegmentation(root)
    save_image(root / "images/a.png")
    with pytest.raises(ValueError, match="a.jpg and a.png have one name"):
        data.ImageFolderSegmentation(root)


def test_faults_of_a_pair(root):
    pairs = data.ImageFolderSegmentation(root)
    save(root / "masks/a.png", label(size=(7, 5)))
    with pytest.raises(ValueError, match="a.png: the mask is 7x5 but its image a.jpg is 5x7"):
        pairs[0]
    save(root / "masks/a.png", np.full((5, 7), 3))
    with pytest.raises(ValueError, match=r"a.png: label 3 is out of range: .*\(row 0, column 0\)"):
        pairs[0]
    save(root / "masks/a.png", painted(label()))
    for lines in ("field\nhouse\nwater\n", "field,0,0,0\nhouse,250,50,83\n", "field:0,0,0::\nhouse:250,50,83::\n"):
        (root / "classes.txt").write_text(lines)
        with pytest.raises(
            ValueError, match="a.png: the mask holds colours but classes.txt has none; .*'house 250 50 83'"
        ):
            data.ImageFolderSegmentation(root)[0]
    classes_file(root)
    strange = painted(label())
    strange[2, 3] = (1, 2, 3)
    save(root / "masks/a.png", strange)
    with pytest.raises(ValueError, match=r"a.png: colour \(1, 2, 3\) at row 2, column 3 .* that of classes.txt"):
        data.ImageFolderSegmentation(root)[0]
    (root / "masks/a.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="a.png: "):
        pairs[0]
    (root / "train.tsv").write_text("a\t1 99\n")
    (root / "classes.txt").unlink()
    with pytest.raises(ValueError, match="train.tsv, a: the run '1 99' ends at pixel 99"):
        data.ImageFolderSegmentation(root)[0]


def masks_with_an_ending(root):
    (root / "masks/a.png").rename(root / "masks/a_mask.png")


def outlines_for_masks(root):
    (root / "masks/a.png").rename(root / "masks/a.json")


def outlines_beside_the_images(root):
    outlines_for_masks(root)
    (root / "masks/a.json").rename(root / "images/a.json")
    (root / "masks").rmdir()


def photographs_of_a_telephone(root):
    (root / "images/a.jpg").rename(root / "images/a.HEIC")


def animations_in_the_folder_of_a_split(root):
    (root / "train.txt").unlink()
    (root / "images/train").mkdir()
    (root / "images/a.jpg").rename(root / "images/train/a.gif")


def arrays_for_masks(root):
    (root / "masks/a.png").rename(root / "masks/a.npy")


def folders_of_folders(root):
    (root / "train.txt").unlink()
    (root / "images/train/zurich").mkdir(parents=True)
    (root / "images/a.jpg").rename(root / "images/train/zurich/a.jpg")


def nothing_at_all(root):
    (root / "masks/a.png").unlink()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (masks_with_an_ending, "masks: .*'a'.* It holds a_mask.png: image and mask have one name but for the suffix"),
        (outlines_for_masks, "masks: .*'a'.* It holds a.json, outlines from LabelMe .* PNG masks of class indices"),
        (outlines_beside_the_images, "masks: no such folder.*images: It holds a.json, outlines from LabelMe"),
        (photographs_of_a_telephone, "images: .*'a'.* It holds a.HEIC, .* not read: convert it to PNG or JPEG"),
        (animations_in_the_folder_of_a_split, "train: split 'train' is empty. It holds a.gif, .* not read: convert"),
        (arrays_for_masks, "masks: .*'a'.* It holds a.npy, .* not read"),
        (folders_of_folders, "train: split 'train' is empty. It holds the folder zurich, .* move what it holds up"),
        (nothing_at_all, "masks: .*'a'.* It is empty"),
    ],
)
def test_it_says_what_lies_there(root, change, sentence):
    change(root)
    with pytest.raises((ValueError, FileNotFoundError), match=sentence):
        data.load("folder", "train", root)


@pytest.mark.parametrize("line", ["images/a.jpg", "\ufeffa", "\ufeffimages/train/a.jpg\n", " a.jpg \r\n\r\n", "./a"])
def test_lists_with_folders_and_marks_are_read(root, line):
    (root / "train.txt").write_bytes(line.encode())
    assert data.ImageFolderSegmentation(root).ids == ["a"]
    (root / "train.txt").write_bytes(b"a.jpg\nimages/a.jpg\n")
    with pytest.raises(ValueError, match="lists 'a' twice"):
        data.ImageFolderSegmentation(root)


def test_names_in_any_script_and_files_in_another_encoding(root):
    (root / "classes.txt").write_bytes("\ufeffполе\n房屋\nWeg é\n".encode())
    assert data.ImageFolderSegmentation(root).classes == ["поле", "房屋", "Weg é"]
    for name in ("classes.txt", "train.txt"):
        before = (root / name).read_bytes()
        (root / name).write_bytes("a\nb\nc\n".encode("utf-16"))
        with pytest.raises(ValueError, match=rf"{name}: not a text file in UTF-8; save it again"):
            data.ImageFolderSegmentation(root)
        (root / name).write_bytes(before)


@pytest.mark.parametrize(
    ("mode", "sentence"),
    [("LA", "without its alpha channel"), ("F", "whole numbers"), ("I;16", "an index is 0 to 255, .* 0 to 700")],
)
def test_masks_of_other_numbers(root, mode, sentence):
    picture = (
        Image.fromarray(np.array([[0, 1], [2, 700]], dtype=np.uint16)) if mode == "I;16" else Image.new(mode, (2, 2))
    )
    (root / "masks/a.png").unlink()
    picture.save(root / f"masks/a.{'tif' if mode == 'F' else 'png'}")
    with pytest.raises(ValueError, match=rf"masks.a\.(tif|png): .*{sentence}"):
        data.ImageFolderSegmentation(root)[0]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "0 classes"),
        ("one\none\n", "two classes have one name"),
        ("one 1 2 3\ntwo 1 2 3\n", "or one colour"),
        ("one 1 2 3\ntwo\n", "1 of 2 lines have a colour"),
        ("one 1 2 256\n", "from 0 to 255"),
        ("void 1 2 3\none 4 5 6\n", "'void' is not a class"),
        ("one\nvoid\n", "'void' is not a class"),
        ("one 224 224 192\n", "means void"),
        ("\n".join(f"c{i}" for i in range(256)), "256 classes"),
    ],
)
def test_faults_of_classes_txt(root, content, sentence):
    (root / "classes.txt").write_text(content)
    with pytest.raises(ValueError, match=f"classes.txt: .*{sentence}"):
        data.ImageFolderSegmentation(root)


def test_classes_txt_is_missing(root):
    (root / "classes.txt").unlink()
    with pytest.raises(FileNotFoundError, match="classes.txt: no such file; it lists the classes"):
        data.ImageFolderSegmentation(root)


def binary_folder(root):
    data.make_aerial(root, num_train=4, num_val=2, num_test=1, size=32)
    return root


def test_one_logit_learns_and_is_evaluated(tmp_path):
    samples = data.load("folder", "train", binary_folder(tmp_path / "tiles"), crop_size=(32, 32), scale=(1, 1))
    torch.manual_seed(0)
    model = models.create("fcn8s_tiny", num_classes=1)
    history = train.fit(model, samples, steps=2, batch_size=2, progress=False)
    matrix = train.evaluate(model, samples)
    assert len(history.losses) == 2 and matrix.counts.shape == (2, 2) and matrix.counts.sum() == 4 * 32 * 32


def test_the_command_line_takes_a_folder(tmp_path):
    root, run = str(binary_folder(tmp_path / "tiles")), str(tmp_path / "run")
    options = ["--steps", "1", "--batch-size", "2", "--crop", "32x32", "--device", "cpu"]
    result = CliRunner().invoke(
        main, ["train", "fcn32s_tiny", "--data", "folder", "--root", root, "--out", run, *options]
    )
    assert result.exit_code == 0, result.output
    result = CliRunner().invoke(main, ["evaluate", run, "--root", root, "--split", "test", "--json"])
    assert result.exit_code == 0, result.output
    scores = json.loads(result.stdout)
    assert scores["images"] == 1 and list(scores["iou"]) == ["background", "building"]
