"""Answers to chapter 10: right ones in several forms; wrong ones, each with a part of what is said to them."""

import numpy as np
import torch


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


def field(logits, image, weight, alpha=4, beta=0.05, steps=5, slip=""):
    axes = [torch.arange(float(n)) for n in image.shape[-2:]]
    position = torch.stack(torch.meshgrid(*axes, indexing="ij"))
    points = torch.cat([position / alpha, image / beta]).flatten(1).T
    kernel = (-(torch.cdist(points, points) ** 2) / (1 if slip == "twice" else 2)).exp()
    if slip != "itself":
        kernel = kernel * (1 - torch.eye(len(points)))
    if slip == "mean":
        kernel = kernel / kernel.sum(1)[:, None]
    z = logits.flatten(1)
    refined = z
    for _ in range(steps):
        q = refined if slip == "logits" else refined.softmax(1 if slip == "pixels" else 0)
        refined = (refined if slip == "feeds" else z) + weight * q @ kernel
    return (refined.softmax(0) if slip == "probabilities" else refined).reshape(logits.shape)


def slipping(slip):
    return lambda *arguments: field(*arguments, slip=slip)


def field_by_loops(logits, image, weight, alpha=4, beta=0.05, steps=5):
    z, colour = logits.double().numpy(), image.double().numpy()
    classes, height, width = z.shape
    refined = z.copy()
    for _ in range(steps):
        q = np.exp(refined) / np.exp(refined).sum(0)
        new = z.copy()
        for i in range(height):
            for j in range(width):
                rows, columns = np.mgrid[:height, :width]
                near = (rows - i) ** 2 + (columns - j) ** 2
                alike = ((colour - colour[:, i : i + 1, j : j + 1]) ** 2).sum(0)
                k = np.exp(-near / (2 * alpha**2) - alike / (2 * beta**2))
                k[i, j] = 0
                new[:, i, j] += weight * (q * k).sum((1, 2))
        refined = new
    return refined - np.log(np.exp(refined).sum(0))  # logarithms of probabilities are logits too


def field_in_place(logits, image, weight, alpha=4, beta=0.05, steps=5):
    logits += 1
    return logits


HEADS = (93_045, 297_173)
RIGHT = [
    ("aspp_crop", (AT_513, AT_321, 577)),
    ("aspp_crop", ((7.0, 5.2, 3.6), np.round(AT_321, 1), torch.tensor(577))),
    ("aspp_rates", ((8, 15, 22),)),
    ("aspp_rates", (torch.tensor([7, 15, 23]),)),
    ("aspp_order", (roll,)),
    ("aspp_order", (repair_afterwards,)),
    ("aspp_order", (by_numpy,)),
    ("aspp_batch", ({n: (n - 1) ** 0.5 for n in (2, 3, 16)},)),
    ("aspp_batch", ({2: 1, 3: torch.tensor(1.414), 16: np.float32(3.873)},)),
    ("aspp_grid", ((1, 4, 8), (2, 4, 8), (1, 2, 4))),
    ("aspp_grid", ([1, 4, 8], torch.tensor([2, 4, 8]), np.array([1, 2, 4]))),
    ("aspp_fair", (*HEADS, "stem", "rates 1, 1, 1")),
    ("aspp_fair", (*map(torch.tensor, HEADS), "the first conv (7x7 or three 3x3)", "1,1,1")),
    ("aspp_larger", (0.491, 0.533, 0.660)),
    ("aspp_larger", (torch.tensor(0.47), np.float64(0.52), 0.65)),
    ("aspp_crf", (field, 0.690, 0.712, 0.708)),
    ("aspp_crf", (field_by_loops, torch.tensor(0.68), 0.70, 0.67)),
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
    ("aspp_order", (as_found,), "as it was"),
    ("aspp_order", (lambda state, network: roll(state, network, by=1),), "from pooling last"),
    ("aspp_order", (outputs,), "the outputs were moved"),
    ("aspp_order", (eight,), "hold that number"),
    ("aspp_order", (mirrored,), "belong to the pooled branch"),
    ("aspp_order", (in_place,), "work on a copy"),
    ("aspp_order", (four_branches,), "raised RuntimeError"),
    ("aspp_order", (lambda state, network: None,), "belong to the pooled branch"),
    ("aspp_order", (3,), "a function is asked for"),
    ("aspp_batch", ({n: 1 - 1 / n for n in (2, 3, 16)},), "divides by the deviation as well"),
    ("aspp_batch", ({n: (n - 1) / n**0.5 for n in (2, 3, 16)},), "not by N - 1"),
    ("aspp_batch", ({2: 1, 3: 3, 16: 16},), "by the variance"),
    ("aspp_batch", ({2: 1, 3: 1, 16: 1},), "try it"),
    ("aspp_batch", ({2: 1, 3: 2**0.5},), "2, 3 and 16"),
    ("aspp_batch", ([1, 2**0.5, 15**0.5],), "is a dict"),
    ("aspp_grid", ((2, 8, 16), (4, 8, 16), (1, 2, 4)), "at output stride 8"),
    ("aspp_grid", ((2, 4, 8), (2, 4, 8), (1, 2, 4)), "leaves the contraction out"),
    ("aspp_grid", ((1, 4, 8), (1, 4, 8), (1, 2, 4)), "with the contraction"),
    ("aspp_grid", ((1, 2, 4), (2, 4, 8), (1, 2, 4)), "multiplied by the stage's rate"),
    ("aspp_grid", ((1, 4, 8), (2, 4, 8), (2, 2, 2)), "nothing of the stage's own"),
    ("aspp_grid", ((1, 4, 8), (2, 2, 2), (1, 2, 4)), "what is the stage's rate"),
    ("aspp_fair", (HEADS[1], HEADS[0], "stem", "rates 1, 1, 1"), "kernels, biases"),
    ("aspp_fair", (402_501, 606_629, "stem", "rates 1, 1, 1"), "kernels, biases"),
    ("aspp_fair", (HEADS[0], 606_629, "stem", "rates 1, 1, 1"), "the whole network"),
    ("aspp_fair", (*HEADS, "the dropout", "rates 1, 1, 1"), "from its first layer on"),
    ("aspp_fair", (*HEADS, "stem", "rates 12, 24, 36"), "read padding"),
    ("aspp_fair", (*HEADS, "stem", "no image pooling"), "fewer weights"),
    ("aspp_fair", (*HEADS, "stem", "output stride 16, rates 2, 4, 6"), "another map"),
    ("aspp_fair", (*HEADS, "stem", "dilated FCN with the same stem (7x7)"), "other layers"),
    ("aspp_fair", (*HEADS, "...", "..."), "from its first layer on"),
    ("aspp_fair", (*HEADS, 7, "rates 1, 1, 1"), "words in quotes"),
    ("aspp_larger", (0.491, 0.491, 0.660), "what the layers read"),
    ("aspp_larger", (0.696, 0.66, 0.660), "no loss"),
    ("aspp_larger", (0.533, 0.491, 0.660), "exchanged"),
    ("aspp_larger", (0.041, 0.045, 0.040), "resized to the labels"),
    ("aspp_larger", (0.491, 0.533, 0.696), "put back"),
    ("aspp_larger", (49.1, 53.3, 66.0), "between 0 and 1"),
    ("aspp_crf", (slipping("itself"), 0.690, 0.712, 0.708), "listens to itself"),
    ("aspp_crf", (slipping("feeds"), 0.690, 0.712, 0.708), "z stays"),
    ("aspp_crf", (slipping("pixels"), 0.690, 0.712, 0.708), "not over the pixels"),
    ("aspp_crf", (slipping("logits"), 0.690, 0.712, 0.708), "these are logits"),
    ("aspp_crf", (slipping("mean"), 0.690, 0.712, 0.708), "divided by their sum"),
    ("aspp_crf", (slipping("twice"), 0.690, 0.712, 0.708), "the 2 is missing"),
    ("aspp_crf", (slipping("probabilities"), 0.690, 0.712, 0.708), "softmax comes last"),
    ("aspp_crf", (lambda logits, *_: logits, 0.690, 0.712, 0.708), "every pair count"),
    ("aspp_crf", (field_in_place, 0.690, 0.712, 0.708), "changed its input"),
    ("aspp_crf", (field, 0.690, 0.690, 0.690), "does weight reach"),
    ("aspp_crf", (field, 0.690, 0.600, 0.61), "not normalised"),
    ("aspp_crf", (field, 0.690, 0.700, 0.74), "exchanged"),
    ("aspp_crf", (field, 0.2, 0.22, 0.21), "every fourth scene"),
    ("aspp_crf", (field, 69.0, 71.2, 70.8), "between 0 and 1"),
]
