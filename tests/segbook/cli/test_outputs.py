import numpy as np
import pytest

from segbook.cli.outputs import legend

PALETTE = np.array([[0, 0, 0], [200, 0, 0], [0, 100, 0]], dtype=np.uint8)
NAMES = ["background", "boat", "a class with a long name"]


def test_a_legend_names_the_classes_that_occur_and_no_others():
    label = np.ones((100, 300), int)
    label[:, :9] = 255
    drawn = np.asarray(legend(label, PALETTE, NAMES, width=300))
    assert drawn.shape[0] > 10 and drawn.shape[1:] == (300, 3)
    strip = drawn.reshape(-1, 3)
    assert (strip == PALETTE[1]).all(1).sum() > 50
    assert (strip == PALETTE[2]).all(1).sum() == 0
    assert (strip == 255).all(1).mean() > 0.5
    assert legend(np.full((100, 300), 255), PALETTE, NAMES, width=300).size == (300, 0)


def test_a_legend_goes_on_in_a_new_line_and_a_long_name_makes_it_wider():
    label = np.arange(60).reshape(6, 10) % 3
    wide, narrow = (legend(label, PALETTE, NAMES, width) for width in (600, 120))
    assert wide.width == 600
    assert narrow.height > 1.5 * wide.height
    assert narrow.width > 120  # the long name


@pytest.mark.parametrize("width", [1, 300])
def test_the_smallest_pictures_get_a_legend_too(width):
    drawn = legend(np.ones((1, width), int), PALETTE, NAMES, width)
    assert drawn.height > 10 and drawn.width > 30
