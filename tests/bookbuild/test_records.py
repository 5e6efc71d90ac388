"""Records of runs: how they grow, and that each of those in results/ says truly where it comes from."""

import io
import json
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookbuild import ROOT, records

RESULTS = sorted((ROOT / "results").rglob("*.json"))
OTHERS = [ROOT / "code/segbook/figures/training-replay.json"]
SOURCE = {"commit", "clean", "versions", "device", "command", "seconds"}

# Run in a process of its own: the rows of each module at each commit, whose code lies in a folder named after it.
ROWS = """
import importlib, json, os, sys
sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, "bookbuild"))]
found = {}
for line in sys.stdin:
    folder, name = line.split()
    for loaded in [m for m in sys.modules if m.split(".")[0] in ("segbook", "bookbuild", "toyvoc")]:
        del sys.modules[loaded]
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    try:
        measured = importlib.import_module(f"{name}.evaluations").MEASURES
    except ModuleNotFoundError:
        measured = ()
    sys.path.remove(folder)
    makers = [getattr(module, key, None) for key in ("experiments", "gpu_rows", "cpu_rows")]
    found[line.strip()] = [row.path for make in makers if callable(make) for row in make()]
    found[line.strip()] += [f"photos/{one}" for one in measured]
json.dump(found, sys.stdout)
"""


def runs(path: Path) -> Iterator[dict]:
    """The runs of a record: those that it lists, or itself."""
    record = json.loads(path.read_text(encoding="utf-8"))
    yield from record.get("runs") or [record.get("run") or record]


def git(*arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def module_of(command: str) -> str | None:
    found = re.match(r"python -m ([\w.]+)", command)
    return found and found[1]


def holds(commit: str, command: str) -> bool:
    """Is there, at this commit, the module or the target of make that a command names?"""
    if module := module_of(command):
        place = f"{commit}:code/{module.replace('.', '/')}"
        return any(git("cat-file", "-e", f"{place}{file}") is not None for file in (".py", "/__main__.py"))
    target = re.fullmatch(r"make ([a-z]+)", command)[1]
    return re.search(rf"^{target}:", git("show", f"{commit}:Makefile") or "", re.MULTILINE) is not None


def code_of(run: dict) -> str:
    """The commit that holds the code of a run: its own, or the first that holds what it ran before it was committed."""
    return run.get("first_committed", run["commit"])


@pytest.fixture(scope="module")
def history() -> None:
    """Every commit at hand."""
    shallow = git("rev-parse", "--is-shallow-repository")
    if shallow is None:
        pytest.skip("this copy of the book is no git checkout")
    assert shallow == "false", "fetch the whole history to judge the records"


@pytest.fixture(scope="module")
def rows(history, tmp_path_factory) -> dict[tuple[str, str], list[str]]:
    """(commit, module) -> the rows that the module knew there, for all runs of modules with rows."""
    wanted = {
        (code_of(run), module_of(run["command"]))
        for path in RESULTS
        for run in runs(path)
        if run["commit"] != records.UNKNOWN and module_of(run["command"])
    }
    home = tmp_path_factory.mktemp("commits")
    for commit in {commit for commit, _ in wanted}:
        packed = subprocess.run(["git", "archive", commit, "code"], cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(home / commit, filter="data")
    keys = {f"{home / commit / 'code'} {module}": (commit, module) for commit, module in wanted}
    done = subprocess.run([sys.executable, "-c", ROWS], input="\n".join(keys), capture_output=True, text=True, cwd=home)
    assert done.returncode == 0, done.stderr
    return {keys[key]: found for key, found in json.loads(done.stdout).items()}


@pytest.mark.parametrize("path", [*RESULTS, *OTHERS], ids=lambda p: f"{p.parent.name}-{p.stem}")
def test_each_run_says_truly_where_it_comes_from(history, path):
    for run in runs(path):
        assert set(run) >= SOURCE, f"not said: {', '.join(sorted(SOURCE - set(run)))}"
        assert run["clean"] in (True, False, records.UNKNOWN) and {"python", "torch"} <= set(run["versions"])
        assert isinstance(run["seconds"], int | float)
        if run["commit"] == records.UNKNOWN:
            continue
        assert git("cat-file", "-t", run["commit"]) == "commit", "no such commit"
        assert holds(code_of(run), run["command"]), f"{code_of(run)} does not hold what `{run['command']}` runs"
        if "first_committed" in run:  # the run came before the commit of its code
            assert run["clean"] is False
            assert git("merge-base", "--is-ancestor", run["commit"], code_of(run)) is not None


@pytest.mark.slow
def test_the_row_that_a_command_names_was_there(rows):
    named = 0
    for path in RESULTS:
        for run in runs(path):
            module, known = module_of(run["command"]), rows.get((code_of(run), module_of(run["command"])), [])
            row = run["command"].rpartition(" ")[2]
            if known and row not in (module, "step_time") and " ship " not in run["command"]:
                named += 1
                assert row in known, f"{path.name}: no row {row} at {code_of(run)}"
    assert named > 100


def test_a_record_has_the_means_of_its_runs():
    for path in RESULTS:
        record = json.loads(path.read_text(encoding="utf-8"))
        if "runs" in record:
            assert record["seeds"] == [run["seed"] for run in record["runs"]]
            expected = records.summary(record["runs"])
            for key, value in expected.items():
                assert record[key] == pytest.approx(value), f"{path.name}: {key}"
            assert not {"commit", "device", "versions"} & set(record), "one source for all runs would be a guess"


# --- writing --------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    return tmp_path


def made(seed: int, score: float, **more) -> dict:
    return {"seed": seed, "mean_iou": score, "seconds": 2.0, "iou": {"cat": score, "dog": None}, **more}


def test_runs_join_a_record_and_keep_their_own_source(folder):
    about = {"settings": {"steps": 2, "crop": (1, 2)}, "data": "toy"}
    records.add_run("a/row", about, made(1, 0.25, commit="second"))
    records.add_run("a/row", about, made(0, 0.75, commit="first"))
    record = json.loads((folder / "a" / "row.json").read_text())
    assert [run["commit"] for run in record["runs"]] == ["first", "second"] and record["seeds"] == [0, 1]
    assert (record["mean_iou"], record["mean_iou_low"], record["mean_iou_high"]) == (0.5, 0.25, 0.75)
    assert record["iou"] == {"cat": 0.5}
    records.add_run("a/row", about, made(1, 0.35, commit="third"))
    assert [run["commit"] for run in records.load_runs("a/row", about)] == ["first", "third"]


def test_runs_of_another_description_do_not_count(folder):
    records.add_run("row", {"settings": {"steps": 2}}, made(0, 0.5))
    assert len(records.load_runs("row", {"settings": {"steps": 2}})) == 1
    assert records.load_runs("row", {"settings": {"steps": 3}}) == records.load_runs("other", {}) == []


def test_a_changed_tree_is_said(tmp_path, monkeypatch):
    assert records.provenance("make book", "a card")["device"] == "a card"
    monkeypatch.setattr(records, "ROOT", tmp_path)
    outside = records.provenance("make book")
    assert (outside["commit"], outside["clean"]) == ("unknown", "unknown")
    (tmp_path / "code").mkdir()
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", "First"]):
        subprocess.run(["git", "-c", "core.hooksPath=/dev/null", *command], cwd=tmp_path, check=True)
    assert records.provenance("make book")["clean"] is True
    (tmp_path / "results.txt").write_text("an output is no change of the code")
    assert records.provenance("make book")["clean"] is True
    (tmp_path / "code" / "new.py").write_text("x = 1\n")
    assert records.provenance("make book")["clean"] is False
    assert len(records.provenance("make book")["commit"]) == 40
