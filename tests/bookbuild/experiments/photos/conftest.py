"""A workplace for the photographs' experiments: a few synthetic pairs in the archives' layout, random weights."""

import tarfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torchvision
from click.testing import CliRunner
from PIL import Image

from bookbuild import records
from bookbuild.experiments import photos
from bookbuild.experiments.photos import GOOGLE, IMAGENET, networks, roots, training
from segbook import data, models
from segbook.cli import main as segbook


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def google_like():
    """A network of the published form in evaluation mode, with statistics of noise, so that its logits are no zeros."""
    torch.manual_seed(0)
    model = models.create("deeplabv3_mobilenet_v2", atrous_rates=(), head_convs=0, align_corners=True)
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.uniform_(layer.bias, -0.3, 0.3)
            layer.momentum = None
    torch.nn.init.normal_(model.classifier[1].weight, std=0.1)
    noise = torch.randn(4, 3, 65, 65)
    with torch.no_grad():
        model.train()(noise)
        model.classifier[1].bias -= model.eval()(noise).mean((0, 2, 3))  # or one class would win everywhere
    return model


@pytest.fixture(scope="session")
def archives(tmp_path_factory, google_like):
    """What SEGBOOK_DATA holds: VOC's archive with 12 + 4 small scenes, CamVid's with 3 + 2 + 2, weights."""
    home = tmp_path_factory.mktemp("shared")
    made = data.ToyVOC(tmp_path_factory.mktemp("toy"), num_train=12, num_val=4).root
    rng = np.random.default_rng(0)
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        for folder in (split, f"{split}annot"):
            (made / "CamVid" / folder).mkdir(parents=True)
        names = [f"{split}{i}.png" for i in range(count)]
        for name in names:
            Image.fromarray(rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)).save(made / "CamVid" / split / name)
            label = rng.integers(0, 12, (6, 8), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
            Image.fromarray(label).save(made / "CamVid" / f"{split}annot" / name)
        lines = [f"CamVid/{split}/{name} CamVid/{split}annot/{name}" for name in names]
        (made / "CamVid" / f"{split}.txt").write_text("\n".join(lines))
    for folder, archive in roots.ARCHIVES.items():
        with tarfile.open(home / archive, "w") as tar:
            tar.add(made / folder, folder)
    torch.manual_seed(1)
    torch.save(torchvision.models.mobilenet_v2().state_dict(), home / IMAGENET)
    prefixes = {"classifier.0.": "aspp.", "classifier.1.": "score."}
    state = google_like.state_dict()
    for ours, theirs in prefixes.items():
        state = {name.replace(ours, theirs, 1) if name.startswith(ours) else name: v for name, v in state.items()}
    torch.save(state, home / GOOGLE)
    return home


@pytest.fixture
def home(archives, tmp_path, monkeypatch):
    """data/photos of a test; results go to its folder `results`."""
    monkeypatch.setenv("SEGBOOK_DATA", str(archives))
    monkeypatch.setattr(roots, "HOME", tmp_path / "photos")
    monkeypatch.setattr(roots, "HEARTBEAT", 2)
    monkeypatch.setattr(networks, "CROP", (33, 33))
    monkeypatch.setattr(records, "RESULTS", tmp_path / "results")
    return tmp_path / "photos"


@pytest.fixture
def in_this_process(monkeypatch):
    """The commands that were run; starting a process for each would take the test's time."""
    commands = []

    def run(words, cwd):
        commands.append(words)
        monkeypatch.chdir(cwd)
        done = CliRunner().invoke(segbook, words[1:])
        print(done.output)
        return SimpleNamespace(returncode=done.exit_code)

    monkeypatch.setattr(training, "subprocess", SimpleNamespace(run=run))
    return commands


@pytest.fixture
def quick(in_this_process):
    """quick(name, **settings): a row of two steps, on two crops each."""

    def make(name, **settings):
        row = next(row for row in photos.experiments() if row.name == name)
        small = {"crop": "33x33", "batch_size": 2, "steps": 2, "validate_every": 1}
        return replace(row, settings=row.settings | small | settings)

    return make
