"""The code of a submitted notebook and the exercises that it should answer."""

import ast
import json
import pkgutil
import re

CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\n]*\n?")
LINE_MAGIC = re.compile(r"^([ \t]*)(?:(?:[\w, ]+=[ \t]*)?[!%?](?:.*\\\n)*.*|[\w.]+\?{1,2}[ \t]*)$", re.MULTILINE)
HARMLESS = ("time", "capture", "timeit")  # cell magics whose cell is Python
CALLED = re.compile(r"\bchecks\.(\w+)|\bfrom\s+segbook\.checks[\w.]*\s+import\s+(\([^)]*\)|[^\n]*)")


def read(content: bytes) -> tuple[list[str], list[str]]:
    """The Python of a notebook's code cells, and notes on what was left out; its outputs are not looked at."""
    try:
        notebook = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no Jupyter notebook: {type(error).__name__}: {str(error)[:100]}") from error
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise ValueError("no Jupyter notebook of format 4; an older one becomes one when Jupyter saves it")
    cells, notes = [], []
    for cell in notebook["cells"]:
        match cell:
            case {"cell_type": "code", "source": str() | list() as source} if all(isinstance(x, str) for x in source):
                cells.append(python("".join(source), len(cells) + 1, notes))
            case {"cell_type": "markdown" | "raw"}:
                pass
            case _:
                notes.append("a cell without type or source was left out")
    return cells, notes


def python(cell: str, number: int, notes: list[str]) -> str:
    """A cell without IPython's own lines, which are noted; what is no Python even so stays and fails when it runs."""
    if magic := CELL_MAGIC.match(cell):
        if magic[1] not in HARMLESS:
            notes.append(f"cell {number} not run: %%{magic[1]}")
            return ""
        cell = cell[magic.end() :]
    try:
        ast.parse(cell)
        return cell
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        code, left_out = LINE_MAGIC.subn(r"\1pass", cell)
    if left_out and "pip install -q --no-deps" not in cell:  # the exported notebook's own setup cell needs no note
        notes.append(f"cell {number}: {left_out} line(s) with ! or % left out")
    return code


def asked(cells: list[str]) -> list[str]:
    """All checkers of each chapter of which the cells name at least one: as `checks.x`, or imported.

    Deleting an exercise does not make the total smaller.
    """
    named = {name for match in CALLED.finditer("\n".join(cells)) for name in re.findall(r"\w+", match[1] or match[2])}
    return [name for names in chapters() if named & set(names) for name in names]


def chapters() -> list[list[str]]:
    """The names of each chapter's checkers."""
    from segbook import checks  # not before: it needs seconds, and a file that is no notebook does not

    modules = (getattr(checks, module.name) for module in pkgutil.iter_modules(checks.__path__))
    return [module.__all__ for module in modules if hasattr(module, "__all__")]
