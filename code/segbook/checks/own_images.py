"""Going deeper from chapter 13: your own images, as files come."""

from collections.abc import Callable

import torch

from segbook.checks.core import call, checker, generator, require, told
from segbook.checks.values import Wrong, short
from segbook.data.run_length import decode_runs, encode_runs

__all__ = ["classes_from_labelmap", "runs_from_counts"]


@checker
def runs_from_counts(runs_from_counts: Callable) -> str:
    random = generator()
    for height, width, share in ((2, 3, 0.5), (7, 5, 0.3), (6, 9, 0.7), (4, 4, 0.0), (3, 5, 1.0)):
        mask = torch.rand(height, width, generator=random) < share
        if (height, width) == (7, 5):
            mask[0, 0] = True  # counts that begin with 0 ...
        if (height, width) == (6, 9):
            mask[0, 0], mask[-1, -1] = False, True  # ... and that end with ones
        counts = counts_of(mask)
        said = f"runs_from_counts({short(counts)})"
        text = call(runs_from_counts, counts, said=said)
        require(isinstance(text, str), f"{said} returns {short(text)}, and a text is asked for")
        if not mask.any():
            require(not text.strip(), f"{said} returns {text!r}: no pixel of this mask is 1, so it has no run")
            continue
        try:
            read = decode_runs(text, height, width)
        except ValueError as error:
            raise Wrong(f"{said} gives a text that cannot be read back: {error}") from error
        if torch.equal(read.bool(), mask):
            require(
                text.split() == encode_runs(mask).split(),
                f"{said} cuts a run in two: the mask is right, the text longer",
            )
            continue
        right = encode_runs(mask).split()
        shifted = [str(int(cell) - 1 + k % 2) for k, cell in enumerate(right)]
        hints = (
            (torch.equal(read.bool(), ~mask), "zeros and ones are exchanged: the first count is one of zeros"),
            (text.split() == shifted, "the first pixel is 1, not 0"),
            (
                text.split()[1::2] == right[1::2],
                "the lengths are right and the starts are not: what lies before a run?",
            ),
        )
        hint = next((why for holds, why in hints if holds), "every second count is a run of ones")
        raise Wrong(f"{said} gives another mask: {hint}", {"yours, read back": read, "the mask of the counts": mask})
    return "read back, every text is the mask of its counts"


def counts_of(mask: torch.Tensor) -> list[int]:
    """COCO's uncompressed run lengths of a mask (H, W): down the columns, zeros first."""
    counts, value = [0], False
    for pixel in mask.T.flatten().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


@checker
def classes_from_labelmap(classes_from_labelmap: Callable) -> str:
    random = generator()
    words = ["house", "pond", "car park", "road", "solar panel", "tree", "lorry"]
    for count, spaced in ((2, False), (5, True), (7, True), (1, False)):
        order = torch.randperm(len(words), generator=random)[:count].tolist()
        names = [words[k] for k in order]
        place = int(torch.randint(1, count + 1, (), generator=random))
        names.insert(place, "background")
        numbers = (torch.randperm(200, generator=random)[: 3 * len(names)] + 1).view(-1, 3).tolist()
        numbers[place] = [0, 0, 0]
        lines = ["# label:color_rgb:parts:actions"]
        for name, rgb in zip(names, numbers):
            if spaced:
                lines += ["", f"  {name} : {rgb[0]}, {rgb[1]} ,{rgb[2]} :roof,wall:", "  # checked"]
            else:
                lines.append(f"{name}:{','.join(map(str, rgb))}::")
        text = "\n".join(lines) + "\n" * (count % 2)
        said = f"classes_from_labelmap of a map of {len(names)} classes"
        found = call(classes_from_labelmap, text, said=said)
        require(isinstance(found, str), f"{said} returns {short(found)}, and the text of classes.txt is asked for")
        pairs = sorted(zip(names, numbers), key=lambda pair: pair[0] != "background")
        right = [f"{name} {' '.join(map(str, rgb))}" for name, rgb in pairs]
        given = [" ".join(line.split()) for line in found.splitlines() if line.strip()]
        if given == right:
            continue
        wanted = dict(zip(right, right))
        strange = [line for line in given if line not in wanted]
        hints = (
            (any(line.startswith("#") for line in given), "a comment became a class"),
            (strange, f"there is no class that is to be written as {strange[:1]}"),
            (len(given) != len(right), f"it has {len(given)} lines"),
            (given and not given[0].startswith("background"), "the first line, index 0, is not background"),
            (True, "the classes behind background are in another order than in the map"),
        )
        raise Wrong(f"{said}: {next(why for holds, why in hints if holds)}")
    twice = "background:0,0,0::\nhouse:10,20,30::\npond: 10, 20, 30::\n"
    try:
        classes_from_labelmap(twice)
    except ValueError:
        return "each class has its line and its colour, and two of one colour are refused"
    except Exception as error:
        raise Wrong(f"two classes of one colour ask for a ValueError, this is {told(error)}") from error
    raise Wrong("two classes of one colour went through: which of them is a pixel of it?")
