"""A chapter's digest changes with what the chapter runs on and with nothing else."""

import re

import pytest

from bookbuild import ROOT
from bookbuild.chapters import notebook_files, page_name
from bookbuild.site.dependencies import chapter_digest, other_checkers, package_files

CHAPTER = "Some prose.\n\n```{code-cell} ipython3\nfrom segbook.a import thing  # and more\n```\n"


@pytest.fixture
def project(tmp_path):
    package = tmp_path / "code" / "segbook"
    files = {
        "__init__.py": "",
        "a.py": "from segbook import b\n",
        "b.py": "def f():\n    from .deep import c\n",
        "deep/__init__.py": "",
        "deep/c.py": "import torch\n",
        "deep/sibling.py": "from ..lonely import x\n",
        "lonely.py": "x = 1\n",
    }
    for name, text in files.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    (tmp_path / "results").mkdir()
    return tmp_path


def names(project, *modules):
    code = project / "code"
    return {p.relative_to(code / "segbook").as_posix() for p in package_files(set(modules), code)}


def test_imports_are_followed(project):
    assert names(project, "segbook.a") == {"__init__.py", "a.py", "b.py", "deep/__init__.py", "deep/c.py"}
    assert names(project, "segbook.deep.sibling") >= {"deep/sibling.py", "lonely.py"}


@pytest.mark.parametrize("file, matters", [("a.py", True), ("deep/c.py", True), ("lonely.py", False)])
def test_digest_follows_the_files_that_matter(project, file, matters):
    before = chapter_digest(CHAPTER, project)
    assert before == chapter_digest(CHAPTER + "\nOther prose.\n", project)
    path = project / "code" / "segbook" / file
    path.write_text(path.read_text() + "\ny = 2\n")
    assert (chapter_digest(CHAPTER, project) != before) is matters


@pytest.mark.parametrize(
    "new, matters",
    [
        ("x = [1, 2, 3]\n\n\ndef f(y):\n    return y", False),
        ("x = [\n    1,\n    2,\n    3,\n]  # a comment\ndef f(y):\n    'What it does.'\n    return y\n", False),
        ("x = [1, 2, 4]\n\n\ndef f(y):\n    return y", True),
        ("x = [1, 2, 3]\n\n\ndef f(y):\n    'first'\n    return 'first'", True),
        ("x = [1, 2, 3]\n\n\ndef f(y=0):\n    return y", True),
    ],
)
def test_only_code_matters_unless_the_chapter_prints_it(project, new, matters):
    path = project / "code" / "segbook" / "b.py"
    path.write_text("x = [1, 2, 3]\n\n\ndef f(y):\n    return y")
    printing = CHAPTER.replace("thing", "thing, inspect.getsource")
    before = chapter_digest(CHAPTER, project), chapter_digest(printing, project)
    changed = new != path.read_text()
    path.write_text(new)
    assert (chapter_digest(CHAPTER, project) != before[0]) is matters
    assert (chapter_digest(printing, project) != before[1]) is changed


def test_declared_dependencies_matter_and_settings_do_not(project):
    pyproject = project / "pyproject.toml"
    before = chapter_digest(CHAPTER, project)
    pyproject.write_text("[project]\nversion = '2'\n[tool.ruff]\nline-length = 80\n")
    assert chapter_digest(CHAPTER, project) == before
    pyproject.write_text("[project]\ndependencies = ['torch>=2.6']\n")
    assert chapter_digest(CHAPTER, project) != before


@pytest.mark.parametrize(
    "file, matters",
    [
        ("deep/weights/n.pt", True),
        ("deep/weights/n.md", False),
        ("deep/table.csv", True),
        ("weights/n.pt", True),
        ("other/weights/n.pt", False),
    ],
)
def test_digest_follows_weights_and_tables(project, file, matters):
    path = project / "code" / "segbook" / file
    path.parent.mkdir(exist_ok=True, parents=True)
    if "other" in file:
        (path.parents[1] / "__init__.py").write_text("")
    path.write_bytes(b"1")
    before = chapter_digest(CHAPTER, project)
    path.write_bytes(b"22")
    assert (chapter_digest(CHAPTER, project) != before) is matters


def test_the_generator_of_scenes_is_one_of_our_packages(project):
    (project / "code" / "toyvoc").mkdir()
    generator = project / "code" / "toyvoc" / "__init__.py"
    generator.write_text("x = 1\n")
    (project / "code" / "segbook" / "b.py").write_text("from toyvoc import x\n")
    before = chapter_digest(CHAPTER, project)
    generator.write_text("x = 2\n")
    assert chapter_digest(CHAPTER, project) != before


@pytest.mark.parametrize("file, matters", [("kit.js", True), ("a-b.json", True), ("other.js", False)])
def test_digest_follows_the_figures_that_are_shown(project, file, matters):
    folder = project / "code" / "segbook" / "figures"
    folder.mkdir()
    for name in ("__init__.py", "kit.js", "a-b.js", "a-b.json", "other.js"):
        (folder / name).write_text("1")
    showing = CHAPTER + '```{code-cell} ipython3\nfigures.show("a-b", label="A.")\n```\n'
    before = chapter_digest(showing, project)
    (folder / file).write_text("2")
    assert (chapter_digest(showing, project) != before) is matters


def test_a_new_result_executes_nothing(project):
    """Roles print results when a page is made; no cell can read them, since a Colab reader has no such folder."""
    reading = CHAPTER + "See {result}`a.b`, from results.\n"
    before = chapter_digest(reading, project)
    (project / "results" / "a.json").write_text('{"b": 1}')
    assert chapter_digest(reading, project) == before


@pytest.fixture
def checks(project):
    """The folder of two checkers in two files, which `segbook.checks` hands on."""
    folder = project / "code" / "segbook" / "checks"
    folder.mkdir()
    (folder / "core.py").write_text("def checker(f): return f\n")
    (folder / "__init__.py").write_text('"""All."""\nfrom segbook.checks.core import checker\n')
    for name in ("one", "two"):
        add_checker(folder, name)
    return folder


def add_checker(folder, name):
    text = f"from segbook.checks.core import checker\n\n\n@checker\ndef {name}_is_right(x):\n    return x\n"
    (folder / f"{name}.py").write_text(text)
    with (folder / "__init__.py").open("a") as file:
        file.write(f"from segbook.checks.{name} import *\n")


CALLS_ONE = [
    "```{code-cell} ipython3\nfrom segbook import checks\nchecks.one_is_right(3)\n```\n",
    "```{code-cell} ipython3\nfrom segbook import (\n    checks,  # here\n)\nx = checks.one_is_right(3)\n```\n",
]


@pytest.mark.parametrize("calling", CALLS_ONE)
@pytest.mark.parametrize(
    "file, matters", [("one.py", True), ("two.py", False), ("core.py", True), ("__init__.py", True)]
)
def test_digest_follows_the_checkers_that_are_called(project, checks, calling, file, matters):
    before = chapter_digest(calling, project)
    (checks / file).write_text((checks / file).read_text() + "\nchanged = 1\n")
    assert (chapter_digest(calling, project) != before) is matters


def test_a_new_page_with_checkers_of_its_own_executes_no_other(project, checks):
    before = chapter_digest(CALLS_ONE[0], project)
    add_checker(checks, "three")
    assert chapter_digest(CALLS_ONE[0], project) == before
    assert chapter_digest(CALLS_ONE[0].replace("one_is", "three_is"), project) != before


@pytest.mark.parametrize("page", notebook_files(ROOT), ids=page_name)
def test_each_page_of_the_book_depends_on_its_own_checkers_alone(page):
    code = ROOT / "code"
    left_out = other_checkers(page.read_text(encoding="utf-8"), code)
    checkers = {path for path in (code / "segbook" / "checks").glob("*.py") if "\n@checker\n" in path.read_text()}
    name = re.sub(r"^\d\d-", "", page.stem).replace("-", "_")
    assert [path.stem for path in checkers - left_out] == [name]
