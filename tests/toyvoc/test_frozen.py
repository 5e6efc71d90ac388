"""The drawing is frozen: the same seed gives the pixels that it gave when every result of the book was measured.

What is hashed comes before JPEG, whose encoder changes with Pillow, and without PNG's deflate, which does too.
"""

import hashlib
import struct
import zlib
from random import Random

import numpy as np
import pytest

import toyvoc

SCENES = {  # seed, height, width, thin, one_scale
    ("0/train/0", 96, 128, True, False): "81fee0b190cef233",
    ("0/train/1", 96, 128, True, False): "def515389e154377",
    ("0/train/499", 96, 128, True, False): "2d6b359e973a6ae6",
    ("0/val/2", 96, 128, True, False): "15157ef9c8922381",
    ("7/val/99", 96, 128, True, False): "cb7f7dc5b73f9164",
    ("0/train/0", 96, 128, False, True): "e76feb20b14f4abc",
    ("0/val/2", 96, 128, False, True): "4f108257b8eba5e7",
    ("0/train/3", 96, 128, False, False): "84f2ff0a7e0a8c63",
    ("0/train/4", 96, 128, True, True): "d028300c2796b09f",
    ("0/train/5", 97, 131, True, False): "e7340fccd4241105",
    ("0/train/6", 192, 256, True, False): "e5df950c874d2158",
    ("0/train/7", 64, 64, False, True): "7310ec06840fcac9",
}
TILES = {  # seed, size
    ("aerial/0/train/0", 512): "ff5e5882b146a230",
    ("aerial/0/train/1", 128): "e5454f4dfc61fd2f",
    ("aerial/0/val/79", 128): "cf53f366474acecc",
    ("aerial/3/test/2", 57): "5496a3c0673ec9d2",
    ("aerial/0/train/11", 32): "abb8b490d2c1eb37",
}
MASKS = {  # of make_toy_voc(num_train=2, num_val=1, size=(40, 56), seed=5)
    "SegmentationClass/toy_train_00000.png": "aa41ea44bf135d61",
    "SegmentationClass/toy_train_00001.png": "4166a3e2d69aadc4",
    "SegmentationClass/toy_val_00000.png": "a904704cdfd2bbfd",
    "SegmentationObject/toy_train_00000.png": "104aae3979195dab",
    "SegmentationObject/toy_train_00001.png": "31fc297952e92992",
    "SegmentationObject/toy_val_00000.png": "0334a6b7aa8c52f8",
}
TABLES = {  # of make_aerial(num_train=2, num_val=1, num_test=1, size=64, seed=2)
    "train.tsv": "e36752b8c3960e03",
    "val.tsv": "aa05cdbf8e9bc96f",
    "test.tsv": "83baf22086497a2e",
    "classes.txt": "055bfae5b9dbd6d5",
}


def digest(*parts) -> str:
    """Of arrays with their shapes and types, or of bytes."""
    found = hashlib.sha256()
    for part in parts:
        if not isinstance(part, bytes):
            part = np.ascontiguousarray(part)
            found.update(f"{part.dtype}{part.shape}".encode())
            part = part.tobytes()
        found.update(part)
    return found.hexdigest()[:16]


def inflated(png: bytes) -> bytes:
    """A PNG file with the data of its pixels unpacked: every byte that does not depend on the compressor."""
    place, out, pixels = 8, png[:8], b""
    while place < len(png):
        length, kind = struct.unpack(">I4s", png[place : place + 8])
        content = png[place + 8 : place + 8 + length]
        pixels += content if kind == b"IDAT" else b""
        out += b"" if kind == b"IDAT" else kind + content
        place += length + 12
    return out + zlib.decompress(pixels)


def files(folder, names, read=lambda content: content):
    return {name: digest(read((folder / name).read_bytes())) for name in names}


@pytest.mark.parametrize("key", SCENES, ids=str)
def test_scenes(key):
    seed, height, width, thin, one_scale = key
    scene = toyvoc.draw_scene(Random(seed), height, width, thin=thin, one_scale=one_scale)
    assert digest(scene.image, scene.classes, scene.objects) == SCENES[key]


@pytest.mark.parametrize("key", TILES, ids=str)
def test_aerial_tiles(key):
    image, mask = toyvoc.draw_tile(Random(key[0]), key[1])
    assert digest(image, mask) == TILES[key]


def test_masks_as_they_lie_in_the_folder(tmp_path):
    root = toyvoc.make_toy_voc(tmp_path / "toy", num_train=2, num_val=1, size=(40, 56), seed=5)
    assert files(root / "VOCdevkit/VOC2012", MASKS, inflated) == MASKS


def test_the_tables_of_the_aerial_folder(tmp_path):
    root = toyvoc.make_aerial(tmp_path / "tiles", num_train=2, num_val=1, num_test=1, size=64, seed=2)
    assert files(root, TABLES) == TABLES
