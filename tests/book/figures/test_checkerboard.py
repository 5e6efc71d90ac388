"""Phases, maps and verdicts of the checkerboard figure, against torch."""

import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

NAME = "checkerboard"


def random_case(rng):
    k, s = rng.randint(1, 8), rng.randint(1, 4)
    return [round(rng.uniform(-1, 1.5), 2) for _ in range(k)], s


def kernel(w):
    w = torch.tensor(w, dtype=torch.float64)
    return torch.outer(w, w)[None, None]


def test_phase_sums_are_what_a_constant_becomes(maths):
    call, rng = maths(NAME), random.Random(0)
    for _ in range(30):
        w, s = random_case(rng)
        row = torch.tensor([[w]], dtype=torch.float64)
        flat = F.conv_transpose1d(torch.ones(1, 1, 20).double(), row, stride=s)[0, 0]
        sums = call("sums", w, s)
        np.testing.assert_allclose(flat[8 * s : 9 * s], sums, atol=1e-9)
        y = F.conv_transpose2d(torch.ones(1, 1, 20, 20).double(), kernel(w), stride=s)[0, 0]
        y = y[8 * s : 9 * s, 8 * s : 9 * s]
        expected = y.std(correction=0) / y.pow(2).mean().sqrt()
        if y.abs().max() > 1e-9:  # else 0 / 0: weights that cancel leave nothing that could be uneven
            np.testing.assert_allclose(call("unevenness", sums), expected, atol=1e-9)
    assert call("unevenness", [0, 0]) == 0


def test_maps_are_what_torch_computes(maths):
    call, rng = maths(NAME), random.Random(1)
    for _ in range(15):
        (w, s), n = random_case(rng), rng.randint(2, 6)
        k, side = len(w), n * s
        image = torch.rand(n, n, generator=torch.Generator().manual_seed(n * k)).double()
        canvas = F.conv_transpose2d(image[None, None], kernel(w), stride=s)[0, 0]
        canvas, cut = F.pad(canvas, (0, s, 0, s)), max(0, (k - s) // 2)  # below the stride the canvas ends too early
        stamped = canvas[cut : cut + side, cut : cut + side]
        np.testing.assert_allclose(call("upsample", image.tolist(), w, s, "stamp"), stamped, atol=1e-6)
        for how in ("nearest", "bilinear"):
            options = {"align_corners": False} if how == "bilinear" else {}
            large = F.interpolate(image[None, None], scale_factor=s, mode=how, **options)
            left, right = (k - 1) // 2, k - 1 - (k - 1) // 2
            expected = F.conv2d(F.pad(large, (left, right, left, right)), kernel(w))[0, 0]
            np.testing.assert_allclose(call("upsample", image.tolist(), w, s, how), expected, atol=1e-6)


@pytest.fixture
def figure(figure_page):
    return figure_page(NAME)


def verdict(page):
    page.drawn()
    return page.figure.locator("p[role=status]").inner_text()


def test_verdicts_of_the_presets(figure):
    told = {}
    for button in figure.figure.locator(".presets button").all():
        button.click()
        told[button.inner_text()] = verdict(figure)
    assert "2 does not divide 3: in turn 2, 1 stamps. Their sums 2, 1" in told["kernel 3"]
    assert ": a grid." in told["kernel 3"]
    assert ": even." in told["kernel 4"]
    assert "uneven counts, yet these weights fill evenly" in told["kernel 3, filled evenly"]
    assert "even counts, and yet a grid" in told["kernel 4, fresh"]
    assert ": even." in told["kernel 4, tent"]
    assert "Their sums 0.86, 0.97" in told["kernel 3, trained"]
    assert all(text.endswith("no grid.") for text in told.values())


def test_weights_are_dragged_and_keyed_and_outlive_a_stride(figure):
    figure.figure.locator(".weights svg").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowUp"):
        figure.keyboard.press(key)
    verdict(figure)
    assert figure.figure.evaluate("node => node.state.weights") == [0.95, 1.05, 1]
    box = figure.figure.locator(".weights svg").bounding_box()
    figure.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + 2)
    figure.get_by_role("slider", name="stride").fill("1")
    assert "sums 3.5" in verdict(figure)
    assert figure.figure.evaluate("node => node.state.weights") == [0.95, 1.05, 1.5]


def test_a_cell_of_the_map_is_read(figure):
    sheet = figure.get_by_role("application", name="Transposed: arrow keys")
    sheet.focus()
    figure.keyboard.press("ArrowUp")
    verdict(figure)
    assert figure.shown("Row 3, column 4: stamps 2, together 2; resized and convolved 9.")
    figure.get_by_label("Disc").check()
    verdict(figure)
    sheet.hover(position={"x": 4, "y": 4})
    verdict(figure)
    assert figure.shown("Row 0, column 0: stamps 1, together")
