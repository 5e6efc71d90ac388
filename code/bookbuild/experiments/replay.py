"""The record that the figure training-replay shows: four networks, filmed while they learn.

    python -m bookbuild.experiments.replay

Trains FCN-32s, 16s, 8s and DeepLabv3+ by the recipe of the results, seed 0, so each run is the first of its row under
results/toyvoc; three minutes on one quiet thread. At MOMENTS it keeps the prediction for two validation scenes and the
mean IoU over all 100. The record lies in the package, beside the figure, so that a notebook can show it anywhere.
"""

import json
import time
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, Subset

from bookbuild.experiments.toyvoc import RECIPE
from bookbuild.records import provenance
from segbook import data, figures, models, train
from segbook.files import write_atomically

NETWORKS = {
    "fcn32s_tiny": "FCN-32s",
    "fcn16s_tiny": "FCN-16s",
    "fcn8s_tiny": "FCN-8s",
    "deeplabv3plus_tiny": "DeepLabv3+",
}
SEED = 0
MOMENTS = (0, 5, 10, 20, 30, 40, 60, 80, 100, 150, 200, 250, 300, 400, 500, 600)  # updates done; most happens early
SCENES = (24, 7)  # of the validation set: four kinds of things, and two large ones
MEAN_OF = 10  # steps whose losses make one point of the curve


def film(
    model: nn.Module, train_set: Dataset, val: Dataset, scenes: Sequence[int], moments: Sequence[int], **settings
) -> dict:
    """Train a model and look at it at some moments.

    Args:
        model: trained in place.
        scenes: indices into `val`, images of one size (H, W).
        moments: numbers of updates, ascending, the last is the end of the training; 0 is before the first.
        settings: of `train.fit`, without `steps`.

    Returns:
        "losses" (means over MEAN_OF steps, the last over what is left), "mean_iou" (one for each moment), "films" (for
        each scene the predictions one below the other, (moments * H, W), as a PNG of class numbers) and "seconds".
    """
    mean_iou: list[float] = []
    frames: list[list[Tensor]] = [[] for _ in scenes]

    def look(step: int) -> None:
        if step not in moments:
            return
        mean_iou.append(train.evaluate(model, val, batch_size=20).mean_iou())
        for frame, (_, prediction, _) in zip(frames, train.predictions(model, Subset(val, scenes))):
            frame.append(prediction)

    began = time.perf_counter()
    look(0)
    history = train.fit(
        model,
        train_set,
        **settings,
        steps=moments[-1],
        progress=False,
        callback=lambda history, _: look(history.step),
    )
    losses = [part.mean().item() for part in torch.tensor(history.losses).split(MEAN_OF)]
    return {
        "losses": [round(value, 4) for value in losses],
        "mean_iou": [round(value, 4) for value in mean_iou],
        "films": [figures.picture(torch.cat(frame)) for frame in frames],
        "seconds": round(time.perf_counter() - began, 1),
    }


def record(moments: Sequence[int] = MOMENTS) -> dict:
    """Everything that the figure needs: see film; and where it comes from."""
    source, began = provenance("python -m bookbuild.experiments.replay"), time.perf_counter()
    train_set = data.load("toy", "train", crop_size=(96, 128))
    val = data.load("toy", "val")
    networks = []
    for name, title in NETWORKS.items():
        torch.manual_seed(SEED)
        settings = {key: value for key, value in RECIPE.items() if key != "steps"} | {"seed": SEED}
        film_of = film(models.create(name), train_set, val, SCENES, moments, **settings)
        networks.append({"name": title, "model": name, **film_of})
        print(f"{title}: mean IoU {film_of['mean_iou'][-1]:.3f}, {film_of['seconds']:.0f} s", flush=True)
    scenes = []
    for i in SCENES:
        image, label = val[i]
        image, label = figures.picture(data.denormalise(image)), figures.picture(label)
        scenes.append({"name": f"scene {i}", "image": image, "label": label})
    return {
        "moments": list(moments),
        "mean_of": MEAN_OF,
        "scenes": scenes,
        "classes": list(val.classes),
        "palette": val.palette.tolist(),
        "networks": networks,
        "run": {
            "seed": SEED,
            **RECIPE,
            "steps": moments[-1],
            "data": "ToyVOC: 500 training scenes, mean IoU over the 100 validation scenes",
            "seconds": round(time.perf_counter() - began),
            **source,
        },
    }


def main() -> None:
    """Make the record anew."""
    torch.set_num_threads(1)  # as for the results: the sums stay in one order
    text = json.dumps(record(), separators=(",", ":")) + "\n"
    path = figures.FOLDER / "training-replay.json"
    write_atomically(path, lambda stream: stream.write(text.encode()))
    print(f"{path}: {len(text):,} bytes")


if __name__ == "__main__":
    main()
