"""Chapter 3, Transposed convolution."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from segbook.checks.core import call, checker, own_numbers, require
from segbook.checks.values import Wrong, close, numbers, short, whole

__all__ = [
    "transpose_bug",
    "transpose_by_hand",
    "transpose_grid",
    "transpose_of_anything",
    "transpose_orthogonal",
    "transpose_sizes",
]


@checker
@own_numbers(
    "input {x}, kernel {kernel}",
    {"x": [[1, 2], [3, 0]], "kernel": [[1, 0], [2, 1]]},
    {"x": [[2, 1], [0, 3]], "kernel": [[1, 2], [0, 1]]},
    {"x": [[0, 3], [1, 2]], "kernel": [[2, 0], [1, 1]]},
    {"x": [[3, 1], [2, 0]], "kernel": [[1, 1], [2, 0]]},
    {"x": [[1, 0], [2, 3]], "kernel": [[0, 1], [2, 1]]},
)
def transpose_by_hand(whole: Sequence, cut: Sequence, x: list, kernel: list) -> str:
    x, kernel = torch.tensor(x).float(), torch.tensor(kernel).float()

    def layer(x: Tensor, kernel: Tensor, **options) -> np.ndarray:
        return F.conv_transpose2d(x[None, None], kernel[None, None], **options)[0, 0].numpy()

    whole = numbers(whole, "whole")
    require(
        whole.shape == (3, 3),
        f"whole has the shape {whole.shape}; two stamps of 2, one cell apart, cover 3"
        + (": this is a convolution's size, and a transposed one makes maps larger" if whole.shape == (1, 1) else ""),
    )
    truth = layer(x, kernel)
    if not close(whole, truth):
        flipped = close(whole, layer(x, kernel.flip(0, 1)))
        wrong = int((~np.isclose(whole, truth)).sum())
        raise Wrong(
            "whole was made with the flipped kernel; a stamp is put down as it is"
            if flipped
            else f"{wrong} of the 9 values of whole are wrong: put down the four stamps and add where they overlap"
        )
    cut = numbers(cut, "cut")
    require(cut.shape != (4, 4), "cut is still the whole canvas of 4 x 4; padding 1 takes a cell away on every side")
    require(
        cut.shape == (2, 2), f"cut has the shape {cut.shape}; at stride 2 the canvas is 4 x 4, less one on every side"
    )
    require(
        close(cut, layer(x, kernel, stride=2, padding=1)),
        "cut is not the inner part of the canvas: at stride 2 the four stamps do not overlap",
    )
    return "both by hand, as torch computes them"


@checker
def transpose_sizes(settings: dict, centred: Sequence[str]) -> str:
    require(isinstance(settings, dict), f"settings is a dict of letters, this is {short(settings)}")
    # letter: cells in, kernel, stride, dilation, cells out
    asked = {"a": (9, 8, 4, 1, 36), "b": (9, 4, 3, 1, 27), "c": (9, 3, 2, 2, 18), "d": (6, 5, 3, 1, 17)}
    missing = [letter for letter in asked if letter not in settings]
    require(not missing, f"there is no setting for {', '.join(missing)}")
    for letter, (n, k, s, d, out) in asked.items():
        values = numbers(settings[letter], f"settings[{letter!r}]", (2,))
        p, o = (whole(value, f"a value of {letter}") for value in values)
        require(p >= 0 and o >= 0, f"{letter}: padding and output_padding are not negative")
        require(
            o < max(s, d), f"{letter}: output_padding {o} is refused by torch, it has to be below stride or dilation"
        )
        made = (n - 1) * s - 2 * p + d * (k - 1) + o + 1
        require(made == out, f"{letter}: {n} cells become {made} with these two, and should become {out}")
        if letter == "d":
            require(p == 2, "d: the padding is that of the convolution, 2")
        else:
            smaller = (n - 1) * s - 2 * (p - 1) + d * (k - 1) + 1 <= out and p > 0
            require(not smaller, f"{letter}: it works, but a smaller padding would do")
    letters = {str(letter) for letter in centred} if isinstance(centred, list | tuple | set | str) else None
    require(
        letters is not None and letters <= set("abc"),
        f"centred is a list of the letters a, b, c, this is {short(centred)}",
    )
    truth = {letter for letter in "abc" if numbers(settings[letter], letter)[1] == 0}
    if letters != truth:
        raise Wrong(
            "a cell of output_padding is added on one side only, so it moves the middle: compare that with your list "
            "of centred ones"
        )
    return "four sizes right, each with as little as possible, and you see which ones stay in the middle"


@checker
def transpose_bug(enlarge: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    # as many channels out as in first: there each of the two faults can be named
    cases = ((2, 2, 4, 2, 4, 4), (2, 3, 4, 2, 5, 6), (1, 1, 3, 3, 1, 4), (3, 2, 2, 1, 3, 3))
    for channels_in, channels_out, k, s, h, w in cases:
        x = torch.rand(2, channels_in, h, w, generator=generator)
        weight = torch.rand(channels_in, channels_out, k, k, generator=generator)
        said = f"enlarge(x, weight, {s}) with {channels_in} channels in, {channels_out} out and a {k} x {k} kernel"
        out = torch.from_numpy(numbers(call(enlarge, x, weight, s, said=said), said))
        truth = F.conv_transpose2d(x, weight, stride=s).double()
        require(
            out.shape == truth.shape,
            f"{said} has the shape {tuple(out.shape)}, torch's has {tuple(truth.shape)}"
            + (
                ": in which order does each of the two functions want its channels?"
                if channels_in != channels_out
                else ""
            ),
        )
        if not close(out, truth):
            unflipped = F.conv_transpose2d(x, weight.flip(-1, -2), stride=s).double()
            swapped = channels_in == channels_out and close(
                out, F.conv_transpose2d(x, weight.transpose(0, 1), stride=s).double()
            )
            hint = ""
            if close(out, unflipped):
                hint = ". One of two things is mended; is a window's kernel the stamp as it is, or turned?"
            elif swapped:
                hint = ". One of two things is mended; look at the channels"
            raise Wrong(f"{said} differs from torch's by up to {(out - truth).abs().max():.2f} on random weights{hint}")
    return "equal to torch's on random weights, with other channels in than out, and at every stride tried"


@checker
def transpose_of_anything(transpose_of: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    matrix = torch.rand(3, 10, generator=generator, dtype=torch.float64)
    cases = [
        ("average pooling", lambda u: F.avg_pool2d(u, 2), (1, 1, 4, 6)),
        ("bilinear enlargement", lambda u: F.interpolate(u, scale_factor=2, mode="bilinear"), (1, 2, 3, 4)),
        ("a reversal", lambda u: u.flip(0), (5,)),
        ("a matrix", lambda u: matrix.to(u) @ u.flatten(), (2, 5)),
        ("multiplication by 3", lambda u: 3 * u, ()),
    ]
    for name, f, shape in cases:
        u = torch.rand(shape, generator=generator, dtype=torch.float64)
        v = torch.rand(f(u).shape, generator=generator, dtype=torch.float64)
        said = f"transpose_of({name}, {shape})"
        transposed = call(transpose_of, f, shape, said=said)
        require(callable(transposed), f"{said} returned {short(transposed)}, and a function is asked for")
        out = torch.from_numpy(numbers(call(transposed, v, said=f"{said}(v)"), f"{said}(v)"))
        require(
            out.shape == u.shape,
            f"{said}(v) has the shape {tuple(out.shape)}; a transpose goes back to the input's, {tuple(shape)}",
        )
        left, right = (f(u) * v).sum().item(), (u * out).sum().item()
        hint = ""
        if out.abs().max() == 0:
            hint = ". It returns zeros"
        elif close(f(out), v, atol=1e-3):
            hint = ". This inverts f; a transpose is something else"
        require(close(left, right), f"for {name} <f(u), v> is {left:.4f} and <u, transposed(v)> is {right:.4f}{hint}")
    return "<f(u), v> = <u, transposed(v)> for pooling, interpolation, a reversal, a matrix and a factor"


@checker
def transpose_grid(predicted: Sequence[int], measured: dict[int, float]) -> str:
    guess = predicted if isinstance(predicted, list | tuple | set) else [predicted]
    guess = {whole(kernel, "a kernel size of predicted") for kernel in guess}
    require(guess <= {2, 5, 6}, f"predicted holds kernel sizes out of 2, 5 and 6, this is {short(predicted)}")
    require(isinstance(measured, dict), f"measured is a dict of kernel size: unevenness, this is {short(measured)}")
    values = {}
    for kernel in (2, 5, 6):
        require(kernel in measured, f"measured has nothing for kernel {kernel}")
        values[kernel] = float(numbers(measured[kernel], f"measured[{kernel}]", ()))
        require(
            0 <= values[kernel] <= 1,
            f"an unevenness lies between 0 and 1, measured[{kernel}] is {values[kernel]:g}",
        )
    for kernel in (2, 6):
        require(
            values[kernel] <= 0.01,
            f"kernel {kernel} keeps {values[kernel]:.3f}, and every phase of it has as many inputs as the next: do "
            "padding and output_padding double the size exactly, and has it been trained to the end?",
        )
    require(
        values[5] > 0.01,
        f"kernel 5 keeps only {values[5]:.4f}; its phases differ in their inputs. Is it the largest of the seeds?",
    )
    uneven = {kernel for kernel, value in values.items() if value > 0.01}
    require(
        guess == uneven,
        "the prediction differs from the measurement. How many inputs does an even output see, and an odd one?",
    )
    return "predicted and measured agree: what decides is whether every phase has as many inputs"


@checker
def transpose_orthogonal(weight: Tensor) -> str:
    values = torch.from_numpy(numbers(weight, "weight", (4, 1, 2, 2)))
    image = torch.rand(2, 1, 8, 6, generator=torch.Generator().manual_seed(0)).double()
    restored = F.conv_transpose2d(F.conv2d(image, values, stride=2), values, stride=2)
    error = (restored - image).abs().max().item()
    block = values.flatten(1)
    gram = block @ block.T
    if error > 1e-4:
        off = (gram - torch.diag(gram.diagonal())).abs().max().item()
        if off < 1e-4:
            raise Wrong(
                f"the image comes back with an error of {error:.2f}. The four kernels are perpendicular to each other; "
                f"their lengths squared are {np.round(gram.diagonal().numpy(), 2).tolist()}"
            )
        raise Wrong(
            f"the image comes back with an error of {error:.2f}; two of the kernels have the scalar product {off:.2f}"
        )
    mixes = bool((block.abs() > 1e-6).all(1).any())
    more = "" if mixes else " Now one whose kernels mix all four pixels?"
    return f"every image comes back, to {error:.0e}.{more}"
