import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from segbook.infer import predict, read_image


def as_array(image):
    return read_image(image).permute(1, 2, 0).numpy()


def sixteen_bits(pixels):
    """The bytes as the upper half of 16 bits; the lower half is noise."""
    noise = np.random.default_rng(9).integers(0, 256, pixels.shape, dtype=np.uint16)
    return pixels.astype(np.uint16) * 256 + noise


def test_grey_transparent_palette_and_16_bit_images_become_three_channels(tmp_path, picture):
    grey = picture()[..., 0]
    rgb = np.repeat(grey[..., None], 3, 2)
    images = {
        "L": Image.fromarray(grey),
        "LA": Image.fromarray(np.dstack([grey, grey])),
        "RGBA": Image.fromarray(np.dstack([rgb, grey])),
        "P": Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE, colors=256),
        "I;16": Image.fromarray(sixteen_bits(grey)),
    }
    for mode, image in images.items():
        image.save(tmp_path / "a.png")
        for source in (image, tmp_path / "a.png"):
            assert (as_array(source) == rgb).all(), mode


def test_arrays_and_tensors_of_every_layout_give_the_same_bytes(picture):
    colour, grey = picture(), picture(seed=1)[..., 0]
    alpha = np.dstack([colour, grey])
    repeated = np.repeat(grey[..., None], 3, 2)
    for source in (grey, sixteen_bits(grey), torch.from_numpy(grey), torch.from_numpy(grey)[None]):
        assert (as_array(source) == repeated).all()
    for source in (colour, alpha, sixteen_bits(alpha), torch.from_numpy(alpha).permute(2, 0, 1)):
        assert (as_array(source) == colour).all()
    assert (as_array(colour[::-1, ::2]) == colour[::-1, ::2]).all()  # negative strides, which torch refuses


def test_what_is_read_is_a_copy_of_an_array(picture):
    pixels = picture()
    before = pixels.copy()
    read_image(pixels).zero_()
    assert (pixels == before).all()


def test_an_image_is_turned_upright(tmp_path, picture):
    pixels = picture()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn a quarter clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert (as_array(tmp_path / "a.png") == np.rot90(pixels, -1)).all()


def test_files_that_are_no_images(tmp_path, picture):
    (tmp_path / "text.jpg").write_text("no image")
    Image.fromarray(picture(64, 64)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    for path, error, message in (
        (tmp_path / "none.jpg", FileNotFoundError, "no image .*none.jpg"),
        (tmp_path, FileNotFoundError, "no image"),
        (tmp_path / "text.jpg", ValueError, "text.jpg is not an image"),
        (tmp_path / "cut.jpg", ValueError, "cut.jpg cannot be read to its end"),
    ):
        with pytest.raises(error, match=message):
            read_image(path)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((4, 4, 3)), TypeError, "bytes .*float64"),
        (np.zeros((4, 4), bool), TypeError, "bool"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, r"\(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), ValueError, "0 x 4 has no pixels"),
        (torch.zeros(2, 4, 4, dtype=torch.uint8), ValueError, r"\(2, 4, 4\)"),
        (torch.zeros(3, 4, 0, dtype=torch.uint8), ValueError, "no pixels"),
        (torch.zeros(2, 3, 4, 4), ValueError, r"float32 \(2, 3, 4, 4\)"),
        (torch.zeros(3, 4, 4, dtype=torch.int64), ValueError, "int64"),
        (3, TypeError, "got int"),
    ],
)
def test_what_is_no_image(image, error, message):
    with pytest.raises(error, match=message):
        read_image(image)


def png_that_claims(height, width):
    """A small file whose header says how large the image will be."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def test_an_image_of_30000_by_30000_is_refused_before_it_is_unpacked(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_that_claims(30_000, 30_000))
    with pytest.raises(ValueError, match=r"bomb.png: .*30000 x 30000 has 900,000,000 pixels.*max_pixels=900000000"):
        read_image(path)
    with pytest.raises(ValueError, match="max_pixels"):
        predict(torch.nn.Identity(), path)


def test_the_limit_is_a_setting_for_every_kind_of_image_and_leaves_pillows_alone(tmp_path, monkeypatch, picture):
    pixels = picture(8, 8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 16)  # Pillow itself would refuse 64
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for image in (tmp_path / "a.png", Image.fromarray(pixels), pixels, torch.from_numpy(pixels).permute(2, 0, 1)):
            assert (read_image(image, max_pixels=64).permute(1, 2, 0).numpy() == pixels).all()
            with pytest.raises(ValueError, match="64 pixels, more than max_pixels=63"):
                read_image(image, max_pixels=63)
    with pytest.raises(ValueError, match="max_pixels=63"):
        predict(torch.nn.Identity(), torch.zeros(3, 8, 8), max_pixels=63)
    assert Image.MAX_IMAGE_PIXELS == 16
