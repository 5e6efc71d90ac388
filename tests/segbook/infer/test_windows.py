import numpy as np
import pytest
import torch

from segbook.infer.windows import sliding_window, window_shares, window_starts


@pytest.mark.parametrize("overlap", [0, 0.25, 0.5, 0.9, 0.999])
def test_windows_cover_every_pixel_and_stay_inside(overlap):
    for length in range(1, 40):
        for window in range(1, length + 1):
            starts = window_starts(length, window, overlap)
            covered = np.zeros(length, int)
            for start in starts:
                assert 0 <= start <= length - window
                covered[start : start + window] += 1
            assert covered.min() >= 1
            assert starts == sorted(set(starts))
            steps = np.diff(starts)
            assert (steps <= max(1, round(window * (1 - overlap)))).all()


def test_starts_by_hand():
    assert window_starts(10, 4, 0.5) == [0, 2, 4, 6]
    assert window_starts(11, 4, 0.5) == [0, 2, 4, 6, 7]
    assert window_starts(8, 4, 0) == [0, 4]
    assert window_starts(9, 4, 0) == [0, 4, 5]
    assert window_starts(4, 4, 0.5) == [0]


@pytest.mark.parametrize("blend", ["tent", "flat"])
def test_shares_add_up_to_one_and_are_never_zero(blend):
    for length, window, overlap in ((1, 1, 0), (17, 5, 0.5), (100, 32, 0.25), (64, 32, 0.5), (33, 32, 0.9)):
        starts = window_starts(length, window, overlap)
        shares = window_shares(length, window, starts, blend)
        total = torch.zeros(length)
        for start, share in zip(starts, shares):
            total[start : start + window] += share
        torch.testing.assert_close(total, torch.ones(length))
        assert shares.min() > 0


def test_inner_tents_at_half_overlap_rise_and_fall_in_equal_steps():
    share = window_shares(16, 8, window_starts(16, 8, 0.5), "tent")[1]
    torch.testing.assert_close(share, torch.tensor([0.5, 1.5, 2.5, 3.5, 3.5, 2.5, 1.5, 0.5]) / 4)


@pytest.mark.parametrize(
    ("size", "window", "overlap"),
    [((23, 31), (8, 10), 0.5), ((23, 31), (23, 10), 0.3), ((1, 50), (1, 7), 0.5), ((40, 9), (9, 9), 0.75),
     ((12, 12), (5, 5), 0)],
)  # fmt: skip
def test_the_sliding_window_puts_windows_of_a_map_together_again(size, window, overlap):
    whole = torch.rand(2, *size, generator=torch.Generator().manual_seed(0))
    asked = []

    def score(corners):
        asked.append(len(corners))
        return torch.stack([whole[:, t : t + window[0], left : left + window[1]] for t, left in corners])

    for blend in ("tent", "flat"):
        parts = [rows.clone() for rows in sliding_window(score, size, window, overlap, blend, batch_size=3)]
        torch.testing.assert_close(torch.cat(parts, 1), whole)
    assert max(asked) <= 3


def test_blending_by_hand():
    """Windows that answer with their own number, so that the result shows who counted how much."""

    def score(corners):
        return torch.stack([torch.full((1, 1, 4), float(left)) for _, left in corners])

    (tent,) = (rows.clone() for rows in sliding_window(score, (1, 6), (1, 4), 0.5, "tent", 9))
    # windows at 0 and 2; in columns 2 and 3 their tents are 1.5, 0.5 and 0.5, 1.5
    torch.testing.assert_close(tent[0, 0], torch.tensor([0, 0, 0.5, 1.5, 2, 2]))
    (flat,) = (rows.clone() for rows in sliding_window(score, (1, 6), (1, 4), 0.5, "flat", 9))
    torch.testing.assert_close(flat[0, 0], torch.tensor([0, 0, 1.0, 1.0, 2, 2]))
