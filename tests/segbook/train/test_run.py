"""The folder of a run: what stands in it at every moment, and what comes out of it."""

import errno
import math
import os
import shutil
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
import yaml

from segbook import infer, models, train
from segbook.train import checkpoint, fit
from segbook.train import run as run_module
from segbook.train.distributed import processes

RUN = {"steps": 6, "batch_size": 4, "validate_every": 2, "lr": 0.1, "device": "cpu", "progress": False}
FILES = ["best.pt", "config.yaml", "last.pt", "log.csv"]


def bytes_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def old(noise, make_linear, tmp_path):
    """A finished run, and its bytes."""
    fit(make_linear(), noise(10), noise(3), **RUN, out=tmp_path, seed=1)
    return tmp_path, bytes_of(tmp_path)


def exploding(at):
    calls = []

    def loss(logits, labels):
        calls.append(1)
        return F.cross_entropy(logits, labels, ignore_index=255) * (math.inf if len(calls) == at else 1)

    return loss


@pytest.mark.parametrize("at", [1, 2])
def test_a_new_run_that_ends_before_its_first_checkpoint_leaves_the_old_one(noise, make_linear, old, at):
    with pytest.raises(FloatingPointError):
        fit(make_linear(), noise(10), noise(3), **RUN, out=old[0], loss=exploding(at))
    assert bytes_of(old[0]) == old[1]
    fit(make_linear(), noise(10), noise(3), **RUN, out=old[0], seed=1, resume=True)  # and it can go on


def test_a_new_run_that_ends_before_its_first_checkpoint_leaves_no_folder(noise, make_linear, tmp_path):
    with pytest.raises(FloatingPointError):
        fit(make_linear(), noise(10), noise(3), **RUN, out=tmp_path / "run", loss=exploding(2))
    assert not (tmp_path / "run").exists()


def test_a_disk_that_is_full_at_the_first_checkpoint_leaves_the_old_run(noise, make_linear, old, monkeypatch):
    full = lambda _: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left"))  # noqa: E731
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="cannot write .*best.pt.new: No space left"):
        fit(make_linear(), noise(10), noise(3), **RUN, out=old[0])
    assert bytes_of(old[0]) == old[1]


def test_killed_at_any_moment_of_the_first_save_best_and_last_are_of_one_run(noise, make_linear, old, tmp_path):
    """Every call that changes the folder is made to fail in its turn, as a kill would cut it off there."""
    calls = ["os.replace", "pathlib.Path.unlink", "segbook.train.run.write_atomically"]
    for call in calls:
        for at in range(1, 12):
            folder = tmp_path / f"{call}_{at}"
            shutil.copytree(old[0], folder, ignore=lambda *_: [name for name in os.listdir(old[0]) if "_" in name])
            with pytest.MonkeyPatch.context() as patch:
                module, _, name = call.rpartition(".")
                owner = {"os": os, "pathlib.Path": Path, "segbook.train.run": run_module}[module]
                real, count = getattr(owner, name), []

                def cut(*args, real=real, count=count, at=at, **options):
                    count.append(1)
                    if len(count) >= at:
                        raise SystemExit
                    return real(*args, **options)

                patch.setattr(owner, name, cut)
                with pytest.raises(SystemExit):
                    fit(make_linear(), noise(10), noise(3), **RUN | {"steps": 2}, out=folder, seed=2)
                    raise SystemExit  # fewer calls than `at`
            there = {path.name for path in folder.iterdir()}
            seeds = {checkpoint.load(folder / name)["config"]["seed"] for name in there & {"best.pt", "last.pt"}}
            assert len(seeds) == 1 or (not seeds and {"best.pt.new", "last.pt.new"} <= there), (call, at)
            assert "last.pt" not in there or "log.csv" in there


def test_a_folder_that_cannot_be_is_refused_before_the_first_step(noise, make_linear, tmp_path):
    (tmp_path / "file").write_text("mine")
    seen = []
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(ValueError, match="file is a file, or you may not write there"):
            fit(make_linear(), noise(10), **RUN, out=out, callback=lambda *_: seen.append(1))
    assert not seen


# Resume


@pytest.mark.parametrize("kept", [0, 1, 3])
def test_best_is_the_checkpoints_where_the_log_has_lost_rows(noise, make_linear, tmp_path, kept, monkeypatch):
    scores = iter([0.2, 0.9, 0.5, 0.6, 0.7])

    class Matrix:
        def __init__(self):
            self.score = next(scores)

        def mean_iou(self):
            return self.score

        pixel_accuracy = mean_iou

    monkeypatch.setattr("segbook.train.loop.validate", lambda *_: Matrix())
    fit(make_linear(), noise(10), noise(3), **RUN, out=tmp_path)
    best = (tmp_path / "best.pt").read_bytes()
    lines = (tmp_path / "log.csv").read_text().splitlines(keepends=True)
    (tmp_path / "log.csv").write_text("".join(lines[: 1 + kept]))
    content = torch.load(tmp_path / "last.pt")
    content["config"]["steps"] = 10  # as if it had been cut
    torch.save(content, tmp_path / "last.pt")
    history = fit(make_linear(), noise(10), noise(3), **RUN | {"steps": 10}, out=tmp_path, resume=True)
    assert (history.best, history.best_step, history.stale) == (0.9, 4, 3)
    assert (tmp_path / "best.pt").read_bytes() == best


@pytest.mark.parametrize("bytes_lost", range(0, 60, 3))
def test_a_log_cut_anywhere_does_not_stop_resume(noise, make_linear, tmp_path, bytes_lost):
    fit(make_linear(), noise(10), noise(3), **RUN, out=tmp_path)
    log = tmp_path / "log.csv"
    whole = train.read_log(log)
    log.write_bytes(log.read_bytes()[: -bytes_lost or None])
    rows = train.read_log(log)
    assert rows == whole[: len(rows)] and len(rows) >= 4
    history = fit(make_linear(), noise(10), noise(3), **RUN, out=tmp_path, resume=True)
    assert history.step == 6 and history.best == train.load_checkpoint(tmp_path / "last.pt")["history"]["best"]


def test_rows_after_one_that_makes_no_sense_are_dropped(tmp_path):
    (tmp_path / "log.csv").write_text(
        "step,epoch,lr,loss,val_mean_iou,val_pixel_accuracy,seconds,broken\n1,0,0.1,2.0,,,0.1,\n2,0,0.1,\0\0,,,0.1,\n"
        "3,0,0.1,1.0,,,0.1,\n"
    )
    assert [row["step"] for row in train.read_log(tmp_path / "log.csv")] == ["1"]


def test_patience_stops_after_so_many_validations_without_a_better_one(noise, make_linear, tmp_path, monkeypatch):
    class Matrix:
        def mean_iou(self):
            return 0.5

        pixel_accuracy = mean_iou

    monkeypatch.setattr("segbook.train.loop.validate", lambda *_: Matrix())
    options = RUN | {"steps": 100, "patience": 3}
    history = fit(make_linear(), noise(10), noise(3), **options, out=tmp_path)
    assert (history.step, history.best_step, history.stale) == (8, 2, 3)
    assert fit(make_linear(), noise(10), noise(3), **options, out=tmp_path, resume=True).step == 8
    longer = options | {"patience": 4}  # it changes no step that was made, so a resumed run may have another
    assert fit(make_linear(), noise(10), noise(3), **longer, out=tmp_path, resume=True).step == 10


# Text


def test_names_in_chinese_survive_any_locale(noise, make_linear, tmp_path):
    class Broken(noise):
        def read(self, epoch, index):
            if index == 2:
                raise ValueError("坏了")
            return super().read(epoch, index)

    dataset = Broken(8)
    dataset.ids = [f"图像{i}" for i in range(8)]
    dataset.classes = ["红", "绿", "蓝"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
        patch.setattr("io.text_encoding", lambda encoding, *_: encoding or "ascii")
        fit(make_linear(), dataset, **RUN, out=tmp_path, skip_broken=True, config={"data": "路"})
    assert "图像2" in (tmp_path / "log.csv").read_text(encoding="utf-8")
    config = yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8"))
    assert (config["data"], config["classes"]) == ("路", dataset.classes)
    history = fit(make_linear(), dataset, **RUN, out=tmp_path, skip_broken=True, resume=True, config={"data": "路"})
    assert list(history.broken) == ["图像2"]


def test_config_yaml_is_yaml_and_holds_what_the_checkpoint_holds(noise, make_linear, tmp_path):
    config = {
        "model": "m",
        "options": {"output_stride": 8, "atrous_rates": [2, 4]},
        "weights": None,
        "data": 'a: "b" #',
    }
    fit(make_linear(), noise(10), **RUN | {"lr": 3e-05}, out=tmp_path, config=config, class_weights=[1, 2, 3])
    read = yaml.safe_load((tmp_path / "config.yaml").read_text())
    stored = train.load_checkpoint(tmp_path / "last.pt")["config"]
    assert float(read.pop("lr")) == stored.pop("lr") == 3e-05  # YAML 1.1 takes 3e-05 for text
    assert read == stored
    assert (read["options"], read["data"], read["class_weights"]) == (config["options"], config["data"], [1, 2, 3])


# load_run


@pytest.fixture
def tiny(tmp_path):
    model = models.create("fcn32s_tiny", num_classes=4)
    checkpoint.save(tmp_path / "best.pt", model, {"model": "fcn32s_tiny", "num_classes": 4})
    return tmp_path, model.eval()


def test_a_run_gives_its_network_from_the_folder_or_the_file(tiny):
    folder, model = tiny
    x = torch.randn(1, 3, 33, 47)
    for run in (folder, str(folder), folder / "best.pt"):
        again, about = train.load_run(run, "cpu")
        assert not again.training
        with torch.no_grad():
            assert torch.equal(again(x), model(x))
    assert (about["options"], len(about["classes"]), len(about["palette"])) == ({}, 4, 4)


def test_options_and_classes_come_back(tmp_path):
    model = models.create("deeplabv3_tiny", num_classes=1, output_stride=16)
    config = {"model": "deeplabv3_tiny", "num_classes": 1, "options": {"output_stride": 16}, "classes": ["no", "roof"]}
    checkpoint.save(tmp_path / "last.pt", model, config)
    again, about = train.load_run(tmp_path, "cpu")  # without a best.pt it is last.pt
    assert about["classes"] == ["no", "roof"]
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(again(x), model.eval()(x))


def test_weights_that_ship_with_the_package(tiny, monkeypatch):
    content = checkpoint.load(tiny[0] / "best.pt")
    shipped = lambda name, weights: content if (name, weights) == ("fcn32s_tiny", "sky") else None  # noqa: E731
    monkeypatch.setattr(models.pretrained, "read_shipped", shipped)
    assert train.load_run("fcn32s_tiny:sky", "cpu")[1]["model"] == "fcn32s_tiny"
    with pytest.raises(ValueError, match="no weights 'sea' of fcn32s_tiny"):
        train.load_run("fcn32s_tiny:sea")


def test_a_mac_computes_on_its_cpu_unless_told_otherwise(tiny, monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert infer.device_of(train.load_run(tiny[0])[0]).type == "cpu"
    with processes() as world:
        assert world.device.type == "cpu"


def test_a_checkpoint_that_names_no_model(tmp_path, make_linear):
    checkpoint.save(tmp_path / "a.pt", make_linear())
    with pytest.raises(ValueError, match="does not say which model"):
        train.load_run(tmp_path / "a.pt")
