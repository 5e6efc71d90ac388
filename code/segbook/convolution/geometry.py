"""Where a cell looks: sizes of feature maps, and size, stride and centre of receptive fields.

All lengths are pixels (or cells) along one axis; height and width follow the same rules.
Cell i of a convolution reads the cells i*s - p, i*s - p + d, ..., i*s - p + d*(k - 1) of its input,
with kernel k, stride s, padding p and dilation d. Everything in this file follows from that sentence.
"""

import math
import operator
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import fx, nn


def conv_output_size(
    n: int, kernel_size: int, stride: int = 1, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
) -> int:
    """Cells that a convolution or a pool leaves along one axis of `n` cells.

    floor((n + 2p - d(k - 1) - 1) / s) + 1. The dilation d counts from 1, so the kernel spans d(k - 1) + 1 cells.
    `ceil_mode` rounds up, as pools of Caffe do and torch's can, except that a window which would start in the padding
    behind the input is dropped.

    >>> conv_output_size(224, kernel_size=7, stride=2, padding=3)
    112
    >>> conv_output_size(16, kernel_size=3, padding=12, dilation=12)  # a dilated 3x3 that keeps the size
    16

    Raises TypeError for what is not a whole number, ValueError for a value out of range, or a kernel that does not fit
    into the padded input. Source: torch.nn.Conv2d and torch.nn.MaxPool2d, section "Shape".
    """
    _check(n=(n, 1), kernel_size=(kernel_size, 1), stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1))
    span = dilation * (kernel_size - 1) + 1
    room = n + 2 * padding - span  # how far the kernel can slide
    size = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (size - 1) * stride >= n + padding:
        size -= 1
    if size < 1:
        raise ValueError(
            f"a kernel that spans {span} cells (size {kernel_size}, dilation {dilation}) does not fit into "
            f"{n} cells with padding {padding}: use a larger input, more padding or a smaller kernel"
        )
    return size


def conv_transpose_output_size(
    n: int, kernel_size: int, stride: int = 1, padding: int = 0, output_padding: int = 0, dilation: int = 1
) -> int:
    """Cells that a transposed convolution makes from `n` cells along one axis.

    (n - 1)s - 2p + d(k - 1) + output_padding + 1: the smallest input size that a convolution with the same settings
    turns into n, plus `output_padding`, which chooses among the other sizes that give the same n.

    >>> conv_transpose_output_size(10, kernel_size=64, stride=32, padding=16)
    320

    Raises TypeError for what is not a whole number, ValueError for a value out of range (output_padding must be below
    the stride or the dilation), or where nothing is left. Source: torch.nn.ConvTranspose2d, section "Shape".
    """
    _check(n=(n, 1), kernel_size=(kernel_size, 1), stride=(stride, 1), padding=(padding, 0), dilation=(dilation, 1))
    _check(output_padding=(output_padding, 0))
    if output_padding >= max(stride, dilation):
        settings = f"{output_padding}, stride {stride} and dilation {dilation}"
        raise ValueError(f"output_padding must be smaller than stride or dilation, got output_padding {settings}")
    size = (n - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1
    if size < 1:
        raise ValueError(f"padding {padding} cuts away all of the output, {size + 2 * padding} cells: use less padding")
    return size


def _check(**values: tuple[int, int]) -> None:
    for name, (value, least) in values.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"{name} must be a whole number (one axis at a time), got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


class ReceptiveField(NamedTuple):
    """Size, stride and centre of the receptive fields of one layer's cells, in pixels of the input.

    `size` reaches from the first to the last pixel that one cell sees, holes counted. (Behind a transposed convolution
    cells differ by their phase; this is the largest, 0 if none sees anything.) `stride` lies between the centres of two
    neighbouring cells, below 1 where the map is finer than the input. `centre` is the position of cell 0, so cell i
    lies at centre + i * stride; it is negative with much padding, a half with even kernels. A network of averaging
    kernels, shown an image of its own coordinates, returns these positions.
    """

    size: int
    stride: float
    centre: float


class _Window(NamedTuple):
    """What one layer does to positions along an axis: its kernel's cells, from that of the first output on."""

    taps: range
    stride: int
    transposed: bool

    def line(self, stride: Fraction, centre: Fraction) -> tuple[Fraction, Fraction]:
        """Stride and centre of the output's cells, from those of the input's."""
        middle = Fraction(self.taps[0] + self.taps[-1], 2)
        if self.transposed:
            stride = stride / self.stride
            return stride, centre - middle * stride
        return stride * self.stride, centre + middle * stride

    def sources(self, cells: set[int]) -> set[int]:
        """The input cells that reach these output cells, on a plane without borders."""
        if self.transposed:  # input j stamps on the outputs j * stride + tap
            return {(i - tap) // self.stride for i in cells for tap in self.taps if (i - tap) % self.stride == 0}
        return {i * self.stride + tap for i in cells for tap in self.taps}


_SAME = _Window(range(1), 1, False)  # what an element-wise layer does: nothing
_Step = tuple[fx.Node, _Window, list[fx.Node]]  # a node of the graph, its window, and the nodes that it reads


def receptive_field(network: nn.Module | Iterable[nn.Module]) -> ReceptiveField:
    """Size, stride and centre of the cells that a network's output consists of.

    Follows the network's graph (torch.fx), without running it. Convolutions, transposed convolutions and pools count;
    element-wise layers, batch norm (as in evaluation) and channel concatenation change nothing; where branches meet,
    the field is their union. Borders are ignored: near them a part of the field is padding.

    >>> receptive_field([nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2)])
    ReceptiveField(size=4, stride=2, centre=0.5)

    `network` is a model with one output, or a list of layers that follow one another. Layers must be square.
    Raises TypeError for what is not a module, and ValueError, naming the layer, where branches disagree in stride or
    centre and for a step that is not square, sees the whole image (Linear, adaptive pooling, a mean) or is not known.

    Source: Dumoulin and Visin 2016; Araujo, Norris and Sim 2019 for the recurrence of size, stride and start. Here the
    size is counted, as a set of cells, which is exact behind transposed convolutions too.
    """
    model = nn.Sequential(*[network] if isinstance(network, nn.Module) else network)
    try:
        graph = fx.symbolic_trace(model).graph
    except Exception as error:  # a branch on values, a loop over a size: whatever forward does, fx stops there
        raise ValueError(f"receptive_field cannot follow this model ({error}); pass its layers as a list") from error
    graph.eliminate_dead_code()

    lines: dict[fx.Node, tuple[Fraction, Fraction]] = {}  # stride and centre of each map that depends on the image
    steps: list[_Step] = []
    for node in graph.nodes:
        parents = [parent for parent in node.all_input_nodes if parent in lines]
        met = list(dict.fromkeys(lines[parent] for parent in parents))
        if len(met) > 1:
            places = " and at ".join(f"{float(stride):g} i + {float(centre):g}" for stride, centre in met)
            raise ValueError(f"branches that meet in '{node.name}' disagree: cell i lies at {places}")
        if node.op == "placeholder":
            met = [(Fraction(1), Fraction(0))]
        if met:
            steps.append((node, _window(node, model), parents))
            lines[node] = steps[-1][1].line(*met[0])
    if node not in lines:  # the last one, the output
        raise ValueError("the output of this model does not depend on its input, so it has no receptive field")

    # Behind transposed convolutions what a cell sees repeats with the product of their strides.
    phases = math.prod(window.stride for _, window, _ in steps if window.transposed)
    size = max(_extent(steps, cell) for cell in range(phases))
    stride, centre = lines[node]
    return ReceptiveField(size, int(stride) if stride.denominator == 1 else float(stride), float(centre))


def _extent(steps: list[_Step], cell: int) -> int:
    """Walks from a cell of the output back to the image, collecting the cells that each step reads."""
    seen: dict[fx.Node, set[int]] = {steps[-1][0]: {cell}}
    for node, window, parents in reversed(steps):
        pixels = window.sources(seen.pop(node, set()))  # at last, of the image
        for parent in parents:
            seen[parent] = seen.get(parent, set()) | pixels
    return max(pixels) - min(pixels) + 1 if pixels else 0


_ELEMENTWISE_LAYERS = (
    nn.Identity, nn.Dropout, nn.Dropout2d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU,
    nn.GELU, nn.SiLU, nn.Mish, nn.Softplus, nn.Sigmoid, nn.Tanh, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh,
)  # fmt: skip
_ELEMENTWISE_CALLS = {
    operator.add, operator.iadd, operator.sub, operator.mul, operator.imul, operator.truediv, operator.neg,
    torch.add, torch.sub, torch.mul, torch.relu, torch.sigmoid, torch.tanh, torch.maximum,
    F.relu, F.relu6, F.leaky_relu, F.elu, F.gelu, F.silu, F.hardswish, F.dropout, F.batch_norm,
    "add", "add_", "sub", "mul", "mul_", "relu", "relu_", "sigmoid", "tanh", "contiguous", "clone",
}  # fmt: skip


def _window(node: fx.Node, model: nn.Module) -> _Window:
    """What a node does to positions."""
    if node.op == "output" and not isinstance(node.args[0], fx.Node):
        raise ValueError("the model returns several tensors: pass the part of it that ends in the one you mean")
    if node.op in ("placeholder", "output"):
        return _SAME
    layer = model.get_submodule(node.target) if node.op == "call_module" else None
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.MaxPool2d, nn.AvgPool2d)):
        return _square(layer)
    if isinstance(layer, _ELEMENTWISE_LAYERS) or (layer is None and node.target in _ELEMENTWISE_CALLS):
        return _SAME
    if node.target in (torch.cat, torch.concat) and (*node.args[1:], *node.kwargs.values()) in ((1,), (-3,)):
        return _SAME  # channels only: joining along an axis of the image would move cells
    what = repr(layer) if layer is not None else f"'{node.name}'"
    raise ValueError(f"{what} sees the whole image, or is no step known here: pass the layers before it")


def _square(layer: nn.Module) -> _Window:
    """The window of a layer, the same on both axes."""
    dilation = getattr(layer, "dilation", 1)  # an average pool has none
    padding = layer.padding
    if isinstance(padding, str):  # torch puts the odd cell of "same" behind; only what stands in front moves the centre
        padding = [d * (k - 1) // 2 if padding == "same" else 0 for k, d in zip(layer.kernel_size, layer.dilation)]
    values = [(v, v) if isinstance(v, int) else tuple(v) for v in (layer.kernel_size, layer.stride, padding, dilation)]
    if any(vertical != horizontal for vertical, horizontal in values):
        raise ValueError(f"{layer!r} differs between height and width: describe one axis at a time with square layers")
    k, s, p, d = (value[0] for value in values)
    return _Window(range(-p, d * k - p, d), s, isinstance(layer, nn.ConvTranspose2d))
