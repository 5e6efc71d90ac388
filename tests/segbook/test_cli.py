"""The command line on a handful of tiny pictures in VOC's and CamVid's layouts."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import torch
import yaml
from click.testing import CliRunner
from PIL import Image

from segbook import data, train
from segbook.cli import main
from segbook.metrics import boundary_f1

STEPS = ["--steps", "2", "--batch-size", "2", "--crop", "32x48", "--device", "cpu"]


def make_pair(image_path, mask_path, size, seed, classes, void):
    rng = np.random.default_rng(seed)
    for path in (image_path, mask_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(image_path)
    mask = np.repeat(rng.integers(0, classes, (1, size[1]), dtype=np.uint8), size[0], 0)
    mask[0] = void
    image = Image.fromarray(mask)
    image.putpalette(data.voc_colormap().flatten().tolist())
    image.save(mask_path)


@pytest.fixture(scope="module")
def voc(tmp_path_factory):
    """Three training and two validation images of different sizes, VOC's layout."""
    root = tmp_path_factory.mktemp("voc")
    base = root / "VOCdevkit" / "VOC2012"
    for i, (split, size) in enumerate([*[("train", (40, 50))] * 3, ("val", (33, 47)), ("val", (20, 70))]):
        name = f"2007_{i:06d}"
        make_pair(base / "JPEGImages" / f"{name}.jpg", base / "SegmentationClass" / f"{name}.png", size, i, 3, 255)
        split_file = base / "ImageSets" / "Segmentation" / f"{split}.txt"
        split_file.parent.mkdir(parents=True, exist_ok=True)
        with open(split_file, "a") as file:
            file.write(name + "\n")
    return root


@pytest.fixture(scope="module")
def camvid(tmp_path_factory):
    root = tmp_path_factory.mktemp("camvid")
    for i, split in enumerate(["train", "train", "val"]):
        folder = root / "CamVid"
        make_pair(folder / split / f"f{i}.png", folder / f"{split}annot" / f"f{i}.png", (36, 48), i, 11, 11)
        with open(folder / f"{split}.txt", "a") as file:
            file.write(f"f{i}\n")
    return root


def segbook(*arguments, status=0):
    """Run a command in this process; on failure the sentence, else what it printed."""
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    if result.exit_code != status:
        raise AssertionError(f"exit status {result.exit_code}\n{result.output}") from result.exception
    if status == 2:
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        return result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def run(voc, tmp_path_factory):
    """A finished training."""
    out = tmp_path_factory.mktemp("runs") / "run"
    segbook("train", "fcn32s_tiny", "--data", "voc", "--root", voc, "--out", out, *STEPS)
    return out


def test_a_run_folder_holds_four_files(run):
    assert sorted(os.listdir(run)) == ["best.pt", "config.yaml", "last.pt", "log.csv"]
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"] == "fcn32s_tiny"
    assert config["data"] == "voc"
    assert config["steps"] == 2
    assert config["crop"] == [32, 48]
    assert len(train.read_log(run / "log.csv")) == 2


def test_evaluate_prints_one_json_object(run, voc, tmp_path):
    masks = tmp_path / "masks"
    text = segbook("evaluate", run, "--data", "voc", "--root", voc, "--json", "--save-masks", masks)
    result = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert list(result) == [
        *("model", "data", "split", "images", "pixel_accuracy", "mean_accuracy", "mean_iou", "boundary_f1", "iou"),
        *("seconds", "device"),
    ]
    assert (result["model"], result["data"], result["split"], result["images"]) == ("fcn32s_tiny", "voc", "val", 2)
    assert list(result["iou"]) == data.VOC_CLASSES

    # the masks give the same scores once more, counted with nothing but numpy
    right, total, outlines = 0, 0, []
    intersection, union = np.zeros(21), np.zeros(21)
    for path in sorted(masks.iterdir()):
        predicted = np.array(Image.open(path))
        target = np.array(Image.open(voc / "VOCdevkit" / "VOC2012" / "SegmentationClass" / path.name))
        assert predicted.shape == target.shape
        valid = target != 255
        outlines.append(boundary_f1(torch.from_numpy(predicted), torch.from_numpy(target), 21))
        right += (predicted == target)[valid].sum()
        total += valid.sum()
        for c in range(21):
            intersection[c] += ((predicted == c) & (target == c))[valid].sum()
            union[c] += ((predicted == c) | (target == c))[valid].sum()
    assert len(list(masks.iterdir())) == 2
    assert result["pixel_accuracy"] == pytest.approx(right / total)
    assert [value is None for value in result["iou"].values()] == (union == 0).tolist()
    assert None in result["iou"].values()
    assert result["boundary_f1"] == pytest.approx(torch.stack(outlines).nanmean(0).nanmean().item())
    assert result["mean_iou"] == pytest.approx((intersection[union > 0] / union[union > 0]).mean())
    assert result["mean_iou"] == train.load_checkpoint(run / "best.pt")["val_mean_iou"]


def test_evaluate_takes_the_data_set_from_the_run_and_prints_a_table(run, voc):
    text = segbook("evaluate", run, "--root", voc, "--split", "train")
    assert text.startswith("fcn32s_tiny on voc train, 3 images, percent")
    assert "aeroplane" in text


def test_a_root_with_only_a_val_split_can_be_evaluated(run, voc, tmp_path, monkeypatch):
    shutil.copytree(voc, tmp_path / "root")
    (tmp_path / "root" / "VOCdevkit/VOC2012/ImageSets/Segmentation/train.txt").unlink()
    for name in ("000000", "000001", "000002"):
        (tmp_path / "root" / f"VOCdevkit/VOC2012/JPEGImages/2007_{name}.jpg").unlink()
    monkeypatch.setenv("SEGBOOK_DATA", str(tmp_path / "root"))
    assert json.loads(segbook("evaluate", run, "--json"))["images"] == 2


def test_help_has_an_example():
    assert "segbook evaluate run" in segbook("evaluate", "--help")


def test_camvid_from_training_to_prediction(camvid, tmp_path):
    run = tmp_path / "run"
    segbook("train", "fcn32s_tiny", "--data", "camvid", "--root", camvid, "--out", run, *STEPS)
    result = json.loads(segbook("evaluate", run, "--root", camvid, "--json"))
    assert list(result["iou"]) == data.CAMVID_CLASSES
    segbook("predict", run, camvid / "CamVid/val/f2.png", "--out", tmp_path / "out")
    assert Image.open(tmp_path / "out" / "f2-mask.png").size == (48, 36)


def test_models_lists_names():
    assert "fcn32s_tiny" in segbook("models").split()


def test_make_toy(tmp_path, monkeypatch):
    small = lambda root, split: type("Toy", (), {"root": f"{root}/{split}"})()  # noqa: E731
    monkeypatch.setattr(data, "ToyVOC", small)
    assert segbook("data", "make-toy", "--root", tmp_path) == f"{tmp_path}/train\n"


def test_download(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(data, "download_voc", asked.append)
    assert segbook("data", "download", "--data", "voc", "--root", tmp_path) == f"{tmp_path}\n"
    assert asked == [tmp_path]


# Bad input: exit status 2, one sentence, nothing half written


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["fcn32_tiny", "--data", "voc"], "fcn32s_tiny"),
        (["fcn32s_tiny", "--data", "vok"], "the nearest are voc"),
        (["fcn32s_tiny", "--data", "voc", "--batch-size", "4"], "3 images, fewer than one batch of 4"),
        (["fcn32s_tiny", "--data", "voc", "--epochs", "1", "--steps", "1"], "give one of them"),
        (["fcn32s_tiny", "--data", "voc", "--crop", "32"], "'32' is not of the form 320x480"),
        (["fcn32s_tiny", "--data", "voc", "--device", "abacus"], "no device 'abacus'"),
        (["fcn32s_tiny", "--data", "voc", "--root", "nowhere"], "nowhere"),
        (["fcn32s_tiny", "--data", "voc", "--batch-size", "2", "--resume"], "no checkpoint"),
        (["fcn32s_tiny", "--data", "voc", "--resume", "--overwrite"], "give one of them"),
    ],
)
def test_train_refuses_and_leaves_nothing(voc, tmp_path, arguments, sentence):
    root = [] if "--root" in arguments else ["--root", voc]
    error = segbook("train", *arguments, *root, "--out", tmp_path / "run", status=2)
    assert sentence in error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_image_is_named_and_leaves_nothing(voc, tmp_path, workers):
    shutil.copytree(voc, tmp_path / "root")
    for i in range(3):
        path = tmp_path / f"root/VOCdevkit/VOC2012/JPEGImages/2007_{i:06d}.jpg"
        path.write_bytes(path.read_bytes()[:700])
    error = segbook(
        *("train", "fcn32s_tiny", "--data", "voc", "--root", tmp_path / "root", "--out", tmp_path / "run"),
        *(*STEPS, "--workers", workers),
        status=2,
    )
    sentence = [line for line in error.splitlines() if line.startswith("Error")]
    assert len(sentence) == 1
    assert "JPEGImages/2007_00000" in sentence[0]
    assert "damaged or cut short" in sentence[0]
    assert not (tmp_path / "run").exists()


def test_a_folder_that_is_not_empty_is_refused_unless_told_otherwise(run, voc, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(run, out)
    (out / "notes.txt").write_text("mine")
    command = ["train", "fcn32s_tiny", "--data", "voc", "--root", voc, "--out", out, *STEPS]
    before = (out / "last.pt").read_bytes()
    assert "not empty; --resume goes on" in segbook(*command, status=2)
    assert (out / "last.pt").read_bytes() == before
    segbook(*command, "--overwrite", "--seed", 1)
    assert (out / "last.pt").read_bytes() != before
    assert yaml.safe_load((out / "config.yaml").read_text())["seed"] == 1
    assert (out / "notes.txt").read_text() == "mine"
    assert "has seed 1, not 0" in segbook(*command, "--resume", status=2)
    assert "is a file" in segbook(*command[: -len(STEPS) - 1], out / "notes.txt", status=2)


def test_resume_goes_on_where_the_run_stopped(voc, tmp_path, monkeypatch):
    command = ["train", "fcn32s_tiny", "--data", "voc", "--root", voc, *STEPS, "--steps", 5]
    segbook(*command, "--out", tmp_path / "whole")
    save = train.checkpoint.save

    def save_and_stop(path, *args, **more):
        save(path, *args, **more)
        if path.name == "last.pt" and more["step"] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(train.checkpoint, "save", save_and_stop)
    segbook(*command, "--out", tmp_path / "cut", status=130)
    monkeypatch.undo()
    segbook(*command, "--out", tmp_path / "cut", "--resume")
    states = [train.load_checkpoint(tmp_path / name / "last.pt")["state"] for name in ("whole", "cut")]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def test_a_runs_config_can_be_fed_back_and_the_command_line_wins(run, voc, tmp_path):
    common = ["--config", run / "config.yaml", "--root", voc, "--device", "cpu"]
    segbook("train", *common, "--out", tmp_path / "same")
    assert (tmp_path / "same" / "config.yaml").read_text() == (run / "config.yaml").read_text()
    states = [train.load_checkpoint(folder / "last.pt")["state"] for folder in (run, tmp_path / "same")]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    segbook("train", *common, "--out", tmp_path / "same", "--resume")  # nothing is left to do
    options = ["--epochs", "1", "--warmup", "1", "--clip", "0.5", "--amp", "bf16", "--loss", "ohem_cross_entropy"]
    segbook("train", "fcn16s_tiny", *common, "--out", tmp_path / "other", *options, "--head-lr", "2", "--no-decay")
    config = yaml.safe_load((tmp_path / "other" / "config.yaml").read_text())
    assert (config["model"], config["steps"], config["warmup"]) == ("fcn16s_tiny", 1, 1)
    assert (config["clip"], config["amp"], config["head_lr"], config["no_decay"]) == (0.5, "bf16", 2.0, True)
    assert config["loss"] == train.load_checkpoint(tmp_path / "other" / "last.pt")["config"]["loss"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("learning_rate: 1", "there is no option 'learning_rate'"),
        ("fcn32s_tiny", "one `option: value` a line"),
        ("a: [", "is no YAML file"),
        ("lr: quick", "'quick' is not a valid float"),
    ],
)
def test_a_config_that_makes_no_sense(voc, tmp_path, text, sentence):
    (tmp_path / "c.yaml").write_text(text)
    common = ["train", "fcn32s_tiny", "--data", "voc", "--root", voc, "--out", tmp_path / "run"]
    assert sentence in segbook(*common, "--config", tmp_path / "c.yaml", status=2)
    assert "none.yaml" in segbook(*common, "--config", tmp_path / "none.yaml", status=2)
    assert not (tmp_path / "run").exists()


SEGBOOK = [sys.executable, "-c", "from segbook.cli import main; main()"]


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])  # a shell's background job ignores it
def test_ctrl_c_keeps_the_last_checkpoint_and_has_status_130(voc, tmp_path, before):
    command = [*SEGBOOK, "train", "fcn32s_tiny", "--data", "voc", "--root", voc, "--out", tmp_path / "run", *STEPS]
    command += ["--steps", "100000", "--workers", "1"]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=partial(signal.signal, signal.SIGINT, before)
    )
    try:
        end = time.monotonic() + 300
        while not (tmp_path / "run" / "last.pt").exists():
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < end
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        error = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in error and "Exception ignored" not in error
    assert error.splitlines()[-1].endswith("a training goes on from its last validation with --resume")
    assert train.load_checkpoint(tmp_path / "run" / "last.pt")["step"] >= 1


@pytest.mark.slow
def test_the_same_command_under_torchrun_writes_one_run(voc, tmp_path):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python"]
    command = [*torchrun, *SEGBOOK, "train", "fcn32s_tiny", "--data", "voc", "--root", voc, "--out", tmp_path / "run"]
    done = subprocess.run([*command, *STEPS], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("best validation mIoU") == 1
    assert sorted(os.listdir(tmp_path / "run")) == ["best.pt", "config.yaml", "last.pt", "log.csv"]
    result = json.loads(segbook("evaluate", tmp_path / "run", "--root", voc, "--json"))
    assert result["mean_iou"] == train.load_checkpoint(tmp_path / "run" / "best.pt")["val_mean_iou"]


def test_a_loss_that_is_not_finite_has_status_1(voc, tmp_path):
    stderr = CliRunner().invoke(
        main,
        [*("train", "fcn32s_tiny", "--data", "voc", "--root", str(voc), "--out", str(tmp_path / "run")),
         *(*STEPS, "--lr", "1e30", "--steps", "9")],
    )  # fmt: skip
    assert stderr.exit_code == 1
    assert "the loss is nan at step" in stderr.stderr
    assert "2007_00000" in stderr.stderr


def test_evaluate_and_predict_refuse_what_is_no_run(run, voc, camvid, tmp_path):
    assert "no checkpoint" in segbook("evaluate", tmp_path, "--root", voc, status=2)
    (tmp_path / "best.pt").write_text("no checkpoint")
    assert "is no file of weights" in segbook("evaluate", tmp_path, "--root", voc, status=2)
    assert "tvmonitor; camvid has sky, building" in segbook(
        "evaluate", run, "--data", "camvid", "--root", camvid, status=2
    )
    assert "no split 'test'" in segbook("evaluate", run, "--root", voc, "--split", "test", status=2)
    checkpoint = train.load_checkpoint(run / "best.pt")
    checkpoint["state"]["strange"] = torch.zeros(1)
    torch.save(checkpoint, tmp_path / "best.pt")
    assert "unexpected: strange" in segbook("evaluate", tmp_path, "--root", voc, status=2)


def test_as_a_process_only_the_result_is_on_standard_output(run, voc):
    command = [sys.executable, "-c", "from segbook.cli import main; main()", "evaluate", run, "--root", voc, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert json.loads(done.stdout)["images"] == 2
    assert "evaluate" in done.stderr
    said = segbook("evaluate", "nowhere", "--root", voc, "--json", status=2)  # and nothing on standard output
    assert said.startswith("Error: there is no checkpoint nowhere; `segbook train ... --out nowhere` writes")


def test_the_package_needs_nothing_that_only_its_commands_need():
    """What is left is torch, torchvision, numpy, Pillow, matplotlib and tqdm."""
    code = (
        "import sys\n"
        "for name in ('click', 'yaml', 'onnx', 'onnxscript', 'onnxruntime', 'skimage', 'd2l', 'IPython'):\n"
        "    sys.modules[name] = None\n"
        "from segbook import checks, data, export, figures, grading, infer, models, plot, train\n"
        "from segbook.figures import blocks\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)
