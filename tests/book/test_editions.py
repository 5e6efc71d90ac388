"""Student and instructor editions: nothing of a solution in the one, and in the other solutions that work."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bookbuild import ROOT
from bookbuild.chapters import DEEPER, notebook_files, page_name, read_book
from bookbuild.notebooks.export import export
from bookbuild.notebooks.labels import Library

CHAPTERS = [page_name(path) for path in notebook_files(ROOT)]  # and optional pages

# Runs notebooks, each from its file in a folder, and says which has ended; in the folder lie what was printed and what
# the checkers said after each starter and each solution. What all of them import is imported once: each is a fork.
RUN = """
import json, os, sys, traceback
import torch, torchvision
from matplotlib import pyplot
from segbook import checks, data, figures, losses, models, plot, train
from segbook.checks import core
from segbook.grading.notebook import python

def run(path):
    cells = json.load(open(path, encoding="utf-8"))["cells"]
    cells = [cell for cell in cells if cell["cell_type"] == "code"]
    scope, said = {"__name__": "__main__"}, []
    for number, cell in enumerate(cells, 1):
        core.outcomes.clear()
        exec(compile(python("".join(cell["source"]), number, []), f"cell {number}", "exec"), scope)
        tags = {"exercise", "solution"} & set(cell["metadata"].get("tags", []))
        said += [(tag, [(one.name, one.passed, one.message) for one in core.outcomes.values()]) for tag in tags]
    json.dump(said, open("said.json", "w"))

def start(path, folder):
    pid = os.fork()
    if pid == 0:
        os.chdir(folder)
        sys.path.insert(0, "")
        os.dup2(os.open("printed.txt", os.O_WRONLY | os.O_CREAT), 1)
        os.dup2(1, 2)
        status = 1
        try:
            run(path)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(status)
    return pid

def wait():
    pid, status = os.waitpid(-1, 0)
    print(json.dumps([running.pop(pid), os.waitstatus_to_exitcode(status)]), flush=True)

running = {}
for name, path, folder in json.load(sys.stdin):
    running[start(path, folder)] = name
    if len(running) == 2:
        wait()
while running:
    wait()
"""


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(read_book(ROOT))


@pytest.fixture(scope="module")
def instructor(tmp_path_factory) -> Path:
    """The folder of the instructor edition."""
    folder = tmp_path_factory.mktemp("instructor")
    texts, errors = export(ROOT, "instructor", folder)
    assert not errors, "\n".join(map(str, errors))
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


def pieces(text: str) -> Iterator[str]:
    """Sentences and lines of code, long enough to be told from chance, without their spaces, signs and case.

    A role ends a piece, because the notebook shows what it stands for.
    """
    for line in text.split("\n"):
        for sentence in re.split(r"(?<=[.:;?!]) |\{[a-z:]+\}`[^`]*`", re.sub(r"\s#\s.*", "", line)):
            if len(plain := normalised(sentence)) >= 12:
                yield plain


def normalised(text: str) -> str:
    return re.sub(r"[\s`*\"'|>]", "", text).lower().rstrip(".,:;")


def solutions(library: Library, chapter: str) -> dict[str, str]:
    """The source of each solution of a chapter, by its exercise's label, and under "" the rest of the chapter."""
    found = library.chapters[f"book/{chapter}"]
    lines = found.entry.path.read_text(encoding="utf-8").split("\n")
    texts = {}
    for block in [block for cell in found.cells for block in cell.blocks if block.name == "solution"]:
        start, end = block.node.map
        texts[block.text] = "\n".join(lines[start + 1 : end - 1])
        lines[start:end] = [""] * (end - start)
    return texts | {"": "\n".join(lines)}


def leaks(notebook: str, solution: str, rest: str) -> set[str]:
    """Pieces of a solution that a notebook shows and the chapter does not say elsewhere."""
    notebook, rest = normalised(notebook), normalised(rest)
    return {piece for piece in pieces(solution) if piece in notebook and piece not in rest}


def text(path: Path) -> str:
    return "\n".join("".join(cell["source"]) for cell in cells(path))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_line_of_a_solution_is_in_the_student_edition(library, chapter):
    texts = solutions(library, chapter)
    rest = texts.pop("")
    assert len(texts) == 2 if chapter.startswith(DEEPER) else 4 <= len(texts) <= 8
    student = text(ROOT / "book" / f"{chapter}.ipynb")
    for label, solution in texts.items():
        assert not leaks(student, solution, rest), label
    assert "Solution to" not in student
    assert all("solution" not in cell["metadata"].get("tags", []) for cell in cells(ROOT / "book" / f"{chapter}.ipynb"))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_leak_of_any_solution_would_be_found(library, instructor, chapter):
    """The same search finds every solution in the instructor's notebook and sheet, and one line in a student's."""
    texts = solutions(library, chapter)
    rest = texts.pop("")
    sheet = (instructor / f"{chapter}-solutions.md").read_text(encoding="utf-8")
    student = text(ROOT / "book" / f"{chapter}.ipynb")
    for label, solution in texts.items():
        told = {piece for piece in pieces(solution) if piece not in normalised(rest)}
        assert len(told) >= 2, f"{label}: the solution says nothing of its own"
        for edition in (text(instructor / f"{chapter}.ipynb"), sheet):
            assert len(leaks(edition, solution, rest)) >= 0.9 * len(told), label  # some formulas read otherwise
        for line in solution.split("\n"):
            if told & set(pieces(line)):
                assert leaks(f"{student}\n    {line}   # a slip", solution, rest), line


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_the_sheet_has_each_exercise_with_its_number_and_title(library, instructor, chapter):
    sheet = (instructor / f"{chapter}-solutions.md").read_text(encoding="utf-8")
    titles = re.findall(r"^## (Exercise [\d.]+): \S", sheet, re.MULTILINE)
    number = "" if chapter.startswith(DEEPER) else f"{int(chapter[:2])}."
    assert titles == [f"Exercise {number}{i}" for i in range(1, len(solutions(library, chapter)))]
    assert not re.search(r"\{[a-z:]+\}`|^:[a-z]+:", sheet, re.MULTILINE), "raw MyST"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_each_starter_is_followed_by_its_folded_solution_and_the_same_check(instructor, chapter):
    notebook = cells(instructor / f"{chapter}.ipynb")
    starters = [i for i, cell in enumerate(notebook) if "exercise" in cell["metadata"].get("tags", [])]
    for i in starters:
        told, solution = notebook[i + 1], notebook[i + 2]
        assert "".join(told["source"]).startswith("<details>\n<summary><b>Solution to Exercise")
        assert solution["metadata"] == {"jupyter": {"source_hidden": True}, "tags": ["solution"]}
        call = re.findall(r"^checks\.\w+", "".join(notebook[i]["source"]), re.MULTILINE)
        assert call and re.findall(r"^checks\.\w+", "".join(solution["source"]), re.MULTILINE) == call


@pytest.fixture(scope="module")
def ended(request, instructor, tmp_path_factory) -> Iterator[Callable[[str], tuple[int, Path]]]:
    """Runs each instructor's notebook that is to be tested, two at a time; waits for one: (exit status, folder)."""
    wanted = " ".join(item.name for item in request.session.items)
    folders = {
        name: tmp_path_factory.mktemp(name.replace("/", "-")) for name in CHAPTERS if f"passes[{name}]" in wanted
    }
    environment = os.environ | {"SEGBOOK_QUICK": "1", "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(ROOT / "code")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    statuses: dict[str, int] = {}
    with subprocess.Popen([sys.executable, "-c", RUN], env=environment, **pipes) as process:
        json.dump([(name, f"{instructor}/{name}.ipynb", str(folders[name])) for name in folders], process.stdin)
        process.stdin.close()

        def wait(name: str) -> tuple[int, Path]:
            while name not in statuses:
                line = process.stdout.readline()
                assert line, "the process that runs the notebooks has failed"
                statuses.update([json.loads(line)])
            return statuses[name], folders[name]

        yield wait
        process.kill()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_cell_runs_each_starter_fails_and_each_solution_passes(ended, chapter):
    """The whole notebook as a reader would run it, with few training steps."""
    status, folder = ended(chapter)
    assert status == 0, (folder / "printed.txt").read_text()[-2000:]
    said = json.loads((folder / "said.json").read_text())
    assert [tag for tag, _ in said] == ["exercise", "solution"] * (len(said) // 2) and said
    wrong = []
    for number, (tag, outcomes) in enumerate(said):
        if len(outcomes) != 1:
            wrong.append(f"exercise {number // 2 + 1}: {len(outcomes)} checks in the {tag}'s cell")
        wrong += [f"{tag}: {name}: {message}" for name, passed, message in outcomes if passed != (tag == "solution")]
    assert not wrong, "\n".join(wrong)
