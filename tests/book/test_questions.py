"""Questions: every chapter asks a few, each choice has its reason, and a reader opens them by keyboard."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from bookbuild import ROOT
from bookbuild.chapters import chapter_files

CHAPTERS = chapter_files(ROOT)[:13]
ENTRY_TEST = ROOT / "book" / "entry-test.md"
QUESTION = re.compile(r"^```\{question\}\n:answer: (\w+)\n\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def choices(body: str) -> list[tuple[str, str]]:
    """Choice and reason of each item of the list at the end of a question."""
    items = re.split(r"^- ", body, flags=re.MULTILINE)[1:]
    return [tuple(part.strip() for part in item.partition("\n\n")[::2]) for item in items]


def check(answer: str, body: str) -> None:
    found = choices(body)
    assert 3 <= len(found) <= 5, body
    assert answer in "ABCDE"[: len(found)], body
    for choice, reason in found:
        assert choice and len(choice.split()) <= 30, f"a choice is read at a glance: {choice}"
        assert 5 <= len(reason.split()) <= 80, f"a reason says why, in a few sentences: {reason}"
        assert not re.match(r"(Yes|No|Right|Wrong|Correct)\b[.,:]", reason), f"the page says so by itself: {reason}"
    assert len({reason for _, reason in found}) == len(found)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
def test_questions_of_a_chapter(path):
    text = path.read_text(encoding="utf-8")
    found = QUESTION.findall(text)
    assert len(found) == text.count("{question}"), "every question names its answer first, then leaves a line empty"
    assert 3 <= len(found) <= 5
    for answer, body in found:
        check(answer, body)
    sections = [section for section in re.split(r"^## ", text, flags=re.MULTILINE) if "{question}" in section]
    assert len(sections) >= 3, "questions stand where a reader should stop, not in one heap"
    assert "{question}" not in text.split("\n## Summary\n")[1]


def test_every_letter_is_right_equally_often():
    """Who always takes the same letter learns nothing about the author."""
    counts = Counter(answer for path in CHAPTERS for answer, _ in QUESTION.findall(path.read_text(encoding="utf-8")))
    assert all(counts[letter] >= sum(counts.values()) / 5 for letter in "ABC"), counts


def test_entry_test():
    """Ten questions; each wrong choice is told what to read."""
    text = ENTRY_TEST.read_text(encoding="utf-8")
    found = QUESTION.findall(text)
    assert len(found) == text.count("{question}") == len(re.findall(r"^## ", text, re.MULTILINE)) == 10
    for answer, body in found:
        check(answer, body)
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        after = section.split("\n```\n")[-1]
        assert re.search(r"\*\*Missed it\?\*\*.*(\{doc\}|\{cite)", after, re.DOTALL), f"no pointer: {section[:40]}"


# --- a small page ---------------------------------------------------------------------------------------------------

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
    found = re.findall(r'<details class="(\w+) choice">\s*<summary><span><strong>(\w)\.</strong> (.*?)</span>', html)
    assert [(kind, letter) for kind, letter, _ in found] == [("wrong", "A"), ("right", "B"), ("wrong", "C")]
    assert found[0][2].startswith("Two: <code") and found[1][2] == "One."
    assert re.findall(r'<div class="reason">\s*<p><strong>(\w+\.)</strong> (.*?)</p>', html) == [
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
