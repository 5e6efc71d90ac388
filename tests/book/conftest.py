"""What the tests of the built book share: the site, a local server for it, a browser."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bookbuild import ROOT
from bookbuild.site.serve import serving

SITE = ROOT / "_build" / "html"
NOTEBOOK = """---
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
TOC = "format: jb-book\nroot: book/index\nparts:\n- numbered: 1\n  chapters:\n"


class SmallBook:
    """The project, with its own settings and its own package, and pages that a test writes."""

    def __init__(self, root: Path):
        self.root = root
        for name in ("_config.yml", "CITATION.cff", "references.bib", "pyproject.toml", "requirements.txt"):
            shutil.copy(ROOT / name, root)
        shutil.copytree(ROOT / "code", root / "code", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        for name in ("_static", "_extra"):
            shutil.copytree(ROOT / "book" / name, root / "book" / name)
        (root / "results").mkdir()
        self.path("_toc.yml").write_text(TOC)
        self.path("book/index.md").write_text("# Home\n\n```{bibliography}\n```\n")

    def path(self, name: str) -> Path:
        return self.root / name

    def page(self, name: str, body: str, toc: str = "") -> Path:
        """Write a notebook and list it in the table of contents, behind lines of its own there."""
        path = self.path(f"book/{name}.md")
        if not path.exists():
            with self.path("_toc.yml").open("a") as file:
                file.write(f"{toc}  - file: book/{name}\n")
        path.parent.mkdir(exist_ok=True)
        path.write_text(NOTEBOOK + body)
        return path

    def build(self) -> tuple[int, str]:
        """Exit status and log of a strict build."""
        command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-W", "-n", "--keep-going"]
        environment = os.environ | {"PYTHONPATH": str(self.path("code")), "NO_COLOR": "1"}
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=900)
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="session")
def small_book() -> Callable[[Path], SmallBook]:
    """Makes a small book in an empty folder."""
    return SmallBook


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built book."""
    if not (SITE / "index.html").exists():
        pytest.skip("the book is not built: run `make book` first (`make test` does)")
    return SITE


@pytest.fixture(scope="session")
def server(site: Path) -> Iterator[str]:
    """The address of a local server of the built book, with a slash at its end."""
    with serving(site) as address:
        yield address


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=flags)
        yield chromium
        chromium.close()
