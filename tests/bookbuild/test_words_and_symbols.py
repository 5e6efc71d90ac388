"""Phrases and formulas that mean a thing by another name, and those that only look so."""

from pathlib import Path

import pytest

from bookbuild import ROOT, symbols
from bookbuild.lint import faults
from bookbuild.symbols import retired
from bookbuild.vocabulary import WORDS, other_words, scripts

PAGE = Path("04-bilinear-kernels.md")
WRONG = {
    "It enlarges the map.": "upsample, upsampling",
    "By an Enlargement of 2.": "upsample, upsampling",
    "The trunk is frozen.": "backbone",
    "A network's body.": "backbone",
    "The body of the classifier.": "backbone",
    "Its body and the head.": "backbone",
    "On drawn scenes.": "synthetic",
    "On drawn\nscenes.": "synthetic",
    "The score map is small.": "logits, or map of logits",
    "All class scores.": "logits",
    "The scores of each class.": "logits",
    "The softmax turns scores into shares.": "logits",
    "The score before the softmax.": "logits",
}
RIGHT = (
    "A large score is a high mIoU, and the scores of three runs differ.",
    "It scores six classes. The score for void is none, and Dice is the F1 score of a class.",
    "The trunk of a tree and the car's body are drawn in green.",
    "The drawn line, drawn at random.",
    "In the code: `enlarge(the trunk)` and $\\text{enlarge}$.",
    "```python\n# enlarge\n```",
    "```{code-cell} ipython3\n# enlarge the score map\n```",
)


@pytest.mark.parametrize("text", WRONG)
def test_another_word_is_found_with_what_to_write(text):
    found = list(other_words(PAGE, f"# A\n\n{text}\n"))
    assert [line for line, _ in found] == [3] and found[0][1].endswith(f": the book's word is {WRONG[text]}"), found


def test_every_phrase_has_its_example():
    assert len(WRONG) >= len(WORDS)


@pytest.mark.parametrize("text", RIGHT)
def test_a_right_sense_is_left_alone(text):
    assert list(other_words(PAGE, f"# A\n\n{text}\n")) == []


def test_captions_are_read_and_keep_their_lines():
    cell = "```{code-cell} ipython3\n---\nmystnb:\n  figure:\n    caption: The score map.\n---\nenlarge()\n```\n"
    found = list(other_words(PAGE, f"---\na: b\n---\n\n# A\n\n{cell}\nAn enlarged map.\n"))
    assert sorted(line for line, _ in found) == [11, 16]


@pytest.mark.parametrize(
    "name, text, lines",
    [
        ("a.js", "const one = 1;\n/* The trunk is\n *  frozen. */\nenlarge(map);", [2, 4]),
        ("a.js", 'say("All class "\n  + `scores`);\nsay(`Scores of ${classes[k]}`); // coarse\n// scores', [1, 3, 3]),
        ("a.py", 'require(one, "the body of "\n    f"the network")  # coarse\n# scores of two', [1, 2]),
        ("a.py", "def enlarge_to_image(body, scores):  # a metric's scores\n    return body.scores", []),
    ],
)
def test_scripts_are_read_across_their_seams(name, text, lines):
    assert sorted(line for line, _ in other_words(Path(name), text)) == lines


def test_figures_and_checkers_say_the_books_words():
    names = [path.name for path in scripts(ROOT)]
    assert {"fcn-skips.js", "kit.js", "from_classifier_to_fcn.py"} < set(names)
    assert [fault for path in scripts(ROOT) for fault in faults(path)] == []


def test_one_chapter_names_the_terms_of_the_paper():
    text = "# A\n\nThe score map, enlarged.\n"
    assert len(list(other_words(Path("05-from-classifier-to-fcn.md"), text))) == 1
    assert len(list(other_words(PAGE, text))) == 2


@pytest.mark.parametrize(
    "formula, said",
    [
        (r"y = C^\top x", r"\mathbf{M}"),
        (r"\mathbf{C} x", r"\mathbf{M}"),
        (r"C^T", r"\mathbf{M}"),
        (r"-\log p", "q"),
        (r"\log(1 - p)", "q"),
        (r"p_c", "q"),
        (r"\hat{p}", "q"),
        (r"p(y)", "q"),
        (r"c_0 = 0", "mu"),
        (r"c' = c + (k - 1) S", "mu"),
        (r"w(d) = 1 - d", "t"),
    ],
)
def test_a_retired_sense_is_found(formula, said):
    for text in (f"One ${formula}$ here.", f"$$\n{formula}\n$$ (eq-a)"):
        found = list(retired(f"# A\n\n{text}\n"))
        assert len(found) == 1 and found[0][0] == 3 + text.startswith("$$") and found[0][1].endswith(said), found


@pytest.mark.parametrize(
    "formula",
    [
        *("(N, C, H, W)", r"C_\text{in}", "C - 1", r"2^C", "n + 2p - d(k - 1) - 1", "p_i", "2p(s - 1)", "p (k - 1)"),
        *("J_c", "c_i", r"\sum_c q_c", "w_c", r"w(t)", r"\mathbf{M}^\top", r"p = \frac{k}{2}", r"\exp(-p)"),
    ],
)
def test_a_symbol_in_its_own_sense_is_left_alone(formula):
    assert list(retired(f"# A\n\nOne ${formula}$ here, and `c_0`.\n")) == []


def test_the_page_of_notation_shows_the_table():
    page = (ROOT / "book" / "notation.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert rows == symbols.table().splitlines()
    names = [symbol for symbol, _, _ in symbols.SYMBOLS]
    assert len(set(names)) == len(names), "one meaning each"
