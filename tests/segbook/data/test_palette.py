import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

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


def test_a_map_painted_by_hand():
    palette = [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    colours = data.index_to_colour(np.array([[0, 1], [2, 255]], dtype=np.uint8), palette)
    assert colours.tolist() == [[[0, 0, 0], [128, 0, 0]], [[0, 128, 0], [224, 224, 192]]]
    assert data.index_to_colour(torch.tensor([[254, 255]]), data.voc_colormap()).tolist() == [
        data.voc_colormap()[254:].tolist()
    ]


@pytest.mark.parametrize("label", [-200, -1, 3, 300, 511])
def test_nothing_else_is_painted_as_void(label):
    with pytest.raises(ValueError, match=f"label {label} is out of range: 3 classes"):
        data.index_to_colour(torch.tensor([[0, label]]), data.VOC_PALETTE[:3])


def test_fractions_are_no_labels():
    for label in (torch.tensor([[0.0, 1.0]]), np.array([[0.5]])):
        with pytest.raises(ValueError, match="labels are whole numbers, got torch.float"):
            data.index_to_colour(label)


@pytest.mark.parametrize("classes", [1, 2, 21, 254, 255, 256])
def test_check_labels_against_a_walk_over_all_values(classes):
    """Bytes have a shortcut of their own; every value there is, in bytes and in 64 bits."""
    for value in range(256):
        allowed = value < classes or value == 255
        for label in (torch.full((2, 3), value, dtype=torch.uint8), torch.full((1, 2, 3), value)):
            if allowed:
                data.check_labels(label, classes)
            else:
                with pytest.raises(ValueError, match=f"^a.png: label {value} is out of range: {classes} classes"):
                    data.check_labels(label, classes, "a.png: ")


def test_the_first_wrong_label_is_found_where_it_lies():
    label = torch.zeros(2, 4, 5, dtype=torch.int64)
    label[1, 2, 3], label[1, 3, 0] = 7, 8
    with pytest.raises(ValueError, match=r"label 7 is .*\(image 1, row 2, column 3\)"):
        data.check_labels(label, 3)
    data.check_labels(torch.where(label > 3, -1, label), 3, ignore_index=-1)
    with pytest.raises(ValueError, match="label 255 is out of range"):
        data.check_labels(torch.tensor([[255]], dtype=torch.uint8), 3, ignore_index=0)


class Sizes(TorchDispatchMode):
    """Notes how many numbers each new tensor holds."""

    largest = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        tensors = [one for one in torch.utils._pytree.tree_leaves(result) if isinstance(one, torch.Tensor)]
        self.largest = max([self.largest, *(one.numel() for one in tensors)])
        return result


def test_a_small_mask_needs_no_table_of_all_colours():
    with Sizes() as sizes:
        data.colour_to_index(data.index_to_colour(torch.zeros(2, 3, dtype=torch.uint8)))
    assert sizes.largest <= 1000, "there are 16.8 million colours"


def test_a_class_may_be_painted_like_void():
    palette = torch.tensor([[0, 0, 0], [224, 224, 192]], dtype=torch.uint8)
    assert data.colour_to_index(palette[None], palette).tolist() == [[0, 1]]


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
    with pytest.raises(ValueError, match=r"label 21 is out of range: 21 classes .*\(row 0, column 1\)"):
        data.index_to_colour(torch.tensor([[0, 21]]))


def test_colormap_sizes():
    assert data.voc_colormap(1).tolist() == [[0, 0, 0]]
    for n in (0, 257):
        with pytest.raises(ValueError, match=f"n={n}"):
            data.voc_colormap(n)
