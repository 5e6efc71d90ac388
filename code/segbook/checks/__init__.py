"""Checkers for the exercises: `checks.name(answer)` says what is right, what is wrong and why.

None is written yet. Every name answers, so that each chapter's checker cells already run.
"""

from collections.abc import Callable
from typing import Any, NamedTuple


class Outcome(NamedTuple):
    """What a checker found: `passed` is None while the exercise has no checker."""

    passed: bool | None
    message: str

    def _ipython_display_(self) -> None:
        """Show nothing where a cell ends with a check: its message has been printed."""


def __getattr__(name: str) -> Callable[..., Outcome]:
    if name.startswith("_"):
        raise AttributeError(name)

    def not_yet(*answer: Any, **options: Any) -> Outcome:
        outcome = Outcome(None, f"{name}: this exercise has no checker yet; compare with the solution.")
        print(outcome.message)
        return outcome

    return not_yet
