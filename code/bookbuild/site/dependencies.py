"""What of the package a chapter's outputs depend on.

A chapter is executed again when its cells change (jupyter-cache sees that) and when the code of anything that it
imports from our packages changes, directly or through other modules (this file sees that). Code is compared as a syntax
tree without its docstrings: a comment, a docstring or a line's length executes nothing. Nor does a checker of another
page, the card of a network's weights, or a figure that the page does not show.
"""

import ast
import hashlib
import platform
import re
import tomllib
from collections.abc import Collection, Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

OURS = ("segbook", "toyvoc")
IMPORT = re.compile(
    rf"^\s*(?:from\s+((?:{'|'.join(OURS)})[\w.]*)\s+import\s+(\([^)]*\)|.+)|import\s+((?:{'|'.join(OURS)})[\w.]*))",
    re.MULTILINE,
)
SHOWN = re.compile(r"""figures\.show\(\s*["']([\w-]+)["']""")
CALLED = re.compile(r"\bchecks\.(\w+)\(")
THEMED_SVG = Path(__file__).with_name("themed_svg.py")  # draws what the cells plot
NO_DATA = ("", ".py", ".pyc", ".md")  # a card says where weights come from, no code reads it
PRINTS_CODE = re.compile(r"\bgetsource\b|__doc__|\bhelp\(")  # then comments and docstrings are outputs, too


def chapter_digest(source: str, root: Path) -> str:
    """Sixteen hex digits that change with whatever the chapter's cells run on.

    Args:
        source: the chapter's text.
        root: the repository, with code/ and pyproject.toml.
    """
    code, names = root / "code", set()
    for package, members, module in IMPORT.findall(source):
        names.add(package or module)
        names |= {f"{package}.{name}" for name in re.findall(r"\w+", re.sub("#.*", "", members))}
    files = package_files(names, code, other_checkers(source, code))
    files |= set(data_files(files)) | figure_files(set(SHOWN.findall(source)), code)
    digest = hashlib.sha256(platform.python_version().encode())
    for name in ("torch", "torchvision", "matplotlib", "d2l"):
        digest.update(metadata.version(name).encode())
    digest.update(declared_dependencies(root / "pyproject.toml").encode())
    digest.update(file_digest(THEMED_SVG, False))
    verbatim = bool(PRINTS_CODE.search(source))
    for path in sorted(files):
        content = file_digest(path, verbatim, *state(path))
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()[:16]


def state(path: Path) -> tuple[int, int]:
    """What changes with a file: the keys of the caches below."""
    about = path.stat()
    return about.st_mtime_ns, about.st_size


@cache
def file_digest(path: Path, verbatim: bool, *state: int) -> bytes:
    """A hash of a file's bytes or, of Python that is not wanted verbatim, of its syntax tree."""
    content = path.read_bytes()
    if path.suffix == ".py" and not verbatim:
        content = bare_tree(content).encode()
    return hashlib.sha256(content).digest()


def bare_tree(source: bytes) -> str:
    """The syntax tree of Python code, without docstrings, places and `from ... import *`.

    What a star brings is a file of its own among those that matter, or the page does not use it.
    """
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if not (isinstance(node, ast.ImportFrom) and node.names[0].name == "*")]
    for node in ast.walk(tree):
        documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def declared_dependencies(pyproject: Path) -> str:
    """What the package asks for; its version and the settings of tools change no output."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8")).get("project", {})
    return repr([project.get("dependencies"), project.get("optional-dependencies"), project.get("requires-python")])


def figure_files(shown: set[str], code: Path) -> set[Path]:
    """What the figures that a chapter shows consist of, and no other's."""
    if not shown:
        return set()
    folder, kinds = code / "segbook" / "figures", (".js", ".json", ".webp")
    return {path for path in folder.iterdir() if path.stem in {*shown, "kit"} and path.suffix in kinds}


def data_files(files: set[Path]) -> Iterator[Path]:
    """Weights and tables of the packages that are imported; what figures consist of is `figure_files`' concern."""
    for package in {path.parent for path in files if path.name == "__init__.py" and path.parent.name != "figures"}:
        folders = [path for path in package.iterdir() if path.is_dir() and not (path / "__init__.py").is_file()]
        found = [*package.iterdir(), *(path for folder in folders for path in folder.rglob("*"))]
        yield from (path for path in found if path.suffix not in NO_DATA and path.is_file())


def other_checkers(source: str, code: Path) -> set[Path]:
    """The files of checkers that the chapter does not call: `segbook.checks` imports them all, for all chapters."""
    called = {f"def {name}(" for name in CALLED.findall(source)}
    files = set((code / "segbook" / "checks").glob("*.py"))
    checkers = {path for path in files if "\n@checker\n" in path.read_text(encoding="utf-8")}
    return {path for path in checkers if not any(call in path.read_text(encoding="utf-8") for call in called)}


def package_files(names: set[str], code: Path, without: Collection[Path] = ()) -> set[Path]:
    """The files of the modules, of all that they import from our packages, and of the packages that hold them.

    Files in `without` are left out, and what only they import.
    """
    files: set[Path] = set()
    queue = list(names)
    while queue:
        name = queue.pop()
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            base = code.joinpath(*parts[:depth])
            for path in (base.with_suffix(".py"), base / "__init__.py"):
                if path.is_file() and path not in files and path not in without:
                    files.add(path)
                    queue += imports(path, code, *state(path))
    return files


@cache
def imports(path: Path, code: Path, *state: int) -> list[str]:
    """Dotted names under our packages that a file imports; a name that is no module is harmless."""
    package = path.relative_to(code).parent.parts
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found += [module] + [f"{module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] in OURS]
