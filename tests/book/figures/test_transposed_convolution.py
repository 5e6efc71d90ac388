"""The figure's arithmetic against torch and the package, and what the reader's hand does to it."""

import random
import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segbook.convolution import conv_matrix, conv_output_size, conv_transpose_output_size

NAME = "transposed-convolution"
NAMES = ("stride", "padding", "output_padding", "dilation")


def random_setting(rng):
    settings = dict(zip(NAMES, (rng.randint(1, 4), rng.randint(0, 6), rng.randint(0, 3), rng.randint(1, 3))))
    return rng.randint(1, 5), rng.randint(1, 5), settings


def numbers(rng, side):
    return [[rng.randint(-9, 9) for _ in range(side)] for _ in range(side)]


def size_or_error(n, k, settings):
    try:
        return conv_transpose_output_size(n, k, *(settings[name] for name in NAMES))
    except ValueError as error:
        return str(error)


def test_three_views_compute_what_torch_computes(maths):
    call, rng, seen = maths(NAME), random.Random(0), 0
    while seen < 40:
        n, k, settings = random_setting(rng)
        size = size_or_error(n, k, settings)
        given = {"n": n, "k": k, "flat": False, **settings}
        refusal = call("problem", given)
        if isinstance(size, str):
            assert refusal and ("output_padding" in size) is ("output_padding" in refusal), (given, size, refusal)
            continue
        assert refusal is None
        seen += 1
        x, w = numbers(rng, n), numbers(rng, k)
        x4, w4 = torch.tensor(x)[None, None].double(), torch.tensor(w)[None, None].double()
        theirs = F.conv_transpose2d(x4, w4, **settings)[0, 0].numpy()
        assert theirs.shape == (size, size)
        np.testing.assert_array_equal(call("output", x, w, given), theirs)

        source = call("spread", given)  # zero insertion: an ordinary convolution of it, stride 1, kernel flipped
        spread = [[0 if at is None else x[at[0]][at[1]] for at in row] for row in source]
        spread4 = torch.tensor(spread)[None, None].double()
        kernel = torch.tensor(call("flip", w))[None, None].double()
        collected = F.conv2d(spread4, kernel, dilation=settings["dilation"])[0, 0]
        np.testing.assert_array_equal(collected, theirs)

        C = torch.tensor([[v or 0.0 for v in row] for row in call("matrix", w, given)]).double()
        np.testing.assert_array_equal((C.T @ x4.flatten()).view(size, size), theirs)
        if settings["output_padding"] < settings["stride"]:  # then a convolution makes n cells of these
            ours = conv_matrix(w4, size, settings["stride"], settings["padding"], settings["dilation"])
            np.testing.assert_array_equal(C, ours)


def test_one_dimension(maths):
    call, rng = maths(NAME), random.Random(1)
    for _ in range(60):
        n, k, settings = random_setting(rng)
        if isinstance(size_or_error(n, k, settings), str):
            continue
        x, w = numbers(rng, n)[:1], numbers(rng, k)[:1]
        theirs = F.conv_transpose1d(torch.tensor([x]).double(), torch.tensor([w]).double(), **settings)[0]
        np.testing.assert_array_equal(call("output", x, w, {"n": n, "k": k, "flat": True, **settings}), theirs)


def test_sizes_that_a_convolution_makes_equal(maths):
    call, rng = maths(NAME), random.Random(2)
    for _ in range(60):
        n, k, settings = random_setting(rng)
        if isinstance(size_or_error(n, k, settings), str):
            continue
        stride, padding, _, dilation = settings.values()
        family = call("family", {"n": n, "k": k, "flat": False, **settings})
        for one in family:
            assert conv_output_size(one["size"], k, stride, padding, dilation) == n
            if one["extra"] < max(stride, dilation):
                assert size_or_error(n, k, {**settings, "output_padding": one["extra"]}) == one["size"]
        assert family[-1]["size"] - family[0]["size"] == len(family) - 1
        assert conv_output_size(family[-1]["size"] + 1, k, stride, padding, dilation) == n + 1


@pytest.fixture
def figure(figure_page):
    return figure_page(NAME)


def state(page):
    page.drawn()
    return page.figure.evaluate("node => node.state")


def slide(page, label, value):
    page.get_by_role("slider", name=re.compile(f"^{label}")).fill(str(value))
    page.drawn()


def test_presets_agree_with_torch_until_something_is_changed(figure):
    for button in figure.figure.locator(".presets button").all()[:7]:
        button.click()
        assert state(figure)["agrees"] is True
    assert figure.shown("PyTorch returned the same 9 numbers")
    figure.get_by_title("Add one to the chosen cell").click()
    assert state(figure)["agrees"] is None
    assert not figure.shown("PyTorch returned")


def test_numbers_of_torch_that_differ_are_told(figure_page):
    wrong = {"name": "wrong", "input": [[1]], "kernel": [[2]], "output": [[3]]}
    page = figure_page(NAME, cases=[wrong])
    assert state(page)["agrees"] is False
    assert page.shown("PyTorch returned other numbers")


def test_pointing_shows_the_sum_in_every_view(figure):
    assert state(figure)["sum"] == "z[1, 1] = a 0·3 + b 1·2 + c 2·1 + d 3·0 = 4"
    canvas = figure.figure.locator(".stamps canvas")
    canvas.hover(position={"x": 2 + 40 * 2.5, "y": 22 + 40 * 1.5})
    assert state(figure)["sum"] == "z[1, 2] = a 1·3 + b 3·1 = 6"
    canvas.focus()
    figure.keyboard.press("ArrowDown")
    assert state(figure)["sum"] == "z[2, 2] = a 3·3 = 9"
    figure.figure.locator(".zeros canvas").focus()
    figure.keyboard.press("ArrowLeft")
    assert state(figure)["probe"] == [2, 1]
    figure.figure.locator(".matrix canvas").focus()
    figure.keyboard.press("ArrowUp")
    assert state(figure)["probe"] == [2, 0]
    figure.keyboard.press("ArrowLeft")
    assert state(figure)["stamps"] == 3


def test_stamps_are_stepped_and_count_only_when_made(figure):
    figure.get_by_title("One step back").click()
    assert "= 4 so far; 1 of 4 still to come" in state(figure)["sum"]
    slide(figure, "Stamps", 0)
    assert state(figure)["sum"].endswith("= 0 so far; 4 of 4 still to come")
    assert figure.shown("the canvas is empty")
    figure.get_by_role("button", name="Play").click()
    figure.wait_for_function("document.querySelector('[data-segbook]').state.stamps === 4")


def test_cells_are_edited_by_key_and_by_click(figure):
    board = figure.figure.get_by_role("application", name="Input x")
    board.focus()
    for key in ("ArrowRight", "ArrowDown", "5", "-", "+"):
        figure.keyboard.press(key)
    assert state(figure)["sum"].endswith("d (−4)·0 = 4")
    kernel = figure.figure.get_by_role("application", name="Kernel K")
    kernel.click(position={"x": 20, "y": 40})  # the first weight: 0 becomes 1
    theirs = F.conv_transpose2d(torch.tensor([[[[0.0, 1], [2, -4]]]]), torch.tensor([[[[1.0, 1], [2, 3]]]]))
    assert state(figure)["output"] == theirs[0, 0].tolist()


def test_settings_that_cannot_be_are_told_and_not_drawn(figure):
    slide(figure, "output_padding", 1)
    assert figure.get_by_role("alert").inner_text().startswith("PyTorch refuses output_padding 1")
    assert not figure.figure.locator(".stamps canvas").is_visible()
    slide(figure, "stride", 2)
    assert figure.get_by_role("alert").inner_text() == ""
    assert figure.figure.locator(".stamps canvas").is_visible()
    slide(figure, "padding", 3)
    assert "leaves nothing of a canvas of 4" in figure.get_by_role("alert").inner_text()


def test_a_size_that_does_not_come_back(figure):
    figure.get_by_role("button", name="36").click()
    figure.get_by_role("button", name="4 ✗ needs output_padding 1").click()
    assert len(state(figure)["output"]) == 4
    assert figure.shown("(4 + 2 − 2 − 1) mod 2 = 1: the convolution drops it")


def test_on_a_phone_one_view_at_a_time(figure_page):
    page = figure_page(NAME, width=390)
    visible = {name: page.figure.locator(f".{name} canvas").is_visible() for name in ("stamps", "zeros", "matrix")}
    assert visible == {"stamps": True, "zeros": False, "matrix": False}
    page.get_by_label("Matrix", exact=True).check()
    page.drawn()
    assert page.figure.locator(".matrix canvas").is_visible()
    assert not page.figure.locator(".stamps canvas").is_visible()
