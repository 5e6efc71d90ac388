"""Answers to chapter 13: right ones in several forms; wrong ones, each with a part of what is said to them."""

import torch

from segbook.data.run_length import encode_runs


def right_runs(logits, threshold):
    return [encode_runs(mask) for mask in logits.sigmoid() > threshold]


def by_logit(logits, threshold):
    return tuple(encode_runs(z > torch.tensor(threshold).logit()) for z in logits)


class Samples:
    num_classes = 2
    ids = ["a", "b", "c"]

    def __init__(self, swap=False, classes=2, values=(0, 1)):
        self.num_classes, self.values, self.swap = classes, values, swap

    def __len__(self):
        return 3

    def __getitem__(self, index):
        label = torch.zeros(8, 8, dtype=torch.long)
        label[:2] = 1
        label = 1 - label if self.swap else label
        return torch.zeros(3, 8, 8), torch.tensor(self.values)[label]


class Fault:
    def __init__(self, message):
        self.message = message


PLANTED = Fault("masks/val/x.png: pixel (5, 6) has the colour (250, 121, 0), which no class has")
SHARES = [0.52, 0.2, 0.1, 0.03, 0.0]
RIGHT = [
    ("capstone_runs", ("1 1 3 2 6 1", "1 2 5 2")),
    ("capstone_runs", (" 1 1  3 2 6 1", "1 2 5 2\n")),
    ("capstone_bug", (right_runs,)),
    ("capstone_bug", (by_logit,)),
    ("capstone_folder", (Samples(), [PLANTED])),
    ("capstone_folder", (Samples(), (PLANTED.message,))),
    ("capstone_empty", (0.0, 0.1, 20, 0.01)),
    ("capstone_empty", (0, torch.tensor(12 / 120), 0, 0.0)),
    ("capstone_peek", (0.09, 0.005)),
    ("capstone_peek", (torch.tensor(0.06), -0.01)),
    ("capstone_alarms", (SHARES,)),
    ("capstone_alarms", (torch.tensor(SHARES),)),
    ("capstone_turns", (0.851, 0.842)),
    ("capstone_turns", (torch.tensor(0.849), 0.842)),
]
WRONG = [
    ("capstone_runs", ("1 2 5 2", "1 1 3 2 6 1"), "exchanged"),
    ("capstone_runs", ("0 1 2 2 5 1", "1 2 5 2"), "counted from 1"),
    ("capstone_runs", ("1 1 3 4 6 6", "1 2 5 2"), "not an end"),
    ("capstone_runs", ("1 1 3", "1 2 5 2"), "pairs of whole numbers"),
    ("capstone_runs", ([1, 1, 3, 2, 6, 1], "1 2 5 2"), "a text of numbers"),
    ("capstone_runs", ("1 1 3 2 5 1", "1 2 5 2"), "another mask"),
    ("capstone_bug", (lambda z, t: [encode_runs(m.T) for m in z > t],), "is a probability of 0.62"),
    ("capstone_bug", (lambda z, t: [encode_runs(m.T) for m in z.sigmoid() > t],), "Who puts the pixels"),
    ("capstone_bug", (lambda z, t: [encode_runs(m) for m in z > t],), "A logit of 0.5"),
    ("capstone_bug", (lambda z, t: [encode_runs(m) for m in z > 0],), "wrong in"),
    ("capstone_bug", (lambda z, t: encode_runs(z[0] > 0),), "a list of 2 texts"),
    ("capstone_bug", (lambda z, t: ["1 99999"] * len(z),), "cannot be read back"),
    ("capstone_folder", (Samples(swap=True), [PLANTED]), "exchanged in classes.txt"),
    ("capstone_folder", (Samples(classes=3), [PLANTED]), "one line of classes.txt"),
    ("capstone_folder", (Samples(values=(0, 255)), [PLANTED]), "not 0 and 1 alone"),
    ("capstone_folder", (Samples(), []), "no fault was found"),
    ("capstone_folder", (Samples(), [Fault("another size")]), "another one: another size"),
    ("capstone_folder", (Samples(), [PLANTED, Fault("another size")]), "there are others"),
    ("capstone_folder", ([1, 2, 3], [PLANTED]), "what data.load returns"),
    ("capstone_empty", (0.1, 0.0, 20, 0.01), "exchanged"),
    ("capstone_empty", (0.0, 1.0, 20, 0.01), "1 on empty tiles"),
    ("capstone_empty", (0.0, 0.9, 20, 0.01), "*with* buildings"),
    ("capstone_empty", (0.0, 13 / 80, 20, 0.01), "*test* tiles"),
    ("capstone_empty", (0.0, 0.1, 15, 0.01), "A is one of"),
    ("capstone_empty", (0.0, 0.1, 0, 0.02), "nothing is erased"),
    ("capstone_empty", (0.0, 0.1, 20, 0.7), "with erasing minus"),
    ("capstone_peek", (0.02, 0.02), "chosen anew"),
    ("capstone_peek", (-0.05, 0.01), "minus score"),
    ("capstone_peek", (0.3, 0.2), "only chance"),
    ("capstone_peek", (9.0, 0.5), "between 0 and 1"),
    ("capstone_peek", (float("nan"), 0), "divided by zero"),
    ("capstone_alarms", ([1 - s for s in SHARES],), "touches *no* building"),
    ("capstone_alarms", ([0.1, 0.05, 0.0, 0.0, 0.0],), "*marked* pixels"),
    ("capstone_alarms", ([52, 20, 10, 3, 0],), "between 0 and 1"),
    ("capstone_alarms", (SHARES[:4],), "has the shape"),
    ("capstone_alarms", ([float("nan"), *SHARES[1:]],), "has no share"),
    ("capstone_turns", (0.842, 0.842), "nothing changed"),
    ("capstone_turns", (0.4, 0.842), "turned *back*"),
    ("capstone_turns", (0.99, 0.842), "more than turning"),
    ("capstone_turns", (84.9, 0.842), "between 0 and 1"),
    ("capstone_turns", (None, 0.842), "is a number"),
]
