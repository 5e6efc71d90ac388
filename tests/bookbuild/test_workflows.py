"""The workflows and Binder do what a person does: they call the Makefile and install requirements.txt."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def jobs(path: Path) -> dict:
    return yaml.safe_load(path.read_text())["jobs"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_is_a_target_of_the_makefile(path):
    commands = [step["run"] for job in jobs(path).values() for step in job["steps"] if "run" in step]
    assert commands
    for command in commands:
        words = command.split()
        assert words[0] == "make" and set(words[1:]) <= TARGETS, command


def test_the_weekly_run_covers_every_supported_python():
    weekly = yaml.safe_load((ROOT / ".github" / "workflows" / "weekly.yml").read_text())
    assert weekly[True]["schedule"]  # YAML 1.1 reads the key `on` as true
    assert weekly["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]


def test_what_is_published_is_what_make_book_writes():
    publish = jobs(ROOT / ".github" / "workflows" / "publish.yml")["publish"]["steps"]
    artifact = next(step for step in publish if "upload-pages" in step.get("uses", ""))
    assert artifact["with"]["path"] == "_build/html"


def test_binder_installs_requirements_and_nothing_else():
    """repo2docker prefers these files to requirements.txt where they exist."""
    for name in ("binder", ".binder", "environment.yml", "Pipfile", "Dockerfile", "setup.py"):
        assert not (ROOT / name).exists(), f"{name} would hide requirements.txt from Binder"
    assert re.fullmatch(r"python-3\.1[123]\n", (ROOT / "runtime.txt").read_text())
