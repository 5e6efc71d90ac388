"""Chapter 12, Inference, any size."""

import functools
import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from segbook import data, models
from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.states import differing
from segbook.checks.values import close, number, numbers, short, whole
from segbook.infer import predict
from segbook.infer.windows import window_starts
from segbook.metrics import ConfusionMatrix

__all__ = [
    "infer_context",
    "infer_count",
    "infer_finer",
    "infer_input",
    "infer_tents",
    "infer_views",
]
SIZES = (32, 48, 64, 96)


@functools.cache
def deeplab() -> nn.Module:
    """The chapter's network: the weights that ship."""
    return models.create("deeplabv3plus_tiny", weights="toyvoc").eval()


@functools.cache
def scenes() -> data.ToyVOC:
    return data.load("toy", "val")


@checker
@own_numbers(
    "an image of {height:,}x{width:,} pixels",
    {"height": 4000, "width": 6000},
    {"height": 3000, "width": 5000},
    {"height": 3500, "width": 4500},
    {"height": 2500, "width": 4000},
    {"height": 4200, "width": 5800},
    {"height": 5000, "width": 7000},
)
def infer_count(my_windows: int, my_times: float, height: int, width: int) -> str:
    windows, times = whole(my_windows, "my_windows"), number(my_times, "my_times")
    rows, columns = (len(window_starts(n, 512, 0.5)) for n in (height, width))
    require(
        windows != (rows - 1) * (columns - 1),
        "these are the steps; along an axis there is one window more than steps",
    )
    require(
        windows != math.ceil(height / 512) * math.ceil(width / 512),
        "that many windows stand side by side; with half a window of overlap they step by 256",
    )
    require(windows == rows * columns, f"{windows} is not rows times columns of windows: count each axis by itself")
    require(
        close(times, windows * 512 * 512 / (height * width), rtol=0.02),
        f"{times:g} times: divide the pixels of all windows by those of the image",
    )
    return f"{rows} x {columns} windows, and {times:.1f} times the pixels, nearly four"


@checker
def infer_finer(my_rates: Sequence[int], my_factor: float, my_move: float) -> str:
    rates = sorted(numbers(sorted(my_rates) if isinstance(my_rates, set) else my_rates, "my_rates", (3,)).tolist())
    factor, move = number(my_factor, "my_factor"), abs(number(my_move, "my_move"))
    require(rates != [6, 12, 18], "with these rates the kernels reach a quarter as far: cells are closer together now")
    require(rates != [12, 24, 36], "these are the rates for output stride 8")
    require(
        rates != [1.5, 3, 4.5], "the cells are closer together now: do the same pixels lie more cells apart, or fewer?"
    )
    require(
        close(rates, [24, 48, 72]), f"the rates {short(rates)} do not look at the pixels that 6, 12 and 18 looked at"
    )
    require(factor != 4, "that is the factor along one side; the map has two")
    require(close(factor, 16), f"a factor of {factor:g}: how many new cells stand where one stood, along each side?")
    require(
        move not in (7.5, 1.5), "that is how far one of the two maps is put from where it looks; asked is what changes"
    )
    require(move != 4, "that is the move from output stride 16 to 8")
    require(
        close(move, 6), f"a move by {move:g} pixels: by how much is a cell misplaced before, and by how much after?"
    )
    return "rates, cells and the move follow from the stride alone"


def view(model: nn.Module, image: Tensor, down: int, across: int, back: bool = True) -> Tensor:
    """Logits (C, H, W) of one view; the steps are 1, or -1 for a mirror, which is a list of places read backwards."""
    rows, columns = (
        torch.arange(n) if step > 0 else torch.arange(n).flip(0) for n, step in zip(image.shape[1:], (down, across))
    )
    logits = model(image[:, rows][:, :, columns][None])[0]
    return logits[:, rows][:, :, columns] if back else logits


@checker
def infer_views(four_views: Callable) -> str:
    draw = generator()
    turns = [(1, 1), (1, -1), (-1, 1), (-1, -1)]
    for (height, width), dtype, classes in (((9, 14), torch.float32, 5), ((7, 4), torch.float64, 3)):
        layers = [
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, classes, (3, 5), padding=(1, 2)),
        ]
        model = nn.Sequential(*layers).to(dtype).eval()
        for value in model.parameters():
            value.data.copy_(torch.randn(value.shape, generator=draw))
        image = torch.randn(width, height, 3, generator=draw).to(dtype).permute(2, 1, 0)  # not contiguous
        before = {name: value.clone() for name, value in model.state_dict().items()}
        said = f"four_views(model, an image of {height} x {width})"
        require(callable(four_views), f"a function is asked for, this is {short(four_views)}")
        # the model itself goes along: in a copy of it nobody would see what was done to it
        found = call(functools.partial(four_views, model), image, said=said)
        found = torch.from_numpy(numbers(found, "what four_views returns", (classes, height, width)))
        untouched = not model.training and not differing(before, model.state_dict())
        require(untouched, f"{said} changed the model: leave its weights, its statistics and its mode")
        with torch.no_grad():
            logits = torch.stack([view(model, image, *turn) for turn in turns]).double()
            forgotten = torch.stack([view(model, image, *turn, back=False) for turn in turns]).double()
        right = logits.softmax(1).mean(0)

        def says(other: Tensor, found: Tensor = found) -> bool:
            return close(found, other, 1e-3, 1e-4)

        require(not says(logits.mean(0)), f"{said} returns a mean of logits, and probabilities are asked for")
        require(
            not says(logits.mean(0).softmax(0)), f"{said} averages logits: one view that is very sure decides alone"
        )
        require(not says(forgotten.softmax(1).mean(0)), f"{said} adds views that have not been turned back")
        for pair, name in (([0, 1], "left to right"), ([0, 2], "top to bottom"), ([0, 1, 2], "one way only")):
            require(not says(logits[pair].softmax(1).mean(0)), f"{said} mirrors {name}: a view is missing")
        require(not says(right * 4), f"{said} adds the views up: a mean is asked for")
        sums = found.sum(0)
        require(
            close(sums, torch.ones_like(sums), 1e-3, 1e-3), f"{said}: the probabilities of a pixel do not add up to 1"
        )
        worst = (found - right).abs().max().item()
        require(says(right), f"{said} is off by up to {worst:.2g}: is each view turned back the way it was turned?")
    return "four opinions, each turned back, each counted once"


@checker
def infer_tents(fitting_overlaps: Sequence[float]) -> str:
    if isinstance(fitting_overlaps, set):
        fitting_overlaps = sorted(fitting_overlaps)
    found = numbers(fitting_overlaps, "fitting_overlaps")
    require(found.ndim == 1, f"fitting_overlaps is a list of overlaps, this is {short(fitting_overlaps)}")
    tried = (0, 1 / 3, 1 / 2, 2 / 3, 3 / 4)
    for overlap in found:
        require(any(close(overlap, t, 2e-3) for t in tried), f"an overlap of {overlap:g} was not among the five")
    tent = 30 - (torch.arange(60) - 29.5).abs()
    for overlap in tried:
        total = torch.zeros(600)
        for start in range(0, 541, round(60 * (1 - overlap))):
            total[start : start + 60] += tent
        ripple = (total[100:500].max() - total[100:500].min()).item()
        listed = any(close(overlap, f, 2e-3) for f in found)
        require(listed or ripple > 1e-3, f"at an overlap of {overlap:.2f} the sum is constant, and it is not listed")
        require(not listed or ripple < 1e-3, f"at an overlap of {overlap:.2f} the sum varies by {ripple:.3g}")
    return "every rising slope meets falling ones that make up for it"


@checker
def infer_input(repaired: Callable) -> str:
    require(callable(repaired), f"a function is asked for, this is {short(repaired)}")
    draw = generator()
    different = []
    for height, width in ((96, 128), (64, 80), (51, 77)):
        scene = scenes()[int(torch.randint(100, (1,), generator=draw))][0]
        picture = data.denormalise(scene)[:, 96 - height :, 128 - width :]  # a part of it is not contiguous
        found = call(repaired, picture, said=f"repaired(a picture of {height} x {width})")
        found = torch.from_numpy(numbers(found, "the label map", (height, width)))
        different.append((found != predict(deeplab(), picture)).double().mean().item())
    require(
        max(different) < 2e-3,
        f"of one scene {max(different):.1%} of the pixels get another class than `predict` gives them with the network "
        "that ships: which numbers was it trained on?",
    )
    return "the same answer as `predict`, from bytes"


@functools.cache
def window_scores() -> dict[int, float]:
    """mIoU on the first 10 scenes by size of window."""
    found = {}
    for size in SIZES:
        confusion = ConfusionMatrix(21)
        for image, label in (scenes()[i] for i in range(10)):
            # a row of windows at once: the smallest are so small that the calls themselves take most of the time
            confusion.update(predict(deeplab(), image, window=size, batch_size=8)[None], label[None])
        found[size] = confusion.mean_iou()
    return found


@checker
def infer_context(miou_by_window: dict[int, float]) -> str:
    require(isinstance(miou_by_window, dict), f"miou_by_window is a dict of size and mIoU, not {short(miou_by_window)}")
    missing = [size for size in SIZES if size not in miou_by_window]
    require(not missing, f"there is no score for windows of {', '.join(map(str, missing))}")
    found = {size: number(miou_by_window[size], f"the score of {size}") for size in SIZES}
    require(all(0 < score < 1 for score in found.values()), "an mIoU lies between 0 and 1")
    require(len(set(found.values())) > 1, "all scores are the same; was `window` passed to predict?")
    right = window_scores()
    off = [size for size in SIZES if abs(found[size] - right[size]) > 0.003]
    require(
        not off,
        f"the network that ships scores otherwise with windows of {' and '.join(map(str, off))}: are these the first "
        "10 scenes in one matrix, with half a window of overlap and tents?",
    )
    return f"from {found[32]:.2f} at 32 to {found[96]:.2f} at 96: the size of the window comes first"
