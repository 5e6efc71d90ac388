"""ToyVOC is VOC's layout to the letter, the same every time, and as difficult as it says."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from segbook import data

SMALL = {"num_train": 3, "num_val": 2}


def files(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_layout_and_reader(toy_root):
    toy = data.ToyVOC(toy_root, "train", num_train=12, num_val=4)
    assert len(toy) == 12 and len(data.ToyVOC(toy_root, "trainval", num_train=12, num_val=4)) == 16
    base = toy.root / "VOCdevkit/VOC2012"
    for name in ("JPEGImages", "SegmentationClass", "SegmentationObject"):
        assert len(list((base / name).iterdir())) == 16
    for i in range(12):
        image, label = toy[i]
        assert image.shape == (3, 96, 128) and label.shape == (96, 128)
        assert set(label.unique().tolist()) <= {0, 1, 2, 4, 7, 15, 255}


def test_torchvision_reads_it_unchanged(toy_root):
    ours = data.ToyVOC(toy_root, "val", num_train=12, num_val=4)
    theirs = torchvision.datasets.VOCSegmentation(ours.root, year="2012", image_set="val")
    assert len(theirs) == len(ours) == 4
    for i in range(4):
        image, mask = theirs[i]
        assert image.mode == "RGB" and mask.mode == "P"
        assert np.array_equal(ours[i][0].permute(1, 2, 0), np.array(image))
        assert np.array_equal(ours[i][1], np.array(mask))


@pytest.mark.filterwarnings("ignore:The image decoding:DeprecationWarning")
def test_d2l_reads_it_unchanged(toy_root, capsys):
    d2l = pytest.importorskip("d2l.torch")
    ours = data.ToyVOC(toy_root, "train", num_train=12, num_val=4)
    voc_dir = str(ours.root / "VOCdevkit" / "VOC2012")
    images, colours = d2l.read_voc_images(voc_dir, is_train=True)
    table = d2l.voc_colormap2label()
    for i in range(12):
        label = ours[i][1]
        assert torch.equal(data.colour_to_index(colours[i].permute(1, 2, 0)), label)
        as_d2l = d2l.voc_label_indices(colours[i], table)
        assert torch.equal(as_d2l, torch.where(label == 255, 0, label))  # d2l calls the border background
        assert (images[i].int() - ours[i][0].int()).abs().max() <= 8  # two JPEG decoders
    crops = d2l.VOCSegDataset(False, (64, 96), voc_dir)
    assert len(crops) == 4 and crops[0][0].shape == (3, 64, 96)
    assert "read 4 examples" in capsys.readouterr().out


def test_masks_carry_vocs_colours_and_border(toy_root):
    toy = data.ToyVOC(toy_root, num_train=12, num_val=4)
    mask = Image.open(toy.masks[0])
    assert mask.mode == "P" and mask.getpalette()[:765] == data.voc_colormap().flatten().tolist()[:765]
    label = np.array(mask)
    objects = (label > 0) & (label < 255)
    # around every object: its outside neighbours are border, or another thing that is in front of it
    grown = np.zeros_like(objects)
    grown[1:] |= objects[:-1]
    grown[:-1] |= objects[1:]
    outside = grown & ~objects
    assert objects.sum() > 50 and (label[outside] == 255).mean() > 0.9


def test_objects_are_numbered_within_the_classes(toy_root):
    base = data.ToyVOC(toy_root, num_train=12, num_val=4).root / "VOCdevkit/VOC2012"
    for path in sorted((base / "SegmentationClass").iterdir()):
        classes, objects = np.array(Image.open(path)), np.array(Image.open(base / "SegmentationObject" / path.name))
        assert np.array_equal(classes == 255, objects == 255)
        assert np.array_equal(classes == 0, objects == 0)
        for number in set(np.unique(objects)) - {0, 255}:
            assert len(np.unique(classes[objects == number])) == 1


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    one, two = (data.make_toy_voc(tmp_path / name, **SMALL) for name in ("one", "two"))
    assert files(one) == files(two) and len(files(one)) == 5 * 3 + 3
    other = data.make_toy_voc(tmp_path / "other", **SMALL, seed=1)
    changed = [name for name, content in files(one).items() if files(other)[name] != content]
    assert len(changed) >= 10


def test_a_scene_does_not_depend_on_how_many_there_are(tmp_path):
    few, many = data.make_toy_voc(tmp_path / "few", 2, 1), data.make_toy_voc(tmp_path / "many", 4, 2)
    pictures = {name: content for name, content in files(few).items() if not name.endswith(".txt")}
    assert pictures.items() <= files(many).items()


def test_every_parameter_has_its_own_folder(tmp_path):
    settings = [{}, {"seed": 1}, {"thin": False}, {"one_scale": True}, {"size": (64, 96)}, {"num_val": 1}]
    roots = {data.ToyVOC(tmp_path, **{**SMALL, **setting}).root for setting in settings}
    assert len(roots) == len(settings)
    times = {root: root.stat().st_mtime_ns for root in roots}
    again = data.ToyVOC(tmp_path, **SMALL).root
    assert again.stat().st_mtime_ns == times[again]  # not drawn twice


def test_the_cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("SEGBOOK_CACHE", str(tmp_path))
    assert data.ToyVOC(**SMALL).root.parent == tmp_path


def test_two_at_once(tmp_path):
    """Both draw, one of them comes second: what counts is the rename, so threads show it as well as processes."""
    with ThreadPoolExecutor(3) as pool:
        made = list(pool.map(lambda _: data.make_toy_voc(tmp_path / "toy", 2, 1), range(3)))
    assert made == [tmp_path / "toy"] * 3
    assert len(files(tmp_path / "toy")) == 3 * 3 + 3
    assert [p.name for p in tmp_path.iterdir()] == ["toy"]  # no leftovers


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("segbook.data.toy.draw_scene", lambda *args, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        data.ToyVOC(tmp_path, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_bad_parameters(tmp_path):
    with pytest.raises(ValueError, match="num_train=0"):
        data.ToyVOC(tmp_path, num_train=0)
    with pytest.raises(ValueError, match=r"size=\(16, 128\)"):
        data.ToyVOC(tmp_path, size=(16, 128))
    (tmp_path / "mine").write_text("")
    with pytest.raises(FileExistsError, match="not empty"):
        data.make_toy_voc(tmp_path)
    with pytest.raises(ValueError, match="available: train, trainval, val"):
        data.ToyVOC(tmp_path, "test", **SMALL)


def scenes(n, **options):
    return [data.draw_scene(Random(f"test/{i}"), 96, 128, **options) for i in range(n)]


def objects_of(drawn):
    """(class, mask) of every object."""
    for scene in drawn:
        for number in set(np.unique(scene.objects)) - {0, 255}:
            seen = scene.objects == number
            yield int(scene.classes[seen][0]), seen


def thick(seen):
    """Share of an object that survives when one pixel is taken off all around: thin parts vanish."""
    core = seen.copy()
    core[1:] &= seen[:-1]
    core[:-1] &= seen[1:]
    core[:, 1:] &= seen[:, :-1]
    core[:, :-1] &= seen[:, 1:]
    return core.sum() / seen.sum()


def test_sizes_vary_and_in_the_control_they_do_not():
    whole = lambda seen: not (seen[0].any() or seen[-1].any() or seen[:, 0].any() or seen[:, -1].any())  # noqa: E731
    spread = {}
    for one_scale in (False, True):
        heights = [
            np.ptp(np.where(m)[0]) + 1 for k, m in objects_of(scenes(80, one_scale=one_scale)) if k == 15 and whole(m)
        ]
        spread[one_scale] = np.percentile(heights, 90) / np.percentile(heights, 10)
    assert spread[False] > 2.5 and spread[True] < 1.6


def test_thin_parts_and_the_control_without():
    share = {
        thin: [thick(m) for _, m in objects_of(scenes(40, thin=thin, one_scale=not thin))] for thin in (True, False)
    }
    assert np.mean(share[True]) < 0.65 and np.mean(share[False]) > 0.85


def test_every_class_appears_and_background_does_not_drown_them():
    labels = np.stack([scene.classes for scene in scenes(60)])
    shares = {k: (labels[labels != 255] == k).mean() for k in (0, 1, 2, 4, 7, 15)}
    assert 0.65 < shares.pop(0) < 0.88
    assert min(shares.values()) > 0.008


def test_colour_alone_does_not_tell_the_classes():
    """A table from colour (16 steps a channel) to the most frequent class, tested on the scenes it was made from."""
    drawn = scenes(60)
    colours = np.stack([np.asarray(s.image) for s in drawn]).astype(int) >> 4
    codes = (colours[..., 0] * 16 + colours[..., 1]) * 16 + colours[..., 2]
    labels = np.stack([s.classes for s in drawn])
    valid = labels != 255
    table = np.zeros((4096, 21))
    np.add.at(table, (codes[valid], labels[valid]), 1)
    guess = table.argmax(1)[codes]
    for k in (1, 2, 4, 7, 15):
        union = ((guess == k) | (labels == k)) & valid
        assert ((guess == k) & (labels == k) & valid).sum() / union.sum() < 0.45


def test_other_sizes():
    for height, width in ((64, 64), (192, 256), (97, 131)):
        scene = data.draw_scene(Random(3), height, width)
        assert scene.image.size == (width, height) and scene.classes.shape == (height, width)
