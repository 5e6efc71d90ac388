"""What `segbook train` and `evaluate` can be told, on a folder of one's own with three classes or two."""

import json
import os
import runpy
import sys
import warnings
from dataclasses import fields

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from PIL import Image

from segbook import data, losses, models, train
from segbook.cli import main

SMALL = ["--steps", "2", "--batch-size", "2", "--crop", "32x48", "--device", "cpu"]


def segbook(*arguments, status=0):
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exit_code != status:
        raise AssertionError(f"exit status {result.exit_code}\n{result.output}") from result.exception
    if status:
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
    return result.stderr if status else result.stdout


def make_folder(root, classes):
    for i, split in enumerate(["train", "train", "train", "val", "val"]):
        rng = np.random.default_rng(i)
        for part in ("images", "masks"):
            (root / part).mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(root / "images" / f"{i}.png")
        mask = rng.integers(0, len(classes), (40, 50)).astype(np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{i}.png")
        with open(root / f"{split}.txt", "a") as file:
            file.write(f"{i}\n")
    (root / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
    return root


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("three"), ["ground", "red", "green"])


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    return make_folder(tmp_path_factory.mktemp("two"), ["ground", "roof"])


def command(root, out, *options, model="fcn8s_tiny"):
    return ["train", model, "--data", "folder", "--root", root, "--out", out, *SMALL, *options]


def test_every_setting_is_an_option_with_its_help():
    text = " ".join(segbook("train", "--help").split())
    for one in fields(train.Settings):
        assert f"--{one.name.replace('_', '-')} " in text
        assert " ".join(one.metadata["help"].split()[:3]) in text or one.name == "steps"


def test_python_m_segbook_is_segbook(monkeypatch, capsys):
    for arguments, said in ((["models"], "\nfcn8s_tiny\n"), (["train", "--help"], "Usage: segbook train ")):
        monkeypatch.setattr(sys, "argv", ["python -m segbook", *arguments])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("segbook", run_name="__main__")
        assert ended.value.code == 0 and said in capsys.readouterr().out


def test_options_of_the_model_go_into_the_run_and_come_back(three, tmp_path):
    options = ["--model-option", "output_stride=8", "--model-option", "atrous_rates=[1,2,3]"]
    segbook(*command(three, tmp_path / "run", *options, model="deeplabv3_tiny"))
    model, about = train.load_run(tmp_path / "run", "cpu")
    assert about["options"] == {"output_stride": 8, "atrous_rates": [1, 2, 3]}
    dilations = {m.dilation for m in model.classifier.modules() if isinstance(m, torch.nn.Conv2d)}
    assert dilations >= {(2, 2), (3, 3)}
    segbook("evaluate", tmp_path / "run", "--root", three)
    again = ["train", "--config", tmp_path / "run" / "config.yaml", "--root", three, "--out", tmp_path / "again"]
    segbook(*again, "--device", "cpu")
    states = [torch.load(tmp_path / name / "last.pt")["state"] for name in ("run", "again")]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    for wrong in ("output_stride", "output_stride=[", "stride=8"):
        assert "option" in segbook(*command(three, tmp_path / "bad", "--model-option", wrong), status=2)
    assert not (tmp_path / "bad").exists()


def test_one_logit(two, three, tmp_path):
    segbook(*command(two, tmp_path / "run", "--classes", "roof"))
    model, about = train.load_run(tmp_path / "run", "cpu")
    assert model(torch.zeros(1, 3, 32, 32)).shape == (1, 1, 32, 32)
    assert (about["num_classes"], about["classes"], about["loss"]) == (1, ["ground", "roof"], "binary_cross_entropy")
    result = json.loads(segbook("evaluate", tmp_path / "run", "--root", two, "--json"))
    assert list(result["iou"]) == ["ground", "roof"]
    low = json.loads(segbook("evaluate", tmp_path / "run", "--root", two, "--json", "--threshold", "0.0001"))
    assert low["iou"]["ground"] == 0 < low["iou"]["roof"]
    segbook("train", "--config", tmp_path / "run" / "config.yaml", "--root", two, "--out", tmp_path / "run", "--resume")
    for root, name in ((two, "ground"), (three, "red")):
        assert "needs data of two classes" in segbook(*command(root, tmp_path / "no", "--classes", name), status=2)


def test_class_weights_patience_freezing(two, tmp_path):
    options = ["--class-weights", "balanced", "--patience", "1", "--freeze", "backbone", "--freeze-bn", "classifier"]
    segbook(*command(two, tmp_path / "run", *options, "--validate-every", "1", model="deeplabv3_tiny"))
    config = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert (config["class_weights"], config["patience"]) == ("balanced", 1)
    assert (config["freeze"], config["freeze_bn"]) == (["backbone"], ["classifier"])
    torch.manual_seed(0)
    fresh = models.create("deeplabv3_tiny", num_classes=2).state_dict()
    state = torch.load(tmp_path / "run" / "last.pt")["state"]
    still = [name for name, value in state.items() if torch.equal(value, fresh[name])]
    assert {name for name in state if name.startswith("backbone.")} <= set(still) != set(state)
    repeat = ["--config", tmp_path / "run" / "config.yaml", "--root", two, "--device", "cpu"]
    segbook("train", *repeat, "--out", tmp_path / "again")
    assert (tmp_path / "again" / "config.yaml").read_text() == (tmp_path / "run" / "config.yaml").read_text()
    assert "2 classes" in segbook(*command(two, tmp_path / "no", "--class-weights", "1,2,3"), status=2)


def test_a_whole_network_is_fine_tuned(two, three, tmp_path):
    segbook(*command(three, tmp_path / "first"))
    segbook(*command(three, tmp_path / "tuned", "--weights", tmp_path / "first", "--lr", "1e-12"))
    first, tuned = (train.load_run(tmp_path / name, "cpu")[0].state_dict() for name in ("first", "tuned"))
    assert all(torch.allclose(first[name], tuned[name], atol=1e-6) for name in first if name.endswith("weight"))
    # to other classes: all but the scores
    assert "partial" in segbook(*command(two, tmp_path / "no", "--weights", tmp_path / "first"), status=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = ["--weights", tmp_path / "first" / "best.pt", "--partial", "--freeze", "backbone"]
        segbook(*command(two, tmp_path / "part", *part))
    moved = train.load_run(tmp_path / "part", "cpu")[0].state_dict()
    assert all(torch.equal(moved[name], first[name]) for name in first if name.startswith("backbone."))
    shipped = torch.load(tmp_path / "first" / "best.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models.pretrained, "read_shipped", lambda name, weights: shipped)
        segbook(*command(three, tmp_path / "ship", "--weights", "fcn8s_tiny:mine", "--lr", "1e-12"))


@pytest.mark.parametrize("classes", [["ground", "green", "red"], ["ground", "red", "blue"], ["ground", "red"]])
def test_a_run_is_not_scored_under_other_names(three, tmp_path, classes):
    segbook(*command(three, tmp_path / "run"))
    other = make_folder(tmp_path / "other", classes)
    error = segbook("evaluate", tmp_path / "run", "--root", other, "--json", status=2)
    assert "was trained on the classes ground, red, green; folder has " + ", ".join(classes) in error


def test_evaluate_looks_as_predict_does(three, tmp_path):
    segbook(*command(three, tmp_path / "run"))
    looks = ["--scales", "0.5,1", "--flip", "--window", "24x32"]
    result = json.loads(segbook("evaluate", tmp_path / "run", "--root", three, "--json", *looks))
    model, _ = train.load_run(tmp_path / "run", "cpu")
    predict = {"scales": (0.5, 1), "flip": True, "window": (24, 32)}
    matrix = train.evaluate(model, data.load("folder", "val", three), predict=predict)
    assert result["mean_iou"] == matrix.mean_iou()


def test_saved_masks_never_replace_the_data(three, tmp_path):
    segbook(*command(three, tmp_path / "run"))
    before = {path: path.read_bytes() for part in ("images", "masks") for path in (three / part).iterdir()}
    for part in ("images", "masks"):
        error = segbook("evaluate", tmp_path / "run", "--root", three, "--save-masks", three / part, status=2)
        assert "would replace an input" in error
    assert {path: path.read_bytes() for path in before} == before
    for _ in range(2):
        segbook("evaluate", tmp_path / "run", "--root", three, "--save-masks", tmp_path / "masks")
    assert sorted(os.listdir(tmp_path / "masks")) == ["3.png", "4.png"]


@pytest.mark.parametrize("device", ["mps", "cuda:99", "xpu"])
def test_a_device_that_is_not_there_is_one_sentence(three, tmp_path, device):
    error = segbook(*command(three, tmp_path / "run", "--device", device), status=2)
    assert f"there is no device '{device}' here; this machine has cpu" in error
    assert len(error.splitlines()[-1]) < 200 and not (tmp_path / "run").exists()


def test_an_overwritten_run_stays_until_the_new_one_has_a_checkpoint(three, tmp_path):
    segbook(*command(three, tmp_path / "run"))
    before = {name: (tmp_path / "run" / name).read_bytes() for name in os.listdir(tmp_path / "run")}
    lost = command(three, tmp_path / "run", "--overwrite", "--lr", "1e30", "--steps", "9", "--validate-every", "9")
    assert "is nan at step" in segbook(*lost, status=1)
    assert {name: (tmp_path / "run" / name).read_bytes() for name in os.listdir(tmp_path / "run")} == before


def test_a_folder_without_a_checkpoint_is_not_told_to_resume(three, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    error = segbook(*command(three, tmp_path / "run"), status=2)
    assert "--overwrite" in error and "--resume" not in error
    segbook(*command(three, tmp_path / "run", "--overwrite"))
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


def test_losses_of_the_command_line_are_the_packages():
    choices = next(one.metadata["choices"] for one in fields(train.Settings) if one.name == "loss")
    assert all(callable(getattr(losses, name)) for name in choices)
