"""Run by torchrun for test_distributed.py: `two_processes.py OUT`. Each process saves what it saw to OUT/rank<r>.pt."""

import sys
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).parent))
from conftest import Noise, linear

from segbook.losses import cross_entropy
from segbook.train import Objective, checkpoint, fit, loop
from segbook.train.distributed import processes


class TwoHeads(nn.Module):
    """Batch norm, whose statistics each process collects of its own images, and an auxiliary head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.trunk = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.main, self.aux_classifier = nn.Conv2d(6, 3, 1), nn.Conv2d(6, 3, 1)

    def forward(self, x):
        return self.main(self.trunk(x))

    def forward_with_aux(self, x):
        features = self.trunk(x)
        return self.main(features), self.aux_classifier(features)


def flat(tensors):
    return torch.cat([t.detach().flatten().double() for t in tensors])


def main(out):
    seen = {}
    options = {"device": "cpu", "progress": False, "seed": 3, "lr": 0.1}
    with processes("cpu") as world:
        writes = []
        save = checkpoint.save
        checkpoint.save = lambda path, *a, **k: (writes.append(path.name), save(path, *a, **k))
        model, val_set = TwoHeads(), Noise(5, size=(7, 9), seed=1)  # 3 images for one process, 2 for the other
        history = fit(model, Noise(10), val_set, steps=5, batch_size=4, out=out / "run", **options)
        seen |= {"weights": flat(model.parameters()), "gradients": flat(p.grad for p in model.parameters())}
        seen |= {"history": (history.losses, history.val_mious), "writes": writes}
        seen["buffers"] = flat(model.buffers())
        seen["counts"] = loop.validate(model, val_set, world, 0, lambda: None).counts

        # the neighbour that must fail: a loss beside the wrapper
        wrapped = DistributedDataParallel(TwoHeads())
        images, labels = (t[world.rank :: 2] for t in (Noise(4).images, Noise(4).labels))
        cross_entropy(wrapped.module(images), labels).backward()
        seen["beside"] = flat(p.grad for p in wrapped.module.parameters() if p.grad is not None)
        inside = DistributedDataParallel(Objective(TwoHeads(), cross_entropy))
        inside(images, labels).backward()
        seen["inside"] = flat(p.grad for p in inside.parameters())

        plain = linear()
        fit(plain, Noise(10), steps=7, batch_size=4, **options)
        seen["plain"] = flat(plain.parameters())

        void = Noise(4)  # in every epoch one batch of four: two images for each process
        void.labels[:] = 255
        seen["all void"] = fit(linear(), void, steps=3, batch_size=4, **options).skipped
        void.labels[0, 2, 2] = 1  # one process has a pixel, the other has none
        seen["half void"] = fit(linear(), void, steps=3, batch_size=4, **options).skipped

        broken = Noise(4)
        broken.images[1] = torch.nan
        seen["errors"] = []
        for dataset, size in ((broken, 4), (Noise(9), 3)):
            try:
                fit(linear(), dataset, steps=1, batch_size=size, **options)
            except (FloatingPointError, ValueError) as error:
                seen["errors"].append(str(error))
    torch.save(seen, out / f"rank{world.rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
