"""What a training must survive. Each fault is made for real: processes are killed, files refuse to grow."""

import errno
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import get_worker_info

from segbook import train
from segbook.train import checkpoint, fit

RUN = {"steps": 20, "batch_size": 4, "validate_every": 4, "lr": 0.1, "device": "cpu", "progress": False}


class Dropped(nn.Module):
    """Batch norm has buffers, dropout draws random numbers: both must be as if nothing had happened."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Conv2d(8, 3, 1))

    def forward(self, x):
        return self.layers(x)


def state(model):
    return torch.cat([value.flatten().double() for value in model.state_dict().values()])


def test_killed_and_resumed_it_is_the_same_run_bit_for_bit(noise, tmp_path):
    """Without help, and cut in two by SIGKILL: first with two reading processes, then with one."""
    whole = Dropped()
    history = fit(whole, noise(10), noise(3, seed=1), **RUN)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    script = Path(__file__).with_name("killed.py")
    process = subprocess.Popen([sys.executable, script, tmp_path, "2"], env=environment)
    try:
        end = time.monotonic() + 300
        while not ((tmp_path / "last.pt").exists() and len(train.read_log(tmp_path / "log.csv")) >= 6):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.01)
    finally:
        process.kill()  # SIGKILL
    assert process.wait() == -signal.SIGKILL
    assert 4 <= train.load_checkpoint(tmp_path / "last.pt")["step"] < 20
    resumed = Dropped()
    again = fit(resumed, noise(10), noise(3, seed=1), **RUN, out=tmp_path, resume=True, num_workers=1)
    assert torch.equal(state(whole), state(resumed))
    assert (again.losses, again.val_mious) == (history.losses, history.val_mious)


def test_a_full_disk_stops_the_run_and_leaves_the_last_checkpoint(noise, tmp_path, monkeypatch):
    save = checkpoint.save

    def save_on_a_full_disk(path, model, config=None, **more):
        if more["step"] == 12:
            monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left")))
        save(path, model, config, **more)

    monkeypatch.setattr(checkpoint, "save", save_on_a_full_disk)
    with pytest.raises(OSError, match=r"cannot write .*\.pt: No space left; what stood there before is untouched"):
        fit(Dropped(), noise(10), noise(3, seed=1), **RUN, out=tmp_path)
    monkeypatch.undo()
    assert train.load_checkpoint(tmp_path / "last.pt")["step"] == 8
    assert sorted(os.listdir(tmp_path)) == ["best.pt", "config.yaml", "last.pt", "log.csv"]
    whole, resumed = Dropped(), Dropped()
    fit(whole, noise(10), noise(3, seed=1), **RUN)
    fit(resumed, noise(10), noise(3, seed=1), **RUN, out=tmp_path, resume=True)
    assert torch.equal(state(whole), state(resumed))


@pytest.fixture
def rotting(noise):
    """A data set of ten images, of which noise_5 cannot be read from the third epoch on (of two steps each)."""

    class Rotting(noise):
        def read(self, epoch, index):
            if index == 5 and epoch >= 2:
                raise ValueError("noise_5.jpg: the image is damaged or cut short")
            return super().read(epoch, index)

    return Rotting


@pytest.mark.parametrize("workers", [0, 2])
def test_a_corrupt_image_in_epoch_3_stops_or_is_left_out_named_and_counted(rotting, tmp_path, capsys, workers):
    options = RUN | {"num_workers": workers, "out": tmp_path}
    with pytest.raises(ValueError, match="noise_5.jpg: the image is damaged"):
        fit(Dropped(), rotting(10), rotting(3), **options)
    assert train.load_checkpoint(tmp_path / "last.pt")["step"] == 4
    capsys.readouterr()
    history = fit(Dropped(), rotting(10), rotting(3), **options, resume=True, skip_broken=True)
    expected = sum(5 in train.order(10, 0, epoch)[:8] for epoch in range(2, 10))
    assert history.broken == {"noise_5": expected}
    assert history.steps == list(range(1, 21))
    assert capsys.readouterr().err == "left out noise_5: noise_5.jpg: the image is damaged or cut short\n"
    rows = train.read_log(tmp_path / "log.csv")
    assert [row["broken"] for row in rows].count("noise_5") == expected
    again = fit(Dropped(), rotting(10), rotting(3), **options, resume=True, skip_broken=True)
    assert again.broken == history.broken


def test_what_is_left_out_counts_for_nothing(noise, make_linear):
    """A batch of two with one unreadable image is a batch of the other one."""

    class Broken(noise):
        def read(self, epoch, index):
            if index % 2:
                raise OSError("gone")
            return super().read(epoch, index)

    options = {"steps": 1, "lr": 0.1, "device": "cpu", "progress": False, "optimizer": "sgd"}
    one, half = make_linear(), make_linear()
    fit(one, noise(1), batch_size=1, **options)
    fit(half, Broken(2), batch_size=2, **options, skip_broken=True)
    assert torch.equal(one.weight, half.weight)
    history = fit(make_linear(), Broken(2), batch_size=1, **options | {"steps": 4}, skip_broken=True)
    assert (history.skipped, history.broken) == (2, {"noise_1": 2})


def test_a_reading_process_that_is_killed_is_explained_and_the_run_goes_on(noise, tmp_path):
    class Deadly(noise):
        def read(self, epoch, index):
            if get_worker_info() is not None and index == 5 and epoch == 3:
                end = time.monotonic() + 60  # it reads ahead, so the first checkpoint may be to come
                while not (tmp_path / "last.pt").is_file() and time.monotonic() < end:
                    time.sleep(0.01)
                os.kill(os.getpid(), signal.SIGKILL)
            return super().read(epoch, index)

    assert 5 in train.order(10, 0, 3)[:8]
    with pytest.raises(ChildProcessError, match="process that reads images died .*fewer workers and resume"):
        fit(Dropped(), Deadly(10), noise(3, seed=1), **RUN, out=tmp_path, num_workers=2)
    assert train.load_checkpoint(tmp_path / "last.pt")["step"] == 4
    whole, resumed = Dropped(), Dropped()
    fit(whole, noise(10), noise(3, seed=1), **RUN)
    fit(resumed, Deadly(10), noise(3, seed=1), **RUN, out=tmp_path, resume=True)
    assert torch.equal(state(whole), state(resumed))


def test_an_error_of_ones_own_is_not_taken_for_a_death(noise, make_linear):
    def loss(logits, labels):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="^mine$"):
        fit(make_linear(), noise(10), **RUN, loss=loss)


def test_weights_that_are_not_finite_are_never_saved(noise, tmp_path):
    """The square root of nothing: the loss is 0 and its gradient infinite."""
    calls = []

    def loss(logits, labels):
        calls.append(1)
        return (logits * 0).square().sum().sqrt() if len(calls) == 8 else logits.square().mean()

    with pytest.raises(FloatingPointError, match="layers.0.weight .* not finite after step 8.*clip=1.0"):
        fit(Dropped(), noise(10), noise(3, seed=1), **RUN, out=tmp_path, loss=loss)
    kept = train.load_checkpoint(tmp_path / "last.pt")
    assert kept["step"] == 4
    assert all(value.isfinite().all() for value in kept["state"].values())


def test_images_and_likely_causes_are_named(noise, make_linear):
    with pytest.raises(FloatingPointError) as caught:
        fit(make_linear(), noise(4), **RUN, loss=lambda logits, labels: logits.sum() * math.inf)
    for part in ("noise_0", "learning rate too high", "clip=1.0", "broken image", "fp16"):
        assert part in str(caught.value)
