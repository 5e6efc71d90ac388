import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from segbook.data import normalise
from segbook.infer import overlay, predict, read_image, to_classes

PALETTE = np.array([[0, 0, 0], [200, 0, 0], [0, 100, 0]], dtype=np.uint8)


class Brightest(nn.Module):
    """Class = the largest of the three (normalised) colour channels; remembers the mode it ran in."""

    def forward(self, x):
        self.ran_in_training = self.training
        return x


def picture(height=6, width=9, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_hand(pixels):
    scaled = (pixels / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return scaled.argmax(2)


@pytest.mark.parametrize("size", [(6, 9), (1, 1), (1, 40), (333, 500)])
def test_all_kinds_of_input_give_the_label_map_at_the_images_size(tmp_path, size):
    pixels = picture(*size)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    for image in (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        Image.fromarray(pixels),
        pixels,
        tensor,
        normalise(tensor),
    ):
        label = predict(Brightest(), image)
        assert label.dtype == torch.int64
        assert label.shape == size
        assert (label.numpy() == by_hand(pixels)).mean() > 0.999  # ties may fall either way


def test_the_mode_is_given_back_and_no_gradient_is_kept():
    model = Brightest().train()
    label = predict(model, picture())
    assert model.training and not model.ran_in_training
    assert not label.requires_grad


def test_grey_transparent_palette_and_16_bit_images_become_three_channels(tmp_path):
    grey = picture()[..., 0]
    rgb = np.repeat(grey[..., None], 3, 2)
    images = {
        "L": Image.fromarray(grey),
        "LA": Image.fromarray(np.dstack([grey, grey])),
        "RGBA": Image.fromarray(np.dstack([rgb, grey])),
        "P": Image.fromarray(rgb).convert("P", palette=Image.Palette.ADAPTIVE, colors=256),
        "I;16": Image.fromarray(grey.astype(np.uint16) * 257),
    }
    for mode, image in images.items():
        image.save(tmp_path / "a.png")
        for source in (image, tmp_path / "a.png"):
            assert read_image(source).permute(1, 2, 0).numpy().tolist() == rgb.tolist(), mode
    assert read_image(grey).tolist() == read_image(np.dstack([rgb, grey])).tolist()


def test_an_image_is_turned_upright(tmp_path):
    pixels = picture()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn a quarter clockwise
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    assert (read_image(tmp_path / "a.png").permute(1, 2, 0).numpy() == np.rot90(pixels, -1)).all()
    assert predict(Brightest(), tmp_path / "a.png").shape == (9, 6)


def test_files_that_are_no_images(tmp_path, monkeypatch):
    (tmp_path / "text.jpg").write_text("no image")
    Image.fromarray(picture(64, 64)).save(tmp_path / "whole.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    with pytest.raises(FileNotFoundError, match="no image .*none.jpg"):
        predict(Brightest(), tmp_path / "none.jpg")
    with pytest.raises(FileNotFoundError, match="no image"):
        predict(Brightest(), tmp_path)
    with pytest.raises(ValueError, match="text.jpg is not an image"):
        predict(Brightest(), tmp_path / "text.jpg")
    with pytest.raises(ValueError, match="cut.jpg cannot be read to its end"):
        predict(Brightest(), tmp_path / "cut.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="whole.jpg cannot be read.*exceeds limit"):
        predict(Brightest(), tmp_path / "whole.jpg")


@pytest.mark.parametrize(
    ("image", "error", "message"),
    [
        (np.zeros((4, 4, 3)), TypeError, "bytes .*float64"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, r"\(4, 4, 2\)"),
        (torch.zeros(4, 4, dtype=torch.uint8), ValueError, r"\(4, 4\)"),
        (torch.zeros(2, 3, 4, 4), ValueError, r"float32 \(2, 3, 4, 4\)"),
        (3, TypeError, "got int"),
    ],
)
def test_what_is_no_image(image, error, message):
    with pytest.raises(error, match=message):
        predict(Brightest(), image)


def test_one_logit_is_class_one_above_zero():
    logits = torch.tensor([[[[-1.0, 0.0, 0.1]]]])
    assert to_classes(logits).tolist() == [[[0, 0, 1]]]
    assert to_classes(torch.tensor([[[[1.0]], [[2.0]]]])).tolist() == [[[1]]]


def test_overlay_blends_by_hand():
    image = np.full((1, 4, 3), 100, dtype=np.uint8)
    label = torch.tensor([[0, 1, 2, 255]])
    assert overlay(image, label, PALETTE, 0.6).tolist() == [
        [[40, 40, 40], [160, 40, 40], [40, 100, 40], [100, 100, 100]]
    ]
    assert (overlay(image, label, PALETTE, 0) == image).all()
    assert overlay(image, label, torch.from_numpy(PALETTE), 1)[0, :3].tolist() == PALETTE.tolist()
    assert (image == 100).all()


def test_overlay_refuses_another_size_and_a_class_without_colour():
    image = picture(4, 5)
    with pytest.raises(ValueError, match=r"size \(4, 5\), got \(5, 4\)"):
        overlay(image, np.zeros((5, 4), int), PALETTE)
    with pytest.raises(ValueError, match="classes 0 to 2, the label has 0 to 3"):
        overlay(image, np.arange(20).reshape(4, 5) % 4, PALETTE)
