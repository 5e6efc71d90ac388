"""load(): normalised samples whose augmentation depends on seed, epoch and index alone."""

import pytest
import torch
from torch.utils.data import DataLoader

from segbook import data

TOY = {"num_train": 12, "num_val": 4}


def train_set(root, seed=0, crop_size=(64, 80), **options):
    return data.load("toy", "train", root, crop_size=crop_size, seed=seed, **TOY, **options)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a, b))


def test_whole_images(toy_root):
    samples = data.load("toy", "val", toy_root, **TOY)
    raw = data.ToyVOC(toy_root, "val", **TOY)
    assert len(samples) == 4 and samples.ids == raw.ids and samples.num_classes == 21
    assert samples.classes == data.VOC_CLASSES and torch.equal(samples.palette, data.VOC_PALETTE)
    for i in range(4):
        image, label = samples[i]
        assert type(image) is torch.Tensor and type(label) is torch.Tensor
        assert image.dtype == torch.float32 and label.dtype == torch.int64
        assert torch.equal(data.denormalise(image), raw[i][0]) and torch.equal(label, raw[i][1])


def test_a_sample_depends_on_seed_epoch_and_index_only(toy_root):
    one, two = train_set(toy_root), train_set(toy_root)
    first = [one[i] for i in range(12)]
    torch.rand(7)
    assert all(same(two[i], first[i]) for i in reversed(range(12)))
    assert same(one[-1], first[-1])
    assert sum(same(one[1, i], first[i]) for i in range(12)) <= 1
    assert same(one[0, 5], first[5]) and same(one[1, -1], two[1, 11])
    assert sum(same(train_set(toy_root, seed=1)[i], first[i]) for i in range(12)) <= 1


def test_reading_leaves_no_global_state(toy_root):
    samples = train_set(toy_root)
    before = torch.get_rng_state()
    samples[0]
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_do_not_matter_and_are_told_the_epoch(toy_root, workers):
    samples, reference = train_set(toy_root), train_set(toy_root)
    keys = [(epoch, i) for epoch in (0, 1) for i in range(12)]
    loader = DataLoader(samples, batch_size=4, sampler=keys, num_workers=workers, persistent_workers=workers > 0)
    for _ in range(2):  # workers that outlive an epoch
        images = torch.cat([x for x, _ in loader])
        assert torch.equal(images, torch.stack([reference[key][0] for key in keys]))


def test_flips_and_scales_happen(toy_root):
    samples, raw = train_set(toy_root, crop_size=(96, 128)), data.load("toy", "train", toy_root, **TOY)
    flipped = [torch.equal(samples[i][1], raw[i][1].flip(-1)) for i in range(12)]
    assert all(f or torch.equal(samples[i][1], raw[i][1]) for i, f in enumerate(flipped))  # no scaling on "toy"
    assert 2 <= sum(flipped) <= 10
    scaled = train_set(toy_root, crop_size=(96, 128), scale=(0.5, 2.0))
    assert sum(bool((scaled[i][1] == 255).float().mean() > 0.2) for i in range(12)) >= 2  # shrunk, so padded


@pytest.mark.parametrize(
    ("seed", "epoch", "flips"),
    [(0, 0, "011000110101"), (0, 1, "110000011101"), (1, 0, "010010101111"), (1, 1, "110001001001")],
)
def test_flips_are_those_that_the_recorded_results_were_trained_with(toy_root, seed, epoch, flips):
    samples, raw = train_set(toy_root, seed, crop_size=(96, 128)), data.ToyVOC(toy_root, "train", **TOY)
    for i, flip in enumerate(flips):
        image, label = (raw[i][k].flip(-1) if flip == "1" else raw[i][k] for k in (0, 1))
        assert torch.equal(samples[epoch, i][1], label) and torch.equal(data.denormalise(samples[epoch, i][0]), image)


def test_transforms_are_called_after_the_crop(toy_root):
    shapes = []

    def paint(image, mask):
        shapes.append((tuple(image.shape), tuple(mask.shape), image.dtype, mask.dtype))
        return torch.zeros_like(image), torch.full_like(mask, 3)

    for crop in (None, (64, 80)):
        image, label = data.load("toy", "train", toy_root, crop_size=crop, transforms=paint, **TOY)[0]
        assert (data.denormalise(image) == 0).all() and (label == 3).all()
    assert shapes == [((3, h, w), (h, w), torch.uint8, torch.uint8) for h, w in ((96, 128), (64, 80))]


def test_a_scale_without_a_crop_is_refused(toy_root):
    with pytest.raises(ValueError, match="scale=.* before a crop; give crop_size too"):
        data.load("toy", "train", toy_root, scale=(0.5, 2), **TOY)


def test_options_reach_the_data_set(tmp_path):
    samples = data.load("toy", "val", tmp_path, num_train=1, num_val=1, size=(48, 64), one_scale=True)
    assert samples[0][1].shape == (48, 64)


def test_unknown_names(toy_root):
    with pytest.raises(ValueError, match="there is no data set 'camvd'; the nearest are camvid"):
        data.load("camvd", "train")
    with pytest.raises(ValueError, match="no split 'test'; available: train, trainval, val"):
        data.load("toy", "test", toy_root, **TOY)


def test_an_index_beyond_the_end(toy_root):
    with pytest.raises(IndexError):
        train_set(toy_root)[12]
    assert len(list(train_set(toy_root))) == 12
