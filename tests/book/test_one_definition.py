"""Code that a chapter teaches and the package holds is the same code."""

import ast
import functools
import re

import pytest

from bookbuild import ROOT
from bookbuild.chapters import notebook_files, page_name

PAGES = notebook_files(ROOT)
CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
Definition = ast.FunctionDef | ast.ClassDef


def definitions(source: str) -> dict[str, Definition]:
    """Functions and classes at the top level of a piece of code."""
    return {node.name: node for node in ast.parse(source).body if isinstance(node, Definition)}


def bare(node: Definition) -> str:
    """The syntax tree without docstrings and annotations."""
    for part in ast.walk(node):
        if isinstance(part, ast.arg):
            part.annotation = None
        if isinstance(part, Definition):
            part.returns = None
            if ast.get_docstring(part) is not None:
                part.body = part.body[1:] or [ast.Pass()]
    return ast.dump(node)


def taught_code(text: str) -> list[str]:
    """The code of a page's cells, without YAML metadata, options and IPython magics."""
    cells = []
    for cell in CELL.findall(text):
        cell = re.sub(r"\A---\n.*?^---\n", "", cell, flags=re.MULTILINE | re.DOTALL)
        cells.append("\n".join(line for line in cell.splitlines() if not re.match(r":[\w-]+:|\s*[%!]", line)))
    return cells


@functools.cache
def package_definitions() -> dict[str, list[tuple[str, str]]]:
    """Public names of segbook, each with its files. Not those of checks/: a checker is named as what it checks."""
    found: dict[str, list[tuple[str, str]]] = {}
    package = ROOT / "code" / "segbook"
    for path in sorted(set(package.rglob("*.py")) - set((package / "checks").rglob("*.py"))):
        for name, node in definitions(path.read_text()).items():
            if not name.startswith("_"):
                found.setdefault(name, []).append((path.relative_to(ROOT).as_posix(), bare(node)))
    return found


@pytest.mark.parametrize("chapter", PAGES, ids=page_name)
def test_taught_code_is_the_packages_code(chapter):
    package = package_definitions()
    for cell in taught_code(chapter.read_text()):
        for name, node in definitions(cell).items():
            if name in package:
                files = [file for file, _ in package[name]]
                assert bare(node) in [tree for _, tree in package[name]], (
                    f"{chapter.name} defines `{name}` otherwise than {', '.join(files)}: "
                    "make them the same, or give the chapter's version another name"
                )


def test_a_difference_is_seen():
    ours = "def f(x: int) -> int:\n    '''Twice.'''\n    return 2 * x\n"
    assert bare(definitions(ours)["f"]) == bare(definitions("def f(x):\n    return 2 * x\n")["f"])
    assert bare(definitions(ours)["f"]) != bare(definitions("def f(x):\n    return 3 * x\n")["f"])
    assert taught_code("```{code-cell} ipython3\n---\ntags: [a]\n---\n%pip x\ny = 1\n```\n") == ["y = 1"]
