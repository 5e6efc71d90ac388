"""The figure that plays trainings again: its arithmetic, its record, and what it shows when it is scrubbed."""

import base64
import io
import json
import random

import numpy as np
import pytest
import torch
from PIL import Image

from bookbuild.records import RESULTS
from segbook import figures
from segbook.metrics import ConfusionMatrix

NAME = "training-replay"
RECORD = figures.recorded(NAME)


def decode(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


def test_the_record_is_the_first_run_of_each_row_of_the_running_table():
    """Nearly: two releases of torch round differently, and 600 steps carry that to the third digit."""
    for network in RECORD["networks"]:
        runs = json.loads((RESULTS / "toyvoc" / f"{network['model']}.json").read_text())["runs"]
        (same,) = (run for run in runs if run["seed"] == RECORD["run"]["seed"])
        assert network["mean_iou"][-1] == pytest.approx(same["mean_iou"], abs=0.01)
        assert len(network["mean_iou"]) == len(RECORD["moments"])
        assert len(network["losses"]) == -(-RECORD["run"]["steps"] // RECORD["mean_of"])


def test_the_record_is_small():
    assert (figures.FOLDER / f"{NAME}.json").stat().st_size < 150_000


def test_right_pixels_are_the_pixel_accuracy(maths):
    call, rng = maths(NAME), random.Random(0)
    for _ in range(5):
        rows, columns = rng.randint(1, 6), rng.randint(1, 6)
        label = torch.tensor([[rng.choice([0, 3, 20, 255]) for _ in range(columns)] for _ in range(rows)])
        label[0, 0] = 3
        frame = torch.tensor([[rng.choice([0, 3, 20]) for _ in range(columns)] for _ in range(rows)])
        matrix = ConfusionMatrix(21)
        matrix.update(frame[None], label[None])
        got = call("judge", frame.tolist(), label.tolist())
        assert got == {"accuracy": pytest.approx(matrix.pixel_accuracy()), "named": frame.unique().tolist()}


def test_moments_losses_and_ticks(maths):
    call = maths(NAME)
    assert [call("nearest", [0, 5, 10, 600], step) for step in (-9, 2, 2.5, 3, 304, 306, 900)] == [0, 0, 0, 1, 2, 3, 3]
    # Means over steps 1 to 4, 5 to 8, and what is left, 9 and 10.
    assert call("losses", [3, 2, 1], 4, 10) == [[2.5, 3], [6.5, 2], [9.5, 1]]
    assert [call("tick", most) for most in (1, 1.6, 0.72, 7)] == pytest.approx([0.2, 0.5, 0.2, 2])
    for most in np.random.default_rng(0).uniform(0.01, 100, 50):
        assert 1 <= most / call("tick", most) <= 5


def settled(page):
    page.wait_for_function("document.querySelector('[data-segbook]').state.judged")
    page.drawn()
    return page.figure.evaluate("node => node.state")


def test_every_moment_shows_its_frame(figure_page):
    page = figure_page(NAME)
    height = decode(RECORD["scenes"][0]["label"]).shape[0]
    for i, step in ((15, 600), (0, 0), (6, 60)):
        page.get_by_role("slider").fill(str(i))
        state = settled(page)
        assert state["step"] == step
        for n, network in enumerate(RECORD["networks"]):
            frame = decode(network["films"][0])[i * height : (i + 1) * height]
            label = decode(RECORD["scenes"][0]["label"])
            right = (frame == label)[label != 255].mean()
            assert state["judged"][n] == {"accuracy": pytest.approx(right), "named": np.unique(frame).tolist()}
            told = f"mIoU {network['mean_iou'][i]:.2f}, {100 * right:.0f} % right"
            assert page.shown(told)
            canvas = page.locator("[data-segbook] canvas").nth(2 + n)
            seen = decode(canvas.evaluate("node => node.toDataURL()"))
            colours = np.array(RECORD["palette"])[frame]
            np.testing.assert_allclose(seen[..., :3], colours, atol=2)


def test_presets_scenes_views_and_charts(figure_page):
    page = figure_page(NAME)
    settled(page)
    page.get_by_role("button", name="random weights").click()
    first = settled(page)
    assert first["step"] == 0 and page.shown("After 0 steps they name")
    page.get_by_label(RECORD["scenes"][1]["name"]).check()
    page.drawn()
    assert settled(page)["judged"] != first["judged"]
    page.get_by_label("wrong pixels").check()
    assert settled(page)["view"] == "errors"
    chart = page.locator("[data-segbook] .charts svg").last
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.99 * box["width"], box["y"] + 0.5 * box["height"])
    page.mouse.up()
    assert settled(page)["step"] == 600
    assert page.faults == []


def test_the_source_of_the_record_is_named(figure_page):
    page, run = figure_page(NAME), RECORD["run"]
    for text in (f"seed {run['seed']}, {run['steps']} steps", run["commit"][:7], run["command"]):
        assert page.shown(text)
