"""What nbgrader, the course machinery of Jupyter, needs to know of a notebook: which cells answer, which grade.

An exercise becomes two cells. The first holds the starter and, between nbgrader's marks, the solution: a release shows
the starter alone. The second calls the checker, is locked, and earns the exercise's level in points.
"""

import ast
import re
from pathlib import Path
from typing import Any

from bookbuild.chapters import DEEPER, EXERCISE_HEAD
from bookbuild.notebooks.solutions import checks_in, is_code
from bookbuild.notebooks.source import Block

SCHEMA = 3  # of nbgrader's metadata, since its release 0.6
ODD = re.compile(r"[^\w-]")
CONFIG = '''\
"""A course of nbgrader: `nbgrader generate_assignment 01-pixels-to-labels` in this folder, and so on."""

c = get_config()  # noqa: F821 (nbgrader's)
c.CourseDirectory.course_id = "segbook"
c.ClearSolutions.code_stub = {"python": "# your answer replaces what stands above"}
c.ExecutePreprocessor.timeout = 900  # seconds of one cell: chapters train networks
'''


def points(exercise: Block) -> int:
    """The level that the statement begins with."""
    found = EXERCISE_HEAD.match(exercise.children[0].children[0].node.content)
    return int(found["level"])


def graded(starter: str, exercise: Block, solution: Block) -> list[tuple[str, str, dict[str, Any]]]:
    """The cell of the answer and the cell of the grade: kind, source, metadata."""
    label = exercise.options["label"]
    code = "\n\n".join(block.node.content.rstrip("\n") for block in solution.children if is_code(block))
    lines, kept = starter.split("\n"), []
    calls = [node for node in ast.parse(starter).body if ast.get_source_segment(starter, node) in [*checks_in(starter)]]
    for number, line in enumerate(lines, 1):
        if not any(node.lineno <= number <= node.end_lineno for node in calls):
            kept.append(line)
    answer = "\n".join(kept).strip("\n")
    check = "\n".join(f"checked = {call}\nassert checked, checked.message" for call in checks_in(starter))
    solved = f"{answer}\n### BEGIN SOLUTION\n{code}\n### END SOLUTION"
    return [
        ("code", solved, {"nbgrader": _metadata(label, solution=True)}),
        ("code", check, {"nbgrader": _metadata(f"{label}-check", grade=True, locked=True, points=points(exercise))}),
    ]


def _metadata(grade_id: str, **known: Any) -> dict[str, Any]:
    kinds = {"grade": False, "solution": False, "locked": False, "task": False}
    return {"schema_version": SCHEMA, "grade_id": ODD.sub("-", grade_id)} | kinds | known


def place(out: Path, notebook: str) -> Path:
    """Where nbgrader looks for an assignment: a folder of its own in source/, called as the page."""
    name = notebook.removesuffix(".ipynb")
    return out / "source" / name.replace(f"{DEEPER}/", f"{DEEPER}-") / Path(notebook).name
