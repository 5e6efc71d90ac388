import numpy as np
import pytest


@pytest.fixture(scope="session")
def sk():
    """scikit-learn's scores. Importing them takes a second and a half: not in every worker that collects a test."""
    from sklearn import metrics

    return metrics


@pytest.fixture
def picture():
    """Makes random pixels (height, width, 3)."""

    def make(height=6, width=9, seed=0):
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make
