"""Size, stride and centre as the figure on the home page counts them, against segbook.convolution."""

import pytest
import torch
from torch import nn

from segbook import models
from segbook.convolution import conv_output_size, receptive_field

NAME = "size-stride-centre"
PIXELS = [300, 451]


def layers_of(stack):
    """The figure's layers as torch's."""
    made = []
    for name, kernel, stride, padding, dilation in stack:
        if name.startswith("pool"):
            made.append(nn.MaxPool2d(kernel, stride, padding, dilation))
        else:
            made.append(nn.Conv2d(1, 1, kernel, stride, padding, dilation))
    return made


@pytest.mark.parametrize("network", ["VGG-16", "dilated", "no padding"])
def test_the_three_numbers_are_the_packages(maths, network):
    call = maths(NAME)
    stack = call("networks")[network]
    maps, cells = call("follow", PIXELS, stack), PIXELS
    assert len(maps) == 19 and (maps[0]["size"], maps[0]["stride"], maps[0]["centre"]) == (1, 1, 0)
    for i, (_, kernel, stride, padding, dilation) in enumerate(stack, 1):
        field = receptive_field(layers_of(stack[:i]))
        assert (maps[i]["size"], maps[i]["stride"], maps[i]["centre"]) == tuple(field), maps[i]["name"]
        cells = [conv_output_size(n, kernel, stride, padding, dilation) for n in cells]
        assert maps[i]["cells"] == cells


def test_its_vgg_is_the_packages_and_each_variant_changes_one_number(maths):
    call = maths(NAME)
    last = {name: call("follow", PIXELS, stack)[-1] for name, stack in call("networks").items()}
    plain, dilated, bare = last["VGG-16"], last["dilated"], last["no padding"]
    with torch.device("meta"):
        long = receptive_field([layer for layer in models.create("fcn32s_vgg16").backbone.features])
    assert (plain["size"], plain["stride"]) == (long.size, long.stride)  # its centre stands elsewhere: padding 100
    assert (dilated["size"], dilated["centre"]) == (plain["size"], plain["centre"]) and dilated["stride"] == 8
    assert (bare["size"], bare["stride"]) == (plain["size"], plain["stride"]) and bare["centre"] > plain["centre"]


def test_the_nearest_cell_and_what_it_sees(maths):
    call = maths(NAME)
    pool4 = call("follow", PIXELS, call("networks")["VGG-16"])[14]
    assert call("nearest", pool4, [0, 450]) == [0, pool4["cells"][1] - 1]
    assert call("nearest", pool4, [7.5 + 3 * 16, 7.5 + 5 * 16 + 7]) == [3, 5]
    assert call("sees", pool4, [0, 1]) == [[7.5 - 49.5, 7.5 + 49.5], [23.5 - 49.5, 23.5 + 49.5]]


def state(page):
    page.drawn()
    return page.figure.evaluate("node => node.state")


def test_steps_networks_keys_and_touch(figure_page):
    page = figure_page(NAME, width=390)
    assert state(page)["name"] == "pool4" and page.get_by_text("100", exact=True).is_visible()
    page.get_by_title("One step forward").click()
    assert state(page)["name"] == "conv5_1"
    page.get_by_role("slider").fill("18")
    now = state(page)
    assert (now["name"], now["size"], now["stride"], now["centre"]) == ("pool5", 212, 32, 15.5)
    page.get_by_label("dilated").check()
    assert (state(page)["stride"], state(page)["size"]) == (8, 212)
    page.get_by_label("VGG-16").check()
    drawing = page.get_by_role("application")
    box = drawing.bounding_box()
    drawing.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    before = state(page)["cell"]
    drawing.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowUp")
    row, column = state(page)["cell"]
    assert (row, column) == (before[0] - 1, before[1] + 1)
    for _ in range(20):
        page.keyboard.press("ArrowLeft")
    assert state(page)["cell"][1] == 0
    said = page.locator("[data-segbook] .sr", has_text="size 212, stride 32")
    said.wait_for(state="attached")  # when the hand rests


def test_the_field_glides_only_where_motion_is_welcome(figure_page):
    page = figure_page(NAME)
    duration = "node => getComputedStyle(node.shadowRoot.querySelector('.eased')).transitionDuration"
    assert page.figure.evaluate(duration) != "0s"
    page.emulate_media(reduced_motion="reduce")
    assert page.figure.evaluate(duration) == "0s"
