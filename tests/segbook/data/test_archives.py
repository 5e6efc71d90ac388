"""A few pairs of the real data sets, where they are at hand."""

import numpy as np
import pytest
import torch
from PIL import Image

from segbook import data


@pytest.fixture(scope="module")
def voc(some_real):
    return some_real("voc2012-subset.tar", "VOCdevkit", "VOCdevkit/VOC2012/ImageSets/Segmentation/val.txt", 12)


@pytest.fixture(scope="module")
def camvid(some_real):
    return some_real("camvid.tar", "CamVid", "CamVid/val.txt", 3)


def test_voc_pairs_are_what_pillow_reads(voc):
    pairs = data.VOCSegmentation(voc, "val")
    sizes = set()
    for i in range(12):
        image, label = pairs[i]
        assert np.array_equal(image.permute(1, 2, 0), np.array(Image.open(pairs.images[i]).convert("RGB")))
        assert np.array_equal(label, np.array(Image.open(pairs.masks[i])))
        assert set(label.unique().tolist()) <= {*range(21), 255}
        assert 0.005 < (label == 255).double().mean() < 0.25  # the cream border
        sizes.add(tuple(label.shape))
    assert len(sizes) > 1  # every image keeps its own size


def test_voc_mask_colours_are_the_palette(voc):
    pairs = data.VOCSegmentation(voc, "val")
    colours = np.array(Image.open(pairs.masks[0]).convert("RGB"))
    assert torch.equal(data.colour_to_index(colours), pairs[0][1])


def test_voc_crops_for_training(voc):
    samples = data.load("voc", "val", voc, crop_size=(320, 480))
    for i in range(4):
        image, label = samples[i]
        assert image.shape == (3, 320, 480) and label.shape == (320, 480)


def test_camvid_pairs(camvid):
    pairs = data.CamVid(camvid, "val")
    for i in range(3):
        image, label = pairs[i]
        assert image.shape == (3, 360, 480) and label.shape == (360, 480)
        assert set(label.unique().tolist()) <= {*range(11), 255}
        assert np.array_equal(label == 255, np.array(Image.open(pairs.masks[i])) == 11)
    assert label[:120].eq(0).any()  # sky above
