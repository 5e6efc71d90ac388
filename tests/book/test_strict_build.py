"""The build refuses what would reach a reader broken. Each test builds a small book with the project's own settings."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADER = """---
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
GOOD = (
    HEADER
    + """# A chapter

A sentence with a citation {cite}`long2015fcn`.

```{code-cell} ipython3
from segbook.bilinear import bilinear_kernel

assert float(bilinear_kernel(1, 1, 3)[0, 0, 1, 1]) == 1
```
"""
)


def small_book(folder: Path) -> Path:
    """Write the project with one chapter into a folder of its own."""
    for name in ("_config.yml", "references.bib", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "code", folder / "code", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("_static", "_extra"):
        shutil.copytree(ROOT / "book" / name, folder / "book" / name)
    (folder / "results").mkdir()
    toc = "format: jb-book\nroot: book/index\nparts:\n- numbered: 1\n  chapters:\n  - file: book/01-a\n"
    (folder / "_toc.yml").write_text(toc)
    (folder / "book" / "index.md").write_text("# Home\n\n```{bibliography}\n```\n")
    (folder / "book" / "01-a.md").write_text(GOOD)
    return folder


def build(folder: Path) -> tuple[int, str]:
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", ".", "-W", "-n", "--keep-going"]
    environment = os.environ | {"PYTHONPATH": str(folder / "code"), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def test_a_change_in_the_package_executes_the_chapter_again(tmp_path):
    book = small_book(tmp_path)
    status, log = build(book)
    assert status == 0, log
    status, log = build(book)
    assert status == 0 and "Executing notebook" not in log, "a second build with nothing changed runs no cell"

    module = book / "code" / "segbook" / "bilinear.py"
    sound = module.read_text()
    module.write_text(sound + "\n\ndef bilinear_kernel(*sizes):\n    return torch.zeros(1, 1, 3, 3)\n")
    status, log = build(book)
    assert status != 0 and "AssertionError" in log, log

    module.write_text(sound)
    status, log = build(book)
    assert status == 0, log


def test_a_new_citation_reaches_the_bibliography(tmp_path):
    book = small_book(tmp_path)
    page, home = book / "book" / "01-a.md", book / "book" / "index.md"
    home.write_text("# Home\n")
    (book / "book" / "bibliography.md").write_text("# Bibliography\n\n```{bibliography}\n```\n")
    with (book / "_toc.yml").open("a") as toc:
        toc.write("  - file: book/bibliography\n")
    page.write_text(GOOD + "\nAs in {cite:p}`long2015fcn`.\n")
    assert build(book)[0] == 0
    page.write_text(GOOD + "\nAs in {cite:p}`long2015fcn` and {cite:p}`brostow2009camvid`.\n")
    status, log = build(book)
    assert status == 0, log
    site = book / "_build" / "html" / "book"
    linked = set(re.findall(r'href="bibliography.html#([^"]+)"', (site / "01-a.html").read_text()))
    assert linked == {"cite-long2015fcn", "cite-brostow2009camvid"}
    anchors = set(re.findall(r'id="(cite-[^"]+)"', (site / "bibliography.html").read_text()))
    assert linked <= anchors


FAULTS = {
    "a failing cell": ("```{code-cell} ipython3\n1 / 0\n```", "ZeroDivisionError"),
    "a cell that warns": ("```{code-cell} ipython3\nimport warnings\nwarnings.warn('mind')\n```", "stderr"),
    "an unresolved reference": ("See {ref}`nowhere-at-all`.", "nowhere-at-all"),
    "an unknown equation": ("See {eq}`eq-nowhere`.", "eq-nowhere"),
    "a missing citation": ("As in {cite}`nobody2099`.", "nobody2099"),
    "an unknown term": ("A {term}`flurble`.", "flurble"),
    "a missing result": ("It is {result}`nothing.mean_iou:.1f`.", "nothing"),
    "a figure without alternative text": (
        "```{code-cell} ipython3\nfrom matplotlib import pyplot as plt\nplt.plot([1, 2]);\n```",
        "no alternative text",
    ),
}


@pytest.fixture(scope="module")
def faulty_log(tmp_path_factory) -> str:
    """What one build says of a book that has every fault, each in a chapter of its own."""
    folder = small_book(tmp_path_factory.mktemp("faulty"))
    for number, (_, (body, _)) in enumerate(FAULTS.items()):
        (folder / "book" / f"{number + 10}-fault.md").write_text(f"{HEADER}# Fault {number}\n\n{body}\n")
        with (folder / "_toc.yml").open("a") as toc:
            toc.write(f"  - file: book/{number + 10}-fault\n")
    status, log = build(folder)
    assert status != 0
    return log


def complaints(log: str, page: str) -> list[str]:
    """What the log complains of in a page: each from the line that names the page to the next that names any."""
    parts = re.split(r"(?m)^(?=.*\b\d\d-\w+\.md\b)", re.sub(r"\x1b\[[\d;]*m", "", log))
    return [part for part in parts if re.match(rf".*\b{page}\.md\b.*(WARNING|ERROR)", part)]


@pytest.mark.parametrize("fault", FAULTS)
def test_the_build_names_the_fault_in_its_page(faulty_log, fault):
    pages = {name: complaints(faulty_log, f"{number}-fault") for number, name in enumerate(FAULTS, 10)}
    said = FAULTS[fault][1]
    assert any(said in part for part in pages[fault]), f"{pages[fault]}\n{faulty_log}"
    others = [name for name in FAULTS if name != fault and any(said in part for part in pages[name])]
    assert not others, f"{said!r} would also be found in the pages with {', '.join(others)}"
