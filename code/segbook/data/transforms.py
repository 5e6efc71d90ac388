"""Transforms that change an image and its label map together, and the seed of each sample."""

import hashlib
import math
from contextlib import contextmanager

import torch
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional as VF

from segbook.data.palette import VOID

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Padding that normalises to about 0: ImageNet's mean colour for the image, void for the label.
FILL = {tv_tensors.Image: tuple(round(255 * m) for m in IMAGENET_MEAN), tv_tensors.Mask: VOID}


def normalise(image: Tensor) -> Tensor:
    """uint8 (..., 3, H, W) to float32 with ImageNet's mean and deviation, in one multiplication and one addition."""
    if image.dtype != torch.uint8:
        raise TypeError(f"normalise expects an image of bytes (uint8, 0 to 255), got {image.dtype}")
    scale = torch.tensor([1 / (255 * s) for s in IMAGENET_STD], device=image.device).view(3, 1, 1)
    shift = torch.tensor([m / s for m, s in zip(IMAGENET_MEAN, IMAGENET_STD)], device=image.device).view(3, 1, 1)
    return image.as_subclass(Tensor).contiguous().to(torch.float32).mul_(scale).sub_(shift)


def denormalise(x: Tensor) -> Tensor:
    """The inverse of `normalise`: float (..., 3, H, W) back to uint8, for pictures."""
    mean, std = (torch.tensor(values, device=x.device).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return ((x * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


class RandomScale(v2.Transform):
    """Resize image and label together by a factor between `scale`'s two: bilinear with antialiasing, and nearest.

    It is drawn log-uniformly, so that half and double are equally likely; torchvision's own draw uniformly.
    """

    def __init__(self, scale: tuple[float, float]):
        super().__init__()
        if not 0 < scale[0] <= scale[1]:
            raise ValueError(f"scale is a range of factors above 0, smallest first, got {scale}")
        self.scale = scale

    def make_params(self, flat_inputs: list) -> dict:
        low, high = map(math.log, self.scale)
        # Two are drawn for one: so many random numbers came before the flip when ToyVOC's recorded results were made.
        drawn, _ = torch.rand(2, dtype=torch.float64).tolist()
        factor = math.exp(low + (high - low) * drawn)
        return {"size": [max(1, round(side * factor)) for side in VF.get_size(flat_inputs[0])]}

    def transform(self, inpt: Tensor, params: dict) -> Tensor:
        # "nearest-exact" looks up pixel centres; plain "nearest" would shift the label against the image
        label = isinstance(inpt, tv_tensors.Mask)
        mode = InterpolationMode.NEAREST_EXACT if label else InterpolationMode.BILINEAR
        return VF.resize(inpt, params["size"], mode, antialias=True)


def training_transforms(crop_size: tuple[int, int], scale: tuple[float, float] = (0.5, 2.0)) -> v2.Compose:
    """Random scale, crop (height, width) and horizontal flip: transforms(image, label).

    What is smaller is padded, at random sides: labels with 255, images with ImageNet's mean colour.
    """
    if min(crop_size) < 1:
        raise ValueError(f"crop_size is (height, width) of at least (1, 1), got {crop_size}")
    return v2.Compose(
        [RandomScale(scale), v2.RandomCrop(crop_size, pad_if_needed=True, fill=FILL), v2.RandomHorizontalFlip()]
    )


def sample_seed(seed: int, epoch: int, index: int) -> int:
    """One 63-bit seed for a sample in an epoch; near triples give unrelated seeds."""
    digest = hashlib.blake2b(f"{seed}/{epoch}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@contextmanager
def seeded(seed: int):
    """Within this block torch's CPU generator, from which transforms draw, starts from `seed`; then it is as before."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)  # torch.manual_seed would also reset every GPU's
    try:
        yield
    finally:
        torch.set_rng_state(before)
