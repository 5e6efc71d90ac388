"""The ASPP figure: its counts against a convolution of ones, its presets against the chapter, its controls."""

import random

import pytest
import torch
from torch.nn import functional as F


def counts(rate: int, height: int, width: int) -> torch.Tensor:
    """Valid taps of each cell, (height, width)."""
    ones, kernel = torch.ones(1, 1, height, width), torch.ones(1, 1, 3, 3)
    return F.conv2d(ones, kernel, padding=rate, dilation=rate)[0, 0]


def test_taps_mean_and_regions_are_those_of_a_convolution(maths):
    call, draw = maths("aspp"), random.Random(1)
    for _ in range(60):
        rate, height, width = draw.randint(1, 30), draw.randint(1, 33), draw.randint(1, 33)
        expected = counts(rate, height, width)
        assert call("mean", rate, height, width) == pytest.approx(expected.mean().item(), abs=1e-4)

        row, column = draw.randrange(height), draw.randrange(width)
        taps = call("taps", row, column, rate, height, width)
        assert sum(tap[2] for tap in taps) == expected[row, column]
        impulse, kernel = torch.zeros(1, 1, height, width), torch.ones(1, 1, 3, 3)
        impulse[0, 0, row, column] = 1
        reads = F.conv_transpose2d(impulse, kernel, padding=rate, dilation=rate)[0, 0].nonzero().tolist()
        assert sorted(tap[:2] for tap in taps if tap[2]) == reads

        found = torch.zeros(height, width)
        for top, left, rows, columns, count in call("regions", rate, height, width):
            assert rows > 0 and columns > 0
            found[top : top + rows, left : left + columns] += count
        assert torch.equal(found, expected)


def read(page, expression: str):
    return page.figure.evaluate(f"node => (({expression}))(node.state)")


@pytest.mark.parametrize(
    ("preset", "size", "rates", "mean"),
    [
        ("published", [12, 16], [12, 24, 36], [1.5, 1.0, 1.0]),
        ("tiny", [12, 16], [2, 4, 6], [7.3, 5.8, 4.5]),
        ("camvid", [45, 60], [12, 24, 36], [6.4, 4.3, 2.5]),
        ("crop8", [65, 65], [12, 24, 36], [6.9, 5.1, 3.6]),
        ("crop16", [33, 33], [6, 12, 18], [7.0, 5.2, 3.6]),
    ],
)
def test_presets_are_the_cases_of_the_chapter(figure_page, preset, size, rates, mean):
    page = figure_page("aspp", preset=preset)
    assert read(page, "s => [s.height, s.width]") == size
    assert read(page, "s => s.rates") == rates
    assert [round(value, 1) for value in read(page, "s => s.mean")] == mean
    table = page.figure.locator("table").inner_text()
    assert all(f"{value:.1f}" in table for value in mean)


def test_words_say_which_branches_are_idle(figure_page):
    page = figure_page("aspp", preset="published", cell=[4, 6])
    assert read(page, "s => [s.row, s.column, ...s.here]") == [4, 6, 1, 1, 1]
    verdict = page.figure.locator(".verdict")
    assert "Rate 24 and 36: past the whole map" in verdict.inner_text()
    assert "Rate 12: half the shorter side or more" in verdict.inner_text()
    page.figure.get_by_role("button", name="12×16: 2, 4, 6").click()
    page.drawn()
    assert read(page, "s => [s.row, s.column, ...s.here]") == [4, 6, 9, 9, 6]
    assert "Rate 6: half" in verdict.inner_text() and "whole map" not in verdict.inner_text()


def test_a_cell_is_pointed_at_by_keys_and_by_dragging(figure_page):
    page = figure_page("aspp", preset="tiny", cell=[0, 0])
    target = page.figure.get_by_role("slider", name="Pointed cell")
    target.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
        page.drawn()
    assert read(page, "s => [s.row, s.column]") == [1, 2]
    assert target.get_attribute("aria-valuetext") == "row 1, column 2"
    box = target.bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 7.5 / 16, box["y"] + box["height"] * 6.5 / 12)
    page.drawn()
    assert read(page, "s => [s.row, s.column, ...s.here]") == [6, 7, 9, 9, 6]
    page.mouse.move(box["x"] + 3000, box["y"] - 300)
    page.mouse.up()
    page.drawn()
    assert read(page, "s => [s.row, s.column, ...s.here]") == [0, 15, 4, 4, 4]


def slide(page, label: str, value: int) -> None:
    slider = page.figure.get_by_role("slider", name=label)
    slider.evaluate("(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value)


def test_size_stride_rate_and_shading_are_the_readers(figure_page):
    page = figure_page("aspp")
    slide(page, "Image height", 250)
    slide(page, "Image width", 97)
    page.figure.get_by_role("radio", name="16").check()
    slide(page, "Rate ■", 5)
    page.figure.get_by_role("group", name="Shade").get_by_role("radio", name="■").check()
    page.drawn()
    assert read(page, "s => [s.height, s.width, ...s.rates]") == [16, 7, 12, 5, 36]
    assert read(page, "s => s.mean")[1] == pytest.approx(counts(5, 16, 7).mean().item(), abs=1e-4)
    shown = page.figure.locator("g > text").all_text_contents()
    assert set(shown) <= {str(int(count)) for count in counts(5, 16, 7).unique()} and shown
    assert page.figure.get_by_role("button", name="CamVid").get_attribute("aria-pressed") == "false"
    assert page.faults == []


def test_without_scenes_it_still_draws(figure_page):
    page = figure_page("aspp", scenes=[])
    assert read(page, "s => s.height") == 12
    assert page.figure.get_by_role("group", name="Scene").count() == 0
    assert page.faults == []
