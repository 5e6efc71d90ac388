import numpy as np
import pytest
import torch

from segbook.infer import legend, overlay

PALETTE = np.array([[0, 0, 0], [200, 0, 0], [0, 100, 0]], dtype=np.uint8)
NAMES = ["background", "boat", "a class with a long name"]


def test_overlay_blends_by_hand():
    image = np.full((1, 4, 3), 100, dtype=np.uint8)
    label = torch.tensor([[0, 1, 2, 255]])
    expected = [[[40, 40, 40], [160, 40, 40], [40, 100, 40], [100, 100, 100]]]
    assert overlay(image, label, PALETTE, 0.6).tolist() == expected
    assert (overlay(image, label, PALETTE, 0) == image).all()
    assert overlay(image, label, torch.from_numpy(PALETTE), 1)[0, :3].tolist() == PALETTE.tolist()
    assert (image == 100).all()


def test_overlay_of_an_image_higher_than_a_strip(picture):
    image, label = picture(600, 5), np.random.default_rng(1).integers(0, 3, (600, 5))
    label[590] = 255
    expected = np.where(label[..., None] == 255, image, np.round(0.4 * image + 0.6 * PALETTE[label % 255]))
    assert (overlay(image, label, PALETTE) == expected).all()


def test_overlay_refuses_another_size_and_a_class_without_colour(picture):
    image = picture(4, 5)
    with pytest.raises(ValueError, match=r"size \(4, 5\), got \(5, 4\)"):
        overlay(image, np.zeros((5, 4), int), PALETTE)
    with pytest.raises(ValueError, match="label 3 .*row 0, column 3"):
        overlay(image, np.arange(20).reshape(4, 5) % 4, PALETTE)


def test_a_legend_names_the_classes_that_occur_and_no_others(picture):
    image, label = picture(100, 300), np.ones((100, 300), int)
    label[:, :9] = 255
    plain, named = overlay(image, label, PALETTE), overlay(image, label, PALETTE, classes=NAMES)
    assert (named[:100] == plain).all()
    assert named.shape[0] > 110 and named.shape[1] == 300
    strip = named[100:].reshape(-1, 3)
    assert (strip == PALETTE[1]).all(1).sum() > 50
    assert (strip == PALETTE[2]).all(1).sum() == 0
    assert (strip == 255).all(1).mean() > 0.5
    assert overlay(image, np.full((100, 300), 255), PALETTE, classes=NAMES).shape == image.shape


def test_a_legend_goes_on_in_a_new_line_and_a_narrow_image_gets_a_margin(picture):
    label = np.arange(60).reshape(6, 10) % 3
    wide, narrow = (legend(label, PALETTE, NAMES, width) for width in (600, 120))
    assert wide.shape[1] == 600
    assert narrow.shape[0] > 1.5 * wide.shape[0]
    assert narrow.shape[1] > 120  # the long name
    drawn = overlay(picture(6, 10), label, PALETTE, classes=NAMES)
    assert drawn.shape[1] > 10
    assert (drawn[:6, 10:] == 255).all()


def test_a_class_without_a_name(picture):
    with pytest.raises(ValueError, match="names for classes 0 to 1, the label has class 2"):
        overlay(picture(1, 3), np.array([[0, 1, 2]]), PALETTE, classes=NAMES[:2])


def test_a_picture_without_any_of_the_classes_is_background(picture):
    image = picture(30, 100)
    drawn = overlay(image, np.zeros((30, 100), int), PALETTE, classes=NAMES)
    assert (drawn[:30] == np.round(0.4 * image)).all()
    assert len(drawn) > 40  # the legend says so


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1)])
def test_the_smallest_pictures_get_a_legend_too(size, picture):
    drawn = overlay(picture(*size), np.ones(size, int), PALETTE, classes=NAMES)
    assert drawn.shape[0] > size[0] + 10 and drawn.shape[1] > 30
