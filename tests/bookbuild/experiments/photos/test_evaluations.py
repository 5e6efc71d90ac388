"""Intervals against SciPy's bootstrap, and networks that see padded and resized images."""

import numpy as np
import pytest
import torch
from scipy import stats

from bookbuild.experiments import scoring
from bookbuild.experiments.photos import evaluations, roots
from bookbuild.experiments.photos.evaluations import Padded, Resized, differences
from bookbuild.experiments.scoring import Counts
from segbook import data, models


def counts(seed: int, images: int = 60, classes: int = 4) -> Counts:
    """Of random maps; the last class is in few images."""
    generator = torch.Generator().manual_seed(seed)
    shown = torch.rand(images, classes, generator=torch.Generator().manual_seed(99)) < torch.tensor([1, 0.8, 0.6, 0.1])
    labelled = torch.randint(50, 500, (images, classes), generator=torch.Generator().manual_seed(98)) * shown
    hit = (labelled * torch.rand(images, classes, generator=generator)).long()
    false = torch.randint(0, 60, (images, classes), generator=generator)
    return Counts(hit, false, labelled - hit, torch.full((images, classes), torch.nan))


def test_intervals_are_those_of_scipy():
    one, other = counts(0), counts(1)
    found = differences(one, other, [0, 1])["mean_iou_seven"]

    def mean_iou(part: Counts, drawn: np.ndarray) -> np.ndarray:
        hit, false, missed = (np.asarray(p)[drawn][..., :2].sum(-2) for p in part[:3])
        return (hit / (hit + false + missed)).mean(-1)

    def statistic(drawn, axis):
        return mean_iou(other, drawn) - mean_iou(one, drawn)

    images = np.arange(len(one.true_positives))
    theirs = stats.bootstrap(
        (images,), statistic, n_resamples=4000, method="percentile", vectorized=True, rng=np.random.default_rng(1)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found["difference"] == pytest.approx(statistic(images, -1))
    assert found["low"] == pytest.approx(theirs.low, abs=0.1 * width)
    assert found["high"] == pytest.approx(theirs.high, abs=0.1 * width)


def test_pairs_are_resampled_together():
    """Images that differ much, but on each of which one network is as much better: an interval of no width."""
    hit, labelled = torch.tensor([[10], [50], [90]]), torch.full((3, 1), 100)
    one, other = (Counts(h, 0 * h, labelled - h, h.double()) for h in (hit, hit + 5))
    found = differences(one, other, [0])["mean_iou_seven"]
    assert found == {"difference": pytest.approx(0.05), "low": pytest.approx(0.05), "high": pytest.approx(0.05)}


def test_a_class_counts_where_the_drawn_labels_have_it():
    part = Counts(*(torch.tensor(p) for p in ([[8, 0], [4, 3]], [[0, 2], [0, 0]], [[2, 0], [4, 1]])), torch.zeros(2, 2))
    drawn = torch.tensor([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    means = evaluations.occurring_means(part, drawn, slice(None))
    assert means.tolist() == pytest.approx([(12 / 18 + 3 / 6) / 2, 0.8, (0.5 + 0.75) / 2])


def test_differences_are_the_same_every_time():
    one, other = counts(2), counts(3)
    assert differences(one, other, [0]) == differences(one, other, [0])


@pytest.fixture
def net():
    torch.manual_seed(0)
    return models.create("fcn8s_tiny").eval()


def test_padding_goes_below_and_right_and_is_cut_off(net):
    x = torch.randn(1, 3, 40, 50)
    whole = torch.zeros(1, 3, 64, 64)
    whole[..., :40, :50] = x
    with torch.no_grad():
        assert torch.equal(Padded(net, 64)(x), net(whole)[..., :40, :50])


def test_resizing_sets_the_longer_side(net):
    seen = []
    net.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[-2:])))
    x = torch.randn(1, 3, 40, 50)
    with torch.no_grad():
        assert Resized(net, 25)(x).shape == (1, 21, 40, 50)
        assert Resized(net, 100)(x).shape == (1, 21, 40, 50)
        assert torch.allclose(Resized(net, 50)(x), net(x), atol=1e-5)
    assert seen[:2] == [(20, 25), (80, 100)]


@pytest.mark.slow
def test_tables_of_resizes_strides_and_sizes(home, monkeypatch):
    def named(_, **changes):
        torch.manual_seed(0)
        return models.create("deeplabv3plus_tiny", **changes).eval()

    monkeypatch.setattr(evaluations, "named", named)
    val = data.load("voc", "val", roots.prepare() / "real")
    table = evaluations.alignment(val)
    assert set(table) == {"data", *evaluations.ALIGNED}
    assert list(table["shipped"]) == ["512_true", "512_false", "512_centres", "513_true"]
    for label, size, changes in [
        ("512_centres", 512, {"align_centres": True}),
        ("513_true", 513, {"align_corners": True}),
    ]:
        padded = Padded(named("", **changes), size)
        expected = scoring.scores(scoring.count(padded, val), val.classes)["pixel_accuracy"]
        assert table["shipped"][label]["pixel_accuracy"] == expected
    strides = evaluations.output_stride(val)
    assert strides["os16"]["pixel_accuracy"] != strides["os8"]["pixel_accuracy"]
    assert set(evaluations.sizes(val)) == {"data", "side_257", "side_385", "side_513"}
