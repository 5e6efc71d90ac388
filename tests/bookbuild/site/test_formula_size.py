"""The room of formulas as reckoned. tests/book/pages holds it against what MathJax sets, for the whole book."""

import pytest

from bookbuild.site.formula_size import formula_size

SIGN, DIGIT = 0.78, 0.5


@pytest.mark.parametrize(
    ("tex", "width"),
    [
        ("2", DIGIT),
        ("x", 0.57),
        ("-1", SIGN + DIGIT),  # no space behind a sign that is no operator
        ("1 + 2", 2 * DIGIT + SIGN + 0.44),
        ("1 = -2", 2 * DIGIT + 2 * SIGN + 0.56),
        ("2^{1+1}", DIGIT + 0.707 * (2 * DIGIT + SIGN)),  # and none in a script
        (r"2_1^{11}", DIGIT + 0.707 * 2 * DIGIT),
        (r"\frac{1}{22}", 0.707 * 2 * DIGIT + 0.44),
        (r"2\,2", 2 * DIGIT + 0.17),
        (r"\text{if }", 0.28 + 0.39 + 0.28),
        (r"\begin{aligned} 1 & 22 \\ 333 & 4 \end{aligned}", 5 * DIGIT),
        (r"\left( 1 \right)", DIGIT + 0.9),
        (r"\rightarrow", 0.5),  # unknown: a letter, and not the end of \left
    ],
)
def test_width(tex, width):
    assert formula_size(tex, display=False).width == pytest.approx(width)


def test_height_grows_with_what_stands_above_each_other():
    def height(tex: str, display: bool = True) -> float:
        box = formula_size(tex, display)
        return box.above + box.below

    one, fraction = height("x"), height(r"\frac{1}{2}")
    assert fraction > 2 * one and fraction > height(r"\frac{1}{2}", display=False) > one
    rows = [height(r"\begin{aligned} " + r" \\ ".join(["x"] * n) + r" \end{aligned}") for n in (1, 2, 3)]
    assert rows[2] - rows[1] == pytest.approx(rows[1] - rows[0]) and rows[1] > 2 * rows[0]
    assert height(r"\sum_{i} x") > height(r"\sum x")


@pytest.mark.parametrize("tex", ["", "{", "}", "x_", r"\frac", r"\left", r"\sqrt{", r"\begin{aligned}", r"a \end{x} b"])
def test_a_formula_that_is_not_whole_ends_too(tex):
    assert formula_size(tex, display=True).width >= 0
