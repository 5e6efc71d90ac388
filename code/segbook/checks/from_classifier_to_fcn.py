"""Chapter 5, From classifier to FCN-32s."""

from collections.abc import Callable

import torch
from torch import nn

from segbook import QUICK
from segbook.bilinear import BilinearUpsample
from segbook.checks.core import call, checker, own_numbers, require
from segbook.checks.values import Wrong, close, number, numbers, whole

__all__ = [
    "as_convolution",
    "draw_where_you_look",
    "effective_recipe",
    "enlarge_to_image",
    "learned_enlargement",
    "valid_crops",
]


@checker
def as_convolution(as_convolution: Callable) -> str:
    generator = torch.Generator().manual_seed(0)
    for channels, size, out in ((8, 3, 5), (2, 4, 7), (1, 1, 1), (5, 2, 3)):
        linear = nn.Linear(channels * size * size, out)
        said = f"as_convolution(linear, {channels}, {size})"
        layer = call(as_convolution, linear, channels, size, said=said)
        require(isinstance(layer, nn.Module), f"{said} returns a layer, this is {type(layer).__name__}")
        x = torch.randn(3, channels, size, size, generator=generator)
        with torch.no_grad():
            scores = call(layer, x, said=f"{said} on a map of {size} x {size}")
            truth = linear(x.flatten(1))
        scores = torch.from_numpy(numbers(scores, "the output", (3, out, 1, 1)))[..., 0, 0]
        if not close(scores, truth, atol=1e-4):
            with torch.no_grad():
                channels_last = linear(x.permute(0, 2, 3, 1).flatten(1))
                unbiased = truth - linear.bias
            hint = "; random numbers? The weights are those of the linear layer"
            if close(scores, channels_last, atol=1e-4):
                hint = ": the weights were read with the channels last, and `flatten` goes through the channels first"
            elif close(scores, unbiased, atol=1e-4):
                hint = ": the bias is missing"
            raise Wrong(f"{said} does not give the scores of the linear layer{hint}")
        wide = torch.randn(1, channels, size + 2, size + 3, generator=generator)
        with torch.no_grad():
            scored = torch.from_numpy(numbers(call(layer, wide, said=f"{said} on a larger map"), "the output"))
            last = linear(wide[..., -size:, -size:].flatten(1))[0]
        require(
            scored.shape == (1, out, 3, 4),
            f"on a map of {size + 2} x {size + 3} cells {said} gives {tuple(scored.shape[2:])} positions, and there "
            "are (3, 4): no padding, stride 1",
        )
        require(close(scored[0, :, -1, -1], last, atol=1e-4), f"{said} is wrong at the last position of a larger map")
    return "the linear layer's scores at every position of a map of any size"


@checker
def valid_crops(deviation_without_padding: float) -> str:
    deviation = number(deviation_without_padding, "deviation_without_padding")
    require(deviation >= 0, "a deviation is not negative")
    require(
        deviation < 1e-3,
        f"a deviation of {deviation:.3f} is not rounding: is the padding gone in all three convolutions, are the "
        "weights the same in both passes, and do 9 x 13 positions meet the 117 crops in the same order?",
    )
    return "rounding is all that is left: without padding nothing tells a crop from a window"


@checker
@own_numbers("batches of {batch}", {"batch": 8}, {"batch": 4}, {"batch": 2}, {"batch": 16})
def effective_recipe(my_lr: float, my_wd: float, batch: int) -> str:
    lr, wd = number(my_lr, "my_lr"), number(my_wd, "my_wd")
    require(lr > 0 and wd >= 0, "a learning rate is positive, a weight decay not negative")
    steps = 32 // batch  # for one of the recipe's
    # The same change after 4 of the steps: gradients 4 lr g = 0.032 g, decay 4 lr wd w = 0.001 * 0.001 w.
    slips = {
        0.001: "that is the recipe's rate for a *summed* loss; with a mean it would be a far slower training",
        0.032: f"that is the rate for a mean over 32 images; you make {steps} steps for each of the recipe's",
        0.032 * steps: "a smaller batch needs smaller steps: there are more of them",
    }
    for slip, why in slips.items():
        require(not close(lr, slip), f"learning rate {lr:g}: {why}")
    require(
        close(steps * lr, 32 * 0.001),
        f"{steps} of your steps move the weights by {steps * lr:g} times the mean gradient, one of the recipe's by "
        "0.032",
    )
    require(
        not close(wd, 0.001),
        "the weight decay was left as it was: with each step it is multiplied by the learning rate, and that is new",
    )
    require(
        not close(wd, 0.001 / batch),
        f"0.001 / {batch} carries over one step of {batch} images under a summed loss; here {steps} steps stand for "
        "one of the recipe",
    )
    require(
        close(steps * lr * wd / (0.001 * 0.001), 1),
        f"{steps} of your steps decay a weight by {steps * lr * wd:.3g} of it, one of the recipe's by "
        f"{0.001 * 0.001:.3g}",
    )
    return f"after {steps} steps the same gradient and the same decay"


@checker
def enlarge_to_image(enlarge_to_image: Callable) -> str:
    right = BilinearUpsample(21, 32)
    generator = torch.Generator().manual_seed(0)
    for rows, columns, height, width in ((3, 4, 96, 128), (2, 3, 64, 96), (1, 1, 32, 32), (3, 4, 90, 101)):
        cells = torch.rand(1, 21, rows, columns, generator=generator)
        said = f"enlarge_to_image of {rows} x {columns} cells to {height} x {width}"
        out = call(enlarge_to_image, cells, height, width, said=said)
        out = torch.from_numpy(numbers(out, said, (1, 21, height, width)))
        with torch.no_grad():
            truth = right(cells)[..., :height, :width].double()
        if not close(out, truth, atol=1e-4):
            impulse = torch.zeros(1, 21, rows, columns)
            impulse[0, 0, -1, -1] = 1
            drawn = numbers(call(enlarge_to_image, impulse, height, width, said=said), said)[0, 0]
            y, x = divmod(int(drawn.argmax()), width)
            raise Wrong(
                f"{said}: the score of the last cell ({rows - 1}, {columns - 1}) is brightest at row {y}, column {x}, "
                "and its cell's pixels have their middle elsewhere. What is cut away, on which sides?"
            )
    return "cell i is drawn around 32 i + 15.5, at every size, and the map ends where the image does"


@checker
def draw_where_you_look(padding: int, output_padding: int, miou_redrawn: float) -> str:
    p, o = whole(padding, "padding"), whole(output_padding, "output_padding")
    for cells, pixels in ((3, 96), (4, 128)):
        made = (cells - 1) * 32 - 2 * p + 63 + o
        require(
            made == pixels, f"with padding {p} and output_padding {o}, {cells} cells become {made} pixels, not {pixels}"
        )
    require(o < 32, f"output_padding {o} is refused by torch, it has to be below the stride")
    centre = 31 - p
    require(
        centre == 0,
        f"the size is right, but cell 0 is drawn around pixel {centre:g} and not around 0: output_padding adds pixels "
        "at the end only, padding moves the map",
    )
    miou = number(miou_redrawn, "miou_redrawn")
    require(0 < miou < 1, f"a mean IoU lies between 0 and 1, got {miou:g}")
    require(
        0.32 < miou < 0.388,  # labels only, so the same however long anything was trained
        f"a mean IoU of {miou:.3f}: the cells have to look at 32 i (shift 16), and the last pixels still hang on one "
        "cell each, so it lies between the shifted and the aligned number",
    )
    return f"drawn where the cells look: {miou:.3f}, with a border that only a size of 32 n + 1 would mend"


@checker
def learned_enlargement(miou_frozen: float, miou_learned: float) -> str:
    frozen, learned = number(miou_frozen, "miou_frozen"), number(miou_learned, "miou_learned")
    require(0 < frozen < 1 and 0 < learned < 1, "a mean IoU lies between 0 and 1")
    require(frozen != learned, "both numbers are the same; was the second network built with another `upsample`?")
    require(
        QUICK or learned > 0.25,
        f"{learned:.3f} with the learned layer is hardly above the baseline: the same settings, the same steps?",
    )
    return f"{learned - frozen:+.3f} by learning the enlargement, on one data set and with one seed"
