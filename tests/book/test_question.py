"""The directive `question` on a page: a reader opens its choices by keyboard, and its faults are named."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bookbuild import ROOT

CONF = """
extensions = ["myst_parser", "bookbuild.site.question"]
myst_enable_extensions = ["dollarmath"]
html_theme = "sphinx_book_theme"
html_static_path = ["static"]
html_css_files = ["segbook.css"]
"""
ASKED = """# Page

```{question}
:answer: B

How many zeros at rate $2$?

- Two: `d` of them.

  You counted the rate.
- One.

  Rate 1 has none.
- One hundred and twenty-eight times as many as in a kernel of the same number of taps at half the rate, $d - 1$.

  Nobody says so.
```
"""
WRONG = {
    "no answer": ("```{question}\nA?\n\n- b\n\n  c\n- d\n\n  e\n```", "one of A, B, and there is none"),
    "no choices": ("```{question}\n:answer: A\n\nA?\n```", "a question ends with its choices"),
    "nothing": ("```{question}\n```", "a question ends with its choices"),
    "no reason": ("```{question}\n:answer: A\n\nA?\n\n- b\n- d\n\n  e\n```", "choice A needs a reason"),
}


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> tuple[Path, str]:
    """A page with a question, and what the build says of it and of the questions that are none."""
    folder = tmp_path_factory.mktemp("questions")
    (folder / "conf.py").write_text(CONF)
    (folder / "static").mkdir()
    (folder / "static" / "segbook.css").write_bytes((ROOT / "book" / "_static" / "segbook.css").read_bytes())
    wrong = "".join(f"\n\n{source}" for source, _ in WRONG.values())
    (folder / "index.md").write_text(ASKED)
    (folder / "wrong.md").write_text(f"# Wrong{wrong}\n")
    command = [sys.executable, "-m", "sphinx", "-b", "html", ".", "html"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "code"), "NO_COLOR": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "html" / "index.html", done.stderr


def test_the_page_without_a_browser(page):
    html = page[0].read_text()
    found = re.findall(r'<details class="(\w+) fold">\s*<summary><span><strong>(\w)\.</strong> (.*?)</span>', html)
    assert [(kind, letter) for kind, letter, _ in found] == [("wrong", "A"), ("right", "B"), ("wrong", "C")]
    assert found[0][2].startswith("Two: <code") and found[1][2] == "One."
    assert re.findall(r'<div class="folded">\s*<p><strong>(\w+\.)</strong> (.*?)</p>', html) == [
        ("No.", "You counted the rate."),
        ("Yes.", "Rate 1 has none."),
        ("No.", "Nobody says so."),
    ]


def test_faults_are_named_with_their_lines(page):
    line = 3
    for name, (source, said) in WRONG.items():
        assert re.search(rf"wrong\.md:{line}: ERROR: .*{re.escape(said)}", page[1]), f"{name}, line {line}:\n{page[1]}"
        line += source.count("\n") + 2
    assert "index.md" not in page[1]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_a_choice_opens_by_keyboard(browser, page, scripts, theme):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, java_script_enabled=scripts, color_scheme=theme
    )
    tab = context.new_page()
    tab.goto(page[0].as_uri())
    assert tab.get_by_role("group", name="Check yourself").count() == 1
    reason = tab.get_by_text("You counted the rate.")
    assert not reason.is_visible()
    summary = tab.locator(".question summary").first
    summary.focus()
    tab.keyboard.press("Shift+Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    assert reason.is_visible() and tab.get_by_text("No.", exact=True).first.is_visible()
    assert not tab.get_by_text("Rate 1 has none.").is_visible()
    tab.keyboard.press("Tab")
    tab.keyboard.press("Space")
    assert tab.get_by_text("Yes.", exact=True).is_visible()
    tab.keyboard.press("Space")
    assert not tab.get_by_text("Yes.", exact=True).is_visible()
    if scripts:
        style = "getComputedStyle(document.activeElement)"
        assert tab.evaluate(f"{style}.outlineStyle") == "solid"
        assert tab.evaluate(f"parseFloat({style}.outlineWidth)") >= 2
        overflow = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 1
    context.close()
