"""Answers to chapter 13: right ones in several forms; wrong ones, each with a part of what is said to them."""

import copy
import functools
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from segbook import data, models
from segbook.data.run_length import encode_runs


def right_runs(logits, threshold):
    return [encode_runs(mask) for mask in logits.sigmoid() > threshold]


def by_logit(logits, threshold):
    return tuple(encode_runs(z > torch.tensor(threshold).logit()) for z in logits)


class Runs:
    """Column by column, in NumPy."""

    def __call__(self, logits, threshold):
        probability = 1 / (1 + np.exp(-logits.numpy()))
        return np.array([encode_runs(np.asfortranarray(q > threshold)) for q in probability], dtype=object)


def without_empty(logits, threshold):
    return [text for text in right_runs(logits, threshold) if text]


def first_empty(logits, threshold):
    texts = right_runs(logits, threshold)
    return [text or "1 1" for text in texts]


def above(logits, threshold, strict):
    q = logits.sigmoid()
    return [encode_runs(mask) for mask in (q > threshold if strict else q >= threshold)]


TRAIN = data.ImageFolderSegmentation(data.make_aerial(Path(tempfile.mkdtemp()) / "rooftops", 4, 1, 1, size=32), "train")
COLOURS = np.array([[40, 40, 40], [250, 120, 0]], dtype=np.uint8)


def folder(
    train=(0, 1, 2), shift=0, lines="background 40 40 40\nbuilding 250 120 0\n", colour=(250, 121, 0), flip=False
):
    """A folder as the exercise asks for it: its training split, and what is found in it."""
    root = Path(tempfile.mkdtemp())
    for split, chosen in (("train", train), ("val", (3,))):
        for kind in ("images", "masks"):
            (root / kind / split).mkdir(parents=True)
        for i in chosen:
            shutil.copy(TRAIN.images[(i + shift) % 4], root / "images" / split / f"{TRAIN.ids[i]}.jpg")
            label = TRAIN[i][1].numpy()
            painted = COLOURS[label[::-1] if flip else label]
            if split == "val" and colour:
                painted[5, 6] = colour
            Image.fromarray(painted).save(root / "masks" / split / f"{TRAIN.ids[i]}.png")
    (root / "classes.txt").write_text(lines)
    samples = data.ImageFolderSegmentation(root, "train")
    return samples, data.check_data(root).faults


SAMPLES, FAULTS = folder()
SOUND = folder(colour=None)
TWO = folder(train=(0, 1))
SWAPPED = folder(lines="building 250 120 0\nbackground 40 40 40\n")
THREE = folder(lines="background 40 40 40\nbuilding 250 120 0\nlorry 1 2 3\n")
OTHER = folder(colour=(1, 2, 3))
FLIPPED = folder(flip=True)
SHIFTED = folder(shift=1)
LOADED = data.load("folder", "train", root=SAMPLES.root)


def flattery(scores, few):
    on_few, on_others = scores[:few].mean(0), scores[few:].mean(0)
    chosen = on_few.argmax()
    return (on_few[chosen] - on_others[chosen]).item()


def in_numpy(scores, few):
    scores = np.asarray(scores)
    column = scores[:, scores[:few].mean(axis=0).argmax()]
    return column[:few].mean() - column[few:].mean()


def by_sorting(scores, few):
    columns = sorted(scores.T.tolist(), key=lambda column: sum(column[:few]))
    best = columns[-1]
    return torch.tensor(sum(best[:few]) / few - sum(best[few:]) / (len(best) - few))


class Flattery:
    def __call__(self, scores, few):
        return flattery(scores.clone(), few)


def in_place(scores, few):
    result = flattery(scores, few)
    scores.zero_()
    return result


def slip(scores, few, what):
    on_few, on_others, chosen = scores[:few].mean(0), scores[few:].mean(0), scores[:few].mean(0).argmax()
    return {
        "sign": on_others[chosen] - on_few[chosen],
        "two": on_few.max() - on_others.max(),
        "among": on_few[chosen] - scores.mean(0)[chosen],
        "all": on_few[scores.mean(0).argmax()] - on_others[scores.mean(0).argmax()],
        "alone": on_few.max(),
        "mean": on_few.mean() - on_others.mean(),
        "worst": on_few[on_others.argmax()] - on_others.max(),
    }[what]


def rooftop_network(seed, weights_backbone="photos", num_classes=1, noise=0.01):
    torch.manual_seed(seed)
    network = models.create(
        "deeplabv3plus_mobilenet_v2", num_classes, weights_backbone=weights_backbone, separable=True, align_centres=True
    ).eval()
    with torch.no_grad():
        for value in network.backbone.parameters():
            value.add_(noise * value.std(correction=0) * torch.randn(value.shape))
    return network


def logits(network, samples):
    with torch.inference_mode():
        return torch.stack([network(image[None])[0, 0] for image, _ in samples])


def measured(z, samples):
    q, building = z.sigmoid(), torch.stack([label == 1 for _, label in samples])
    marked = [q > k / 50 for k in range(1, 50)]
    return max((2 * (m & building).sum() / (m.sum() + building.sum())).item() for m in marked)


def from_photos(network, samples):
    """The network, what it answers, its score, and the tiles."""
    z = logits(network, samples)
    return network, z, measured(z, samples), samples


def tiles(*shape):
    return [(image, (image[0] > 0.3).long()) for image in torch.rand(shape, generator=torch.manual_seed(0))]


def taught_by(network, samples):
    """The same tiles with labels that follow the network above one threshold, a tenth of the pixels excepted."""
    z = logits(network, samples)
    labels = (z > z.quantile(0.7)) ^ (torch.rand(z.shape, generator=torch.manual_seed(1)) < 0.1)
    return [(image, label.long()) for (image, _), label in zip(samples, labels)]


NETWORK, SECOND = rooftop_network(0), rooftop_network(1)
VAL = tiles(3, 3, 32, 32)
MANY = taught_by(SECOND, tiles(19, 3, 24, 40))  # more than the check looks at
EMPTY = [(image, torch.zeros_like(label)) for image, label in VAL]
Z, DICE = from_photos(NETWORK, VAL)[1:3]
Z_MANY, DICE_MANY = from_photos(SECOND, MANY)[1:3]
IN_TRAINING = rooftop_network(0).train()
OTHER_MODE = copy.deepcopy(IN_TRAINING)(torch.stack([image for image, _ in VAL])).detach()[:, 0]
TWO_LOGITS = rooftop_network(0, num_classes=2)
TINY = models.create("fcn8s_tiny", num_classes=1).eval()
THREE_DICES, SILENCE = (760 / 905, 0.325, 0.575), (0, 0, 0.5)
RIGHT = [
    ("capstone_runs", ("1 1 3 2 6 1", "1 2 5 2")),
    ("capstone_runs", (" 1 1  3 2 6 1", "1 2 5 2\n")),
    ("capstone_runs", ("1 1 3 2 6 1".replace(" ", "  "), "1 2 5 2 ")),
    ("capstone_runs", ("\t1 1 3 2 6 1", "1 2 5 2")),
    ("capstone_silence", (THREE_DICES, SILENCE)),
    ("capstone_silence", ([0.84, 0.325, 0.575], [0.0, 0.0, 0.5])),
    ("capstone_silence", (torch.tensor(THREE_DICES), np.array(SILENCE))),
    ("capstone_silence", (np.array(THREE_DICES), torch.tensor(SILENCE))),
    ("capstone_bug", (right_runs,)),
    ("capstone_bug", (by_logit,)),
    ("capstone_bug", (Runs(),)),
    ("capstone_bug", (functools.partial(above, strict=False),)),
    ("capstone_own_folder", (SAMPLES, FAULTS, TRAIN)),
    ("capstone_own_folder", (LOADED, FAULTS, TRAIN)),
    ("capstone_own_folder", (SAMPLES, tuple(fault.message for fault in FAULTS), TRAIN)),
    ("capstone_own_folder", (data.ImageFolderSegmentation(SAMPLES.root), list(FAULTS), TRAIN)),
    ("capstone_flattery", (flattery,)),
    ("capstone_flattery", (in_numpy,)),
    ("capstone_flattery", (by_sorting,)),
    ("capstone_flattery", (Flattery(),)),
    ("capstone_from_photos", (SECOND, Z_MANY, DICE_MANY, MANY)),
    ("capstone_from_photos", (NETWORK, Z.numpy(), torch.tensor(DICE), VAL)),
    ("capstone_from_photos", (IN_TRAINING, Z[:, None], DICE, VAL)),
    ("capstone_from_photos", (NETWORK, Z.double(), np.float32(round(DICE, 3)), VAL)),
    ("capstone_from_photos", (NETWORK, Z, 0.0, EMPTY)),
]
WRONG = [
    ("capstone_runs", ("1 2 5 2", "1 1 3 2 6 1"), "exchanged"),
    ("capstone_runs", ("0 1 2 2 5 1", "1 2 5 2"), "counted from 1"),
    ("capstone_runs", ("1 1 3 4 6 6", "1 2 5 2"), "not an end"),
    ("capstone_runs", ("1 1 3", "1 2 5 2"), "pairs of whole numbers"),
    ("capstone_runs", ([1, 1, 3, 2, 6, 1], "1 2 5 2"), "a text of numbers"),
    ("capstone_runs", ("1 1 3 2 5 1", "1 2 5 2"), "another mask"),
    ("capstone_runs", ("1 1 3 2 6 1", "0 2 4 2"), "counted from 1"),
    ("capstone_runs", ("1 1 3 2 6 1", "1 2 4 2"), "another mask"),
    ("capstone_silence", (SILENCE, THREE_DICES), "exchanged"),
    ("capstone_silence", ((THREE_DICES[0], 0.575, 0.325), SILENCE), "rules for 0/0"),
    ("capstone_silence", (THREE_DICES, (0, 0.5, 0)), "rules for 0/0"),
    ("capstone_silence", ((0.325, 0.325, 0.575), SILENCE), "divide once"),
    ("capstone_silence", ((760 / 1050, 0.325, 0.575), SILENCE), "that is the IoU"),
    ("capstone_silence", ((760 / 905, 1.3 / 3, 0.575), SILENCE), "left out of the mean"),
    ("capstone_silence", ((760 / 905, 0.325, 0.825), SILENCE), "0 divided by 0"),
    ("capstone_silence", (THREE_DICES, (0, 0, 0.25)), "0 divided by 0"),
    ("capstone_silence", ((84, 32.5, 57.5), SILENCE), "between 0 and 1"),
    ("capstone_silence", (THREE_DICES[:2], SILENCE), "has the shape"),
    ("capstone_bug", (lambda z, t: [encode_runs(m.T) for m in z > t],), "Who puts the pixels"),
    ("capstone_bug", (lambda z, t: [encode_runs(m.T) for m in z.sigmoid() > t],), "Who puts the pixels"),
    ("capstone_bug", (lambda z, t: [encode_runs(m) for m in z > t],), "is a probability of"),
    ("capstone_bug", (lambda z, t: [encode_runs(m) for m in z.sigmoid() > t / 2],), "wrong in"),
    ("capstone_bug", (lambda z, t: encode_runs(z[0] > 0),), "a list of 3 texts"),
    ("capstone_bug", (lambda z, t: ["1 99999"] * len(z),), "cannot be read back"),
    ("capstone_bug", (without_empty,), "also where nothing is marked"),
    ("capstone_bug", (first_empty,), "wrong in"),
    ("capstone_bug", (lambda z, t: right_runs(z, t)[::-1],), "wrong in"),
    ("capstone_bug", (lambda z, t: right_runs(z.sigmoid_(), t),), "changed its input"),
    ("capstone_bug", ("2 3",), "a function is asked for"),
    ("capstone_own_folder", (*SWAPPED, TRAIN), "exchanged in classes.txt"),
    ("capstone_own_folder", (*THREE, TRAIN), "one line of classes.txt"),
    ("capstone_own_folder", (*TWO, TRAIN), "three are asked for"),
    ("capstone_own_folder", (*SOUND, TRAIN), "no fault is in the folder"),
    ("capstone_own_folder", (SOUND[0], FAULTS, TRAIN), "no fault is in the folder"),
    ("capstone_own_folder", (*OTHER, TRAIN), "another one"),
    ("capstone_own_folder", (*SHIFTED, TRAIN), "do not belong together"),
    ("capstone_own_folder", (*FLIPPED, TRAIN), "not one of train_set's"),
    ("capstone_own_folder", (SAMPLES, ["(250, 121, 0)"], TRAIN), "after the change"),
    ("capstone_own_folder", ([1, 2, 3], FAULTS, TRAIN), "what data.load returns"),
    ("capstone_own_folder", (SAMPLES, FAULTS[0].message, TRAIN), "the list of faults"),
    *[
        ("capstone_flattery", (functools.partial(slip, what=what),), said)
        for what, said in {
            "sign": "the sign is the other one",
            "two": "a threshold of their own",
            "among": "counted among the others",
            "all": "the threshold is chosen on all tiles",  # never right by chance
            "alone": "nothing is subtracted",
            "mean": "no threshold is chosen",
            "worst": "is another number than yours",
        }.items()
    ],
    ("capstone_flattery", (in_place,), "changed its input"),
    ("capstone_flattery", (0.09,), "a function is asked for"),
    ("capstone_flattery", (lambda scores, few: scores[:few].mean(0),), "is a number"),
    ("capstone_from_photos", (SECOND, Z_MANY, DICE_MANY + 0.02, MANY), "these logits score"),
    ("capstone_from_photos", (SECOND, Z_MANY, DICE_MANY - 0.02, MANY), "these logits score"),
    ("capstone_from_photos", (SECOND, Z_MANY, measured(torch.full_like(Z_MANY, 9), MANY), MANY), "these logits score"),
    ("capstone_from_photos", (SECOND, Z_MANY.flip(0), DICE_MANY, MANY), "in order?"),
    ("capstone_from_photos", (SECOND, Z_MANY.sigmoid(), DICE_MANY, MANY), "before the sigmoid"),
    ("capstone_from_photos", (SECOND, Z_MANY[:16], DICE_MANY, MANY), "has the shape"),
    ("capstone_from_photos", (NETWORK, OTHER_MODE, measured(OTHER_MODE, VAL), VAL), "in evaluation mode"),
    ("capstone_from_photos", (NETWORK, 20.0 * torch.stack([y for _, y in VAL]) - 10, 1.0, VAL), "my_network answers"),
    ("capstone_from_photos", from_photos(rooftop_network(0, noise=0), VAL), "was the network trained"),
    ("capstone_from_photos", from_photos(rooftop_network(0, None), VAL), "begun from them"),
    ("capstone_from_photos", from_photos(TINY, VAL), "another backbone"),
    ("capstone_from_photos", (TWO_LOGITS, Z, 0.5, VAL), "not one logit"),
    ("capstone_from_photos", ("deeplabv3plus", Z, 0.8, VAL), "is the trained network"),
    ("capstone_from_photos", (torch.nn.Conv2d(3, 1, 1), Z, 0.8, VAL), "has no backbone"),
    ("capstone_from_photos", (NETWORK, Z, 84.0, VAL), "between 0 and 1"),
    ("capstone_from_photos", (NETWORK, Z, None, VAL), "is a number"),
]
