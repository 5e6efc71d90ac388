"""The folders that the trainings read."""

import numpy as np
import pytest
from PIL import Image

from bookbuild.experiments.photos import roots
from segbook import data


def ids(folder, split):
    return data.load("voc", split, folder).ids


def test_each_root_has_the_pairs_that_it_promises(home):
    folders = roots.prepare()
    train, val = ids(folders / "real", "train"), ids(folders / "real", "val")
    assert (len(train), len(val)) == (12, 4)
    assert ids(folders / "all", "train") == train and ids(folders / "all", "val") == train[::5][:2]
    assert ids(folders / "choose", "val") == train[::5]
    assert sorted(ids(folders / "choose", "train") + train[::5]) == sorted(train)
    assert len(data.load("camvid", "test", folders / "real")) == 2
    assert not list(folders.rglob("*.part"))


def test_void_becomes_background_and_nothing_else_changes(home):
    folders = roots.prepare()
    before, after = (data.load("voc", "train", folders / name) for name in ("all", "void"))
    void = 0
    for (image, label), (same, filled) in zip(before, after):
        assert (image == same).all() and (filled == label.where(label != data.VOID, 0)).all()
        void += int((label == data.VOID).sum())
    assert void > 0
    for name in before.ids:
        masks = (folders / root / roots.BASE / "SegmentationClass" / f"{name}.png" for root in ("all", "void"))
        palettes = [np.array(Image.open(mask).getpalette()[:63]) for mask in masks]
        assert np.array_equal(*palettes)


def test_what_is_there_is_left(home):
    folders = roots.prepare()
    times = {path: path.stat().st_mtime_ns for path in folders.rglob("*.txt")}
    assert len(times) > 6
    roots.prepare()
    assert times == {path: path.stat().st_mtime_ns for path in folders.rglob("*.txt")}


def test_unpacked_data_is_linked(home, tmp_path, monkeypatch):
    first = roots.prepare() / "real"
    monkeypatch.setenv("SEGBOOK_DATA", str(first))
    monkeypatch.setattr(roots, "HOME", tmp_path / "other")
    again = roots.prepare() / "real"
    assert (again / "CamVid").is_symlink() and ids(again, "val") == ids(first, "val")


def test_missing_data_is_said(home, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBOOK_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="voc2012-subset.tar nor VOCdevkit .* set SEGBOOK_DATA"):
        roots.prepare()
    with pytest.raises(FileNotFoundError, match="there is no some.pth in .* set SEGBOOK_DATA"):
        roots.weights("some.pth")
