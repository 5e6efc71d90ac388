"""Counts and scores against scikit-learn, outlines against scipy, and every case that goes wrong elsewhere."""

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from segbook.metrics import ConfusionMatrix, boundary_f1


def maps(seed, num_classes, shape=(3, 13, 17), void=0.1, ignore_index=255):
    """A random prediction that is right half of the time, and its labels with some void."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, num_classes, shape)
    prediction = np.where(rng.random(shape) < 0.5, target, rng.integers(0, num_classes, shape))
    target[rng.random(shape) < void] = ignore_index
    return torch.from_numpy(prediction), torch.from_numpy(target)


def counted(*batches, num_classes=3, **options):
    confusion = ConfusionMatrix(num_classes, **options)
    for prediction, target in batches:
        confusion.update(torch.as_tensor(prediction), torch.as_tensor(target))
    return confusion


def same(actual, expected):
    assert actual.dtype == torch.float64
    np.testing.assert_allclose(actual.numpy(), expected, rtol=1e-12, equal_nan=True)


# -- ConfusionMatrix against scikit-learn --


@pytest.mark.filterwarnings("ignore:A single label", "ignore:y_pred contains classes")
@pytest.mark.parametrize("num_classes", [1, 2, 3, 21, 255, 256, 300])
def test_counts_and_scores_are_those_of_scikit_learn(sk, num_classes):
    ignore_index = -1 if num_classes > 255 else 255
    batches = [maps(seed, num_classes, ignore_index=ignore_index) for seed in range(3)]
    confusion = counted(*batches, num_classes=num_classes, ignore_index=ignore_index)
    prediction = torch.stack([p for p, _ in batches]).numpy().ravel()
    target = torch.stack([t for _, t in batches]).numpy().ravel()
    prediction, target = prediction[target != ignore_index], target[target != ignore_index]
    labels = np.arange(num_classes)

    assert confusion.counts.dtype == torch.int64
    np.testing.assert_array_equal(confusion.counts, sk.confusion_matrix(target, prediction, labels=labels))
    options = dict(labels=labels, average=None, zero_division=np.nan)
    same(confusion.iou(), sk.jaccard_score(target, prediction, labels=labels, average=None, zero_division=0))
    same(confusion.dice(), sk.f1_score(target, prediction, **options))
    same(confusion.precision(), sk.precision_score(target, prediction, **options))
    same(confusion.recall(), sk.recall_score(target, prediction, **options))
    assert confusion.pixel_accuracy() == pytest.approx(sk.accuracy_score(target, prediction), rel=1e-12)
    assert confusion.mean_accuracy() == pytest.approx(sk.balanced_accuracy_score(target, prediction), rel=1e-12)
    weighted = sk.jaccard_score(target, prediction, labels=labels, average="weighted")
    assert confusion.frequency_weighted_iou() == pytest.approx(weighted, rel=1e-12)
    assert confusion.mean_iou() == pytest.approx(confusion.iou().mean().item(), rel=1e-12)


def test_the_statistics_of_each_class_against_the_rest(sk):
    prediction, target = maps(0, 4)
    confusion = counted((prediction, target), num_classes=4)
    tables = sk.multilabel_confusion_matrix(target[target != 255], prediction[target != 255])  # [[TN, FP], [FN, TP]]
    np.testing.assert_array_equal(confusion.true_positives, tables[:, 1, 1])
    np.testing.assert_array_equal(confusion.false_positives, tables[:, 0, 1])
    np.testing.assert_array_equal(confusion.false_negatives, tables[:, 1, 0])


def test_dice_follows_from_iou_per_class_but_not_for_means():
    confusion = counted(maps(1, 5), num_classes=5)
    iou = confusion.iou()
    same(confusion.dice(), 2 * iou / (1 + iou))
    uneven = counted(([[0, 1, 1, 1]], [[0, 0, 1, 1]]), num_classes=2)
    mean = uneven.mean_iou()
    assert uneven.dice().mean() != pytest.approx(2 * mean / (1 + mean), abs=1e-3)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.int32, torch.int64])
def test_every_integer_type_counts_alike(sk, dtype):
    prediction, target = maps(2, 21)
    valid = target != 255
    expected = sk.confusion_matrix(target[valid], prediction[valid], labels=range(21))
    for p in (prediction, prediction.to(dtype)):
        for t in (target, target.to(dtype)):
            before = p.clone(), t.clone()
            np.testing.assert_array_equal(counted((p, t), num_classes=21).counts, expected)
            assert torch.equal(p, before[0]) and torch.equal(t, before[1])  # nothing is counted in place


def test_the_layout_in_memory_does_not_matter():
    prediction, target = maps(2, 21)
    expected = counted((prediction, target), num_classes=21).counts
    assert torch.equal(counted((prediction.mT.contiguous().mT, target), num_classes=21).counts, expected)
    logits = torch.nn.functional.one_hot(prediction, 21).float().movedim(-1, 1)  # channels last
    assert torch.equal(counted((logits, target.expand(2, *target.shape)[1]), num_classes=21).counts, expected)


@pytest.mark.parametrize("num_classes", [127, 128, 129])
def test_the_largest_pairs_fit_into_their_integers(num_classes):
    last = num_classes - 1
    for value in (last, 255):  # the last class, and void: the largest row of the table
        prediction, target = torch.full((1, 2, 2), last), torch.full((1, 2, 2), value)
        counts = counted((prediction, target), num_classes=num_classes).counts
        assert counts[last, last] == counts.sum() == (4 if value == last else 0)


def test_shards_merged_equal_the_whole():
    prediction, target = maps(3, 6, shape=(8, 9, 11))
    whole, merged = counted((prediction, target), num_classes=6), ConfusionMatrix(6)
    for part in (slice(0, 1), slice(1, 6), slice(6, 8)):
        assert merged.merge(counted((prediction[part], target[part]), num_classes=6)) is None
    assert torch.equal(merged.counts, whole.counts)
    merged.reset()
    assert merged.counts.sum() == 0


def test_merging_different_problems_is_refused():
    with pytest.raises(ValueError, match="3 classes"):
        ConfusionMatrix(2).merge(ConfusionMatrix(3))
    with pytest.raises(ValueError, match="void -1"):
        ConfusionMatrix(2).merge(ConfusionMatrix(2, ignore_index=-1))


def test_scores_of_the_data_set_are_not_means_of_images():
    half, none = ([[1, 1, 1, 1]], [[1, 1, 0, 0]]), ([[0, 0, 0, 1]], [[0, 0, 0, 0]])
    images = [counted(image, num_classes=2).iou()[1].item() for image in (half, none)]
    assert images == [0.5, 0.0]
    assert counted(half, none, num_classes=2).iou()[1].item() == 0.4


# -- ConfusionMatrix where it is awkward --


def test_an_absent_class_that_is_predicted_scores_zero_and_counts():
    confusion = counted(([[0, 1]], [[0, 0]]), num_classes=2)
    assert confusion.iou().tolist() == [0.5, 0.0]
    assert confusion.mean_iou() == 0.25
    assert confusion.recall()[0] == 0.5 and confusion.recall()[1].isnan()
    assert confusion.precision().tolist() == [1.0, 0.0]
    assert confusion.mean_accuracy() == confusion.pixel_accuracy() == 0.5


def test_a_class_that_is_nowhere_has_no_score_and_leaves_the_mean():
    confusion = counted(([[0, 1]], [[0, 1]]), num_classes=3)
    for score in (confusion.iou(), confusion.dice(), confusion.precision(), confusion.recall()):
        assert score[:2].tolist() == [1, 1] and score[2].isnan()
    assert confusion.mean_iou() == confusion.mean_accuracy() == confusion.frequency_weighted_iou() == 1


def test_precision_is_nan_where_nothing_is_predicted():
    confusion = counted(([[0, 0]], [[0, 1]]), num_classes=2)
    assert confusion.precision()[0] == 0.5 and confusion.precision()[1].isnan()
    assert confusion.recall().tolist() == [1, 0] and confusion.iou()[1] == 0 and confusion.dice()[1] == 0


@pytest.mark.parametrize(
    "batches",
    [[], [(torch.zeros(2, 3, 4).long(), torch.full((2, 3, 4), 255))], [(torch.zeros(0, 3, 4).long(),) * 2]],
    ids=["nothing", "all void", "empty batch"],
)
def test_nothing_counted_gives_nan_everywhere(batches):
    confusion = counted(*batches)
    assert confusion.counts.sum() == 0
    for score in (confusion.iou(), confusion.dice(), confusion.precision(), confusion.recall()):
        assert score.shape == (3,) and score.isnan().all()
    means = (confusion.pixel_accuracy(), confusion.mean_accuracy(), confusion.mean_iou())
    assert all(isinstance(mean, float) and math.isnan(mean) for mean in means)
    assert math.isnan(confusion.frequency_weighted_iou())
    assert "0 pixels" in repr(confusion)


@pytest.mark.parametrize("ignore_index", [255, -1, -100, 7, 70_000, 0])
def test_void_never_counts_whatever_is_predicted_there(ignore_index):
    prediction, target = maps(4, 5, ignore_index=ignore_index)
    expected = counted((prediction[target != ignore_index], target[target != ignore_index]), num_classes=5).counts
    for junk in (0, 4, 5, 200, 255, -3, 100_000):
        tried = torch.where(target == ignore_index, junk, prediction)
        assert torch.equal(counted((tried, target), num_classes=5, ignore_index=ignore_index).counts, expected), junk


@pytest.mark.parametrize("value", [3, 17, 254, 256, 70_000, -1, -(2**40)])
@pytest.mark.parametrize("which", ["label", "prediction"])
def test_a_value_out_of_range_is_named_and_nothing_is_counted(value, which):
    prediction, target = maps(5, 3)
    confusion = counted((prediction, target))
    before = confusion.counts.clone()
    (target if which == "label" else prediction).view(-1)[target.flatten() != 255] = value
    with pytest.raises(ValueError, match=f"^{which} {value} is out of range: .*3 classes") as error:
        confusion.update(prediction, target)
    assert (f"ignore_index={value}" in str(error.value)) == (which == "label")
    assert torch.equal(confusion.counts, before)


def test_a_prediction_of_255_on_a_labelled_pixel_is_an_error():
    with pytest.raises(ValueError, match="prediction 255"):
        counted(([[255, 0]], [[0, 0]]), num_classes=2)


def test_shapes_and_kinds_are_checked():
    confusion, classes = ConfusionMatrix(3), torch.zeros(2, 4, 5).long()
    logits = torch.zeros(2, 3, 4, 5)
    for prediction, target, message in (
        (classes, torch.zeros(2, 5, 4).long(), "label's own size"),
        (torch.zeros(2, 3, 4, 5).long(), classes, "label's own size"),
        (logits[:, :2], classes, r"\(N, 3, H, W\)"),
        (logits[:, :1], classes, r"\(N, 3, H, W\)"),
        (logits[..., ::2], classes, "upsample the logits"),
        (logits[0], classes[0], r"labels \(N, H, W\)"),
        (classes.float(), classes, r"\(N, 3, H, W\)"),
    ):
        with pytest.raises(ValueError, match=message):
            confusion.update(prediction, target)
    for prediction, target, message in (
        (classes, classes.float(), "integer type"),
        (classes, classes.bool(), "integer type"),
        (classes.bool(), classes, "bool"),
        (classes.numpy(), classes, "prediction is a ndarray"),
        (classes, [[0]], "target is a list"),
    ):
        with pytest.raises(TypeError, match=message):
            confusion.update(prediction, target)
    assert confusion.counts.sum() == 0
    with pytest.raises(ValueError, match="at least 1 class"):
        ConfusionMatrix(0)
    with pytest.raises(ValueError, match="got 1.5"):
        ConfusionMatrix(2, threshold=1.5)


def test_a_single_image_counts_without_a_batch_dimension():
    prediction, target = maps(6, 4)
    expected = counted((prediction[:1], target[:1]), num_classes=4).counts
    assert torch.equal(counted((prediction[0], target[0]), num_classes=4).counts, expected)


# -- logits --


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_the_largest_logit_wins(dtype):
    _, target = maps(7, 4)
    logits = torch.randn(3, 4, 13, 17, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = counted((logits.float().numpy().argmax(1), target), num_classes=4).counts
    assert torch.equal(counted((logits, target), num_classes=4).counts, expected)


@pytest.mark.parametrize("threshold", [0.5, 0.3, 0.9])
def test_one_logit_is_compared_with_the_threshold(threshold):
    _, target = maps(8, 2)
    logits = torch.randn(3, 1, 13, 17, generator=torch.Generator().manual_seed(1))
    expected = counted(((torch.sigmoid(logits[:, 0]) > threshold).long(), target), num_classes=2).counts
    assert torch.equal(counted((logits, target), num_classes=2, threshold=threshold).counts, expected)


def test_one_logit_equals_two_at_one_half():
    _, target = maps(9, 2)
    z = torch.randn(3, 1, 13, 17, generator=torch.Generator().manual_seed(2))
    two = torch.cat([torch.zeros_like(z), z], 1)
    assert torch.equal(counted((z, target), num_classes=2).counts, counted((two, target), num_classes=2).counts)


# -- boundary_f1 --


def outline(mask):
    """Pixels of the mask that erosion takes away; nothing is taken at the image's edge."""
    return mask & ~ndimage.binary_erosion(mask, border_value=1)


def boundary_f1_scipy(prediction, target, num_classes, ignore_index, tolerance):
    """The same definition with scipy's erosion and exact distance transform, for one image."""
    radius = math.ceil(tolerance * math.hypot(*target.shape))
    scores = []
    for c in range(num_classes):
        a, b = (outline((labels == c) & (target != ignore_index)) for labels in (prediction, target))
        if not (a.any() or b.any()):
            scores.append(math.nan)
        elif not (a.any() and b.any()):
            scores.append(0.0)
        else:
            p = (ndimage.distance_transform_edt(~b)[a] <= radius).mean()
            r = (ndimage.distance_transform_edt(~a)[b] <= radius).mean()
            scores.append(2 * p * r / (p + r) if p + r else 0.0)
    return scores


def blobs(seed, num_classes, shape):
    """Smooth random class maps: the largest of blurred noises, one of them shifted to make the prediction."""
    rng = np.random.default_rng(seed)
    noise = ndimage.gaussian_filter(rng.standard_normal((num_classes, *shape)), (0, 4, 4))
    target = noise.argmax(0)
    prediction = (noise + 0.4 * ndimage.gaussian_filter(rng.standard_normal(noise.shape), (0, 4, 4))).argmax(0)
    return np.roll(prediction, rng.integers(-3, 4, 2), (0, 1)), target, rng


@pytest.mark.parametrize("tolerance", [0, 0.0075, 0.03, 0.5, 2])
@pytest.mark.parametrize("seed", range(4))
def test_boundary_f1_is_the_one_of_exact_distances(seed, tolerance):
    prediction, target, rng = blobs(seed, 4, [(37, 53), (20, 90), (64, 64), (3, 40)][seed])
    target = np.where(ndimage.binary_dilation(outline(target == 1)) & (seed % 2 == 1), 255, target)
    actual = boundary_f1(torch.from_numpy(prediction), torch.from_numpy(target), 5, tolerance=tolerance)
    same(actual, boundary_f1_scipy(prediction, target, 5, 255, tolerance))
    assert actual[4].isnan()


def test_boundary_f1_of_a_batch_is_that_of_its_images():
    images = [blobs(seed, 3, (31, 44))[:2] for seed in range(3)]
    prediction, target = (torch.from_numpy(np.stack(side)) for side in zip(*images))
    batch = boundary_f1(prediction, target, 3)
    assert batch.shape == (3, 3)
    for i in range(3):
        same(batch[i], boundary_f1(prediction[i], target[i], 3))
    same(boundary_f1(prediction.mT.contiguous().mT, target, 3), batch)  # the layout in memory does not matter
    assert boundary_f1(prediction[:0], target[:0], 3).shape == (0, 3)
    same(boundary_f1(prediction.to(torch.uint8), target.to(torch.uint8), 3), batch)


def test_the_tolerance_is_rounded_up_to_whole_pixels():
    columns = torch.arange(400).expand(300, 400)  # diagonal 500: 3.75 pixels, so 4
    target = (columns >= 100).long()
    assert boundary_f1((columns >= 104).long(), target, 2).tolist() == [1, 1]
    assert boundary_f1((columns >= 105).long(), target, 2).tolist() == [0, 0]


def test_boundary_f1_of_a_perfect_an_absent_and_an_invented_class():
    target = torch.zeros(40, 40, dtype=torch.int64)
    target[10:20, 10:20] = 1
    assert boundary_f1(target, target, 3).nan_to_num(-1).tolist() == [1, 1, -1]
    assert boundary_f1(torch.zeros_like(target), target, 2).tolist() == [0, 0]  # neither outline is predicted
    assert boundary_f1(target, torch.zeros_like(target), 2).tolist() == [0, 0]
    assert boundary_f1(torch.zeros_like(target), torch.zeros_like(target), 2).isnan().all()  # no outline at all
    assert boundary_f1(target, torch.full_like(target, 255), 2).isnan().all()


def test_nothing_under_void_changes_boundary_f1():
    prediction, target, rng = blobs(0, 3, (40, 50))
    target[5:20, 10:30] = 255
    changed = np.where(target == 255, rng.integers(0, 256, target.shape), prediction)
    prediction, changed, target = map(torch.from_numpy, (prediction, changed, target))
    same(boundary_f1(changed, target, 3), boundary_f1(prediction, target, 3))


def test_boundary_f1_refuses_what_it_cannot_mean():
    maps_ = torch.zeros(8, 8).long()
    for arguments, options, error, message in (
        ((maps_.float(), maps_, 2), {}, TypeError, "argmax"),
        ((maps_[:4], maps_, 2), {}, ValueError, "label's own size"),
        ((maps_[0], maps_[0], 2), {}, ValueError, r"\(..., H, W\)"),
        ((maps_ + 2, maps_, 2), {}, ValueError, "prediction 2 is out of range"),
        ((maps_, maps_ + 2, 2), {}, ValueError, "label 2 is out of range"),
        ((maps_, maps_, 2), {"tolerance": -1}, ValueError, "got -1"),
    ):
        with pytest.raises(error, match=message):
            boundary_f1(*arguments, **options)
