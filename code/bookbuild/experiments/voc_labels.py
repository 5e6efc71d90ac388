"""What PASCAL VOC's labels alone say, without a network: python -m bookbuild.experiments.voc_labels ROOT.

Writes results/voc_baseline.json (all background, chapter 1) and results/voc_round_trip.json (labels written into the
cells of a coarse map and read back, chapter 7), both on the validation split under ROOT/VOCdevkit.
"""

import sys
import time

import torch
import torch.nn.functional as F
from tqdm import tqdm

from bookbuild.records import provenance, write
from segbook.bilinear import BilinearUpsample
from segbook.data import VOCSegmentation
from segbook.metrics import ConfusionMatrix


def baseline(dataset: VOCSegmentation) -> dict:
    """Scores of the answer "background" at every pixel, with void left out and with void taken for background."""
    scored, void_as_background = ConfusionMatrix(21), ConfusionMatrix(21)
    void = pixels = 0
    for _, label in tqdm(dataset, desc="baseline"):
        label = label.as_subclass(torch.Tensor)[None]
        nothing = torch.zeros_like(label)
        scored.update(nothing, label)
        void_as_background.update(nothing, label.where(label != 255, 0))
        void += int((label == 255).sum())
        pixels += label.numel()
    return {
        "pixel_accuracy": scored.pixel_accuracy(),
        "pixel_accuracy_void_as_background": void_as_background.pixel_accuracy(),
        "mean_iou": scored.mean_iou(),
        "pixels_per_void_pixel": pixels / void,
    }


def round_trip(dataset: VOCSegmentation) -> dict:
    """Mean IoU of labels averaged over the cells of a stride and upsampled bilinearly again."""
    scores = {stride: ConfusionMatrix(21) for stride in (32, 16, 8)}
    for _, label in tqdm(dataset, desc="round trip"):
        label = label.as_subclass(torch.Tensor)
        height, width = label.shape
        label = F.pad(label, (0, -width % 32, 0, -height % 32), value=255)  # whole cells, the rest is void
        valid = label != 255
        hot = F.one_hot(label * valid, 21) * valid[..., None]
        hot = hot.permute(2, 0, 1)[None].float()  # (1, 21, H, W)
        for stride, score in scores.items():
            cells = F.avg_pool2d(hot, stride)  # the share of each class in each cell
            score.update(BilinearUpsample(21, stride)(cells), label[None])
    return {f"stride_{stride}": score.mean_iou() for stride, score in scores.items()}


def main() -> None:
    dataset = VOCSegmentation(sys.argv[1], "val")
    for name, measure in (("voc_baseline", baseline), ("voc_round_trip", round_trip)):
        source, start = provenance("python -m bookbuild.experiments.voc_labels ROOT"), time.perf_counter()
        measured = measure(dataset)
        record = {
            **measured,
            "images": len(dataset),
            "data": f"PASCAL VOC 2012, {len(dataset)} images of val: cat, dog, horse, cow, sheep and person dominate",
            "seconds": round(time.perf_counter() - start, 1),
            **source,
        }
        write(name, record)
        print(name, measured)


if __name__ == "__main__":
    main()
