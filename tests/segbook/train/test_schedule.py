import pytest

from segbook.train import poly, warm_up

# (1 - i/N)^0.9 with a pocket calculator
BY_HAND = {(0, 4): 1.0, (1, 4): 0.7719, (2, 4): 0.5359, (3, 4): 0.2872, (4, 4): 0.0, (9, 10): 0.1259}


@pytest.mark.parametrize(("at", "factor"), BY_HAND.items())
def test_poly_equals_the_table(at, factor):
    assert poly(*at) == pytest.approx(factor, abs=1e-4)


def test_power_one_is_a_straight_line():
    assert [poly(i, 8, power=1) for i in range(9)] == pytest.approx([1 - i / 8 for i in range(9)])


@pytest.mark.parametrize(("step", "steps"), [(-1, 4), (5, 4), (0, 0)])
def test_a_step_outside_the_training_is_refused(step, steps):
    with pytest.raises(ValueError, match=f"got {step}"):
        poly(step, steps)


@pytest.mark.parametrize(
    ("at", "factor"), {(0, 4): 0.25, (1, 4): 0.5, (3, 4): 1, (4, 4): 1, (0, 1): 1, (0, 0): 1}.items()
)
def test_a_warm_up_climbs_to_one_and_stays(at, factor):
    assert warm_up(*at) == factor
