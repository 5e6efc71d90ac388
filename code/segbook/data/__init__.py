"""Data sets: drawn (ToyVOC, aerial tiles), photographed (PASCAL VOC 2012, CamVid), your own; all read in one way."""

from segbook.data.archives import CamVid, VOCSegmentation
from segbook.data.check import check_data
from segbook.data.download import download_voc
from segbook.data.folder import ImageFolderSegmentation
from segbook.data.loading import Samples, load
from segbook.data.palette import (
    CAMVID_CLASSES,
    CAMVID_PALETTE,
    VOC_CLASSES,
    VOC_PALETTE,
    VOID,
    check_labels,
    colour_to_index,
    index_to_colour,
    voc_colormap,
)
from segbook.data.reader import SegmentationPairs
from segbook.data.run_length import decode_runs, encode_runs, read_runs, write_runs
from segbook.data.toy import ToyVOC
from segbook.data.transforms import denormalise, normalise, sample_seed, seeded, training_transforms
from toyvoc import draw_scene, draw_tile, make_aerial, make_toy_voc

# fmt: off
__all__ = [
    "CAMVID_CLASSES", "CAMVID_PALETTE", "VOC_CLASSES", "VOC_PALETTE", "VOID",
    "CamVid", "ImageFolderSegmentation", "Samples", "SegmentationPairs", "ToyVOC", "VOCSegmentation",
    "check_data", "check_labels", "colour_to_index", "decode_runs", "denormalise", "download_voc", "draw_scene",
    "draw_tile", "encode_runs", "index_to_colour", "load", "make_aerial", "make_toy_voc", "normalise", "read_runs",
    "sample_seed", "seeded", "training_transforms", "voc_colormap", "write_runs",
]
