"""Answers to chapter 8: right ones in several forms; wrong ones, each with a part of what is said to them."""

import copy
import io
import math
from functools import partial

import numpy as np
import torch


def copied(model, step, score, rounds):
    best, best_state = -1.0, None
    for _ in range(rounds):
        step(model)
        now = score(model)
        if now > best:
            best, best_state = now, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_state)
    return best


def through_a_file(model, step, score, rounds):
    best, file = -1.0, None
    for _ in range(rounds):
        step(model)
        if score(model) >= best:
            best, file = score(model), io.BytesIO()
            torch.save(model.state_dict(), file)
    file.seek(0)
    model.load_state_dict(torch.load(file, weights_only=True))
    return torch.tensor(best)


def keeping(state_of, start=-1.0, again=False, load=True):
    """The loop with another way to keep the weights."""

    def train_keeping_best(model, step, score, rounds):
        best, best_state = start, None
        for _ in range(rounds):
            step(model)
            if score(model) > best:
                best, best_state = score(model), state_of(model)
            if again:
                model.load_state_dict(best_state)
        if load:
            model.load_state_dict(best_state, strict=False)
        return best

    return train_keeping_best


def clones(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def last_score(model, step, score, rounds):
    copied(model, step, score, rounds)
    return score(model) if rounds < 3 else 0.0


def one_round_more(model, step, score, rounds):
    return copied(model, step, score, rounds + 1)


class Keeper:
    """A callable object that keeps the best weights."""

    def __call__(self, model, step, score, rounds):
        kept = []
        for _ in range(rounds):
            step(model)
            kept.append((score(model), {name: value.clone() for name, value in model.state_dict().items()}))
        best, state = max(kept, key=lambda one: one[0])
        model.load_state_dict(state)
        return np.float64(best)


def left_in_evaluation(model, step, score, rounds):
    best = copied(model, step, score, rounds)
    model.eval()
    return best


def halfway(model, step, score, rounds):
    best = copied(model, step, score, rounds)
    with torch.no_grad():
        next(model.parameters()).mul_(0.5)
    return best


def saving(take=copy.deepcopy, leave_out=(), **more):
    def save(model, optimizer, step):
        state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step, **more}
        return take({name: value for name, value in state.items() if name not in leave_out})

    return save


def restore(state, model, optimizer):
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def restore_weights(state, model, optimizer):
    model.load_state_dict(state["model"])
    return state["step"]


def restore_without_return(state, model, optimizer):
    restore(state, model, optimizer)


def restore_one_more(state, model, optimizer):
    return restore(state, model, optimizer) + 1


def in_bytes(model, optimizer, step):
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict()], file)
    return {"bytes": torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8), "step": torch.tensor(step)}


def from_bytes(state, model, optimizer):
    weights, averages = torch.load(io.BytesIO(state["bytes"].numpy().tobytes()), weights_only=True)
    model.load_state_dict(weights)
    optimizer.load_state_dict(averages)
    return state["step"]


def by_clones(model, optimizer, step):
    """Buffers and parameters by name, the optimizer's state by number."""
    return {
        "model": {name: value.detach().clone() for name, value in model.state_dict().items()},
        "optimizer": copy.deepcopy(optimizer.state_dict()),
        "step": step,
    }


def parameters_alone(model, optimizer, step):
    return by_clones(model, optimizer, step) | {"model": {n: p.detach().clone() for n, p in model.named_parameters()}}


def restore_what_is_there(state, model, optimizer):
    model.load_state_dict(state["model"], strict=False)
    optimizer.load_state_dict(state["optimizer"])
    return state["step"]


def whole_model(model, optimizer, step):
    return {"model": copy.deepcopy(model), "optimizer": copy.deepcopy(optimizer.state_dict()), "step": step}


def reset_while_saving(model, optimizer, step):
    state = by_clones(model, optimizer, step)
    optimizer.state.clear()
    return state


RANDOM = torch.Generator().manual_seed(5)
SCENES, CLASSES = 60, 6
TRUE = torch.randint(0, 400, (SCENES, CLASSES), generator=RANDOM)  # pixels of each class in each scene


def confusions(skill):
    """A confusion matrix a scene: most of a class's pixels right, the others anywhere."""
    table = torch.zeros(SCENES, CLASSES, CLASSES, dtype=torch.int64)
    for s in range(SCENES):
        for c in range(CLASSES):
            right = int(TRUE[s, c] * skill[s])
            table[s, c, c] += right
            elsewhere = torch.randint(0, CLASSES, (int(TRUE[s, c]) - right,), generator=RANDOM)
            table[s, c] += torch.bincount(elsewhere, minlength=CLASSES)
    return table


SKILL = torch.rand(SCENES, generator=RANDOM) ** 0.3  # a scene is difficult both ways
HERE = confusions(SKILL)
THERE = confusions((SKILL + 0.06 * torch.randn(SCENES, generator=RANDOM)).clamp(0, 0.98))


def miou(table):
    hits = table.diagonal(dim1=-2, dim2=-1).double()
    return (hits / (table.sum(-1) + table.sum(-2) - hits)).nanmean(-1)


def resampled(table, draws):
    return torch.stack([miou(table[d].sum(0)) for d in draws])


DRAWS, OTHERS = torch.randint(SCENES, (2, 3000, SCENES), generator=RANDOM)
DIFFERENCE = (miou(THERE.sum(0)) - miou(HERE.sum(0))).item()
PAIRED = (resampled(THERE, DRAWS) - resampled(HERE, DRAWS)).std().item()
SEPARATE = (resampled(THERE, OTHERS) - resampled(HERE, DRAWS)).std().item()
PER_IMAGE = (miou(THERE) - miou(HERE)).mean().item()

RATE = 0.01 * (301 / 600) ** 0.9
ANGLE = math.degrees(math.atan(0.3) - math.atan(0.1))
RIGHT = [
    ("faults_found_by_heart", (False, False, True)),
    ("faults_found_by_heart", (torch.tensor(False), 0, np.bool_(True))),
    ("rate_at_step_300", (RATE, 10 * RATE)),
    ("rate_at_step_300", (0.00537, torch.tensor(0.0537))),
    ("train_keeping_best", (copied,)),
    ("train_keeping_best", (through_a_file,)),
    ("train_keeping_best", (keeping(clones),)),
    ("faults_found_by_heart", ([False], np.array(0), 1)),
    ("faults_found_by_heart", (np.bool_(False), torch.tensor(0), torch.tensor(True))),
    ("rate_at_step_300", (torch.tensor([RATE]), np.float32(10 * RATE))),
    ("rate_at_step_300", (5.375e-3, [0.05375])),
    ("train_keeping_best", (Keeper(),)),
    ("train_keeping_best", (partial(copied),)),
    ("same_run", (saving(), restore)),
    ("same_run", (in_bytes, from_bytes)),
    ("same_run", (by_clones, restore_what_is_there)),
    ("same_run", (partial(saving(note="rates follow from the step")), partial(restore))),
    ("paired_errors", (HERE, THERE, DIFFERENCE, PAIRED, SEPARATE)),
    ("paired_errors", (HERE.numpy(), THERE.double(), -DIFFERENCE, np.float64(PAIRED), torch.tensor(SEPARATE))),
    ("paired_errors", (HERE, THERE, round(DIFFERENCE, 3), float(f"{PAIRED:.2g}"), float(f"{SEPARATE:.2g}"))),
    ("paired_errors", (HERE.tolist(), THERE.tolist(), DIFFERENCE, 1.03 * PAIRED, 0.97 * SEPARATE)),
    ("clip_angles", (0, ANGLE)),
    ("clip_angles", (0.0, np.float32(-ANGLE))),
    ("clip_angles", ([0], [11.0])),
    ("clip_angles", (torch.tensor(0.028), 11)),
]
WRONG = [
    ("faults_found_by_heart", (True, True, False), "turned round"),
    ("faults_found_by_heart", (False, False, False), "`optimizer.step()` change"),
    ("faults_found_by_heart", (True, False, True), "labels that make sense"),
    ("faults_found_by_heart", (False, True, True), "a number to the loss"),
    ("faults_found_by_heart", (True, True, True), "labels that make sense"),
    ("faults_found_by_heart", ("no", "no", "yes"), "True or False"),
    ("faults_found_by_heart", (2.08, 0.1, 3.0), "True or False"),
    ("rate_at_step_300", (0.01 * 0.5**0.9, 0.1 * 0.5**0.9), "comes after 299"),
    ("rate_at_step_300", (10 * RATE, RATE), "exchanged"),
    ("rate_at_step_300", (0.01 * (301 / 540) ** 0.9, 0.1 * (301 / 540) ** 0.9), "from the first step on"),
    ("rate_at_step_300", (RATE / 2, 5 * RATE), "over after 60 steps"),
    ("rate_at_step_300", (0.01 * 301 / 600, 0.1 * 301 / 600), "a straight line"),
    ("rate_at_step_300", (0.01 * (1 - (299 / 600) ** 0.9), 0.05), "to what is left"),
    ("rate_at_step_300", (100 * RATE, 1000 * RATE), "that is the factor"),
    ("rate_at_step_300", (0.01, 0.1), "poly has fallen"),
    ("rate_at_step_300", (0.0054, 0.054), "one digit more"),
    ("rate_at_step_300", (RATE, RATE), "another one"),
    ("rate_at_step_300", (RATE, 0.1), "stops no schedule"),
    ("rate_at_step_300", (RATE, RATE / 10), "what head_lr makes"),
    ("train_keeping_best", (keeping(lambda model: model.state_dict()),), "in `state_dict()` do when the next step"),
    ("train_keeping_best", (keeping(lambda model: dict(model.state_dict())),), "of the last round"),
    ("train_keeping_best", (keeping(lambda model: copy.copy(model.state_dict())),), "of the last round"),
    ("train_keeping_best", (keeping(clones, load=False),), "of the last round"),
    (
        "train_keeping_best",
        (keeping(lambda m: {n: p.clone() for n, p in m.named_parameters()}),),
        "more than its param",
    ),
    ("train_keeping_best", (keeping(clones, again=True),), "other weights than"),
    ("train_keeping_best", (keeping(clones, start=0.0),), "raised"),
    ("train_keeping_best", (last_score,), "not the highest"),
    ("train_keeping_best", (one_round_more,), "takes more than 4 steps"),
    ("train_keeping_best", (lambda model, step, score, rounds: None,), "is there a `return`"),
    ("faults_found_by_heart", (None, None, None), "True or False"),
    ("faults_found_by_heart", (False, True, False), "`optimizer.step()` change"),
    ("train_keeping_best", (left_in_evaluation,), "in evaluation mode"),
    ("train_keeping_best", (halfway,), "those of no round"),
    ("same_run", (saving(take=dict), restore), "while the training goes on"),
    ("same_run", (saving(take=copy.copy), restore), "while the training goes on"),
    ("same_run", (saving(), restore_weights), "from step to step"),
    ("same_run", (saving(leave_out=("optimizer",)), restore_weights), "from step to step"),
    ("same_run", (parameters_alone, restore_what_is_there), "is not what it was"),
    ("same_run", (saving(), restore_without_return), "is there a `return`"),
    ("same_run", (saving(), restore_one_more), "was saved after"),
    ("same_run", (whole_model, restore), "tensors and plain values"),
    ("same_run", (reset_while_saving, restore), "save_run changes the run"),
    ("same_run", (lambda model, optimizer, step: [model, step], restore), "a dictionary is asked for"),
    ("same_run", (saving(leave_out=("step",)), restore), "raised"),
    ("paired_errors", (HERE, HERE.clone(), 0.0, PAIRED, SEPARATE), "both tables are the same"),
    ("paired_errors", (HERE, THERE.flip(0), DIFFERENCE, PAIRED, SEPARATE), "the same order"),
    ("paired_errors", (HERE.sum(0), THERE.sum(0), DIFFERENCE, PAIRED, SEPARATE), "for each scene"),
    ("paired_errors", (HERE / 7, THERE / 7, DIFFERENCE, PAIRED, SEPARATE), "counts of pixels"),
    ("paired_errors", (HERE, THERE, DIFFERENCE, SEPARATE, PAIRED), "exchanged"),
    ("paired_errors", (HERE, THERE, DIFFERENCE, PAIRED / 1000**0.5, SEPARATE / 1000**0.5), "divided by nothing"),
    ("paired_errors", (HERE, THERE, 100 * DIFFERENCE, 100 * PAIRED, 100 * SEPARATE), "no per cent"),
    ("paired_errors", (HERE, THERE, PER_IMAGE + 0.01, PAIRED, SEPARATE), "does not belong to the tables"),
    ("paired_errors", (HERE, THERE, DIFFERENCE, SEPARATE, SEPARATE), "the same scenes drawn for both"),
    ("paired_errors", (HERE, THERE, DIFFERENCE, PAIRED, PAIRED), "for each by itself"),
    ("paired_errors", (HERE, THERE, DIFFERENCE, 0.0, SEPARATE), "drawn anew"),
    ("paired_errors", (HERE, THERE, DIFFERENCE, 1.4 * PAIRED, SEPARATE), "not what these tables give"),
    ("clip_angles", (ANGLE, 0), "exchanged"),
    ("clip_angles", (0, math.radians(ANGLE)), "in radians"),
    ("clip_angles", (0, math.cos(math.radians(ANGLE))), "the cosine"),
    ("clip_angles", (0, 16.7), "how far is it from before"),
    ("clip_angles", (0, 5.71), "points before"),
    ("clip_angles", (0, 39.29), "above the limit"),
    ("clip_angles", (0, 0), "limited by itself"),
    ("clip_angles", (5.71, ANGLE), "where does it point"),
    ("clip_angles", (0, 12.5), "between before and after"),
]
