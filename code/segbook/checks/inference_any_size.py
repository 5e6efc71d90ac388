"""Chapter 12, Inference, any size."""

import math
from collections.abc import Callable, Sequence

import torch

from segbook import QUICK
from segbook.checks.core import call, checker, own_numbers, require
from segbook.checks.values import close, number, numbers, short, whole
from segbook.infer import predict
from segbook.infer.windows import window_starts

__all__ = [
    "infer_context",
    "infer_count",
    "infer_input",
    "infer_mean",
    "infer_statistics",
    "infer_tents",
]


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
def infer_tents(fitting_overlaps: Sequence[float]) -> str:
    found = numbers(fitting_overlaps, "fitting_overlaps")
    require(found.ndim == 1, f"fitting_overlaps is a list of overlaps, this is {short(fitting_overlaps)}")
    tried = (0, 1 / 3, 1 / 2, 2 / 3, 3 / 4)
    for overlap in found:
        require(any(close(overlap, t) for t in tried), f"an overlap of {overlap:g} was not among the five")
    tent = 30 - (torch.arange(60) - 29.5).abs()
    for overlap in tried:
        total = torch.zeros(600)
        for start in range(0, 541, round(60 * (1 - overlap))):
            total[start : start + 60] += tent
        ripple = (total[100:500].max() - total[100:500].min()).item()
        listed = any(close(overlap, f) for f in found)
        require(listed or ripple > 1e-3, f"at an overlap of {overlap:.2f} the sum is constant, and it is not listed")
        require(not listed or ripple < 1e-3, f"at an overlap of {overlap:.2f} the sum varies by {ripple:.3g}")
    return "every rising slope meets falling ones that make up for it"


@checker
def infer_mean(miou_logits: float, share_different: float) -> str:
    miou, share = number(miou_logits, "miou_logits"), number(share_different, "share_different")
    require(0 < miou < 1, f"a mean IoU lies between 0 and 1, got {miou:g}")
    require(0 <= share <= 1, f"a share lies between 0 and 1, got {share:g}")
    require(share > 0, "not one pixel differs: were probabilities averaged here too?")
    require(
        share < 0.05,
        f"{share:.1%} of the pixels differ, and two means of the same two views should agree nearly everywhere: was "
        "the second view mirrored back?",
    )
    require(
        QUICK or miou > 0.6,
        f"{miou:.3f} is far below one pass: are the logits of the mirrored image turned back before they are added?",
    )
    return f"another class in {share:.2%} of the pixels: a matter of robustness and not of points"


@checker
def infer_statistics(miou_8_new: float, miou_16_new: float) -> str:
    at_8, at_16 = number(miou_8_new, "miou_8_new"), number(miou_16_new, "miou_16_new")
    require(0 < at_8 < 1 and 0 < at_16 < 1, "a mean IoU lies between 0 and 1")
    require(QUICK or at_8 != at_16, "both numbers are the same: is it the same network twice?")
    for name, value in (("miou_8_new", at_8), ("miou_16_new", at_16)):
        require(
            QUICK or value > 0.6,
            f"{name} is {value:.3f}, far below what the network had: was it put back into evaluation mode, and does "
            "each batch hold 32 scenes?",
        )
    require(QUICK or at_8 < at_16, "stride 8 comes out ahead; are the two networks exchanged?")
    return f"{at_8:.3f} and {at_16:.3f}: compare each with what it was, and the statistics are not to blame"


@checker
def infer_input(repaired: Callable) -> str:
    require(callable(repaired), f"a function is asked for, this is {short(repaired)}")
    model = getattr(repaired, "__globals__", {}).get("deeplab")
    require(model is not None, "there is no network `deeplab` in your notebook; run the chapter's cells first")
    generator = torch.Generator().manual_seed(0)
    different = 0.0
    for height, width in ((96, 128), (64, 80)):
        coarse = torch.randint(0, 256, (1, 3, 6, 8), generator=generator).float()
        picture = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0].to(torch.uint8)
        found = call(repaired, picture, said=f"repaired(a picture of {height} x {width})")
        found = torch.from_numpy(numbers(found, "the label map", (height, width)))
        different += (found != predict(model, picture)).double().mean().item() / 2
    require(
        different < 1e-3,
        f"on pictures of noise {different:.0%} of the pixels get another class than `predict` gives them: which "
        "numbers was the network trained on?",
    )
    return "the same answer as `predict`, from bytes"


@checker
def infer_context(miou_by_window: dict[int, float]) -> str:
    require(
        isinstance(miou_by_window, dict), f"miou_by_window is a dict of size and mean IoU, not {short(miou_by_window)}"
    )
    missing = [size for size in (32, 48, 64, 96) if size not in miou_by_window]
    require(not missing, f"there is no score for windows of {', '.join(map(str, missing))}")
    scores = {size: number(miou_by_window[size], f"the score of {size}") for size in (32, 48, 64, 96)}
    require(all(0 < score < 1 for score in scores.values()), "a mean IoU lies between 0 and 1")
    require(QUICK or len(set(scores.values())) > 1, "all scores are the same; was `window` passed to predict?")
    require(
        QUICK or scores[32] < scores[64] < scores[96],
        "a larger window should understand more: " + ", ".join(f"{s} {v:.3f}" for s, v in scores.items()),
    )
    require(
        QUICK or scores[96] > 0.6,
        f"windows of 96 score {scores[96]:.3f}; they show three quarters of a scene and should come close to one pass",
    )
    return f"from {scores[32]:.2f} at 32 to {scores[96]:.2f} at 96: the size of the window comes first"
