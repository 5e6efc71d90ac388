"""Shared by the tests of the models."""

import pytest
import torch
from torch import nn


def _calibrate(net: nn.Module, size: int = 65, seed: int = 0) -> nn.Module:
    """Random affine parameters and statistics of random images in every batch norm; returns the net in evaluation mode.

    With the initial statistics (mean 0, variance 1) a deep net explodes or dies, and a comparison shows nothing.
    """
    generator = torch.Generator().manual_seed(seed)
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
        nn.init.uniform_(norm.bias, -0.3, 0.3, generator=generator)
        norm.reset_running_stats()
        norm.momentum = None  # plain averages
    net.eval()
    for norm in norms:
        norm.train()
    with torch.no_grad():
        net(torch.randn(2, 3, size, size, generator=generator))
    return net.eval()


@pytest.fixture(scope="session")
def calibrate():
    return _calibrate


@pytest.fixture(scope="session")
def noise():
    def make(*shape, seed=0, dtype=torch.float32):
        return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)

    return make


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The tensors here are small: a second thread gains little, and on a busy machine waits for the first."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
