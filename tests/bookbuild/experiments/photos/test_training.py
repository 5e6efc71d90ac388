"""A row from its command to its record: trained, cut off, gone on with, scored as `segbook evaluate` scores."""

import json
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from bookbuild import records
from bookbuild.experiments import photos, queue
from bookbuild.experiments.photos import __main__ as command_line
from bookbuild.experiments.photos import evaluations, networks, training
from segbook.cli import main as segbook


def recorded(name: str) -> dict:
    return json.loads((records.RESULTS / "photos" / f"{name}.json").read_text())


def test_a_row_is_trained_scored_and_recorded(home, quick, monkeypatch, in_this_process):
    row = quick("fcn32s_mobilenet_v2")
    monkeypatch.setattr(photos, "experiments", lambda: [row])
    monkeypatch.setattr("sys.argv", ["photos", row.path])
    command_line.main()
    record = recorded(row.name)
    assert record["train"] == row.train and queue.missing(row) == []
    assert queue.missing(quick("fcn32s_mobilenet_v2", steps=3)) == [0]
    (run,) = record["runs"]
    assert run["command"] == f"{photos.COMMAND} {row.path}" and run["step_seconds"] > 0 and len(run["losses"]) == 2

    real = str(home / "roots" / "real")
    last = str(home / row.name / "last.pt")
    told = CliRunner().invoke(segbook, ["evaluate", last, "--data", "voc", "--root", real, "--json"])
    theirs = json.loads(told.stdout)
    for key in ("mean_iou", "boundary_f1", "pixel_accuracy", "mean_accuracy"):
        assert run[key] == pytest.approx(theirs[key], abs=1e-12)
    assert run["iou"] == pytest.approx({name: value for name, value in theirs["iou"].items() if value is not None})

    command_line.main()  # nothing is left to do
    assert len(in_this_process) == 1


def test_what_was_cut_off_goes_on(home, quick, in_this_process, monkeypatch):
    row = quick("fcn32s_mobilenet_v2")
    training.roots.prepare()
    stop = RuntimeError("cut off")

    def cut(history, steps):
        raise stop

    whole = training.train.fit
    monkeypatch.setattr(training.train, "fit", lambda *args, **more: whole(*args, **more, callback=cut))
    with pytest.raises(SystemExit, match="goes on from its last checkpoint"):
        training.train_row(row)
    monkeypatch.setattr(training.train, "fit", whole)
    training.train_row(row)
    assert in_this_process[1] == [*in_this_process[0], "--resume"]
    assert [int(line["step"]) for line in training.train.read_log(home / row.name / "log.csv")] == [1, 2]
    with pytest.raises(SystemExit, match=r"settings have changed, remove .*fcn32s_mobilenet_v2 first"):
        training.train_row(quick("fcn32s_mobilenet_v2", lr=0.5))


def test_camvid_is_scored_on_test_with_what_val_chose(home, quick):
    row = quick("camvid_from_voc")
    with pytest.warns(UserWarning, match="stays random; .*classifier.score"):
        run = training.run(row, 0)
    assert run["images"] == 2 and len(run["val_mean_iou"]) == 2 and run["val_steps"] == [1, 2]
    with np.load(home / row.name / "counts.npz") as stored:
        hit, missed = stored["true_positives"], stored["false_negatives"]
        assert run["pixel_accuracy"] == pytest.approx(hit.sum() / (hit + missed).sum())
        assert run["images_with"] == {
            name: n for name, n in zip(training.data.CAMVID_CLASSES, ((hit + missed) > 0).sum(0).tolist()) if n
        }
    model, best = networks.named(row.name), training.train.load_checkpoint(home / row.name / "best.pt")["state"]
    assert all(training.torch.equal(value, best[name]) for name, value in model.state_dict().items())


def test_what_is_tried_is_scored_on_the_images_held_out(home, quick):
    row = replace(quick("fcn32s_mobilenet_v2"), path="photos/choose/tried", root="choose")
    run = training.run(row, 0)
    assert run["images"] == 3 and run["val_steps"] == [1, 2]
    assert run["val_mean_iou"][-1] == pytest.approx(run["mean_iou"])


def test_means_are_over_the_classes_in_the_labels(monkeypatch):
    counts = training.scoring.Counts(
        *(training.torch.tensor(p) for p in ([[8, 3, 0]], [[0, 1, 5]], [[2, 0, 0]])), training.torch.zeros(1, 3)
    )
    monkeypatch.setattr(training, "SEVEN", ("a", "b"))
    found = training.photo_scores(counts, ("a", "b", "c"))
    assert found["mean_iou"] == pytest.approx((0.8 + 0.75 + 0) / 3)  # c was predicted and is nowhere
    assert found["mean_iou_occurring"] == found["mean_iou_seven"] == pytest.approx((0.8 + 0.75) / 2)
    assert found["images_with"] == {"a": 1, "b": 1}


def test_measurements_are_recorded(home, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["photos", "photos/published", "photos/published_aligned"])
    command_line.main()
    assert recorded("published")["images"] == 4 and recorded("published_aligned")["seconds"] > 0
    assert recorded("published")["mean_iou"] != recorded("published_aligned")["mean_iou"]
    assert training.stored_counts("published").true_positives.shape == (4, 21)
    assert "published" not in evaluations.missing() and "alignment" in evaluations.missing()
    monkeypatch.setattr("sys.argv", ["photos", "photos/intervals"])
    with pytest.raises(SystemExit, match=r"Error: there is no .*counts.npz: remove results/photos/fcn32s_mobilenet_v2"):
        command_line.main()
    monkeypatch.setattr("sys.argv", ["photos", "--list"])
    command_line.main()
    assert "photos/tuned_whole" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"), [(["photos/none"], "no experiment fits photos/none"), (["ship", "x"], "ship one of photos, toy")]
)
def test_an_unknown_name_is_refused(words, said, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["photos", *words])
    with pytest.raises(SystemExit):
        command_line.main()
    assert said in capsys.readouterr().err
