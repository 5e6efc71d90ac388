"""Data sets: drawn (ToyVOC) and photographed (PASCAL VOC 2012, CamVid), read in the same way."""

from segbook.data.camvid import CamVid
from segbook.data.download import download_voc
from segbook.data.loading import Samples, load
from segbook.data.palette import (
    CAMVID_CLASSES,
    CAMVID_PALETTE,
    VOC_CLASSES,
    VOC_PALETTE,
    VOID,
    colour_to_index,
    index_to_colour,
    voc_colormap,
)
from segbook.data.reader import SegmentationPairs, read_image, read_mask
from segbook.data.scenes import draw_scene
from segbook.data.toy import ToyVOC, make_toy_voc
from segbook.data.transforms import (
    RandomScaleCrop,
    denormalise,
    normalise,
    sample_seed,
    seeded,
    training_transforms,
)
from segbook.data.voc import VOCSegmentation

__all__ = [
    "CAMVID_CLASSES",
    "CAMVID_PALETTE",
    "VOC_CLASSES",
    "VOC_PALETTE",
    "VOID",
    "CamVid",
    "RandomScaleCrop",
    "Samples",
    "SegmentationPairs",
    "ToyVOC",
    "VOCSegmentation",
    "colour_to_index",
    "denormalise",
    "download_voc",
    "draw_scene",
    "index_to_colour",
    "load",
    "make_toy_voc",
    "normalise",
    "read_image",
    "read_mask",
    "sample_seed",
    "seeded",
    "training_transforms",
    "voc_colormap",
]
