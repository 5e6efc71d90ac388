"""The rows of `make bench` about networks: ours against torchvision's and segmentation_models_pytorch's."""

import importlib.util
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import segmentation as torchvision_models

from bookbuild.bench.timing import Row, in_turns
from segbook import models
from segbook.infer import predict

SIZE = (2, 3, 256, 256)


def infer_windows() -> list[Row]:
    """Windows against one forward pass of the same pixels; with half a window of overlap they compute 2.5 times as
    many here."""
    torch.manual_seed(0)
    model = models.create("deeplabv3plus_tiny").eval()
    image = torch.randint(0, 256, (3, 1024, 1536), dtype=torch.uint8)
    plain = partial(predict, model, image)
    side_by_side, half = (partial(predict, model, image, window=512, overlap=share) for share in (0, 0.5))
    ours, overlapping, theirs = in_turns(side_by_side, half, plain)
    what = "predict (3, 1024, 1536) by 512x512"
    return [
        Row(f"{what}, side by side", ours, "one pass", theirs, 0.8),
        Row(f"{what}, overlap 0.5", overlapping, "one pass", theirs, 0.33),
    ]


def loss_of_ours(model: nn.Module, x: Tensor) -> Tensor:
    """A scalar that every output of the network takes part in, the auxiliary head's too if it has one."""
    if getattr(model, "aux_classifier", None) is None:
        return model(x).mean()
    logits, aux = model.forward_with_aux(x)
    return logits.mean() + 0.4 * aux.mean()


def loss_of_theirs(model: nn.Module, x: Tensor) -> Tensor:
    """The same for a network that returns a dictionary (torchvision) or logits."""
    out = model(x)
    return out["out"].mean() + 0.4 * out["aux"].mean() if isinstance(out, dict) else out.mean()


def step(model: nn.Module, loss: Callable, x: Tensor) -> None:
    """Forward and backward."""
    with torch.enable_grad():
        loss(model, x).backward()
    model.zero_grad(set_to_none=True)


def smp_model() -> nn.Module | None:
    """segmentation_models_pytorch's DeepLabv3+ on a ResNet-50, if the package is installed."""
    if importlib.util.find_spec("segmentation_models_pytorch") is None:
        return None
    from segmentation_models_pytorch import DeepLabV3Plus

    return DeepLabV3Plus("resnet50", encoder_weights=None, classes=21)


def gflops(model: nn.Module, size: tuple[int, ...] = (1, *SIZE[1:])) -> float:
    """Of one image, a multiplication and an addition counted as two."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.zeros(size))
    return counter.get_total_flops() / 1e9


def model_speed() -> list[Row]:
    """Forward in evaluation mode, without auxiliary heads; forward and backward in training mode, with them."""
    torch.manual_seed(0)
    rows, x = [], torch.randn(SIZE)
    for name in ("fcn_resnet50", "deeplabv3_resnet50"):
        build = partial(getattr(torchvision_models, name), weights=None, weights_backbone=None, num_classes=21)
        ours, theirs = models.create(name, aux=False).eval(), build(aux_loss=False).eval()
        with torch.no_grad():
            times = in_turns(partial(ours, x), partial(theirs, x))
        rows.append(Row(f"{name}, forward", times[0], "torchvision", times[1], 0.95))
        ours, theirs = models.create(name).train(), build(aux_loss=True).train()
        times = in_turns(partial(step, ours, loss_of_ours, x), partial(step, theirs, loss_of_theirs, x))
        rows.append(Row(f"{name}, forward + backward", times[0], "torchvision", times[1], 0.95))
    return rows


def model_speed_smp() -> list[Row]:
    """DeepLabv3+ of another package: another graph, so the GFLOPs stand beside the times."""
    theirs = smp_model()
    if theirs is None:
        print(
            "deeplabv3plus_resnet50 is not compared: pip install segmentation-models-pytorch, then make bench once more"
        )
        return []
    torch.manual_seed(0)
    ours, x = models.create("deeplabv3plus_resnet50"), torch.randn(SIZE)
    what = f"deeplabv3plus_resnet50, {gflops(ours):.0f} GFLOP (smp {gflops(theirs):.0f})"
    with torch.no_grad():
        forward = in_turns(partial(ours.eval(), x), partial(theirs.eval(), x))
    both = in_turns(partial(step, ours.train(), loss_of_ours, x), partial(step, theirs.train(), loss_of_theirs, x))
    return [
        Row(f"{what}, forward", forward[0], "smp", forward[1]),
        Row(f"{what}, forward + backward", both[0], "smp", both[1]),
    ]
