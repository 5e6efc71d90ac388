"""nbgrader's edition: what its metadata say in all chapters, and a course in small that nbgrader itself runs."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bookbuild import ROOT
from bookbuild.chapters import notebook_files
from bookbuild.notebooks.export import export

PAGE = """# By hand

*Reading 1 min · running 1 s on 2 CPU cores*

```{code-cell} ipython3
from segbook import checks
```

## Exercises

```{exercise} By hand
:label: ex-hand
*8 min, level 2.* Stamp.
```

```{code-cell} ipython3
:tags: [exercise]
whole = ...
cut = ...
checks.transpose_by_hand(whole, cut)
```

````{solution} ex-hand
:class: dropdown
They overlap in the middle.

```python
whole = [[2, 9, 4], [7, 25, 23], [6, 19, 15]]
cut = [[6, 2], [12, 5]]
```
````

```{exercise} Sums
:label: ex-sums
*6 min, level 1.* Add.
```

```{code-cell} ipython3
:tags: [exercise]
sums = ...
sums_3 = ...
mended = ...
checks.transpose_phases(sums, sums_3,
                        mended)
```

````{solution} ex-sums
:class: dropdown
Weights meet.

```python
sums = [5, 7]
sums_3 = [4, 6, 2]
mended = [3, 4, 2, 3, 2]
```
````
"""
NAME = "01-by-hand"
MARKS = re.compile(r"### BEGIN SOLUTION\n.*?### END SOLUTION", re.DOTALL)


def cells(path: Path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.fixture(scope="module")
def editions(tmp_path_factory) -> dict[str, dict[Path, str]]:
    """The notebooks of both editions of the whole book, by path: the students' as they are committed."""
    made, errors = export(ROOT, "nbgrader", tmp_path_factory.mktemp("nbgrader"))
    assert not errors
    committed = [path.with_suffix(".ipynb") for path in notebook_files(ROOT)]
    return {"student": {path: path.read_text(encoding="utf-8") for path in committed}, "nbgrader": made}


def test_each_exercise_has_an_answer_and_a_grade_and_all_else_is_as_for_students(editions):
    students = {path.name: text for path, text in editions["student"].items()}
    notebooks = {path: text for path, text in editions["nbgrader"].items() if path.suffix == ".ipynb"}
    assert len(notebooks) == len(students)
    seen = []
    for path, text in notebooks.items():
        assert path.parent.parent.name == "source" and path.parent.name.endswith(path.stem)
        made = json.loads(text)["cells"]
        graded = [cell for cell in made if "nbgrader" in cell["metadata"]]
        pupils = json.loads(students[path.name])["cells"]
        starters = [cell for cell in pupils if "exercise" in cell["metadata"].get("tags", [])]
        assert len(graded) == 2 * len(starters) and starters
        ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in graded]
        assert len(set(ids)) == len(ids) and all(re.fullmatch(r"[\w-]+", ident) for ident in ids)
        plain = [cell["source"] for cell in made if cell not in graded]
        assert plain == [cell["source"] for cell in pupils if cell not in starters], path.name
        for starter, answer, grade in zip(starters, graded[::2], graded[1::2]):
            about, judged = answer["metadata"]["nbgrader"], grade["metadata"]["nbgrader"]
            assert (about["solution"], about["grade"], about["locked"]) == (True, False, False)
            assert (judged["solution"], judged["grade"], judged["locked"]) == (False, True, True)
            assert judged["points"] in (1, 2, 3) and {about["schema_version"], judged["schema_version"]} == {3}
            assert "checks." in "".join(grade["source"]) and len(MARKS.findall("".join(answer["source"]))) == 1
            left = MARKS.sub("", "".join(answer["source"])).split()
            assert set(left) <= set("".join(starter["source"]).split()), "more than the starter would be released"
            seen.append(judged["grade_id"])
    assert len(set(seen)) == len(seen) > 100


@pytest.fixture(scope="module")
def course(small_book, tmp_path_factory) -> Path:
    """A course of one page, graded: a right and a blank submission."""
    try:
        importlib.import_module("nbgrader")
    except ImportError:
        pytest.skip("nbgrader is not installed (pip install nbgrader)")
    book = small_book(tmp_path_factory.mktemp("book"))
    book.page(NAME, PAGE)
    course = tmp_path_factory.mktemp("course")
    texts, errors = export(book.root, "nbgrader", course)
    assert not errors
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def nbgrader(*words: str) -> None:
        command = [sys.executable, "-m", "nbgrader", *words]
        done = subprocess.run(command, cwd=course, env=environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, done.stdout + done.stderr

    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "code"),
        "JUPYTER_CONFIG_DIR": str(course / "none"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # nbgrader calls alembic
    }
    nbgrader("generate_assignment", NAME)
    for student, folder in (("right", "source"), ("blank", "release")):
        target = course / "submitted" / student / NAME
        target.mkdir(parents=True)
        shutil.copy(course / folder / NAME / f"{NAME}.ipynb", target)
    nbgrader("autograde", NAME)
    return course


def test_nbgrader_validates_the_source_and_releases_no_solution(course):
    from nbgrader.nbgraderformat import read

    source, release = (course / folder / NAME / f"{NAME}.ipynb" for folder in ("source", "release"))
    read(str(source), as_version=4)  # raises where the metadata are not of its schema
    told = "\n".join("".join(cell["source"]) for cell in cells(release))
    assert "SOLUTION" not in told and "25, 23" not in told and "[5, 7]" not in told
    assert "whole = ...\ncut = ...\n# your answer replaces what stands above" in told
    assert "checks.transpose_phases(sums, sums_3,\n                        mended)" in told


@pytest.mark.parametrize(("student", "score"), [("right", 3), ("blank", 0)])
def test_nbgrader_gives_full_points_for_the_solutions_and_none_for_the_starter(course, student, score):
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        submission = book.find_submission(NAME, student)
        assert (submission.score, submission.max_score) == (score, 3)
