"""What is wrong with a split whose pairs can all be read: refused by `load`, listed by `check_data`."""

from collections.abc import Iterator
from pathlib import Path

from segbook.data.palette import VOID
from segbook.data.reader import SegmentationPairs
from segbook.files import open_image, read_mask


def split_faults(pairs: SegmentationPairs) -> Iterator[tuple[str, str]]:
    """The name of a pair ("" for the whole split) and what is wrong with its mask.

    Cheap where all is well: of each mask only the palette is read, and pairs up to the first that shows two classes.
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
        remedy = "needs colours in classes.txt, as in 'background 0 0 0' and 'building 255 255 255'"
        yield "", f"every pixel is {only} or void ({VOID}); a mask of 0 and 255 {remedy}"


def palette_faults(pairs: SegmentationPairs) -> Iterator[tuple[str, str]]:
    """Files whose palette gives an index that they use another colour than the classes, or the files before, do.

    Program and eye see different things there: a program stored the colours in an order of its own, as Pillow's
    convert("P") does.
    """
    count, stated = len(pairs.classes), {}
    palettes = {path: stored_palette(path, count) for path in dict.fromkeys(pairs.masks)}
    if pairs.colours is None:
        agreed = max(palettes.values(), key=len)
    else:
        agreed = [tuple(colour) for colour in pairs.colours[:count].tolist()]
        stated = {index: ("the classes' list", colour) for index, colour in enumerate(agreed)}
    if all(colours == agreed[: len(colours)] for colours in palettes.values()):
        return
    remedy = "save the masks with one palette, or in RGB with their colours in classes.txt"
    for name, path in zip(pairs.ids, pairs.masks):
        used = read_mask(path).unique().tolist() if palettes[path] else []
        for index, found in enumerate(palettes[path]):
            place, colour = stated.setdefault(index, (path.name, found)) if index in used else ("", found)
            if colour != found:
                what = f"index {index} is coloured {found} by this file's palette and {colour} in {place}"
                yield name, f"{path}: {what}; did a program renumber the colours? Then {remedy}"
                break


def stored_palette(path: Path, count: int) -> list[tuple[int, int, int]]:
    """The first colours that a file lists, none where it has no palette or cannot be read."""
    try:
        with open_image(path) as picture:
            if picture.mode != "P":
                return []
            # a PNG's colours lie before its pixels, which need not be unpacked for them
            flat = picture.palette.palette if picture.format == "PNG" else picture.getpalette()
    except (ValueError, OSError):
        return []  # which `read` says better
    return list(zip(flat[: 3 * count : 3], flat[1 : 3 * count : 3], flat[2 : 3 * count : 3]))
