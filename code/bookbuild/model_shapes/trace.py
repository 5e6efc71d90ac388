"""Every map of a network and what it costs, for any input size: traced once, without memory (chapter 11).

A network has a hundred maps and yet few *sizes*: each map lies on one of a dozen grids. `trace` finds the grids and the
rule that makes each of them out of an earlier one; sizes, operations and memory of any image then follow from formulas.
"""

import copy
import functools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from segbook.bilinear import BilinearUpsample
from segbook.convolution import conv_output_size
from segbook.models.fcn_vgg import FullUpsample

# Images to run through a network without weights. Two grids that agree on all four lengths are taken for one.
PROBES = ((97, 161), (250, 515))
SILENT = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Dropout, nn.Dropout2d)  # leave the shape alone


class Rule(NamedTuple):
    """How many cells a grid has along one axis, from another grid's n.

    kind: "image" (n pixels), "floor" and "ceil" (a convolution or pool, see `conv_output_size`), "upsample"
        (stride * (n + padding)), "one" (the mean over the image).
    of: index of the other grid.
    """

    kind: str
    of: int = 0
    kernel: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    def size(self, n: int) -> int:
        """Cells of this grid, where the other one has n."""
        if self.kind in ("image", "one"):
            return n if self.kind == "image" else 1
        if self.kind == "upsample":
            return self.stride * (n + self.padding)
        return conv_output_size(n, self.kernel, self.stride, self.padding, self.dilation, self.kind == "ceil")


class Layer(NamedTuple):
    """One step that makes a map: a "convolution", "pool", "mean", "upsample" (frozen bilinear), "resize" or "crop".

    parameters: its own and those of the batch norm behind it. reads, writes: indices of grids. source: index of the
    layer whose map it reads, -1 for the image, None for maps that were set side by side. (Of a sum it is the last one.)
    """

    name: str
    kind: str
    in_channels: int
    out_channels: int
    kernel: int
    stride: int
    padding: int
    dilation: int
    groups: int
    parameters: int
    reads: int
    writes: int
    source: int | None


class Shapes(NamedTuple):
    """What `trace` found: the grids' rules and the layers in order."""

    rules: list[Rule]
    layers: list[Layer]

    def sizes(self, n: int) -> list[int]:
        """Cells of every grid along one axis, for an image of n pixels."""
        found: list[int] = []
        for rule in self.rules:
            found.append(rule.size(found[rule.of] if found else n))
        return found

    def outputs(self, height: int, width: int) -> list[tuple[int, int, int]]:
        """Shape (C, h, w) of the map that each layer makes of one image."""
        rows, columns = self.sizes(height), self.sizes(width)
        return [(layer.out_channels, rows[layer.writes], columns[layer.writes]) for layer in self.layers]

    def multiply_adds(self, height: int, width: int) -> list[int]:
        """Multiplications with an addition that each layer needs for one image. Twice as many are FLOP.

        Counted are convolutions and the two matrix products of a bilinear layer; batch norm, activations, pools, sums
        and resizes are left out, as usual.
        """
        rows, columns = self.sizes(height), self.sizes(width)
        counts = []
        for layer in self.layers:
            cells = rows[layer.writes] * columns[layer.writes]
            if layer.kind == "convolution":
                counts.append(cells * layer.kernel**2 * layer.in_channels // layer.groups * layer.out_channels)
            elif layer.kind == "upsample":  # a layer that keeps whole stamps computes on a frame of zeros
                h, w = rows[layer.reads] + 2 * layer.padding, columns[layer.reads] + 2 * layer.padding
                counts.append(layer.out_channels * layer.stride * h * w * (w + layer.stride * h))
            else:
                counts.append(0)
        return counts


def trace(model: nn.Module) -> Shapes:
    """Every map that a convolution, a pool or an upsampling layer makes in a model of this package, in order.

    Runs a copy on the device `meta`, where tensors have shapes and no numbers: VGG-16 takes no memory either. What is
    used in training only, such as an auxiliary head, does not appear. The last layer is the logits at the image's size.

    >>> from segbook import models
    >>> found = trace(models.create("fcn32s_tiny"))
    >>> found.outputs(96, 128)[-2:]
    [(21, 96, 128), (21, 96, 128)]
    >>> sum(found.multiply_adds(96, 128))
    19860480

    Raises:
        ValueError: a layer that this function does not know, or a map that comes from nowhere.
    """
    model = copy.deepcopy(model).to("meta").eval()
    runs = [_listen(model, *probe) for probe in PROBES]
    rules, layers = [Rule("image")], []
    grids = {_lengths([(3, *probe) for probe in PROBES]): 0}
    features: set[int | None] = set()
    number: dict[int | None, int | None] = {-1: -1}  # of the layer that a call is, or whose map it hands on
    for i, calls in enumerate(zip(*runs)):
        name, module, (channels, *_), (out_channels, *_), source, _ = calls[0]
        source = number.get(source)
        number[i] = source if isinstance(module, SILENT) else len(layers)
        if calls[0].feature:
            features.add(number[i])
        if isinstance(module, SILENT):
            if source is not None and source >= 0:
                layers[source] = layers[source]._replace(parameters=layers[source].parameters + count(module))
            continue
        read, written = _lengths([call.read for call in calls]), _lengths([call.written for call in calls])
        if read not in grids:
            raise ValueError(
                f"{name} reads a map of {read[0]}x{read[1]} cells, and no layer before it makes such a one"
            )
        reads = grids[read]
        kind, rule, groups = _rule(module, reads)
        if written not in grids:
            grids[written] = len(rules)
            rules.append(rule)
        if (
            source is None
        ):  # a map that was scaled or summed: the last of its shape, of the backbone's features if it can
            same = [j for j, old in enumerate(layers) if (old.out_channels, old.writes) == (channels, reads)]
            source = max(same, key=lambda j: (j in features, j), default=None)
        numbers = (rule.kernel, rule.stride, rule.padding, rule.dilation, groups, count(module))
        layers.append(Layer(name, kind, channels, out_channels, *numbers, reads, grids[written], source))
    last = layers[-1]
    kind = "resize" if runs[0][-1].written[1] < PROBES[0][0] else "crop"
    numbers = (1, 1, 0, 1, 1, 0, last.writes, 0, len(layers) - 1)
    layers.append(Layer("logits", kind, last.out_channels, last.out_channels, *numbers))
    return Shapes(rules, layers)


class _Call(NamedTuple):
    """One use of a module: shapes (C, h, w) of what it reads and writes, number of the call that made its input.

    feature: whether the backbone hands the result to the head.
    """

    name: str
    module: nn.Module
    read: tuple[int, ...]
    written: tuple[int, ...]
    source: int | None
    feature: bool = False


def _listen(model: nn.Module, height: int, width: int) -> list[_Call]:
    """Run one image through a model and note every call."""
    image = torch.empty(1, 3, height, width, device="meta")
    calls: list[_Call] = []
    features: list[int] = []
    makers, alive = {id(image): -1}, [image]  # tensors that are kept alive keep their ids

    def note(name: str, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(_Call(name, module, inputs[0].shape[1:], output.shape[1:], makers.get(id(inputs[0]))))
        makers[id(output)] = len(calls) - 1
        alive.append(output)

    hooks = [module.register_forward_hook(functools.partial(note, name)) for name, module in _leaves(model)]
    hooks.append(model.backbone.register_forward_hook(lambda _, __, output: features.extend(map(id, output))))
    with torch.no_grad(), torch.device("meta"):
        model(image)
    for handle in hooks:
        handle.remove()
    made = {makers.get(feature) for feature in features}
    return [call._replace(feature=i in made) for i, call in enumerate(calls)]


def _lengths(shapes: Iterable[Iterable[int]]) -> tuple[int, ...]:
    return tuple(length for _, *lengths in shapes for length in lengths)


def count(module: nn.Module) -> int:
    """Parameters of a module."""
    return sum(p.numel() for p in module.parameters())


def _leaves(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, nn.Module]]:
    """The modules to listen to, with their names: an upsampling layer counts as one, whatever is inside it."""
    for name, child in module.named_children():
        if isinstance(child, BilinearUpsample | FullUpsample) or not list(child.children()):
            yield prefix + name, child
        else:
            yield from _leaves(child, f"{prefix}{name}.")


def _rule(layer: nn.Module, reads: int) -> tuple[str, Rule, int]:
    """Kind of a layer, the rule of the grid that it writes, and its groups."""
    if isinstance(layer, FullUpsample):
        return "upsample", Rule("upsample", reads, 2 * layer.bilinear.factor, layer.bilinear.factor, 1), 1
    if isinstance(layer, BilinearUpsample) and layer.form == "separable":
        return "upsample", Rule("upsample", reads, layer.kernel_size, layer.factor, 0), 1
    if isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size == 1:
        return "mean", Rule("one", reads), 1
    if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
        pairs = [(v, v) if isinstance(v, int) else v for v in _settings(layer)]
        if all(not isinstance(pair, str) and pair[0] == pair[1] for pair in pairs):
            numbers = [pair[0] for pair in pairs]
            if isinstance(layer, nn.Conv2d):
                return "convolution", Rule("floor", reads, *numbers), layer.groups
            return "pool", Rule("ceil" if layer.ceil_mode else "floor", reads, *numbers), 1
    raise ValueError(
        f"trace does not know {layer!r}: it reads square convolutions with their padding in numbers, square max pools, "
        "means over the image and frozen bilinear layers"
    )


def _settings(layer: nn.Conv2d | nn.MaxPool2d) -> tuple:
    return layer.kernel_size, layer.stride, layer.padding, layer.dilation
