"""Whole folders: the same every time, complete or not there."""

import ast
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

import toyvoc
from segbook import data

SMALL = {"num_train": 3, "num_val": 2}


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_objects_are_numbered_within_the_classes(tmp_path):
    base = toyvoc.make_toy_voc(tmp_path / "toy", 12, 4) / "VOCdevkit/VOC2012"
    for path in sorted((base / "SegmentationClass").iterdir()):
        classes, objects = np.array(Image.open(path)), np.array(Image.open(base / "SegmentationObject" / path.name))
        assert np.array_equal(classes == 255, objects == 255)
        assert np.array_equal(classes == 0, objects == 0)
        for number in set(np.unique(objects)) - {0, 255}:
            assert len(np.unique(classes[objects == number])) == 1


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    one, two = (toyvoc.make_toy_voc(tmp_path / name, **SMALL) for name in ("one", "two"))
    assert files(one) == files(two) and len(files(one)) == 5 * 3 + 3
    other = toyvoc.make_toy_voc(tmp_path / "other", **SMALL, seed=1)
    changed = [name for name, content in files(one).items() if files(other)[name] != content]
    assert len(changed) >= 10


def test_a_scene_does_not_depend_on_how_many_there_are(tmp_path):
    few, many = toyvoc.make_toy_voc(tmp_path / "few", 2, 1), toyvoc.make_toy_voc(tmp_path / "many", 4, 2)
    pictures = {name: content for name, content in files(few).items() if not name.endswith(".txt")}
    assert pictures.items() <= files(many).items()


def test_two_at_once(tmp_path):
    """Both draw, one of them comes second: what counts is the rename, so threads show it as well as processes."""
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: toyvoc.make_toy_voc(tmp_path / "toy", 2, 1), range(3)))
    assert made == [tmp_path / "toy"] * 3
    assert len(files(tmp_path / "toy")) == 3 * 3 + 3
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]  # no leftovers


def test_it_imports_nothing_of_segbook():
    names = set()
    for path in Path(toyvoc.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
            names |= {node.module} if isinstance(node, ast.ImportFrom) else set()
    assert {name.split(".")[0] for name in names if not name.startswith("toyvoc")} == {
        *("collections", "contextlib", "math", "os", "pathlib", "random", "shutil", "tempfile", "typing"),
        *("numpy", "PIL"),
    }


def test_its_colours_and_runs_are_those_of_segbook():
    assert data.voc_colormap().flatten().tolist() == toyvoc.folders.VOC_COLOURS
    for share in (0, 0.3, 1):
        mask = (np.random.default_rng(0).random((5, 9)) < share).astype(np.uint8)
        assert toyvoc.folders.run_lengths(mask) == data.encode_runs(mask)
