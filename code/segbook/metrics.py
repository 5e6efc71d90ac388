"""How good is a segmentation? One table of counts, and every score as a fraction of it.

    confusion = ConfusionMatrix(21)
    for images, labels in loader:
        confusion.update(model(images), labels)
    confusion.mean_iou()

Count over the whole data set first and divide once at the end: that is what VOC, Cityscapes and the papers report.
The mean of per-image scores is another number. `boundary_f1` alone is defined per image.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


class ConfusionMatrix:
    """How many pixels of each true class were given each predicted class.

    `counts[t, p]` (int64, on the CPU) is the number of pixels of true class t that were predicted as p. Pixels whose
    label is `ignore_index` (void) are not counted, whatever was predicted there. All scores are read off the counts:
    per-class ones are float64 tensors (num_classes,), means are floats. A score is NaN only where its denominator is
    0, and means leave NaN out. So the IoU of a class that is in no label but was predicted is 0 and counts, while a
    class that is in neither has no IoU. Without any counted pixel every mean is NaN.

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
        if not 0 < threshold < 1:
            raise ValueError(f"threshold is a probability between 0 and 1, got {threshold}")
        self.num_classes = num_classes
        self.ignore_index = ignore_index
        self.threshold = threshold
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

        Raises:
            TypeError: prediction or target is no tensor, or of a kind that is neither classes nor logits.
            ValueError: shapes that do not match; a label, or a prediction on a pixel that is not void, out of range.
        """
        prediction = self._classes(prediction, target)
        target = target.to(prediction.device)
        if prediction.numel() == 0:
            return
        lowest, highest = torch.aminmax(prediction | target)  # between 0 and 255 exactly where all values are
        if lowest < 0 or highest > 255:  # void is -1, many classes, or a value out of range
            counted = target != self.ignore_index
            prediction, target = prediction[counted], target[counted]
            self._check_range("label", target)
            self._check_range("prediction", prediction)
        # One number a pixel for the pair, and one histogram of it. A table of 256 x 256 has room for void and for
        # every wrong value that is left, so that nothing has to be masked and the check reads the table alone.
        side = max(256, self.num_classes)
        wide = target if target.dtype == torch.int64 else target.int()  # 256 * 255 is too much for uint8
        pairs = torch.add(prediction, wide, alpha=side)
        table = torch.bincount(pairs.flatten(), minlength=side * side).view(side, side).cpu()
        if 0 <= self.ignore_index < side:
            table[self.ignore_index] = 0
        self._check_range("label", table.sum(1).nonzero())
        self._check_range("prediction", table.sum(0).nonzero())
        self.counts += table[: self.num_classes, : self.num_classes]

    def _classes(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Check kinds and shapes; return the predicted classes, shaped as target."""
        for name, value in (("prediction", prediction), ("target", target)):
            if not isinstance(value, Tensor):
                raise TypeError(f"{name} is a {type(value).__name__}, not a tensor: use torch.as_tensor({name})")
        if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
            raise TypeError(f"target holds classes, so it must be of an integer type, got {target.dtype}: use .long()")
        if prediction.is_complex() or prediction.dtype == torch.bool:
            raise TypeError(f"prediction must be classes (integer) or logits (floating), got {prediction.dtype}")
        if not prediction.is_floating_point():
            if prediction.shape != target.shape:
                raise ValueError(
                    f"predicted classes are shaped {tuple(prediction.shape)}, labels {tuple(target.shape)}: "
                    "compare at the label's own size"
                )
            return prediction
        channels = self.num_classes
        if prediction.ndim == 4 and prediction.shape[1] == 1 and self.num_classes == 2:
            channels = 1
        wanted = (target.shape[0] if target.ndim else 0, channels, *target.shape[1:])
        if target.ndim != 3 or tuple(prediction.shape) != wanted:
            raise ValueError(
                f"logits are shaped {tuple(prediction.shape)} and labels {tuple(target.shape)}: logits must be "
                f"(N, {self.num_classes}, H, W) and labels (N, H, W); enlarge the logits to the label's size"
            )
        if channels == 1:
            return (prediction[:, 0] > math.log(self.threshold / (1 - self.threshold))).long()
        return prediction.max(1).indices  # argmax(1), in half its time on a CPU

    def _check_range(self, name: str, values: Tensor) -> None:
        wrong = values[(values < 0) | (values >= self.num_classes)]
        if wrong.numel():
            advice = f"; if it means void, pass ignore_index={int(wrong[0])}" if name == "label" else ""
            raise ValueError(
                f"{name} {int(wrong[0])} is out of range: {self.num_classes} classes are numbered 0 to "
                f"{self.num_classes - 1}, void is {self.ignore_index}{advice}"
            )

    def merge(self, other: "ConfusionMatrix") -> None:
        """Add the counts of another matrix to these: shards counted apart, merged, equal the whole."""
        if (self.num_classes, self.ignore_index) != (other.num_classes, other.ignore_index):
            raise ValueError(
                f"cannot merge counts of {other.num_classes} classes (void {other.ignore_index}) into "
                f"{self.num_classes} classes (void {self.ignore_index})"
            )
        self.counts += other.counts

    # The four statistics ...

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

    @property
    def true_negatives(self) -> Tensor:
        """Pixels neither of the class nor predicted as it: (num_classes,) int64."""
        return self.counts.sum() - self.true_positives - self.false_positives - self.false_negatives

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
        return (
            f"ConfusionMatrix({self.num_classes} classes, {int(self.counts.sum()):,} pixels, "
            f"pixel accuracy {self.pixel_accuracy():.3f}, mean IoU {self.mean_iou():.3f})"
        )


def boundary_f1(
    prediction: Tensor, target: Tensor, num_classes: int, ignore_index: int = 255, tolerance: float = 0.0075
) -> Tensor:
    """How well outlines agree: the F1 score of boundary pixels, per image and class.

    A boundary pixel of a class is a pixel of it with a pixel that is not of it above, below, left or right. The
    image's edge makes no boundary. Void belongs to no class, in the label and in the prediction alike, so nothing
    that is predicted there counts. Precision is the share of the predicted boundary's pixels that have a pixel of the
    true boundary within r, recall the reverse, and r is `tolerance` times the image's diagonal, rounded up to whole
    pixels; distances are Euclidean. Matches are not one to one: thick or doubled outlines cost precision only where
    they leave the tolerance.

    >>> label = torch.zeros(1, 40, 40, dtype=torch.int64)
    >>> label[:, 10:30, 10:30] = 1
    >>> boundary_f1(label.roll(1, dims=2), label, num_classes=2)  # one pixel off is within the tolerance
    tensor([[1., 1.]], dtype=torch.float64)

    Args:
        prediction, target: integer classes (..., H, W), of one shape; one image or a batch.
        num_classes: classes 0 to num_classes - 1 are scored.
        ignore_index: the label of void.
        tolerance: as a fraction of the diagonal; 0 asks for the exact pixel.

    Returns:
        2 P R / (P + R), float64 (..., num_classes). NaN where neither map has a boundary of the class, 0 where only
        one has. Average over images with `nanmean(0)`, then over classes.

    Raises:
        TypeError, ValueError: as `ConfusionMatrix.update`; a negative tolerance.

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
    void = (target == ignore_index).view(-1, 1, height, width)
    classes = torch.arange(num_classes, device=target.device).view(1, -1, 1, 1)
    outlines = []
    for labels in (prediction, target):
        mask = (labels.reshape(-1, 1, height, width) == classes) & ~void  # (N, C, H, W)
        outlines.append(mask & ~_all_four_neighbours(mask))
    radius = math.ceil(tolerance * math.hypot(height, width))
    near = [_dilate(outline, radius) for outline in outlines]
    (predicted, true), (near_predicted, near_true) = outlines, near
    precision = (predicted & near_true).sum((2, 3)).double() / predicted.sum((2, 3))  # (N, C), NaN for 0 / 0
    recall = (true & near_predicted).sum((2, 3)).double() / true.sum((2, 3))
    precision, recall = precision.nan_to_num(), recall.nan_to_num()
    score = (2 * precision * recall / (precision + recall)).nan_to_num()
    score[~(predicted | true).any(3).any(2)] = math.nan
    return score.view(*batch, num_classes)


def _all_four_neighbours(mask: Tensor) -> Tensor:
    """Where the pixels above, below, left and right are in the mask; beyond the image's edge all are."""
    padded = F.pad(mask, (1, 1, 1, 1), value=True)
    return padded[..., :-2, 1:-1] & padded[..., 2:, 1:-1] & padded[..., 1:-1, :-2] & padded[..., 1:-1, 2:]


def _dilate(mask: Tensor, radius: int) -> Tensor:
    """Pixels within `radius` of the mask (Euclidean), row by row of the disc."""
    height, width = mask.shape[-2:]
    before = F.pad(mask.int().cumsum(-1), (1, 0))  # (..., W + 1): how many stand left of each column
    columns = torch.arange(width, device=mask.device)
    near = torch.zeros_like(mask)
    for dy in range(-min(radius, height - 1), min(radius, height - 1) + 1):
        reach = math.isqrt(radius**2 - dy**2)
        in_reach = before[..., (columns + reach + 1).clamp(max=width)] > before[..., (columns - reach).clamp(min=0)]
        near[..., max(0, -dy) : height - max(0, dy), :] |= in_reach[..., max(0, dy) : height - max(0, -dy), :]
    return near
