import torch

LABEL = "A prediction painted over a ground truth, its four kinds of pixels, and six scores that follow."


def blob(height: int, width: int, *size: int) -> torch.Tensor:
    """A label (height, width) with one ellipse of 1 and a border of void (255) around it."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    inside = ((y - height / 2) / size[0]) ** 2 + ((x - width / 2) / size[1]) ** 2
    label = (inside < 1).long()
    label[(inside >= 1) & (inside < 1.3)] = 255
    return label


THIN = torch.zeros(16, 16, dtype=torch.int64)
THIN[3:13, 7] = 1
DATA = {
    "scenes": {
        "large": {"name": "Large", "truth": blob(24, 32, 8, 10)},
        "small": {"name": "Small", "truth": blob(24, 32, 2, 3)},
        "thin": {"name": "Thin", "truth": THIN},
    }
}
