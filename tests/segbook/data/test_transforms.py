"""Joint transforms: image and label stay together, padding is void, and no global state is left behind."""

import math

import pytest
import torch
import torch.nn.functional as F
from torchvision import tv_tensors
from torchvision.transforms import v2

from segbook import data
from segbook.data.transforms import FILL, RandomScale


def scale_and_crop(size, scale):
    """The training transforms without the flip."""
    return v2.Compose(data.training_transforms(size, scale).transforms[:2])


def pair(height, width):
    """An image whose red channel is its label, so that any disagreement shows."""
    label = torch.randint(0, 21, (height // 4 + 1, width // 4 + 1), generator=torch.Generator().manual_seed(0))
    label = label.repeat_interleave(4, 0).repeat_interleave(4, 1)[:height, :width].to(torch.uint8)
    return tv_tensors.Image(torch.stack([label * 12] * 3)), tv_tensors.Mask(label)


def test_normalise_equals_torchvision_and_denormalise_inverts():
    image = torch.randint(0, 256, (3, 11, 13), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    expected = v2.functional.normalize(image.float() / 255, mean, std)
    assert torch.allclose(data.normalise(image), expected, atol=2e-6)
    assert data.normalise(image).dtype == torch.float32
    assert torch.equal(data.denormalise(data.normalise(image)), image)
    assert torch.equal(data.normalise(torch.stack([image, image]))[1], data.normalise(image))
    with pytest.raises(TypeError, match="float32"):
        data.normalise(image.float())


@pytest.mark.parametrize("size", [(96, 128), (40, 200), (300, 31), (64, 64), (1, 1)])
def test_every_crop_has_its_size_and_matches_its_label(size):
    crop = scale_and_crop((64, 80), (1, 1))
    for seed in range(20):
        with data.seeded(seed):
            image, label = crop(*pair(*size))
        assert image.shape == (3, 64, 80) and label.shape == (64, 80)
        inside = label != 255
        assert torch.equal(image[0][inside], label[inside] * 12)
        assert inside.sum() == min(size[0], 64) * min(size[1], 80)  # only what does not exist is padded
        assert all((image[c][~inside] == FILL[tv_tensors.Image][c]).all() for c in range(3))


def test_scaled_labels_hold_no_new_value():
    crop = scale_and_crop((64, 80), (0.5, 2.0))
    _, original = pair(96, 128)
    for seed in range(30):
        with data.seeded(seed):
            _, label = crop(*pair(96, 128))
        assert set(label.unique().tolist()) <= {*original.unique().tolist(), 255}


def test_scaled_labels_lie_where_the_image_lies():
    """A white square labelled 1: in image and label its centre is the same, but for rounding that has no direction."""
    label = torch.zeros(96, 128, dtype=torch.uint8)
    label[31:64, 50:87] = 1
    crop = scale_and_crop((200, 260), (0.4, 2.0))  # never cuts, only pads
    shifts = []
    for seed in range(40):
        with data.seeded(seed):
            image, mask = crop(tv_tensors.Image(torch.stack([label * 255] * 3)), tv_tensors.Mask(label))
        white = image[0].double() * (mask != 255)
        for axis in (0, 1):
            along = torch.arange(white.shape[axis], dtype=torch.float64)
            of_image, of_label = ((w.sum(1 - axis) * along).sum() / w.sum() for w in (white, (mask == 1).double()))
            shifts.append(float(of_label - of_image))
    shifts = torch.tensor(shifts)
    assert shifts.abs().max() < 0.6 and abs(shifts.mean()) < 0.1


def test_the_scale_is_what_was_asked_for():
    """Objects of known area: the mean area in the crop goes with the square of the scale."""
    label = torch.zeros(60, 60, dtype=torch.uint8)
    label[20:40, 20:40] = 1
    for scale in (0.5, 2.0):
        with data.seeded(0):
            _, mask = scale_and_crop((200, 200), (scale, scale))(
                tv_tensors.Image(torch.zeros(3, 60, 60, dtype=torch.uint8)), tv_tensors.Mask(label)
            )
        assert (mask == 1).sum() == (20 * scale) ** 2
        assert (mask != 255).sum() == (60 * scale) ** 2


def test_scale_and_position_vary():
    crop = scale_and_crop((32, 32), (0.5, 2.0))
    seen = set()
    for seed in range(8):
        with data.seeded(seed):
            seen.add(crop(*pair(96, 128))[0].sum().item())
    assert len(seen) == 8


@pytest.mark.parametrize("factor", [0.5, 0.73, 1.41, 1.87])
def test_image_and_label_are_resized_as_torch_does_it(factor):
    """Labels look up pixel centres (nearest-exact), not the plain nearest of torchvision before 0.28."""
    torch.manual_seed(0)
    image = torch.randint(0, 256, (3, 60, 83), dtype=torch.uint8)
    label = torch.randint(0, 21, (60, 83), dtype=torch.uint8)
    size = [round(60 * factor), round(83 * factor)]
    scaled, mask = RandomScale((factor, factor))(tv_tensors.Image(image), tv_tensors.Mask(label))
    assert torch.equal(mask, F.interpolate(label[None, None].float(), size, mode="nearest-exact")[0, 0].byte())
    assert not torch.equal(mask, F.interpolate(label[None, None].float(), size, mode="nearest")[0, 0].byte())
    expected = F.interpolate(image[None].float(), size, mode="bilinear", antialias=True)[0]
    assert (scaled.float() - expected).abs().max() <= 1  # bytes are rounded once more on the way


def test_factors_are_drawn_log_uniformly():
    image = [tv_tensors.Image(torch.zeros(3, 1000, 1000, dtype=torch.uint8))]
    with data.seeded(3):
        logs = [math.log2(RandomScale((0.5, 2)).make_params(image)["size"][0] / 1000) for _ in range(2000)]
    logs = torch.tensor(logs).sort().values
    assert (logs - torch.linspace(-1, 1, 2000)).abs().max() < 0.06  # a straight line from -1 to 1


def test_seeded_leaves_the_generator_as_it_was():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with data.seeded(1):
        first = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with pytest.raises(RuntimeError), data.seeded(1):
        assert torch.equal(torch.rand(3), first)
        raise RuntimeError
    torch.manual_seed(5)
    assert torch.equal(torch.rand(3), expected)


def test_sample_seeds_are_all_different():
    seeds = {data.sample_seed(s, e, i) for s in range(4) for e in range(10) for i in range(100)}
    assert len(seeds) == 4000 and all(0 <= s < 2**63 for s in seeds)


def test_bad_sizes():
    for size, scale in (((0, 8), (1, 1)), ((8, 8), (2, 1)), ((8, 8), (0, 1))):
        with pytest.raises(ValueError, match=r"\(0, 8\)|\(2, 1\)|\(0, 1\)"):
            data.training_transforms(size, scale)
