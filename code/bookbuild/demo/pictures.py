"""What the network in the page shows: photographs from wheels, the poster, and what scenes are composed of.

    python -m bookbuild.demo.pictures

draws everything into book/_static/network, where it is committed. `make photos` runs it.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from bookbuild import ROOT
from bookbuild.demo.network import NETWORKS
from bookbuild.demo.stage_pictures import draw_stage
from bookbuild.experiments.photos.strips import CREDITS, photographs, save
from segbook import data, infer, models

FOLDER = ROOT / "book" / "_static" / "network"
LONGER = 640  # pixels of a sample's longer side
NAMES = {
    "chelsea": "Chelsea the cat",
    "astronaut": "Astronaut",
    "motorcycle": "Motorcycle",
    "coffee": "Coffee",
    "grace_hopper": "Grace Hopper",
}


def shrunk(image: np.ndarray, longer: int) -> Image.Image:
    picture = Image.fromarray(image)
    scale = longer / max(picture.size)
    return picture.resize([round(side * scale) for side in picture.size], Image.Resampling.LANCZOS)


def draw_poster(image: np.ndarray) -> Image.Image:
    """A photograph, and beside it the answer on it: what the page shows before the network is loaded."""
    small = np.array(shrunk(image, NETWORKS["photos"].size))
    model = models.create(NETWORKS["photos"].name, weights="photos").eval()
    label = infer.predict(model, small)
    picture = np.array(shrunk(image, 512))
    label = torch.from_numpy(
        np.array(Image.fromarray(label.numpy().astype(np.uint8)).resize(picture.shape[1::-1], Image.Resampling.NEAREST))
    )
    painted = infer.overlay(picture, label.where(label > 0, data.VOID), data.VOC_PALETTE, alpha=0.6)
    inside = (label > 0)[None].float()
    edge = F.max_pool2d(inside, 5, 1, 2) - inside  # 2 pixels, so that the answer is seen on a dark class, too
    painted[edge[0].bool().numpy()] = 255
    return Image.fromarray(np.concatenate([picture, np.full_like(picture[:, :8], 255), painted], axis=1))


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    images = photographs()
    samples = []
    for name, title in NAMES.items():
        save(shrunk(images[name], min(LONGER, max(images[name].shape))), name, FOLDER)
        about = CREDITS[name]
        samples.append({"file": f"{name}.webp", "name": title, "credit": f"{about['credit']} ({about['licence']})"})
    save(draw_poster(images["chelsea"]), "poster", FOLDER)
    text = json.dumps({"samples": samples, **draw_stage(FOLDER)})
    (FOLDER / "pictures.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
