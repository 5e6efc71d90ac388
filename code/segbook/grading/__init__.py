"""Run submitted notebooks again and say which exercises pass; outputs in the notebooks are not read.

Each submission runs in a sandbox of its own, and what it says is limited in size and believed for its own row only.
What it can still do: copy the book's public solutions, forge its own grade, use up its limits, and serve itself of a
hole in the kernel.
"""

import csv
import io
import json
import os
import select
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from threading import Event
from uuid import uuid4

from segbook.grading import notebook
from segbook.grading.sandbox import Sandbox, engine, variables

COLUMNS = ("file", "student", "passed", "claimed", "total", "status", "run_seconds", "isolation", "note")
LARGEST = 20 << 20  # bytes of a notebook; those of this book have 0.1 MB, with figures one or two
MOST = 1 << 20  # bytes that a submission may say; a hundred verdicts are 10 kB


@dataclass
class Grade:
    """What was found of one submission.

    `verdicts` holds "passed", "claimed" (after the notebook had replaced checkers: look at it) or "not yet".
    """

    path: Path
    exercises: list[str] = field(default_factory=list)
    verdicts: dict[str, str] = field(default_factory=dict)
    student: str = ""
    status: str = "not run"
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def count(self, verdict: str) -> int:
        return list(self.verdicts.values()).count(verdict)


def grade(paths: Sequence[Path], sandbox: Sandbox, jobs: int, done: Callable[[list[Grade]], None]) -> None:
    """Grade notebooks, several at a time; a file that is no notebook gets a grade, too.

    Args:
        done: called after each, with the grades of all in the order given; what has not been run says so.
    """
    grades, stop = [Grade(path) for path in paths], Event()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for task in as_completed([pool.submit(run, one, sandbox, stop) for one in grades]):
                task.result()
                done(grades)
        except BaseException:  # Ctrl-C, or a full disk: end those that run, and begin no other
            stop.set()
            raise


def run(one: Grade, sandbox: Sandbox, stop: Event) -> None:
    """Run one submission in the sandbox, for as long and as loud as it may, and take down what it says."""
    began, name, said = time.monotonic(), f"segbook-{uuid4().hex}", bytearray()
    if stop.is_set():
        return
    try:
        process = start(one.path, sandbox, name)
    except (OSError, ValueError) as error:
        one.status, one.notes = "not read", [str(error)]
        return
    status = ""
    while not status:
        part = os.read(process.stdout.fileno(), MOST) if select.select([process.stdout], [], [], 0.1)[0] else b""
        said += part
        if not part and process.poll() is not None:
            status = how_it_ended(process.returncode)
        elif len(said) > MOST:
            status = "wrote too much"
        elif time.monotonic() - began > sandbox.seconds:
            status = "out of time"
        elif stop.is_set():
            status = "not run"
        elif not part:  # silent for now, or for ever
            time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    if sandbox.container:  # which the end of its client does not end
        subprocess.run([engine(), "kill", name], capture_output=True)
    process.wait()
    process.stdout.close()
    one.status, one.seconds = status, time.monotonic() - began
    lines = bytes(said[:MOST]).splitlines()
    if not [line for line in lines if hear(one, line)] and status.startswith("ended"):
        one.status, one.notes = "did not start", [line.decode(errors="replace")[:300] for line in lines[-1:]]


def start(path: Path, sandbox: Sandbox, name: str) -> Popen:
    """Start a submission. Its descriptors are no files of ours: whoever holds one open can open it again to write.

    Raises:
        ValueError: what is no file, or a huge one. OSError.
    """
    about = path.lstat()
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("no file but a symbolic link, a folder, a pipe or a device")
    if about.st_size > LARGEST:
        raise ValueError(f"{about.st_size >> 20} MB, and a notebook may have {LARGEST >> 20}: clear its outputs")
    limits = {"RLIMIT_CPU": sandbox.cpu_seconds, "RLIMIT_FSIZE": sandbox.disk << 20, "RLIMIT_CORE": 0}
    limits |= {} if sandbox.gpu else {"RLIMIT_AS": int(sandbox.memory * 2**30)}
    limits |= {} if sandbox.container or sandbox.trust else {"RLIMIT_NPROC": 512}  # elsewhere it counts all of yours
    command, seen = sandbox.command(name, path.absolute())
    command += ["-m", "segbook.grading.inside", json.dumps([str(seen), limits, sandbox.cell_seconds])]
    environment = variables(sandbox)
    return Popen(command, env=environment, start_new_session=True, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)


def hear(one: Grade, line: bytes) -> bool:
    """Take down one line of a submission, if it has the form that `inside` gives it; anything else changes nothing."""
    try:
        said = json.loads(line) if len(line) < 5000 else None
    except (ValueError, RecursionError):
        return False
    match said:
        case ["exercises", list(names)] if not one.exercises:
            one.exercises = [name for chapter in notebook.chapters() for name in chapter if name in names]
        case ["verdict", str(name), "passed" | "claimed" | "not yet" as verdict] if name in one.exercises:
            one.verdicts[name] = verdict
        case ["student", str(name)]:
            one.student = one.student or name[:100]
        case ["note", str(text)] if len(one.notes) < 20 and text not in one.notes:
            one.notes.append(text[:300])
        case ["unread", str(reason)]:
            one.status, one.notes = "not read", [reason[:300]]
        case ["end"]:
            one.status = "done"
        case _:
            return False
    return True


def how_it_ended(code: int) -> str:
    """An exit status in a few words; 128 + n stands for signal n."""
    number = -code if code < 0 else code - 128
    if number == signal.SIGXCPU:
        return "CPU time used up"
    with suppress(ValueError):
        return f"crashed ({signal.Signals(number).name})"
    return f"ended early (exit status {code})" if code else "ended early"


def table(grades: Sequence[Grade], sandbox: Sandbox) -> str:
    """The grades as CSV: a row a submission, a column for each exercise that any of them has."""
    names = list(dict.fromkeys(name for one in grades for name in one.exercises))
    isolation = "network closed, files read-only" if sandbox.container or not sandbox.trust else "network open"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *names])
    for one in grades:
        row = [str(one.path), one.student, one.count("passed"), one.count("claimed"), len(one.exercises), one.status]
        row += [round(one.seconds, 1), isolation, "; ".join(one.notes)]
        writer.writerow([inert(cell) for cell in [*row, *(one.verdicts.get(name, "") for name in names)]])
    return text.getvalue()


def inert(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula: texts come from the submissions."""
    if not isinstance(cell, str):
        return cell
    cell = "".join(letter if letter.isprintable() else " " for letter in cell)
    return f"'{cell}" if cell.lstrip().startswith(("=", "+", "-", "@")) else cell
