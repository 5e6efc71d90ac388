"""Which files of the package a chapter's outputs depend on.

A chapter is executed again when its cells change (jupyter-cache sees that) and when anything that it imports from
segbook changes, directly or through other modules (this file sees that).
"""

import ast
import hashlib
import platform
import re
from collections.abc import Collection
from importlib import metadata
from pathlib import Path

IMPORT = re.compile(r"^\s*(?:from\s+(segbook[\w.]*)\s+import\s+(.+)|import\s+(segbook[\w.]*))", re.MULTILINE)
SHOWN = re.compile(r"""figures\.show\(\s*["']([\w-]+)["']""")
CALLED = re.compile(r"^checks\.(\w+)\(", re.MULTILINE)


def chapter_digest(source: str, root: Path) -> str:
    """Sixteen hex digits that change with whatever the chapter's cells run on.

    Args:
        source: the chapter's text.
        root: the repository, with code/segbook and pyproject.toml.
    """
    names: set[str] = set()
    for package, members, module in IMPORT.findall(source):
        names.add(package or module)
        names |= {f"{package}.{name}" for name in re.findall(r"\w+", members.split("#")[0])}
    files = package_files(names, root / "code", other_checkers(source, root / "code"))
    if shown := set(SHOWN.findall(source)):  # what the figures that the chapter shows consist of, and no other's
        folder, kinds = root / "code" / "segbook" / "figures", (".js", ".json", ".webp")
        files |= {path for path in folder.iterdir() if path.stem in {*shown, "kit"} and path.suffix in kinds}
    digest = hashlib.sha256(platform.python_version().encode())
    for name in ("torch", "torchvision", "matplotlib", "d2l"):
        digest.update(metadata.version(name).encode())
    for path in sorted(files | {root / "pyproject.toml"}):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def other_checkers(source: str, code: Path) -> set[Path]:
    """The files of checkers that the chapter does not call: `segbook.checks` imports them all, for all chapters."""
    called = {f"def {name}(" for name in CALLED.findall(source)}
    files = set((code / "segbook" / "checks").glob("*.py"))
    checkers = {path for path in files if "\n@checker\n" in path.read_text(encoding="utf-8")}
    return {path for path in checkers if not any(call in path.read_text(encoding="utf-8") for call in called)}


def package_files(names: set[str], code: Path, without: Collection[Path] = ()) -> set[Path]:
    """The files of the modules, of all that they import from segbook, and of the packages that hold them.

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
                    queue += imports(path, code)
    return files


def imports(path: Path, code: Path) -> list[str]:
    """Dotted names under segbook that a file imports; a name that is no module is harmless."""
    package = path.relative_to(code).parent.parts
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            found += [module] + [f"{module}.{alias.name}" for alias in node.names]
    return [name for name in found if name.split(".")[0] == "segbook"]
