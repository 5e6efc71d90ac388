"""Class names, colours, and the two ways to store a label map: as indices and as colours."""

import torch
from torch import Tensor

VOID = 255  # pixels that count neither in training nor in scoring

# The names of PASCAL VOC's classes, by index: background and twenty things.
VOC_CLASSES = [
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
]

# The names of CamVid's eleven classes, by index.
CAMVID_CLASSES = [
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
]


def voc_colormap(n: int = 256) -> Tensor:
    """PASCAL VOC's colours for the indices 0 to n - 1.

    Bit by bit: the lowest three bits of the index become the highest bit of red, green and blue,
    the next three bits their second highest, and so on. Neighbouring indices so get colours far apart.

    >>> voc_colormap(3)
    tensor([[  0,   0,   0],
            [128,   0,   0],
            [  0, 128,   0]], dtype=torch.uint8)

    Returns:
        uint8 (n, 3). Row 0 is black, row 1 (128, 0, 0), row 255, void, is (224, 224, 192).

    Raises:
        ValueError: n outside 1..256.

    Source: VOClabelcolormap.m of the VOC development kit.
    """
    if not 1 <= n <= 256:
        raise ValueError(f"voc_colormap makes 1 to 256 colours, got n={n}")
    index = torch.arange(n)
    colours = torch.zeros(n, 3, dtype=torch.int64)
    for shift in range(7, -1, -1):
        for channel in range(3):
            colours[:, channel] |= ((index >> channel) & 1) << shift
        index = index >> 3
    return colours.to(torch.uint8)


VOC_PALETTE = voc_colormap(21)  # (21, 3) uint8

# The colours of the SegNet tutorial, in the order of CAMVID_CLASSES.
CAMVID_PALETTE = torch.tensor(
    [
        *([128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128], [60, 40, 222], [128, 128, 0]),
        *([192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192]),
    ],
    dtype=torch.uint8,
)

VOID_COLOUR = (224, 224, 192)  # row 255 of voc_colormap(), the cream border in VOC's pictures


def index_to_colour(label: Tensor, palette: Tensor = VOC_PALETTE) -> Tensor:
    """Paint a label map: (H, W) indices to (H, W, 3) uint8 colours, 255 to VOC's cream.

    >>> index_to_colour(torch.tensor([[0, 1, 255]])).tolist()
    [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]]

    Raises:
        ValueError: colours instead of indices, or an index that the palette does not have.
    """
    label = torch.as_tensor(label)
    if label.ndim != 2:
        raise ValueError(f"index_to_colour expects an (H, W) map of indices, got shape {tuple(label.shape)}")
    label = label.long()
    bad = ((label < 0) | (label >= len(palette))) & (label != VOID)
    if bad.any():
        row, column = bad.nonzero()[0].tolist()
        value = int(label[row, column])
        raise ValueError(f"label {value} at row {row}, column {column} has no colour in a palette of {len(palette)}")
    full = torch.zeros(256, 3, dtype=torch.uint8)
    full[: len(palette)] = torch.as_tensor(palette)
    full[VOID] = torch.tensor(VOID_COLOUR, dtype=torch.uint8)
    return full[label]  # (H, W, 3)


def colour_to_index(colours: Tensor, palette: Tensor = VOC_PALETTE) -> Tensor:
    """Read a painted label map: (H, W, 3) uint8 colours to (H, W) int64 indices, VOC's cream to 255.

    Nothing is rounded to the nearest colour and nothing falls silently to class 0: a colour that is not
    in the palette means another palette, or a file that was resized or compressed after painting.

    Raises:
        ValueError: indices instead of colours, or a colour outside the palette (named with its pixel).
    """
    colours = torch.as_tensor(colours)
    if colours.ndim != 3 or colours.shape[-1] != 3:
        raise ValueError(
            f"colour_to_index expects colours (H, W, 3), got shape {tuple(colours.shape)}; "
            "a map of shape (H, W) holds indices already"
        )
    table = torch.full((1 << 24,), -1, dtype=torch.int16)
    table[_code(torch.tensor([VOID_COLOUR]))] = VOID
    table[_code(torch.as_tensor(palette))] = torch.arange(len(palette), dtype=torch.int16)
    label = table[_code(colours)].long()  # (H, W)
    if (label < 0).any():
        row, column = (label < 0).nonzero()[0].tolist()
        colour = tuple(colours[row, column].tolist())
        raise ValueError(
            f"colour {colour} at row {row}, column {column} is not in the palette of {len(palette)} classes; "
            "was the mask resized or saved as JPEG, or painted with another palette?"
        )
    return label


def _code(colours: Tensor) -> Tensor:
    """Each colour as one number, red * 65536 + green * 256 + blue."""
    red, green, blue = colours.long().unbind(-1)
    return (red << 16) | (green << 8) | blue


def check_labels(label: Tensor, num_classes: int, where: str = "", ignore_index: int = VOID) -> None:
    """Refuse labels (..., H, W) that are neither a class nor void. On a GPU this waits for all queued work.

    Args:
        where: what the message begins with, a file perhaps: "masks/a.png: ".

    Raises:
        ValueError: naming the first wrong label and its place, or the type of labels that are no whole numbers.
    """
    if label.is_floating_point():
        raise ValueError(f"{where}labels are whole numbers, got {label.dtype}")
    values = label.long()  # in bytes, 256 classes would be none
    wrong = (values != ignore_index) & ((values < 0) | (values >= num_classes))
    if wrong.any():
        first = wrong.nonzero()[0].tolist()
        value = int(label[tuple(first)])
        place = ", ".join(f"{name} {i}" for name, i in zip(("image", "row", "column")[-len(first) :], first))
        raise ValueError(
            f"{where}label {value} is out of range: {num_classes} classes are numbered 0 to {num_classes - 1}, void is "
            f"{ignore_index} ({place}); if it means void, store {ignore_index} or pass a loss ignore_index={value}"
        )
