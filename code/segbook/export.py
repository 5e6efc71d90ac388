"""A trained network as a file that runs without PyTorch: ONNX, with any batch, height and width (chapter 12)."""

import copy
import logging
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn

# (N, 3, H, W) of the network while its graph is recorded. Neither side is a multiple of 32, so that the cuts of the
# skip networks are recorded with their sizes left open: at 64x96 nothing needs cutting, and nothing would be recorded.
TRACED = (2, 3, 65, 97)
CHECKED = ((1, 3, 64, 96), (2, 3, 97, 65), (3, 3, 130, 50))
TOLERANCE = 1e-4


def export(model: nn.Module, path: str | os.PathLike, tolerance: float = TOLERANCE) -> float:
    """Write a network as ONNX and compare the file with it, at three sizes, in onnxruntime.

    Input "image": float32 (N, 3, H, W), normalised as `segbook.data.normalise` does it; output "logits": float32
    (N, C, H, W). N, H and W are free. The file is complete: no weights beside it.

    Args:
        model: stays as it is, on its device and in its mode; what is written runs in evaluation mode.
        path: of the file; a file that is there is replaced once the new one has passed.
        tolerance: largest absolute difference of a logit that is accepted.

    Returns:
        The largest difference found.

    Raises:
        ImportError: onnx, onnxscript or onnxruntime is missing.
        FileNotFoundError: the folder is not there.
        ValueError: the file gives other numbers than the network; it is removed.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        raise ImportError(
            f"export needs {error.name}, which is not installed: pip install onnx onnxscript onnxruntime"
        ) from error
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into")
    model = copy.deepcopy(model).cpu().float().eval()
    unchecked = path.with_name(path.name + ".part")
    try:
        record(model, unchecked)
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only
        session = onnxruntime.InferenceSession(unchecked, options, providers=["CPUExecutionProvider"])
        worst = largest_difference(model, session)
        if not worst <= tolerance:  # NaN fails too
            raise ValueError(
                f"{path} would not compute what the network computes: its logits differ by up to {worst:.2g}, more "
                f"than {tolerance:g}, so it was removed"
            )
        os.replace(unchecked, path)
    finally:
        unchecked.unlink(missing_ok=True)
    return worst


def record(model: nn.Module, path: Path) -> None:
    """Let torch record the graph of the model, with free sizes, and write it."""
    free = {0: "batch", 2: "height", 3: "width"}
    sizes = {axis: torch.export.Dim(name, min=1) for axis, name in free.items()}
    x = torch.randn(TRACED, generator=torch.Generator().manual_seed(0))
    with quiet():
        torch.onnx.export(
            model,
            (x,),
            path,
            dynamo=True,
            external_data=False,
            input_names=["image"],
            output_names=["logits"],
            dynamic_shapes=(sizes,),
            verbose=False,
        )


def largest_difference(model: nn.Module, session) -> float:
    """Between the model and an onnxruntime session of it, over random images of three sizes."""
    generator, worst = torch.Generator().manual_seed(0), 0.0
    for shape in CHECKED:
        x = torch.randn(shape, generator=generator)
        (theirs,) = session.run(["logits"], {"image": x.numpy()})
        with torch.no_grad():
            difference = (model(x) - torch.from_numpy(theirs)).abs().max().item()
        worst = difference if math.isnan(difference) else max(worst, difference)
    return worst


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the exporter's notes to itself: they are about its own workings, and the check below finds what matters."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
