"""How good is a segmentation? One table of counts, and every score as a fraction of it.

Count over the whole data set first and divide once at the end, as VOC, Cityscapes and the papers do. The mean of
per-image scores is another number. `boundary_f1` alone is defined per image.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from segbook.data.palette import check_labels


class ConfusionMatrix:
    """How many pixels of each true class were given each predicted class.

    `counts[t, p]` (int64, on the CPU) is the number of pixels of true class t that were predicted as p. Pixels whose
    label is `ignore_index` (void) are not counted, whatever was predicted there. Scores of classes are float64 tensors
    (num_classes,), means are floats. A score is NaN only where its denominator is 0, and means leave NaN out: the IoU
    of a class that is in no label but was predicted is 0 and counts, a class that is in neither has no IoU.

    >>> confusion = ConfusionMatrix(2)
    >>> confusion.update(torch.tensor([[0, 1, 1]]), torch.tensor([[0, 0, 255]]))
    >>> confusion.iou()
    tensor([0.5000, 0.0000], dtype=torch.float64)
    >>> confusion.mean_iou()
    0.25

    Args:
        num_classes: at least 1; a binary problem has 2, also where the network gives one logit a pixel.
        ignore_index: the label of void.
        threshold: probability from which a single logit counts as class 1.

    Source: Long et al. 2015, section 5, for the four means; Everingham et al. 2010 for the protocol.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255, threshold: float = 0.5) -> None:
        if num_classes < 1:
            raise ValueError(f"ConfusionMatrix needs at least 1 class, got {num_classes}")
        check_threshold(threshold)
        self.num_classes, self.ignore_index, self.threshold = num_classes, ignore_index, threshold
        self.reset()

    def reset(self) -> None:
        """Forget all counts."""
        self.counts = torch.zeros(self.num_classes, self.num_classes, dtype=torch.int64)

    def update(self, prediction: Tensor, target: Tensor) -> None:
        """Count one batch. A batch that is refused leaves the counts as they were.

        Args:
            prediction: integer classes, same shape as target; or floating logits (N, C, H, W), of which the largest
                wins; with 2 classes also (N, 1, H, W), the logit of class 1, see `threshold`.
            target: integer labels (N, H, W); `ignore_index` where void. Moved to prediction's device.

        Raises TypeError for what is neither classes nor logits, ValueError for shapes that do not match and for labels,
        or predictions on pixels that are not void, out of range.
        """
        prediction = self._classes(prediction, target)
        target = target.to(prediction.device)
        if prediction.numel() == 0:
            return
        # In a table with rows for all bytes, void and what is wrong get a row of their own, and nothing is masked.
        rows = max(256, self.num_classes)
        bounds = torch.stack([*torch.aminmax(prediction), *torch.aminmax(target)]).tolist()
        if min(bounds) < 0 or bounds[1] >= self.num_classes or bounds[3] >= rows:
            counted = target != self.ignore_index  # void may have any number, and any number be predicted there
            prediction, target = prediction[counted], target[counted]
            check_labels(target, self.num_classes, ignore_index=self.ignore_index)
            wrong = prediction[(prediction < 0) | (prediction >= self.num_classes)]
            if wrong.numel():
                raise ValueError(f"prediction {wrong[0]} is out of range: there are {self.num_classes} classes, from 0")
        # One number for each pixel's pair of classes, and one histogram. Small integers are read and counted fastest.
        kind = torch.int16 if rows * self.num_classes <= 2**15 else torch.int32
        pairs = target.to(kind, copy=True).mul_(self.num_classes).add_(prediction.to(kind))
        table = torch.bincount(pairs.flatten(), minlength=rows * self.num_classes).view(rows, self.num_classes).cpu()
        if 0 <= self.ignore_index < rows:
            table[self.ignore_index] = 0
        if table[self.num_classes :].any():
            check_labels(target, self.num_classes, ignore_index=self.ignore_index)
        self.counts += table[: self.num_classes]

    def _classes(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Check kinds and shapes; return the predicted classes, shaped as target."""
        for name, value in (("prediction", prediction), ("target", target)):
            if not isinstance(value, Tensor):
                raise TypeError(f"{name} is a {type(value).__name__}, not a tensor: use torch.as_tensor({name})")
            if value.is_complex() or value.dtype == torch.bool or (value is target and value.is_floating_point()):
                raise TypeError(f"{name} holds classes, so it must be of an integer type, got {value.dtype}")
        if not prediction.is_floating_point():
            if prediction.shape != target.shape:
                shapes = f"shaped {tuple(prediction.shape)}, labels {tuple(target.shape)}"
                raise ValueError(f"predicted classes are {shapes}: compare at the label's own size")
            return prediction
        single = self.num_classes == 2 and prediction.ndim == 4 and prediction.shape[1] == 1
        batch, *size = target.shape or [0]
        if target.ndim != 3 or prediction.shape != (batch, 1 if single else self.num_classes, *size):
            raise ValueError(
                f"logits are shaped {tuple(prediction.shape)} and labels {tuple(target.shape)}: logits must be "
                f"(N, {self.num_classes}, H, W) and labels (N, H, W); upsample the logits to the label's size"
            )
        return to_classes(prediction, self.threshold)

    def merge(self, other: "ConfusionMatrix") -> None:
        """Add the counts of another matrix to these: shards counted apart, merged, equal the whole."""
        ours, theirs = (f"{one.num_classes} classes (void {one.ignore_index})" for one in (self, other))
        if ours != theirs:
            raise ValueError(f"cannot merge counts of {theirs} into {ours}")
        self.counts += other.counts

    # The three statistics ...

    @property
    def true_positives(self) -> Tensor:
        """Pixels of the class, predicted as it: (num_classes,) int64."""
        return self.counts.diagonal()

    @property
    def false_positives(self) -> Tensor:
        """Pixels predicted as the class that are of another: (num_classes,) int64."""
        return self.counts.sum(0) - self.true_positives

    @property
    def false_negatives(self) -> Tensor:
        """Pixels of the class predicted as another: (num_classes,) int64."""
        return self.counts.sum(1) - self.true_positives

    # ... and the scores, each a fraction of them. Dividing int64 tensors as float64 gives NaN for 0 / 0.

    def precision(self) -> Tensor:
        """TP / (TP + FP): how much of what was predicted as the class is of it. NaN where nothing was predicted."""
        return self.true_positives.double() / (self.true_positives + self.false_positives)

    def recall(self) -> Tensor:
        """TP / (TP + FN): how much of the class was found. NaN where no label has it."""
        return self.true_positives.double() / (self.true_positives + self.false_negatives)

    def iou(self) -> Tensor:
        """TP / (TP + FP + FN): intersection over union, the Jaccard index. NaN where the union is empty."""
        return self.true_positives.double() / (self.true_positives + self.false_positives + self.false_negatives)

    def dice(self) -> Tensor:
        """2 TP / (2 TP + FP + FN), the F1 score: 2 J / (1 + J) of the same class's IoU J. NaN where that is."""
        twice = 2 * self.true_positives
        return twice.double() / (twice + self.false_positives + self.false_negatives)

    def pixel_accuracy(self) -> float:
        """Correct pixels / all pixels; says little where one class fills most of the image."""
        return (self.true_positives.sum().double() / self.counts.sum()).item()

    def mean_accuracy(self) -> float:
        """Mean recall of the classes that the labels have."""
        return self.recall().nanmean().item()

    def mean_iou(self) -> float:
        """Mean IoU of the classes that were labelled or predicted."""
        return self.iou().nanmean().item()

    def frequency_weighted_iou(self) -> float:
        """Mean IoU, each class weighted by its share of the labelled pixels."""
        pixels = self.counts.sum(1).double()
        return ((pixels * self.iou().nan_to_num()).sum() / pixels.sum()).item()

    def __repr__(self) -> str:
        scores = f"pixel accuracy {self.pixel_accuracy():.3f}, mean IoU {self.mean_iou():.3f}"
        return f"ConfusionMatrix({self.num_classes} classes, {int(self.counts.sum()):,} pixels, {scores})"


def to_classes(logits: Tensor, threshold: float = 0.5) -> Tensor:
    """Logits (N, C, H, W) -> classes (N, H, W): the largest, or with one logit 1 where its sigmoid is above threshold.

    >>> to_classes(torch.tensor([[[[0.2, -0.2]]]]))
    tensor([[[1, 0]]])
    """
    if logits.shape[1] == 1:
        return (logits[:, 0].float() > math.log(threshold / (1 - threshold))).long()  # 0.5 is 0 to the last bit
    return logits.max(1).indices  # argmax(1), in half its time on a CPU


def check_threshold(threshold: float) -> None:
    """A ValueError where the probability from which a single logit counts as class 1 is none."""
    if not 0 < threshold < 1:
        raise ValueError(f"threshold is a probability between 0 and 1, got {threshold}")


def boundary_f1(
    prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255, tolerance: float = 0.0075
) -> Tensor:
    """How well outlines agree: the F1 score of boundary pixels, per image and class.

    A boundary pixel of a class has a pixel that is not of the class above, below, left or right; the image's edge
    makes none. Void belongs to no class, in label and prediction alike, so nothing that is predicted there counts.
    Precision is the share of the predicted boundary's pixels that have one of the true boundary within a distance r,
    recall the reverse, and r is `tolerance` times the image's diagonal, rounded up to whole pixels.

    >>> label = torch.zeros(1, 40, 40, dtype=torch.int64)
    >>> label[:, 10:30, 10:30] = 1
    >>> boundary_f1(label.roll(1, dims=2), label, num_classes=2)  # one pixel off is within the tolerance
    tensor([[1., 1.]], dtype=torch.float64)

    `prediction` and `target` are integer classes (..., H, W) of one shape, one image or a batch. Returns
    2 P R / (P + R), float64 (..., num_classes): NaN where neither map has a boundary of the class, 0 where only one
    has. Of a data set: stack the scores of its images; `nanmean(0)` is each class's, its `nanmean()` the mean.

    Raises TypeError and ValueError as `ConfusionMatrix.update`, and for a negative tolerance.
    Source: Csurka et al. 2013, section 3; void treated as in the DAVIS benchmark.
    """
    if prediction.is_floating_point():
        raise TypeError(f"boundary_f1 compares maps of classes, got {prediction.dtype}: use logits.argmax(1)")
    if prediction.ndim < 2:
        raise ValueError(f"boundary_f1 needs maps (..., H, W), got {tuple(prediction.shape)}")
    if tolerance < 0:
        raise ValueError(f"tolerance is a fraction of the image's diagonal and cannot be negative, got {tolerance}")
    ConfusionMatrix(num_classes, ignore_index).update(prediction, target)  # refuses what is out of range
    *batch, height, width = target.shape
    target = target.to(prediction.device).reshape(-1, height, width).long()
    prediction = prediction.reshape(-1, height, width).long()
    predicted, true = (_outlines(labels.masked_fill(target == ignore_index, -1)) for labels in (prediction, target))
    radius = math.ceil(tolerance * math.hypot(height, width))
    precision = _share_near(predicted, true, num_classes, radius)  # (N, C), NaN without an outline
    recall = _share_near(true, predicted, num_classes, radius)
    score = (2 * precision * recall / (precision + recall)).nan_to_num()
    return score.masked_fill(precision.isnan() & recall.isnan(), math.nan).view(*batch, num_classes)


def _outlines(labels: Tensor) -> Tensor:
    """The labels (N, H, W) of pixels with a neighbour of another label above, below, left or right; -1 elsewhere."""
    changes = torch.zeros_like(labels, dtype=torch.bool)
    for rows, change in ((labels, changes), (labels.mT, changes.mT)):
        differ = rows[:, 1:] != rows[:, :-1]
        change[:, 1:] |= differ
        change[:, :-1] |= differ
    return labels.where(changes, -1)


def _share_near(outlines: Tensor, others: Tensor, num_classes: int, radius: int) -> Tensor:
    """The share of each image's and class's outline that lies within `radius` of the other outline of the class."""
    count, height, width = outlines.shape
    margin = min(radius, max(height, width))
    padded = F.pad(others, (margin,) * 4, value=-1)
    image, row, column = outlines.ge(0).nonzero().unbind(1)
    label = outlines[image, row, column]
    place = (image * padded.shape[1] + row + margin) * padded.shape[2] + column + margin  # in padded.flatten()
    far = torch.arange(len(label), device=label.device)  # pixels near which nothing was found yet
    for dy in sorted(range(-margin, margin + 1), key=abs):  # the disc row by row; its middle finds most
        reach = min(math.isqrt(radius**2 - dy**2), margin)
        dx = torch.arange(-reach, reach + 1, device=label.device)
        near = padded.flatten()[place[far, None] + dy * padded.shape[2] + dx] == label[far, None]
        far = far[~near.any(1)]
    kind, bins = image * num_classes + label, count * num_classes
    pixels, missed = kind.bincount(minlength=bins), kind[far].bincount(minlength=bins)
    return (1 - missed.double() / pixels).view(count, num_classes)  # NaN for 0 / 0
