"""What a submission can reach: nothing beyond its own memory, Python and the package."""

import ast
import os
import shutil
import socket
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from click.testing import CliRunner

import segbook
from segbook import grading
from segbook.cli import main
from segbook.grading import Grade, Sandbox, sandbox


def works() -> bool:
    try:
        Sandbox().check()
        return True
    except OSError:
        return False


needs_bubblewrap = pytest.mark.skipif(
    os.environ.get("SEGBOOK_STRICT") != "1" and not works(), reason="bubblewrap is missing, or may not make namespaces"
)

# Run inside with what it looks for; what it can reach and should not ends up in `found`.
EXPLORE = """
import ctypes, os, socket
found = []

def succeeds(what, try_it):
    try:
        try_it()
        found.append(what)
    except OSError:
        pass

opened = set(os.listdir("/proc/self/fd"))  # the listing itself has one, which is gone
for number in sorted(opened - {"0", "1", "2"}):
    if os.path.lexists(f"/proc/self/fd/{number}"):
        found.append(f"descriptor {number}")
processes = [name for name in os.listdir("/proc") if name.isdigit()]
if len(processes) > 2:
    found.append(f"processes {processes}")
for process in processes:
    try:
        for number in os.listdir(f"/proc/{process}/fd"):
            target = os.readlink(f"/proc/{process}/fd/{number}")
            if not target.startswith(("pipe:", "/dev/null", "anon_inode:", "/proc")):
                found.append(f"descriptor {number} of process {process} leads to {target}")
        if SECRET in open(f"/proc/{process}/environ").read():
            found.append(f"the host's variables in process {process}")
    except OSError:  # none of ours, or gone
        pass
for folder, folders, _ in os.walk("/"):
    if folder.startswith("/proc"):
        folders.clear()
    elif not folder.startswith(("/tmp", "/dev/shm", "/dev/pts")):
        succeeds(f"writing to {folder}", lambda: open(f"{folder}/written", "x"))
    if folder.count("/") > 3:
        folders.clear()
for path in WRITE:
    succeeds(f"appending to {path}", lambda: open(path, "a"))
for path in [*READ, "/etc/passwd", "/etc/shadow", "/etc/hostname"]:
    succeeds(f"reading {path}", lambda: open(path).read(1))
for place in ("/run", "/var", "/home", "/sys", "/mnt", "/media", "/opt", "/srv", "/boot"):
    if os.path.exists(place) and place not in ALLOWED:
        found.append(f"{place} is there")
for address in SOCKETS:
    succeeds(f"connecting to {address}", lambda: socket.socket(socket.AF_UNIX).connect(address))
for address in [("127.0.0.1", PORT), ("10.0.0.1", 80), ("8.8.8.8", 53)]:
    succeeds(f"sending to {address}", lambda: socket.create_connection(address, timeout=1))
if [name for _, name in socket.if_nameindex()] != ["lo"]:
    found.append(f"interfaces {socket.if_nameindex()}")
libc = ctypes.CDLL(None)
if libc.mount(b"none", b"/tmp", b"tmpfs", ctypes.c_ulong(0), None) == 0:
    found.append("mounting")
if libc.unshare(0x10000000) == 0:
    found.append("namespaces of its own")
"""


@pytest.fixture
def explore(tmp_path, monkeypatch):
    """EXPLORE with things of the host to look for."""
    monkeypatch.setenv("TOKEN", "this-is-a-secret")
    mine = tmp_path / "mine.txt"
    mine.write_text("mine")
    tests, package = Path(__file__), Path(grading.__file__)
    named, abstract = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    named.bind(str(tmp_path / "socket"))
    abstract.bind(f"\0segbook-{os.getpid()}")
    server = socket.create_server(("127.0.0.1", 0))
    for one in (named, abstract):
        one.listen()
    assert socket.socket(socket.AF_UNIX).connect_ex(f"\0segbook-{os.getpid()}") == 0, "it can be reached from here"
    read = [mine, tests.parent / "test_grading.py", tests.parents[3] / "README.md", f"/proc/{os.getpid()}/environ"]
    write = [package, sys.executable, "/usr/bin/env", "/etc/ld.so.cache", "/proc/sys/kernel/domainname", tests]
    allowed = [Path(*place.parts[:2]) for place in sandbox.readable(tests)]
    yield f"""
SECRET, PORT = "this-is-a-secret", {server.getsockname()[1]}
SOCKETS = [{str(tmp_path / "socket")!r}, "\\0segbook-{os.getpid()}"]
READ, WRITE, ALLOWED = {list(map(str, read))}, {list(map(str, write))}, {list(map(str, allowed))}
{EXPLORE}"""
    for one in (named, abstract, server):
        one.close()


def start(code: str, **settings) -> Grade:
    """What the host makes of a process that runs this code in the sandbox, instead of a notebook."""

    class Other(Sandbox):
        def command(self, name: str, notebook: Path) -> list[str]:
            return [*super().command(name, notebook), "-c", code]

    one = Grade(Path(__file__))
    grading.run(one, Other(**settings), set())
    return one


SAY = """import json, os
def say(*line): os.write(1, json.dumps(line).encode() + b"\\n")
say("exercises", ["bilinear_odd"])
"""


@needs_bubblewrap
def test_nothing_of_the_host_can_be_reached(explore):
    one = start(f"{SAY}{explore}\nfor one in found: say('note', one)\nsay('note', str(len(found)))")
    assert one.notes == ["0"]


@needs_bubblewrap
def test_the_search_finds_what_there_is_to_find(explore):
    """Without a sandbox nearly everything that it looks for is in reach."""
    for harmful in ('os.walk("/")', "WRITE"):
        explore = explore.replace(f" in {harmful}:", " in ():")
    explore = explore.replace("libc.mount(", "(lambda *_: 1)(").replace("for process in processes", "for process in ()")
    found = "; ".join(start(f"{SAY}{explore}\nfor one in found: say('note', one)", trust=True).notes)
    for what in ("processes", "mine.txt", "README", "/etc/passwd", "connecting", "127.0.0.1", "/run is there"):
        assert what in found


def test_nothing_is_unpickled_and_no_library_is_called_beside_python():
    """pickle itself only for the name of its error: torch.load reads plain values, results are JSON."""
    for path in Path(segbook.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {getattr(node, "module", None), *(one.name for one in node.names)}
                assert not names & {"ctypes", "cffi", "shelve", "marshal", "dill"}, path
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "pickle":
                assert node.attr == "UnpicklingError", path
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                assert "weights_only=True" in ast.unparse(node), path


@needs_bubblewrap
@pytest.mark.parametrize(
    "code, status",
    [
        ("import ctypes\nctypes.string_at(0)", "crashed (Segmentation fault)"),
        ("import os\nos.abort()", "crashed (Aborted)"),
        ("pass", "ended early (exit status 0)"),
        ("import os\nos._exit(3)", "ended early (exit status 3)"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)", "crashed (CPU time limit exceeded)"),
        ("say('end')\nraise SystemExit(3)", "done"),
        ("say('unread', 'for a reason')", "not read"),
        ("import os\nwhile True: os.write(1, b'x' * 65536)", "wrote too much"),
        ("import os\nos.closerange(0, 3)\nwhile True: pass", "out of time"),
        ("import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass", "out of time"),
    ],
)
def test_whatever_a_process_does_is_a_status(code, status):
    one = start(f"{SAY}say('note', 'here')\n{code}", seconds=2)
    assert one.status == status and one.notes in (["here"], ["for a reason"])


@needs_bubblewrap
def test_what_it_says_is_bounded_and_believed_for_its_row_only():
    forged = [
        *("1", "[]", "[" * 4000, "9" * 4999, '{"verdict": 1}', '["verdict", "bilinear_odd", "excellent"]', "[1, 2]"),
        *('["verdict", "nothing", "passed"]', '["verdict", ["bilinear_odd"], "passed"]', '["student", {"a": 1}]'),
        *('["exercises", "bilinear_odd"]', '["exercises", [1, null, [], "bilinear_odd", "file"]]', '["note", 3]'),
        *('["exercises", ["holes"]]', '["verdict", "bilinear_odd", "passed"]', '["student", "first"]', "\\xff\\0"),
        *('["student", "second"]', f'["student", "{"x" * 6000}"]', f'["note", "{"n" * 4000}"]', '["exercises"]'),
    ]
    code = f"import os\nfor line in {forged!r}: os.write(1, line.encode() + b'\\n')\n"
    code += f"{SAY}for i in range(1000): say('note', f'note {{i}}')\n"
    one = start(code)
    assert one.exercises == ["bilinear_odd"] and one.verdicts == {"bilinear_odd": "passed"}
    assert one.student == "first" and one.notes[0] == "n" * 300 and len(one.notes) == 20
    assert one.status == "ended early (exit status 0)"


@needs_bubblewrap
@pytest.mark.parametrize("line", ["[],", "9e9,", "[[[["])
@pytest.mark.parametrize("length", [4900, 10**7])
def test_no_message_fills_the_memory_of_the_grader(line, length):
    text = f"{SAY}import itertools\nline = (b'[' + {line.encode()!r} * {length})[:{length}] + b'\\n'\n"
    tracemalloc.start()
    one = start(f"{text}for _ in range({3 * 10**6 // length + 1}): os.write(1, line)")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert one.status == "wrote too much" and peak < 8 << 20


@needs_bubblewrap
def test_the_limits_hold():
    code = f"""{SAY}
import resource, time
def attempt(what, try_it):
    try:
        try_it()
    except (OSError, MemoryError, ValueError) as error:
        say("note", f"{{what}}: {{type(error).__name__}}")
def fill(folder, megabytes):
    for i in range(megabytes):
        with open(f"{{folder}}/{{i}}", "wb") as file:
            file.write(bytes(1 << 20))
attempt("little", lambda: fill("/tmp", 5))
attempt("disk", lambda: fill("/tmp", 30))
attempt("shared memory", lambda: fill("/dev/shm", 30))
"""
    assert start(code, disk=20).notes == ["disk: OSError", "shared memory: OSError"]


@needs_bubblewrap
def test_all_that_a_submission_started_ends_with_it():
    for ending, status in (("say('end')", "done"), ("while True: pass", "out of time")):
        sleeper = "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', 'import time; time.sleep(987)']"
        one = start(f"{SAY}{sleeper}, start_new_session=True)\n{ending}", seconds=3)
        assert one.status == status
        for _ in range(50):
            listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
            if "import time; time.sleep(987)" not in listed:
                break
            time.sleep(0.1)
        assert "import time; time.sleep(987)" not in listed.replace(sleeper, "")


# --- which sandbox --------------------------------------------------------------------------------------------------


def program(folder: Path, name: str, lines: str) -> Path:
    """A program that stands in for another; returns the file where it may write."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{lines}\n")
    path.chmod(0o755)
    return folder / "said"


@pytest.fixture
def alone(tmp_path, monkeypatch) -> Path:
    """A folder that holds all programs there are."""
    for name in ("sh", "cat", "ps"):
        (tmp_path / name).symlink_to(shutil.which(name))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sandbox, "variables", lambda one: {"PATH": str(tmp_path)})
    return tmp_path


def test_without_a_sandbox_it_refuses_in_one_sentence(alone):
    with pytest.raises(OSError, match=r"^this needs bubblewrap.*install it.*--container.*--trust$"):
        Sandbox().check()
    with pytest.raises(OSError, match="^this needs docker or podman"):
        Sandbox(container="python").check()
    Sandbox(trust=True).check()
    result = CliRunner().invoke(main, ["grade", __file__, "--out", str(alone / "grades.csv")])
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1 and "this needs bubblewrap" in result.stderr
    assert not (alone / "grades.csv").exists()


def test_a_system_that_refuses_namespaces_is_named(alone):
    program(alone, "bwrap", "echo 'bwrap: setting up uid map: Permission denied' >&2; exit 1")
    with pytest.raises(OSError, match=r"^no sandbox starts here \(bwrap: setting up uid map: Perm.*Ubuntu 24.04 .*$"):
        Sandbox().check()


def test_only_a_trusted_notebook_sees_the_variables_of_the_host(monkeypatch):
    monkeypatch.setenv("TOKEN", "this-is-a-secret")
    assert "TOKEN" in sandbox.variables(Sandbox(trust=True))
    for closed in (Sandbox(), Sandbox(container="python"), Sandbox(container="python", trust=True)):
        assert "TOKEN" not in sandbox.variables(closed) and closed.closed


def test_a_container_gets_the_same_limits_and_is_ended(alone, monkeypatch):
    monkeypatch.setenv("TOKEN", "this-is-a-secret")  # docker needs the host's variables, the container gets none
    monkeypatch.setattr(sys, "prefix", str(sandbox.CODE))  # as if installed, beside the Python that is not shown
    lines = 'echo "$TOKEN" "$@" >> said; case "$*" in *inside*) echo \'["end"]\';; esac'
    said = program(alone, "docker", lines.replace("said", str(alone / "said")))
    one = Grade(Path(__file__))
    settings = Sandbox(container="some/image:3", memory=3, disk=70)
    settings.check()
    grading.run(one, settings, set())
    told, *arguments = zip(*(line.split(" ", 1) for line in said.read_text().splitlines()))
    assert set(told) == {"this-is-a-secret"}
    ((checked, run, end),) = arguments
    assert one.status == "done"
    for wanted in (
        "--rm",
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "--memory 3g",
        "size=70m",
        "--log-driver none",
    ):
        assert wanted in run and wanted in checked
    assert run.partition(" some/image:3 ")[2].startswith('-m segbook.grading.inside ["' + __file__)
    assert f"/segbook:{Path(grading.__file__).parents[1]}:ro" in run and "this-is-a-secret" not in run
    shown = [word.partition(":")[0] for word in run.split() if word.endswith(":ro")]
    assert shown and not set(shown) & set(map(str, sandbox.PYTHON))
    name = run.partition("--name ")[2].split()[0]
    assert end == f"kill {name}" and name not in checked


def test_a_folder_that_holds_everything_is_never_shown(monkeypatch):
    for everything in ("/", str(Path.home()), "/home/../tmp"):
        monkeypatch.setenv("SEGBOOK_DATA", everything)
        with pytest.raises(ValueError, match="submissions would see all of"):
            sandbox.readable(Path(__file__))
    monkeypatch.setenv("SEGBOOK_DATA", str(Path(__file__).parent))
    assert Path(__file__).parent in sandbox.readable(Path(__file__))


def test_drawn_data_is_found_in_the_cache_of_the_sandbox(tmp_path, monkeypatch):
    (tmp_path / "toyvoc-1").mkdir()
    monkeypatch.setenv("SEGBOOK_CACHE", str(tmp_path))
    assert sandbox.readable(Path(__file__))[tmp_path / "toyvoc-1"] == Path("/tmp/cache/toyvoc-1")
