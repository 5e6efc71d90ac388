"""Transforms that change an image and its label map together, and the seed of each sample."""

import hashlib
from collections.abc import Callable
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
    mean = torch.tensor(IMAGENET_MEAN, device=x.device).view(3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=x.device).view(3, 1, 1)
    return ((x * std + mean) * 255).round().clamp(0, 255).to(torch.uint8)


class RandomScaleCrop(v2.Transform):
    """Enlarge or shrink by a random factor, then crop at random; where the crop is larger, pad.

    Done the other way round, which gives the same picture for less work: cut the window that the crop
    covers out of the original, then resize that. Labels are resized by nearest; padding is 255 in labels
    and ImageNet's mean colour in images, on the side where the crop stands over.

    Args:
        crop_size: (height, width) of every result.
        scale: smallest and largest factor, drawn log-uniformly; (1, 1) only crops.
    """

    def __init__(self, crop_size: tuple[int, int], scale: tuple[float, float] = (0.5, 2.0)):
        super().__init__()
        if min(crop_size) < 1 or not 0 < scale[0] <= scale[1]:
            raise ValueError(
                f"crop_size must be at least (1, 1) and 0 < scale[0] <= scale[1], got {crop_size}, {scale}"
            )
        self.crop_size = tuple(crop_size)
        self.scale = tuple(scale)

    def make_params(self, flat_inputs: list) -> dict:
        size = VF.get_size(flat_inputs[0])  # [height, width]
        low, high = torch.tensor(self.scale, dtype=torch.float64).log().tolist()
        factor = float(torch.exp(torch.empty((), dtype=torch.float64).uniform_(low, high)))
        window, offset = [], []
        for length, crop in zip(size, self.crop_size):
            scaled = max(1, round(length * factor))
            start = int(torch.randint(min(0, scaled - crop), max(0, scaled - crop) + 1, ()))  # below 0: padding
            first, last = max(start, 0), min(start + crop, scaled)  # what of the crop lies on the scaled image
            begin = min(round(first * length / scaled), length - 1)
            end = max(round(last * length / scaled), begin + 1)
            window.append((begin, end - begin, last - first))  # from, how much, resized to how much
            offset.append((first - start, crop - (last - start)))  # padding before and after
        return {"window": window, "padding": offset}

    def transform(self, inpt, params: dict):
        (top, height, new_height), (left, width, new_width) = params["window"]
        inpt = VF.crop(inpt, top, left, height, width)
        if (height, width) != (new_height, new_width):
            # "nearest-exact" looks up pixel centres; plain "nearest" would shift the label against the image
            label = isinstance(inpt, tv_tensors.Mask)
            mode = InterpolationMode.NEAREST_EXACT if label else InterpolationMode.BILINEAR
            inpt = VF.resize(inpt, [new_height, new_width], mode, antialias=True)
        (above, below), (before, after) = params["padding"]
        if above or below or before or after:
            fill = FILL[tv_tensors.Mask if isinstance(inpt, tv_tensors.Mask) else tv_tensors.Image]
            inpt = VF.pad(inpt, [before, above, after, below], fill=fill)
        return inpt


def training_transforms(crop_size: tuple[int, int], scale: tuple[float, float] = (0.5, 2.0)) -> Callable:
    """Random scale, random crop with padding, random horizontal flip: transforms(image, label)."""
    return v2.Compose([RandomScaleCrop(crop_size, scale), v2.RandomHorizontalFlip()])


def sample_seed(seed: int, epoch: int, index: int) -> int:
    """One 63-bit seed for a sample in an epoch; near triples give unrelated seeds."""
    digest = hashlib.blake2b(f"{seed}/{epoch}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


@contextmanager
def seeded(seed: int):
    """Within this block torch's global CPU generator starts from `seed`; afterwards it is as before.

    The transforms of torchvision draw from that generator. `torch.manual_seed` would also reset every GPU's.
    """
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)
