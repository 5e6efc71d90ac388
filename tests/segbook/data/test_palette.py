import numpy as np
import pytest
import torch

from segbook import data


def test_colours_are_those_of_the_development_kit():
    colours = data.voc_colormap()
    assert colours.shape == (256, 3) and colours.dtype == torch.uint8
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 4: (0, 0, 128), 7: (128, 128, 128), 8: (64, 0, 0)}
    known |= {15: (192, 128, 128), 20: (0, 64, 128), 255: (224, 224, 192)}
    for index, colour in known.items():
        assert tuple(colours[index].tolist()) == colour
    assert len(colours.unique(dim=0)) == 256


def test_palette_and_classes_equal_d2ls():
    d2l = pytest.importorskip("d2l.torch")
    assert data.VOC_PALETTE.tolist() == d2l.VOC_COLORMAP
    assert len(data.VOC_CLASSES) == len(d2l.VOC_CLASSES) == 21
    assert data.VOC_CLASSES[15] == d2l.VOC_CLASSES[15] == "person"


@pytest.mark.parametrize("palette", [data.VOC_PALETTE, data.CAMVID_PALETTE])
def test_index_to_colour_and_back(palette):
    label = torch.randint(len(palette), (13, 17), generator=torch.Generator().manual_seed(0))
    label[3, 4] = 255
    colours = data.index_to_colour(label, palette)
    assert colours.shape == (13, 17, 3) and colours.dtype == torch.uint8
    assert torch.equal(data.colour_to_index(colours, palette), label)
    assert torch.equal(data.colour_to_index(colours.numpy(), palette), label)


def test_void_is_cream():
    assert data.index_to_colour(torch.tensor([[255]])).flatten().tolist() == [224, 224, 192]


def test_a_strange_colour_is_named_with_its_pixel():
    colours = data.index_to_colour(torch.zeros(5, 6, dtype=torch.long))
    colours[2, 3] = torch.tensor([1, 2, 3], dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"colour \(1, 2, 3\) at row 2, column 3 is not in the palette"):
        data.colour_to_index(colours)


def test_indices_where_colours_are_expected_and_the_reverse():
    with pytest.raises(ValueError, match=r"expects colours .* shape \(4, 5\)"):
        data.colour_to_index(torch.zeros(4, 5, dtype=torch.uint8))
    with pytest.raises(ValueError, match=r"expects an \(H, W\) map of indices, got shape \(4, 5, 3\)"):
        data.index_to_colour(np.zeros((4, 5, 3), dtype=np.uint8))


def test_an_index_without_colour_is_named():
    with pytest.raises(ValueError, match="label 21 at row 0, column 1 has no colour in a palette of 21"):
        data.index_to_colour(torch.tensor([[0, 21]]))


def test_colormap_sizes():
    assert data.voc_colormap(1).tolist() == [[0, 0, 0]]
    for n in (0, 257):
        with pytest.raises(ValueError, match=f"n={n}"):
            data.voc_colormap(n)
