"""Optional page, Many GPUs and 16 bits."""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from segbook import losses
from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.values import short, whole

__all__ = ["loss_scale", "weighted_halves"]


@checker
@own_numbers(
    "gradients between {small:g} and {large:g}",
    {"small": 2e-9, "large": 0.04},
    {"small": 5e-10, "large": 0.3},
    {"small": 9e-9, "large": 1.5},
    {"small": 1e-10, "large": 0.02},
    {"small": 4e-9, "large": 6.0},
)
def loss_scale(smallest: int, largest: int, small: float, large: float) -> str:
    low, high = whole(smallest, "smallest"), whole(largest, "largest")

    def in_fp16(value: float, exponent: int) -> float:
        return torch.tensor(value * 2.0**exponent, dtype=torch.float64).half().item()

    usable = [e for e in range(-10, 60) if in_fp16(small, e) > 0 and in_fp16(large, e) < float("inf")]
    require(low <= high, "the two are exchanged")
    require(max(abs(low), abs(high)) < 200, "the exponents of two are asked for, not the factors")
    require(in_fp16(small, low) > 0, f"times 2 to the {low} the smallest gradient is still zero in fp16")
    require(in_fp16(large, high) < float("inf"), f"times 2 to the {high} the largest gradient overflows in fp16")
    require(
        low == usable[0],
        f"2 to the {low} will do, and so will something smaller: fp16 goes on below its smallest *normal* number, and "
        "rounds to the nearest",
    )
    require(high == usable[-1], f"2 to the {high} will do, and so will something larger")
    return "between these two, every gradient survives; fit starts high and halves where something overflows"


@checker
def weighted_halves(weighted_halves: Callable) -> str:
    random = generator()
    cases = (
        # images, height, width, share of void in the first half and in the second
        ("no void", 8, 12, 10, 0.0, 0.0),
        ("more void in the first half", 2, 9, 7, 0.8, 0.1),
        ("more void in the second half", 6, 5, 11, 0.0, 0.9),
        ("nothing but void in the second half", 4, 8, 8, 0.3, 1.0),
        ("nothing but void in the first half", 10, 4, 6, 1.0, 0.2),
    )
    for case, count, height, width, *shares in cases:
        classes = int(torch.randint(3, 22, (), generator=random))
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, classes, 1)).double().eval()
        weights = list(model.parameters())
        for weight in weights:
            weight.data.copy_(torch.randn(weight.shape, generator=random, dtype=torch.float64) / 4)
        images = torch.randn(count, height, width, 3, generator=random, dtype=torch.float64).movedim(-1, 1)
        labels = torch.randint(0, classes, (count, height, width), generator=random)
        chance = torch.rand(labels.shape, generator=random)
        for half, share in zip((slice(0, count // 2), slice(count // 2, count)), shares):
            labels[half][chance[half] < share] = 255
        said = f"weighted_halves of {count} images, {case},"
        before = {name: value.clone() for name, value in model.state_dict().items()}
        found = call(partial(weighted_halves, model), images, labels, said=said)
        require(isinstance(found, list | tuple | Tensor), f"{said} returns {short(found)}, no pair of losses")
        require(not isinstance(found, Tensor) or found.shape == (2,), f"{said} returns one tensor, not two losses")
        require(len(found) == 2, f"{said} returns {len(found)} losses, and there are two halves")
        require(
            all(isinstance(part, Tensor) and part.numel() == 1 for part in found),
            f"{said}: a loss is a tensor of one number, this is {short(found[0])}",
        )
        require(
            all(part.isfinite().all() for part in found),
            f"{said} returns {', '.join(f'{part.item():.3g}' for part in found)}. A mean over no pixel is 0/0, and 0 "
            "times NaN is NaN",
        )
        mean = (found[0] + found[1]).sum() / 2
        require(mean.requires_grad, f"{said}: no gradient arrives at the weights; was a loss turned into a number?")
        require(
            all(weight.grad is None for weight in weights) and not model.training,
            f"{said} leaves gradients in the network, or another mode: the losses alone are asked for",
        )
        require(all(torch.equal(before[n], v) for n, v in model.state_dict().items()), f"{said} changes the network")
        logits = model(images)
        wanted = slope(losses.cross_entropy(logits, labels), weights)
        got = slope(mean, weights)
        require(got.isfinite().all(), f"{said}: the gradient is NaN; was something of no pixel divided by zero?")
        ratio = ((got @ wanted) / (wanted @ wanted)).item()
        off = ((got - wanted).norm() / wanted.norm()).item()
        hint = ", in another direction: what does each half's mean divide by, and the whole one?"
        if (got - ratio * wanted).norm() < 1e-3 * got.norm():
            hint = f": it is {ratio:.3g} times as long. The two gradients are *averaged*"
        require(off < 1e-4, f"{said}: the mean of the two gradients is {off:.2%} off{hint}")
        apart = losses.cross_entropy(logits[: count // 2], labels[: count // 2])
        share = (labels[: count // 2] != 255).sum() / (labels != 255).sum()
        require(
            torch.allclose(found[0].detach().double().reshape(()), (2 * share * apart).detach(), rtol=1e-4, atol=1e-9),
            f"{said}: together they are right, and the first is not the first half's loss times a factor",
        )
    return "the gradient of the whole batch, wherever the void lies, whatever the size of the batch"


def slope(loss: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The gradient over all weights, as one vector; zeros where none arrives."""
    parts = torch.autograd.grad(loss, weights, allow_unused=True, retain_graph=True)
    return torch.cat([(torch.zeros_like(w) if g is None else g).flatten() for w, g in zip(weights, parts)])
