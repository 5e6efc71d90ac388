"""Run submitted notebooks again and say which exercises pass; outputs in the notebooks are not read.

Each runs in a sandbox of its own, and what it says is limited in size and believed for its own row only.
"""

import csv
import io
import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from threading import Timer
from uuid import uuid4

from segbook.grading import notebook
from segbook.grading.sandbox import Sandbox

__all__ = ("Grade", "Sandbox", "grade", "table")
COLUMNS = ("file", "student", "passed", "claimed", "total", "status", "run_seconds", "note")
LARGEST = 20 << 20  # bytes of a notebook; those of this book have 0.1 MB, with figures one or two
MOST = 1 << 20  # bytes that a submission may say; a hundred verdicts are 10 kB


@dataclass
class Grade:
    """What was found of one submission."""

    path: Path
    exercises: list[str] = field(default_factory=list)
    verdicts: dict[str, str] = field(default_factory=dict)  # "passed", "claimed" (see `inside`) or "not yet"
    student: str = ""
    status: str = "not run"
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def count(self, verdict: str) -> int:
        return list(self.verdicts.values()).count(verdict)


def grade(paths: Sequence[Path], sandbox: Sandbox, jobs: int) -> Iterator[list[Grade]]:
    """Grade notebooks, several at a time; a file that is no notebook gets a grade, too.

    After each come the grades of all, in the order given; what has not been run says so.
    """
    grades, running = [Grade(path) for path in paths], set()
    with ThreadPoolExecutor(jobs) as pool:
        tasks = [pool.submit(run, one, sandbox, running) for one in grades]
        try:
            for task in as_completed(tasks):
                task.result()
                yield grades
        finally:  # at Ctrl-C, or when the caller stops, some still run
            pool.shutdown(wait=False, cancel_futures=True)
            while any(task.running() for task in tasks):  # one may be about to start
                for process in list(running):
                    end(process)
                time.sleep(0.05)


def run(one: Grade, sandbox: Sandbox, running: set[Popen]) -> None:
    """Run one submission in the sandbox, for as long and as loud as it may, and take down what it says."""
    began, name = time.monotonic(), f"segbook-{uuid4().hex}"
    try:
        process = start(one.path, sandbox, name)
    except (OSError, ValueError) as error:
        one.status, one.notes = "not read", [str(error)]
        return
    running.add(process)
    clock = Timer(sandbox.seconds, end, [process])
    clock.start()
    with process.stdout as pipe:
        said = pipe.read(MOST)  # until it has ended, or said too much
    with suppress(subprocess.TimeoutExpired):
        process.wait(1)
    clock.cancel()
    end(process)
    if sandbox.container:  # which the end of its client does not end
        subprocess.run([process.args[0], "kill", name], capture_output=True)
    running.remove(process)
    one.seconds = time.monotonic() - began
    one.status = "out of time" if one.seconds > sandbox.seconds else how_it_ended(process.returncode)
    if len(said) == MOST:
        one.status = "wrote too much"
    for line in said.splitlines():
        hear(one, line)
    if one.status.startswith("ended") and not one.exercises:
        one.status, one.notes = "did not start", [said.decode(errors="replace")[-300:]]


def end(process: Popen) -> None:
    """End a process and those that it started: in bubblewrap all of them, elsewhere those of its session."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def start(path: Path, sandbox: Sandbox, name: str) -> Popen:
    """Start a submission. Its descriptors are no files of ours: whoever holds one open can open it again to write."""
    about = path.lstat()
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("no file but a symbolic link, a folder, a pipe or a device")
    if about.st_size > LARGEST:
        raise ValueError(f"{about.st_size >> 20} MB, and a notebook may have {LARGEST >> 20}: clear its outputs")
    limits = {"RLIMIT_CPU": int(2 * sandbox.seconds), "RLIMIT_AS": int(sandbox.memory * 2**30)}
    limits |= {"RLIMIT_FSIZE": sandbox.disk << 20, "RLIMIT_CORE": 0}
    limits |= {"RLIMIT_NPROC": 512} if sandbox.closed else {}  # elsewhere it counts all of yours
    command = [*sandbox.command(name, path.absolute()), "-m", "segbook.grading.inside"]
    command.append(json.dumps([str(path.absolute()), limits, sandbox.cell_seconds]))
    environment = sandbox.environment()
    return Popen(command, env=environment, start_new_session=True, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)


def hear(one: Grade, line: bytes) -> None:
    """Take down one line of a submission, if it has the form that `inside` gives it; anything else changes nothing."""
    try:
        said = json.loads(line) if len(line) < 5000 else None
    except (ValueError, RecursionError):
        return
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


def how_it_ended(code: int) -> str:
    """An exit status in words; 128 + n, or -n, stands for signal n."""
    try:
        return f"crashed ({signal.strsignal(-code if code < 0 else code - 128)})"
    except ValueError:
        return f"ended early (exit status {code})"


def table(grades: Sequence[Grade]) -> str:
    """The grades as CSV: a row a submission, a column for each exercise that any of them has."""
    names = list(dict.fromkeys(name for one in grades for name in one.exercises))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *names])
    for one in grades:
        row = [one.path, one.student, one.count("passed"), one.count("claimed"), len(one.exercises), one.status]
        row += [round(one.seconds, 1), "; ".join(one.notes), *(one.verdicts.get(name, "") for name in names)]
        writer.writerow([inert(str(cell)) for cell in row])
    return text.getvalue()


def inert(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: texts come from the submissions."""
    cell = "".join(letter if letter.isprintable() else " " for letter in cell)
    return f"'{cell}" if cell.lstrip().startswith(("=", "+", "-", "@")) else cell
