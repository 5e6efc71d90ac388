import copy
import csv
import math
import os

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import Subset

from segbook import train
from segbook.train import fit, loop


def bare_loop(model, dataset, steps, batch_size, make, lr, seed):
    """The same training without any of the package's machinery but its documented order of the data."""
    optimizer = make(model.parameters(), lr)
    per_epoch = len(dataset) // batch_size
    for i in range(steps):
        chosen = train.order(len(dataset), seed, i // per_epoch)
        chosen = chosen[i % per_epoch * batch_size :][:batch_size]
        for group in optimizer.param_groups:
            group["lr"] = lr * (1 - i / steps) ** 0.9
        optimizer.zero_grad()
        logits = model(torch.stack([dataset.images[j] for j in chosen]))
        F.cross_entropy(logits, torch.stack([dataset.labels[j] for j in chosen]), ignore_index=255).backward()
        optimizer.step()
    return model


@pytest.mark.parametrize(
    ("optimizer", "make"),
    [
        ("sgd", lambda p, lr: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=1e-4)),
        ("adamw", lambda p, lr: torch.optim.AdamW(p, lr, weight_decay=1e-4)),
    ],
)
def test_fit_is_the_bare_loop(noise, make_linear, optimizer, make):
    dataset = noise(10)
    ours, theirs = make_linear(), make_linear()
    fit(ours, dataset, steps=11, batch_size=4, lr=0.1, optimizer=optimizer, seed=3, device="cpu", progress=False)
    bare_loop(theirs, dataset, 11, 4, make, 0.1, seed=3)
    for a, b in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-7)


def weights_after(dataset, model, **options):
    defaults = {"steps": 7, "batch_size": 4, "lr": 0.1, "device": "cpu", "progress": False}
    history = fit(model, dataset, **defaults | options)
    return torch.cat([p.detach().flatten() for p in model.parameters()]), history


def test_the_same_seed_gives_the_same_weights_and_another_one_does_not(noise, make_linear):
    runs = [weights_after(noise(10), make_linear(), seed=seed)[0] for seed in (0, 0, 1)]
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


class Reads(TorchDispatchMode):
    """Counts the fractions that are read out of tensors; each one would wait for all that a GPU has to do."""

    count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        read = function is torch.ops.aten._local_scalar_dense.default
        self.count += read and args[0].is_floating_point()  # labels are checked where they are read, on the CPU
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("options", [{}, {"clip": 1.0, "warmup": 3, "class_weights": [1, 2, 3]}])
def test_a_step_waits_for_the_device_once(noise, make_linear, options):
    with Reads() as reads:
        weights_after(noise(12), make_linear(), steps=7, optimizer="sgd", **options)
    assert reads.count == 7


def test_workers_change_nothing(noise, make_linear):
    alone, helped = (weights_after(noise(10), make_linear(), num_workers=n)[0] for n in (0, 2))
    assert torch.equal(alone, helped)


def test_the_global_generator_is_left_alone(noise, make_linear):
    model = nn.Sequential(make_linear(), nn.Dropout(0.5))
    torch.manual_seed(5)
    before = torch.get_rng_state()
    weights_after(noise(10), model, val_set=noise(2))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_epoch_visits_every_image_at_most_once_in_a_new_order(noise):
    seen = {}

    class Recording(noise):
        def read(self, epoch, index):
            seen.setdefault(epoch, []).append(index)
            return super().read(epoch, index)

    dataset = Recording(10)
    stream = loop.batches(dataset, train.Settings(steps=9, batch_size=4))
    for _ in range(6):
        batch = next(stream)
        indices = [dataset.ids.index(name) for name in batch.names]
        assert torch.equal(batch.images, dataset.images[indices])
    assert list(seen) == [0, 1, 2]
    assert all(indices == train.order(10, 0, epoch)[:8] for epoch, indices in seen.items())
    assert all(len(set(indices)) == 8 for indices in seen.values())
    assert len({tuple(indices) for indices in seen.values()}) == 3


def test_it_learns_and_the_best_checkpoint_gives_the_logged_score(noise, make_linear, tmp_path):
    model, val_set = make_linear(), noise(5, size=(9, 7), seed=1)
    history = fit(
        model, noise(20), val_set, steps=30, batch_size=5, lr=0.3, validate_every=7, out=tmp_path, device="cpu",
        config={"name": "linear"}, progress=False,
    )  # fmt: skip
    assert history.val_steps == [7, 14, 21, 28, 30]
    assert history.steps == list(range(1, 31))
    assert history.losses[-1] < 0.5 * history.losses[0]
    assert history.best == max(history.val_mious) > 0.8
    assert history.val_steps[history.val_mious.index(history.best)] == history.best_step
    assert not model.training

    content = train.load_checkpoint(tmp_path / "best.pt")
    again = make_linear(9)
    again.load_state_dict(content["state"])
    assert train.evaluate(again, val_set).mean_iou() == history.best == content["val_mean_iou"]
    assert content["step"] == history.best_step
    assert content["config"]["name"] == "linear"
    assert content["config"]["classes"] == val_set.classes
    last = train.load_checkpoint(tmp_path / "last.pt")
    assert last["step"] == 30
    assert all(torch.equal(last["state"][name], value) for name, value in model.state_dict().items())

    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == history.steps
    assert [float(row["loss"]) for row in rows] == history.losses
    assert [float(row["val_mean_iou"]) for row in rows if row["val_mean_iou"]] == history.val_mious
    assert float(rows[10]["lr"]) == pytest.approx(0.3 * (1 - 10 / 30) ** 0.9)
    assert sorted(os.listdir(tmp_path)) == ["best.pt", "config.yaml", "last.pt", "log.csv"]


def test_the_best_checkpoint_is_not_the_last_one(noise, make_linear, tmp_path, monkeypatch):
    scores = iter([0.2, 0.6, 0.4])

    class Matrix:
        def __init__(self):
            self.score = next(scores)

        def mean_iou(self):
            return self.score

        pixel_accuracy = mean_iou

    monkeypatch.setattr(loop, "validate", lambda *args: Matrix())
    history = weights_after(noise(10), make_linear(), val_set=noise(2), steps=3, validate_every=1, out=tmp_path)[1]
    assert (history.best, history.best_step, history.val_mious) == (0.6, 2, [0.2, 0.6, 0.4])
    assert train.load_checkpoint(tmp_path / "best.pt")["step"] == 2


def test_without_a_validation_set_there_is_a_last_checkpoint_only(noise, make_linear, tmp_path):
    history = weights_after(noise(10), make_linear(), out=tmp_path)[1]
    assert math.isnan(history.best)
    assert sorted(os.listdir(tmp_path)) == ["config.yaml", "last.pt", "log.csv"]


def test_files_of_an_earlier_run_do_not_survive_a_new_one(noise, make_linear, tmp_path):
    weights_after(noise(10), make_linear(), val_set=noise(2), out=tmp_path)
    weights_after(noise(10), make_linear(), out=tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["config.yaml", "last.pt", "log.csv"]


# Resume


class Dropped(nn.Module):
    """Batch norm has buffers, dropout draws random numbers: both must be as if nothing had happened."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 1), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Conv2d(8, 3, 1))

    def forward(self, x):
        return self.layers(x)


class Stop(Exception):
    pass


@pytest.mark.parametrize(
    ("workers", "stop"), [(0, 3), (2, 6)]
)  # in the middle of an epoch of two steps, and at its end
def test_a_resumed_run_is_the_same_run_bit_for_bit(noise, tmp_path, workers, stop):
    options = {"val_set": noise(3, seed=1), "steps": 11, "validate_every": 3, "num_workers": workers}
    whole, history = weights_after(noise(10), Dropped(), out=tmp_path / "whole", **options)

    def stop_here(history, steps):
        if history.step == stop:
            raise Stop

    with pytest.raises(Stop):
        weights_after(noise(10), Dropped(), out=tmp_path / "cut", callback=stop_here, **options)
    with open(tmp_path / "cut" / "log.csv", "a") as file:
        file.write(f"{stop + 1},1,0.1,9.9,,,1.0\n")  # a step after the last checkpoint was logged
    resumed, again = weights_after(noise(10), Dropped(), out=tmp_path / "cut", resume=True, **options)
    assert torch.equal(whole, resumed)
    assert (again.steps, again.losses, again.val_mious) == (history.steps, history.losses, history.val_mious)
    assert (again.best, again.best_step) == (history.best, history.best_step)
    whole_log, cut_log = (train.read_log(tmp_path / run / "log.csv") for run in ("whole", "cut"))
    assert [row | {"seconds": ""} for row in whole_log] == [row | {"seconds": ""} for row in cut_log]
    done, finished = weights_after(noise(10), Dropped(), out=tmp_path / "cut", resume=True, **options)
    assert torch.equal(done, whole)
    assert finished.steps == history.steps


def test_resume_refuses_other_settings_and_no_run(noise, make_linear, tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        weights_after(noise(10), make_linear(), out=tmp_path / "nowhere", resume=True)
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(ValueError, match="resume needs `out`"):
        weights_after(noise(10), make_linear(), resume=True)
    weights_after(noise(10), make_linear(), out=tmp_path)
    with pytest.raises(ValueError, match="has lr 0.1, not 0.2"):
        weights_after(noise(10), make_linear(), out=tmp_path, resume=True, lr=0.2)
    with pytest.raises(ValueError, match="has images 10, not 12"):
        weights_after(noise(12), make_linear(), out=tmp_path, resume=True)


# What goes wrong


def test_a_set_smaller_than_a_batch(noise, make_linear, tmp_path):
    with pytest.raises(ValueError, match="holds 3 images, fewer than one batch of 4.*batch_size=3"):
        weights_after(noise(3), make_linear(), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps is a number of at least 1, got 0"),
        ({"batch_size": 0}, "batch_size is a number of at least 1, got 0"),
        ({"optimizer": "adam"}, "got 'adam'"),
    ],
)
def test_settings_that_make_no_sense(noise, make_linear, options, message):
    with pytest.raises(ValueError, match=message):
        weights_after(noise(10), make_linear(), **options)


def test_an_empty_validation_set_and_a_frozen_model(noise, make_linear):
    with pytest.raises(ValueError, match="validation set is empty"):
        weights_after(noise(10), make_linear(), val_set=noise(0))
    with pytest.raises(ValueError, match="no parameter to train"):
        weights_after(noise(10), make_linear().requires_grad_(False))


def test_a_loss_that_is_not_finite_stops_before_the_weights_change(noise, make_linear, tmp_path):
    dataset = noise(8)
    dataset.images[5, 0, 3, 3] = math.nan
    model = make_linear()
    with pytest.raises(FloatingPointError, match=r"loss is nan at step [12] .*noise_5"):
        weights_after(dataset, model, out=tmp_path)
    assert all(p.isfinite().all() for p in model.parameters())
    assert not list(tmp_path.iterdir())


def test_the_last_good_checkpoint_is_kept(noise, make_linear, tmp_path):
    calls = []

    def explode(logits, labels):
        calls.append(1)
        return F.cross_entropy(logits, labels, ignore_index=255) * (math.inf if len(calls) == 5 else 1)

    with pytest.raises(FloatingPointError, match="loss is inf at step 5 .*saved files are untouched"):
        weights_after(noise(8), make_linear(), out=tmp_path, loss=explode, validate_every=2)
    assert train.load_checkpoint(tmp_path / "last.pt")["step"] == 4


def test_a_batch_of_nothing_but_void_is_skipped_and_counted(noise, make_linear, tmp_path):
    dataset = noise(4)
    dataset.labels[[0, 2]] = 255
    history = weights_after(dataset, make_linear(), batch_size=1, steps=8, weight_decay=0, out=tmp_path)[1]
    assert history.skipped == 4
    assert len(history.losses) == 4
    assert [row["loss"] == "" for row in train.read_log(tmp_path / "log.csv")].count(True) == 4
    dataset.labels[:] = 255
    model = make_linear()
    before = model.weight.clone()
    assert weights_after(dataset, model, batch_size=2)[1].skipped == 7
    assert torch.equal(before, model.weight)


@pytest.mark.parametrize("value", [3, 254, -1])
def test_a_label_out_of_range_names_image_and_value(noise, make_linear, value):
    dataset = noise(6)
    dataset.labels[4, 2, 2] = value
    with pytest.raises(ValueError, match=f"image noise_4: label {value} .*0 to 2"):
        weights_after(Subset(dataset, [1, 2, 3, 4]), make_linear())


def test_images_of_several_sizes(noise, make_linear):
    dataset = noise(4)
    items = [(image[:, : 5 + i], label[: 5 + i]) for i, (image, label) in enumerate(dataset)]
    mixed = noise(4)
    mixed.__class__ = type("Mixed", (noise,), {"read": lambda self, epoch, i: items[i]})
    with pytest.raises(ValueError, match=r"one size, got \[\(5, 12\).*crop_size"):
        weights_after(mixed, make_linear())


def test_progress_goes_to_standard_error_and_can_be_silenced(noise, make_linear, capsys):
    fit(make_linear(), noise(8), noise(2), steps=2, batch_size=4, device="cpu")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "2/2" in captured.err
    fit(make_linear(), noise(8), noise(2), steps=2, batch_size=4, device="cpu", progress=False)
    assert capsys.readouterr().err == ""


# Options


def test_warm_up_and_poly_multiply(noise, make_linear, tmp_path):
    weights_after(noise(10), make_linear(), steps=6, warmup=3, power=1.0, lr=0.6, out=tmp_path)
    rates = [float(row["lr"]) for row in train.read_log(tmp_path / "log.csv")]
    assert rates == pytest.approx([0.6 * w * p / 6 for w, p in zip((1 / 3, 2 / 3, 1, 1, 1, 1), (6, 5, 4, 3, 2, 1))])
    weights_after(noise(10), make_linear(), steps=6, power=0, lr=0.6, out=tmp_path)
    assert {float(row["lr"]) for row in train.read_log(tmp_path / "log.csv")} == {0.6}


def test_no_decay_spares_the_bias(noise, make_linear):
    """With labels all void nothing but the decay could move a weight, and a skipped batch does not; so use lr alone."""
    models = [make_linear() for _ in range(2)]
    for model, no_decay in zip(models, (False, True)):
        zero = lambda logits, labels: logits.sum() * 0  # noqa: E731
        weights_after(noise(4), model, optimizer="sgd", weight_decay=0.5, loss=zero, steps=1, no_decay=no_decay)
    start = make_linear()
    torch.testing.assert_close(models[0].bias, start.bias * (1 - 0.1 * 0.5))
    assert torch.equal(models[1].bias, start.bias)
    torch.testing.assert_close(models[1].weight, start.weight * (1 - 0.1 * 0.5))


@pytest.mark.parametrize("amp", ["bf16", "fp16"])
def test_half_precision_follows_the_full_one_and_resumes_bit_for_bit(noise, tmp_path, amp):
    options = {"val_set": noise(3, seed=1), "steps": 12, "validate_every": 4, "lr": 0.03}
    _, full = weights_after(noise(10), Dropped(), **options)
    model = Dropped()
    whole, half = weights_after(noise(10), model, amp=amp, **options)
    assert half.losses != full.losses
    assert half.losses == pytest.approx(full.losses, rel=0.02)
    assert {p.dtype for p in model.parameters()} == {torch.float32}

    class Cut(Exception):
        pass

    def cut(history, steps):
        if history.step == 9:
            raise Cut

    with pytest.raises(Cut):
        weights_after(noise(10), Dropped(), amp=amp, out=tmp_path, callback=cut, **options)
    resumed, _ = weights_after(noise(10), Dropped(), amp=amp, out=tmp_path, resume=True, **options)
    assert torch.equal(whole, resumed)
    with pytest.raises(ValueError, match=f"has amp {amp}, not None"):
        weights_after(noise(10), Dropped(), out=tmp_path, resume=True, **options)


def test_an_overflow_of_fp16_gradients_skips_the_update_and_lowers_the_scale(noise, make_linear, tmp_path):
    model = make_linear()
    before = model.weight.clone()
    huge = lambda logits, labels: F.cross_entropy(logits, labels, ignore_index=255) * 1e3  # noqa: E731
    weights_after(noise(4), model, amp="fp16", loss=huge, steps=1, out=tmp_path)
    assert torch.equal(model.weight, before)
    assert train.load_checkpoint(tmp_path / "last.pt")["scaler"]["scale"] == 2**15  # half of what torch starts with
    weights_after(noise(4), model, amp="fp16", loss=huge, steps=12)
    assert not torch.equal(model.weight, before)


def test_channels_last_changes_the_layout_and_nothing_else(noise):
    torch.manual_seed(0)  # no dropout here: it draws its mask in the order of the memory
    plain = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Conv2d(8, 3, 1))
    fast = copy.deepcopy(plain)
    a, _ = weights_after(noise(10), plain, optimizer="sgd")
    b, _ = weights_after(noise(10), fast, optimizer="sgd", channels_last=True)
    assert fast[0].weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(a, b, rtol=0, atol=1e-4)


def test_compile_gets_the_objective_with_the_loss_inside(noise, monkeypatch):
    compiled, real = [], torch.compile

    def with_the_eager_backend(module):
        compiled.append(module)
        return real(module, backend="eager")

    monkeypatch.setattr(torch, "compile", with_the_eager_backend)
    a, _ = weights_after(noise(10), Dropped(), steps=3)
    b, _ = weights_after(noise(10), Dropped(), steps=3, compile=True)
    assert [type(module) for module in compiled] == [train.Objective]
    torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


def test_the_callback_sees_every_step(noise, make_linear):
    seen = []
    weights_after(noise(10), make_linear(), steps=4, callback=lambda history, steps: seen.append((history.step, steps)))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"amp": "half"}, "got 'half'"),
        ({"clip": 0}, "clip is a number above 0, got 0"),
        ({"lr": -1}, "lr is a number above 0"),
        ({"warmup": -1}, "warmup is a number of at least 0"),
        ({"power": math.nan}, "power is a number of at least 0"),
        ({"head_lr": 10}, "`backbone`"),
    ],
)
def test_options_that_make_no_sense_leave_nothing_behind(noise, make_linear, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        weights_after(noise(10), make_linear(), out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()
