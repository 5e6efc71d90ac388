"""Each rule of the prose finds its fault, at its line, and finds nothing in a page that keeps them all."""

import subprocess
import sys

import pytest

from bookbuild.lint import faults, letters

QUESTION = """```{question}
:answer: B

How many?

- One.

  You forgot the second of them.
- Two.

  That is what the formula says.
- Three of them.

  This counts the border, too.
```
"""
EXERCISE = """```{{exercise}} Title
:label: ex-{0}
*5 min, level 1.* Do it.
```

````{{solution}} ex-{0}
It is done.
````
"""
CARD = """```{admonition} On a card
- one
- two
  in two lines
- three
- four
- five
```
"""
MEMORY = "```{memory}\n- A?\n\n  B.\n- C?\n\n  D.\n- E?\n\n  F.\n```\n\n"
FOLDED = "```{code-cell} ipython3\n---\ntags: [hide-input]\n---\n# Draw\nx = 1\n```\n\n"
GUARD = "```{code-cell} ipython3\n:tags: [remove-cell]\n# Guard\nx = 1\n```\n\n"
CHAPTER = f"""---
jupytext: {{}}
---

# Title

*Reading 12 min · running 15 s on 2 CPU cores*

**What you will be able to do**

- one thing
- another
  in two lines
- a third

```{{code-cell}} ipython3
---
tags: [{"long-" * 20}]
---
x = 1
```

{MEMORY}{FOLDED}{GUARD}## One

{QUESTION}
## Two

{QUESTION}
## Three

{QUESTION}
## Summary

Said.

{CARD}
## Exercises

{"".join(EXERCISE.format(n) for n in range(4))}
## Going deeper

Read.
"""


BEFORE = CHAPTER.partition(MEMORY)[0]
OPTIONAL = (
    BEFORE.replace("**What you will be able to do**\n\n- one thing\n- another\n  in two lines\n- a third\n", "Why.\n")
    + f"{FOLDED}{GUARD}## One\n\nSaid.\n\n## Exercises\n\n{EXERCISE.format(0)}\n{EXERCISE.format(1)}"
)


def lint(tmp_path, text: str, name: str = "02-two.md") -> list[str]:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return [fault.removeprefix(f"{path}:") for fault in faults(path)]


@pytest.mark.parametrize("text, name", [(CHAPTER, "02-two.md"), (CHAPTER.replace(MEMORY, ""), "01-one.md")])
def test_a_page_that_keeps_all_rules_has_no_fault(tmp_path, text, name):
    assert lint(tmp_path, text, name) == []


@pytest.mark.parametrize(
    ("sound", "broken", "said"),
    [
        ("# Title\n\n*R", "# Title\n\n# Other\n\n*R", "one title, this has 2"),
        ("*Reading 12 min ·", "*Reading long ·", "7: under the title stands"),
        ("- one thing\n- another\n  in two lines\n", "- one thing\n", "2 outcomes"),
        ("\nx = 1\n", f"\nx = 1\ny = '{'y' * 80}'\n", "21: a line of code of 86 characters"),
        ("Said.", "Obviously.", "'Obviously' talks down"),
        ("Said.", f"{'word ' * 121}", "a paragraph of 121 words"),
        ("````{solution} ex-2\nIt is done.\n````\n", "", "ex-2 has no solution"),
        ("````{solution} ex-2", "````{solution} ex-9", "ex-9, which no exercise"),
        (EXERCISE.format(0), "", "3 exercises"),
        ("*5 min, level 1.* Do it.", "Do it.", "begins with its time"),
        (f"## Three\n\n{QUESTION}", "## Three\n", "2 questions in 2 sections"),
        ("Said.", QUESTION, "no question stands behind the summary"),
        (":answer: B\n\nHow", ":answer: D\n\nHow", "the answer D is none"),
        ("- Three of them.\n\n  This counts the border, too.\n", "", "2 choices, and there are 3 to 5"),
        ("- One.\n", f"- {'One ' * 31}\n", "a choice is read at a glance"),
        ("  You forgot the second of them.", "  No.", "a reason says why"),
        ("  You forgot the second of them.", "  Wrong, you forgot the second.", "the page says by itself"),
        ("  You forgot the second of them.", "  That is what the formula says.", "the same reason"),
        (":answer: B\n\nHow", ":class: x\n\nHow", "names its answer first"),
        ("## Going deeper", "## Going further", "ends with Summary, Exercises, Going deeper"),
        ("- five\n", "", "admonition of five list items, here are 4"),
        (CARD, "Said.\n", "admonition of five list items, here are 0"),
        (EXERCISE.format(0), "".join(EXERCISE.format(n) for n in range(5, 9)), "7 exercises, and there are 4 to 6"),
        ("## Two\n", f"## Two\n\n{QUESTION}\n{QUESTION}", "5 questions in 3 sections, and there are 3 to 4"),
        (MEMORY, "", "1: a chapter has one {memory}, before its first"),
        (MEMORY, MEMORY + MEMORY, "a chapter has one {memory}"),
        (f"{MEMORY}{FOLDED}{GUARD}## One\n", f"{FOLDED}{GUARD}## One\n\n{MEMORY}", "before its first `## ` heading"),
        ("# Draw\n", "", "a cell tagged hide-input begins with a comment"),
        ("# Guard\n", "\n", "a cell tagged remove-cell begins with a comment"),
        ("How many?", "Enlarge it?", "'Enlarge': the book's word is upsample"),
        ("- a third", "- $p_c$", "p_c in a formula: a probability that the network gives is q"),
    ],
)
def test_each_rule_finds_its_fault(tmp_path, sound, broken, said):
    assert sound in CHAPTER
    found = lint(tmp_path, CHAPTER.replace(sound, broken, 1))
    assert any(said in fault for fault in found), found


def test_two_exercises_are_of_the_first_level(tmp_path):
    found = lint(tmp_path, CHAPTER.replace("level 1.", "level 2.", 3))
    assert found == ["1: 1 exercises of level 1, and there are at least 2"]


def test_lines_of_folds_are_those_of_the_file(tmp_path):
    text = CHAPTER.replace("# Guard\nx = 1\n", "y = 2\n")
    line = text[: text.index("y = 2")].count("\n") + 1
    assert lint(tmp_path, text)[0].startswith(f"{line}: a cell tagged remove-cell")


def test_an_optional_page(tmp_path):
    assert lint(tmp_path, OPTIONAL, "deeper/holes.md") == []
    for sound, broken, said in (
        ("*Reading 12", "*Reading", "under the title stands"),
        (EXERCISE.format(1), "", "1 exercises, and there are 2 to 2"),
        ("## Exercises", "## Tasks", "the page ends with Exercises"),
        ("# Guard\n", "", "a cell tagged remove-cell begins"),
        ("Said.", "Its trunk.", "the book's word is backbone"),
        ("Said.", "$c_0$.", r"a centre is \mu"),
        ("````{solution} ex-1", "````{solution} ex-3", "ex-1 has no solution"),
    ):
        assert sound in OPTIONAL
        found = lint(tmp_path, OPTIONAL.replace(sound, broken), "deeper/holes.md")
        assert any(said in fault for fault in found), (said, found)


@pytest.mark.parametrize("place", ["cell", "prose"])
def test_lines_are_those_of_the_file(tmp_path, place):
    text = CHAPTER.replace("x = 1", "x = 1  # of course") if place == "cell" else CHAPTER.replace("Said.", "Of course.")
    line = text[: text.index("Said." if place == "cell" else "Of course")].count("\n") + 1
    assert lint(tmp_path, text) == ([] if place == "cell" else [f"{line}: 'Of course' talks down to the reader"])


def test_the_entry_test(tmp_path):
    section = f"## One\n\n{QUESTION}\n**Missed it?** See {{doc}}`x`.\n\n"
    assert lint(tmp_path, "# Test\n\n" + 10 * section, "entry-test.md") == []
    assert "9 sections" in lint(tmp_path, "# Test\n\n" + 9 * section, "entry-test.md")[0]
    broken = "# Test\n\n" + 9 * section + section.replace("Missed", "Found")
    assert "told what to read" in lint(tmp_path, broken, "entry-test.md")[0]


def test_no_letter_is_right_too_seldom():
    assert list(letters([QUESTION.replace("answer: B", f"answer: {letter}") for letter in "ABC"])) == []
    assert [said for _, said in letters([QUESTION] * 3)][0].startswith("A is right for 0 of 3")


def test_the_command_fails_on_a_fault_with_its_place(tmp_path):
    path = tmp_path / "01-one.md"
    path.write_text(CHAPTER.replace("Said.", "Simply."), encoding="utf-8")
    done = subprocess.run([sys.executable, "-m", "bookbuild.lint", str(path)], capture_output=True, text=True)
    assert done.returncode == 1 and "01-one.md:" in done.stdout and "'Simply'" in done.stdout
