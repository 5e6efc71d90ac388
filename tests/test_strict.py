"""A strict run is red where something was skipped without a listed reason, and says what was left out."""

from pathlib import Path

import pytest

TESTS = """
import pytest

def test_sound():
    assert True

def test_photographs():
    pytest.skip("camvid.tar lies neither in $SEGBOOK_DATA nor in ../shared/data")

@pytest.mark.skipif(True, reason="no CUDA device here")
def test_cuda():
    assert False

@pytest.mark.xfail
def test_known():
    assert False
"""
UNLISTED = {
    "in a test": "def test_other():\n    import pytest\n    pytest.skip('no Chromium')\n",
    "in a fixture": "import pytest\n@pytest.fixture\ndef x():\n    pytest.skip('no npm')\ndef test_other(x): pass\n",
    "in a module": "import pytest\npytest.importorskip('no_such_module')\ndef test_other(): pass\n",
    "by a mark": "import pytest\n@pytest.mark.skip(reason='later')\ndef test_other(): pass\n",
}


@pytest.fixture
def run(pytester, monkeypatch):
    """run(files, strict) -> the result of pytest on them, under the project's own conftest."""
    pytester.makeconftest(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))

    def call(strict: bool, **files: str):
        pytester.makepyfile(**files)
        monkeypatch.setenv("SEGBOOK_STRICT", "1" if strict else "")
        return pytester.runpytest_subprocess("-p", "no:cacheprovider")

    return call


@pytest.mark.parametrize("strict", [True, False])
def test_a_listed_reason_is_counted_before_the_last_line(run, strict):
    result = run(strict, test_listed=TESTS)
    assert result.ret == 0
    assert result.outlines[-2] == "left out: 1 for want of a CUDA device, 1 for want of real photographs and weights"
    assert "1 passed, 2 skipped, 1 xfailed" in result.outlines[-1]


@pytest.mark.parametrize("where", UNLISTED)
def test_any_other_skip_is_a_failure_in_a_strict_run(run, where):
    lenient = run(False, test_unlisted=UNLISTED[where])
    assert lenient.ret in (0, 5) and "1 skipped" in lenient.outlines[-1]
    strict = run(True, test_unlisted=UNLISTED[where])
    assert strict.ret not in (0, 5), strict.outlines
    assert any("skipped in a strict run" in line for line in strict.outlines)
