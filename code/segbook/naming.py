"""Names that a person typed: what they may have meant."""

import difflib
from collections.abc import Iterable


def unknown_name(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """The error for a `name` that none of the `known` bears, with the three nearest; the caller raises it.

    >>> unknown_name("model", "fcn32_tiny", ["fcn32s_tiny", "fcn8s_tiny", "deeplabv3_tiny"])
    ValueError("there is no model 'fcn32_tiny'; the nearest are fcn32s_tiny, fcn8s_tiny, deeplabv3_tiny")
    """
    near = difflib.get_close_matches(str(name), list(known), n=3, cutoff=0)
    return ValueError(f"there is no {kind} {name!r}; the nearest are {', '.join(near)}")
