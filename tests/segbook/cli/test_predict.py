"""`segbook predict` and `export`: what they write, and that nothing is ever lost."""

import json
import os
import re
import shutil

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from segbook import data, infer, models
from segbook.cli import main
from segbook.cli.outputs import plan_outputs, save_mask
from segbook.train import checkpoint
from segbook.train.run import load_run

CLASSES, PALETTE = ["background", "cat", "dog"], [[0, 0, 0], [200, 0, 0], [0, 100, 0]]


def invoke(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def segbook(*arguments):
    result = invoke(*arguments)
    if result.exit_code:
        raise AssertionError(f"exit status {result.exit_code}\n{result.output}") from result.exception
    return result.stdout


def refused(*arguments):
    """The one sentence on standard error of a command that does nothing."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == "" and "Traceback" not in result.stderr
    *usage, sentence = result.stderr.strip().splitlines()
    assert sentence.startswith("Error: ") and not any(line.startswith("Error") for line in usage)
    return sentence


def save_run(path, num_classes=3):
    torch.manual_seed(0)
    model = models.create("fcn32s_tiny", num_classes=num_classes)
    with torch.no_grad():
        for _ in range(3):
            model(torch.randn(4, 3, 64, 64))
    config = {"model": "fcn32s_tiny", "num_classes": num_classes, "options": {}, "data": "folder"}
    checkpoint.save(path, model, {**config, "classes": CLASSES, "palette": PALETTE})
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return save_run(tmp_path_factory.mktemp("run") / "best.pt").parent


@pytest.fixture
def photos(tmp_path, picture):
    """Makes image files in a folder `photos`."""

    def make(*names, size=(12, 20)):
        folder = tmp_path / "photos"
        folder.mkdir(exist_ok=True)
        for seed, name in enumerate(names):
            (folder / name).parent.mkdir(exist_ok=True)
            Image.fromarray(picture(*size, seed)).save(folder / name)
        return folder

    return make


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_masks_and_overlays_at_the_images_size(run, photos, tmp_path):
    photos("a.jpg", size=(35, 61))
    folder = photos("b.png", size=(20, 20))
    out = tmp_path / "out"
    printed = segbook("predict", run, folder / "a.jpg", folder / "b.png", "--out", out, "--no-legend")
    assert printed.split() == [str(out / "a-overlay.jpg"), str(out / "b-overlay.jpg")]
    assert sorted(os.listdir(out)) == ["a-mask.png", "a-overlay.jpg", "b-mask.png", "b-overlay.jpg"]
    mask, drawn = Image.open(out / "a-mask.png"), Image.open(out / "a-overlay.jpg")
    assert (mask.mode, mask.size, drawn.format, drawn.size) == ("P", (61, 35), "JPEG", (61, 35))
    model, _ = load_run(run, "cpu")
    label = infer.predict(model, folder / "a.jpg").numpy()
    assert (np.array(mask) == label).all()
    assert (np.array(mask.convert("RGB")) == np.array(PALETTE)[label]).all()
    expected = infer.overlay(folder / "a.jpg", label, PALETTE).astype(float)
    assert abs(np.array(drawn) - expected).mean() < 6  # a JPEG


def test_windows_scales_and_flip_write_what_the_package_predicts(run, photos, tmp_path):
    folder = photos("a.png", size=(50, 70))
    how = ["--window", "32x48", "--overlap", "0.25", "--scales", "0.5,1", "--flip"]
    segbook("predict", run, folder / "a.png", "--out", tmp_path / "out", *how)
    model, _ = load_run(run, "cpu")
    expected = infer.predict(model, folder / "a.png", window=(32, 48), overlap=0.25, scales=(0.5, 1), flip=True)
    assert (np.array(Image.open(tmp_path / "out" / "a-mask.png")) == expected.numpy()).all()
    assert Image.open(tmp_path / "out" / "a-overlay.jpg").height > 60  # the legend


def test_one_logit_and_its_threshold(photos, tmp_path):
    one = save_run(tmp_path / "one.pt", num_classes=1)
    folder = photos("a.png", size=(50, 70))
    model, _ = load_run(one, "cpu")
    threshold = float(infer.probabilities(model, folder / "a.png").median())
    for value, out in ((threshold, "half"), (0.99999, "none")):
        segbook("predict", one, folder / "a.png", "--threshold", value, "--out", tmp_path / out)
        expected = infer.predict(model, folder / "a.png", threshold=value)
        assert (np.array(Image.open(tmp_path / out / "a-mask.png")) == expected.numpy()).all()
    assert 0.4 < np.array(Image.open(tmp_path / "half" / "a-mask.png")).mean() < 0.6


def test_a_folder_is_all_its_images_in_order_but_not_those_in_its_folders(run, photos, tmp_path):
    folder = photos("b.JPG", "a.png", "c.tif", "inside/d.png", ".hidden.png")
    (folder / "notes.txt").write_text("not an image")
    result = invoke("predict", run, folder, folder / "a.png", "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert [os.path.basename(line) for line in result.stdout.split()] == [f"{n}-overlay.jpg" for n in "abc"]
    assert "predict" in result.stderr and "3/3" in result.stderr  # the bar
    assert len(os.listdir(tmp_path / "out")) == 6


def test_a_bad_image_is_named_and_the_others_go_on(run, photos, tmp_path):
    folder = photos("a.png", "c.png", "d.png")
    (folder / "b.png").write_text("no image")
    (folder / "c.png").write_bytes((folder / "c.png").read_bytes()[:300])
    result = invoke("predict", run, folder, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert [os.path.basename(line) for line in result.stdout.split()] == ["a-overlay.jpg", "d-overlay.jpg"]
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert len(errors) == 3
    assert "b.png: not an image file" in errors[0] and "c.png: the image is damaged" in errors[1]
    assert "2 of 4 images could not be read" in errors[2]
    assert sorted(os.listdir(tmp_path / "out")) == ["a-mask.png", "a-overlay.jpg", "d-mask.png", "d-overlay.jpg"]


# No output ever replaces an input or another output


def test_results_may_lie_beside_the_photograph_and_leave_it_alone(run, photos):
    folder = photos("x.png")
    before = contents(folder)
    segbook("predict", run, folder / "x.png", "--out", folder)
    assert contents(folder).items() >= before.items()
    assert sorted(os.listdir(folder)) == ["x-mask.png", "x-overlay.jpg", "x.png"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize(
    ("names", "out", "sentence"),
    [
        (["y.jpg", "y-overlay.jpg"], "photos", "y-overlay.jpg would replace an input"),
        (["y.jpg", "y-mask.png"], "photos", "y-mask.png would replace an input"),
        (["x.png", "x.jpg"], "out", "x.png and .*x.jpg would both be written to .*x-mask.png"),
        (["x.png", "X.jpg"], "out", "x.png and .*X.jpg would both be written"),
        (["one/x.png", "two/x.png"], "out", "one/x.png and .*two/x.png would both be written"),
    ],
)
def test_inputs_and_other_outputs_are_never_replaced(run, photos, tmp_path, names, out, sentence, overwrite):
    folder = photos(*names)
    before = contents(tmp_path)
    error = refused("predict", run, *(folder / name for name in names), "--out", tmp_path / out, *overwrite)
    assert re.search(sentence, error), error
    assert contents(tmp_path) == before and not (tmp_path / "out").exists()


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_an_input_under_another_name_is_not_replaced(run, photos, tmp_path, link):
    folder = photos("x.png")
    (tmp_path / "out").mkdir()
    link(folder / "x.png", tmp_path / "out" / "x-mask.png")
    before = contents(tmp_path)
    error = refused("predict", run, folder / "x.png", "--out", tmp_path / "out", "--overwrite")
    assert "would replace an input" in error
    assert contents(tmp_path) == before


def test_what_is_there_is_replaced_only_when_asked(run, photos, tmp_path):
    folder, out = photos("a.png", "b.png"), tmp_path / "out"
    out.mkdir()
    (out / "b-overlay.jpg").write_text("mine")
    assert "b-overlay.jpg is there already; replace it with --overwrite" in refused(
        "predict", run, folder, "--out", out
    )
    assert [path.name for path in out.iterdir()] == ["b-overlay.jpg"]
    segbook("predict", run, folder, "--out", out, "--overwrite")
    assert Image.open(out / "b-overlay.jpg").width >= 20
    assert len(list(out.iterdir())) == 4


def test_a_folder_of_images_is_not_where_the_results_go(run, photos):
    folder = photos("a.png")
    assert "holds the images; the results need another folder" in refused("predict", run, folder, "--out", folder)
    assert [path.name for path in folder.iterdir()] == ["a.png"]


def test_paths_that_hold_no_image_are_told_apart(run, photos, tmp_path):
    folder, out = photos("inside/a.png"), tmp_path / "out"
    for given, sentence in (
        (folder / "*.png", f"no file matches this pattern; give the folder, {folder}, instead"),
        (folder / "none.png", "none.png: no such file or folder"),
        (folder, "no image in this folder"),
    ):
        assert sentence in refused("predict", run, folder / "inside/a.png", given, "--out", out)
    (tmp_path / "file").write_text("")
    assert "is a file; the results need a folder" in refused(
        "predict", run, folder / "inside/a.png", "--out", tmp_path / "file"
    )
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--max-pixels", "63"], "8 x 8 has 64 pixels, more than max_pixels=63"),
        (["--window", "32"], "'32' is not of the form 320x480"),
        (["--overlap", "1"], "--overlap"),
        (["--scales", "1,,2"], "'1,,2' is not of the form 0.75,1,1.25"),
        (["--scales", "0"], "'0' is not of the form 0.75,1,1.25"),
    ],
)
def test_settings_without_sense(run, photos, tmp_path, arguments, sentence):
    folder = photos("a.png", size=(8, 8))
    assert sentence in refused("predict", run, folder / "a.png", "--out", tmp_path / "out", *arguments)
    assert not (tmp_path / "out").exists()


def test_what_is_no_run(photos, tmp_path):
    folder = photos("a.png")
    for command in (["predict", tmp_path, folder], ["export", tmp_path]):
        assert "no checkpoint" in refused(*command, "--out", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_a_photograph_of_one_pixel_and_a_panorama(run, photos, tmp_path):
    photos("dot.png", size=(1, 1))
    folder = photos("wide.png", size=(1, 70_000))
    segbook("predict", run, folder, "--out", tmp_path / "out")
    for name, size in (("dot", (1, 1)), ("wide", (70_000, 1))):
        assert Image.open(tmp_path / "out" / f"{name}-mask.png").size == size
    assert 60_000 < Image.open(tmp_path / "out" / "wide-overlay.jpg").width < 65_536


# The plan itself, as evaluate uses it


def test_names_with_slashes_make_folders(tmp_path):
    plan = plan_outputs([tmp_path / "x.jpg"], tmp_path / "out", (".png",), ["2008/x"])
    assert plan == [[tmp_path / "out/2008/x.png"]]
    save_mask(plan[0][0], torch.tensor([[0, 2]]), torch.tensor(PALETTE))
    image = Image.open(plan[0][0])
    assert np.array(image).tolist() == [[0, 2]] and image.getpalette()[6:9] == [0, 100, 0]


def test_the_labels_of_a_data_set_are_kept(tmp_path, picture):
    image, mask = tmp_path / "images/a.png", tmp_path / "masks/a.png"
    for path in (image, mask):
        path.parent.mkdir()
        Image.fromarray(picture()).save(path)
    with pytest.raises(ValueError, match="masks/a.png would replace an input"):
        plan_outputs([image], mask.parent, (".png",), ["a"], keep=[mask], overwrite=True)
    assert plan_outputs([image], tmp_path, (".png",), ["a"], keep=[mask], overwrite=True) == [[tmp_path / "a.png"]]


def test_evaluate_does_not_write_over_the_labels(run, tmp_path, picture):
    root = tmp_path / "root"
    for folder in ("images/val", "masks/val"):
        (root / folder).mkdir(parents=True)
    Image.fromarray(picture(20, 30)).save(root / "images/val/a.png")
    Image.fromarray(picture(20, 30)[..., 0] % 3).save(root / "masks/val/a.png")
    (root / "classes.txt").write_text("\n".join(CLASSES))
    before = contents(root)
    command = ["evaluate", run, "--root", root, "--device", "cpu", "--save-masks"]
    assert "masks/val/a.png would replace an input" in refused(*command, root / "masks/val")
    assert contents(root) == before
    for _ in range(2):  # an earlier evaluation's may go
        segbook(*command, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.png"]


# Export


def test_export_writes_a_file_that_onnxruntime_runs(run, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    path = tmp_path / "model.onnx"
    assert segbook("export", run, "--half", "--out", path).startswith(f"{path}: logits within ")
    session = onnxruntime.InferenceSession(path)
    x = torch.randn(1, 3, 40, 50)
    (logits,) = session.run(None, {"image": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(logits, load_run(run, "cpu")[0](x).numpy(), rtol=0, atol=1e-2)
    metadata = {key: json.loads(value) for key, value in session.get_modelmeta().custom_metadata_map.items()}
    assert metadata["classes"] == CLASSES and metadata["palette"] == PALETTE and metadata["one_logit"] is False
    assert path.stat().st_size < 0.6 * (run / "best.pt").stat().st_size


def test_export_refuses_a_place_before_any_work(run, tmp_path, monkeypatch):
    (tmp_path / "folder").mkdir()
    shutil.copy(run / "best.pt", tmp_path / "best.pt")
    before = contents(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.onnx, "export", None)
    monkeypatch.setattr(checkpoint, "load", None)
    for out, sentence in (
        (".", ". is a folder; name the file in it, as in model.onnx"),
        (tmp_path / "folder", "folder is a folder; name the file in it"),
        (tmp_path / "best.pt", "the name of an ONNX file ends in .onnx"),
        (tmp_path / "nowhere/model.onnx", "no folder"),
    ):
        assert sentence in refused("export", tmp_path / "best.pt", "--out", out)
    assert contents(tmp_path) == before


def test_weights_that_ship_need_no_run(photos, tmp_path, monkeypatch):
    written = []
    monkeypatch.setattr("segbook.cli.predict.export", lambda model, out, **about: written.append(out) or 0.0)
    photo, shipped = photos("a.png") / "a.png", "fcn32s_tiny:toyvoc"
    segbook("predict", shipped, photo, "--out", tmp_path / "out", "--device", "cpu")
    model = load_run(shipped, "cpu")[0]
    assert np.array_equal(np.array(Image.open(tmp_path / "out/a-mask.png")), infer.predict(model, photo).numpy())
    data.make_toy_voc(tmp_path / "toy", num_train=1, num_val=2, size=(32, 40))
    found = segbook("evaluate", shipped, "--data", "voc", "--root", tmp_path / "toy", "--json", "--device", "cpu")
    assert json.loads(found)["images"] == 2
    segbook("export", shipped, "--out", tmp_path / "a.onnx")
    assert written == [tmp_path / "a.onnx"]


@pytest.mark.parametrize("command", ["predict", "export"])
def test_help_has_an_example(command):
    assert f"segbook {command} run" in segbook(command, "--help")
