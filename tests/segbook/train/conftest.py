"""A data set of noise that a linear model can learn, and the smallest models."""

import pytest
import torch
from torch import nn

from segbook.data import Samples


class Noise(Samples):
    """`count` images (3, H, W); the label of a pixel is the index of its largest channel, 255 in the first row."""

    num_classes = 3
    classes = ["red", "green", "blue"]

    def __init__(self, count=10, size=(8, 12), seed=0):
        generator = torch.Generator().manual_seed(seed)
        self.images = torch.randn(count, 3, *size, generator=generator)
        self.labels = self.images.argmax(1)
        self.labels[:, 0] = 255
        self.ids = [f"noise_{i}" for i in range(count)]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, key):
        epoch, index = key if isinstance(key, tuple) else (0, key)
        return self.read(epoch, index)

    def read(self, epoch, index):
        return self.images[index], self.labels[index]


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Conv2d(3, 3, 1)


@pytest.fixture
def noise():
    """The data set's class, to be made with any size."""
    return Noise


@pytest.fixture
def make_linear():
    """A function seed -> 1x1 convolution with weights from that seed."""
    return linear
