"""What the tests of the built book share: the site, a local server for it, a browser."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bookbuild import ROOT, chromium
from bookbuild.site.serve import serving

SITE = ROOT / "_build" / "html"
TOC = "format: jb-book\nroot: book/index\nparts:\n- numbered: 1\n  chapters:\n"


class SmallBook:
    """The project, with its own settings and its own package, and pages that a test writes."""

    def __init__(self, folder):
        self.root, self.path, self.folder = folder.root, folder.path, folder
        for name in ("_config.yml", "CITATION.cff", "references.bib", "pyproject.toml", "requirements.txt"):
            shutil.copy(ROOT / name, self.root)
        shutil.copytree(ROOT / "code", self.root / "code", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
        for name in ("_static", "_extra"):
            shutil.copytree(ROOT / "book" / name, self.root / "book" / name)
        (self.root / "results").mkdir()
        if (made := ROOT / "_build" / ".segment").is_dir():  # each build serves the page's networks: they take a minute
            shutil.copytree(made, self.root / "_build" / ".segment")
        folder.write("_toc.yml", TOC)
        folder.write("book/index.md", "# Home\n\n```{bibliography}\n```\n")

    def page(self, name: str, body: str, toc: str = "") -> Path:
        """Write a notebook and list it in the table of contents, behind lines of its own there."""
        if not self.path(f"book/{name}.md").exists():
            with self.path("_toc.yml").open("a") as file:
                file.write(f"{toc}  - file: book/{name}\n")
        return self.folder.page(name, body)

    def build(self) -> tuple[int, str]:
        """Exit status and log of a strict build."""
        return self.folder.build("-W", "-n", "--keep-going")


@pytest.fixture(scope="session")
def small_book(book_folder) -> Callable[[Path], SmallBook]:
    """Makes a small book in an empty folder."""
    return lambda root: SmallBook(book_folder(root))


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
    if chromium() is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        headless = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield headless
        headless.close()


@pytest.fixture(scope="session")
def violations() -> Callable[..., list]:
    """violations(page, *rules) is what axe-core finds, by all its rules or by those that are named, or tagged, so."""
    axe = Path(pytest.importorskip("axe_playwright_python").__file__).with_name("axe.min.js").read_text("utf-8")
    # What it passed is not described: that took longer than to look.
    run = "rules => axe.run({ resultTypes: ['violations'], ...rules }).then(found => found.violations)"

    def of(page, *rules: str) -> list:
        page.evaluate(axe)
        found = page.evaluate(run, {"runOnly": list(rules)} if rules else {})
        return [(v["id"], [(n["target"], n["failureSummary"]) for n in v["nodes"][:3]]) for v in found]

    return of
