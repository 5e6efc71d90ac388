"""Optional page, Beyond convolutions."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import Wrong, close, numbers, short

__all__ = ["beyond_masks", "beyond_shuffle"]


def by_counting(class_logits: Tensor, mask_logits: Tensor) -> np.ndarray:
    """Sums (C, H, W), one query after the other."""
    total = np.zeros((class_logits.shape[1] - 1, *mask_logits.shape[1:]))
    for classes, mask in zip(class_logits.double().numpy(), mask_logits.double().numpy()):
        chance = np.exp(classes) / np.exp(classes).sum()
        total += chance[:-1, None, None] / (1 + np.exp(-mask))
    return total


@checker
def beyond_masks(semantic: Callable) -> str:
    draw = generator()
    for queries, classes, height, width in ((5, 3, 4, 6), (2, 7, 3, 3), (1, 1, 2, 5)):
        said = f"semantic, for {queries} queries and {classes} classes,"
        logits = 2 * torch.randn(classes + 1, queries, generator=draw).T  # not contiguous
        masks = 2 * torch.randn(queries, height, width, generator=draw, dtype=torch.float64)
        masks = masks.float() if classes > 1 else masks
        logits = logits.to(masks.dtype)
        found = numbers(call(semantic, logits, masks, said=said), said)
        right = by_counting(logits, masks)
        require(
            found.shape[:1] != (classes + 1,) or found.ndim != 3,
            f"{said} gives {classes + 1} maps: 'no object' is an answer of a query, not a class of a pixel",
        )
        require(found.shape == right.shape, f"{said} has the shape {found.shape}, and {right.shape} is asked for")
        if close(found, right):
            continue
        nothing = torch.zeros_like(logits)
        nothing[:, -1] = 30.0  # every query is sure that it has found no object
        empty = numbers(call(semantic, nothing, masks, said=said), said)
        slips = {
            "a mask is its own yes or no at each pixel, with a sigmoid; masks do not compete in a softmax": close(
                found, torch.einsum("qc,qhw->chw", logits.softmax(1)[:, :-1], masks.softmax(0))
            ),
            "the masks are logits still: what makes them shares of 1?": close(
                found, torch.einsum("qc,qhw->chw", logits.softmax(1)[:, :-1], masks)
            ),
            "each query chooses among the classes; across the queries nothing is shared out": close(
                found, torch.einsum("qc,qhw->chw", logits.softmax(0)[:, :-1], masks.sigmoid())
            ),
            "take the sum over the queries, not their mean": close(found * queries, right),
            "a query that says 'no object' must add nothing: it loses its share in the softmax, not before": not close(
                empty, 0, atol=1e-3
            ),
        }
        hint = next(
            (text for text, holds in slips.items() if holds), "add up by hand what each query says of one pixel"
        )
        raise Wrong(f"{said} is not the sum of class chance times mask: {hint}")
    return "every query says what and where, and the order of the queries does not matter"


@checker
def beyond_shuffle(as_shuffle: Callable) -> str:
    draw = generator()
    cases = [(nn.ConvTranspose2d(i, o, f, f), f) for i, o, f in ((6, 4, 2), (3, 5, 3), (2, 1, 4))]
    for layer, _ in cases:
        for parameter in layer.parameters():
            parameter.data = torch.randn(parameter.shape, generator=draw)
    x = torch.randn(2, 6, 5, 4, generator=draw)
    for layer, factor in cases:
        inputs, outputs = layer.weight.shape[:2]
        said = f"as_shuffle, for {inputs} channels in, {outputs} out and factor {factor},"
        before = {name: value.clone() for name, value in layer.state_dict().items()}
        result = call(partial(as_shuffle, layer), said=said)
        changed = any(not torch.equal(before[name], value) for name, value in layer.state_dict().items())
        require(not changed, f"{said} changed the layer; build new tensors from its weights")
        pair = isinstance(result, tuple | list) and len(result) == 2
        require(pair, f"{said} returns {short(result)}; a weight and a bias are asked for")
        weight, bias = (torch.from_numpy(numbers(part, "a parameter")).float() for part in result)
        wanted = (outputs * factor**2, inputs, 1, 1)
        require(
            weight.shape == wanted and bias.shape == wanted[:1],
            f"{said} gives the shapes {tuple(weight.shape)} and {tuple(bias.shape)}; pixel_shuffle makes {outputs} "
            f"channels out of {wanted[0]}, so {wanted} and {wanted[:1]} are needed",
        )
        with torch.no_grad():
            right = layer(x[:, :inputs])
            plain = F.pixel_shuffle(F.conv2d(x[:, :inputs], weight), factor)
        made = plain + F.pixel_shuffle(bias[None, :, None, None].expand(-1, -1, *x.shape[-2:]), factor)
        if close(made, right.numpy()):
            continue
        no_bias = right - layer.bias[:, None, None]
        if close(plain, no_bias.detach().numpy()):
            raise Wrong(f"{said} is right but for the bias: each output channel has one, and all its phases share it")
        turned = plain.unflatten(-1, (-1, factor)).unflatten(-3, (-1, factor)).transpose(-3, -1).flatten(-2)
        turned = turned.flatten(-3, -2)
        hint = "pixel_shuffle counts the channels by output, then row, then column"
        if close(turned, no_bias.detach().numpy()):
            hint = "rows and columns of the taps are exchanged"
        raise Wrong(f"{said} is another layer: {hint}")
    return "a transposed convolution whose stamps do not overlap is a 1x1 convolution, spread out"
