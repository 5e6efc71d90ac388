"""The code of a submitted notebook and the exercises that it should answer."""

import ast
import importlib
import json
import pkgutil
import re
from dataclasses import dataclass
from pathlib import Path

from segbook import checks

CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*\n?")
LINE_MAGIC = re.compile(r"^(\s*)(?:[\w, ]+=\s*)?[!%?]|^\s*[\w.]+\?{1,2}\s*$")
HARMLESS = ("time", "capture", "timeit")  # cell magics whose cell is Python


@dataclass
class Submission:
    """What is taken from a notebook: the source of its code cells, and nothing of its outputs."""

    path: Path
    cells: list[str]
    exercises: list[str]  # names of the checkers, in the book's order
    notes: list[str]


def read(path: Path) -> Submission:
    """Read a submission.

    Raises:
        FileNotFoundError: no such file. ValueError: no notebook of format 4.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [
            "".join(cell["source"])  # a list of lines, or one text
            for cell in notebook["cells"]
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path}: this is no Jupyter notebook of format 4 ({type(error).__name__})") from error
    notes: list[str] = []
    cells = [python(cell, number, notes) for number, cell in enumerate(cells, 1)]
    exercises = asked(cells)
    if not exercises:
        notes.append("no cell calls a checker of this book")
    return Submission(path, cells, exercises, notes)


def python(cell: str, number: int, notes: list[str]) -> str:
    """A cell without IPython's own lines, which are noted; what is no Python even so stays and fails when it runs."""
    if magic := CELL_MAGIC.match(cell):
        if magic[1] not in HARMLESS:
            notes.append(f"cell {number} not run: %%{magic[1]}")
            return ""
        cell = cell[magic.end() :]
    if _parsed(cell) is not None:
        return cell
    lines, left_out, going_on = [], 0, False
    for line in cell.splitlines():
        magic = LINE_MAGIC.match(line)
        if going_on or magic:
            lines.append("" if going_on else f"{line[: len(line) - len(line.lstrip())]}pass")
            left_out += not going_on
            going_on = line.endswith("\\")
        else:
            lines.append(line)
    if left_out and "pip install -q --no-deps" not in cell:  # the exported notebook's own setup cell needs no note
        notes.append(f"cell {number}: {left_out} line(s) with ! or % left out")
    return "\n".join(lines)


def asked(cells: list[str]) -> list[str]:
    """All checkers of each chapter of which the cells call at least one.

    Deleting an exercise does not make the total smaller.
    """
    called = set()
    for cell in cells:
        for node in ast.walk(_parsed(cell) or ast.Module([], [])):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "checks":
                called.add(node.attr)
    return [name for names in chapters() if called & set(names) for name in names]


def chapters() -> list[list[str]]:
    """The names of each chapter's checkers."""
    found = []
    for module in sorted(one.name for one in pkgutil.iter_modules(checks.__path__) if one.name != "core"):
        names = importlib.import_module(f"{checks.__name__}.{module}").__all__
        found.append([name for name in names if name in vars(checks)])
    return found


def _parsed(code: str) -> ast.Module | None:
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
