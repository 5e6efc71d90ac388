"""The script that repeats tests finds those whose outcome depends on the moment, and is red when one is."""

import subprocess
import sys

import pytest

from bookbuild import ROOT
from bookbuild.shake import shaky


def test_what_depends_on_the_moment_is_found():
    found = {path.relative_to(ROOT / "tests").as_posix() for path in shaky(ROOT / "tests")}
    assert {"book/test_segment.py", "book/figures/test_aspp.py", "bookbuild/mutants/test_mutants.py"} <= found
    assert "bookbuild/test_size.py" not in found and "segbook/test_losses.py" not in found


@pytest.mark.slow
def test_a_test_that_is_red_once_is_red(tmp_path):
    seen = tmp_path / "seen"
    (tmp_path / "test_sound.py").write_text("def test_sound(): pass\n")
    (tmp_path / "test_once.py").write_text(
        f"from pathlib import Path\ndef test_once():\n    seen = Path({str(seen)!r})\n"
        "    seen.write_text((seen.read_text() if seen.exists() else '') + 'x')\n    assert seen.read_text() != 'xx'\n"
    )
    files = [str(tmp_path / f"test_{name}.py") for name in ("sound", "once")]
    command = [sys.executable, "-m", "bookbuild.shake", "--times", "2", *files]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and "assert" in done.stdout
    assert "test_sound.py: 2 of 2" in done.stdout and "test_once.py: 1 of 2" in done.stdout
