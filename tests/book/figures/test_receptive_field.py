"""The receptive-field figure: its arithmetic against the package and torch's gradients, its controls, its words."""

import random

import pytest
import torch
from torch import nn

from segbook.convolution import conv_output_size, conv_transpose_output_size, receptive_field
from segbook.models.resnet import resnet50


def as_module(layer: dict) -> nn.Module:
    make = nn.ConvTranspose2d if layer["kind"] == "up" else nn.Conv2d
    return make(1, 1, layer["k"], layer["s"], layer["p"], dilation=layer["d"], bias=False)


def pixels_by_gradient(layers: list[dict], n: int, cell: int) -> list[int]:
    """Pixels with a gradient, the layers being sums (max pools take their largest from the same window)."""
    x = torch.ones(1, 1, n, dtype=torch.float64, requires_grad=True)
    y = x
    for layer in layers:
        ones = torch.ones(1, 1, layer["k"], dtype=torch.float64)
        function = nn.functional.conv_transpose1d if layer["kind"] == "up" else nn.functional.conv1d
        y = function(y, ones, None, layer["s"], layer["p"], dilation=layer["d"]) / layer["k"]
    (gradient,) = torch.autograd.grad(y[0, 0, cell], x)
    return gradient[0, 0].nonzero().flatten().tolist()


def random_stack(draw: random.Random, ups: bool) -> list[dict]:
    kinds = ("conv", "pool", "up") if ups else ("conv", "pool")
    return [
        {
            "kind": draw.choice(kinds),
            "k": draw.randint(1, 6),
            "s": draw.randint(1, 3),
            "p": draw.randint(0, 4),
            "d": draw.randint(1, 4),
        }
        for _ in range(draw.randint(1, 5))
    ]


@pytest.mark.parametrize("ups", [False, True])
def test_size_stride_and_centre_are_those_of_the_package(maths, ups):
    call, draw, compared = maths("receptive-field"), random.Random(7), 0
    for _ in range(60):
        layers, n = random_stack(draw, ups), draw.randint(60, 320)
        maps = call("follow", n, layers)
        for count in range(1, len(maps)):
            expected = receptive_field([as_module(layer) for layer in layers[:count]])
            assert maps[count]["size"] == expected.size
            assert maps[count]["stride"] == pytest.approx(expected.stride, abs=1e-8)
            assert maps[count]["centre"] == pytest.approx(expected.centre, abs=1e-7)
            compared += 1
    assert compared > 100


def test_pixels_are_those_with_a_gradient(maths):
    call, draw, with_holes = maths("receptive-field"), random.Random(3), 0
    for _ in range(60):
        layers, n = random_stack(draw, ups=True), draw.randint(20, 70)
        maps = call("follow", n, layers)
        row = len(maps) - 1
        if not row:
            continue
        for cell in {0, maps[row]["cells"] - 1, draw.randrange(maps[row]["cells"])}:
            seen = call("reach", n, layers, row, cell)[0]
            assert seen == pixels_by_gradient(layers[:row], n, cell)
            with_holes += bool(seen) and seen[-1] - seen[0] + 1 > len(seen)
    assert with_holes > 10


def test_sizes_of_maps(maths):
    call, draw = maths("receptive-field"), random.Random(5)
    for _ in range(100):
        n, k, s, p, d = (draw.randint(1, 40), *(draw.randint(*r) for r in ((1, 7), (1, 4), (0, 5), (1, 4))))
        ceil = draw.random() < 0.5 and p <= k // 2
        layer = {"kind": "pool", "k": k, "s": s, "p": p, "d": d, "ceil": ceil}
        try:
            expected = conv_output_size(n, k, s, p, d, ceil_mode=ceil)
        except ValueError:
            expected = 0
        if ceil and n + 2 * p < d * (k - 1) + 1:
            continue  # half a window at the end: the figure refuses what torch may round up to one cell
        assert call("sizeAfter", n, layer) == expected
        try:
            expected = conv_transpose_output_size(n, k, s, p, 0, d)
        except ValueError:
            expected = 0
        assert call("sizeAfter", n, {**layer, "kind": "up"}) == expected


def test_presets_are_the_networks_of_the_book(maths):
    call = maths("receptive-field")

    def of(key: str, row: int = -1) -> tuple:
        preset = call("preset", key)
        found = call("follow", preset["n"], preset["layers"])[row]
        return found["size"], found["stride"], found["centre"]

    assert of("three") == (9, 4, 1)
    assert of("vgg") == (212, 32, 15.5)
    assert [of("vgg", i)[2] for i in (10, 14, 18)] == [3.5, 7.5, 15.5]
    assert of("resnet18") == (435, 32, 0)
    assert of("resnet50") == (427, 32, 0)
    assert of("os8") == (427, 8, 0)
    for contract, key in ((True, "os8"), (False, "os8plain")):
        with torch.device("meta"):
            net = resnet50(output_stride=8, contract_dilation=contract)
        layers = [net.conv1, net.maxpool, net.layer1, net.layer2, net.layer3, net.layer4]
        assert of(key) == tuple(receptive_field(layers))
    assert of("fcn32s")[1:] == (1, -19)
    assert of("fcn8s")[1:] == (1, -31)
    assert of("2,2,2")[0] == 13


@pytest.mark.parametrize(
    ("preset", "row", "words"),
    [
        ("vgg", None, ["stands at 15.5 + 32·3 = pixel 111.5", "6 to 217, 212 in all", "7.5 + 16·(0.5 − 0) = 15.5"]),
        ("fcn32s", None, ["Pixel 0 is cell 19 of this map", "12.5 − 1·(31.5 − 0) = −19"]),
        ("fcn8s", 20, ["pool4 has the same stride", "crop it at 5"]),
        ("fcn8s", 21, ["pool3 has the same stride", "crop it at 9"]),
        ("2,2,2", None, ["7 of them can change it", "reads 7 of the 13 cells"]),
        ("os8plain", None, ["No hole in the image, but in layer2.3 it reads 14 of the 27"]),
    ],
)
def test_words_of_the_cases_in_the_text(figure_page, preset, row, words):
    page = figure_page("receptive-field", preset=preset)
    if row:
        slide(page, "Map", row)
    text = page.figure.locator(".words").inner_text()
    for part in words:
        assert part in text


def slide(page, label: str, value: int) -> None:
    slider = page.figure.get_by_role("slider", name=label)
    slider.evaluate("(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value)


def state(page, expression: str):
    return page.figure.evaluate(f"node => (({expression}))(node.state)")


def test_a_reader_builds_a_stack(figure_page):
    page = figure_page("receptive-field", preset="2,2,2")
    for row, rate in ((1, 1), (3, 4)):  # 2, 2, 2 becomes 1, 2, 4, with the padding that keeps the size
        slide(page, "Map", row)
        slide(page, "Dilation", rate)
        slide(page, "Padding", rate)
    assert state(page, "s => [s.maps.at(-1).size, s.pixels.length, s.holes[0]]") == [15, 15, 0]
    page.figure.get_by_role("button", name="+ Layer above it").click()
    assert state(page, "s => [s.layers.length, s.row, s.maps.at(-1).size]") == [4, 4, 17]
    page.figure.get_by_role("radio", name="pool").check()
    slide(page, "Stride", 2)
    assert state(page, "s => [s.layers[3].kind, s.layers[3].name, s.maps.at(-1).stride]") == ["pool", "pool 4", 2]
    for _ in range(3):
        page.figure.get_by_role("button", name="− Remove it").click()
    assert page.figure.get_by_role("button", name="− Remove it").is_disabled()
    slide(page, "Dilation", 12)
    slide(page, "Kernel", 11)
    slide(page, "Padding", 0)
    slide(page, "Pixels in the row", 20)
    assert "does not fit: its kernel spans 121 cells, on a map of 20" in page.figure.locator(".bad").inner_text()
    slide(page, "Kernel", 2)
    assert not page.figure.locator(".bad").is_visible()
    assert state(page, "s => [s.row, s.maps.length]") == [1, 2]
    assert page.faults == []


def test_pointing_chooses_and_hovering_only_shows(figure_page):
    page = figure_page("receptive-field", preset="three")
    box = page.figure.locator("canvas").bounding_box()
    at = page.figure.locator("canvas").evaluate("node => node.getBoundingClientRect().height")
    assert at == pytest.approx(box["height"])
    middle = box["y"] + 20 + 1.5 * 54  # the second row from above, in a wide figure
    page.mouse.move(box["x"] + box["width"] - 170, middle)
    page.drawn()
    assert state(page, "s => [s.row, s.cell]") == [2, 7]
    page.mouse.move(box["x"] + 5, box["y"] - 5)
    page.drawn()
    assert state(page, "s => [s.row, s.cell]") == [3, 2]
    page.mouse.click(box["x"] + box["width"] - 170, middle)
    page.mouse.move(box["x"] + 5, box["y"] - 5)
    page.drawn()
    assert state(page, "s => [s.row, s.cell, s.at]") == [2, 7, 14]
    assert "conv 2" in page.figure.locator(".title").inner_text()


def test_neighbours_of_a_gridded_stack_share_nothing(figure_page):
    page = figure_page("receptive-field", preset="2,2,2")
    page.figure.get_by_label("also its right neighbour").check()
    assert "It shares 0 with its right neighbour" in page.figure.locator(".words").inner_text()


def test_an_unknown_preset_leaves_the_picture(figure_page):
    page = figure_page("receptive-field", preset="vgg19")
    assert "no preset vgg19" in page.figure.inner_text()
