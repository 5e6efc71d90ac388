"""A trained network as a file that runs without PyTorch: ONNX, with any batch, height and width (chapter 12)."""

import copy
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from segbook.data.transforms import IMAGENET_MEAN, IMAGENET_STD

# (N, 3, H, W) of the network while its graph is recorded. Neither side is a multiple of 32, so that the cuts of the
# skip networks are recorded with their sizes left open: at 64x96 nothing needs cutting, and nothing would be recorded.
TRACED = (2, 3, 65, 97)
CHECKED = ((1, 3, 64, 96), (2, 3, 97, 65), (3, 3, 130, 50))
TOLERANCE = 1e-4  # of a logit
ROUNDING = 0.01  # of the largest logit: what 16-bit weights may add to it
LARGE = 1000  # numbers in a tensor from which on it may be stored in 16 bits


def export(
    model: nn.Module, path: str | os.PathLike, about: dict[str, Any] | None = None, *, half: bool = False
) -> float:
    """Write a network as ONNX and compare the file with it, at three sizes, in onnxruntime.

    Input "image": float32 (N, 3, H, W), normalised as `segbook.data.normalise` does it; output "logits": float32
    (N, C, H, W). N, H and W are free. The file is complete: no weights beside it. Its metadata, each value in JSON:
    "mean" and "std", of the normalisation of pixels scaled to 0..1; "one_logit", whether class 1 is where a single
    logit's sigmoid is above 0.5; and of what `about` knows "model", "classes" and "palette" ([red, green, blue] each).

    Args:
        model: stays as it is, on its device and in its mode; what is written runs in evaluation mode.
        path: of the file, NAME.onnx; a file that is there is replaced once the new one has passed.
        about: what `train.load_run` tells of the network.
        half: store large tensors in 16 bits, to be computed with in 32: half the size.

    Returns the largest absolute difference of a logit. Raises ImportError where onnx, onnxscript or onnxruntime is
    missing, OSError or ValueError where no file can be written, or it gave other numbers than the network.
    """
    path = Path(path)
    check_path(path)
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401  (torch's exporter needs it)
    except ImportError as error:
        remedy = "pip install onnx onnxscript onnxruntime"
        raise ImportError(f"export needs {error.name}, which is not installed: {remedy}") from error
    model = copy.deepcopy(model).cpu().float().eval()
    unchecked = path.with_name(path.name + ".part")
    try:
        record(model, unchecked)
        finish(unchecked, {key: about[key] for key in ("model", "classes", "palette") if key in (about or {})}, half)
        worst, largest = largest_difference(model, unchecked)
        accepted = TOLERANCE + (ROUNDING * largest if half else 0)
        if not worst <= accepted:  # NaN fails too
            differ = f"its logits differ by up to {worst:.2g}, more than {accepted:.2g}, so it was removed"
            raise ValueError(f"{path} would not compute what the network computes: {differ}")
        os.replace(unchecked, path)
    finally:
        unchecked.unlink(missing_ok=True)
    return worst


def check_path(path: Path) -> None:
    """Refuse a place where no ONNX file can be written, before any work: OSError, ValueError."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name the file in it, as in {path / 'model.onnx'}")
    if path.suffix.lower() != ".onnx":
        raise ValueError(f"{path}: the name of an ONNX file ends in .onnx")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"you may not write into the folder {path.parent}")


def record(model: nn.Module, path: Path) -> None:
    """Let torch record the graph of the model, with free sizes, and write it."""
    sizes = {axis: torch.export.Dim(name, min=1) for axis, name in {0: "batch", 2: "height", 3: "width"}.items()}
    x = torch.randn(TRACED, generator=torch.Generator().manual_seed(0))
    names = {"input_names": ["image"], "output_names": ["logits"], "dynamic_shapes": (sizes,)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are about the exporter's own workings; the comparison finds what matters
        torch.onnx.export(model, (x,), path, dynamo=True, external_data=False, verbose=False, **names)


def finish(path: Path, metadata: dict[str, Any], half: bool) -> None:
    """Complete the metadata in the file, drop what it says of Python's sources, and halve its weights if asked for."""
    import onnx
    from onnx import numpy_helper

    model = onnx.load(path)
    channels = model.graph.output[0].type.tensor_type.shape.dim[1].dim_value
    metadata = metadata | {"mean": IMAGENET_MEAN, "std": IMAGENET_STD, "one_logit": channels == 1}
    del model.graph.value_info[:], model.metadata_props[:]
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in metadata.items()})
    casts = []
    for tensor in model.graph.initializer if half else ():
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size >= LARGE:
            name = tensor.name
            with np.errstate(over="ignore"):  # infinities are found by the comparison
                tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        node.doc_string = ""
        del node.metadata_props[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def largest_difference(model: nn.Module, path: Path) -> tuple[float, float]:
    """The largest difference between the model's logits and the file's, for three sizes, and the largest logit."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    generator, differences, sizes = torch.Generator().manual_seed(0), [], []
    for shape in CHECKED:
        x = torch.randn(shape, generator=generator)
        (theirs,) = session.run(["logits"], {"image": x.numpy()})
        with torch.no_grad():
            ours = model(x)
        differences.append((ours - torch.from_numpy(theirs)).abs().max())
        sizes.append(ours.abs().max())
    return torch.stack(differences).max().item(), torch.stack(sizes).max().item()  # NaN, if there is one
