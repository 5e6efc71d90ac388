"""Answers to the page on one's own images: right ones in several forms; wrong ones, with a part of what is said."""

import functools
import itertools
import re

import numpy as np

from segbook.data.run_length import encode_runs


def by_sums(counts):
    return " ".join(f"{sum(counts[:k]) + 1} {counts[k]}" for k in range(1, len(counts), 2) if counts[k])


def by_mask(counts):
    pixels = np.repeat(np.arange(len(counts)) % 2, counts)
    return encode_runs(pixels[:, None])


def by_accumulation(counts):
    ends = list(itertools.accumulate(counts))
    return "  ".join(f"{start + 1} {length}" for start, length in zip(ends[::2], counts[1::2]))


class Walk:
    def __call__(self, counts):
        at, text = 1, ""
        for k, count in enumerate(counts):
            text += f"{at} {count} " if k % 2 else ""
            at += count
        return text


def slip(counts, first=1, parity=1, before=0):
    return " ".join(
        f"{sum(counts[: k - before]) + first} {counts[k]}" for k in range(parity, len(counts), 2) if counts[k]
    )


def emptied(counts):
    text = by_sums(counts)
    counts.clear()
    return text


def in_pieces(counts):
    runs = [(sum(counts[:k]) + 1, counts[k]) for k in range(1, len(counts), 2)]
    return " ".join(f"{start + i} 1" for start, length in runs for i in range(length))


def labelmap(text, first=True, comments=False, strip=True, refuse=ValueError, order=None, split=":", joined="\n"):
    classes = []
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare.startswith("#") and not comments:
            continue
        name, rgb = (bare.split(split) + ["0,0,0"])[:2]
        name, cells = name.strip(), [cell.strip() for cell in rgb.split(",")]
        classes.append((name if strip else name.split()[0], *(cells if not comments or len(cells) == 3 else "000")))
    if refuse and len({one[1:] for one in classes}) < len(classes):
        raise refuse("two of one colour")
    classes.sort(key=(lambda one: one[0] != "background") if first else lambda one: 0)
    if order:
        classes = classes[:1] + order(classes[1:])
    return joined.join(" ".join(one) for one in classes)


def by_expression(text):
    found = re.findall(r"^ *([^#:\n]+?) *: *(\d+) *, *(\d+) *, *(\d+)", text, re.MULTILINE)
    if len({one[1:] for one in found}) < len(found):
        raise ValueError("one colour twice")
    first = [one for one in found if one[0] == "background"]
    return "".join(" ".join(one) + "\n" for one in first + [one for one in found if one not in first])


class Reader:
    def __call__(self, text):
        return labelmap(text) + "\n\n"


def kinds(text):
    class OneColour(ValueError):
        pass

    return labelmap(text, refuse=OneColour)


RIGHT = [
    ("runs_from_counts", (by_sums,)),
    ("runs_from_counts", (by_mask,)),
    ("runs_from_counts", (by_accumulation,)),
    ("runs_from_counts", (Walk(),)),
    ("classes_from_labelmap", (functools.partial(labelmap),)),
    ("classes_from_labelmap", (by_expression,)),
    ("classes_from_labelmap", (Reader(),)),
    ("classes_from_labelmap", (kinds,)),
]
WRONG = [
    ("runs_from_counts", (functools.partial(slip, parity=0),), "runs_from_counts("),
    ("runs_from_counts", (functools.partial(slip, first=0),), "runs_from_counts("),
    ("runs_from_counts", (functools.partial(slip, before=1),), "runs_from_counts("),
    ("runs_from_counts", (functools.partial(slip, first=2),), "runs_from_counts("),
    ("runs_from_counts", (in_pieces,), "cuts a run in two"),
    ("runs_from_counts", (emptied,), "changed its input"),
    ("runs_from_counts", (lambda counts: by_sums(counts) or "1 0",), "has no run"),
    ("runs_from_counts", (lambda counts: [1, 2],), "a text is asked for"),
    ("runs_from_counts", (lambda counts: " ".join(map(str, counts[1:])),), "runs_from_counts("),
    ("runs_from_counts", ("2 3",), "a function is asked for"),
    ("classes_from_labelmap", (functools.partial(labelmap, first=False),), "is not background"),
    ("classes_from_labelmap", (functools.partial(labelmap, comments=True, refuse=None),), "a comment became a class"),
    ("classes_from_labelmap", (functools.partial(labelmap, refuse=None),), "went through"),
    ("classes_from_labelmap", (functools.partial(labelmap, refuse=KeyError),), "ask for a ValueError"),
    ("classes_from_labelmap", (functools.partial(labelmap, order=lambda rest: rest[1:]),), "it has"),
    ("classes_from_labelmap", (functools.partial(labelmap, order=lambda rest: rest[::-1]),), "in another order"),
    ("classes_from_labelmap", (functools.partial(labelmap, joined=" "),), "to be written as"),
    ("classes_from_labelmap", (lambda text: labelmap(text).splitlines(),), "the text of classes.txt"),
    ("classes_from_labelmap", (lambda text: text,), "a comment became a class"),
    ("classes_from_labelmap", ({"house": 1},), "a function is asked for"),
]
