"""How much do the checkers notice? Small mistakes are made in the model solutions, and each is put to its checker.

    python -m bookbuild.mutants.run --answers DIR               # all chapters; fails under 95 per cent
    python -m bookbuild.mutants.run 02 04 --jobs 1 --answers DIR

Two kinds of mutants:

- *code*: the part of a solution that makes the answers, with one change (see `mutate`), runs where the reader's answer
  would run: behind the chapter's cells (SEGBOOK_QUICK=1), in a process of its own. The solution's own asserts are left
  out, so that nothing but the checker judges.
- *values*: an answer in MEASURED comes from a training, from a trained network's scores or from a clock. Its making
  is not mutated (that would be a training a mutant, and with few steps the scores mean nothing); instead the first
  right answers in DIR, one file a chapter, are changed, a number at a time.

A mutant is killed if its checker says "not yet", if it raises before, or if it does not end. A change that leaves all
answers what they were, found by comparing them, is no mutant and is not counted. Mutants that leave an answer right
in another way are listed in EQUIVALENT, each with its reason.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml
from tqdm import tqdm

from bookbuild import ROOT
from bookbuild.chapters import notebook_files
from bookbuild.mutants.trials import MEASURED, Verdict, exercises, run_chapter, run_values, short_name
from bookbuild.notebooks.export import export

EQUIVALENT = Path(__file__).with_name("equivalent.yaml")
NEEDED = 0.95  # of the mutants are to be killed
ALLOWED = 0.10  # of them may be equivalent


def in_a_process(arguments: Sequence[str], folder: Path, quick: bool, heard: Callable[[Verdict], None]) -> None:
    """Run this module again, with few training steps or all, and hand on what it finds.

    Raises:
        RuntimeError: it failed.
    """
    environment = os.environ | {"MPLBACKEND": "agg", "OMP_NUM_THREADS": "1", "TMPDIR": str(folder)}
    environment |= {"PYTHONPATH": str(ROOT / "code"), "SEGBOOK_QUICK": "1" if quick else ""}
    command = [sys.executable, "-m", "bookbuild.mutants.run", *arguments]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=folder, env=environment, **pipes) as process:
        errors: list[str] = []
        reader = threading.Thread(target=lambda: errors.extend(process.stderr))  # or a full pipe would stop it
        reader.start()
        for line in process.stdout:
            heard(Verdict(**json.loads(line)))
        reader.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{''.join(errors[-20:])}")


def notebooks(folder: Path, chapters: Iterable[str]) -> list[Path]:
    """Write the instructor's notebooks of these pages, by their short names.

    Raises:
        RuntimeError: a chapter has faults.
    """
    wanted = set(chapters)
    texts, errors = export(ROOT, "instructor", folder)
    if errors:
        raise RuntimeError("\n".join(map(str, errors)))
    paths = sorted(path for path in texts if path.suffix == ".ipynb" and short_name(path) in wanted)
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_text(texts[path], encoding="utf-8")
    return paths


def find(paths: Sequence[Path], answers: Path, jobs: int, heard: Callable[[Verdict], None]) -> None:
    """Judge the mutants of these notebooks, several at a time."""
    with ThreadPoolExecutor(jobs) as pool:
        running = []
        for path in paths:
            folder = path.with_suffix("")
            folder.mkdir()
            running.append(pool.submit(in_a_process, ["--run", str(path)], folder, True, heard))
            name = path.stem.removeprefix(f"{short_name(path)}-").replace("-", "_")
            told = ["--values", short_name(path), str(answers / f"{name}.py")]
            running.append(pool.submit(in_a_process, told, folder, False, heard))
        for one in running:
            one.result()


def report(verdicts: Sequence[Verdict], equivalent: dict[str, dict[str, str]]) -> bool:
    """Print what survived and the shares by chapter; returns whether they are good enough.

    Args:
        equivalent: checker -> mutant's name -> reason.
    """
    counts: dict[str, Counter] = {}
    asked = {one.checker for one in verdicts}
    unused = {(checker, name) for checker, names in equivalent.items() if checker in asked for name in names}
    faults = [f"{one.checker}: the solution itself does not pass" for one in verdicts if one.said == "broken"]
    for one in sorted(verdicts, key=lambda one: one.chapter):
        excused = one.said == "survived" and one.name in equivalent.get(one.checker, {})
        unused -= {(one.checker, one.name)} if excused else set()
        if one.said == "survived" and not excused:
            print(f"survived  {one.chapter} {one.checker}: {one.name}")
        if one.said != "broken":
            counts.setdefault(one.chapter, Counter())["equivalent" if excused else one.said] += 1
    faults += [
        f"{checker}: on the list of equivalent ones, and no survivor: {name}" for checker, name in sorted(unused)
    ]
    same = sum(count.pop("same", 0) for count in counts.values())
    print("\nchapter  mutants  refused  raised  no end  equivalent  survived  killed")
    total = sum(counts.values(), Counter())
    for name, count in [*counts.items(), ("all", total)]:
        columns = [count.total(), *(count[key] for key in ("refused", "raised", "no end", "equivalent", "survived"))]
        print("{:7}  {:7}  {:7}  {:6}  {:6}  {:10}  {:8}  {:6.1%}".format(name, *columns, killed(count)))
    print(f"\nrefused: by the checker. Not counted: {same} changes that left all answers what they were.")
    print(f"Not mutated: what makes the measured answers of {len(MEASURED)} exercises (trainings, scores of trained")
    print("networks, clocks); the values of all but the clocks are changed instead.")
    print(*faults, sep="\n")
    return killed(total) >= NEEDED and total["equivalent"] <= ALLOWED * total.total() and not faults


def equivalents() -> dict[str, dict[str, str]]:
    """checker -> mutant's name -> reason."""
    listed = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8"))
    return {
        checker: {name: group["reason"] for group in groups for name in group["mutants"]}
        for checker, groups in listed.items()
    }


def killed(count: Counter) -> float:
    """Share of the mutants that are not equivalent."""
    return 1 - count["survived"] / max(1, count.total() - count["equivalent"])


def main(arguments: Sequence[str] | None = None) -> int:
    chapters = [short_name(path) for path in notebook_files(ROOT)]
    parser = argparse.ArgumentParser(description="Make small mistakes in the solutions and count what is noticed.")
    parser.add_argument("chapters", nargs="*", default=chapters, help="02 04, or optional pages by name; all without")
    parser.add_argument("--jobs", type=int, default=2, help="chapters at a time (default 2)")
    parser.add_argument("--answers", type=Path, help="folder of right answers, one Python file a chapter")
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)  # what each process is told
    parser.add_argument("--values", nargs=2, help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.run:
        run_chapter(chosen.run)
        return 0
    if chosen.values:
        run_values(chosen.values[0], Path(chosen.values[1]))
        return 0
    if chosen.answers is None:
        parser.error("say with --answers where the right answers of the measured exercises are")
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = notebooks(Path(folder), chosen.chapters)
        total = sum(len(one.mutants()) for path in paths for one in exercises(path))
        with tqdm(total=total, desc="mutants") as bar:

            def heard(verdict: Verdict) -> None:
                verdicts.append(verdict)
                bar.update(verdict.kind == "code")  # the others take no time

            find(paths, chosen.answers.resolve(), chosen.jobs, heard)
    return 0 if report(verdicts, equivalents()) else 1


if __name__ == "__main__":
    sys.exit(main())
