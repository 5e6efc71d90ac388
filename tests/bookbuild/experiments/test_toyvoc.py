"""The trainings behind results/: every row is another one, can be resumed, and changes what it says."""

import json
from dataclasses import replace

import pytest
import torch

from bookbuild import records
from bookbuild.experiments import photographs, queue, toyvoc
from bookbuild.experiments.variants import LowLevelFrom, SkipVariant, without_image_pooling
from segbook import models

ROWS = {row.path: row for row in toyvoc.experiments()}


def test_every_row_has_a_file_of_its_own():
    assert len(ROWS) == len(toyvoc.experiments())


@pytest.mark.parametrize("stride", [32, 16, 8])
def test_skip_variant_continues_the_packages_family(stride):
    torch.manual_seed(stride)
    variant, ours = SkipVariant(stride).eval(), models.create(f"fcn{stride}s_tiny").eval()
    ours.backbone.load_state_dict(variant.backbone.state_dict())
    ours.score.load_state_dict(variant.scores[0].state_dict())
    for mine, theirs in zip(ours.skip_scores, variant.scores[1:]):
        mine.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 65, 97)
    assert torch.equal(variant(x), ours(x))


@pytest.mark.parametrize("fuse", ["sum", "concat", "parallel"])
@pytest.mark.parametrize("stride", [32, 8, 2])
def test_every_skip_variant_uses_all_its_layers(stride, fuse):
    model = SkipVariant(stride, fuse)
    model(torch.randn(2, 3, 64, 64)).square().mean().backward()
    unused = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert unused == []
    assert model(torch.randn(2, 3, 33, 65)).shape == (2, 21, 33, 65)


def test_other_variants_differ_where_they_say():
    base = models.create("deeplabv3_tiny")
    without = without_image_pooling()
    assert len(without.classifier[0].convs) == len(base.classifier[0].convs) - 1
    x = torch.randn(2, 3, 64, 96)
    assert without(x).shape == (2, 21, 64, 96)
    plus, first = models.create("deeplabv3plus_tiny").eval(), LowLevelFrom(1).eval()
    first.net.load_state_dict(plus.state_dict())
    assert torch.equal(first(x), plus(x))
    assert LowLevelFrom(2)(x).shape == (2, 21, 64, 96)


@pytest.fixture
def tiny_results(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RESULTS", tmp_path)
    monkeypatch.setattr(toyvoc, "experiments", lambda: [row])
    row = replace(ROWS["toyvoc/fcn32s_tiny"], settings={"steps": 2, "batch_size": 2}, seeds=(0, 1), path="tiny/row")
    small = {"num_train": 4, "num_val": 2}
    row = replace(row, data=small)
    monkeypatch.setenv("SEGBOOK_CACHE", str(tmp_path / "cache"))
    return row


def test_runs_are_kept_and_resumed(tiny_results, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["toyvoc", "tiny"])
    toyvoc.main()
    path = records.RESULTS / "tiny" / "row.json"
    first = json.loads(path.read_text())
    assert [run["seed"] for run in first["runs"]] == [0, 1] == first["seeds"]
    mious = [run["mean_iou"] for run in first["runs"]]
    assert first["mean_iou"] == pytest.approx(sum(mious) / 2)
    assert (first["mean_iou_low"], first["mean_iou_high"]) == (min(mious), max(mious))
    assert {"data", "settings", "parameters"} <= set(first)
    assert {"command", "commit", "clean", "device", "versions", "seconds"} <= set(first["runs"][0])

    first["runs"] = first["runs"][:1]  # as if the second had been cut off
    path.write_text(json.dumps(first))
    toyvoc.main()
    again = json.loads(path.read_text())
    assert [run["mean_iou"] for run in again["runs"]] == mious  # seeded, and the first one was not run again
    assert again["runs"][0]["seconds"] == first["runs"][0]["seconds"]


def test_another_recipe_is_another_run(tiny_results, monkeypatch):
    monkeypatch.setattr("sys.argv", ["toyvoc", "tiny/row"])
    toyvoc.main()
    assert queue.missing(tiny_results) == []
    assert queue.missing(replace(tiny_results, settings={"steps": 3, "batch_size": 2})) == [0, 1]


def test_an_unknown_row_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["toyvoc", "no/such"])
    with pytest.raises(SystemExit):
        toyvoc.main()
    assert "no experiment fits no/such" in capsys.readouterr().err


@pytest.mark.parametrize("row", [*ROWS.values(), *photographs.cpu_rows()], ids=lambda row: row.path)
def test_what_is_recorded_is_what_the_row_describes(row):
    """No number of another recipe is printed: the whole of the row's description, and all its seeds."""
    assert queue.missing(row) == []


def test_rows_for_a_gpu_have_files_of_their_own():
    paths = [row.path for row in photographs.gpu_rows()]
    assert len(set(paths)) == len(paths) and all(path.startswith("gpu/") for path in paths)
    assert {row.dataset for row in photographs.gpu_rows()} == {"camvid", "voc"}
