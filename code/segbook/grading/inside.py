"""What runs in the sandbox: one notebook, in a fresh process; `python -m segbook.grading.inside`.

The checkers run here too, beside the answers, so a notebook can forge its own grade: the solutions are public anyway.
The host is told in lines of JSON, each a list that begins with its kind.
"""

import builtins
import io
import json
import os
import resource
import sys
import types
from contextlib import suppress
from pathlib import Path

from segbook.grading import notebook

HOST = 0  # the descriptor that the lines leave by: a notebook prints to 1 and 2


def tell(*line: object) -> None:
    os.write(HOST, json.dumps(line).encode() + b"\n")


def main(path: str, limits: dict[str, int], seconds: float) -> None:
    """Args: path: the notebook's. limits: as `resource` names them. seconds: of one cell."""
    for name, most in limits.items():
        with suppress(ValueError):  # a lower one is there already; and macOS limits no addresses
            resource.setrlimit(getattr(resource, name), (most, most + 5))  # CPU: a signal that says why comes first
    sys.stdin = io.StringIO()
    os.dup2(1, HOST)
    try:
        cells, notes = notebook.read(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        return tell("unread", str(error))
    exercises = notebook.asked(cells)  # imports torch: until here the host sees what goes wrong
    os.closerange(1, 3)
    os.dup(os.open(os.devnull, os.O_WRONLY))  # the lowest free numbers: 1, and 2
    tell("exercises", exercises)
    for note in notes if exercises else [*notes, "no cell calls a checker of this book"]:
        tell("note", note)
    run(cells, seconds)
    tell("end")


def run(cells: list[str], seconds: float) -> None:
    """Run the cells in one namespace, and tell each verdict as it is reached; an error ends its cell only."""
    from segbook.checks import core

    originals = [(part, dict(vars(part))) for name, part in sys.modules.items() if name.startswith("segbook.checks")]

    def hear(outcome: core.Outcome) -> None:
        changed = {name for part, names in originals for name in names if vars(part).get(name) is not names[name]}
        if changed:  # what passes now is a claim to look at
            tell("note", f"replaced {', '.join(sorted(changed))[:100]} of the checkers")
        tell("student", core.student["name"][:100])
        tell("verdict", outcome.name, ("claimed" if changed else "passed") if outcome.passed else "not yet")

    core.listeners.append(hear)
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    scope = vars(module)
    scope.update(__builtins__=builtins, display=lambda *shown: None)
    process = os.getpid()
    for number, cell in enumerate(cells, 1):
        before, note, text = dict(scope), "", ""
        try:
            with core.time_limit(seconds):
                exec(compile(cell, f"cell {number}", "exec"), scope)
        except core.OutOfTime:
            note = f"was stopped after {seconds:.0f} s"
        except BaseException as error:  # SystemExit and KeyboardInterrupt too
            with suppress(BaseException), core.time_limit(1):  # its own text may fail too
                text = str(error)[:100]
            note = f"raised {type(error).__name__}: {text}"
            if isinstance(error, MemoryError) or "allocate memory" in text:
                scope.clear()  # what fills the memory would leave none to the next cells
                scope.update(before)
        if os.getpid() != process:  # a copy that the cell made of this process does not go on with the next cell
            os._exit(0)
        if note:
            tell("note", f"cell {number} {note}")


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
