"""The start of the network that ships computes what the network computes that it is made of."""

import pytest
import torch

from bookbuild.experiments.photos import GOOGLE, PLUS, SMALL, networks, roots
from segbook import data, models, train


def same(one, other, *size):
    """Largest difference of the logits, and how many pixels have one class."""
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(sum(size)))
    with torch.no_grad():
        a, b = one(x), other(x)
    assert a.std() > 0.1 and (max(size) < 17 or a.std((2, 3)).mean() > 0.01), "a comparison of constants shows nothing"
    return (a - b).abs().max().item(), (a.argmax(1) == b.argmax(1)).float().mean().item()


@pytest.fixture
def started(home):
    folders = roots.prepare()
    return networks.start(networks.published(), data.load("voc", "train", folders / "all", crop_size=(65, 65)), crops=8)


@pytest.mark.parametrize("size", [(65, 97), (33, 33), (50, 71), (16, 100), (2, 5)])
def test_the_start_computes_what_its_source_does(started, size):
    aligned = networks.named(networks.PUBLISHED, align_corners=False, align_centres=True)
    difference, agreement = same(aligned, started, *size)
    assert difference < 1e-3 and agreement > 0.999


def test_the_real_start_computes_what_googles_network_does():
    if not (roots.source() / GOOGLE).is_file():
        pytest.skip(f"{GOOGLE} is not in {roots.source()} (set SEGBOOK_DATA)")
    noise = torch.randn(8, 3, 65, 65, generator=torch.Generator().manual_seed(0))
    started = networks.start(networks.published(), [(image, None) for image in noise])
    aligned = networks.named(networks.PUBLISHED, align_corners=False, align_centres=True)
    difference, agreement = same(aligned, started, 81, 113)
    assert difference < 1e-3 and agreement > 0.9999


def test_the_starts_batch_norms_undo_themselves(started):
    norms = [layer for layer in started.classifier.fuse if isinstance(layer, torch.nn.BatchNorm2d)]
    assert [norm.num_features for norm in norms] == [304, 256, 256, 256]
    for norm in norms:
        x = norm.running_mean[:, None, None] + norm.running_var.sqrt()[:, None, None] * torch.randn(2, 1, 9, 9)
        with torch.no_grad():
            assert torch.allclose(norm(x), x, atol=1e-4)
            assert norm.running_var.max() > 0.01 and norm.momentum == 0.1


def test_every_part_of_the_start_learns(started):
    """Nothing is stuck at its zero: the fine feature's way in moves at the first step, what feeds it at the second."""
    started.train()
    before = {name: p.detach().clone() for name, p in started.named_parameters()}
    optimizer = torch.optim.AdamW(started.parameters(), lr=1e-3, weight_decay=0)
    for step in range(2):
        x = torch.randn(4, 3, 33, 33, generator=torch.Generator().manual_seed(step))
        labels = torch.randint(21, (4, 33, 33), generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(started(x), labels).backward()
        optimizer.step()
        if step == 0:
            assert started.classifier.fuse[3].weight[:, 256:].abs().max() > 0
    stuck = [name for name, p in started.named_parameters() if torch.equal(p, before[name])]
    assert stuck == []


def test_the_start_is_written_once_and_loads_as_a_run(home):
    folders = roots.prepare()
    path = networks.write_start(folders / "all")
    model, about = train.load_run(path)
    assert about["classes"] == list(data.VOC_CLASSES) and about["options"] == SMALL and about["model"] == PLUS
    written = path.stat().st_mtime_ns
    assert networks.write_start(folders / "all").stat().st_mtime_ns == written
    tuned = models.create(PLUS, weights=path, **SMALL).eval()  # as `segbook train --weights` does
    assert same(tuned, model, 33, 49)[0] == 0


def test_other_options_keep_the_weights(home):
    published = networks.named(networks.PUBLISHED)
    moved = networks.named(networks.PUBLISHED, align_corners=False)
    assert all(torch.equal(a, b) for a, b in zip(published.state_dict().values(), moved.state_dict().values()))
    assert same(published, moved, 48, 48)[0] > 0.01
    assert same(published, networks.published(), 48, 48)[0] == 0
    with pytest.raises(FileNotFoundError, match="there is no checkpoint"):
        networks.named("fcn32s_mobilenet_v2")
