"""Chapters are executed side by side, once, and a failing one is still reported."""

import subprocess
import sys
from pathlib import Path

import pytest

CONF = """
import sys
sys.path.insert(0, {code!r})
from pathlib import Path
from bookbuild.site.execution import execute_side_by_side

extensions = ["myst_nb"]
nb_execution_mode = "cache"
nb_execution_timeout = 120
nb_execution_excludepatterns = ["excluded/*"]

def first(app, env, docnames):
    execute_side_by_side(app, {{name: Path(env.doc2path(name)).read_text() for name in docnames}})

def setup(app):
    app.connect("env-before-read-docs", first)
"""
NOTEBOOK = """---
file_format: mystnb
kernelspec:
  name: python3
---

# {name}

```{{code-cell}} ipython3
{code}
```
"""
# Writes its name and waits until the other one has written, too: done one after another, it would never end.
MEET = """
import time
from pathlib import Path
folder = Path({folder!r})
with open(folder / {name!r}, "a") as file:
    file.write("ran\\n")
deadline = time.monotonic() + 60
while not (folder / {other!r}).exists() and time.monotonic() < deadline:
    time.sleep(0.05)
assert (folder / {other!r}).exists(), "nobody came"
print("met", {other!r})
"""


def build(source: Path) -> str:
    """Build the pages; returns what Sphinx complained of."""
    command = [sys.executable, "-m", "sphinx", "-q", "-d", source / "trees", source, source / "_build"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.fixture
def project(tmp_path):
    code = Path(__file__).resolve().parents[3] / "code"
    (tmp_path / "conf.py").write_text(CONF.format(code=str(code)))
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    for name, other in (("a", "b"), ("b", "a")):
        cell = MEET.format(folder=str(meeting), name=name, other=other)
        (tmp_path / f"{name}.md").write_text(NOTEBOOK.format(name=name, code=cell))
    (tmp_path / "c.md").write_text(NOTEBOOK.format(name="c", code="1 / 0"))
    (tmp_path / "excluded").mkdir()
    noted = f"open({str(meeting / 'd')!r}, 'w').close()"
    (tmp_path / "excluded" / "d.md").write_text(NOTEBOOK.format(name="d", code=noted))
    (tmp_path / "index.md").write_text("# Index\n\n```{toctree}\na\nb\nc\nexcluded/d\n```\n")
    return tmp_path


@pytest.mark.slow
def test_two_chapters_run_at_once_and_only_once_and_a_failure_is_reported(project):
    complaints = build(project)
    assert "Executing notebook failed" in complaints and "c.md" in complaints
    assert "a.md" not in complaints and "b.md" not in complaints
    for name, other in (("a", "b"), ("b", "a")):
        assert f"met {other}" in (project / "_build" / f"{name}.html").read_text()

    assert not (project / "meeting" / "d").exists() and (project / "_build" / "excluded" / "d.html").is_file()

    (project / "c.md").write_text(NOTEBOOK.format(name="c", code="print(6 * 7)"))
    for name in ("a", "b"):  # new prose, old cells
        (project / f"{name}.md").write_text((project / f"{name}.md").read_text() + "\nMore.\n")
    assert "failed" not in build(project)
    assert "42" in (project / "_build" / "c.html").read_text()
    for name in ("a", "b"):
        assert (project / "meeting" / name).read_text() == "ran\n"
        assert "More." in (project / "_build" / f"{name}.html").read_text()
