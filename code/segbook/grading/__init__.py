"""Run submitted notebooks again and say which exercises pass, whatever the submissions try.

Each submission gets two processes, forked from one that has torch loaded. One runs the submitted cells, with limits on
memory, CPU time, file size and wall clock, in a folder that is removed; on Linux also without network and with all
other files read-only, where the system permits namespaces. The other, the judge, holds the checkers and never runs a
line of the submission: see `judge`. Outputs in the notebook are not read.

What a submission can still do: answer by looking up the book's public solutions; read files that the grader's user can
read (it cannot send them anywhere); use up its limits; and, where namespaces are not permitted (the rows then say
"network open"), reach the network, change that user's files, and attack the judge as any program of the same user
could. A hole in the kernel, or in torch's restricted reader of tensors, would serve it too.
"""

import csv
import io
import multiprocessing
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from segbook.checks import core
from segbook.grading import judge, sandbox
from segbook.grading.notebook import Submission, read
from segbook.grading.sandbox import Limits

__all__ = ["Grade", "Limits", "grade", "read", "table"]

COLUMNS = ("file", "student", "passed", "claimed", "total", "status", "run_seconds", "isolation", "note")


@dataclass
class Grade:
    """What was found of one submission.

    `verdicts` holds "passed", "claimed" (passes in its own process alone: look at it), "not yet" or "" (no answer).
    """

    submission: Submission
    isolation: str
    verdicts: dict[str, str] = field(default_factory=dict)
    student: str = ""
    status: str = "not run"
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def count(self, verdict: str) -> int:
        return sum(one == verdict for one in self.verdicts.values())


def grade(
    submissions: Sequence[Submission],
    limits: Limits,
    jobs: int = 1,
    done: Callable[[list[Grade]], None] = lambda grades: None,
) -> list[Grade]:
    """Grade submissions, several at a time, in the order given.

    Args:
        done: called after each submission, with all grades; what has not been run says so.

    Raises:
        OSError: this system cannot fork processes.
    """
    if not hasattr(os, "fork"):
        raise OSError("grading needs Linux or macOS; on Windows use it in WSL or in a container")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["segbook.cli", "segbook.grading.judge", "matplotlib.pyplot", "torchvision"])
    isolated = sandbox.permitted()
    isolation = "network closed, files read-only" if isolated else "network open"
    grades = [Grade(submission, isolation) for submission in submissions]
    waiting, running = list(reversed(grades)), {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                one = waiting.pop()
                running.update([_start(context, one, limits, isolated)])
            for connection in list(wait(list(running), timeout=0.2)) + _overdue(running):
                one = running.pop(connection)
                _finish(one, connection)
                done(grades)
    finally:
        for connection, one in running.items():
            _finish(one, connection)
    return grades


@dataclass
class _Running:
    grade: Grade
    process: BaseProcess
    folder: Path
    deadline: float


def _start(context, grade: Grade, limits: Limits, isolated: bool) -> tuple[Connection, _Running]:
    folder = Path(tempfile.mkdtemp(prefix="segbook-grade-"))
    ours, theirs = context.Pipe(duplex=False)
    given = (grade.submission.cells, grade.submission.exercises, folder, limits, isolated, theirs)
    process = context.Process(target=judge.judge, args=given, daemon=False)
    process.start()
    theirs.close()
    # The judge watches the clock itself; this is for a judge that a hostile answer has stopped.
    return ours, _Running(grade, process, folder, time.monotonic() + limits.seconds + 3 * core.SECONDS)


def _overdue(running: dict[Connection, _Running]) -> list[Connection]:
    return [connection for connection, one in running.items() if time.monotonic() > one.deadline]


def _finish(one: _Running, connection: Connection) -> None:
    """Take the judge's result, if there is one, and clean up."""
    one.grade.status = "the judge crashed"
    try:
        if connection.poll():
            result = connection.recv()
            one.grade.notes += result.pop("notes")
            vars(one.grade).update(result)
    except EOFError:  # the judge ended without a word
        pass
    finally:
        connection.close()
        one.process.join(timeout=2)
        one.process.kill()
        one.process.join()
        shutil.rmtree(one.folder, ignore_errors=True)


def table(grades: Sequence[Grade]) -> str:
    """The grades as CSV: a row a submission, a column for each exercise that any of them has."""
    names = list(dict.fromkeys(name for one in grades for name in one.submission.exercises))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *names])
    for one in grades:
        row = [str(one.submission.path), one.student, one.count(judge.PASSED), one.count(judge.CLAIMED)]
        row += [len(one.submission.exercises), one.status, round(one.seconds, 1), one.isolation]
        row += ["; ".join([*one.submission.notes, *one.notes]), *(one.verdicts.get(name, "") for name in names)]
        writer.writerow([_inert(cell) for cell in row])
    return text.getvalue()


def _inert(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: texts come from the submissions."""
    if not isinstance(cell, str):
        return cell
    cell = "".join(letter if letter.isprintable() else " " for letter in cell)
    return f"'{cell}" if cell.lstrip().startswith(("=", "+", "-", "@")) else cell
