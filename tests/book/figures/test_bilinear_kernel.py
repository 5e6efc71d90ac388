"""The arithmetic of the figure bilinear-kernel against torch and segbook, and what its controls do."""

import random

import pytest
import torch
import torch.nn.functional as F

from segbook.bilinear import bilinear_kernel, bilinear_matrix


def told(page) -> str:
    return page.figure.evaluate("node => node.root.innerText")


@pytest.fixture
def call(maths):
    of = maths("bilinear-kernel")
    return lambda *arguments: torch.tensor(of(*arguments), dtype=torch.float64)


def test_the_kernel_is_the_packages(call):
    for size in range(1, 17):
        tent = call("kernel", size)
        torch.testing.assert_close(torch.outer(tent, tent), bilinear_kernel(1, 1, size)[0, 0].double())


def test_both_ways_of_upsampling_are_torchs(call):
    """Any stride, kernel and padding, also ones that no upsampler would use: gaps between stamps, outputs cut away."""
    draw = random.Random(0)
    cases = [(1, 1, 1, 0), (3, 2, 6, 0), (3, 12, 1, 6), (5, 1, 6, 0)]  # n, k, s, p
    for _ in range(25):
        n, k, s = draw.randint(1, 9), draw.randint(1, 16), draw.randint(1, 8)
        cases.append((n, k, s, draw.randint(0, min(k - 1, ((n - 1) * s + k - 1) // 2))))
    for n, k, s, p in cases:
        image = torch.rand(1, 1, n, n, dtype=torch.float64)
        weight = bilinear_kernel(1, 1, k).double()
        expected = F.conv_transpose2d(image, weight, stride=s, padding=p)[0, 0]
        matrix = call("transposed", n, k, s, p).tolist()
        torch.testing.assert_close(call("upsample", matrix, image[0, 0].tolist()), expected, atol=1e-6, rtol=0)
        for aligned in (False, True):
            matrix = call("interpolate", n, len(expected), aligned).tolist()
            theirs = F.interpolate(image, expected.shape, mode="bilinear", align_corners=aligned)[0, 0]
            ours = call("upsample", matrix, image[0, 0].tolist())
            torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=0, msg=f"{n=} {k=} {s=} {p=} {aligned=}")


def test_the_matrix_is_the_packages_for_its_own_kernels(call):
    for factor in range(1, 9):
        rows = call("transposed", 5, 2 * factor - factor % 2, factor, factor // 2)
        torch.testing.assert_close(rows, bilinear_matrix(5, factor).double())


def test_phases_are_what_a_constant_becomes_inside(call):
    for size in range(1, 13):
        for stride in range(1, 7):
            ones = torch.ones(1, 1, 30)
            weight = bilinear_kernel(1, 1, size)[0, 0].sum(0) / bilinear_kernel(1, 1, size)[0, 0].sum() ** 0.5
            inside = F.conv_transpose1d(ones, weight.view(1, 1, -1), stride=stride)[0, 0]
            start = 14 * stride  # farther from either end than the kernel is wide
            expected = inside[start : start + stride].double()
            torch.testing.assert_close(call("phases", size, stride), expected, atol=1e-5, rtol=0)


def test_first_view_shows_the_faded_border(figure_page):
    page = figure_page("bilinear-kernel")
    words = told(page)
    assert "= 8 outputs" in words and "0.75 at the end, 0.56 in a corner" in words
    assert "Equal to interpolate at 6 of 8 outputs" in words
    assert "transposed 0.56, interpolate 1, difference −0.44" in words


@pytest.mark.parametrize(
    ("preset", "words"),
    [
        ("Factor 3", ["= 12 outputs.", "1 inside, 0.67 at the end", "Equal to interpolate at 10 of 12"]),
        ("Corners aligned", ["= 7 outputs.", "1 at the end, 1 in a corner", "Equal to interpolate at all of 7"]),
        ("k 3, s 2", ["= 7 outputs, where align_corners=False and a factor of 2 ask for 8"]),
        ("k 2, s 2", ["0.5 inside, 0.5 at the end, 0.25 in a corner", "made for stride 1, not 2", "at 0 of 8"]),
        ("k 12, s 4", ["1.42 and 1.58 inside", "made for stride 6, not 4"]),
        ("k 6, s 3", ["= 13 outputs, where align_corners=False and a factor of 3 ask for 12"]),
    ],
)
def test_presets_say_what_goes_wrong(figure_page, preset, words):
    page = figure_page("bilinear-kernel")
    page.figure.get_by_role("button", name=preset, exact=True).click()
    for part in words:
        assert part in told(page)
    assert page.faults == []


def test_samples_follow_pointer_and_keys(figure_page):
    page = figure_page("bilinear-kernel")
    line = lambda: page.figure.evaluate("node => node.state.line")  # noqa: E731
    first = page.figure.get_by_role("slider", name="Sample 1")
    box = first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 + 60, steps=4)
    page.mouse.up()
    page.drawn()
    low = float(first.get_attribute("aria-valuenow"))
    assert 0.2 < low < 0.8
    kernel = bilinear_kernel(1, 1, 4)[0, 0]
    tent = (kernel[0] / kernel[0].sum() * 2).view(1, 1, -1)
    expected = F.conv_transpose1d(torch.tensor([[[1, low, 1, 1]]]), tent, stride=2, padding=1)[0, 0]
    torch.testing.assert_close(torch.tensor(line()[0]), expected)
    first.press("ArrowUp")
    page.drawn()
    assert float(first.get_attribute("aria-valuenow")) == pytest.approx(low + 0.05)


def test_the_pixel_that_is_read_follows_pointer_and_keys(figure_page):
    page = figure_page("bilinear-kernel")
    panel = page.figure.get_by_role("application")
    panel.focus()
    page.keyboard.press("ArrowRight")
    assert page.figure.evaluate("node => node.state.pixel") == [0.75, 1]
    page.keyboard.press("ArrowDown")
    assert page.figure.evaluate("node => node.state.pixel") == [1, 1]
    box = panel.bounding_box()
    panel.hover(position={"x": box["width"] - 3, "y": box["height"] - 3})
    assert page.figure.evaluate("node => node.state.pixel") == [0.5625, 1]
    assert "Row 5, column 5" in told(page)
    page.figure.get_by_label("A picture").check(force=True)
    assert "transposed, 20 × 20" in told(page)
