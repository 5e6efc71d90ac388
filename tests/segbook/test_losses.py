"""Losses against torch, scikit-learn, definitions written out in numpy, and finite differences."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segbook import data
from segbook.losses import (
    binary_cross_entropy,
    cross_entropy,
    dice_loss,
    focal_loss,
    iou_loss,
    lovasz_hinge,
    lovasz_softmax,
    ohem_cross_entropy,
)
from segbook.metrics import ConfusionMatrix

MULTICLASS = [cross_entropy, focal_loss, ohem_cross_entropy, dice_loss, iou_loss, lovasz_softmax]
ONE_LOGIT = [binary_cross_entropy, lovasz_hinge]


def batch(seed, num_classes=4, shape=(2, 5, 7), void=0.2, ignore_index=255, channels=None, scale=2.0):
    """Random logits in float64 and labels with some void."""
    g = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(shape[0], channels or num_classes, *shape[1:], generator=g, dtype=torch.float64)
    target = torch.randint(num_classes, shape, generator=g)
    target[torch.rand(shape, generator=g) < void] = ignore_index
    return logits, target


def flat(logits, target, ignore_index=255):
    """The valid pixels alone: probabilities (V, C) and labels (V,), numpy."""
    valid = target != ignore_index
    return logits.movedim(1, -1)[valid].softmax(1).numpy(), target[valid].numpy()


def every_loss():
    """(loss, logits, target) for each loss and number of logits that it takes."""
    four, one = batch(0), batch(1, 2, channels=1)
    cases = [pytest.param(loss, *four, id=loss.__name__) for loss in MULTICLASS]
    cases += [pytest.param(loss, *one, id=f"{loss.__name__}, one logit") for loss in MULTICLASS]
    return cases + [pytest.param(loss, *one, id=loss.__name__) for loss in ONE_LOGIT]


# -- cross-entropy and its relatives --


@pytest.mark.parametrize("ignore_index", [255, -1, -100, 2])
def test_cross_entropy_is_torchs_mean_over_valid_pixels(sk, ignore_index):
    logits, target = batch(0, ignore_index=ignore_index)
    weight = torch.tensor([0.5, 1.0, 3.0, 0.0], dtype=torch.float64)
    for w in (None, weight):
        expected = F.cross_entropy(logits, target, w, ignore_index=ignore_index)
        torch.testing.assert_close(cross_entropy(logits, target, w, ignore_index=ignore_index), expected)
    probability, labels = flat(logits, target, ignore_index)
    mean = cross_entropy(logits, target, ignore_index=ignore_index).item()
    assert mean == pytest.approx(sk.log_loss(labels, probability, labels=range(4)))


def test_only_the_ratios_of_class_weights_matter():
    logits, target = batch(1)
    weight = torch.tensor([0.5, 1.0, 3.0, 2.0], dtype=torch.float64)
    for loss in (cross_entropy, focal_loss):
        torch.testing.assert_close(loss(logits, target, weight=weight), loss(logits, target, weight=100 * weight))


@pytest.mark.parametrize("loss", [cross_entropy, focal_loss], ids=lambda loss: loss.__name__)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.int64, torch.uint8, list])
def test_class_weights_may_be_of_any_type(loss, dtype):
    logits, target = batch(0)
    logits, numbers = logits.float(), [2, 1, 0, 5]
    weight = numbers if dtype is list else torch.tensor(numbers, dtype=dtype)
    probability, labels = flat(logits, target)
    p, w = probability[np.arange(len(labels)), labels], np.array(numbers)[labels]
    pixel = -((1 - p) ** (2 if loss is focal_loss else 0)) * np.log(p)
    value = loss(logits, target, weight=weight)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx((w * pixel).sum() / w.sum(), rel=1e-5)


@pytest.mark.parametrize("loss", [cross_entropy, focal_loss], ids=lambda loss: loss.__name__)
def test_class_weights_move_to_the_logits_may_be_learned_and_have_one_number_a_class(loss):
    logits, target = batch(0)
    assert loss(logits.to("meta"), target.to("meta"), weight=torch.ones(4)).device.type == "meta"
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: loss(logits, target, weight=w), weight)
    for wrong in (torch.ones(3), torch.ones(5), torch.ones(4, 1), torch.tensor(2.0)):
        with pytest.raises(ValueError, match=r"one number for each of 4 classes, got \("):
            loss(logits, target, weight=wrong)


@pytest.mark.parametrize("pos_weight", [3, torch.tensor(3), torch.tensor([3.0], dtype=torch.float64)])
def test_pos_weight_may_be_of_any_type(pos_weight):
    logits, target = batch(7, 2, channels=1)
    expected = binary_cross_entropy(logits, target, torch.tensor(3.0, dtype=torch.float64))
    torch.testing.assert_close(binary_cross_entropy(logits.float(), target, pos_weight), expected.float())


def test_weights_that_exclude_every_pixel_give_zero():
    logits, target = batch(2)
    target[target == 3] = 255
    weight = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    assert cross_entropy(logits, target, weight) == focal_loss(logits, target, weight=weight) == 0


@pytest.mark.parametrize("gamma", [0, 0.5, 2.0, 5])
def test_focal_loss_is_its_formula(gamma):
    logits, target = batch(3)
    probability, labels = flat(logits, target)
    p = probability[np.arange(len(labels)), labels]
    alpha = np.array([1.0, 2.0, 0.5, 3.0])
    pixel = -((1 - p) ** gamma) * np.log(p)
    assert focal_loss(logits, target, gamma).item() == pytest.approx(pixel.mean())
    weighted = focal_loss(logits, target, gamma, torch.from_numpy(alpha)).item()
    assert weighted == pytest.approx((alpha[labels] * pixel).sum() / alpha[labels].sum())


def test_focal_loss_without_gamma_is_cross_entropy():
    logits, target = batch(4)
    weight = torch.tensor([1.0, 2.0, 0.5, 3.0], dtype=torch.float64)
    torch.testing.assert_close(focal_loss(logits, target, 0), cross_entropy(logits, target))
    torch.testing.assert_close(focal_loss(logits, target, 0, weight), cross_entropy(logits, target, weight))
    with pytest.raises(ValueError, match="got -1"):
        focal_loss(logits, target, -1)


@pytest.mark.parametrize("threshold, min_kept", [(0.7, 1 / 16), (0.01, 0.3), (1e-9, 1e-9), (0.999, 0.01), (0.5, 1)])
@pytest.mark.parametrize("void", [0, 0.2, 0.95])
def test_ohem_is_the_mean_over_the_hard_pixels(threshold, min_kept, void):
    logits, target = batch(5, void=void)
    probability, labels = flat(logits, target)
    p = np.sort(probability[np.arange(len(labels)), labels])  # hardest first
    hard = max((p < threshold).sum(), math.ceil(min_kept * target.numel()))
    expected = -np.log(p[:hard]).mean()
    assert ohem_cross_entropy(logits, target, threshold, min_kept).item() == pytest.approx(expected)


def test_ohem_keeps_everything_where_all_is_hard_and_checks_its_shares():
    logits, target = batch(6, scale=0.01)
    torch.testing.assert_close(ohem_cross_entropy(logits, target), cross_entropy(logits, target))
    for options in ({"threshold": 0}, {"threshold": 1.2}, {"min_kept": 100_000}, {"min_kept": 0}):
        name, value = next(iter(options.items()))
        with pytest.raises(ValueError, match=f"{name} is a share above 0 and at most 1, got {value}"):
            ohem_cross_entropy(logits, target, **options)


@pytest.mark.parametrize("pos_weight", [None, 5.0])
def test_binary_cross_entropy_is_torchs_and_scikit_learns(sk, pos_weight):
    logits, target = batch(7, 2, channels=1)
    valid = target != 255
    z, y = logits[:, 0][valid], target[valid].double()
    weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=torch.float64)
    expected = F.binary_cross_entropy_with_logits(z, y, pos_weight=weight)
    torch.testing.assert_close(binary_cross_entropy(logits, target, pos_weight), expected)
    if pos_weight is None:
        assert expected.item() == pytest.approx(sk.log_loss(y.numpy(), torch.sigmoid(z).numpy()))


def test_one_logit_is_the_pair_zero_and_z_in_every_loss():
    z, target = batch(8, 2, channels=1)
    pair = torch.cat([torch.zeros_like(z), z], 1)
    torch.testing.assert_close(binary_cross_entropy(z, target), cross_entropy(pair, target))
    shifted = pair + torch.randn(2, 1, 5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for loss in MULTICLASS:
        torch.testing.assert_close(loss(z, target), loss(pair, target))
        torch.testing.assert_close(loss(z, target), loss(shifted, target))  # only the difference counts
    for loss in ONE_LOGIT:
        with pytest.raises(ValueError, match="one logit a pixel"):
            loss(pair, target)


# -- losses of overlap --


def test_dice_and_iou_are_their_formulas_over_the_batch():
    logits, target = batch(9)
    probability, labels = flat(logits, target)
    truth = np.eye(4)[labels]
    overlap, size = (probability * truth).sum(0), probability.sum(0) + truth.sum(0)
    assert dice_loss(logits, target).item() == pytest.approx((1 - 2 * overlap / size).mean())
    assert iou_loss(logits, target).item() == pytest.approx((1 - overlap / (size - overlap)).mean())


def test_soft_dice_follows_from_soft_iou_where_one_class_is_present():
    logits, target = batch(10)
    target[target != 255] = 1
    iou = 1 - iou_loss(logits, target)
    torch.testing.assert_close(1 - dice_loss(logits, target), 2 * iou / (1 + iou))


@pytest.mark.parametrize("loss, score", [(dice_loss, "dice"), (iou_loss, "iou"), (lovasz_softmax, "iou")])
def test_certain_predictions_lose_one_minus_the_score(loss, score):
    logits, target = batch(11)
    target[target == 2] = 0  # class 2 is in no label: it leaves the mean
    confusion = ConfusionMatrix(4)
    confusion.update(logits, target)
    expected = 1 - getattr(confusion, score)()[[0, 1, 3]].mean()
    certain = 1e4 * F.one_hot(logits.argmax(1), 4).movedim(-1, 1).double()
    torch.testing.assert_close(loss(certain, target), expected)


@pytest.mark.parametrize("loss", MULTICLASS + ONE_LOGIT, ids=lambda loss: loss.__name__)
def test_a_certain_and_right_prediction_costs_nothing(loss):
    _, target = batch(12, 2)
    z = torch.where(target == 1, 50.0, -50.0)[:, None]
    assert loss(z, target).item() == pytest.approx(0, abs=1e-6)


def jaccard_set_loss(wrong, truth):
    """1 - IoU of a class when exactly the pixels in `wrong` are misclassified."""
    missed, alarms = (wrong & truth).sum(), (wrong & ~truth).sum()
    union = truth.sum() + alarms
    return 1 - (truth.sum() - missed) / union if union else 0.0


def lovasz_extension(errors, truth):
    """The integral of the set loss over all thresholds of the errors (Choquet), from its definition."""
    levels = np.unique(np.append(errors, 0.0))
    return sum((high - low) * jaccard_set_loss(errors >= high, truth) for low, high in zip(levels[:-1], levels[1:]))


@pytest.mark.parametrize("seed", range(5))
def test_lovasz_softmax_is_the_lovasz_extension(seed):
    logits, target = batch(seed, shape=(2, 4, 5))
    probability, labels = flat(logits, target)
    expected = np.mean(
        [lovasz_extension(np.abs((labels == c) - probability[:, c]), labels == c) for c in np.unique(labels)]
    )
    assert lovasz_softmax(logits, target).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_lovasz_hinge_is_the_lovasz_extension_of_hinge_errors(seed):
    z, target = batch(seed, 2, shape=(2, 4, 5), channels=1, scale=1.0)
    if seed == 4:
        target[target == 1] = 0  # no foreground: the largest error
    valid = target != 255
    truth, margin = (target[valid] == 1).numpy(), z[:, 0][valid].numpy()
    errors = np.maximum(0, 1 - np.where(truth, margin, -margin))
    assert lovasz_hinge(z, target).item() == pytest.approx(lovasz_extension(errors, truth), abs=1e-6)
    if seed == 4:
        assert lovasz_hinge(z, target).item() == pytest.approx(errors.max())


def test_equal_errors_may_be_sorted_in_any_way():
    target = torch.tensor([[[0, 1, 1, 0, 1, 255]]])
    z = torch.zeros(1, 1, 1, 6, dtype=torch.float64)
    assert lovasz_softmax(z, target).item() == pytest.approx(0.5)
    assert lovasz_hinge(z, target).item() == pytest.approx(1.0)


# -- what all of them keep --


@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_gradients_are_those_of_finite_differences(loss, logits, target):
    assert torch.autograd.gradcheck(lambda x: loss(x, target), logits.clone().requires_grad_())


@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_void_has_no_influence(loss, logits, target):
    void = (target == 255)[:, None].expand_as(logits)
    changed = torch.where(void, 7.0, logits).requires_grad_()
    value = loss(changed, target)
    torch.testing.assert_close(value, loss(logits, target))
    (gradient,) = torch.autograd.grad(value, changed)
    assert gradient[void].eq(0).all() and gradient[~void].ne(0).any()
    renamed = target.clone()
    renamed[target == 255] = -1
    torch.testing.assert_close(loss(logits, renamed, ignore_index=-1), value)
    # Void in another place of the batch, as more images, changes nothing either.
    more, empty = torch.cat([logits, torch.full_like(logits, 3)]), torch.full_like(target, 255)
    options = {"min_kept": 1 / 32} if loss is ohem_cross_entropy else {}  # half the share of twice the pixels
    torch.testing.assert_close(loss(more, torch.cat([target, empty]), **options), value)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_sixteen_bits_are_computed_in_thirty_two(loss, logits, target, dtype):
    """Over 300 x 300 pixels the sums of most losses are above 65,504, the largest number of float16."""
    logits, target = logits[:1].repeat(1, 1, 60, 43).to(dtype).requires_grad_(), target[:1].repeat(1, 60, 43)
    value = loss(logits, target)
    exact = loss(logits.detach().double(), target)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, exact.float(), rtol=1e-4, atol=1e-6)
    (1e4 * value).backward()  # scaled, as for 16 bits: a pixel's own share of a mean is below float16's smallest
    assert logits.grad.dtype == dtype and logits.grad.isfinite().all() and logits.grad.any()


@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_the_layout_in_memory_does_not_matter(loss, logits, target):
    wide = torch.zeros(*logits.shape[:3], 2 * logits.shape[3], dtype=logits.dtype)
    wide[..., ::2] = logits
    swapped = target.transpose(1, 2).contiguous().transpose(1, 2)
    for other in (wide[..., ::2], logits.to(memory_format=torch.channels_last), logits.mT.contiguous().mT):
        torch.testing.assert_close(loss(other, swapped), loss(logits, target))
    one = logits[:1].expand(3, -1, -1, -1)  # a stride of 0
    torch.testing.assert_close(loss(one, target[:1].expand(3, -1, -1)), loss(one.clone(), target[:1].repeat(3, 1, 1)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_all_void_and_empty_batches_give_zero_with_zero_gradient(loss, logits, target, dtype):
    for count in (2, 0):
        x = logits[:count].to(dtype).detach().requires_grad_()
        value = loss(x, torch.full_like(target[:count], 255))
        value.backward()
        assert value == 0 and value.dtype == dtype and value.shape == ()
        assert x.grad.eq(0).all()


@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_extreme_logits_stay_finite(loss, logits, target):
    options = [{"gamma": 0.5}, {"gamma": 2}] if loss is focal_loss else [{}]
    for option in options:
        x = (1e4 * logits.sign()).float().requires_grad_()
        value = loss(x, target, **option)
        value.backward()
        assert value.isfinite() and x.grad.isfinite().all()


@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_the_result_keeps_the_type_of_the_logits(loss, logits, target):
    assert loss(logits.float(), target).dtype == torch.float32
    torch.testing.assert_close(loss(logits.float(), target), loss(logits, target).float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("value", [-1, 4, 17, 256])
@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_a_label_out_of_range_is_named(loss, logits, target, value):
    target = target.clone()
    target[1, 2, 3] = value
    with pytest.raises(ValueError, match=f"label {value} is out of range.*ignore_index={value}"):
        loss(logits, target)


@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_shapes_and_types_are_checked(loss, logits, target):
    for x, y in ((logits, target[:1]), (logits[..., ::2], target), (logits[0], target[0]), (logits[:, 0], target)):
        with pytest.raises(ValueError, match=r"logits \(N, C, H, W\) and labels \(N, H, W\)"):
            loss(x, y)
    for x, y in ((logits, target.to(torch.uint8)), (logits.long(), target)):
        with pytest.raises(TypeError, match=rf"logits.float\(\) and target.long\(\), got {x.dtype} and {y.dtype}"):
            loss(x, y)


@pytest.mark.parametrize("loss, logits, target", every_loss())
def test_void_may_have_the_number_of_a_class(loss, logits, target):
    target = torch.where(target == 1, 255, target)
    renamed = torch.where(target == 255, 1, target)
    torch.testing.assert_close(loss(logits, renamed, ignore_index=1), loss(logits, target))


def test_check_labels_accepts_classes_and_void():
    data.check_labels(torch.tensor([[0, 1, 2, 255]]), 3)
    data.check_labels(torch.tensor([], dtype=torch.int64), 3)
    data.check_labels(torch.tensor([[0, -1]], dtype=torch.int64), 1, ignore_index=-1)
    with pytest.raises(ValueError, match="label 2 is out of range: 2 classes are numbered 0 to 1"):
        data.check_labels(torch.tensor([[0, 2]]), 2)


@pytest.mark.parametrize("loss", [dice_loss, iou_loss, lovasz_softmax], ids=lambda loss: loss.__name__)
def test_fitting_the_loss_fits_the_labels(loss):
    logits, target = batch(13, scale=0.1)
    logits.requires_grad_()
    optimizer = torch.optim.Adam([logits], lr=0.3)
    for _ in range(60):
        optimizer.zero_grad()
        loss(logits, target).backward()
        optimizer.step()
    confusion = ConfusionMatrix(4)
    confusion.update(logits.detach(), target)
    assert confusion.mean_iou() == 1
