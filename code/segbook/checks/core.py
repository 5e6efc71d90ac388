"""What every checker uses: outcomes, safe calls of a reader's function, and sentences instead of exceptions.

A checker is a function under `@checker`. It gets the reader's answers, raises `Wrong("why")` at the first thing that
does not hold, and returns the sentence that says what has been proved. It compares properties and independent
computations, never one stored answer, and its messages never contain the answer.

Some exercises can be given other numbers for each student. Without `checks.seed("name")` the numbers are those of the
statement. Behind it, a checker under `@own_numbers` asks for the student's own, and each of its messages begins with
them ("for Ada: an image of 3,500x4,500 pixels"): running the starter cell as it stands tells them.

Where a picture says more, `Wrong` takes maps to draw under the message: of the reader's answer, never the right one.
"""

import contextlib
import copy
import functools
import hashlib
import json
import secrets
import signal
import sys
import textwrap
import threading
import time
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from segbook.checks.values import Maps, Wrong, numbers, same, short

SECONDS = 20  # that an answer may take


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


class OutOfTime(BaseException):
    """Not an Exception, so that a reader's own `except Exception` does not swallow it."""


outcomes: dict[str, Outcome] = {}  # the last one of each exercise, for `report`
listeners: list[Callable[[Outcome], None]] = []  # are told each outcome: the grader listens
student = {"name": ""}
drawn: list[int] = []  # the seed of the running check, once it has asked for random numbers
wanted: list[int] = []  # the seed that the next one is to use


def checker(function: Callable[..., str]) -> Callable[..., Outcome]:
    """Turn a function that raises Wrong or returns a sentence into a checker that prints and never raises."""

    @functools.wraps(function)
    def check(*answers: Any, **named: Any) -> Outcome:
        maps = None
        drawn.clear()
        try:
            if answers and all(is_blank(answer) for answer in (*answers, *named.values())):
                raise Wrong("there is no answer yet")
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
            outcome = Outcome(function.__name__, False, f"the answer cannot be read: {told(error)}")
        if drawn and not outcome.passed:
            again = f" (the numbers were drawn: `checks.repeat({drawn[0]})` before the check draws these again)"
            outcome = replace(outcome, message=outcome.message + again)
        if student["name"] and hasattr(function, "own"):
            outcome = replace(outcome, message=f"for {student['name']}: {function.own()[0]} · {outcome.message}")
        outcomes[outcome.name] = outcome
        for listener in listeners:
            listener(outcome)
        verdict = f"{'passed' if outcome.passed else 'not yet'} · {outcome.name}: {outcome.message}"
        print("\n".join(textwrap.fill(line, 72) for line in verdict.splitlines()))  # a page shows 75; no notebook wraps
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


def generator() -> torch.Generator:
    """Random numbers for a checker: others each time, so that no answer fits by luck; a failure tells their seed."""
    if not drawn:
        drawn.append(wanted.pop() if wanted else secrets.randbelow(10**6))
    return torch.Generator().manual_seed(drawn[0])


def repeat(number: int) -> None:
    """Let the next check draw the random numbers of an earlier one, which its message told."""
    wanted[:] = [int(number)]


def told(error: BaseException) -> str:
    """An error in one sentence, however long its own text is."""
    return f"{type(error).__name__}: {str(error)[:300]}"


def is_blank(answer: Any) -> bool:
    """Whether an answer holds nothing: no word, an empty list, dict, array or tensor."""
    if isinstance(answer, str):
        return not answer.strip()
    if isinstance(answer, torch.Tensor | np.ndarray):
        return 0 in answer.shape
    return isinstance(answer, list | tuple | dict | set) and not answer


def is_open(answer: Any) -> bool:
    """Whether an answer is `...`, or holds one, or holds nothing at all."""
    if isinstance(answer, dict):
        return not answer or any(is_open(value) for value in answer.values())
    if isinstance(answer, list | tuple):
        return any(is_open(value) for value in answer)
    return answer is ...


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTime in the block after so many seconds, where the system has an alarm and this is the main thread."""
    if not hasattr(signal, "SIGALRM") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_: int, frame: types.FrameType) -> None:
        if frame.f_code.co_filename not in (__file__, contextlib.__file__):  # not while the limit is being lifted
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
        raise Wrong(f"{said} raised {told(error)}") from error
    if result is None or is_open(result):
        raise Wrong(f"{said} returned {short(result)}; is there a `return` with the result?")
    if any(not same(a, b) for a, b in zip(given, arguments)):
        raise Wrong(f"{said} changed its input; work on a copy, callers still need what they passed")
    return result


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
