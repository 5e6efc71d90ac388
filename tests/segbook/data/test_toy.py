"""ToyVOC is VOC's layout to the letter, and drawn once."""

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from segbook import data

SMALL = {"num_train": 3, "num_val": 2}


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


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("toyvoc.folders.draw_scene", lambda *args, **options: 1 / 0)
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
