"""Going deeper, Losses compared."""

import math
from collections.abc import Callable

import torch

from segbook.checks.core import call, checker, generator, require
from segbook.checks.values import close, number, numbers

__all__ = ["losses_lovasz", "losses_undo"]


@checker
def losses_lovasz(lovasz: float, soft_iou: float) -> str:
    found, soft = number(lovasz, "lovasz"), number(soft_iou, "soft_iou")
    errors, truth = (0.8, 0.5, 0.2), (True, False, True)
    thresholds = (torch.arange(30_000) + 0.5) / 30_000  # as the definition says: an average over thresholds
    wrong = torch.tensor(errors)[:, None] > thresholds
    fibre = torch.tensor(truth)[:, None]
    extension = (1 - (fibre & ~wrong).sum(0) / (2 + (wrong & ~fibre).sum(0))).mean().item()
    q = [1 - e if t else e for e, t in zip(errors, truth)]
    smooth = 1 - (q[0] + q[2]) / (2 + q[1])

    def agrees(value: float, right: float) -> bool:
        return close(value, right, rtol=0, atol=6e-4)  # three decimals are enough

    require(not (agrees(found, smooth) and agrees(soft, extension)), "the two are exchanged")
    require(not agrees(found, 1 - extension), f"lovasz is {found:g}: a loss is 1 - IoU, and no IoU")
    require(
        agrees(found, extension),
        f"lovasz is {found:g}: let the pixels become wrong one after another, the worst first, and write down 1 - IoU "
        "after each; a step counts with the error of its pixel",
    )
    require(not agrees(soft, 1 - smooth), f"soft_iou is {soft:g}: that is the index, and the loss is 1 minus it")
    require(
        agrees(soft, smooth),
        f"soft_iou is {soft:g}: the probabilities on fibre, over fibre and the probabilities elsewhere together",
    )
    return "two roads between the same corners"


@checker
def losses_undo(honest: Callable, weighted_threshold: float) -> str:
    g = generator()
    for shape, w, dtype in (((40,), 52.0, torch.float32), ((2, 1, 5, 7), 2.5, torch.float64), ((3, 4), 1, None)):
        z = (3 * torch.randn(shape, generator=g)).to(dtype or torch.float32)
        z = z.mT if len(shape) > 1 else z  # in another order of memory
        said = f"honest of logits {tuple(z.shape)} and w = {w:g}"
        found = numbers(call(honest, z, w, said=said), said, tuple(z.shape))
        odds = torch.exp(z.double()).numpy()  # of the weighted network
        right = odds / w / (1 + odds / w)
        require(
            not close(found, z.double().numpy() - math.log(w)) or close(found, right),
            f"{said} gives logits; the probability that belongs to them is asked for",
        )
        require(
            w == 1 or not close(found, z.sigmoid().double().numpy()),
            f"{said} is the probability that the network claims: weights have multiplied its odds, undo that",
        )
        require(
            w == 1 or not close(found, odds * w / (1 + odds * w)),
            f"{said}: the odds are multiplied once more, instead of divided",
        )
        require(
            close(found, right),
            f"{said} is not the honest probability: the weight has multiplied the *odds*, q / (1 - q), and a logit is "
            "their logarithm",
        )
    threshold = number(weighted_threshold, "weighted_threshold")
    require(0 < threshold < 1, f"a threshold on a probability lies between 0 and 1, got {threshold:g}")
    require(not close(threshold, 0.3, rtol=0.02), "0.3 is the threshold on the honest probability")
    odds = threshold / (1 - threshold) / (0.3 / 0.7)
    backwards = ": the other way round" if close(odds, 1 / 52, rtol=0.03) else ""
    require(
        close(odds, 52, rtol=0.03),  # 0.957, to three decimals
        f"a threshold of {threshold:g} has {odds:.4g} times the odds of 0.3{backwards}; what do weights do to odds?",
    )
    return "a weight is a shift of the logit, and can be taken back"
