"""How `make bench` takes times, and what one of its rows holds."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One comparison: the less the better, for ours and for the peer's."""

    what: str
    ours: float
    peer: str
    theirs: float
    aim: float | None = None  # theirs / ours should reach it
    unit: str = "ms"  # or "s", "MB"


def in_turns(*functions: Callable, seconds: float = 4.0) -> list[float]:
    """Median milliseconds of each function, called one after the other in turns for about `seconds` in all.

    In turns, so that a busy moment of the machine hits all of them; at least five times each, after one to warm up.
    """
    for function in functions:
        function()
    times: list[list[float]] = [[] for _ in functions]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 5:
        for function, taken in zip(functions, times):
            start = time.perf_counter()
            function()
            taken.append(1000 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]
