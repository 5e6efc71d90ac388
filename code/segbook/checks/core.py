"""What every checker uses: outcomes, safe calls of a reader's function, and sentences instead of exceptions.

A checker is a function under `@checker`. It gets the reader's answers, raises `Wrong("why")` at the first thing that
does not hold, and returns the sentence that says what has been proved. It compares properties and independent
computations, never one stored answer, and its messages never contain the answer.

Some exercises can be given other numbers for each student. Without `checks.seed("name")` the numbers are those of the
statement. Behind it, a checker under `@own_numbers` asks for the student's own, and each of its messages begins with
them ("for Ada: an image of 3,500 x 4,500 pixels"): running the starter cell as it stands tells them.

Where a picture says more, `Wrong` takes maps to draw under the message: of the reader's answer, never the right one.
"""

import copy
import functools
import hashlib
import json
import math
import signal
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

SECONDS = 20  # that an answer may take
Maps = dict[str, ArrayLike | torch.Tensor]  # title -> (H, W)


@dataclass(frozen=True)
class Outcome:
    """What a checker found."""

    name: str
    passed: bool
    message: str

    def __bool__(self) -> bool:
        return self.passed

    def _ipython_display_(self) -> None:
        """Show nothing where a cell ends with a check: its message has been printed."""


class Wrong(Exception):
    """An answer that does not hold; the message is what the reader sees, and the maps (H, W) under their titles."""

    def __init__(self, message: str, maps: Maps | None = None):
        super().__init__(message)
        self.maps = maps


class OutOfTime(BaseException):
    """Not an Exception, so that a reader's own `except Exception` does not swallow it."""


outcomes: dict[str, Outcome] = {}  # the last one of each exercise, for `report`
listeners: list[Callable[[Outcome], None]] = []  # are told each outcome: the grader listens
student = {"name": ""}


def checker(function: Callable[..., str]) -> Callable[..., Outcome]:
    """Turn a function that raises Wrong or returns a sentence into a checker that prints and never raises."""

    @functools.wraps(function)
    def check(*answers: Any, **named: Any) -> Outcome:
        maps = None
        try:
            if any(is_open(answer) for answer in (*answers, *named.values())):
                raise Wrong("there is still a `...` to replace")
            with time_limit(SECONDS):
                outcome = Outcome(function.__name__, True, function(*answers, **named))
        except Wrong as wrong:
            outcome, maps = Outcome(function.__name__, False, str(wrong)), wrong.maps
        except OutOfTime:
            outcome = Outcome(
                function.__name__, False, f"no answer after {SECONDS} s: is there a loop that does not end?"
            )
        except (Exception, SystemExit) as error:  # a reader's mistake must become a sentence, whatever it is
            outcome = Outcome(function.__name__, False, f"the answer cannot be read: {type(error).__name__}: {error}")
        if student["name"] and hasattr(function, "own"):
            outcome = replace(outcome, message=f"for {student['name']}: {function.own()[0]} · {outcome.message}")
        outcomes[outcome.name] = outcome
        for listener in listeners:
            listener(outcome)
        verdict = f"{'passed' if outcome.passed else 'not yet'} · {outcome.name}: {outcome.message}"
        print("\n".join(textwrap.fill(line, 79) for line in verdict.splitlines()))  # no notebook wraps its outputs
        if maps:
            show(maps)
        return outcome

    return check


def own_numbers(sentence: str, *choices: dict[str, Any]) -> Callable[[Callable[..., str]], Callable[..., str]]:
    """Give a checker, under `@checker`, the numbers that it asks for as named arguments.

    Args:
        sentence: what a student is told, with the names in braces. choices: the statement's numbers, then others.
    """

    def decorate(function: Callable[..., str]) -> Callable[..., str]:
        def own() -> tuple[str, dict[str, Any]]:
            chosen = personal(function.__name__, choices)
            return sentence.format(**chosen), chosen

        @functools.wraps(function)
        def with_own(*answers: Any, **named: Any) -> str:
            return function(*answers, **named, **own()[1])

        with_own.own = own  # type: ignore[attr-defined]
        return with_own

    return decorate


def show(maps: Maps) -> None:
    """Draw maps (H, W) with their titles under the printed message, in a notebook that shows figures in its cells."""
    if "ipykernel" not in sys.modules:  # in a terminal, a test and the grader there is nowhere to show it
        return
    import matplotlib.pyplot as plt
    from IPython.display import display

    if "inline" not in plt.get_backend():
        return
    values = [numbers(one, title) for title, one in maps.items()]
    figure, axes = plt.subplots(1, len(maps), figsize=(5, 2.4), squeeze=False, layout="constrained")
    for place, title, value in zip(axes[0], maps, values):
        place.imshow(value, vmin=min(v.min() for v in values), vmax=max(v.max() for v in values))
        place.set_title(title, fontsize="medium")
        place.set_axis_off()
    display(figure)
    plt.close(figure)


def is_open(answer: Any) -> bool:
    """Whether an answer is `...`, or holds one, or holds nothing at all."""
    if isinstance(answer, dict):
        return not answer or any(is_open(value) for value in answer.values())
    if isinstance(answer, list | tuple):
        return any(is_open(value) for value in answer)
    return answer is ...


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many seconds, where the system has an alarm and this is the main thread."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise OutOfTime

    began, left = time.monotonic(), signal.getitimer(signal.ITIMER_REAL)[0]  # of a limit around this one
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, left or seconds), 1)  # again each second, for who catches it
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(left - (time.monotonic() - began), 0.001), 1)


def call(function: Callable, *arguments: Any, said: str | None = None) -> Any:
    """The result of a reader's function on copies of the arguments.

    Args:
        said: how to name the call in a message; by default the function's name and its arguments in short.

    Raises:
        Wrong: not a function, it raised an error, returned nothing or `...`, or changed its input.
    """
    if not callable(function):
        raise Wrong(f"a function is asked for, this is {short(function)}")
    name = getattr(function, "__name__", "your function")
    said = said or f"{name}({', '.join(short(a) for a in arguments)})"
    given = copy.deepcopy(arguments)
    try:
        result = function(*given)
    except (Exception, SystemExit) as error:
        raise Wrong(f"{said} raised {type(error).__name__}: {error}") from error
    if result is None or is_open(result):
        raise Wrong(f"{said} returned {short(result)}; is there a `return` with the result?")
    if any(not same(a, b) for a, b in zip(given, arguments)):
        raise Wrong(f"{said} changed its input; work on a copy, callers still need what they passed")
    return result


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
        if math.prod(value.shape) <= 6:
            values = np.asarray(torch.as_tensor(value).detach().cpu()).round(4).tolist()
            return f"{kind} {values}"
        return f"{kind} of {shape}"
    text = repr(value) if not callable(value) else getattr(value, "__name__", type(value).__name__)
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


def close(a: ArrayLike, b: ArrayLike, rtol: float = 1e-4, atol: float = 1e-5) -> bool:
    """Whether two lots of numbers agree up to float32's rounding; NaN agrees with NaN."""
    return bool(np.allclose(a, b, rtol=rtol, atol=atol, equal_nan=True))


def require(holds: Any, message: str, maps: Maps | None = None) -> None:
    """Raise Wrong(message, maps) unless it holds."""
    if not holds:
        raise Wrong(message, maps)


def seed(name: str) -> None:
    """Ask for one student's own numbers from here on; an empty name asks for those of the statements again.

    Raises:
        ValueError: something was checked with other numbers before.
    """
    if outcomes and str(name) != student["name"]:
        raise ValueError("a notebook has one name, given before the first check: restart it to give another")
    student["name"] = str(name)


def personal(exercise: str, choices: Sequence) -> Any:
    """One of the choices: the first one, or, after `seed(name)`, the one that this student gets for this exercise."""
    if not student["name"]:
        return choices[0]
    digest = hashlib.sha256(f"{student['name']}/{exercise}".encode()).digest()
    return choices[int.from_bytes(digest[:8], "big") % len(choices)]


def report(path: str | None = None) -> dict:
    """Print what has been checked in this session, and write it as JSON if a path is given.

    Returns:
        {"student": name, "passed": how many, "checked": how many, "outcomes": [{"name", "passed", "message"}]}
    """
    found = [asdict(outcome) for outcome in outcomes.values()]
    summary = {
        "student": student["name"],
        "passed": sum(one["passed"] for one in found),
        "checked": len(found),
        "outcomes": found,
    }
    width = max([len(one["name"]) for one in found], default=0)
    for one in found:
        print(f"{one['name']:{width}}  {'passed' if one['passed'] else 'not yet'}")
    print(f"{summary['passed']} of {summary['checked']} passed")
    if path is not None:
        with open(path, "w", encoding="utf-8") as file:
            json.dump(summary, file, indent=1)
    return summary
