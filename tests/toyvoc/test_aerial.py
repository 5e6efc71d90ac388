"""The drawn aerial tiles: deterministic, in the competition's form, neither empty nor full."""

import math
import os
from random import Random

import numpy as np
import pytest
from PIL import Image

import toyvoc
from segbook import data


def test_a_tile_depends_on_its_seed_alone():
    for size in (32, 57):
        (image, mask), (again, mask_again) = (toyvoc.draw_tile(Random("x"), size) for _ in range(2))
        assert image.mode == "RGB" and image.size == (size, size) and mask.shape == (size, size)
        assert np.array_equal(image, again) and np.array_equal(mask, mask_again)
        assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {0, 1}
    other, _ = toyvoc.draw_tile(Random("y"), 57)
    assert not np.array_equal(image, other)


def test_size_changes_the_resolution_and_not_the_content():
    small, large = (np.stack([toyvoc.draw_tile(Random(i), size)[1] for i in range(6)]) for size in (48, 96))
    reduced = large.reshape(6, 48, 2, 48, 2).mean((2, 4)) >= 0.5
    assert (reduced == small).mean() > 0.97


def test_buildings_differ_and_some_tiles_have_none():
    shares = np.array([toyvoc.draw_tile(Random(f"aerial/0/train/{i}"), 48)[1].mean() for i in range(60)])
    assert 0.05 < shares.mean() < 0.2 and shares.max() < 0.7
    assert 1 <= (shares == 0).sum() <= 15


def test_no_colour_tells_roofs_from_the_rest():
    tiles = [toyvoc.draw_tile(Random(i), 64) for i in range(20)]
    pixels = np.concatenate([np.asarray(image).reshape(-1, 3) // 32 for image, _ in tiles]) @ [64, 8, 1]
    labels = np.concatenate([mask.ravel() for _, mask in tiles])
    roof, rest = (np.bincount(pixels[labels == k], minlength=512) for k in (1, 0))
    best = roof[roof > rest].sum() / (labels.sum() + rest[roof > rest].sum())  # IoU of the best rule by colour
    assert best < 0.7


def test_the_folder_has_the_competitions_form(tmp_path):
    root = toyvoc.make_aerial(tmp_path / "a" / "tiles", num_train=3, num_val=2, num_test=1, size=40)
    assert sorted(os.listdir(root)) == ["classes.txt", "images", "test.tsv", "train.tsv", "val.tsv"]
    assert len(os.listdir(root / "images")) == 6
    line = (root / "train.tsv").read_text().splitlines()[1]
    name, runs = line.split("\t")
    image, mask = toyvoc.draw_tile(Random("aerial/0/train/1"), 40)
    assert name == "train_0001" and np.array_equal(data.decode_runs(runs, 40, 40), mask)
    stored = np.asarray(Image.open(root / "images/train_0001.jpg"), dtype=float)
    assert math.sqrt(((stored - np.asarray(image, dtype=float)) ** 2).mean()) < 12  # a JPEG of that tile
    samples = data.load("folder", "train", root)
    assert samples.classes == ["background", "building"] and np.array_equal(samples[1][1], mask)
    with pytest.raises(FileExistsError, match="not empty"):
        toyvoc.make_aerial(root, 1, 1, 1, 40)


def test_refusals_leave_nothing(tmp_path, monkeypatch):
    for bad in ({"num_val": 0}, {"size": 31}):
        with pytest.raises(ValueError, match="at least one tile a split and 32 pixels"):
            toyvoc.make_aerial(tmp_path / "tiles", **bad)
    monkeypatch.setattr("toyvoc.folders.run_lengths", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        toyvoc.make_aerial(tmp_path / "tiles", 1, 1, 1, 32)
    assert os.listdir(tmp_path) == []
