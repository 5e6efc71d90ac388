"""Going deeper from chapter 5: D2L's reader and recipe, audited."""

from collections.abc import Callable

import torch

from segbook.checks.core import call, checker, generator, own_numbers, require
from segbook.checks.values import Wrong, close, number, numbers
from segbook.data.palette import VOC_PALETTE

__all__ = ["effective_recipe", "indices_with_void"]


@checker
@own_numbers("batches of {batch}", {"batch": 8}, {"batch": 4}, {"batch": 2}, {"batch": 16})
def effective_recipe(my_lr: float, my_wd: float, batch: int) -> str:
    lr, wd = number(my_lr, "my_lr"), number(my_wd, "my_wd")
    require(lr > 0 and wd >= 0, "a learning rate is positive, a weight decay not negative")
    steps = 32 // batch  # for one of the recipe's
    # The same change after `steps` of them: gradients steps * lr g = 0.032 g, decay steps * lr wd w = 0.001 * 0.001 w.
    slips = {
        0.001: "that is the recipe's rate for a *summed* loss; with a mean it would be a far slower training",
        0.032: f"that is the rate for a mean over 32 images; you make {steps} steps for each of the recipe's",
        0.032 * steps: "a smaller batch needs smaller steps: there are more of them",
    }
    right = 0.032 / steps
    for slip, why in slips.items():
        require(close(right, slip) or not close(lr, slip), f"learning rate {lr:g}: {why}")
    require(
        close(lr, right, rtol=5e-3),
        f"{steps} of your steps move the weights by {steps * lr:.4g} times the mean gradient, one of the recipe's by "
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
        close(wd, 0.001 / 32, rtol=5e-3),
        f"{steps} of your steps decay a weight by {steps * lr * wd:.4g} of it, one of the recipe's by "
        f"{0.001 * 0.001:.4g}",
    )
    return f"after {steps} steps the same gradient and the same decay"


@checker
def indices_with_void(indices_with_void: Callable) -> str:
    random = generator()
    palette = torch.as_tensor(VOC_PALETTE)[:21].long()  # (21, 3)
    for height, width, stray in ((5, 7, 0), (64, 48, 1), (9, 4, 3)):
        truth = torch.randint(21, (height, width), generator=random)
        colours = palette[truth]  # (H, W, 3)
        cream = torch.rand(height, width, generator=random) < 0.3
        cream[0, 0] = True
        colours[cream] = torch.tensor([224, 224, 192])
        for _ in range(stray):  # colours that no class has, as a resized or compressed label holds
            new = torch.randint(256, (3,), generator=random)
            if not (palette == new).all(1).any():
                other = torch.rand(height, width, generator=random) < 0.1
                colours[other] = new
                cream |= other
        truth[cream] = 255
        image = colours.permute(2, 0, 1).to(torch.uint8)  # (3, H, W), not contiguous
        said = f"indices_with_void of a label of {height} x {width}"
        found = torch.from_numpy(numbers(call(indices_with_void, image, said=said), said, (height, width)))
        if torch.equal(found, truth.double()):
            continue
        known = truth != 255
        if (found[~known] == 0).all() and (found[known] == truth[known]).all():
            raise Wrong(f"{said}: void is still 0, background")
        if (found[(truth == 0)] == 255).any():
            raise Wrong(f"{said}: black is a class, background, and became void")
        if not torch.equal(found[known], truth[known].double()):
            wrong = (found[known] != truth[known]).float().mean()
            raise Wrong(f"{said}: {wrong:.0%} of the pixels of the 21 classes get another index than theirs")
        raise Wrong(f"{said}: cream is void, and so is every other colour that none of the 21 classes has")
    return "every colour without a class is void, and background is background"
