"""The API reference: the real page built strictly with the book's settings, every public name on it and explained."""

import html
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import segbook
from bookbuild import ROOT

PAGE = (ROOT / "book" / "api.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^\.\. automodule:: (segbook[\w.]*)$", PAGE, re.MULTILINE)
CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
OF_THE_PAGE = ("default_role", "autodoc_", "napoleon_", "add_module_names", "toc_object", "nitpick_ignore")
CONF = f"""
import sys

sys.path.insert(0, {str(ROOT / "code")!r})
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "bookbuild.site.api_page"]
html_theme = "sphinx_book_theme"
html_static_path = ["segbook.css"]
html_css_files = ["segbook.css"]
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """The page alone, with warnings as errors."""
    folder = tmp_path_factory.mktemp("api")
    chosen = {k: v for k, v in CONFIG["sphinx"]["config"].items() if k.startswith(OF_THE_PAGE)}
    extensions = f"myst_enable_extensions = {CONFIG['parse']['myst_enable_extensions']!r}\n"
    (folder / "conf.py").write_text(CONF + extensions + "".join(f"{k} = {v!r}\n" for k, v in chosen.items()))
    (folder / "index.md").write_text(PAGE, encoding="utf-8")
    (folder / "segbook.css").write_bytes((ROOT / "book" / "_static" / "segbook.css").read_bytes())
    flags = ["-q", "-W", "-n", "--keep-going", "-b", "html"]
    command = [sys.executable, "-m", "sphinx", *flags, str(folder), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "out" / "index.html"


def test_no_words_of_other_libraries(built):
    """What torch says of every Module's forward, and Python of a named tuple's fields, explains none of ours."""
    page = built.read_text(encoding="utf-8")
    assert not re.findall(r"overridden by all subclasses|Alias for field", page)
    assert re.search(r"<dt[^>]* id=\"[\w.]*\.forward_with_aux\"", page)  # what has words of its own stays


def public_names(module: ModuleType) -> list[str]:
    """What a module offers: its `__all__`, else the functions and classes that are defined in it."""
    if hasattr(module, "__all__"):
        return module.__all__
    own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    return [name for name in own if not name.startswith("_") and callable(getattr(module, name))]


def test_every_public_name_is_on_the_page(built):
    """Under the module that offers it, a constant under any; its comment begins with `#:`, or autodoc overlooks it."""
    identifiers = set(re.findall(r'<dt class="sig[^>]* id="([\w.-]+)"', built.read_text(encoding="utf-8")))
    lost = []
    for module in map(importlib.import_module, SHOWN):
        names = [name for name in public_names(module) if not inspect.ismodule(getattr(module, name))]
        for name in names:
            constant = not hasattr(getattr(module, name), "__name__")
            anywhere = constant and any(found.endswith(f".{name}") for found in identifiers)
            if not anywhere and f"{module.__name__}.{name}" not in identifiers:
                lost.append(f"{module.__name__}.{name}")
    assert lost == []


def test_every_module_is_shown():
    """All that one imports from segbook directly, and every file of the models, whose classes are the chapters'."""
    top = {f"segbook.{module.name}" for module in pkgutil.iter_modules(segbook.__path__)}
    models = importlib.import_module("segbook.models")
    parts = {f"segbook.models.{module.name}" for module in pkgutil.iter_modules(models.__path__)}
    hidden = {f"segbook.{name}" for name in ("cli", "__main__", "files", "interrupt", "naming", "models.pretrained")}
    assert (top | parts) - set(SHOWN) - hidden == set()
    assert len(SHOWN) == len(set(SHOWN))


def test_the_page_is_light_and_fits_a_telephone(built, browser):
    assert built.stat().st_size < 1_000_000
    page = browser.new_page(viewport={"width": 390, "height": 900})
    page.goto(built.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()


def test_examples_and_sections_survive_the_build(built):
    page = built.read_text(encoding="utf-8")
    text = html.unescape(re.sub(r"<[^>]+>", "", page))
    assert '>>> create("fcn8s_tiny"' in text.replace("model = ", "")
    assert "32s    stage 4 -> score -> x32" in text, "a diagram keeps its columns"
    fields = re.findall(r'<dt class="field-\w+">(\w+)', page)
    assert {"Parameters", "Returns", "Raises"} <= set(fields)
    assert not re.findall(r"<p>(?:Args|Returns|Raises|Attributes):", page), "a section that was not understood"
