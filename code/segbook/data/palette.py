"""Class names, colours, and the two ways to store a label map: as indices and as colours."""

import torch
from torch import Tensor

VOID = 255  #: pixels that count neither in training nor in scoring
VOID_COLOUR = (224, 224, 192)  # row 255 of voc_colormap(), the cream border in VOC's pictures

#: The names of PASCAL VOC's classes, by index: background and twenty things.
VOC_CLASSES = [
    *("background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
]

#: CamVid's eleven classes.
CAMVID_CLASSES = [
    *("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
]
CAMVID_COLOURS = [
    *([128, 128, 128], [128, 0, 0], [192, 192, 128], [128, 64, 128], [60, 40, 222], [128, 128, 0]),
    *([192, 128, 128], [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192]),
]
CAMVID_PALETTE = torch.tensor(CAMVID_COLOURS, dtype=torch.uint8)  #: (11, 3), the colours of the SegNet tutorial


def voc_colormap(n: int = 256) -> Tensor:
    """PASCAL VOC's colours for the indices 0 to n - 1: uint8 (n, 3), n at most 256.

    Bit by bit: the lowest three bits of the index become the highest bit of red, green and blue,
    the next three bits their second highest, and so on. Neighbouring indices so get colours far apart.

    >>> voc_colormap(3)
    tensor([[  0,   0,   0],
            [128,   0,   0],
            [  0, 128,   0]], dtype=torch.uint8)

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


VOC_PALETTE = voc_colormap(21)  #: (21, 3) uint8


def index_to_colour(label: Tensor, palette: Tensor = VOC_PALETTE) -> Tensor:
    """Paint a label map: (H, W) indices to (H, W, 3) uint8 colours, 255 to VOC's cream.

    >>> index_to_colour(torch.tensor([[0, 1, 255]])).tolist()
    [[[0, 0, 0], [128, 0, 0], [224, 224, 192]]]

    Raises ValueError: another shape, fractions, or an index that the palette does not have.
    """
    label, palette = torch.as_tensor(label), torch.as_tensor(palette)
    if label.ndim != 2:
        raise ValueError(f"index_to_colour expects an (H, W) map of indices, got shape {tuple(label.shape)}")
    check_labels(label, len(palette), "nothing to paint it with: ")
    full = torch.zeros(256, 3, dtype=torch.uint8)
    full[: len(palette)] = palette.cpu()
    full[VOID] = torch.tensor(VOID_COLOUR, dtype=torch.uint8)
    return full[label.cpu().long()]  # (H, W, 3)


def colour_to_index(colours: Tensor, palette: Tensor = VOC_PALETTE) -> Tensor:
    """Read a painted label map: (H, W, 3) uint8 colours to (H, W) int64 indices, VOC's cream to 255.

    Raises ValueError: indices instead of colours, or a colour outside the palette (named with its pixel). None is
    rounded to the nearest: it means another palette, or a file that was resized or compressed after painting.
    """
    colours, palette = torch.as_tensor(colours), torch.as_tensor(palette)
    if colours.ndim != 3 or colours.shape[-1] != 3:
        wanted = "colours (H, W, 3), since a map of shape (H, W) holds indices already"
        raise ValueError(f"colour_to_index expects {wanted}, got shape {tuple(colours.shape)}")
    place_value = torch.tensor([1 << 16, 1 << 8, 1])
    codes = (colours.long() * place_value).sum(-1)  # (H, W), each colour as one number
    known = (torch.cat([palette, torch.tensor([VOID_COLOUR])]).long() * place_value).sum(-1)  # (C + 1,)
    known, order = known.sort(stable=True)  # stable: a class that is painted cream comes before void
    place = torch.searchsorted(known, codes).clamp(max=len(known) - 1)
    strange = known[place] != codes
    if strange.any():
        row, column = strange.nonzero()[0].tolist()
        raise ValueError(
            f"colour {tuple(colours[row, column].tolist())} at row {row}, column {column} is not in the palette of "
            f"{len(palette)} classes; was the mask resized or saved as JPEG, or painted with another palette?"
        )
    return torch.tensor([*range(len(palette)), VOID])[order][place]


def check_labels(label: Tensor, num_classes: int, where: str = "", ignore_index: int = VOID) -> None:
    """Refuse labels (..., H, W) that are neither a class nor void. On a GPU this waits for all queued work.

    The ValueError begins with `where`, a file perhaps, and names the first wrong label and its place, or the type of
    labels that are no whole numbers.
    """
    if label.is_floating_point():
        raise ValueError(f"{where}labels are whole numbers, got {label.dtype}")
    if label.dtype == torch.uint8 and label.numel() and ignore_index == VOID and int((label + 1).max()) <= num_classes:
        return  # in bytes 255 + 1 is 0, so one look is enough
    values = label.long()  # a byte cannot be compared with 256
    wrong = (values != ignore_index) & ((values < 0) | (values >= num_classes))
    if wrong.any():
        first = wrong.nonzero()[0].tolist()
        place = ", ".join(f"{name} {i}" for name, i in zip(("image", "row", "column")[-len(first) :], first))
        value = int(label[tuple(first)])
        raise ValueError(
            f"{where}label {value} is out of range: {num_classes} classes are numbered 0 to {num_classes - 1}, void is "
            f"{ignore_index} ({place}); if it means void, store {ignore_index} or pass a loss ignore_index={value}"
        )
