"""Any torch data set can be trained on, and what a sample is follows from (seed, epoch, index) alone."""

import itertools
import os
import time

import pytest
import torch
from torch import nn
from torch.utils.data import ConcatDataset, Dataset, Subset, TensorDataset

from segbook import data, train
from segbook.data.nested import locate
from segbook.train import Settings, fit
from segbook.train.batches import batches

RUN = {"steps": 5, "batch_size": 4, "lr": 0.1, "device": "cpu", "progress": False}


class Plain(Dataset):
    """A data set that only knows whole numbers, and augments with torch's generator."""

    num_classes = 3

    def __init__(self, count=6):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not isinstance(index, int):
            raise TypeError(f"{index!r} is no int")
        return torch.full((3, 2, 2), float(index)) + torch.rand(3, 2, 2) / 2, torch.zeros(2, 2, dtype=torch.int64)


def samples_of(dataset, epochs=2, **options):
    """What a training reads in so many epochs: for each batch the images."""
    settings = Settings(steps=1, batch_size=2)
    return [
        batch.images for batch in itertools.islice(batches(dataset, settings, **options), epochs * len(dataset) // 2)
    ]


def test_a_data_set_of_ones_own_draws_anew_in_each_epoch_and_the_same_in_any_process():
    alone = samples_of(Plain())
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(alone, 2))
    for workers in (1, 2):
        assert all(torch.equal(a, b) for a, b in zip(alone, samples_of(Plain(), num_workers=workers), strict=True))
    late = samples_of(Plain(), start=4)  # a resumed run, in the middle of the second epoch
    assert all(torch.equal(a, b) for a, b in zip(alone[4:], late))


def test_samples_are_augmented_by_the_epoch_under_any_wrappers(tmp_path):
    toy = data.load("toy", "train", tmp_path, crop_size=(32, 48), num_train=6, num_val=2)
    wrapped = ConcatDataset([Subset(toy, [5, 4, 3]), Subset(Subset(toy, [0, 1, 2]), [2, 1, 0])])
    inside = [5, 4, 3, 2, 1, 0]
    for epoch, images in itertools.groupby(zip(itertools.count(), samples_of(wrapped)), lambda pair: pair[0] // 3):
        seen = torch.cat([image for _, image in images])
        expected = [toy[epoch, inside[index]][0] for index in train.order(6, 0, epoch)]
        assert torch.equal(seen, torch.stack(expected))


def test_items_of_nested_wrappers_are_found():
    a, b, c = Plain(3), Plain(4), Plain(2)
    whole = ConcatDataset([a, Subset(ConcatDataset([b, c]), [5, 0, 3]), c])
    found = [locate(whole, index) for index in range(len(whole))]
    assert found == [(a, 0), (a, 1), (a, 2), (c, 1), (b, 0), (b, 3), (c, 0), (c, 1)]


@pytest.mark.parametrize("workers", [0, 2])
def test_any_data_set_trains_and_validates(noise, make_linear, workers):
    both = ConcatDataset([noise(3), Subset(noise(9), range(3, 8)), Plain(4)])
    both.datasets[2].__class__ = type("Sized", (Plain,), {"__getitem__": lambda self, i: noise(4)[i]})
    history = fit(make_linear(), both, ConcatDataset([noise(2), noise(3)]), **RUN, num_workers=workers)
    assert len(history.losses) == 5 and history.best > 0


def test_a_data_set_without_classes_is_told_what_it_needs(make_linear):
    tensors = TensorDataset(torch.randn(8, 3, 4, 4), torch.zeros(8, 4, 4, dtype=torch.int64))
    with pytest.raises(ValueError, match="TensorDataset must say how many classes it has: give it a num_classes"):
        fit(make_linear(), tensors, **RUN)
    tensors.num_classes = 3
    fit(make_linear(), Subset(tensors, range(6)), **RUN)


def test_one_class_is_a_problem_of_two():
    tensors = TensorDataset(torch.randn(8, 3, 4, 4), torch.ones(8, 4, 4, dtype=torch.int64))
    tensors.num_classes = 1
    model = nn.Conv2d(3, 1, 1)
    fit(model, tensors, **RUN, loss="binary_cross_entropy")
    assert train.evaluate(model, tensors).counts.shape == (2, 2)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_wrong_label_under_wrappers_is_named(noise, make_linear, workers):
    bad = noise(6)
    bad.labels[4, 2, 2] = 3
    wrapped = ConcatDataset([noise(2), Subset(bad, [1, 4, 2, 3])])
    with pytest.raises(ValueError, match="image noise_4: label 3 "):
        fit(make_linear(), wrapped, **RUN | {"batch_size": 6}, num_workers=workers)
    with pytest.raises(ValueError, match="image noise_4: label 3 "):  # nothing that cannot be read: it is not left out
        fit(make_linear(), wrapped, **RUN | {"batch_size": 6}, num_workers=workers, skip_broken=True)


def test_one_set_of_processes_reads_the_whole_training():
    class Named(Plain):
        def __getitem__(self, index):
            return torch.full((3, 2, 2), float(os.getpid())), torch.zeros(2, 2, dtype=torch.int64)

    pids = torch.cat([images.flatten() for images in samples_of(Named(), epochs=4, num_workers=2)]).unique()
    assert len(pids) == 2 and os.getpid() not in pids


def test_closing_ends_the_processes_that_read():
    class Named(Plain):
        def __getitem__(self, index):
            return torch.full((3, 2, 2), float(os.getpid()), dtype=torch.float64), torch.zeros(2, 2, dtype=torch.int64)

    stream = batches(Named(), Settings(steps=1, batch_size=2), num_workers=1)
    pid = int(next(stream).images[0, 0, 0, 0])
    os.kill(pid, 0)  # it is there
    stream.close()
    end = time.monotonic() + 60
    with pytest.raises(ProcessLookupError):
        while time.monotonic() < end:
            os.kill(pid, 0)
            time.sleep(0.05)
