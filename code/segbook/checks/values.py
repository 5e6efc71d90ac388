"""An answer's values: read in whatever form they come, compared, and shown in a few characters."""

import math
import reprlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

SHORT = reprlib.Repr()  # of a list of a million numbers it reads the first few only
SHORT.maxlist = SHORT.maxtuple = SHORT.maxdict = SHORT.maxset = 20
SHORT.maxstring = SHORT.maxother = SHORT.maxlong = 60
Maps = dict[str, ArrayLike | torch.Tensor]  # title -> (H, W)


class Wrong(Exception):
    """An answer that does not hold; the message is what the reader sees, and the maps (H, W) under their titles."""

    def __init__(self, message: str, maps: Maps | None = None):
        super().__init__(message)
        self.maps = maps


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal, element by element."""
    if isinstance(a, torch.Tensor | np.ndarray):
        return bool((torch.as_tensor(a).nan_to_num() == torch.as_tensor(b).nan_to_num()).all())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    return a is b or isinstance(a, torch.nn.Module) or bool(a == b)


def short(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, torch.Tensor | np.ndarray):
        kind = "tensor" if isinstance(value, torch.Tensor) else "array"
        shape = "x".join(map(str, value.shape)) or "one number"
        if math.prod(value.shape) > 6:
            return f"{kind} of {shape}"
        value = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else value
        value = value.round(4) if value.dtype.kind in "fc" else value
        return f"{kind} {SHORT.repr(value.tolist())}"
    text = SHORT.repr(value) if not callable(value) else getattr(value, "__name__", type(value).__name__)
    return text if len(text) <= 60 else text[:57] + "..."


def number(value: Any, what: str) -> float:
    """A finite number from anything that is one: int, float, fraction, array or tensor of one element.

    Raises:
        Wrong: something else.
    """
    try:
        if isinstance(value, str | bytes | bool | np.bool_):
            raise TypeError
        value = float(value.detach().cpu().item() if isinstance(value, torch.Tensor) else np.asarray(value).item())
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"{what} is a number, this is {short(value)}") from None
    if not math.isfinite(value):
        raise Wrong(f"{what} is {value}: something was divided by zero")
    return value


def whole(value: Any, what: str) -> int:
    """A whole number, as `number`."""
    result = number(value, what)
    if result != round(result):
        raise Wrong(f"{what} is a whole number, this is {result:g}")
    return round(result)


def numbers(value: ArrayLike | torch.Tensor, what: str, shape: Sequence[int] | None = None) -> np.ndarray:
    """float64 numbers from a list, array or tensor on any device, of a given shape if one is given.

    Raises:
        Wrong: no numbers, or another shape; NaN is let through.
    """
    try:
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().to(torch.float64).numpy()
        result = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, RuntimeError):
        raise Wrong(f"{what} holds numbers, this is {short(value)}") from None
    if shape is not None and result.shape != tuple(shape):
        raise Wrong(f"{what} has the shape {tuple(result.shape)}, and {tuple(shape)} is needed")
    return result


def words(value: str | ArrayLike, what: str, count: int) -> list[str]:
    """Words in small letters, from one word (of a count of 1), a list, tuple or array of them.

    Raises:
        Wrong: something else, or another count.
    """
    found = np.atleast_1d(np.asarray(value, dtype=object)) if value is not None else np.empty(0)
    if found.shape != (count,) or not all(isinstance(word, str) for word in found):
        raise Wrong(f"{what} is {count} word{'s' * (count > 1)}, this is {short(value)}")
    return [" ".join(word.split()).lower() for word in found]


def close(a: ArrayLike, b: ArrayLike, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two lots of numbers agree up to float32's rounding; NaN agrees with NaN."""
    return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True))


def apart(value: float, limit: float) -> str:
    """A number with two decimals, or as many as show on which side of the limit it lies.

    >>> apart(0.5003, 0.5)
    '0.5003'
    """
    for decimals in range(2, 17):
        text = f"{value:.{decimals}f}"
        if (float(text) > limit, float(text) < limit) == (value > limit, value < limit):
            return text
    return repr(value)
