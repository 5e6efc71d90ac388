"""What is wrong with a split whose pairs can all be read: refused by `load`, listed by `check_data`."""

from collections.abc import Iterator
from pathlib import Path

from segbook.data.palette import VOID
from segbook.data.reader import SegmentationPairs
from segbook.files import open_image, read_mask


def split_faults(pairs: SegmentationPairs) -> Iterator[tuple[str, str]]:
    """The name of a pair ("" for the whole split) and what is wrong with its mask.

    Cheap where all is well: of each file the palette is read but no pixel, and masks only up to the first that shows a
    second class.
    """
    yield from palette_faults(pairs)
    seen = set()
    for index in range(len(pairs)):
        try:
            image, mask = pairs.read(index)
        except (ValueError, OSError):
            return  # which `read` says better
        seen |= set(mask.unique().tolist())
        if len(seen - {VOID}) > 1:
            return
    if VOID in seen:
        only = pairs.classes[min(seen)]
        yield (
            "",
            f"every pixel is {only} or void ({VOID}); a mask of 0 and 255 needs colours in classes.txt, as in "
            "'background 0 0 0' and 'building 255 255 255'",
        )


def palette_faults(pairs: SegmentationPairs) -> Iterator[tuple[str, str]]:
    """Files whose palette gives an index that they use another colour than the classes, or the files before, do.

    Program and eye see different things there: a program stored the colours in an order of its own, as Pillow's
    convert("P") does.
    """
    palettes = {path: stored_palette(path) for path in dict.fromkeys(pairs.masks)}
    count, stated = len(pairs.classes), {}
    if pairs.colours is None:
        agreed = max((colours[:count] for colours in palettes.values()), key=len)
    else:
        agreed = [tuple(colour) for colour in pairs.colours[:count].tolist()]
        stated = {index: ("the classes' list", colour) for index, colour in enumerate(agreed)}
    if all(colours[:count] == agreed[: len(colours)] for colours in palettes.values()):
        return
    for name, path in zip(pairs.ids, pairs.masks):
        colours = palettes[path]
        for index in read_mask(path).unique().tolist() if colours else []:
            if index < min(count, len(colours)):
                place, colour = stated.setdefault(index, (path.name, colours[index]))
                if colour != colours[index]:
                    yield (
                        name,
                        f"{path}: index {index} is coloured {colours[index]} by this file's palette and {colour} in "
                        f"{place}; did a program renumber the colours? Save the mask with one palette for all files, "
                        "or in RGB with its colours in classes.txt",
                    )
                    break


def stored_palette(path: Path) -> list[tuple[int, int, int]]:
    """The colours that a file lists, none where it has no palette or cannot be read."""
    try:
        with open_image(path) as picture:
            if picture.mode != "P":
                return []
            packed = picture.palette.rawmode == "RGB"  # as in PNG: the colours lie there, and no pixel is unpacked
            flat = picture.palette.palette if packed else picture.getpalette()
    except (ValueError, OSError):
        return []  # which `read` says better
    return list(zip(flat[::3], flat[1::3], flat[2::3]))
