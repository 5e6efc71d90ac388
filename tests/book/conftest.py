"""What the tests of the built book share: the site, a local server for it, a browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bookbuild import ROOT
from bookbuild.site.serve import serving

SITE = ROOT / "_build" / "html"


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
