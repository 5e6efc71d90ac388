"""The networks in the page: two that ship with the package, exported to ONNX, and what the page tells of them.

An export is kept for the next build, in a folder named after all that it depends on. `python -m bookbuild.demo.network
FOLDER` makes those that are not there.
"""

import hashlib
import json
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from bookbuild import ROOT
from bookbuild.demo.packing import pack

PACKAGE = ROOT / "code" / "segbook"
EXPORTERS = [PACKAGE / "export.py", *sorted((PACKAGE / "models").glob("*.py"))]


class Network(NamedTuple):
    """A network that ships, and how the page uses it."""

    name: str
    sizes: tuple[int, ...]  # pixels of a picture's longer side
    size: int  # the one at first
    knows: str


NETWORKS = {
    "photos": Network(
        "deeplabv3plus_mobilenet_v2",
        (257, 385, 513),
        257,
        "It knows {classes}. All else is background to it or, worse, one of these.",
    ),
    "toyvoc": Network(
        "deeplabv3plus_tiny",
        (64, 128, 256, 384, 512),
        128,
        "It knows {classes}, from synthetic scenes only. A photograph is outside what it has seen: try one, and do not "
        "believe the answer.",
    ),
}


def exported(weights: str, cache: Path) -> Path:
    """A folder with the network's packed ONNX file and its card, card.json; made if it is not there."""
    path = PACKAGE / "models" / "weights" / f"{NETWORKS[weights].name}-{weights}.pt"
    digest = hashlib.sha256()
    for file in [path, path.with_suffix(".md"), Path(__file__), *EXPORTERS]:
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    folder = cache / f"{weights}-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        from segbook.export import export  # here, because torch takes seconds, and most builds need none
        from segbook.train import load_run

        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            file = Path(scratch, f"{weights}.onnx")
            model, about = load_run(f"{NETWORKS[weights].name}:{weights}", "cpu")
            export(model, file, about=about, half=True)
            made = Path(scratch, "made")
            made.mkdir()
            pack(file, made)
            told = card(weights, path.with_suffix(".md").read_text(encoding="utf-8"), about)
            (made / "card.json").write_text(json.dumps(told | {"bytes": file.stat().st_size}) + "\n")
            os.replace(made, folder)
    return folder


def card(weights: str, text: str, about: dict) -> dict:
    """What the page says about a network, and what its script needs to run it.

    Args:
        text: of the model card that ships beside the weights. about: of the checkpoint.
    """
    from segbook.data.transforms import IMAGENET_MEAN, IMAGENET_STD

    network = NETWORKS[weights]
    facts = dict(re.findall(r"^- \*\*(.+?):?\*\*:? (.+)$", text.replace("`", ""), re.MULTILINE))
    iou = dict(re.findall(r"^\| (\w+) \| ([\d.]+) \|", text, re.MULTILINE))
    facts["IoU by class"] = ", ".join(f"{name} {value}" for name, value in iou.items())
    facts["Export"] = f"segbook export {network.name}:{weights} --half --out {weights}.onnx"
    classes = list(about["classes"])
    known = classes[1:] if weights == "photos" else [name for name in classes[1:] if name in iou]
    return {
        "name": network.name,
        "file": f"{weights}.onnx",
        "facts": facts,
        "knows": network.knows.format(classes=", ".join(known[:-1]) + f" and {known[-1]}"),
        "sizes": network.sizes,
        "size": network.size,
        "classes": classes,
        "palette": [list(colour) for colour in about["palette"]],
        "mean": list(IMAGENET_MEAN),
        "std": list(IMAGENET_STD),
    }


if __name__ == "__main__":
    for name in NETWORKS:
        exported(name, Path(sys.argv[1]))
