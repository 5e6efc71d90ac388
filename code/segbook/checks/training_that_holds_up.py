"""Chapter 8, Training that holds up."""

import copy
import math
from collections.abc import Callable
from functools import partial
from math import isclose
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.states import Walk, differing, through_a_file
from segbook.checks.values import Wrong, number, numbers, short, whole
from segbook.train.schedule import poly

__all__ = [
    "clip_angles",
    "faults_found_by_heart",
    "paired_errors",
    "rate_at_step_300",
    "same_run",
    "train_keeping_best",
]


def yes_or_no(value: Any, name: str) -> bool:
    """A bool from True, False, 0, 1 or an array or tensor of one of them."""
    array = np.asarray(value.detach().cpu() if isinstance(value, Tensor) else value)
    value = array.item() if array.size == 1 else value
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


@checker
def train_keeping_best(train_keeping_best: Callable) -> str:
    random = generator()
    walks = [[0.9, 0.7, 0.5, 0.3], [0.2, 0.4, 0.3], [0.1, 0.2, 0.3], [0.0, 0.0], [0.4], [0.3, 0.8, 0.8, 0.1]]
    walks += [torch.rand(7, generator=random).tolist() for _ in range(6)]
    for scores in walks:
        walk = Walk(scores, random)
        said = f"train_keeping_best over scores {', '.join(f'{s:.3g}' for s in scores)}"
        rounds = len(scores)
        try:
            best = call(partial(train_keeping_best, walk.model, walk.step, walk.score, rounds), said=said)
        except Wrong as wrong:
            if len(walk.places) > rounds:
                raise Wrong(f"{said} takes more than {rounds} steps") from wrong
            raise
        best, steps = number(best, f"what {said} returns"), len(walk.places)
        require(steps == rounds, f"{said} takes {steps} steps, and {rounds} rounds are asked for")
        require(not walk.jumped, f"{said} takes a step from other weights than the step before has left")
        require(isclose(best, max(scores), abs_tol=1e-6), f"{said} returns {best:.6g}, not the highest of them")
        weights = [name for name, _ in walk.model.named_parameters()]
        at = walk.found(walk.model, weights)
        require(at, f"{said} leaves weights that were those of no round, or of several rounds mixed")
        hint = ""
        if at == rounds:
            hint = ", those of the last round. What do the tensors in `state_dict()` do when the next step is taken?"
        require(scores[at - 1] == max(scores), f"{said} leaves the weights of round {at}{hint}")
        whole_state = walk.found(walk.model, list(walk.model.state_dict()))
        require(
            whole_state == at,
            f"{said} leaves the weights of round {at}, and statistics of batch norm that are another round's: a "
            "network is more than its parameters",
        )
        require(walk.model.training, f"{said} leaves the network in evaluation mode")
    return "the score that is returned is that of the weights that are left, wherever the best round was"


def small_network(random: torch.Generator) -> nn.Module:
    """A network with weights, statistics and a counter, of random values."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1))
    for parameter in model.parameters():
        parameter.data.copy_(torch.randn(parameter.shape, generator=random))
    return model


def go_on(model: nn.Module, optimizer: torch.optim.Optimizer, first: int, last: int, data: Tensor) -> None:
    """Steps `first` to `last`, whose batches and rates follow from their numbers."""
    for step in range(first, last):
        for group in optimizer.param_groups:
            group["lr"] = 0.05 * poly(step, len(data))
        optimizer.zero_grad()
        (model(data[step]) - data[step][:, :2, 1:-1, 1:-1]).square().mean().backward()
        optimizer.step()


@checker
def same_run(save_run: Callable, restore_run: Callable) -> str:
    random = generator()
    adam = partial(torch.optim.AdamW, lr=0.05, weight_decay=0.01)
    momentum = partial(torch.optim.SGD, lr=0.05, momentum=0.9)
    for kind, cut in ((adam, 5), (momentum, 3), (adam, 9)):
        data = torch.randn(12, 2, 3, 6, 5, generator=random)
        model = small_network(random)
        optimizer = kind(model.parameters())
        go_on(model, optimizer, 0, cut, data)
        then = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
        state = call(partial(save_run, model, optimizer, cut), said="save_run")
        require(isinstance(state, dict), f"save_run returns {short(state)}, and a dictionary is asked for")
        changed = differing(then, (model.state_dict(), optimizer.state_dict()))
        require(not changed and model.training, "save_run changes the run that it saves")
        go_on(model, optimizer, cut, len(data), data)
        later = small_network(random)
        new = kind(later.parameters())
        step = call(partial(restore_run, through_a_file(state), later, new), said="restore_run")
        step = whole(step, "the step that restore_run returns")
        require(step == cut, f"restore_run returns step {step}, and the run was saved after {cut} steps")
        aliased = not differing(later.state_dict(), model.state_dict())
        require(
            not aliased,
            "the weights that come back are those of the end, not those from when the run was saved: what do the "
            "tensors in a `state_dict()` do while the training goes on?",
        )
        wrong = differing(then[0], later.state_dict())
        require(not wrong, f"after restore_run the network's {', '.join(wrong[:2])} is not what it was when saved")
        averages = differing(then[1]["state"], new.state_dict()["state"])
        require(
            not averages,
            "weights and statistics come back. Not all of the optimizer does as it was: what does it remember from "
            "step to step, and who changes that after `save_run`?",
        )
        go_on(later, new, step, len(data), data)
        require(
            not differing(model.state_dict(), later.state_dict()),
            "everything comes back, and the resumed run ends elsewhere: does a part of it still belong to the first?",
        )
    return "AdamW and SGD, cut at three places and resumed through a file: equal to the last bit"


def table_of_counts(counts: Any, what: str) -> Tensor:
    """Confusion matrices (scenes, C, C) as float64."""
    table = torch.as_tensor(numbers(counts, what))
    require(
        table.ndim == 3 and table.shape[1] == table.shape[2],
        f"{what} is a confusion matrix for each scene, (scenes, C, C); this is {tuple(table.shape)}",
    )
    require((table >= 0).all() and (table == table.round()).all(), f"{what} holds counts of pixels")
    return table


def mean_ious(counts: Tensor, times: Tensor) -> Tensor:
    """mIoU of the scenes, each taken so many times: (scenes, C, C) and (draws, scenes) -> (draws,)."""
    summed = torch.einsum("ds,sij->dij", times.double(), counts)
    hits = summed.diagonal(dim1=1, dim2=2)
    return (hits / (summed.sum(1) + summed.sum(2) - hits)).nanmean(1)


@checker
def paired_errors(
    counts: Tensor, counts_mirrored: Tensor, difference: float, error_paired: float, error_separate: float
) -> str:
    table, other = table_of_counts(counts, "counts"), table_of_counts(counts_mirrored, "counts_mirrored")
    require(table.shape == other.shape, f"the tables have the shapes {tuple(table.shape)} and {tuple(other.shape)}")
    require(not torch.equal(table, other), "both tables are the same: were the *images* mirrored for the second?")
    require(
        torch.equal(table.sum(2), other.sum(2)),
        "a mirror changes no scene's pixels of a class, and in the tables they differ: are these the same scenes, in "
        "the same order?",
    )
    asked = [number(v, n) for v, n in ((difference, "difference"), (error_paired, "error_paired"))]
    asked.append(number(error_separate, "error_separate"))
    n, random = len(table), generator()
    draws = torch.randint(n, (2, 4000, n), generator=random)
    times, apart = (torch.stack([torch.bincount(d, minlength=n) for d in one]) for one in draws)
    here, there = mean_ious(table, times), mean_ious(other, times)
    right = (mean_ious(other, torch.ones(1, n)) - mean_ious(table, torch.ones(1, n))).item()
    paired, separate = (there - here).std().item(), (mean_ious(other, apart) - here).std().item()

    def near(value: float, wanted: float) -> bool:
        return isclose(value, wanted, rel_tol=0.12)  # five standard errors of a spread over a thousand draws

    require(
        abs(asked[0]) < 1 and max(asked[1:]) < 1, "differences of scores between 0 and 1 are asked for, no per cent"
    )
    require(
        isclose(abs(asked[0]), abs(right), rel_tol=0.01, abs_tol=6e-4),
        f"a difference of {asked[0]:+.5f} does not belong to the tables: sum the counts over the scenes, then score",
    )
    require(min(asked[1:]) > 0, "an error of 0, or below: is each of the thousand sets drawn anew, with repetition?")
    exchanged = near(asked[1], separate) and near(asked[2], paired) and not near(paired, separate)
    require(not exchanged, "the two errors are exchanged: which one do scenes share that are difficult for both?")
    for value, wanted, name in ((asked[1], paired, "error_paired"), (asked[2], separate, "error_separate")):
        small = any(near(value * root, wanted) for root in (math.sqrt(1000), math.sqrt(n)))
        require(not small, f"{name}: the spread of the thousand scores *is* the standard error, divided by nothing")
        both = near(value, separate if wanted is paired else paired)
        hint = (
            ": were the same scenes drawn for both?" if wanted is paired else ": were scenes drawn for each by itself?"
        )
        require(near(value, wanted), f"{name} is not what these tables give{hint if both else ''}")
    return f"beside {right:+.3f} an error of {separate:.3f} drawn apart and one of {paired:.3f} drawn together"


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
