"""A class whose files are not all notebooks, and whose notebooks are not all friendly."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from segbook import checks, grading
from segbook.checks import core
from segbook.cli import main
from segbook.grading import Grade, Sandbox, notebook, sandbox

needs_bubblewrap = pytest.mark.skipif(
    os.environ.get("SEGBOOK_STRICT") != "1"
    and subprocess.run("bwrap --unshare-all --ro-bind / / true", shell=True, capture_output=True).returncode != 0,
    reason="bubblewrap is missing, or may not make namespaces",
)

NAMES = notebook.asked(["checks.bilinear_odd"])
FIRST = "import os, sys, time\nimport torch\nfrom segbook import checks"
ODD = "[.2, .4, .6, .8, 1, .8, .6, .4, .2], 2, torch.tensor([1.4, 1.2, 1.2, 1.2])"
# Each cell with the beginning of the note on it: one broken answer costs one exercise.
CELLS = [
    (
        "import os, sys, time\nimport torch\nfrom segbook import checks\n!pip install nothing",
        "cell 1: 1 line(s) with !",
    ),
    ("checks.seed('Ada')\nEXPLORED", ""),
    ("checks.bilinear_corner(...)", ""),
    ("checks.seed('Emmy')", "cell 4 raised ValueError: a notebook has one name"),
    ("sys.exit(0)", "cell 5 raised SystemExit: 0"),
    ("for for", "cell 6 raised SyntaxError"),
    ("hoard = []\nwhile True: hoard.append(bytearray(1 << 22))", "cell 7 raised MemoryError"),
    ("store = []\nwhile True: store.append(torch.zeros(1 << 25))", "cell 8 raised RuntimeError"),
    ("try:\n    time.sleep(999)\nexcept BaseException: pass", ""),
    ("while True: pass", "cell 10 was stopped after 4 s"),
    ("class Shy(Exception):\n    def __str__(self):\n        while True: pass\nraise Shy", "cell 11 raised Shy"),
    ("raise ValueError('x' * 10**8)", "cell 12 raised ValueError: xxx"),
    (
        "for i in range(5):\n    if os.fork() == 0:\n        os.setsid()\n        if i % 2: sys.exit()\n        break",
        "",
    ),
    ("class Huge:\n    def __repr__(self): return 'y' * 10**8\nchecks.bilinear_hand(Huge())", ""),
    ("def gone(*sizes): sys.exit()\nchecks.bilinear_bug(gone)", ""),
    ("print('z' * 10**7)\nos.write(1, b'[]')\nos.system('echo hello')\ninput()", "cell 16 raised EOFError"),
    ("import segbook.checks\nassert segbook.checks.bilinear_odd(ODD)", ""),
    (
        "torch.zeros(1 << 26) # room again\nfrom segbook.checks import bilinear_odd\nassert bilinear_odd(ODD)",
        "",
    ),
]
# From a cell: descriptors, processes and files; test_sandbox looks for more.
EXPLORED = """
assert len(os.listdir('/proc/self/fd')) == 4, os.listdir('/proc/self/fd')  # the three, and the listing itself
assert len([name for name in os.listdir('/proc') if name.isdigit()]) == 2
assert not os.path.exists(PLACE) and os.getcwd() == '/tmp'
import resource
limits = {'CPU': 600, 'AS': 4 << 30, 'FSIZE': 1 << 30, 'CORE': 0, 'NPROC': 512}
for limit, most in limits.items():
    assert resource.getrlimit(getattr(resource, 'RLIMIT_' + limit)) == (most, most + 5), limit
try:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
except ValueError:
    pass
else:
    raise AssertionError('a limit was lifted')
"""
PATCHED = """
from segbook.checks import bilinear_kernels
bilinear_kernels.require = lambda *a: None
bilinear_kernels.close = lambda *a, **k: True
bilinear_kernels.numbers = lambda *a: torch.zeros(4).double().numpy()
checks.bilinear_odd([1], 2, [1, 1, 1, 1])
"""


def write(path: Path, cells: list[str]) -> Path:
    """A notebook with a claim among its outputs that nobody believes."""
    output = {"output_type": "stream", "name": "stdout", "text": [f"passed · {name}: right\n" for name in NAMES]}
    made = [
        {"cell_type": "code", "source": cell.splitlines(keepends=True), "metadata": {}, "outputs": [output]}
        for cell in cells
    ]
    made.insert(1, {"cell_type": "markdown", "source": "checks.holes(", "metadata": {}})
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": made}))
    return path


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> dict[str, dict[str, str]]:
    """The rows of a class by file name."""
    folder, out = tmp_path_factory.mktemp("submissions"), tmp_path_factory.mktemp("out") / "grades.csv"
    good = [
        cell.replace("ODD", ODD).replace("EXPLORED", EXPLORED.replace("PLACE", repr(str(out)))) for cell, _ in CELLS
    ]
    write(folder / "broken answers.ipynb", good)
    text = (folder / "broken answers.ipynb").read_text()
    leaves = "print('passed · bilinear_corner: right', flush=True)\nos._exit(0)"
    cells = [
        FIRST,
        f"checks.bilinear_odd({ODD})",
        PATCHED,
        "checks.bilinear_bug(...)",
        leaves,
        "checks.bilinear_bug(1)",
    ]
    mark = write(folder / "mark.ipynb", cells)
    mark.write_bytes(b"\xef\xbb\xbf" + mark.read_bytes())
    (folder / "folder.ipynb").mkdir()
    os.mkfifo(folder / "pipe.ipynb")
    (folder / "device.ipynb").symlink_to("/dev/zero")
    (folder / "link.ipynb").symlink_to(mark)
    (folder / "no json.ipynb").write_text(text[:-1])
    (folder / "utf-16.ipynb").write_text(text, encoding="utf-16")
    (folder / "format 3.ipynb").write_text('{"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": []}]}')
    with open(folder / "huge.ipynb", "wb") as file:
        file.truncate(100 << 20)
    files = sorted(map(str, folder.iterdir()))
    limits = ["--seconds", "300", "--cell-seconds", "4", "--memory", "4", "--jobs", "2"]
    files += ["/dev/zero", str(folder / "missing.ipynb")]
    result = CliRunner().invoke(main, ["grade", *files, "--out", str(out), *limits])
    assert result.exit_code == 0, result.output
    assert "12 notebooks, 11 that did not end, 1 with claims to look at" in result.stdout
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == files and set(rows[0]) == {*grading.COLUMNS, *NAMES}
    return {Path(row["file"]).name: row for row in rows}


@needs_bubblewrap
def test_one_broken_answer_costs_one_exercise(graded):
    row = graded["broken answers.ipynb"]
    verdicts = {"bilinear_corner": "not yet", "bilinear_hand": "not yet", "bilinear_bug": "not yet"}
    assert {name: row[name] for name in NAMES if row[name]} == verdicts | {"bilinear_odd": "passed"}
    assert (row["status"], row["student"], row["passed"], row["claimed"]) == ("done", "Ada", "1", "0")
    assert row["total"] == str(len(NAMES))
    notes = row["note"].split("; ")
    expected = [note for _, note in CELLS if note]
    assert len(notes) == len(expected), notes
    for note, beginning in zip(notes, expected):
        assert note.startswith(beginning)
    assert len(row["note"]) < 1500


@needs_bubblewrap
def test_what_came_before_the_mischief_stays_and_what_is_forged_is_a_claim(graded):
    row = graded["mark.ipynb"]  # a byte-order mark does not matter
    assert row["bilinear_odd"] == "claimed" and row["bilinear_bug"] == "not yet" and row["bilinear_corner"] == ""
    assert (
        row["status"] == "ended early (exit status 0)"
        and "replaced close, numbers, require of the checkers" in row["note"]
    )


@needs_bubblewrap
@pytest.mark.parametrize(
    "name, why",
    [
        *(("folder.ipynb", "no file but"), ("pipe.ipynb", "no file but"), ("device.ipynb", "no file but")),
        *(("link.ipynb", "no file but a symbolic link"), ("zero", "no file but"), ("huge.ipynb", "100 MB")),
        *(
            ("no json.ipynb", "JSONDecodeError"),
            ("utf-16.ipynb", "UnicodeDecodeError"),
            ("missing.ipynb", "No such file"),
        ),
        ("format 3.ipynb", "of format 4"),
    ],
)
def test_a_bad_file_is_a_row(graded, name, why):
    row = graded[name]
    assert row["status"] == "not read" and why in row["note"] and row["passed"] == row["total"] == "0"


def test_ones_own_notebooks_run_without_a_sandbox(tmp_path, monkeypatch):
    path, out = tmp_path / "own.ipynb", tmp_path / "grades.csv"
    path.write_text("[]")
    monkeypatch.setattr(sandbox, "in_bubblewrap", None)
    result = CliRunner().invoke(main, ["grade", str(path), "--out", str(out), "--trust"])
    (row,) = csv.DictReader(out.read_text().splitlines())
    assert (
        result.exit_code == 0
        and row["status"] == "not read"
        and row["note"].startswith("no Jupyter notebook of format 4")
    )


def test_an_interrupted_batch_keeps_its_rows_and_leaves_nothing_running(tmp_path, monkeypatch):
    scripts = {"a": "import os; os.write(1, b'[\"end\"]')", "b": "import time; time.sleep(986)"}
    monkeypatch.setattr(Sandbox, "command", lambda self, name, path: [sys.executable, "-c", scripts.get(path.stem, "")])
    files = [str(write(tmp_path / f"{name}.ipynb", [])) for name in "abba"]
    out = tmp_path / "grades.csv"

    def press() -> None:
        while not out.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where pytest runs in the background
    threading.Thread(target=press, daemon=True).start()
    result = CliRunner().invoke(main, ["grade", *files, "--out", str(out), "--jobs", "2"])
    signal.signal(signal.SIGINT, before)
    assert result.exit_code == 130
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["status"] for row in rows] == ["done", "not run", "not run", "not run"]
    assert "sleep(986)" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout


def test_when_the_table_cannot_be_written_nothing_runs_on(tmp_path, monkeypatch):
    scripts = {"a": "import os; os.write(1, b'[\"end\"]')", "b": "import time; time.sleep(985)"}
    monkeypatch.setattr(Sandbox, "command", lambda self, name, path: [sys.executable, "-c", scripts.get(path.stem, "")])

    def full(path, write) -> None:
        raise OSError(28, "cannot write grades.csv: No space left on device")

    monkeypatch.setattr("segbook.cli.grade.write_atomically", full)
    files = [str(write(tmp_path / f"{name}.ipynb", [])) for name in "abb"]
    result = CliRunner().invoke(main, ["grade", *files, "--out", str(tmp_path / "grades.csv"), "--jobs", "2"])
    assert result.exit_code == 2 and "No space left" in result.stderr
    assert "sleep(985)" not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout


def inside(path: Path, cells: list[str], limits: dict[str, int]) -> tuple[int, list]:
    """What the process of a notebook says under such limits, and how it ends; without a sandbox."""
    given = json.dumps([str(write(path, cells)), limits, 60])
    done = subprocess.run([sys.executable, "-m", "segbook.grading.inside", given], capture_output=True)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_limit_on_cpu_time_has_a_status_that_says_so(tmp_path):
    code, _ = inside(tmp_path / "a.ipynb", ["while True: pass"], {"RLIMIT_CPU": 1})
    assert grading.how_it_ended(code) == "crashed (CPU time limit exceeded)"


def test_the_limit_on_files_costs_the_cell_that_writes_more(tmp_path):
    big = f"with open({str(tmp_path / 'big')!r}, 'wb') as file: file.write(bytes(1 << 21))"
    code, said = inside(tmp_path / "a.ipynb", [big, "1 / 0"], {"RLIMIT_FSIZE": 1 << 20})
    notes = [line[1] for line in said if line[0] == "note" and "raised" in line[1]]
    assert (
        code == 0
        and said[-1] == ["end"]
        and [note.split(":")[0] for note in notes]
        == [
            "cell 1 raised OSError",
            "cell 2 raised ZeroDivisionError",
        ]
    )
    assert (tmp_path / "big").stat().st_size <= (1 << 20) + 5


def test_texts_of_a_submission_are_no_formulas_in_a_spreadsheet():
    grade = Grade(Path("a.ipynb"), ["bilinear_odd"], student="=cmd()\n|", status="done", notes=["+1", "fine"])
    (row,) = csv.DictReader(grading.table([grade]).splitlines())
    assert row["student"] == "'=cmd() |" and row["note"] == "'+1; fine"
    assert row["bilinear_odd"] == ""


@pytest.mark.parametrize(
    "files, out, said",
    [
        (["a.ipynb"], "nowhere/grades.csv", "grades.csv: --out names the CSV file to write, in a folder that exists"),
        (["a.ipynb"], "a.ipynb", "a.ipynb: --out names the CSV file to write"),
        (["a.ipynb"], "", ": --out names the CSV file to write"),
    ],
)
def test_bad_input_is_one_sentence_and_nothing_runs(tmp_path, files, out, said):
    content = write(tmp_path / "a.ipynb", [FIRST]).read_bytes()
    given = [str(tmp_path / name) for name in ("a.ipynb", *files)]
    result = CliRunner().invoke(main, ["grade", *given, "--out", str(tmp_path / out)])
    assert result.exit_code == 2 and result.stdout == "" and len(result.stderr.splitlines()) == 1
    assert said in result.stderr and (tmp_path / "a.ipynb").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["a.ipynb"]


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


@pytest.mark.parametrize(
    "cell",
    [
        "checks.bilinear_odd(1)",
        "import segbook\nsegbook.checks.bilinear_odd(1)",
        "from segbook.checks import bilinear_odd\nbilinear_odd(1)",
        "from segbook.checks import (\n    report,\n    bilinear_odd as odd,\n)\nodd(1)",
        "from segbook.checks.bilinear_kernels import bilinear_odd",
        "checks.bilinear_odd(1\nthis is no Python",
    ],
)
def test_the_total_is_that_of_the_chapter_however_it_is_called(cell):
    assert notebook.asked(["checks.unknown(1)", cell, "checks.seed('x')"]) == NAMES
    assert notebook.asked(["seconds = 3\nholes(4)\nbilinear_odd(1)"]) == []


BAD = ["", "[1", "[]", "3", "null", '{"cells": 3}', '{"cells": {"a": 1}}', '{"worksheets": []}', "[" * 10**5, "\0"]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_no_notebook_is_a_sentence(text):
    with pytest.raises(ValueError, match="^no Jupyter notebook"):
        notebook.read(text.encode())


def test_cells_without_keys_are_left_out():
    good = {"cell_type": "code", "source": ["a = 1\n", "b = 2"]}
    cells = [1, None, {}, {"cell_type": "code"}, {"cell_type": "code", "source": [1]}, {"source": "x"}, good]
    cells += [{"cell_type": "markdown"}, {"cell_type": "code", "source": "c = 3"}, {"cell_type": 3, "source": ""}]
    found, notes = notebook.read(json.dumps({"cells": cells}).encode())
    assert found == ["a = 1\nb = 2", "c = 3"] and notes == ["a cell without type or source was left out"] * 7


# --- names ----------------------------------------------------------------------------------------------------------


def test_own_numbers_stay_after_the_first_check(monkeypatch, capsys):
    monkeypatch.setattr(core, "outcomes", {})
    monkeypatch.setitem(core.student, "name", "")
    checks.seed("Ada")
    checks.seed("Emmy")
    checks.bilinear_corner(...)
    checks.seed("Emmy")
    for name in ("Ada", ""):
        with pytest.raises(ValueError, match="a notebook has one name"):
            checks.seed(name)
    assert core.student["name"] == "Emmy"
