"""Chapter 13, Capstone: rooftops from the air."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from segbook import QUICK
from segbook.checks.core import call, checker, require
from segbook.checks.values import Wrong, close, number, numbers, short, whole
from segbook.data.run_length import decode_runs, encode_runs

__all__ = [
    "capstone_alarms",
    "capstone_bug",
    "capstone_empty",
    "capstone_folder",
    "capstone_peek",
    "capstone_runs",
    "capstone_turns",
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
def capstone_bug(my_runs: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    for shape, threshold in (((2, 8, 8), 0.5), ((3, 5, 9), 0.3), ((1, 6, 4), 0.9), ((2, 4, 4), 0.05)):
        logits = 3 * torch.randn(shape, generator=generator)
        said = f"my_runs(logits {tuple(shape)}, {threshold})"
        texts = call(my_runs, logits, threshold, said=said)
        require(
            isinstance(texts, list | tuple) and len(texts) == shape[0] and all(isinstance(t, str) for t in texts),
            f"{said} returns {short(texts)}, and a list of {shape[0]} texts is asked for",
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
            maps = {"the probabilities": z.sigmoid(), "your mask, read back": read}
            raise Wrong(f"{said} gives a mask that is wrong in {wrong:.0%} of the pixels{hint}", maps)
    return "read back, every mask is that of the probabilities above the threshold"


@checker
def capstone_folder(my_samples, my_faults: Sequence) -> str:
    require(
        hasattr(my_samples, "num_classes") and hasattr(my_samples, "ids"),
        f"my_samples is what data.load returns, this is {short(my_samples)}",
    )
    require(len(my_samples) == 3, f"the training split has {len(my_samples)} pairs, and three are asked for")
    require(
        my_samples.num_classes == 2,
        f"there are {my_samples.num_classes} classes: one line of classes.txt for each of the two",
    )
    seen = set()
    for i in range(3):
        label = my_samples[i][1]
        values = set(label.unique().tolist())
        require(values <= {0, 1}, f"the label of {my_samples.ids[i]} holds {sorted(values)}, not 0 and 1 alone")
        seen |= values
        roofs = (label == 1).float().mean().item()
        require(
            roofs < 0.6,
            f"{roofs:.0%} of {my_samples.ids[i]} is building: are the two colours exchanged in classes.txt?",
        )
    require(seen == {0, 1}, f"only the label {seen} occurs; are masks and images those of train_set?")
    require(isinstance(my_faults, list | tuple), f"my_faults is the list of faults, this is {short(my_faults)}")
    require(
        len(my_faults) > 0, "no fault was found: was the pixel changed in the file, and the folder checked after that?"
    )
    messages = [str(getattr(fault, "message", fault)) for fault in my_faults]
    named = [message for message in messages if "(250, 121, 0)" in message]
    require(named, f"the fault is another one: {messages[0]}")
    require(
        len(messages) == 1,
        f"besides the planted fault there are others, first: {[m for m in messages if m not in named][:1]}",
    )
    return "labels from colours, and one wrong pixel of one mask is named"


@checker
def capstone_empty(silence_if_0: float, silence_if_1: float, my_fewest: int, gain_on_test: float) -> str:
    if_0, if_1 = number(silence_if_0, "silence_if_0"), number(silence_if_1, "silence_if_1")
    require(not (if_1 == 0 and if_0 > 0), "the two rules are exchanged")
    require(
        if_0 == 0, f"under the first rule a mask without a pixel scores 0 on every tile, so its mean is not {if_0:g}"
    )
    require(
        0 < if_1 < 1,
        f"under the second rule silence scores 1 on empty tiles and 0 on the others, not {if_1:g} on average",
    )
    require(if_1 < 0.5, f"{if_1:.3f} is the share of the tiles *with* buildings; on which of them is silence right?")
    require(
        QUICK or close(if_1, 12 / 120, rtol=1e-3),
        f"{if_1:.3f} is not the share of the *test* tiles without any building",
    )
    fewest = whole(my_fewest, "my_fewest")
    require(fewest in (0, 5, 10, 20, 40, 80), f"A is one of 0, 5, 10, 20, 40 and 80, not {fewest}")
    gain = number(gain_on_test, "gain_on_test")
    require(-1 < gain < 1, "a gain is a difference of two scores between 0 and 1")
    require(fewest > 0 or gain == 0, "with A = 0 nothing is erased, so nothing can change")
    require(
        QUICK or abs(gain) < 0.2,
        f"a gain of {gain:+.3f}: is it score with erasing minus score without, one rule for both?",
    )
    return (
        f"silence earns {if_1:.2f} under one rule and nothing under the other; A = {fewest} brings {gain:+.3f} on test"
    )


@checker
def capstone_peek(optimism_when_chosen: float, optimism_when_fixed: float) -> str:
    chosen = number(optimism_when_chosen, "optimism_when_chosen")
    fixed = number(optimism_when_fixed, "optimism_when_fixed")
    require(max(abs(chosen), abs(fixed)) < 1, "each is a difference of two scores between 0 and 1")
    require(
        chosen != fixed, "both averages are the same; is the threshold chosen anew for every draw in the first one?"
    )
    require(
        QUICK or chosen > fixed,
        "choosing on the five tiles made the score worse than a fixed threshold did: is it score of the five minus "
        "score of the others?",
    )
    require(
        QUICK or abs(fixed) < 0.08,
        f"with a fixed threshold the average is {fixed:+.3f}, and over 40 draws only chance should be left: are the "
        "five drawn at random, and is the threshold that of the validation tiles?",
    )
    return f"{chosen:+.3f} when chosen on the tiles themselves, {fixed:+.3f} when not: the first is flattery"


@checker
def capstone_alarms(alarm_shares: Sequence[float]) -> str:
    shares = numbers(alarm_shares, "alarm_shares", (5,))
    known = shares[~torch.from_numpy(shares).isnan().numpy()]
    require(((known >= 0) & (known <= 1)).all(), "a share lies between 0 and 1")
    require(QUICK or len(known) == 5, "a group without any component has no share; are they those of the test tiles?")
    require(
        QUICK or shares[0] > shares[3],
        "large answers would be false alarms more often than small ones: is it the share that touches *no* building?",
    )
    require(
        QUICK or shares[0] > 0.2,
        f"only {shares[0]:.2f} of the smallest answers touch no building: take the *marked* pixels apart",
    )
    return "a small answer is the unsafe one"


@checker
def capstone_turns(dice_turned: float | Tensor, dice_plain: float) -> str:
    turned, plain = number(dice_turned, "dice_turned"), number(dice_plain, "the Dice to compare with")
    require(0 < turned < 1, f"a Dice lies between 0 and 1, got {turned:g}")
    require(turned != plain, "nothing changed at all; was the average of the four used?")
    require(
        QUICK or turned > plain - 0.05,
        f"the mean of four directions scores {turned:.3f}, far below {plain:.3f}: was each answer turned *back*?",
    )
    require(
        QUICK or turned < plain + 0.06,
        f"{turned:.3f} is more than turning can bring: is the threshold chosen on the validation tiles?",
    )
    return f"{turned - plain:+.3f} for four passes in place of one"
