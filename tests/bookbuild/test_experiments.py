"""The trainings behind results/: every row is another one, can be resumed, and changes what it says."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from bookbuild import experiments
from bookbuild.variants import LowLevelFrom, SkipVariant, without_image_pooling
from segbook import models

ROOT = Path(__file__).resolve().parents[2]
ROWS = {row.path: row for row in experiments.experiments()}


def test_every_row_has_a_file_of_its_own():
    assert len(ROWS) == len(experiments.experiments())


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
    monkeypatch.setattr(experiments, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(experiments, "experiments", lambda: [row])
    row = replace(ROWS["toyvoc/fcn32s_tiny"], settings={"steps": 2, "batch_size": 2}, seeds=(0, 1), path="tiny/row")
    small = {"num_train": 4, "num_val": 2}
    row = replace(row, data=small)
    monkeypatch.setenv("SEGBOOK_CACHE", str(tmp_path / "cache"))
    return row


def test_runs_are_kept_and_resumed(tiny_results, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["experiments", "tiny"])
    experiments.main()
    path = experiments.RESULTS / "tiny" / "row.json"
    first = json.loads(path.read_text())
    assert [run["seed"] for run in first["runs"]] == [0, 1] == first["seeds"]
    mious = [run["mean_iou"] for run in first["runs"]]
    assert first["mean_iou"] == pytest.approx(sum(mious) / 2)
    assert (first["mean_iou_low"], first["mean_iou_high"]) == (min(mious), max(mious))
    assert {"command", "commit", "device", "data", "settings", "parameters", "versions"} <= set(first)

    first["runs"] = first["runs"][:1]  # as if the second had been cut off
    path.write_text(json.dumps(first))
    experiments.main()
    again = json.loads(path.read_text())
    assert [run["mean_iou"] for run in again["runs"]] == mious  # seeded, and the first one was not run again
    assert again["runs"][0]["seconds"] == first["runs"][0]["seconds"]


def test_another_recipe_is_another_run(tiny_results, monkeypatch):
    monkeypatch.setattr("sys.argv", ["experiments", "tiny/row"])
    experiments.main()
    assert len(experiments.load_runs(tiny_results)) == 2
    assert experiments.load_runs(replace(tiny_results, settings={"steps": 3, "batch_size": 2})) == []


def test_an_unknown_row_is_refused(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["experiments", "no/such"])
    with pytest.raises(SystemExit):
        experiments.main()
    assert "no experiment fits no/such" in capsys.readouterr().err


@pytest.mark.parametrize("path", sorted((ROOT / "results").rglob("*.json")), ids=lambda p: p.stem)
def test_every_record_says_where_it_comes_from(path):
    record = json.loads(path.read_text())
    assert {"command", "commit", "data", "device", "versions", "seconds"} <= set(record)
    row = ROWS.get(path.relative_to(ROOT / "results").with_suffix("").as_posix())
    if row is not None:
        assert record["seeds"] == list(row.seeds)
        expected = experiments.RECIPE | row.settings
        assert {key: record["settings"][key] for key in expected} == expected
