"""The two processes of one submission: the judge, and the one that runs the submitted cells.

The judge never runs a line of the submission. In the submission's process each `checks.name(answer)` sends the answer
to the judge, whose own checker looks at it; a function among the answers is called back through the socket. So
nothing that a submission does to its own copy of the checkers, of torch or of Python changes a verdict.

Some right answers cannot travel: a class, a loss that must be differentiated. If the judge's checker is not satisfied,
the submission's own process checks once more; when that passes, the exercise is "claimed": to be looked at, for such
a claim can be forged.
"""

import builtins
import importlib
import os
import select
import signal
import socket
import sys
import time
import types
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path

import torch

from segbook import checks
from segbook.checks import core
from segbook.grading import sandbox
from segbook.grading.wire import Peer, Unsendable

PASSED, CLAIMED, NOT_YET = "passed", "claimed", "not yet"
PATIENCE = 0.75  # of the time for a check is for each call of an answer, so that its end is reported in time


class Judge:
    """Listens to one submission."""

    def __init__(self, connection: "_Patient", exercises: list[str]):
        self.peer = Peer(connection, trusted=False)
        self.exercises = exercises
        self.verdicts: dict[str, str] = {}
        self.student = ""
        self.notes: list[str] = []
        self.finished = False

    def listen(self) -> str:
        """Judge until the submission ends; returns the status in a few words."""
        try:
            while not self.finished:
                try:
                    self.hear(*self.peer.wait_for("check", "claim", "seed", "note", "end"))
                except Unsendable as error:
                    self.peer.send("unread", str(error)[:200])
        except TimeoutError:
            return "out of time"
        except (EOFError, ConnectionError):
            return "ended early"
        except core.OutOfTime:
            return "stuck in a check"
        except Exception:  # a forged message must not cost the verdicts so far
            return "broke the protocol"
        return "done"

    def hear(self, kind: str, *content) -> None:
        """One message of the submission."""
        if kind == "check":
            name, answers, named = content
            outcome = self.check(name, answers, named)
            self.peer.send("verdict", outcome.passed, outcome.message)
        elif kind == "claim":
            (name,) = content
            if name in self.exercises and self.verdicts.get(name) != PASSED:
                self.verdicts[name] = CLAIMED
        elif kind == "seed":
            self.student = str(content[0])[:100]
            core.seed(self.student)
        elif kind == "note":
            if len(self.notes) < 20:
                self.notes.append(str(content[0])[:300])
        else:
            self.finished = True

    def check(self, name: str, answers: tuple, named: dict) -> core.Outcome:
        """What this process's checker says."""
        if name not in self.exercises:
            raise ValueError(f"there is no exercise {name!r}")
        torch.manual_seed(0)
        outcome = getattr(checks, name)(*answers, **named)
        self.verdicts[name] = PASSED if outcome.passed else NOT_YET
        if self.peer.waiting:  # the alarm came first, and what the other end still sends would be taken for an answer
            raise core.OutOfTime
        return outcome


class _Patient:
    """A socket whose reads end with the deadline, or when the process at the other end has ended."""

    def __init__(self, connection: socket.socket, pid: int, deadline: float):
        self.connection, self.pid, self.deadline = connection, pid, deadline
        self.code: int | None = None  # how the process ended

    def recv(self, most: int) -> bytes:
        while not select.select([self.connection], [], [], 0 if self.ended() else 0.1)[0]:
            if self.ended():
                return b""
            if time.monotonic() > self.deadline:
                raise TimeoutError
        return self.connection.recv(most)

    def sendall(self, data: bytes) -> None:
        self.connection.settimeout(max(self.deadline - time.monotonic(), 0.01))
        self.connection.sendall(data)

    def ended(self) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def why(self) -> str:
        """How the process ended, in a few words; it is given a moment to do so."""
        for _ in range(50):
            if self.ended():
                break
            time.sleep(0.02)
        if self.code is None or self.code == 0:
            return "ended early"
        number = -self.code if self.code < 0 else self.code - 128
        if number == signal.SIGXCPU:
            return "CPU time used up"
        with suppress(ValueError):
            return f"crashed ({signal.Signals(number).name})"
        return f"ended early (exit status {self.code})"


def judge(
    cells: list[str], exercises: list[str], folder: Path, limits: sandbox.Limits, isolated: bool, results: Connection
) -> None:
    """Run a submission in a process of its own, and send what was found: a dict.

    Keys: verdicts (name -> "passed", "claimed" or "not yet"), student, status, notes, seconds.
    """
    began = time.monotonic()
    ours, theirs = socket.socketpair()

    def run() -> None:
        # What else is open leads to the grader: its pipes, and the tracker that deletes what processes share.
        os.closerange(3, theirs.fileno())
        os.closerange(theirs.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
        resource_tracker._resource_tracker.__init__()
        submission(cells, exercises, theirs, limits)

    pid = sandbox.start(run, folder, limits, isolated)
    theirs.close()
    torch.set_num_threads(limits.threads)
    connection = _Patient(ours, pid, began + limits.seconds)
    found = Judge(connection, exercises)
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):  # checkers print
        status = found.listen()
    status = connection.why() if status == "ended early" else status
    sandbox.end(pid)
    keys = ("verdicts", "student", "notes")
    results.send({key: getattr(found, key) for key in keys} | {"status": status, "seconds": time.monotonic() - began})


def submission(cells: list[str], exercises: list[str], connection: socket.socket, limits: sandbox.Limits) -> None:
    """What the submission's process does: run the cells one after another, an error ends its cell only."""
    torch.set_num_threads(limits.threads)
    peer = Peer(connection, trusted=True, seconds=PATIENCE * core.SECONDS)
    stand_ins = {name: _stand_in(peer, getattr(checks, name)) for name in exercises}
    vars(checks).update(stand_ins)
    seed = checks.seed

    def send_seed(name: str) -> None:
        seed(name)
        peer.send("seed", str(name)[:100])

    checks.seed = send_seed
    module = types.ModuleType("__main__")
    module.__dict__.update(__builtins__=builtins, display=lambda *shown: None)
    sys.modules["__main__"] = module
    sys.path.insert(0, "")  # the working folder, as in a notebook
    process = os.getpid()
    for number, cell in enumerate(cells, 1):
        error = None
        try:
            exec(compile(cell, f"cell {number}", "exec"), module.__dict__)
        except BaseException as raised:  # SystemExit and KeyboardInterrupt too
            error = raised
        if os.getpid() != process:  # a copy that the cell made of this process does not go on with the next cell
            os._exit(0)
        if error is not None:
            peer.send("note", f"cell {number} raised {type(error).__name__}: {str(error)[:100]}")
    now = importlib.import_module(checks.__name__)
    if replaced := [name for name, function in stand_ins.items() if getattr(now, name, None) is not function]:
        peer.send("note", f"replaced the checker {', '.join(replaced)}")
    peer.send("end")


def _stand_in(peer: Peer, checker: Callable) -> Callable:
    """A checker that asks the judge."""
    name = checker.__name__

    def check(*answers, **named) -> core.Outcome:
        try:
            peer.send("check", name, answers, named)
            kind, *rest = peer.wait_for("verdict", "unread")
        except Unsendable as error:
            kind, rest = "unread", [str(error)]
        if kind == "verdict" and (rest[0] or "no answer after" in rest[1]):
            core.outcomes[name] = core.Outcome(name, *rest)
            return core.outcomes[name]
        outcome = checker(*answers, **named)
        if outcome.passed:
            peer.send("claim", name)
        return outcome

    return check
