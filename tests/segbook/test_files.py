"""Images and masks of every kind, in files and in memory, and what is said about the ones that are wrong."""

import struct
import threading
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from segbook import data
from segbook.files import MAX_PIXELS, open_image, read_image, read_mask
from segbook.infer import predict

ORIENTATION = 0x0112


def as_array(image):
    return read_image(image).permute(1, 2, 0).numpy()


def sixteen_bits(pixels):
    """The bytes as the upper half of 16 bits; the lower half is noise."""
    noise = np.random.default_rng(9).integers(0, 256, pixels.shape, dtype=np.uint16)
    return pixels.astype(np.uint16) * 256 + noise


def tiff(rows, bits, sample_format=1, big_endian=False):
    """A grey TIFF by hand: rows are its bytes."""
    order = ">" if big_endian else "<"
    content = b"".join(rows)
    height, width = len(rows), len(rows[0]) * 8 // bits
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 1), (273, 8), (277, 1), (278, height)]
    tags += [(279, len(content)), (339, sample_format)]
    directory = b"".join(
        struct.pack(order + "HHI", tag, 3, 1) + struct.pack(order + "HH", value, 0) for tag, value in tags
    )
    head = struct.pack(order + "2sHI", b"MM" if big_endian else b"II", 42, 8 + len(content))
    return head + content + struct.pack(order + "H", len(tags)) + directory + bytes(4)


# Images


def test_grey_transparent_palette_and_16_bit_images_become_three_channels(tmp_path, picture):
    grey = picture()[..., 0]
    rgb = np.repeat(grey[..., None], 3, 2)
    images = {
        "L": Image.fromarray(grey),
        "LA": Image.fromarray(np.dstack([grey, grey])),
        "RGBA": Image.fromarray(np.dstack([rgb, grey])),
        "P": Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE, colors=256),
        "I;16": Image.fromarray(sixteen_bits(grey)),
        "1": Image.fromarray(grey > 127),
    }
    for mode, image in images.items():
        assert image.mode == mode
        image.save(tmp_path / "a.png")
        expected = np.where(rgb > 127, 255, 0) if mode == "1" else rgb
        for source in (image, tmp_path / "a.png"):
            assert (as_array(source) == expected).all(), mode


def test_a_palette_with_transparency_gives_its_colours_without_a_warning(tmp_path, picture):
    image = Image.fromarray(picture()).convert("P", palette=Image.Palette.ADAPTIVE, colors=256)
    image.save(tmp_path / "a.png", transparency=bytes(range(100)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (as_array(tmp_path / "a.png") == np.array(image.convert("RGB"))).all()


def test_cmyk_is_ink_on_white_paper(tmp_path):
    inks = np.random.default_rng(0).integers(0, 256, (4, 5, 4), dtype=np.uint8)
    inks[0] = 0
    inks[1] = [0, 255, 255, 0]
    Image.fromarray(inks, "CMYK").save(tmp_path / "a.tif")
    pixels = as_array(tmp_path / "a.tif").astype(float)
    assert (pixels[0] == 255).all() and (pixels[1] == [255, 0, 0]).all()
    expected = (255 - inks[..., :3].astype(float)) * (255 - inks[..., 3:].astype(float)) / 255
    assert abs(pixels - expected).max() <= 1
    Image.new("CMYK", (20, 20), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=100)
    assert abs(as_array(tmp_path / "a.jpg").astype(float) - [255, 0, 0]).max() <= 3


@pytest.mark.parametrize("big_endian", [False, True])
def test_of_a_16_bit_tiff_the_upper_8_bits_are_kept(tmp_path, picture, big_endian):
    grey = picture()[..., 0]
    rows = [row.astype(">u2" if big_endian else "<u2").tobytes() for row in sixteen_bits(grey)]
    (tmp_path / "a.tif").write_bytes(tiff(rows, 16, big_endian=big_endian))
    assert (as_array(tmp_path / "a.tif") == grey[..., None]).all()


def test_of_a_12_bit_tiff_the_upper_8_bits_are_kept(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (6, 8))
    bits = (values[..., None] >> np.arange(11, -1, -1)) & 1  # the highest first
    (tmp_path / "a.tif").write_bytes(tiff([np.packbits(row).tobytes() for row in bits], 12))
    assert (as_array(tmp_path / "a.tif") == (values >> 4)[..., None]).all()


def test_12_bits_stored_as_16_without_a_word_are_refused_and_black_is_black(tmp_path):
    values = np.random.default_rng(0).integers(0, 4096, (6, 8)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    Image.fromarray(values).save(tmp_path / "a.tif")
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "b.tif")
    for source in (tmp_path / "a.png", tmp_path / "a.tif", tmp_path / "b.tif", values):
        with pytest.raises(ValueError, match=rf"from {values.min()} to {values.max()}, .*12 bits stored in 16.*8 bits"):
            read_image(source)
    assert (as_array(values * 16) == (values >> 4)[..., None]).all()
    assert (as_array(np.zeros((2, 3), np.uint16)) == 0).all()


@pytest.mark.parametrize(
    "values",
    [
        np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
        np.full((3, 4), 70_000, dtype=np.int32),
        np.arange(-1, 11, dtype=np.int32).reshape(3, 4),
    ],
)
def test_floats_and_numbers_beyond_16_bits_are_refused(tmp_path, values):
    Image.fromarray(values).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a.tif: .*nothing says which of them is white .*0..255"):
        read_image(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="which of them is white"):
        read_image(values)


def test_arrays_and_tensors_of_every_layout_give_the_same_bytes(picture):
    colour, grey = picture(), picture(seed=1)[..., 0]
    alpha = np.dstack([colour, grey])
    repeated = np.repeat(grey[..., None], 3, 2)
    for source in (
        *(grey, grey[..., None], sixteen_bits(grey), torch.from_numpy(grey), torch.from_numpy(grey)[None]),
        Image.fromarray(grey),
    ):
        assert (as_array(source) == repeated).all()
    for source in (colour, alpha, sixteen_bits(alpha), torch.from_numpy(alpha).permute(2, 0, 1)):
        assert (as_array(source) == colour).all()
    assert (as_array(colour[::-1, ::2]) == colour[::-1, ::2]).all()  # negative strides, which torch refuses


def test_what_is_read_is_a_copy_of_an_array(picture):
    pixels = picture()
    before = pixels.copy()
    read_image(pixels).zero_()
    assert (pixels == before).all()


def test_the_bytes_of_a_file_lie_in_rows_of_planes(tmp_path, picture):
    """The layout that training crops and normalises fastest."""
    Image.fromarray(picture(6, 9)).save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png").stride() == (9, 27, 1)


TURNED = {  # EXIF orientation -> what a person sees
    **{1: lambda x: x, 2: lambda x: x[:, ::-1], 3: lambda x: x[::-1, ::-1], 4: lambda x: x[::-1]},
    **{5: lambda x: x.swapaxes(0, 1), 6: lambda x: np.rot90(x, -1), 7: lambda x: x.swapaxes(0, 1)[::-1, ::-1]},
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", list(TURNED))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_images_and_masks_are_turned_upright(tmp_path, picture, orientation, suffix):
    pixels, exif = picture(), Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    assert (as_array(path) == TURNED[orientation](pixels)).all()
    if suffix != "webp":
        Image.fromarray(pixels[..., 0]).save(path, exif=exif)
        assert (read_mask(path).numpy() == TURNED[orientation](pixels[..., 0])).all()


def folder_of(root, image, mask):
    for name, content, exif in (("images/a.png", *image), ("masks/a.png", *mask)):
        (root / name).parent.mkdir(exist_ok=True)
        Image.fromarray(content).save(root / name, exif=exif)
    (root / "classes.txt").write_text("background\nthing\n")
    (root / "train.txt").write_text("a\n")
    return data.ImageFolderSegmentation(root, "train")


def test_a_pair_agrees_as_a_person_sees_it(tmp_path, picture):
    """A phone's photograph: labelling tools show it upright and save an upright mask, without a tag."""
    pixels, exif = picture(), Image.Exif()
    exif[ORIENTATION] = 6
    mask = (pixels[..., 0] > 127).astype(np.uint8)
    for label in ((np.rot90(mask, -1).copy(), None), (mask, exif)):  # upright as it is, or by its own tag
        image, label = folder_of(tmp_path, (pixels, exif), label)[0]
        assert (image.permute(1, 2, 0).numpy() == np.rot90(pixels, -1)).all()
        assert (label.numpy() == np.rot90(mask, -1)).all()
    with pytest.raises(ValueError, match="mask is 6x9 but its image a.png is 9x6 .*EXIF"):
        folder_of(tmp_path, (pixels, exif), (mask, None))[0]


def test_training_reads_what_predict_reads(tmp_path, picture):
    grey = picture()[..., 0]
    mask = np.zeros(grey.shape, np.uint8)
    for pixels in (sixteen_bits(grey), grey.astype(np.uint16) * 257, picture()):
        pairs = folder_of(tmp_path, (pixels, None), (mask, None))
        assert (pairs[0][0].permute(1, 2, 0).numpy() == as_array(pixels)).all()
        assert torch.equal(predict(torch.nn.Identity(), pairs[0][0]), predict(torch.nn.Identity(), pixels))


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_files_that_are_no_images(tmp_path, picture, read):
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "empty.png").write_bytes(b"")
    Image.fromarray(picture(64, 64)[..., 0]).save(tmp_path / "whole.png")
    for length in (20, 60, 900, 3000):
        (tmp_path / f"cut{length}.png").write_bytes((tmp_path / "whole.png").read_bytes()[:length])
    for path, error, message in (
        (tmp_path / "none.png", FileNotFoundError, "none.png: no such file"),
        (tmp_path, IsADirectoryError, f"{tmp_path}: is a directory"),
        (tmp_path / "text.png", ValueError, "text.png: not an image file that Pillow can read; save it as PNG or JPEG"),
        (tmp_path / "empty.png", ValueError, "empty.png: not an image file"),
        (tmp_path / "cut20.png", ValueError, "cut20.png: (not an image|the image is damaged)"),
        (tmp_path / "cut60.png", ValueError, "cut60.png: the image is damaged or cut short"),
        (tmp_path / "cut900.png", ValueError, "cut900.png: the image is damaged or cut short"),
        (str(tmp_path / "cut3000.png"), ValueError, "cut3000.png: the image is damaged or cut short"),
    ):
        with pytest.raises(error, match=message):
            read(path)


@pytest.mark.parametrize("suffix", ["jpg", "tif", "gif", "bmp", "webp"])
def test_every_format_that_is_cut_short_is_named(tmp_path, picture, suffix):
    Image.fromarray(picture(64, 64)).save(tmp_path / f"a.{suffix}")
    path = tmp_path / f"cut.{suffix}"
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    for length in range(0, len(whole) - 1000, 211):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=f"cut.{suffix}: (the image is damaged or cut short|not an image)"):
            read_image(path)


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((4, 4, 3)), ValueError, "float64 numbers from 0.0 to 0.0"),
        (np.zeros((4, 4), bool), ValueError, "bool"),
        (np.ones((4, 4), np.int64), ValueError, "int64 numbers from 1 to 1"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, r"uint8 \(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), ValueError, "0 x 4 has no pixels"),
        (np.zeros((0, 4), np.uint16), ValueError, "0 x 4 has no pixels"),
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


# How large an image may be


def png_that_claims(height, width):
    """A small file whose header says how large the image will be."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("read", [read_image, read_mask, lambda path: predict(torch.nn.Identity(), path)])
def test_an_image_of_30000_by_30000_is_refused_before_it_is_unpacked(tmp_path, read):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_that_claims(30_000, 30_000))
    with pytest.raises(ValueError, match=r"bomb.png: .*30000 x 30000 has 900,000,000 pixels.*max_pixels=900000000"):
        read(path)


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


def test_many_threads_read_at_once_and_pillows_limit_stays(tmp_path, monkeypatch, picture):
    """Version 1 lifted it while it read: of two threads the second put back what the first had lifted."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1)
    pixels = picture(40, 50)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    seen = set()

    def work():
        for _ in range(30):
            assert (as_array(tmp_path / "a.png") == pixels).all()
            seen.add(Image.MAX_IMAGE_PIXELS)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {1} and Image.MAX_IMAGE_PIXELS == 1


def test_a_photograph_of_12000_by_9000_is_opened_without_a_warning(tmp_path):
    (tmp_path / "a.png").write_bytes(png_that_claims(9000, 12_000))
    assert 2 * 9000 * 12_000 > MAX_PIXELS > 9000 * 12_000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open_image(tmp_path / "a.png") as opened:
            assert opened.size == (12_000, 9000)


# Masks


@pytest.mark.parametrize("palette", [True, False])
@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "gif"])
def test_masks_with_a_palette_or_grey_hold_the_same_indices(tmp_path, palette, suffix):
    mask = np.array([[0, 1, 7], [20, 254, 255]], dtype=np.uint8)
    image = Image.fromarray(mask)
    if palette:
        image.putpalette(data.voc_colormap().flatten().tolist())
    options = {"optimize": False} if suffix == "gif" else {}  # Pillow would number the colours anew
    image.save(tmp_path / f"mask.{suffix}", **options)
    found = read_mask(tmp_path / f"mask.{suffix}")
    assert found.dtype == torch.uint8 and found.tolist() == mask.tolist()


def test_a_one_bit_mask_holds_0_and_1(tmp_path):
    Image.fromarray(np.array([[False, True]])).save(tmp_path / "mask.png")
    assert read_mask(tmp_path / "mask.png").tolist() == [[0, 1]]


def test_a_16_bit_mask_is_read_if_its_indices_fit(tmp_path):
    mask = np.array([[0, 21, 255]], dtype=np.uint16)
    Image.fromarray(mask).save(tmp_path / "mask.png")
    found = read_mask(tmp_path / "mask.png")
    assert found.dtype == torch.uint8 and found.tolist() == [[0, 21, 255]]
    Image.fromarray(mask * 257).save(tmp_path / "mask.png")
    with pytest.raises(ValueError, match="mask.png: an index is 0 to 255, this mask has 0 to 65535"):
        read_mask(tmp_path / "mask.png")


@pytest.mark.parametrize(
    ("mode", "remedy"),
    [
        ("RGB", "colours into indices once with segbook.data.colour_to_index"),
        ("RGBA", "colours into indices once with segbook.data.colour_to_index"),
        ("LA", "save it without its alpha channel"),
        ("F", "save whole numbers of 8 bits"),
    ],
)
def test_a_mask_of_another_kind_is_refused_with_what_helps(tmp_path, mode, remedy):
    path = tmp_path / ("mask.tif" if mode == "F" else "mask.png")
    Image.new(mode, (8, 6)).save(path)
    with pytest.raises(ValueError, match=rf"{path.name}: an index mask is expected .* mode {mode}; .*{remedy}"):
        read_mask(path)


def test_a_jpeg_mask_is_refused(tmp_path):
    Image.new("L", (8, 6)).save(tmp_path / "mask.jpg")
    with pytest.raises(ValueError, match="mask.jpg: a JPEG cannot hold class indices"):
        read_mask(tmp_path / "mask.jpg")
