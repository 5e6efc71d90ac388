"""Figures are readable in both themes."""

import sys

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image

from segbook import plot
from segbook.train import History

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def close_figures():
    with matplotlib.rc_context():
        plot.style()
        yield
    plt.close("all")


def luminance(colour: str) -> float:
    """Relative luminance of WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colour", [plot.INK, plot.GREY, *plot.SERIES])
def test_every_colour_stands_out_on_both_grounds(colour):
    assert contrast(colour, "#ffffff") >= (4.5 if colour == plot.INK else 3)
    assert contrast(plot.ON_DARK[colour], plot.ON_DARK[plot.PAPER]) >= (4.5 if colour == plot.INK else 3)


def test_a_row_of_images_stays_narrow_enough_for_a_phone():
    """A phone shrinks a figure to some 358 pixels, and its text with it."""
    five = plot.show_images([np.zeros((96, 128, 3))] * 5, ["a title"] * 5, scale=3.0)
    assert five[0, 0].figure.get_figwidth() == pytest.approx(plot.WIDEST)
    two = plot.show_images([np.zeros((96, 128, 3))] * 2, scale=1.5)
    assert two[0, 0].figure.get_figwidth() == pytest.approx(2 * 1.5 * 128 / 96)


def test_show_images_takes_what_a_reader_has():
    tensors = [torch.rand(3, 8, 9), torch.rand(8, 9), torch.zeros(1, 8, 9), np.zeros((8, 9, 3), np.uint8)]
    axes = plot.show_images([*tensors, Image.new("RGB", (9, 8))], columns=2)
    assert axes.shape == (3, 2)
    assert [len(ax.images) for ax in axes.flat] == [1, 1, 1, 1, 1, 0]


def test_heatmap_writes_every_number():
    ax = plot.heatmap(torch.tensor([[1, 20], [3, 4]]))
    assert sorted(text.get_text() for text in ax.texts) == ["1", "20", "3", "4"]
    assert {text.get_text() for text in plot.heatmap([[0.25, 1.0]]).texts} == {"0.25", "1"}
    sizes = [plot.heatmap(array).texts[0].get_fontsize() for array in ([[7, 12]], [[0.25, 1.0]])]
    assert sizes == [11, 9.5]  # the chapters' size where a number leaves room for it
    with pytest.raises(ValueError, match=r"\(2, 2, 2\)"):
        plot.heatmap(torch.zeros(2, 2, 2))


def training(losses):
    run = History()
    for step, loss in enumerate(losses, 1):
        score = step / 50 if step % 5 == 0 else None
        run.add({"step": step, "loss": loss, "val_mean_iou": score, "seconds": 0, "broken": None})
    return run


def test_history_draws_every_loss_its_running_mean_and_every_validation():
    losses = np.random.default_rng(0).uniform(1, 2, 40)
    left, right = plot.history(training(losses), steps=60)
    every, mean = (line.get_xydata() for line in left.lines)
    assert np.allclose(every, np.stack([np.arange(1, 41), losses], 1))
    assert np.allclose(mean, [[step, losses[step - 25 : step].mean()] for step in range(25, 41)])
    assert np.allclose(right.lines[0].get_xydata(), [[step, step / 50] for step in range(5, 41, 5)])
    assert left.get_xlim() == right.get_xlim() == (0, 60)


def test_a_training_without_a_step_or_a_validation_can_be_drawn():
    assert [len(ax.lines) for ax in plot.history(History())] == [2, 1]
    plot.history(training([1.0]))


CELL = """
from segbook.plot import LivePlot
from segbook.train import History

plot, history = LivePlot(seconds=0), History()
for step in range(1, 11):
    row = {"step": step, "loss": 2 / step, "val_mean_iou": step / 50 if step % 5 == 0 else None}
    history.add(row | {"seconds": 0, "broken": None})
    plot(history, 10)
"""


def test_ten_updates_in_a_notebook_leave_one_small_picture(tmp_path, run_cells):
    (cell,) = run_cells([CELL], tmp_path)
    (output,) = cell.outputs
    assert output.output_type == "display_data"
    assert 5_000 < len(output.data["image/png"]) < 60_000


def test_outside_of_a_notebook_nothing_happens(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)  # what starts a kernel may have imported it
    plot.LivePlot()(History(), 0)
    assert capsys.readouterr() == ("", "")
