"""Pairs of files in VOC's and CamVid's layouts, and what is said about the ones that are wrong."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from segbook import data


def base(root):
    return root / "VOCdevkit" / "VOC2012"


def save_mask(path, mask, palette=True):
    picture = Image.fromarray(mask)
    if palette:
        picture.putpalette(data.voc_colormap().flatten().tolist())
    picture.save(path)


def test_a_pair_keeps_its_size_and_its_indices(voc_root):
    image, label = data.VOCSegmentation(voc_root)[0]
    assert isinstance(image, tv_tensors.Image) and image.shape == (3, 6, 8) and image.dtype == torch.uint8
    assert isinstance(label, tv_tensors.Mask) and label.shape == (6, 8) and label.dtype == torch.int64
    assert label[1, 1] == 255 and label[2, 3] == 15 and (label == 15).sum() == 4


def test_attributes(voc_root):
    pairs = data.VOCSegmentation(voc_root, "train")
    assert len(pairs) == 1 and pairs.ids == ["one"] and pairs.num_classes == 21
    assert pairs.classes[15] == "person" and pairs.palette.shape == (21, 3)


def test_root_from_the_environment(voc_root, monkeypatch):
    monkeypatch.setenv("SEGBOOK_DATA", str(voc_root))
    assert len(data.VOCSegmentation()) == 1
    monkeypatch.delenv("SEGBOOK_DATA")
    with pytest.raises(FileNotFoundError, match="give root or set SEGBOOK_DATA"):
        data.VOCSegmentation()


def test_colours_where_indices_are_expected(voc_root):
    Image.new("RGB", (8, 6)).save(base(voc_root) / "SegmentationClass/one.png")
    with pytest.raises(ValueError, match=r"one.png: an index mask is expected .* RGB; .*colour_to_index"):
        data.VOCSegmentation(voc_root)[0]


def test_mask_of_another_size_than_its_image(voc_root):
    save_mask(base(voc_root) / "SegmentationClass/one.png", np.zeros((6, 7), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"the mask is 6x7 but its image one.jpg is 6x8"):
        data.VOCSegmentation(voc_root)[0]


def test_a_label_that_no_class_has(voc_root):
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[5, 7] = 21
    save_mask(base(voc_root) / "SegmentationClass/one.png", mask)
    with pytest.raises(ValueError, match=r"one.png: label 21 is out of range: .*0 to 20.*\(row 5, column 7\)"):
        data.VOCSegmentation(voc_root)[0]


def test_unknown_and_empty_splits(voc_root):
    with pytest.raises(ValueError, match=r"no split 'test'; available: train"):
        data.VOCSegmentation(voc_root, "test")
    (base(voc_root) / "ImageSets/Segmentation/val.txt").write_text("\n \n")
    with pytest.raises(ValueError, match=r"val.txt: the split file is empty"):
        data.VOCSegmentation(voc_root, "val")


def test_an_id_without_its_file(voc_root):
    (base(voc_root) / "ImageSets/Segmentation/train.txt").write_text("one\ntwo\nthree\n")
    with pytest.raises(
        FileNotFoundError,
        match=r"JPEGImages: there is no image file 'two', .*, and 1 more are missing\. It holds one.jpg",
    ):
        data.VOCSegmentation(voc_root)


def test_a_root_without_the_data(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no folder VOCdevkit/VOC2012 in it\. .*download_voc"):
        data.VOCSegmentation(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no folder CamVid in it"):
        data.CamVid(tmp_path)


def camvid(root, line):
    for name in ("train", "trainannot"):
        (root / "CamVid" / name).mkdir(parents=True)
    (root / "CamVid/train.txt").write_text(line + "\n")
    Image.new("RGB", (4, 3)).save(root / "CamVid/train/f1.png")
    save_mask(root / "CamVid/trainannot/f1.png", np.array([[0, 1, 10, 11]] * 3, dtype=np.uint8))


@pytest.mark.parametrize("line", ["f1", "/SegNet/CamVid/train/f1.png /SegNet/CamVid/trainannot/f1.png"])
def test_camvid_turns_11_into_void(tmp_path, line):
    camvid(tmp_path, line)
    pairs = data.CamVid(tmp_path, "train")
    assert pairs.num_classes == 11 and pairs.ids == ["f1"]
    assert pairs[0][1][0].tolist() == [0, 1, 10, 255]
    with pytest.raises(ValueError, match="available: train"):
        data.CamVid(tmp_path, "trainval")


@pytest.mark.parametrize("line", ["{}", "/JPEGImages/{0}.jpg /SegmentationClassAug/{0}.png"])
def test_sbds_trainaug_as_mmsegmentation_lays_it_out(voc_root, line):
    place = base(voc_root)
    (place / "SegmentationClassAug").mkdir()
    with Image.open(place / "JPEGImages/one.jpg") as picture:
        picture.save(place / "JPEGImages/two.jpg")
    for i, name in enumerate(("one", "two")):  # grey, as SBD's are converted; "one" has VOC's own mask too
        save_mask(place / f"SegmentationClassAug/{name}.png", np.full((6, 8), 3 + i, dtype=np.uint8), palette=False)
    for split, names in {"trainaug": ("two", "one"), "aug": ("two",)}.items():
        (place / f"ImageSets/Segmentation/{split}.txt").write_text("".join(line.format(n) + "\n" for n in names))
    pairs = data.VOCSegmentation(voc_root, "trainaug")
    assert pairs.ids == ["two", "one"] and (pairs[0][1] == 4).all()
    assert torch.equal(pairs[1][1], data.VOCSegmentation(voc_root, "train")[0][1])
    assert data.load("voc", "aug", voc_root).ids == ["two"]
    assert list(data.check_data(voc_root).splits) == ["train", "aug"]  # trainaug is both
    shutil.rmtree(place / "SegmentationClassAug")
    with pytest.raises(FileNotFoundError, match="no image file 'two', which split 'trainaug' needs"):
        data.VOCSegmentation(voc_root, "trainaug")
