"""Chapter 14, Ours against the papers, and where next."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook import data
from segbook.checks.core import call, checker, require
from segbook.checks.values import Wrong, close, numbers, short, whole
from segbook.convolution import receptive_field
from segbook.metrics import ConfusionMatrix

__all__ = [
    "papers_bug",
    "papers_masks",
    "papers_patches",
    "papers_seeds",
    "papers_shuffle",
    "papers_two_scores",
]


def scored(prediction: Tensor, labels: Tensor) -> tuple[float, float]:
    """Pixel accuracy and mean IoU."""
    matrix = ConfusionMatrix(21)
    matrix.update(prediction, labels)
    return matrix.pixel_accuracy(), matrix.mean_iou()


@checker
def papers_two_scores(my_prediction: Tensor) -> str:
    labels = torch.stack([label for _, label in data.load("toy", "val")])
    found = numbers(my_prediction, "my_prediction", labels.shape)
    inside = (found == found.round()) & (found >= 0) & (found <= 20)
    require(inside.all(), "my_prediction holds classes, whole numbers from 0 to 20; only a label may say 255")
    prediction, valid = torch.from_numpy(found).long(), labels != 255
    accuracy, mean_iou = scored(prediction, labels)
    hot = (F.one_hot(labels * valid, 21) * valid[..., None]).permute(0, 3, 1, 2).float()
    trip = F.interpolate(F.avg_pool2d(hot, 16), labels.shape[-2:], mode="bilinear").argmax(1)
    limit = scored(trip, labels)[1]
    said = f"accuracy {accuracy:.4f}, mean IoU {mean_iou:.3f}: "
    require(accuracy >= 0.99, f"{said}the accuracy is below 0.99; one pixel in a hundred is all that you may spend")
    new = set(prediction.unique().tolist()) - set(labels[valid].unique().tolist())
    if mean_iou >= limit:
        hint = "all of its classes occur in the labels. Over which classes is the mean taken? (chapter 6)"
        if new:
            counted = any((prediction[valid] == c).any() for c in new)
            hint = "you are on the way, and one is not enough" if counted else "a pixel on void counts in neither score"
        raise Wrong(f"{said}the second is not below {limit:.3f}; {hint}")
    return f"{said}the one calls it nearly perfect, the other puts it behind cells of 16 pixels"


@checker
def papers_seeds(seeds_needed: Callable, my_seeds: int) -> str:
    for gap, spread in ((0.27, 0.9), (1.0, 0.9), (3.3, 0.95), (0.64, 0.31), (5.9, 0.4), (0.05, 0.71)):
        said = f"seeds_needed({gap}, {spread})"
        found = whole(call(seeds_needed, gap, spread, said=said), said)
        raw = 8 * (spread / gap) ** 2
        if found == max(1, math.ceil(raw)):
            continue
        slips = {
            "both means vary, not one of them": raw / 2,
            "two standard deviations are asked for, not one": raw / 4,
            "two standard deviations are asked for, and both means vary": raw / 8,
            "the spread of a mean falls with the square root of n, so n grows with a square": 8 * spread / gap,
            "gap and spread are exchanged": 8 * (gap / spread) ** 2,
            "a seed cannot be halved: round up": raw,
        }
        near = [hint for hint, slip in slips.items() if found in {math.floor(slip), math.ceil(slip)}]
        hint = near[0] if near else "write the rule as an inequality in n, and solve it"
        raise Wrong(f"{said} is {found}: {hint}")
    n = whole(my_seeds, "my_seeds")
    told = 2 * 0.9 * math.sqrt(2 / n) if n > 0 else math.inf
    require(told <= 0.27, f"with {n} seeds a gap of 0.27 is not yet two standard deviations, those make {told:.2f}")
    require(2 * 0.9 * math.sqrt(2 / (n - 1)) > 0.27, f"{n} seeds are enough, and so is one less")
    return f"{n} trainings of each of the two, to settle a quarter of a point"


PLACE_HINTS = {
    "my_dino": {16.0: "16 is the ViT's patch, DINOv2's has 14", 7.0: "the middle of pixels 0 to 13 is not pixel 7"},
    "my_segformer": {16.0: "a padded convolution rounds up", 31.5: "its kernels are odd and padded evenly"},
}


@checker
def papers_patches(my_dino: Sequence[float], my_segformer: Sequence[float], my_shift: Sequence[float]) -> str:
    trunks = {
        "my_dino": (my_dino, [nn.Conv2d(3, 1, 14, 14)]),
        "my_segformer": (my_segformer, [nn.Conv2d(3, 1, 7, 4, 3), *(nn.Conv2d(1, 1, 3, 2, 1) for _ in range(3))]),
    }
    shifts = []
    for name, (answer, trunk) in trunks.items():
        found = numbers(answer, name, (3,))
        field = receptive_field(trunk)
        with torch.no_grad():
            cells = nn.Sequential(*trunk)(torch.zeros(1, 3, 518, 518)).shape[-1]
        right = (cells, field.centre, field.centre + (cells - 1) * field.stride)
        for what, value, wanted in zip(("cells a side", "the first centre", "the last centre"), found, right):
            hint = PLACE_HINTS[name].get(float(value), "follow kernel, stride and padding from layer to layer")
            require(close(value, wanted), f"{name}, {what}: not {value:g}; {hint}")
        shifts.append((518 / cells - 1) / 2 - field.centre)
    found = np.abs(numbers(my_shift, "my_shift", (2,)))
    for name, value, wanted in zip(("DINOv2's", "SegFormer's"), found, shifts):
        hint = "518 is no multiple of 32, so one cell is drawn as 518 divided by their number"
        hint = hint if close(value, 15.5) else "where does `align_corners=False` draw the middle of cell 0?"
        require(abs(value - wanted) < 0.02, f"my_shift, {name} first cell: not {value:g} pixels; {hint}")
    return "the one is drawn where it looks; the other has a ResNet's half cell"


@checker
def papers_bug(map_from_tokens: Callable) -> str:
    draw = torch.Generator().manual_seed(0)
    for images, height, width, channels in ((2, 3, 5, 4), (1, 4, 4, 16), (3, 7, 2, 6)):
        said = f"map_from_tokens(tokens, {height}, {width})"
        right = torch.randn(images, channels, height, width, generator=draw)
        patches = right.flatten(2).transpose(1, 2)  # row after row, as a convolution's map is read
        tokens = torch.cat([100 + torch.randn(images, 1, channels, generator=draw), patches], 1)
        found = numbers(call(map_from_tokens, tokens, height, width, said=said), said)
        require(
            found.shape != (images, channels, width, height) or height == width,
            f"{said} has the shape {found.shape}: height comes before width in (N, C, H, W)",
        )
        require(
            found.shape == right.shape, f"{said} has the shape {found.shape}, and {tuple(right.shape)} is asked for"
        )
        require(found.max() < 50, f"{said} holds the class token, which belongs to no place: which token is it?")
        if close(found, right):
            continue
        same_numbers = close(np.sort(found, axis=None), np.sort(right.numpy(), axis=None))
        hint = "not all patches are in it" if not same_numbers else "a channel has got numbers of other channels"
        if same_numbers and close(np.sort(found.reshape(images, channels, -1)), np.sort(right.flatten(2).numpy())):
            hint = "every channel has its numbers, in other places: tokens come row after row"
        raise Wrong(f"{said} puts features where no patch saw them: {hint}")
    return "every token lies where its patch does, for maps that are no squares too"


def by_counting(class_logits: Tensor, mask_logits: Tensor) -> np.ndarray:
    """Scores (C, H, W), one query after the other."""
    total = np.zeros((class_logits.shape[1] - 1, *mask_logits.shape[1:]))
    for classes, mask in zip(class_logits.double().numpy(), mask_logits.double().numpy()):
        chance = np.exp(classes) / np.exp(classes).sum()
        total += chance[:-1, None, None] / (1 + np.exp(-mask))
    return total


@checker
def papers_masks(semantic: Callable) -> str:
    draw = torch.Generator().manual_seed(0)
    for queries, classes, height, width in ((5, 3, 4, 6), (2, 7, 3, 3), (1, 1, 2, 5)):
        said = f"semantic, for {queries} queries and {classes} classes,"
        logits = 2 * torch.randn(queries, classes + 1, generator=draw)
        masks = 2 * torch.randn(queries, height, width, generator=draw)
        found = numbers(call(semantic, logits, masks, said=said), said)
        right = by_counting(logits, masks)
        require(
            found.shape[:1] != (classes + 1,) or found.ndim != 3,
            f"{said} gives {classes + 1} maps: 'no object' is an answer of a query, not a class of a pixel",
        )
        require(found.shape == right.shape, f"{said} has the shape {found.shape}, and {right.shape} is asked for")
        if close(found, right):
            continue
        nothing = torch.zeros_like(logits)
        nothing[:, -1] = 30.0  # every query is sure that it has found no object
        empty = numbers(call(semantic, nothing, masks, said=said), said)
        slips = {
            "a mask is its own yes or no at each pixel, with a sigmoid; masks do not compete in a softmax": close(
                found, torch.einsum("qc,qhw->chw", logits.softmax(1)[:, :-1], masks.softmax(0))
            ),
            "the masks are logits still: what makes them shares of 1?": close(
                found, torch.einsum("qc,qhw->chw", logits.softmax(1)[:, :-1], masks)
            ),
            "each query chooses among the classes; across the queries nothing is shared out": close(
                found, torch.einsum("qc,qhw->chw", logits.softmax(0)[:, :-1], masks.sigmoid())
            ),
            "take the sum over the queries, not their mean": close(found * queries, right),
            "a query that says 'no object' must add nothing: it loses its share in the softmax, not before": not close(
                empty, 0, atol=1e-3
            ),
        }
        hint = next(
            (text for text, holds in slips.items() if holds), "add up by hand what each query says of one pixel"
        )
        raise Wrong(f"{said} is not the sum of class chance times mask: {hint}")
    return "every query says what and where, and the order of the queries does not matter"


@checker
def papers_shuffle(as_shuffle: Callable) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cases = [(nn.ConvTranspose2d(i, o, f, f), f) for i, o, f in ((6, 4, 2), (3, 5, 3), (2, 1, 4))]
        x = torch.randn(2, 6, 5, 4)
    for layer, factor in cases:
        inputs, outputs = layer.weight.shape[:2]
        said = f"as_shuffle, for {inputs} channels in, {outputs} out and factor {factor},"
        result = call(as_shuffle, layer, said=said)
        pair = isinstance(result, tuple | list) and len(result) == 2
        require(pair, f"{said} returns {short(result)}; a weight and a bias are asked for")
        weight, bias = (torch.from_numpy(numbers(part, "a parameter")).float() for part in result)
        wanted = (outputs * factor**2, inputs, 1, 1)
        require(
            weight.shape == wanted and bias.shape == wanted[:1],
            f"{said} gives the shapes {tuple(weight.shape)} and {tuple(bias.shape)}; pixel_shuffle makes {outputs} "
            f"channels out of {wanted[0]}, so {wanted} and {wanted[:1]} are needed",
        )
        with torch.no_grad():
            right = layer(x[:, :inputs])
            plain = F.pixel_shuffle(F.conv2d(x[:, :inputs], weight), factor)
        made = plain + F.pixel_shuffle(bias[None, :, None, None].expand(-1, -1, *x.shape[-2:]), factor)
        if close(made, right.numpy()):
            continue
        no_bias = right - layer.bias[:, None, None]
        if close(plain, no_bias.detach().numpy()):
            raise Wrong(f"{said} is right but for the bias: each output channel has one, and all its phases share it")
        turned = plain.unflatten(-1, (-1, factor)).unflatten(-3, (-1, factor)).transpose(-3, -1).flatten(-2)
        turned = turned.flatten(-3, -2)
        hint = "pixel_shuffle counts the channels by output, then row, then column"
        if close(turned, no_bias.detach().numpy()):
            hint = "rows and columns of the taps are exchanged"
        raise Wrong(f"{said} is another layer: {hint}")
    return "a transposed convolution whose stamps do not overlap is a 1x1 convolution, spread out"
