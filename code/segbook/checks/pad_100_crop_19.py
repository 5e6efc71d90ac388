"""Pad 100, crop 19, a page that chapter 7 leads to."""

import torch
from torch import nn

from segbook.checks.core import checker, require
from segbook.checks.values import close, number, whole
from segbook.convolution import receptive_field
from segbook.models.fcn_vgg import FCNVGG16
from segbook.models.vgg import VGG16

__all__ = ["skip_alexnet", "skip_padding_81"]


def thin_vgg(padding: int) -> VGG16:
    """VGG-16 with one channel everywhere: all of its geometry, none of its weight."""
    return VGG16(widths=(1,) * 5, fc_width=1, padding=padding)


def rows_for_fc6(height: int, padding: int) -> int:
    """Rows of pool5 for an image of so many rows."""
    with torch.device("meta"):
        return thin_vgg(padding).features(torch.empty(1, 3, height, 8)).shape[2]


@checker
def skip_padding_81(smallest_height: int, crop_8s: int) -> str:
    height, crop = whole(smallest_height, "smallest_height"), whole(crop_8s, "crop_8s")
    require(0 < height < 5000, f"a height of {height} rows is no image of the chapter's")
    require(
        rows_for_fc6(height, 81) >= 7,
        f"{height} rows leave pool5 {rows_for_fc6(height, 81)} rows, and fc6 reads seven: the frame is "
        "there on both sides, and the first convolution takes a row off each end",
    )
    require(
        height == 1 or rows_for_fc6(height - 1, 81) < 7,
        f"{height} rows work, and one row less works too; the smallest is asked for"
        + (". The pools round up" if height > 60 else ""),
    )
    right = FCNVGG16(thin_vgg(81), 1, 8).offset
    slips = {
        31: "31 belongs to padding 100: a smaller frame moves pixel 0 to the front",
        0: "at padding 81 it is the 32s whose crop starts at 0; the 8s upsamples in three steps, each with its margin",
        -right: "a crop cannot start in front of the map",
    }
    require(crop == right, slips.get(crop, f"row {crop} of the upsampled map is not pixel 0: how does it move with p?"))
    return "seven rows for fc6 and not one to spare, and every crop but the first ones moves with the padding"


@checker
def skip_alexnet(alexnet_centre: float, alexnet_crop: int) -> str:
    centre, crop = number(alexnet_centre, "alexnet_centre"), number(alexnet_crop, "alexnet_crop")
    first = [nn.Conv2d(3, 1, 11, 4, 100)]
    pools = [nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, 5, 1, 2), nn.MaxPool2d(3, 2), nn.MaxPool2d(3, 2)]
    # the 3x3 convolutions, stride 1 and padding 1, move nothing
    field = receptive_field([*first, *pools, nn.Conv2d(1, 1, 6)])
    slips = {
        receptive_field(first).centre: "that is the cell of the first convolution; the pools and fc6 move it on",
        receptive_field([*first, *pools]).centre: "that is the cell of the last pool; fc6 without padding moves it on",
        field.centre + 100: "the padding of 100 was left out",
        100 - field.centre: "padding moves cell 0 to the left and kernels move it to the right",
        field.centre + 0.5 * field.stride: "a kernel of k moves by (k - 1) / 2 of its input's cells, not by k / 2",
        field.size: "that is the size of the field, and the position of its middle is asked for",
    }
    require(
        close(centre, field.centre),
        f"cell 0 does not stand at {centre:g}: " + slips.get(centre, "add up what each layer moves, in pixels"),
    )
    upsampled = receptive_field([*first, *pools, nn.Conv2d(1, 1, 6), nn.ConvTranspose2d(1, 1, 63, 32)])
    slips = {
        upsampled.centre: "the crop starts at a row of the map, so it counts from that map's first row: mind the sign",
        -upsampled.centre + 0.5: "that is what a kernel of 64 would ask for, and no crop starts at half a row",
        19.0: "19 belongs to VGG, with a kernel of 64 and another centre",
        31.5: "31.5 is what a kernel of 64 moves by, and where the cell stood before counts too",
        31.0: "31 is what the kernel moves by; where the cell stood before counts too",
    }
    require(
        crop == -upsampled.centre,
        f"row {crop:g} of the upsampled map is not pixel 0: "
        + slips.get(crop, "where does the layer with kernel 63 draw cell 0?"),
    )
    return "a whole pixel, which an odd kernel keeps whole"
