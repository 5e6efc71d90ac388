"""Chapter 3, Transposed convolution."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.values import Wrong, apart, close, numbers, short, whole

__all__ = [
    "transpose_bug",
    "transpose_by_hand",
    "transpose_of_anything",
    "transpose_orthogonal",
    "transpose_phases",
    "transpose_sizes",
]


def layers_tensor(out: object, given: Tensor, said: str) -> Tensor:
    """What a reader's layer returned, if it is a tensor of its input's type, as every layer's output is."""
    require(isinstance(out, Tensor), f"{said} returned {short(out)}, and a tensor is asked for")
    require(
        out.dtype == given.dtype,
        f"{said} returned {out.dtype} for an input of {given.dtype}; a layer keeps the type of what it gets",
    )
    return out.detach()


@checker
@own_numbers(
    "input {x}, kernel {kernel}",
    {"x": [[2, 1], [3, 5]], "kernel": [[1, 4], [2, 3]]},
    {"x": [[1, 3], [2, 4]], "kernel": [[2, 1], [5, 3]]},
    {"x": [[4, 2], [1, 3]], "kernel": [[1, 2], [3, 5]]},
    {"x": [[3, 1], [5, 2]], "kernel": [[2, 4], [1, 3]]},
    {"x": [[1, 4], [3, 2]], "kernel": [[3, 1], [2, 5]]},
)
def transpose_by_hand(whole: Sequence, cut: Sequence, x: list, kernel: list) -> str:
    x, kernel = torch.tensor(x).double(), torch.tensor(kernel).double()

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
    require(cut.shape != (4, 4), "cut is still the whole canvas of 4x4; padding 1 takes a cell away on every side")
    require(
        cut.shape == (2, 2), f"cut has the shape {cut.shape}; at stride 2 the canvas is 4x4, less one on every side"
    )
    require(
        close(cut, layer(x, kernel, stride=2, padding=1)),
        "cut is not the inner part of the canvas: at stride 2 the four stamps do not overlap",
    )
    return "both by hand, as torch computes them"


@checker
def transpose_sizes(settings: dict, centred: Sequence[str]) -> str:
    require(isinstance(settings, dict), f"settings is a dict of letters, this is {short(settings)}")
    settings = {str(letter).strip().lower(): pair for letter, pair in settings.items()}
    # letter: cells in, kernel, stride, dilation, cells out
    asked = {"a": (9, 8, 4, 1, 36), "b": (9, 4, 3, 1, 27), "c": (9, 3, 2, 2, 18), "d": (6, 5, 3, 1, 17)}
    missing = [letter for letter in asked if letter not in settings]
    require(not missing, f"there is no setting for {', '.join(missing)}")
    for letter, (n, k, s, d, out) in asked.items():
        p, o = (whole(v, f"a value of {letter}") for v in numbers(settings[letter], f"settings[{letter!r}]", (2,)))
        require(p >= 0 and o >= 0, f"{letter}: padding and output_padding are not negative")
        require(
            o < max(s, d), f"{letter}: output_padding {o} is refused by torch, it has to be below stride or dilation"
        )
        canvas = nn.ConvTranspose1d(1, 1, k, s, dilation=d, device="meta")(torch.empty(1, 1, n, device="meta"))
        made = canvas.shape[-1] - 2 * p + o
        require(made == out, f"{letter}: {n} cells become {made} with these two, and should become {out}")
        if letter == "d":
            require(p == 2, "d: the padding is to be the convolution's")
        else:
            require(p == 0 or made + 2 - o > out, f"{letter}: it works, but a smaller padding would do")
    letters = [centred] if isinstance(centred, str) else centred
    require(
        isinstance(letters, list | tuple | set | np.ndarray) and all(isinstance(one, str) for one in letters),
        f"centred is a list of letters, this is {short(centred)}",
    )
    letters = {one for text in letters for one in text.lower() if one.isalnum()}
    require(letters <= set("abc"), f"centred is a list of the letters a, b, c, this is {short(centred)}")
    truth = {letter for letter in "abc" if numbers(settings[letter], letter)[1] == 0}
    if letters != truth:
        raise Wrong(
            "a cell of output_padding is added on one side only, so it moves the middle: compare that with your list "
            "of centred ones"
        )
    return "four sizes right, each with as little as possible, and you see which ones stay in the middle"


@checker
def transpose_phases(sums: Sequence[float], sums_3: Sequence[float], mended: Sequence[float]) -> str:
    kernel = np.array([1.0, 4, 2, 3, 2])

    def repeated(kernel: np.ndarray, stride: int) -> np.ndarray:
        row = F.conv_transpose1d(torch.ones(1, 1, 12).double(), torch.from_numpy(kernel)[None, None], stride=stride)
        return row[0, 0, 3 * stride : 4 * stride].numpy()

    for answer, name, stride in ((sums, "sums", 2), (sums_3, "sums_3", 3)):
        values = np.sort(numbers(answer, name, (stride,)))
        stamps = np.sort(repeated(np.ones(5), stride))
        require(
            not close(values, stamps),
            f"{name} counts the stamps that meet on an output; each brings a weight of its own, add those",
        )
        require(
            close(values, np.sort(repeated(kernel, stride))),
            f"{name} is not what repeats at stride {stride}: put the kernel down a few times, one stamp every {stride} "
            "cells, and add up column by column",
        )
    values = numbers(mended, "mended", (5,))
    changed = int((~np.isclose(values, kernel)).sum())
    require(changed == 1, f"mended differs from the kernel in {changed} weights, and one is to be changed")
    phases = repeated(values, 2)
    require(
        close(phases[0], phases[1]),
        f"with mended, {phases[0]:g} and {phases[1]:g} alternate on a row of ones: a grid is left",
    )
    return "the phases at both strides, and a kernel that keeps a constant constant, uneven overlap and all"


@checker
def transpose_bug(upsample: Callable) -> str:
    draw = generator()
    # in, out, kernel, stride, height, width, type; as many channels out as in first: there each fault can be named
    cases = (
        (2, 2, 4, 2, 4, 4, torch.float32),
        (2, 3, 4, 2, 5, 6, torch.float64),
        (1, 1, 3, 3, 1, 4, torch.float32),
        (3, 2, 2, 1, 3, 3, torch.float64),
        (2, 1, 2, 3, 3, 2, torch.float32),
    )
    for channels_in, channels_out, k, s, h, w, kind in cases:
        x = torch.rand(2, h, w, channels_in, generator=draw, dtype=kind).movedim(-1, 1)  # channels last, not contiguous
        weight = torch.rand(channels_in, channels_out, k, k, generator=draw, dtype=kind)
        said = f"upsample(x, weight, {s}) with {channels_in} channels in, {channels_out} out and a {k} x {k} kernel"
        out = layers_tensor(call(upsample, x, weight, s, said=said), x, said)
        truth = F.conv_transpose2d(x, weight, stride=s)
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
            hint = ""
            if close(out, F.conv_transpose2d(x, weight.flip(-1, -2), stride=s)):
                hint = ". One of two things is mended; is a window's kernel the stamp as it is, or turned?"
            elif channels_in == channels_out and close(out, F.conv_transpose2d(x, weight.transpose(0, 1), stride=s)):
                hint = ". One of two things is mended; look at the channels"
            most = (out - truth).abs().max().item()
            raise Wrong(f"{said} differs from torch's by up to {apart(most, 0)} on random weights{hint}")
    return "equal to torch's on random weights, with other channels in than out, in 32 and in 64 bits"


@checker
def transpose_of_anything(transpose_of: Callable) -> str:
    draw = generator()
    matrix = torch.rand(3, 10, generator=draw, dtype=torch.float64)
    kernel = torch.rand(3, 2, 3, 2, generator=draw, dtype=torch.float64)
    cases = [
        ("average pooling", lambda x: F.avg_pool2d(x, 2), (2, 1, 5, 6)),
        ("bilinear upsampling", lambda x: F.interpolate(x, scale_factor=2, mode="bilinear"), (1, 2, 3, 4)),
        ("a convolution", lambda x: F.conv2d(x, kernel.to(x), stride=2), (1, 2, 5, 4)),
        ("a reversal", lambda x: x.flip(0), (5,)),
        ("a matrix", lambda x: matrix.to(x) @ x.flatten(), (2, 5)),
        ("multiplication by 3", lambda x: 3 * x, ()),
    ]
    for name, f, shape in cases:
        size = int(np.prod(shape))
        columns = [f(one.view(shape)).flatten() for one in torch.eye(size, dtype=torch.float64)]
        full = torch.stack(columns, 1)  # the oracle: the matrix, column by column
        calls = []

        def counted(x: Tensor, f: Callable = f, calls: list = calls) -> Tensor:
            calls.append(1)
            return f(x)

        said = f"transpose_of({name}, {shape})"
        transposed = call(transpose_of, counted, shape, said=said)
        require(callable(transposed), f"{said} returned {short(transposed)}, and a function is asked for")
        out_shape = f(torch.zeros(shape, dtype=torch.float64)).shape
        for _ in range(2):  # twice: a function is used more than once
            z = torch.rand(out_shape[::-1], generator=draw, dtype=torch.float64)
            z = z.permute(tuple(range(z.dim()))[::-1])  # not contiguous
            out = layers_tensor(call(transposed, z, said=f"{said}(z)"), z, f"{said}(z)")
            require(
                out.shape == shape,
                f"{said}(z) has the shape {tuple(out.shape)}; a transpose goes back to the input's, {shape}",
            )
            if not close(out.flatten(), full.T @ z.flatten()):
                hint = "; are all of its values used?"
                if out.abs().max() == 0:
                    hint = ", and it is all zeros"
                elif close(f(out), z, atol=1e-3):
                    hint = ". This inverts f; a transpose is something else"
                raise Wrong(f"for {name} the result is not the transposed matrix times z{hint}")
        require(
            len(calls) <= 5,
            f"for {name} f was called {len(calls)} times in two uses: that builds its matrix, piece by piece",
        )
    return "the transposed matrix times z, without the matrix, for pooling, interpolation, a convolution and three more"


@checker
def transpose_orthogonal(weight: Tensor) -> str:
    values = torch.from_numpy(numbers(weight, "weight", (4, 1, 2, 2)))
    require(values.isfinite().all(), "weight holds values that are no finite numbers")
    image = torch.rand(2, 1, 8, 6, generator=generator(), dtype=torch.float64)
    restored = F.conv_transpose2d(F.conv2d(image, values, stride=2), values, stride=2)
    error = (restored - image).abs().max().item()
    block = values.flatten(1)
    gram = block @ block.T
    if error > 5e-3:  # weights to three digits will do
        off = (gram - torch.diag(gram.diagonal())).abs().max().item()
        if off < 5e-3:
            raise Wrong(
                f"the image comes back with an error of {error:.2g}. The four kernels are perpendicular to each other; "
                f"their lengths squared are {', '.join(f'{v:.3g}' for v in gram.diagonal().tolist())}"
            )
        raise Wrong(
            f"the image comes back with an error of {error:.2g}; two of the kernels have a scalar product of {off:.2g}"
        )
    zeros = int((block.abs() < 0.01).sum())
    require(
        zeros == 0,
        f"every image comes back, but {zeros} of the 16 weights are zero or nearly so: let each kernel mix all four "
        "pixels",
    )
    return "every image comes back, and each of the four kernels mixes all four pixels"
