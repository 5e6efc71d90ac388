"""Data sets inside others: what lies under torch's Subset and ConcatDataset."""

from bisect import bisect_right

import numpy as np
from torch.utils.data import ConcatDataset, Dataset, Subset


def locate(dataset: Dataset, index: int) -> tuple[Dataset, int]:
    """The data set under any Subsets and ConcatDatasets that holds item `index`, and the item's index there."""
    if isinstance(dataset, Subset):
        return locate(dataset.dataset, dataset.indices[index])
    if isinstance(dataset, ConcatDataset):
        part = bisect_right(dataset.cumulative_sizes, index)
        return locate(dataset.datasets[part], index - (dataset.cumulative_sizes[part - 1] if part else 0))
    return dataset, index


def classes_of(dataset: Dataset) -> int:
    """How many classes it has, at least two: one has the background beside it. ValueError where it does not say."""
    inner = locate(dataset, 0)[0]
    if not hasattr(inner, "num_classes"):
        raise ValueError(f"the data set {type(inner).__name__} must say how many classes it has: give it a num_classes")
    return max(2, inner.num_classes)


def looks_of(dataset: Dataset) -> dict[str, list]:
    """Names and colours of its classes ("classes", "palette"), as plain values, where it has them."""
    inner = locate(dataset, 0)[0]
    found = {name: getattr(inner, name) for name in ("classes", "palette") if hasattr(inner, name)}
    return {name: np.asarray(values).tolist() for name, values in found.items()}
