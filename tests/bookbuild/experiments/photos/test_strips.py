"""The pictures of predictions: small enough, complete, each with its credit."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from bookbuild.experiments.photos import RUNGS, strips
from segbook import data, models


@pytest.fixture(scope="module")
def images():
    return strips.photographs()


def net(num_classes: int = 21) -> torch.nn.Module:
    torch.manual_seed(0)
    model = models.create("fcn32s_tiny", num_classes).eval()
    model.score.bias.data[0] = 0.5
    return model


def test_every_photograph_has_its_credit(images, tmp_path):
    strips.write_credits(tmp_path)
    credits = json.loads((tmp_path / "credits.json").read_text())
    assert set(credits) == {*images, "camvid"} and set(strips.SHOWN) <= set(images)
    assert all(set(one) == {"credit", "licence", "source"} and all(one.values()) for one in credits.values())
    for image in images.values():
        assert image.dtype == np.uint8 and image.ndim == 3 and min(image.shape[:2]) >= 300


def test_strips_are_small(images, tmp_path):
    small = {name: images[name][::8, ::8] for name in ("chelsea", "astronaut")}
    nets = {"one": net(), "two": net()}
    strips.draw_ladder(nets, small, tmp_path, width=80)
    strips.draw_rows("rates", nets, small, tmp_path, width=80)
    frames = data.load("toy", "val")
    strips.draw_camvid(net(), frames, (0, 1), tmp_path, width=80)
    drawn = {path.stem: path for path in tmp_path.glob("*.webp")}
    assert set(drawn) == {"ladder-chelsea", "ladder-astronaut", "rates", "camvid"}
    assert all(path.stat().st_size <= strips.MOST_BYTES for path in drawn.values())
    assert Image.open(drawn["ladder-chelsea"]).width >= 3 * 80


def test_a_picture_too_large_for_its_bytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(strips, "MOST_BYTES", 1000)
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match="noise.webp takes [0-9,]+ bytes"):
        strips.save(Image.fromarray(noise), "noise", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_background_keeps_its_colours_and_the_legend_names_the_rest():
    painter = strips.Painter(data.VOC_CLASSES, data.VOC_PALETTE)
    image = np.full((4, 4, 3), 200, dtype=np.uint8)
    label = torch.zeros(4, 4, dtype=torch.int64)
    label[0, 0] = 15
    _, painted = painter.paint("", image, label)
    assert (painted[1:] == 200).all() and (painted[0, 0] != 200).any()
    assert painter.seen - {data.VOID} == {15}


def test_all_strips_are_drawn(home, tmp_path, monkeypatch, images):
    made = {}

    def named(name, **changes):
        made[name, *changes.values()] = name
        return net(11 if name.startswith("camvid") else 21)

    monkeypatch.setattr(strips, "named", named)
    monkeypatch.setattr(strips, "photographs", lambda: {name: image[::8, ::8] for name, image in images.items()})
    monkeypatch.setattr(strips, "CAMVID_FRAMES", (0, 1))
    monkeypatch.setattr(strips, "FOLDER", tmp_path / "pictures")
    strips.draw()
    drawn = {path.name for path in (tmp_path / "pictures").iterdir()}
    expected = {f"ladder-{name}.webp" for name in images} | {"rates.webp", "sizes.webp", "half-cell.webp"}
    assert drawn == expected | {"camvid.webp", "credits.json"}
    assert {*RUNGS, "shipped", "published", "camvid_longer"} == set(made.values())


def test_what_is_not_trained_is_left_out_and_named(home, tmp_path, monkeypatch, images, capsys):
    def named(name, **changes):
        if name != "published":
            raise FileNotFoundError(f"there is no {name}")
        return net(21)

    monkeypatch.setattr(strips, "named", named)
    monkeypatch.setattr(strips, "photographs", lambda: {name: image[::8, ::8] for name, image in images.items()})
    monkeypatch.setattr(strips, "FOLDER", tmp_path / "pictures")
    strips.draw()
    drawn = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert drawn == {f"ladder-{name}.webp" for name in images} | {"credits.json"}
    assert "left out: there is no fcn32s_mobilenet_v2" in capsys.readouterr().out
