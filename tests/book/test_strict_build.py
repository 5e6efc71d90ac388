"""The build refuses what would reach a reader broken. Each test builds a small book with the project's own settings."""

import re

import pytest

GOOD = """# A chapter

A sentence with a citation {cite}`long2015fcn`.

```{code-cell} ipython3
from segbook.bilinear import bilinear_kernel

assert float(bilinear_kernel(1, 1, 3)[0, 0, 1, 1]) == 1
```
"""


def test_a_book_that_changes(small_book, tmp_path):
    """Four builds in one folder: of new pages, a new citation, a package that is broken, and one that is mended."""
    book = small_book(tmp_path)
    book.path("book/index.md").write_text("# Home\n")
    book.page("01-a", GOOD)
    book.page("bibliography", "")
    book.path("book/bibliography.md").write_text("# Bibliography\n\n```{bibliography}\n```\n")
    status, log = book.build()
    assert status == 0 and "executing" in log.lower(), log

    book.page("01-a", GOOD + "\nAs in {cite:p}`brostow2009camvid`.\n")
    status, log = book.build()
    assert status == 0 and "executing" not in log.lower(), f"new prose runs no cell\n{log}"
    site = book.path("_build/html/book")
    linked = set(re.findall(r'href="bibliography.html#([^"]+)"', (site / "01-a.html").read_text()))
    assert linked == {"cite-long2015fcn", "cite-brostow2009camvid"}
    anchors = set(re.findall(r'id="(cite-[^"]+)"', (site / "bibliography.html").read_text()))
    assert linked <= anchors, "a new citation reaches the bibliography"

    module = book.path("code/segbook/bilinear.py")
    sound = module.read_text()
    module.write_text(sound + "\n\ndef bilinear_kernel(*sizes):\n    return torch.zeros(1, 1, 3, 3)\n")
    status, log = book.build()
    assert status != 0 and "AssertionError" in log, f"a change in the package executes the chapter again\n{log}"

    module.write_text(sound)
    status, log = book.build()
    assert status == 0, log


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
def faulty_log(small_book, tmp_path_factory) -> str:
    """What one build says of a book that has every fault, each in a chapter of its own."""
    book = small_book(tmp_path_factory.mktemp("faulty"))
    for number, (_, (body, _)) in enumerate(FAULTS.items()):
        book.page(f"{number + 10}-fault", f"# Fault {number}\n\n{body}\n")
    status, log = book.build()
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
