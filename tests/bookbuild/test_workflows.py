"""The workflows and Binder do what a person does: they call the Makefile and install requirements.txt."""

import re
from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml
from packaging.requirements import Requirement

from bookbuild import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))


def jobs(path: Path) -> dict:
    return yaml.safe_load(path.read_text())["jobs"]


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / ".github" / "workflows" / f"{name}.yml").read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_command_is_a_target_of_the_makefile(path):
    for job in jobs(path).values():
        for command in [step["run"] for step in job["steps"] if "run" in step]:
            for target in job.get("strategy", {}).get("matrix", {}).get("target", [""]):
                words = command.replace("${{ matrix.target }}", target).split()
                assert words[0] == "make" and set(words[1:]) <= TARGETS, command


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_proof_is_strict_and_knows_the_whole_history(path):
    """Results name commits; a skip for want of a browser is no proof."""
    whole, proofs = yaml.safe_load(path.read_text()), 0
    for job in whole["jobs"].values():
        steps = job["steps"]
        if any(step.get("run", "").startswith("make") for step in steps):
            proofs += 1
            assert (job.get("env") or whole.get("env"))["SEGBOOK_STRICT"] == "1"
            (checkout,) = (step for step in steps if step.get("uses", "").startswith("actions/checkout"))
            assert checkout["with"]["fetch-depth"] == 0
    assert proofs


def test_the_weekly_run_covers_every_supported_python_with_the_newest_releases():
    weekly = read("weekly")
    assert weekly[True]["schedule"]  # YAML 1.1 reads the key `on` as true
    assert weekly["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert set(weekly["jobs"]["slow"]["strategy"]["matrix"]["target"]) == {"mutants", "shake", "links"}
    assert weekly["env"]["CONSTRAINTS"] == "", "an empty CONSTRAINTS of the environment is what `?=` keeps"
    assert "CONSTRAINTS ?= constraints.txt" in (ROOT / "Makefile").read_text()
    assert weekly["jobs"]["report"]["needs"] == list(weekly["jobs"])[:2]


def test_what_is_published_is_proven_first():
    steps = read("publish")["jobs"]["publish"]["steps"]
    proof = next(i for i, step in enumerate(steps) if step.get("run") == "make test")
    upload = next(i for i, step in enumerate(steps) if "upload-pages" in step.get("uses", ""))
    assert proof < upload and steps[upload]["with"]["path"] == "_build/html"
    assert {"run": "make pdf"} in steps[proof:upload], "the footer of every page leads to it"


def test_a_pull_request_is_proven_and_can_be_looked_at():
    request = read("pull-request")
    steps = request["jobs"]["test"]["steps"]
    assert "pull_request" in request[True] and any(step.get("run") == "make test" for step in steps)
    assert next(step for step in steps if "upload-artifact" in step.get("uses", ""))["with"]["path"] == "_build/html"


def test_continuous_integration_is_strict():
    script = (ROOT / ".ci" / "run").read_text()
    assert script.index("export SEGBOOK_STRICT=1") < script.index("make test")


def test_constraints_are_names_and_numbers_of_the_tool_chain():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pinned = {}
    for line in lines:
        name, version = re.fullmatch(r"([\w.-]+)==([\w.!]+)", line).groups()
        pinned[name.lower()] = version
    assert {"jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "playwright"} <= set(pinned)
    assert not [name for name in pinned if re.match(r"torch|numpy|nvidia|cuda|scipy|scikit", name)]
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if (line := line.split("#")[0].strip()) and not line.startswith("-"):
            wanted = Requirement(line)
            assert wanted.name not in pinned or wanted.specifier.contains(pinned[wanted.name]), line


def test_the_instructors_guide_names_the_pinned_d2l():
    (pin,) = re.findall(r"^(d2l==\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    told = re.findall(r"d2l==[\w.]+", (ROOT / "book" / "instructors-guide.md").read_text(encoding="utf-8"))
    assert told and set(told) == {pin}


def test_binder_installs_requirements_and_nothing_else():
    """repo2docker prefers these files to requirements.txt where they exist."""
    for name in ("binder", ".binder", "environment.yml", "Pipfile", "Dockerfile", "setup.py"):
        assert not (ROOT / name).exists(), f"{name} would hide requirements.txt from Binder"
    assert re.fullmatch(r"python-3\.1[123]\n", (ROOT / "runtime.txt").read_text())


def test_the_link_for_a_hub_names_this_repository_and_a_notebook_of_it():
    guide = (ROOT / "book" / "instructors-guide.md").read_text(encoding="utf-8")
    (link,) = re.findall(r"^https://HUB/hub/user-redirect/git-pull\?(\S+)$", guide, re.MULTILINE)
    asked = {name: value for name, (value,) in parse_qs(link).items()}
    repository = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    assert (asked["repo"], asked["branch"]) == (repository["url"], repository["branch"])
    home = f"lab/tree/{repository['url'].rpartition('/')[2]}/"
    assert asked["urlpath"].startswith(home) and (ROOT / asked["urlpath"].removeprefix(home)).is_file()
