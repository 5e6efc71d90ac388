"""Chapter 13, Capstone: rooftops from the air."""

import copy
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from segbook import models
from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, apart, close, number, numbers, short
from segbook.data.check import check_data
from segbook.data.run_length import decode_runs, encode_runs

__all__ = [
    "capstone_bug",
    "capstone_flattery",
    "capstone_from_photos",
    "capstone_own_folder",
    "capstone_runs",
    "capstone_silence",
]


@checker
def capstone_runs(runs_by_columns: str, runs_by_rows: str) -> str:
    mask = torch.tensor([[1, 1, 0], [0, 1, 1]])
    right = {"runs_by_columns": encode_runs(mask), "runs_by_rows": encode_runs(mask.T)}
    given = {"runs_by_columns": runs_by_columns, "runs_by_rows": runs_by_rows}
    for name, text in given.items():
        require(isinstance(text, str), f"{name} is a text of numbers, this is {short(text)}")
    given = {name: " ".join(text.split()) for name, text in given.items()}
    require(list(given.values()) != list(right.values())[::-1], "columns and rows are exchanged")
    for name, text in given.items():
        cells = text.split()
        require(
            cells and len(cells) % 2 == 0 and all(cell.isdigit() for cell in cells),
            f"{name} is {text!r}; pairs of whole numbers are expected, 'start length start length ...'",
        )
        pairs = list(zip(map(int, cells[::2]), map(int, cells[1::2])))
        require(
            sum(length for _, length in pairs) == int(mask.sum()),
            f"the lengths of {name} add up to {sum(pair[1] for pair in pairs)}, and {int(mask.sum())} pixels are 1; "
            "is the second number of a pair a length, and not an end?",
        )
        require(pairs[0][0] != 0, f"{name} starts at 0, and pixels are counted from 1")
        require(text == right[name], f"{name} is {text!r}, and that is another mask: walk the pixels one by one")
    return "one mask, two texts, and nothing in them says which is which"


@checker
def capstone_silence(my_three: Sequence[float], my_silence: Sequence[float]) -> str:
    tiles = ((400, 400, 360), (40, 60, 20), (0, 0, 0), (0, 5, 0))  # building, marked, both
    three, silence = numbers(my_three, "my_three", (3,)), numbers(my_silence, "my_silence", (3,))
    for name, given in (("my_three", three), ("my_silence", silence)):
        require(((given >= 0) & (given <= 1)).all(), f"{name} holds three Dice scores, and a Dice lies between 0 and 1")
    silent = [(building, 0, 0) for building, _, _ in tiles]
    require(not (close(three, scores(silent), 2e-3) and close(silence, scores(tiles), 2e-3)), "the two are exchanged")
    for name, given, counts in (("my_three", three, tiles), ("my_silence", silence, silent)):
        overall, empty_0, empty_1 = scores(counts)
        require(
            not close(given[[0, 2, 1]], scores(counts), 2e-3) or close(empty_0, empty_1),
            f"{name}: the two rules for 0/0 are exchanged; the second number counts it as 0",
        )
        each = [2 * both / (building + marked) for building, marked, both in counts if building + marked]
        slips = {
            sum(each) / len(each): "a tile with 0/0 was left out of the mean, and each rule counts it",
            overall / (2 - overall): "that is the IoU over the data set",
        }
        for place, (what, right) in enumerate(
            {"over the data set": overall, "with 0/0 as 0": empty_0, "with 0/0 as 1": empty_1}.items()
        ):
            hint = next((why for slip, why in slips.items() if close(given[place], slip, 2e-3)), "")
            hint = hint or (
                "add up all pixels first, and divide once"
                if place == 0
                else "score each of the four tiles, and take their mean; on which of them is it 0 divided by 0?"
            )
            require(close(given[place], right, 2e-3), f"{name}, {what}: {given[place]:.4g} is not it; {hint}")
    return "the same masks, three scores; and silence is worth what the rule for 0/0 gives it"


def scores(tiles: Sequence[tuple[int, int, int]]) -> list[float]:
    """Dice over the data set, over images with 0/0 as 0, and as 1, of (building, marked, both) for each tile."""
    building, marked, both = (sum(column) for column in zip(*tiles))
    each = [2 * b / (y + m) if y + m else math.nan for y, m, b in tiles]
    means = [sum(rule if math.isnan(one) else one for one in each) / len(each) for rule in (0, 1)]
    return [2 * both / (building + marked), *means]


@checker
def capstone_bug(my_runs: Callable) -> str:
    random = generator()
    for shape, threshold in (((3, 8, 8), 0.5), ((4, 5, 9), 0.3), ((1, 6, 4), 0.9), ((5, 4, 7), 0.05)):
        logits = 3 * torch.randn(shape, generator=random, dtype=torch.float64 if shape[0] == 4 else torch.float32)
        logits[1:2] = -9.0  # a tile in which nothing is marked ...
        logits[2:3] = 9.0  # ... and one in which all is
        if shape[0] == 3:
            logits = logits.transpose(1, 2)  # not contiguous
        said = f"my_runs(logits {tuple(logits.shape)}, {threshold})"
        texts = call(my_runs, logits, threshold, said=said)
        texts = texts.tolist() if hasattr(texts, "tolist") else texts
        require(
            isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts),
            f"{said} returns {short(texts)}, and a list of {shape[0]} texts is asked for",
        )
        require(
            len(texts) == shape[0],
            f"{said} returns {len(texts)} texts for {shape[0]} tiles: each has one, also where nothing is marked",
        )
        wanted = logits.sigmoid() > threshold
        for text, mask, z in zip(texts, wanted, logits):
            if text == encode_runs(mask):
                continue
            hint = ""
            turned = encode_runs((z > threshold).T)
            if text in (encode_runs(mask.T), turned):
                hint = ": read back, rows and columns are exchanged. Who puts the pixels in the order of columns?"
            if text in (encode_runs(z > threshold), turned):
                hint += f" A logit of {threshold} is a probability of {1 / (1 + math.exp(-threshold)):.2f}."
            try:
                read = decode_runs(text, *mask.shape)
            except ValueError as error:
                raise Wrong(f"{said} gives a text that cannot be read back: {error}{hint}") from error
            wrong = (read != mask).float().mean().item()
            if not wrong:
                continue  # the same mask, with its runs cut or spaced in another way
            maps = {"the probabilities": z.sigmoid(), "your mask, read back": read}
            raise Wrong(f"{said} gives a mask that is wrong in {apart(100 * wrong, 0)} % of the pixels{hint}", maps)
    return "read back, every mask is that of the probabilities above the threshold, the empty one too"


@checker
def capstone_own_folder(my_samples, my_faults: Sequence, train_set) -> str:
    pairs = getattr(my_samples, "pairs", my_samples)  # files, under what data.load adds
    require(
        all(hasattr(pairs, name) for name in ("num_classes", "ids", "root")),
        f"my_samples is what data.load returns, this is {short(my_samples)}",
    )
    require(len(my_samples) == 3, f"the training split has {len(my_samples)} pairs, and three are asked for")
    require(
        pairs.num_classes == 2,
        f"there are {pairs.num_classes} classes: one line of classes.txt for each of the two",
    )
    used = [name for name in train_set.ids if name in pairs.ids] or train_set.ids[:20]
    given = {name: train_set[train_set.ids.index(name)] for name in used}
    for i, name in enumerate(pairs.ids):
        label = my_samples[i][1].long()
        values = set(label.unique().tolist())
        require(values <= {0, 1}, f"the label of {name} holds {sorted(values)}, not 0 and 1 alone")
        fitting = [other for other in given.values() if torch.equal(other[1].long(), label)]
        if not fitting:
            swapped = any(torch.equal(other[1].long(), 1 - label) for other in given.values())
            require(not swapped, f"{name}: are the two colours exchanged in classes.txt?")
            raise Wrong(f"the label of {name} is not one of train_set's", {"yours": label})
        image = pairs.read(i)[0]
        require(
            any(torch.equal(torch.as_tensor(other[0]), torch.as_tensor(image)) for other in fitting),
            f"{name}: mask and image do not belong together",
        )
    require(isinstance(my_faults, list | tuple), f"my_faults is the list of faults, this is {short(my_faults)}")
    there = [fault.message for fault in check_data(pairs.root).faults]
    require(there, "no fault is in the folder: was the pixel changed in the file of the mask?")
    planted = [message for message in there if "(250, 121, 0)" in message]
    require(planted, f"the fault in the folder is another one: {there[0]}")
    others = [message for message in there if message not in planted]
    require(not others, f"besides the planted fault there are others, first: {others[:1]}")
    messages = [str(getattr(fault, "message", fault)) for fault in my_faults]
    require(
        messages == there,
        f"my_faults has {len(messages)} faults that are not the {len(there)} in the folder: check it after the change",
    )
    return "labels from colours, and one wrong pixel of one mask is named"


@checker
def capstone_flattery(flattery: Callable) -> str:
    random = generator()
    for tiles, columns, few in ((9, 7, 3), (6, 1, 2), (12, 30, 1), (5, 4, 4)):
        table = torch.rand(tiles, columns, generator=random, dtype=torch.float64)
        while columns > 1 and table.mean(0).argmax() == table[:few].mean(0).argmax():  # who chose on all would be right
            table = torch.rand(tiles, columns, generator=random, dtype=torch.float64)
        if tiles == 9:
            table = table.T.contiguous().T  # not contiguous
        if tiles == 12:
            table = table.float()
        said = f"flattery(scores of {tiles} tiles at {columns} thresholds, {few})"
        given = number(call(flattery, table, few, said=said), said)
        on_few, on_others = table[:few].double().mean(0), table[few:].double().mean(0)
        chosen = int(on_few.argmax())
        right = float(on_few[chosen] - on_others[chosen])
        if close(given, right, 1e-3, 1e-4):
            continue
        best = int(on_others.argmax())
        slips = {
            -right: "the sign is the other one: what the few score, less what the others score",
            float(
                on_few.max() - on_others.max()
            ): "the others are scored at a threshold of their own; nobody chose one for them",
            float(on_few[best] - on_others[best]): "the threshold is the best one of the *others*",
            float(on_few[chosen] - table[:, chosen].double().mean()): "the few are counted among the others as well",
            float(on_few.max()): "nothing is subtracted",
            float(on_few.mean() - on_others.mean()): "no threshold is chosen: it is the mean over all of them",
        }
        overall = int(table.mean(0).argmax())
        slips[float(on_few[overall] - on_others[overall])] = "the threshold is chosen on all tiles, not on the few"
        why = next((text for slip, text in slips.items() if close(given, slip, 1e-3, 1e-4)), "")
        why = why or "choose one column on the first rows, and compare both means in that column"
        raise Wrong(f"{said} is another number than yours: {why}")
    return "chosen on the few, compared with the others at the same threshold"


@checker
def capstone_from_photos(my_network: nn.Module, my_logits: Tensor, my_dice: float | Tensor, samples: Sequence) -> str:
    require(isinstance(my_network, nn.Module), f"my_network is the trained network, this is {short(my_network)}")
    dice, z = number(my_dice, "my_dice"), torch.from_numpy(numbers(my_logits, "my_logits")).float()
    require(0 <= dice <= 1, f"a Dice lies between 0 and 1, got {dice:g}")
    require(hasattr(my_network, "backbone"), "my_network has no backbone; is it one of models.create?")
    shipped = models.create("deeplabv3plus_mobilenet_v2", weights="photos").backbone.state_dict()
    own = my_network.backbone.state_dict()
    require(
        own.keys() == shipped.keys() and all(own[key].shape == shipped[key].shape for key in own),
        "my_network has another backbone than deeplabv3plus_mobilenet_v2",
    )
    kernels = [key for key, value in own.items() if value.dim() == 4]
    ours, theirs = (
        torch.cat([state[key].detach().cpu().flatten().float() for key in kernels]) for state in (own, shipped)
    )
    alike = torch.cosine_similarity(ours, theirs, dim=0).item()
    require(
        alike > 0.2, 'the kernels of the backbone do not resemble those of weights_backbone="photos": begun from them?'
    )
    require(not torch.equal(ours, theirs), "the backbone is as it was: was the network trained?")
    labels = torch.stack([samples[i][1] for i in range(len(samples))])
    compare_some(z[:, 0] if z.dim() == 4 and z.shape[1] == 1 else z, my_network, samples, labels.shape)
    right = best_dice(z.view_as(labels), labels)
    require(
        close(dice, right, 5e-3, 1e-3),
        f"my_dice is {dice:.3f}, and these logits score {apart(right, dice)} over these tiles: add up all pixels, at "
        "the best of the chapter's thresholds",
    )
    return f"the network that begins from photographs has a Dice of {right:.3f} here, counted again"


def compare_some(z: Tensor, network: nn.Module, samples: Sequence, shape: torch.Size, most: int = 8) -> None:
    """Raise Wrong unless z (N, H, W) is what the network answers on a few tiles, drawn anew each time.

    All tiles would take seconds, and a slip (its mode, the order, the wrong tiles) shows on each of them.
    """
    some = torch.randperm(len(samples), generator=generator())[:most].tolist()
    network = copy.deepcopy(network).eval()  # the reader's own keeps its mode
    images = torch.stack([samples[i][0] for i in some]).to(next(network.parameters()).device)
    with torch.inference_mode():
        answers = network(images).cpu().float()
    require(
        answers.shape == (len(some), 1, *shape[1:]),
        f"the network answers {len(some)} tiles with {tuple(answers.shape)}, not one logit a pixel",
    )
    require(z.shape == shape, f"my_logits has the shape {tuple(z.shape)}, and the labels have {tuple(shape)}")
    for i, answer in zip(some, answers[:, 0]):
        tolerance = 0.01 * answer.std(correction=0).item()  # of a GPU's rounding
        sure = not close(z[i], answer, 0.01, tolerance) and close(z[i], answer.sigmoid(), 0.01, 0.01)
        require(not sure, "my_logits are probabilities; the logits come before the sigmoid")
        require(
            close(z[i], answer, 0.01, tolerance),
            f"my_logits of tile {i} are not what my_network answers there: in evaluation mode, the tiles in order?",
        )


def best_dice(logits: Tensor, labels: Tensor) -> float:
    """Dice of all pixels (N, H, W) at the best of the chapter's 49 thresholds.

    A pixel is marked at every threshold below its probability, so their number is all that is needed of it.
    """
    place = torch.bucketize(logits.sigmoid(), torch.tensor([k / 50 for k in range(1, 50)]))
    wrong, hit = (torch.bincount(place[(labels == 1) == building], minlength=50) for building in (False, True))
    wrong, hit, building = wrong.flip(0).cumsum(0), hit.flip(0).cumsum(0), int((labels == 1).sum())
    return (2 * hit / (hit + wrong + building).clamp(min=1))[:-1].max().item()  # the last one marks all
