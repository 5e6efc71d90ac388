import numpy as np
import pytest
import torch

from segbook.infer import overlay

PALETTE = np.array([[0, 0, 0], [200, 0, 0], [0, 100, 0]], dtype=np.uint8)


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
