"""What is written into the package loads from it, is small, and has a card that says what the record says."""

import json
from dataclasses import replace

import pytest
import torch

from bookbuild import records
from bookbuild.experiments import toyvoc
from bookbuild.experiments.photos import PLUS, networks, shipping, training
from segbook import data, models, train
from segbook.models import pretrained
from segbook.train import checkpoint

NAME = "fcn8s_tiny"


@pytest.fixture
def package(tmp_path, monkeypatch):
    monkeypatch.setattr(pretrained, "SHIPPED", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def config():
    known = {"model": NAME, "num_classes": 21, "options": {"upsample": "grouped"}, "data": "toy"}
    known |= {"classes": list(data.VOC_CLASSES), "palette": data.VOC_PALETTE.tolist()}
    return known | {"weights": "a path of this machine", "lr": 0.01}


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    model = models.create(NAME, upsample="grouped")
    model.train()(torch.randn(4, 3, 64, 64))
    return model.eval()


def test_weights_load_from_the_package(package, config):
    model = network()
    path = shipping.write_weights(NAME, "mine", config, model.state_dict())
    assert path.stat().st_size < 2.3 * sum(p.numel() for p in model.parameters()) + 50_000
    x = torch.randn(2, 3, 64, 80)
    with torch.no_grad():
        expected = model(x)
        shipped = models.create(NAME, weights="mine").eval()
        loaded, about = train.load_run(f"{NAME}:mine")
        for one in (shipped, loaded):
            assert (one(x) - expected).abs().max() < 0.01 * expected.abs().max()
            assert (one(x).argmax(1) == expected.argmax(1)).float().mean() > 0.99
    assert set(about) == set(shipping.KEPT) and "lr" not in about
    assert torch.equal(loaded.backbone.bn1.running_var, model.backbone.bn1.running_var)


def test_nothing_is_half_written(package, config, monkeypatch):
    state = network().state_dict()
    monkeypatch.setattr(shipping, "MOST_BYTES", 1000)
    with pytest.raises(ValueError, match=r"fcn8s_tiny-mine.pt would take [\d,]+ bytes, more than 1,000"):
        shipping.write_weights(NAME, "mine", config, state)
    state["score.bias"][0] = 1e6
    with pytest.raises(ValueError, match="score.bias has numbers beyond the range of 16 bits"):
        shipping.write_weights(NAME, "mine", config, state)
    assert list(package.iterdir()) == []


@pytest.mark.slow
def test_tiny_networks_are_trained_recorded_and_shipped(package, tmp_path, monkeypatch):
    monkeypatch.setattr(records, "RESULTS", tmp_path / "results")
    monkeypatch.setenv("SEGBOOK_CACHE", str(tmp_path / "cache"))
    rows = [row for row in toyvoc.experiments() if row.path in ("toyvoc/deeplabv3_tiny", "aspp/os16")]
    small = {"num_train": 4, "num_val": 2}
    rows = [replace(row, data=small, settings={"steps": 2, "batch_size": 2}) for row in rows]
    monkeypatch.setattr(toyvoc, "experiments", lambda: rows)
    shipping.ship_toyvoc([row.path for row in rows])
    assert models.create("deeplabv3_tiny", weights="toyvoc").backbone.output_stride == 8
    assert models.create("deeplabv3_tiny", weights="toyvoc_os16").backbone.output_stride == 16
    record = json.loads((tmp_path / "results" / "aspp" / "os16.json").read_text())
    card = (package / "deeplabv3_tiny-toyvoc_os16.md").read_text()
    (run,) = record["runs"]
    for told in (run["command"], run["commit"], 'weights="toyvoc_os16"', "random weights", "500 synthetic scenes"):
        assert told in card
    made = (package / "deeplabv3_tiny-toyvoc.pt").stat().st_mtime_ns
    shipping.ship_toyvoc([row.path for row in rows])  # what is there is left
    assert (package / "deeplabv3_tiny-toyvoc.pt").stat().st_mtime_ns == made


def test_the_trained_network_ships(home, quick, package):
    row = quick("tuned_whole")
    records.add_run(row.path, row.about(), training.run(row, 0))
    shipping.ship_photos()
    record = json.loads((records.RESULTS / "photos" / "as_shipped.json").read_text())
    path = package / f"{PLUS}-photos.pt"
    assert record["bytes"] == path.stat().st_size < shipping.MOST_BYTES
    model = models.create(PLUS, weights="photos").eval()
    start, tuned = (checkpoint.load(home / name)["state"] for name in ("start.pt", "tuned_whole/last.pt"))
    trained = networks.named("tuned_whole")
    trained.load_state_dict({name: (start[name] + tuned[name]) / 2 for name in tuned}, strict=True)
    x = torch.randn(1, 3, 65, 65)
    with torch.no_grad():
        assert (model(x) - trained(x)).abs().max() < 0.05 * trained(x).abs().max()  # random weights amplify
    val = data.load("voc", "val", home / "roots" / "real")
    again = networks.named("shipped", align_centres=True)
    assert all(torch.equal(again.state_dict()[name], value) for name, value in model.state_dict().items())
    assert record["mean_iou"] == pytest.approx(train.evaluate(model, val).mean_iou())
    card = path.with_suffix(".md").read_text()
    for told in (row.train, "Apache License 2.0", "on 4 images of VOC's val", 'weights="photos"', "| background |"):
        assert told in card


def test_every_tiny_network_has_its_row():
    rows = {row.path: row for row in toyvoc.experiments()}
    assert set(shipping.TOY) <= set(rows) and len(shipping.TOY) == 7
    assert {rows[path].build.args[0] for path in shipping.TOY} == set(toyvoc.FAMILY)


def test_a_card_has_each_class_with_its_images(package, config):
    path = shipping.write_weights(NAME, "photos", config, network().state_dict())
    scores = {"mean_iou": 0.5, "mean_iou_seven": 0.81, "mean_iou_occurring": 0.6, "boundary_f1": 0.4}
    scores |= {"pixel_accuracy": 0.9, "iou": {"cat": 0.875, "bird": 0.0}, "images_with": {"cat": 12}}
    run = {"seconds": 1234.5, "device": "cpu, 2 thread(s)", "versions": {"torch": "2.13"}, "commit": "abc"}
    told = dict.fromkeys(("about", "data", "begun", "command", "scored", "limits"), "...")
    card = shipping.card(path, run, scores, **told)
    assert "| cat | 87.5 | 12 |" in card and "bird" not in card.split("|---|---|---|")[1]
    assert "sheep 81.0" in card and "1,234 s on cpu" in card and f"{path.stat().st_size:,} bytes" in card
