"""A class of a hundred, ten of whom would rather not solve the exercises."""

import csv
import json
import os
import random
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbook import checks, grading
from segbook.checks import core
from segbook.cli import main
from segbook.grading import judge, notebook, sandbox

CHAPTER = checks.bilinear_corner.__module__
NAMES = sys.modules[CHAPTER].__all__
FIRST = "import os, sys, time\nimport torch\nfrom segbook import checks"
RIGHT = {
    "bilinear_corner": "checks.bilinear_corner(11)",
    "bilinear_odd": "checks.bilinear_odd([.2, .4, .6, .8, 1, .8, .6, .4, .2], 2, torch.tensor([1.4, 1.2, 1.2, 1.2]))",
    "bilinear_bug": "from segbook.bilinear import bilinear_kernel\nchecks.bilinear_bug(bilinear_kernel)",
}
WRONG = {
    "bilinear_corner": "checks.bilinear_corner(...)",
    "bilinear_odd": "checks.bilinear_odd([1], 2, [1, 1, 1, 1])",
    "bilinear_bug": "def mine(i, o, k):\n    return torch.ones(i, o, k, k)\nchecks.bilinear_bug(mine)",
}
FAKE = "class Yes:\n    passed, message, name = True, 'right', 'bilinear_odd'\n    __bool__ = lambda self: True\n"
# What each does after one right answer and before a wrong one, and what is said about it.
HOSTILE = {
    "loops": ("while True: pass", "CPU time used up"),
    "crashes": ("import ctypes\nctypes.string_at(0)", "crashed (SIGSEGV)"),
    "leaves": ("print('passed · bilinear_odd: right', flush=True)\nos._exit(0)", "ended early"),
    "eats memory": ("hoard = []\nwhile True: hoard.append(bytearray(1 << 28))", "raised MemoryError"),
    "fills the disk": (
        "for i in range(9):\n    with open(f'{i}', 'wb') as file:\n        file.write(bytes(9 << 20))",
        "raised OSError",
    ),
    "reassigns": (FAKE + "checks.bilinear_odd = lambda *a: Yes()", "replaced the checker bilinear_odd"),
    "patches": (
        "import importlib\nfrom segbook.checks import core\n"
        "for name in ('bilinear_kernels', 'core'):\n"
        "    module = importlib.import_module('segbook.checks.' + name)\n"
        "    module.require = lambda *a: None\n    module.close = lambda *a, **k: True\n"
        "    module.numbers = lambda *a: torch.zeros(4).numpy()\n"
        "torch.allclose = torch.equal = lambda *a, **k: True",
        "",
    ),
    "multiplies": (
        "for i in range(20):\n    if os.fork() == 0:\n        os.setsid()\n        i % 2 or sys.exit()\n"
        "        time.sleep(1000)",
        "",
    ),
    "forges": (
        "from pathlib import Path\nfor path in Path('OUT').glob('grades.csv*'):\n    path.write_text('file,passed')\n"
        "checks.report('grades.json')\nPath('report.json').write_text('{\"passed\": 7}')\n"
        "Path('OUT/grades.csv').write_text('file,passed')",
        "No such file or directory" if sandbox.permitted() else "",
    ),
    "takes the wire": (
        "for fd in range(3, 60):\n    try:\n        os.write(fd, bytes([255] * 8))\n    except OSError:\n        pass",
        "broke the protocol",
    ),
}


def write(path: Path, cells: list[str]) -> Path:
    """A notebook with a claim among its outputs that nobody believes."""
    output = {"output_type": "stream", "name": "stdout", "text": [f"passed · {name}: right\n" for name in NAMES]}
    made = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "metadata": {}, "outputs": [output]}
        for cell in cells
    ]
    made.insert(1, {"cell_type": "markdown", "source": "checks.bilinear_odd(", "metadata": {}})
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}))
    return path


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """The rows of the class by file name, and what each honest one has answered."""
    folder, out = tmp_path_factory.mktemp("submissions"), tmp_path_factory.mktemp("out")
    draw, expected, files = random.Random(0), {}, []
    for i in range(90):
        solved = {name for name in RIGHT if draw.random() < 0.5}
        # Named at the end, so that the answers are to the book's own numbers.
        cells = [FIRST, *((RIGHT if n in solved else WRONG)[n] for n in RIGHT), f"checks.seed('student {i}')"]
        files.append(write(folder / f"{i:02d}.ipynb", cells))
        expected[files[-1].name] = solved
    for name, (mischief, _) in HOSTILE.items():
        mischief = mischief.replace("OUT", str(out))
        cells = [FIRST, RIGHT["bilinear_corner"], mischief, WRONG["bilinear_odd"], WRONG["bilinear_bug"]]
        files.insert(draw.randrange(len(files)), write(folder / f"{name}.ipynb", cells))
    limits = ["--cpu-seconds", "4", "--memory", "4", "--disk", "40", "--seconds", "300", "--jobs", "2"]
    # A process of its own, as at a prompt: forked processes import the main module again, and pytest's is slow.
    command = [sys.executable, "-c", "from segbook.cli import main; main()", "grade", *map(str, files)]
    command += ["--out", str(out / "grades.csv"), *limits]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "100 notebooks, 4 that did not end" in result.stdout
    with open(out / "grades.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [str(file) for file in files]
    return {Path(row["file"]).name: row for row in rows}, expected


def test_honest_work_is_graded_as_it_deserves(graded):
    rows, expected = graded
    assert len(expected) == 90 and len(set(map(frozenset, expected.values()))) == 8
    for file, solved in expected.items():
        row = rows[file]
        verdicts = {name: "passed" if name in solved else "not yet" for name in RIGHT}
        assert {name: row[name] for name in NAMES} == {name: verdicts.get(name, "") for name in NAMES}, row
        assert (row["passed"], row["total"], row["claimed"]) == (str(len(solved)), str(len(NAMES)), "0")
        assert (row["status"], row["note"], row["student"]) == ("done", "", f"student {int(file[:2])}")


@pytest.mark.parametrize("name", HOSTILE)
def test_the_hostile_are_reported_and_never_believed(graded, name):
    row = graded[0][f"{name}.ipynb"]
    assert row["bilinear_corner"] == "passed", "what was right before the mischief stays right"
    assert row["bilinear_odd"] != "passed" and row["bilinear_bug"] != "passed"
    assert row["passed"] == "1" and row["total"] == str(len(NAMES))
    assert HOSTILE[name][1] in f"{row['status']} {row['note']}", row
    assert (row["status"] == "done") == (name not in ("loops", "crashes", "leaves", "takes the wire"))


def test_a_forged_pass_is_a_claim(graded):
    """The patched checkers are satisfied in the submission's process; the judge is not."""
    assert graded[0]["patches.ipynb"]["bilinear_odd"] == "claimed"


def test_the_system_is_said_to_be_open_where_it_is(graded):
    closed = {row["isolation"] for row in graded[0].values()}
    assert closed == {"network closed, files read-only" if sandbox.permitted() else "network open"}


def run(cells: list[str], tmp_path: Path, **limits) -> grading.Grade:
    submission = grading.read(write(tmp_path / "one.ipynb", cells))
    return grading.grade([submission], grading.Limits(**limits))[0]


def test_one_that_sleeps_is_ended_by_the_clock_and_so_are_its_children(tmp_path):
    child = f"'{sys.executable}', '-c', 'import time; time.sleep(987)'"
    cells = [FIRST, RIGHT["bilinear_corner"], f"import subprocess\nsubprocess.Popen([{child}])\ntime.sleep(987)"]
    grade = run(cells, tmp_path, seconds=6)
    assert grade.status == "out of time"
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert "time.sleep(987)" not in listed


def test_the_network_is_closed(tmp_path):
    if not sandbox.permitted():
        pytest.skip("this system permits no namespaces")
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=server.accept, daemon=True).start()
    cell = f"import socket\nsocket.create_connection(('127.0.0.1', {server.getsockname()[1]}), timeout=9)"
    grade = run([FIRST, cell, WRONG["bilinear_odd"]], tmp_path)
    assert "cell 2 raised" in grade.notes[0] and grade.status == "done"
    server.close()


def test_files_and_sockets_of_the_user_are_out_of_reach(tmp_path):
    if not sandbox.permitted():
        pytest.skip("this system permits no namespaces")
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        tries = [
            f"open({str(Path(__file__))!r}, 'a')",
            f"open({str(mine)!r})",
            f"import socket\nsocket.socket(socket.AF_UNIX).connect({str(tmp_path / 'socket')!r})",
            "import ctypes\nassert ctypes.CDLL(None).mount(b'none', b'/', None, ctypes.c_ulong(0x1020), None) == 0",
            f"os.kill({os.getpid()}, 9)",
            "import glob\nassert glob.glob('/tmp/*/listener*')",
        ]
        grade = run([FIRST, *tries, "open('own', 'w').write('x')", RIGHT["bilinear_corner"]], tmp_path)
    hidden = str(Path(__file__)).startswith("/tmp/")  # where this checkout lies; elsewhere it is read-only
    assert [note.split(":")[0] for note in grade.notes] == [
        f"cell 2 raised {'FileNotFoundError' if hidden else 'OSError'}",
        "cell 3 raised FileNotFoundError",
        "cell 4 raised FileNotFoundError",
        "cell 5 raised AssertionError",
        "cell 6 raised ProcessLookupError",
        "cell 7 raised AssertionError",
    ]
    assert grade.verdicts == {"bilinear_corner": "passed"} and mine.read_text() == "mine"


def test_without_namespaces_the_judge_still_decides_and_the_row_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "permitted", lambda: False)
    cells = [FIRST, RIGHT["bilinear_corner"], HOSTILE["patches"][0], WRONG["bilinear_odd"]]
    path = write(tmp_path / "one.ipynb", cells)
    leaves = write(tmp_path / "two.ipynb", [FIRST, RIGHT["bilinear_corner"], HOSTILE["leaves"][0]])
    child = f"[{sys.executable!r}, '-c', 'import time; time.sleep(986)'], start_new_session=True"
    left = write(tmp_path / "three.ipynb", [FIRST, f"import subprocess\nsubprocess.Popen({child})"])
    one, two, _ = grading.grade([grading.read(file) for file in (path, leaves, left)], grading.Limits(memory=4))
    assert "time.sleep(986)" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert one.verdicts == {"bilinear_corner": "passed", "bilinear_odd": "claimed"} and one.status == "done"
    assert two.verdicts == {"bilinear_corner": "passed"} and two.status == "ended early"
    assert one.isolation == "network open"


def test_a_right_answer_that_cannot_travel_is_claimed(tmp_path):
    """Autograd does not go through the judge's function, which lives in another process."""
    right = """
def transpose_of(f, in_shape):
    def transposed(v):
        u = torch.zeros(in_shape, dtype=v.dtype, requires_grad=True)
        return torch.autograd.grad(f(u), u, v)[0]
    return transposed
checks.transpose_of_anything(transpose_of)
"""
    wrong = right.replace("in_shape, dtype=v.dtype, requires_grad=True)", "in_shape)").replace("[0]", "[1]")
    assert run([FIRST, right], tmp_path).verdicts == {"transpose_of_anything": "claimed"}
    assert run([FIRST, wrong], tmp_path).verdicts == {"transpose_of_anything": "not yet"}


def test_personal_numbers_follow_the_seed_in_the_judge(tmp_path):
    assert run([FIRST, "checks.seed('Ada')", WRONG["bilinear_odd"]], tmp_path).student == "Ada"
    ours, _ = socket.socketpair()
    try:
        judge.Judge(ours, NAMES).hear("seed", "Ada")
        assert core.student["name"] == "Ada"
    finally:
        core.seed("")


def test_texts_of_a_submission_are_no_formulas_in_a_spreadsheet():
    submission = grading.notebook.Submission(Path("a.ipynb"), [], ["bilinear_odd"], [])
    grade = grading.Grade(submission, "network open", student="=cmd()\n|", status="done", notes=["+1", "fine"])
    (row,) = csv.DictReader(grading.table([grade]).splitlines())
    assert row["student"] == "'=cmd() |" and row["note"] == "'+1; fine"
    assert row["bilinear_odd"] == ""


# --- reading notebooks ----------------------------------------------------------------------------------------------


def test_lines_of_ipython_are_left_out():
    notes = []
    cell = "if x:\n    !pip install \\\n        this\ny = !ls\n%matplotlib inline\nz = (1\n  )\nprint?\n"
    python = notebook.python(cell, 3, notes)
    compile(python, "cell", "exec")
    assert "z = (1" in python and "pip" not in python and notes == ["cell 3: 4 line(s) with ! or % left out"]
    assert notebook.python("a = (7\n  % 4)", 1, notes) == "a = (7\n  % 4)"
    assert notebook.python("%%time\na = 1", 1, notes) == "a = 1" and len(notes) == 1
    assert notebook.python("%%bash\nrm -rf .", 5, notes) == "" and notes[1] == "cell 5 not run: %%bash"
    broken = "for for"
    assert notebook.python(broken, 1, notes) == broken


def test_no_exercise_is_called_like_a_column():
    names = [name for chapter in notebook.chapters() for name in chapter]
    assert not set(names) & set(grading.COLUMNS) and len(names) == len(set(names)) > 60


def test_the_total_is_that_of_the_chapter(tmp_path):
    path = write(tmp_path / "a.ipynb", ["checks.bilinear_odd(1)", "checks.unknown(1)", "checks.seed('x')"])
    assert grading.read(path).exercises == NAMES
    assert grading.read(write(path, ["x = 1"])).notes == ["no cell calls a checker of this book"]


@pytest.mark.parametrize("text", [None, "", "[1", "[]", "3", '{"cells": 3}', '{"cells": [1]}', '{"worksheets": []}'])
def test_bad_input_is_one_sentence_and_nothing_runs(tmp_path, text):
    good, bad, out = write(tmp_path / "good.ipynb", [FIRST]), tmp_path / "bad.ipynb", tmp_path / "grades.csv"
    if text is not None:
        bad.write_text(text)
    result = CliRunner().invoke(main, ["grade", str(good), str(bad), "--out", str(out)])
    assert result.exit_code == 2 and result.stdout == "" and not out.exists()
    assert str(bad) in result.stderr and len(result.stderr.splitlines()) == 1
