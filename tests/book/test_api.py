"""The API reference: the real page built strictly, every public name on it, docstrings readable as Markdown."""

import html
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import segbook
from bookbuild.site import api

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
MARKED = api.MARK.findall(PAGE)
CONF = """
extensions = ["myst_parser", "bookbuild.site.api"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
html_theme = "sphinx_book_theme"
html_static_path = ["segbook.css"]
html_css_files = ["segbook.css"]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The page alone, built with warnings as errors and every reference resolved."""
    folder = tmp_path_factory.mktemp("api")
    (folder / "conf.py").write_text(CONF)
    (folder / "index.md").write_text(PAGE, encoding="utf-8")
    (folder / "segbook.css").write_bytes((ROOT / "book" / "_static" / "segbook.css").read_bytes())
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "-n",
        "--keep-going",
        "-b",
        "html",
        str(folder),
        str(folder / "out"),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "out" / "index.html"


def test_every_public_name_is_on_the_page(built):
    page = built.read_text(encoding="utf-8")
    identifiers = set(re.findall(r'<dt class="sig[^>]* id="([\w.-]+)"', page))
    for module in MARKED:
        wanted = api.public_names(importlib.import_module(module))
        assert wanted, f"{module} offers nothing"
        assert [name for name in wanted if f"{module}.{name}" not in identifiers] == [], module


def test_every_module_is_marked():
    """All that one imports from segbook directly, and every file of the models, whose classes are the chapters'."""
    inner = {f"segbook.{name}" for name in ("cli", "__main__", "files", "interrupt", "naming")}  # used by the others
    top = {f"segbook.{module.name}" for module in pkgutil.iter_modules(segbook.__path__)} - inner
    assert top - set(MARKED) == set()
    for name, value in inspect.getmembers(importlib.import_module("segbook.models"), inspect.ismodule):
        if value.__name__.startswith("segbook.models.") and name != "pretrained":  # its one public name is in models
            assert value.__name__ in MARKED
    assert len(MARKED) == len(set(MARKED))


def test_every_name_says_what_it_is():
    for module in map(importlib.import_module, MARKED):
        for name in api.public_names(module):
            value = getattr(module, name)
            told = (
                inspect.getdoc(value) if callable(value) and hasattr(value, "__name__") else api.comment(name, module)
            )
            assert told, f"{module.__name__}.{name} is described nowhere"


def test_the_page_is_light_and_fits_a_telephone(built, browser):
    assert built.stat().st_size < 1_000_000
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(built.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_examples_and_shapes_survive_the_build(built):
    text = html.unescape(re.sub(r"<[^>]+>", "", built.read_text(encoding="utf-8")))
    assert '>>> create("fcn8s_tiny"' in text.replace("model = ", "")
    assert "32s    layer4 -> score -> x32" in text  # a diagram keeps its columns
    assert "(out_channels * out height * out width" in text  # and a product its stars


DIALECT = """Enlarges *all* of `x * y`, at $1.

It goes on
for two lines.

    a  ->  b
           c

Args:
    one, two: both of them,
        at least 1.
    **more: the rest_.

>>> 1 + 1
2

Raises:
    ValueError: always.

Source: nobody, 2020.
"""
MARKDOWN = r"""Enlarges \*all\* of `x * y`, at \$1.

It goes on for two lines.

```text
a  ->  b
       c
```

**Args**

- `one`, `two`: both of them, at least 1.
- `**more`: the rest_.

```pycon
>>> 1 + 1
2
```

**Raises**

- `ValueError`: always.

**Source** nobody, 2020."""


def test_docstrings_become_markdown():
    assert api.markdown(DIALECT) == MARKDOWN


def test_lists_of_fields_without_a_heading():
    doc = "A cell.\n\nsize: pixels across,\n    holes counted.\nstride: between two."
    assert api.markdown(doc) == "A cell.\n\n- `size`: pixels across, holes counted.\n- `stride`: between two."


def test_names_without_all_are_those_defined_there():
    module = types.ModuleType("made")
    exec(
        "from math import sqrt\nfrom pathlib import Path\ndef here(): ...\ndef _hidden(): ...\nclass There: ...",
        vars(module),
    )
    assert api.public_names(module) == ["here", "There"]
    module.__all__ = ["sqrt"]
    assert api.public_names(module) == ["sqrt"]


def signed(a: int, *more: str, key: float = 1 / 3, **options) -> None:
    """Signatures stand as in the source."""


def test_signatures_are_as_written():
    assert api.signature(signed) == "(a: int, *more: str, key: float=1 / 3, **options)"
    from segbook.convolution import ReceptiveField
    from segbook.metrics import ConfusionMatrix

    assert api.signature(ReceptiveField) == "(size: int, stride: float, centre: float)"
    assert api.signature(ConfusionMatrix) == "(num_classes: int, ignore_index: int=255, threshold: float=0.5)"
