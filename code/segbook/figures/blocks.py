"""Row diagrams of the networks, drawn from the models themselves: `block_diagram(models.create("fcn8s_tiny"))`.

A network is read from top to bottom. Each row is a map: its bar is as wide as the map is fine, the text gives stride,
centre (where in the image cell 0 lies, in pixels) and channels. Arrows on the left are maps that leave the backbone
and come back later.
"""

import html
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from segbook.convolution import receptive_field
from segbook.models.decoder import DeepLabV3PlusHead
from segbook.models.fcn import SkipFCN
from segbook.models.fcn_vgg import FCNVGG16, Grid
from segbook.models.resnet import ResNet
from segbook.models.vgg import VGG16
from segbook.plot import ON_DARK, SERIES

SIZE = 257  # pixels of the image that is sent through: 32 n + 1
# One colour a kind of network, the same in the whole book: index in plot's SERIES.
COLOURS = {"FCN-32s": 0, "FCN-16s": 1, "FCN-8s": 2, "dilated FCN": 3, "DeepLabv3": 4, "DeepLabv3+": 5}
ROW, LEFT, BAR, TEXT = 34, 30, 112, 154  # pixels: height of a row, left of the bars, widest bar, left of the text
WIDTH = 400  # a phone shows 358 of a page: the text, 12 pixels high here, is to stay above 10


@dataclass
class Row:
    """A row: a step, the map that it makes, and the earlier row that it reads besides the one above."""

    name: str
    channels: int
    stride: float
    centre: float | None  # None behind a resize whose place depends on the image's size
    head: bool = False
    reads: int | None = None

    def __str__(self) -> str:
        centre = "" if self.centre is None else f", centre {self.centre:g}"
        return f"{self.name}: stride {self.stride:g}{centre}, {self.channels} channels"


class _Feature(nn.Module):
    """A backbone up to one of its features, for `receptive_field`."""

    def __init__(self, backbone: nn.Module, index: int):
        super().__init__()
        self.backbone, self.index = backbone, index

    def forward(self, x: Tensor) -> Tensor:
        return self.backbone(x)[self.index]


def blocks(model: nn.Module) -> list[Row]:
    """The rows of a network's diagram, the image first. Runs on the device `meta`: any network costs nothing."""
    model = model.to("meta").eval()
    features = model.backbone(torch.empty(1, 3, SIZE, SIZE, device="meta"))
    if isinstance(model.backbone, VGG16):  # its forward looks at sizes, which cannot be followed
        names, fields = ["pool3", "pool4", "fc7"], model.backbone.fields()
    else:
        stage = "layer{}" if isinstance(model.backbone, ResNet) else "stage {}"
        names = [stage.format(i) for i in (1, 2, 3, 4)]
        fields = [receptive_field(_Feature(model.backbone, i)) for i in range(len(features))]
    rows = [Row("image", 3, 1, 0)]
    for name, feature, field in zip(names, features, fields):
        rows.append(Row(name, feature.shape[1], field.stride, field.centre))
    return rows + (_skips(model, rows) if isinstance(model, SkipFCN) else _head(model, rows))


def _skips(model: SkipFCN, rows: list[Row]) -> list[Row]:
    """Scores, upsampled and summed from coarse to fine."""
    classes = model.score.out_channels
    stride, centre = rows[-1].stride, rows[-1].centre
    found = [Row("score 1x1", classes, stride, centre, True)]
    aligned = isinstance(model, FCNVGG16)  # by its crops

    def upsampled(factor: int) -> Row:
        grid = Grid(stride, centre).upsampled(factor)  # of the layer without padding
        cut = 0 if aligned else factor // 2
        return Row(f"upsample x{factor}", classes, grid.stride, grid.centre + cut * grid.stride, True)

    for i in range(len(model.skip_scores)):
        found.append(upsampled(2))
        skip = len(rows) - 2 - i
        stride, centre = found[-1].stride, found[-1].centre if aligned else rows[skip].centre
        found.append(Row(f"+ score of {rows[skip].name}", classes, stride, centre, True, skip))
    last = upsampled(int(stride))
    last.centre = 0 if aligned else last.centre
    return [*found, last]


def _head(model: nn.Module, rows: list[Row]) -> list[Row]:
    """The modules of a head, each with the map that it made in one run."""
    found, made = [], []
    head, last = model.classifier, rows[-1]
    parts = dict(head.named_children())
    if isinstance(head, DeepLabV3PlusHead):
        parts = {"aspp": head.aspp, "fuse": head.fuse, "score": head.score}
    hooks = [part.register_forward_hook(lambda part, _, out: made.append((part, out.shape))) for part in parts.values()]
    model(torch.empty(1, 3, SIZE, SIZE, device="meta"))
    for hook in hooks:
        hook.remove()
    for part, shape in made:
        name = _named(part)
        stride = (SIZE - 1) / (shape[-1] - 1)
        if isinstance(head, DeepLabV3PlusHead) and part is head.fuse:
            found.append(Row(f"upsample x{last.stride / stride:g}", found[-1].channels, stride, None, True))
            low = head.reduce[0].out_channels
            name = f"concatenate {low} of {rows[1].name}, {name}"
            found.append(Row(name, shape[1], stride, rows[1].centre, True, 1))
        elif name:
            found.append(Row(name, shape[1], stride, last.centre, True))
    return [*found, Row(f"upsample x{found[-1].stride:g}", found[-1].channels, 1, None, True)]


def _named(part: nn.Module) -> str:
    """A module in the papers' words; "" for what changes no map: batch norm, ReLU, dropout."""
    if hasattr(part, "project"):  # ASPP
        rates = [branch[0].dilation[0] for branch in part.convs[1:-1]]
        return "ASPP: 1x1, " + (f"rates {' '.join(map(str, rates))}, " if rates else "") + "pooling"
    layers = [layer for layer in part.modules() if isinstance(layer, nn.Conv2d)]
    kernels = [f"{layer.kernel_size[0]}x{layer.kernel_size[0]}" for layer in layers if layer.groups == 1]
    return ", ".join(kernels)


class Diagram:
    """Shows itself in a notebook; its text is the same rows in words."""

    def __init__(self, title: str, rows: list[Row], colour: str):
        self.title, self.rows, self.colour = title, rows, colour

    def __str__(self) -> str:
        return "; ".join([f"{self.title}, from the image to the logits", *map(str, self.rows)])

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": self.svg(), "text/plain": str(self)}

    def svg(self) -> str:
        """SVG that takes its ink from the page: `currentColor`, and the network's colour for its head."""
        parts = []
        for i, row in enumerate(self.rows):
            y, width = 22 + i * ROW, BAR * (1 - math.log2(row.stride) / 6)  # stride 64 would vanish
            fill = 'class="head"' if row.head else 'fill="currentColor" fill-opacity=".35"'
            parts.append(f'<rect x="{LEFT + (BAR - width) / 2:.1f}" y="{y}" width="{width:.1f}" height="20" {fill}/>')
            centre = "" if row.centre is None else f" · centre {row.centre:g}".replace("-", "\u2212")
            detail = f"stride {row.stride:g}{centre} · {row.channels} ch"
            name = f'<text x="{TEXT}" y="{y + 7}" font-weight="600">{html.escape(row.name)}</text>'
            parts.append(name + f'<text x="{TEXT}" y="{y + 21}" opacity=".8">{detail}</text>')
            if row.reads is not None:
                start, x = 32 + row.reads * ROW, LEFT - 8 - 12 * (i - row.reads) / len(self.rows)
                path = f"M{LEFT - 4} {start}H{x:.0f}V{y + 10}H{LEFT - 4}"
                parts.append(f'<path class="skip" d="{path}" fill="none" stroke-width="2"/>')
        height = 22 + len(self.rows) * ROW
        label, text = html.escape(str(self), quote=True), "".join(parts)
        colour = f"light-dark({self.colour},{ON_DARK[self.colour]})"
        text = text.replace('class="head"', f'fill="{self.colour}" style="fill:{colour}"')
        text = text.replace('class="skip"', f'stroke="{self.colour}" style="stroke:{colour}"')
        return (
            f'<svg class="segbook-plot" role="img" aria-label="{label}" viewBox="0 0 {WIDTH} {height}" '
            f'style="max-width:{WIDTH}px;width:100%" fill="currentColor" font-family="system-ui,sans-serif" '
            f'font-size="12">{text}</svg>'
        )


def block_diagram(model: nn.Module, title: str) -> Diagram:
    """The diagram of a network, for the last line of a cell.

    `model`, as `models.create` builds it, is moved to the device `meta` and cannot be run afterwards. `title` is one of
    COLOURS, which fixes the colour ("FCN-8s", "DeepLabv3+", ...), or a ValueError.
    """
    if title not in COLOURS:
        raise ValueError(f"title is one of {', '.join(COLOURS)}, got {title!r}")
    return Diagram(title, blocks(model), SERIES[COLOURS[title]])
