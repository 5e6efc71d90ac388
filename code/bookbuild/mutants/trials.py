"""Mutants of one chapter's solutions, each put to its checker in a process of its own."""

import ast
import hashlib
import json
import math
import os
import random
import resource
import runpy
import select
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bookbuild.mutants.mutate import Mutant, mutants, solution, values
from segbook import checks
from segbook.checks import core
from segbook.grading.notebook import python

MOST = 20  # mutants of an exercise; of more, a sample
SECONDS = 5  # of CPU time for a mutant, beyond twenty times that of the solution
MEMORY = 6 * 2**30  # bytes
# checker: the names in its call that are measured
MEASURED = {
    "seconds_apart": ("dense", "depthwise"),
    "skip_in_place": ("aligned", "miou_in_place", "miou_32s", "miou_8s", "share"),
    "paired_errors": ("difference", "error_paired", "error_separate"),
    "capstone_from_photos": ("my_network", "my_logits", "my_dice"),
}
CLOCKS = ("seconds_apart",)  # of these not even the values are changed: any time is possible
# Here a slice of the solution would miss something: what it changes goes by another name.
WHOLE = ("dilated_bell",)


@dataclass
class Exercise:
    """A solution's cell, taken apart."""

    checker: str
    call: str  # as the starter cell writes it
    code: str  # the solution, as it is printed
    answers: tuple[str, ...]  # names in the call that the solution makes and nobody measures

    def tree(self) -> ast.Module:
        return solution(self.code, None if self.checker in WHOLE else self.answers)

    def mutants(self) -> list[Mutant]:
        """A sample that is the same every time."""
        found = mutants(self.tree(), self.code)
        if len(found) > MOST:
            chosen = sorted(random.Random(self.checker).sample(range(len(found)), MOST))
            found = [found[i] for i in chosen]
        return found


@dataclass
class Verdict:
    """What became of one mutant."""

    chapter: str
    checker: str
    name: str
    kind: str  # "code" or "values"
    said: str  # "same", "survived", "refused", "raised", "no end"; "broken": the unchanged solution does not pass


def exercise(source: str) -> Exercise:
    """Read the cell of a solution, which ends with the checker's call."""
    node = ast.parse(source).body[-1]
    call = ast.get_source_segment(source, node)
    checker = node.value.func.attr
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)} - {"checks"}
    code = "\n".join(source.splitlines()[: node.lineno - 1])
    return Exercise(checker, call, code, tuple(sorted(names - set(MEASURED.get(checker, ())))))


def exercises(path: Path) -> Iterator[Exercise]:
    """The exercises of an instructor's notebook."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if "solution" in cell["metadata"].get("tags", []):
            yield exercise("".join(cell["source"]))


def attempt(code: str, one: Exercise, scope: dict) -> str:
    """Run a mutant and then its check; "survived" if the checker is satisfied, and behind it a print of the answers."""
    core.outcomes.clear()
    scope = dict(scope)
    try:
        exec(compile(code, "mutant", "exec"), scope)
        printed = fingerprint([scope[name] for name in one.answers])
        exec(compile(one.call, "check", "exec"), scope)
    except Exception:
        return "raised"
    return f"{'survived' if all(outcome.passed for outcome in core.outcomes.values()) else 'refused'} {printed}"


def fingerprint(answers: Any) -> str:
    """The same for answers of the same value, whatever their type; empty if a function or a network is among them."""
    if isinstance(answers, dict):
        answers = [part for item in sorted(answers.items(), key=str) for part in item]
    if isinstance(answers, list | tuple | set):
        parts = [fingerprint(part) for part in answers]
        return hashlib.sha256("/".join(parts).encode()).hexdigest() if all(parts) else ""
    if isinstance(answers, str):
        return f"text {answers}"
    if isinstance(answers, torch.Tensor):
        answers = answers.detach().numpy()
    if isinstance(answers, int | float | np.ndarray | np.generic):
        values = np.asarray(answers, dtype=np.float64)
        return f"{values.shape} {hashlib.sha256((values.round(9) + 0.0).tobytes()).hexdigest()}"
    return ""


def in_a_fork(run: Callable[[], str], seconds: float) -> str:
    """What a function says in a copy of this process, "raised" if that crashes, "no end" if it takes longer.

    Args:
        seconds: of CPU time; twenty times as long by the clock, for a busy machine.
    """
    here, there = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 1))
            os.write(there, run().encode())
        finally:
            os._exit(0)
    os.close(there)
    ended = select.select([here], [], [], 20 * seconds)[0]
    said = os.read(here, 200).decode() if ended else ""
    os.close(here)
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    out_of_time = not ended or os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU
    return said or ("no end" if out_of_time else "raised")


def judge(one: Exercise, scope: dict, folder: Path) -> Iterator[tuple[str, str]]:
    """(name, what was said) of each mutant. The scope is that behind the starter cell, and runs on to the solution."""

    def finish() -> None:
        exec(compile(f"{one.code}\n{one.call}", "solution", "exec"), scope)

    before = dict(scope)
    measured = MEASURED.get(one.checker, ())
    if measured:
        finish()
        before |= {name: scope[name] for name in measured}
    files = set(folder.rglob("*"))
    limit, printed = 60.0, ""
    whole = ast.unparse(one.tree())
    for mutant in [Mutant("", whole), *one.mutants()] if one.answers else []:
        began = sum(os.times()[2:4])  # of children
        said, _, print_ = in_a_fork(lambda code=mutant.code: attempt(code, one, before), limit).partition(" ")
        for path in set(folder.rglob("*")) - files:
            if path.is_file():
                path.unlink()
        if mutant.name:
            yield mutant.name, "same" if printed and print_ == printed else said
        else:
            printed, limit = print_, SECONDS + 20 * (sum(os.times()[2:4]) - began)
            if said != "survived":
                yield "the solution itself", "broken"
    if not measured:
        finish()


def short_name(path: Path) -> str:
    """What a page is called in the report and on the command line: a chapter by its number, "04"."""
    return path.stem[:2] if path.stem[:2].isdecimal() else path.stem


def run_chapter(path: Path) -> None:
    """Run a notebook's cells and judge the mutants between them; prints a line of JSON for each."""
    results = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    torch.set_num_threads(1)
    scope: dict = {"__name__": "__main__"}
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        source = python("".join(cell["source"]), 1, [])
        if "solution" not in cell["metadata"].get("tags", []):
            exec(compile(source, path.stem, "exec"), scope)
            continue
        one = exercise(source)
        for name, said in judge(one, scope, Path(tempfile.gettempdir())):
            print(json.dumps(asdict(Verdict(short_name(path), one.checker, name, "code", said))), file=results)


def run_values(chapter: str, answers_file: Path) -> None:
    """Judge changed values of a chapter's measured answers; prints as `run_chapter`.

    Args:
        answers_file: Python, with RIGHT: (checker, right answers) pairs.
    """
    table = runpy.run_path(str(answers_file))["RIGHT"]
    for checker in sorted({one for one, _ in table} & set(MEASURED) - set(CLOCKS)):
        judged = getattr(checks, checker)
        for answers in [list(row) for one, row in table if one == checker][:1]:
            measured = [i for i, name in enumerate(signature(judged).parameters) if name in MEASURED[checker]]
            for what, changed in values(answers, measured):
                with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
                    said = "survived" if judged(*changed).passed else "refused"
                print(json.dumps(asdict(Verdict(chapter, checker, what, "values", said))), flush=True)
