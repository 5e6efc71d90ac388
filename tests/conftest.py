"""What all tests share.

No green that means skipped: with SEGBOOK_STRICT=1 a skipped test has failed, unless its reason is listed here.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
STRICT = os.environ.get("SEGBOOK_STRICT") == "1"
# What a machine may lack, and how the skip's reason says so.
MAY_BE_MISSING = {
    "real photographs and weights": r"SEGBOOK_DATA",
    "a CUDA device": r"CUDA",
    "nbgrader": r"nbgrader",
}

# A file is one worker's, so those that take minutes begin first: begun last, they would be waited for alone.
LONGEST = (
    *("test_pages_served.py", "test_editions.py", "test_segment.py", "test_strict_build.py"),
    *("test_pages_from_files.py", "test_small_book.py", "test_colab.py", "test_every_figure.py"),
    *("test_pdf.py", "test_api.py", "test_front_door.py", "test_slides.py"),
)


def missing(reason: str) -> str | None:
    """What a skip's reason says is not there, if it may be missing."""
    return next((what for what, pattern in MAY_BE_MISSING.items() if re.search(pattern, reason)), None)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that is not listed into a failure."""
    if STRICT and report.skipped and not hasattr(report, "wasxfail") and not missing(reason_of(report)):
        report.outcome = "failed"
        report.longrepr = f"skipped in a strict run: {reason_of(report)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    judge(report)
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what was left out, before the line with the totals."""
    counts = Counter(missing(reason_of(report)) or "other" for report in terminalreporter.stats.get("skipped", []))
    if counts:
        told = ", ".join(f"{count} for want of {what}" for what, count in sorted(counts.items()) if what != "other")
        rest = f"{counts['other']} for other reasons" if counts["other"] else ""
        terminalreporter.write_line(f"left out: {'; '.join(filter(None, [told, rest]))}")


class BookFolder:
    """A book in an empty folder, whose settings and pages a test writes."""

    FRONT = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

"""

    def __init__(self, root: Path):
        self.root = root

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self, name: str, text: str) -> Path:
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def page(self, name: str, body: str) -> Path:
        """Write a notebook."""
        return self.write(f"book/{name}.md", self.FRONT + body)

    def build(self, *flags: str) -> tuple[int, str]:
        """Exit status and log of Jupyter Book."""
        command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", *flags]
        environment = os.environ | {"NO_COLOR": "1"}
        if self.path("code").is_dir():
            environment["PYTHONPATH"] = str(self.path("code"))
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=900)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def run_cells() -> Callable[..., list]:
    """run_cells(sources, folder) runs them in a kernel that starts in this folder, and returns the cells."""
    import nbformat  # not by every worker that collects a test: it takes two seconds
    from nbclient import NotebookClient

    def run(sources: Sequence[str], folder: Path, **kernel) -> list:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute(**kernel)
        return notebook.cells

    return run


@pytest.fixture(scope="session")
def book_folder() -> type[BookFolder]:
    return BookFolder
