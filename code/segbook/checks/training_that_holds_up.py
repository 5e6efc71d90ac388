"""Chapter 8, Training that holds up."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from math import isclose
from typing import Any

import torch
from torch import Tensor, nn

from segbook import QUICK, losses
from segbook.checks.core import call, checker, own_numbers, require
from segbook.checks.values import Wrong, number, short
from segbook.train.schedule import poly

__all__ = [
    "clip_angles",
    "faults_found_by_heart",
    "forgotten_optimizer",
    "paired_bootstrap",
    "rate_at_step_300",
    "train_keeping_best",
    "weighted_halves",
]


def yes_or_no(value: Any, name: str) -> bool:
    """A bool from True, False, 0, 1 or an array or tensor of one of them."""
    value = value.item() if hasattr(value, "item") else value
    require(isinstance(value, bool | int | float) and value in (0, 1), f"{name} is True or False, not {short(value)}")
    return bool(value)


@checker
def faults_found_by_heart(finds_shuffled: bool, finds_shifted: bool, finds_stranger: bool) -> str:
    shuffled, shifted, stranger = (
        yes_or_no(value, name)
        for value, name in zip(
            (finds_shuffled, finds_shifted, finds_stranger), ("finds_shuffled", "finds_shifted", "finds_stranger")
        )
    )
    require(
        not (shuffled and shifted and not stranger),
        "all three are turned round: the test *finds* a fault if the loss does not come down",
    )
    require(
        stranger,
        "finds_stranger: which weights does `optimizer.step()` change, and which ones does the loss come from? Print "
        "the loss after 80 steps",
    )
    require(
        not shuffled,
        "finds_shuffled: print the last loss of `learn_by_heart(labels.roll(1, 0))` beside that of the right labels. "
        "Does a network need labels that make sense, to know eight of them by heart?",
    )
    require(
        not shifted,
        "finds_shifted: a class is a number to the loss, and all 21 outputs start alike. Print the last loss",
    )
    return "the test finds faults in the wiring, and none in the labels"


@checker
def rate_at_step_300(rate_backbone: float, rate_head: float) -> str:
    backbone, head = number(rate_backbone, "rate_backbone"), number(rate_head, "rate_head")
    right = 0.01 * (301 / 600) ** 0.9  # 299 steps are done, and the warm-up is over
    require(not (isclose(head, right, rel_tol=2e-3) and backbone > head), "the two are exchanged")
    slips = (
        (0.01 * poly(300, 600), "step number 300 comes after 299 steps, and `poly` counts those that are done"),
        (0.01 * poly(298, 600), "before step number 1 no step is done, and before step number 300?"),
        (0.01 * poly(239, 540), "poly runs from the first step on, the warm-up only multiplies it"),
        (0.01 * poly(240, 540), "poly runs from the first step on, the warm-up only multiplies it"),
        (right / 2, "the warm-up is over after 60 steps, and from then on its factor is 1"),
        (0.01 * (1 - 299 / 600), "that is a straight line; which power is meant?"),
        (0.01 * (1 - (299 / 600) ** 0.9), "the power belongs to what is left, 1 - i/N, and not to i/N"),
        (100 * right, "that is the factor, and it multiplies the learning rate"),
        (0.01, "that is where the warm-up alone leads; poly has fallen meanwhile"),
    )
    near = isclose(backbone, right, rel_tol=1.5e-3)
    for slip, why in slips:
        require(near or not isclose(backbone, slip, rel_tol=1e-3), f"{backbone:g} for the backbone: {why}")
    require(
        near,
        f"{backbone:g} is not the backbone's rate: "
        + ("close, give one digit more" if isclose(backbone, right, rel_tol=0.01) else "lr times poly times warm-up"),
    )
    require(not isclose(head, backbone, rel_tol=1e-3), "head_lr=10 makes the head's rate another one")
    require(
        not isclose(head, 10, rel_tol=1e-3) and not isclose(head, 0.1, rel_tol=1e-3),
        f"{head:g} for the head: head_lr is a factor on the rate of every step, it stops no schedule",
    )
    require(isclose(head, 10 * backbone, rel_tol=2e-3), f"{head:g} for the head is not what head_lr makes of the rate")
    return "lr x poly x warm-up, with the steps counted that are done"


class Walk:
    """A network whose weight and running mean are the number of its step, and the scores of those steps."""

    def __init__(self, scores: Sequence[float]):
        self.scores = scores
        self.steps = 0
        self.model = nn.BatchNorm1d(1)
        nn.init.zeros_(self.model.weight)

    def step(self, model: nn.Module) -> None:
        self.steps += 1
        model.weight.data += 1
        model.running_mean += 1

    def score(self, model: nn.Module) -> float:
        at = round(model.weight.item())
        return self.scores[at - 1] if at else -1.0


@checker
def train_keeping_best(train_keeping_best: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    walks = [[0.9, 0.7, 0.5, 0.3], [0.2, 0.4, 0.3], [0.1, 0.2, 0.3], [0.0, 0.0], [0.4], [0.3, 0.8, 0.8, 0.1]]
    walks += [torch.rand(7, generator=generator).tolist() for _ in range(6)]
    for scores in walks:
        walk = Walk(scores)
        said = f"train_keeping_best over scores {', '.join(f'{s:.2g}' for s in scores)}"
        rounds = len(scores)
        try:
            best = call(partial(train_keeping_best, walk.model, walk.step, walk.score, rounds), said=said)
        except Wrong as wrong:
            if walk.steps > rounds:
                raise Wrong(f"{said} takes more than {rounds} steps") from wrong
            raise
        best = number(best, f"what {said} returns")
        require(walk.steps == rounds, f"{said} takes {walk.steps} steps, and {rounds} rounds are asked for")
        require(
            isclose(best, max(scores), abs_tol=1e-6), f"{said} returns {best:.2g}, and that is not the highest of them"
        )
        weight, statistic = round(walk.model.weight.item()), round(walk.model.running_mean.item())
        hint = ""
        if weight == rounds:
            hint = ", those of the last round. What do the tensors in `state_dict()` do when the next step is taken?"
        require(
            1 <= weight <= rounds and scores[weight - 1] == max(scores),
            f"{said} returns {best:.2g} and leaves the weights of round {weight}{hint}",
        )
        require(
            statistic == weight,
            f"{said} leaves the weights of round {weight} and the running mean of round {statistic}: a network is more "
            "than its parameters",
        )
    return "the score that is returned is that of the weights that are left, wherever the best round was"


@checker
def forgotten_optimizer(relative_distance: float) -> str:
    distance = number(relative_distance, "relative_distance")
    require(distance >= 0, "a length is not negative")
    require(
        distance > 1e-6,
        "the two ended at the same weights: was the network copied before it went on, and did the second optimizer "
        "hold the *copy's* weights?",
    )
    require(distance < 5, f"{distance:.3g} times its own length? Divide by the length of the weights")
    require(
        distance > 0.2,
        f"{distance:.3f} is closer than a new AdamW of rate 0.01 comes: did *both* go on for 20 steps from the same "
        "weights, the new one with the same rate?",
    )
    require(distance < 0.8, f"{distance:.3f} is further than 20 steps of rate 0.01 lead: is it the same batch?")
    return f"{distance:.2f} of the weights' length after 20 steps: another run under the old name"


@checker
def paired_bootstrap(difference: float, error_paired: float, error_separate: float) -> str:
    difference = number(difference, "difference")
    paired, separate = number(error_paired, "error_paired"), number(error_separate, "error_separate")
    require(paired >= 0 and separate >= 0, "a standard error is not negative")
    require(
        max(abs(difference), paired, separate) < 1,
        "a mean IoU lies between 0 and 1, and so do differences and their errors: no per cent",
    )
    require(
        difference != 0 or QUICK,
        "no difference at all: were the *images* mirrored that were scored the second time?",
    )
    require(
        QUICK or abs(difference) < 0.1,
        f"a difference of {difference:+.3f} is too large for a mirror: were labels and images mirrored together?",
    )
    require(
        separate > 0 and (QUICK or paired > 0),
        "an error of 0: is every one of the thousand sets drawn anew, with repetition?",
    )
    require(paired != separate, "both errors are the same: draw scenes for each of the two by itself")
    require(QUICK or paired < separate, "drawn together, what is difficult for both cancels: are the two exchanged?")
    require(
        QUICK or separate > 0.007,
        f"an error of {separate:.4f} drawn separately is too small for 100 scenes: the spread of the thousand scores "
        "*is* the standard error, and is divided by nothing",
    )
    require(
        QUICK or separate < 0.08,
        f"an error of {separate:.3f} drawn separately is too large: is each draw 100 scenes, summed before the score?",
    )
    require(
        QUICK or paired < 0.8 * separate,
        f"drawing together leaves {paired / separate:.0%} of the error: were exactly the same scenes taken for both?",
    )
    require(QUICK or paired > 0.001, f"a paired error of {paired:.5f} is too small for 100 scenes")
    return f"beside {difference:+.3f} an error of {separate:.3f} drawn apart and one of {paired:.3f} drawn together"


@checker
@own_numbers(
    "the gradient ({a}, {b})",
    {"a": 3, "b": 0.3},
    {"a": 4, "b": 0.4},
    {"a": 2, "b": 0.5},
    {"a": 5, "b": 0.25},
    {"a": 2.5, "b": 0.2},
    {"a": 4, "b": 0.6},
)
def clip_angles(degrees_norm: float, degrees_value: float, a: float, b: float) -> str:
    by_norm, by_value = number(degrees_norm, "degrees_norm"), abs(number(degrees_value, "degrees_value"))
    turned, before = [], math.degrees(math.atan2(b, a))
    for clip in (nn.utils.clip_grad_norm_, nn.utils.clip_grad_value_):
        weight = nn.Parameter(torch.zeros(2))
        weight.grad = torch.tensor([float(a), b])
        clip([weight], 1.0)
        turned.append(math.degrees(math.atan2(weight.grad[1], weight.grad[0])) - before)
    right = turned[1]
    require(not (by_norm > 1 and by_value < 0.1), "the two are exchanged")
    require(
        abs(by_norm) < 0.1, f"{by_norm:g} degrees: a vector that is divided by its length, where does it point after?"
    )
    slips = (
        (math.radians(right), "that is the angle in radians"),
        (math.cos(math.radians(right)), "that is the cosine of the angle"),
        (right + before, "that is where it points after; how far is it from before?"),
        (before, "that is where the gradient points before"),
        (45 - before, "only what is above the limit becomes the limit"),
        (0, "each component is limited by itself, and one of the two stays as it is"),
    )
    for slip, why in slips:
        require(not isclose(by_value, slip, abs_tol=5e-3 if slip < 2 else 0.1), f"{by_value:g}: {why}")
    require(abs(by_value - right) < 0.1, f"{by_value:g} degrees is not the angle between before and after")
    return "the norm keeps the direction, the value bends it towards the diagonal"


@checker
def weighted_halves(weighted_halves: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 21, 1)).eval()
    weights = list(model.parameters())
    images = torch.randn(8, 3, 12, 10, generator=generator)
    full = torch.randint(0, 21, (8, 12, 10), generator=generator)
    without_rows, scattered, half_void = full.clone(), full.clone(), full.clone()
    without_rows[:4, :8] = 255
    scattered[torch.rand(full.shape, generator=generator) < torch.linspace(0, 0.9, 8)[:, None, None]] = 255
    half_void[4:] = 255
    cases = {
        "no void": full,
        "void in two thirds of the first half": without_rows,
        "more void in each further image": scattered,
        "nothing but void in the second half": half_void,
    }
    for case, labels in cases.items():
        said = f"weighted_halves of labels with {case}"
        found = call(lambda x, y: weighted_halves(model, x, y), images, labels, said=said)
        require(isinstance(found, list | tuple | Tensor), f"{said} returns {short(found)}, no pair of losses")
        require(not isinstance(found, Tensor) or found.shape == (2,), f"{said} returns one tensor, not two losses")
        require(len(found) == 2, f"{said} returns {len(found)} losses, and there are two halves")
        require(
            all(isinstance(part, Tensor) and part.numel() == 1 for part in found),
            f"{said}: a loss is a tensor of one number, this is {short(found[0])}",
        )
        mean = (found[0] + found[1]).sum() / 2
        require(mean.requires_grad, f"{said}: no gradient arrives at the weights; was a loss turned into a number?")
        wanted = slope(losses.cross_entropy(model(images), labels), weights)
        got = slope(mean, weights)
        require(
            got.isfinite().all(), f"{said}: the gradient is NaN. A mean over no pixel is 0/0, and 0 times NaN is NaN"
        )
        ratio = ((got @ wanted) / (wanted @ wanted)).item()
        off = ((got - wanted).norm() / wanted.norm()).item()
        hint = ", in another direction: what does each half's mean divide by, and the whole one?"
        if (got - ratio * wanted).norm() < 1e-3 * got.norm():
            hint = f": it is {ratio:.3g} times as long. The two gradients are *averaged*"
        require(off < 1e-3, f"{said}: the mean of the two gradients is {off:.0%} off{hint}")
    return "the gradient of the whole batch, wherever the void lies"


def slope(loss: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """The gradient over all weights, as one vector; zeros where none arrives."""
    parts = torch.autograd.grad(loss, weights, allow_unused=True)
    return torch.cat([(torch.zeros_like(w) if g is None else g).flatten() for w, g in zip(weights, parts)])
