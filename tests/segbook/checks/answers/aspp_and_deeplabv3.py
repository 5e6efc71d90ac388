"""Answers to chapter 10: right ones in several forms; wrong ones, each with a part of what is said to them."""

import copy
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F


def valid(rates, n):
    return [(1 + 2 * max(0, 1 - rate / n)) ** 2 for rate in rates]


AT_513, AT_321 = valid((6, 12, 18), 33), valid((6, 12, 18), 21)


def roll(state, network, by=-1, dim=1):
    state = dict(state)
    weight = state["mix.0.0.weight"]
    state["mix.0.0.weight"] = weight.roll(by * weight.shape[0], dims=dim)
    network.load_state_dict(state)


def repair_afterwards(state, network):
    network.load_state_dict(state)
    weight = network.mix[0][0].weight
    pooled, *others = weight.data.chunk(5, 1)
    weight.data = torch.cat([*others, pooled], 1)


def by_numpy(state, network):
    state = {name: value.clone() for name, value in state.items()}
    weight = state["mix.0.0.weight"].numpy()
    width = len(weight)
    order = np.r_[width : 5 * width, :width]
    state["mix.0.0.weight"] = torch.from_numpy(weight[:, order])
    network.load_state_dict(state)


def as_found(state, network):
    network.load_state_dict(state)


def eight(state, network):
    state = dict(state)
    state["mix.0.0.weight"] = state["mix.0.0.weight"].roll(-8, dims=1)
    network.load_state_dict(state)


def outputs(state, network):
    state = dict(state)
    state["mix.0.0.weight"] = state["mix.0.0.weight"].roll(1, dims=0)
    network.load_state_dict(state)


def mirrored(state, network):
    state = dict(state)
    state["mix.0.0.weight"] = state["mix.0.0.weight"].flip(1)
    network.load_state_dict(state)


def in_place(state, network):
    state["mix.0.0.weight"] = state["mix.0.0.weight"].roll(-len(state["mix.0.0.weight"]), dims=1)
    network.load_state_dict(state)


def four_branches(state, network):
    state = dict(state)
    state["mix.0.0.weight"] = state["mix.0.0.weight"][:, len(state["mix.0.0.weight"]) :]
    network.load_state_dict(state)


class Loader:
    """A function may be any callable."""

    def __call__(self, state, network):
        roll(state, network)


def training(state, network):
    roll(state, network)
    network.train()


def dilated_of(model):
    return [branch[0] for branch in model.classifier[0].convs[1:-1]]


def logits_at(model, image, factor, rates, back=True, mode="bilinear", padding=True, order=1, small=False, last=None):
    before = [(conv.dilation, conv.padding) for conv in dilated_of(model)]
    for conv, rate in zip(dilated_of(model), rates[::order]):
        conv.dilation = (rate, rate)
        conv.padding = (rate, rate) if padding else conv.padding
    large = image[None] if small else F.interpolate(image[None], scale_factor=factor, mode=mode)
    with torch.no_grad():
        logits = F.interpolate(model(large), image.shape[-2:], mode="bilinear")[0]
    if back:
        for conv, (dilation, was) in zip(dilated_of(model), before):
            conv.dilation, conv.padding = dilation, was
    return logits if last is None else last(logits)


def on_a_copy(model, image, factor, rates):
    model = copy.deepcopy(model)
    return logits_at(model, image, factor, rates, back=False)


def as_numpy(model, image, factor, rates):
    return logits_at(model, image, factor, rates).numpy().astype("float64")


def old_rates(model, image, factor, rates):
    return logits_at(model, image, factor, (2, 4, 6))


def not_back(model, image, factor, rates):
    return logits_at(model, image, factor, rates, back=False)


def trains(model, image, factor, rates):
    logits = logits_at(model, image, factor, rates)
    model.train()
    return logits


def learns(model, image, factor, rates):
    logits = logits_at(model, image, factor, rates)
    model.classifier[0].convs[0][0].weight.data += 1
    return logits


def on_image(model, image, factor, rates):
    image += 1
    return logits_at(model, image, factor, rates)


HEADS = (93_045, 297_173)
RIGHT = [
    ("aspp_crop", (AT_513, AT_321, 577)),
    ("aspp_crop", ((7.0, 5.2, 3.6), np.round(AT_321, 1), torch.tensor(577))),
    ("aspp_crop", (torch.tensor(AT_513), np.array(AT_321), 577.0)),
    ("aspp_crop", ([7.0, 5.21, 3.64], (5.88, 3.45, 1.65), np.int64(577))),
    ("aspp_rates", ((8, 15, 22),)),
    ("aspp_rates", (torch.tensor([7, 15, 23]),)),
    ("aspp_rates", (np.array([8.0, 15.0, 23.0]),)),
    ("aspp_rates", ([7, 15, 22],)),
    ("aspp_order", (roll,)),
    ("aspp_order", (repair_afterwards,)),
    ("aspp_order", (by_numpy,)),
    ("aspp_order", (Loader(),)),
    ("aspp_order", (partial(roll, by=-1),)),
    ("aspp_batch", ({n: (n - 1) ** 0.5 for n in (2, 3, 16)},)),
    ("aspp_batch", ({2: 1, 3: torch.tensor(1.414), 16: np.float32(3.873)},)),
    ("aspp_batch", ({16: 15**0.5, 3: [2**0.5], 2: 0.9999},)),
    ("aspp_batch", ({2: torch.ones(1, 1), 3: 1.41, 16: 3.87},)),
    ("aspp_comparison", (HEADS, (3, 7), (1, 1, 1))),
    ("aspp_comparison", (torch.tensor(HEADS), np.array([3, 7]), [1, 1, 1])),
    ("aspp_comparison", (list(HEADS), [3.0, 7.0], torch.ones(3))),
    ("aspp_comparison", (np.array(HEADS), (3, 7), np.ones(3, dtype=int))),
    ("aspp_logits_at", (logits_at,)),
    ("aspp_logits_at", (on_a_copy,)),
    ("aspp_logits_at", (as_numpy,)),
    ("aspp_logits_at", (partial(logits_at, mode="bilinear"),)),
]
WRONG = [
    ("aspp_crop", (valid((12, 24, 36), 33), AT_321, 577), "output stride 8"),
    ("aspp_crop", (valid((6, 12, 18), 32), AT_321, 577), "rounded down"),
    ("aspp_crop", (AT_513, np.sqrt(AT_321), 577), "along one axis"),
    ("aspp_crop", (valid((6, 12, 18), 513), AT_321, 577), "not pixels"),
    ("aspp_crop", (AT_513, valid((6, 12, 18), 41), 577), "a map at stride 8"),
    ("aspp_crop", (AT_513, AT_321, 592), "so is one less"),
    ("aspp_crop", (AT_513, AT_321, 576), "36 cells"),
    ("aspp_crop", (AT_513, AT_321, 37), "not cells"),
    ("aspp_crop", (AT_513, AT_321, 289), "two arms"),
    ("aspp_rates", ((2, 4, 6),), "smaller share"),
    ("aspp_rates", ((12, 24, 36),), "65 cells"),
    ("aspp_rates", ((8, 15, 30),), "too large for this map"),
    ("aspp_rates", ((8, 12, 22),), "too small for this map"),
    ("aspp_rates", ((7.5, 15, 22.5),), "whole numbers"),
    ("aspp_rates", ((8, 15),), "is needed"),
    ("aspp_rates", ((0, 15, 22),), "from 1 up"),
    ("aspp_rates", ((45, 15, 22),), "too large for this map"),
    ("aspp_rates", (("8", "15", "twenty"),), "holds numbers"),
    ("aspp_order", (as_found,), "as it was"),
    ("aspp_order", (lambda state, network: roll(state, network, by=1),), "from pooling last"),
    ("aspp_order", (outputs,), "the outputs were moved"),
    ("aspp_order", (eight,), "hold that number"),
    ("aspp_order", (mirrored,), "belong to the pooled branch"),
    ("aspp_order", (in_place,), "work on a copy"),
    ("aspp_order", (four_branches,), "raised RuntimeError"),
    ("aspp_order", (lambda state, network: None,), "belong to the pooled branch"),
    ("aspp_order", (3,), "a function is asked for"),
    ("aspp_order", (training,), "into training mode"),
    ("aspp_batch", ({n: 1 - 1 / n for n in (2, 3, 16)},), "divides by the deviation as well"),
    ("aspp_batch", ({n: (n - 1) / n**0.5 for n in (2, 3, 16)},), "not by N - 1"),
    ("aspp_batch", ({2: 1, 3: 3, 16: 16},), "by the variance"),
    ("aspp_batch", ({2: 1, 3: 1, 16: 1},), "try it"),
    ("aspp_batch", ({2: 1, 3: 2**0.5},), "2, 3 and 16"),
    ("aspp_batch", ([1, 2**0.5, 15**0.5],), "is a dict"),
    ("aspp_batch", ({2: 1, 3: 2**0.5, 16: "root of 15"},), "is a number"),
    ("aspp_batch", ({2: 1, 3: 2**0.5, 16: float("inf")},), "divided by zero"),
    ("aspp_comparison", (HEADS[::-1], (3, 7), (1, 1, 1)), "head_weights are exchanged"),
    ("aspp_comparison", ((402_125, 606_629), (3, 7), (1, 1, 1)), "whole networks"),
    ("aspp_comparison", ((93_045, 297_000), (3, 7), (1, 1, 1)), "batch norms"),
    ("aspp_comparison", (HEADS, (7, 3), (1, 1, 1)), "first_kernels are exchanged"),
    ("aspp_comparison", (HEADS, (7, 7), (1, 1, 1)), "not the first kernels"),
    ("aspp_comparison", (HEADS, (3, 7), (2, 4, 6)), "first row's own"),
    ("aspp_comparison", (HEADS, (3, 7), (12, 24, 36)), "read padding"),
    ("aspp_comparison", (HEADS, (3, 7), (1, 2, 4)), "not in the table"),
    ("aspp_comparison", (HEADS, ("stem", "stem"), (1, 1, 1)), "holds numbers"),
    ("aspp_comparison", (HEADS[0], (3, 7), (1, 1, 1)), "is needed"),
    ("aspp_logits_at", (old_rates,), "those of training"),
    ("aspp_logits_at", (not_back,), "put back"),
    ("aspp_logits_at", (trains,), "training mode"),
    ("aspp_logits_at", (learns,), "weights or statistics"),
    ("aspp_logits_at", (on_image,), "changed its input"),
    ("aspp_logits_at", (partial(logits_at, small=True),), "at its old size"),
    ("aspp_logits_at", (partial(logits_at, mode="nearest"),), "nearest pixel"),
    ("aspp_logits_at", (partial(logits_at, order=-1),), "another order"),
    ("aspp_logits_at", (partial(logits_at, padding=False),), "raised RuntimeError"),
    ("aspp_logits_at", (partial(logits_at, last=lambda z: z.softmax(0)),), "softmax comes last"),
    ("aspp_logits_at", (partial(logits_at, last=lambda z: z[None]),), "has the shape"),
    ("aspp_logits_at", (lambda *_: None,), "returned None"),
    ("aspp_logits_at", (3,), "a function is asked for"),
]
