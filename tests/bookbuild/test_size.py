"""The package stays one that a person reads in an afternoon."""

import pytest

from bookbuild import ROOT
from bookbuild.size import LIMITS, sizes


@pytest.mark.parametrize("what", LIMITS)
def test_the_package_keeps_its_limits(what):
    assert sizes(ROOT / "code")[what] <= LIMITS[what]


def test_lines_are_counted_where_they_belong(tmp_path):
    files = {
        "segbook/losses.py": 3,
        "segbook/models/deep/heads.py": 5,
        "segbook/plot.py": 7,
        "segbook/checks/one.py": 400,
        "toyvoc/scenes.py": 11,
        "segbook/figures/kit.js": 900,
    }
    for name, count in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n" * count)
    assert sizes(tmp_path) == {"reading path": 8, "segbook": 15, "longest file": 400}
