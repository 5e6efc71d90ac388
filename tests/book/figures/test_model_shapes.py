"""The figure of all shapes: its sizes and operations against the package and torch's counter, and its controls."""

import random

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from bookbuild.model_shapes.trace import Rule, trace
from segbook.models import create


def test_sizes_are_those_of_the_package(maths):
    call, draw = maths("model-shapes"), random.Random(1)
    for _ in range(150):
        kernel, stride, dilation, n = draw.randint(1, 7), draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 40)
        padding = draw.randint(0, kernel // 2) * dilation + draw.choice([0, 0, 100])
        kind = draw.choice(["floor", "ceil", "upsample", "one", "image"])
        rule = Rule(kind, 0, kernel, stride, padding, dilation)
        try:
            expected = rule.size(n)
        except ValueError:  # the kernel does not fit
            continue
        assert call("size", list(rule), n) == expected


@pytest.mark.parametrize("name", ["fcn8s_vgg16", "deeplabv3plus_tiny", "fcn_resnet50_d8"])
def test_a_survey_is_that_of_a_real_run(figure_page, name):
    page, draw = figure_page("model-shapes"), random.Random(name)
    for stride in page.figure.evaluate("(node, name) => Object.keys(node.data.catalogue.models[name].strides)", name):
        height, width = draw.randint(1, 700), draw.randint(1, 700)
        with torch.device("meta"):
            model = create(name, **({"output_stride": int(stride)} if stride != "0" else {})).eval()
            with torch.no_grad(), FlopCounterMode(display=False) as counter:
                model(torch.empty(1, 3, height, width))
        found = page.figure.evaluate(
            "(node, [name, stride, h, w]) => node.constructor.maths.survey(node.data.catalogue, name, stride, h, w)",
            [name, stride, height, width],
        )
        assert 2 * found["work"] == counter.get_total_flops()
        shapes = trace(model)
        maps = shapes.outputs(height, width)
        assert [tuple(layer["shape"]) for stage in found["stages"] for layer in stage["layers"]] == maps
        rows, columns = shapes.sizes(height), shapes.sizes(width)
        maps += [(layer.in_channels, rows[layer.reads], columns[layer.reads]) for layer in shapes.layers]
        assert torch.tensor(found["largest"]).prod() == max(c * h * w for c, h, w in maps)


def state(page, expression: str):
    page.drawn()
    return page.figure.evaluate(f"node => (({expression}))(node.state)")


def test_first_view_shows_what_a_decoder_costs(figure_page):
    page = figure_page("model-shapes")
    assert state(page, "s => [s.model, s.stride, ...s.size]") == ["deeplabv3plus_resnet50", 16, 512, 512]
    words = page.figure.locator("dl").inner_text()
    assert "40,352,181" in words and "69.2 G" in words and "138 GFLOP" in words
    assert "22.0 MB" in words and "21×512×512" in words
    assert page.figure.locator("path").count() == 2  # layer1 to the decoder, layer4 past it to ASPP
    page.figure.get_by_role("button", name="dilation, stride 8").click()
    assert state(page, "s => [s.total[0], Math.round(s.total[1] / 1e9)]") == [39_638_869, 164]
    assert "+ 2,365,205, auxiliary head" in page.figure.locator("dl").inner_text()


def test_model_stride_and_size_are_the_readers(figure_page):
    page = figure_page("model-shapes")
    page.figure.get_by_label("Model").select_option("fcn_resnet50_d8")
    page.figure.get_by_role("radio", name="32").check()
    for label, value in (("Image height", 250), ("Image width", 97)):
        page.figure.get_by_role("slider", name=label).evaluate(
            "(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", value
        )
    assert state(page, "s => Object.fromEntries(s.stages).layer4") == [2048, 8, 4]
    assert "2048×8×4" in page.figure.locator("table").inner_text()
    page.figure.get_by_label("Model").select_option("fcn8s_vgg16")
    assert state(page, "s => s.stages.at(-1)") == ["logits", [21, 250, 97]]
    assert not page.figure.get_by_role("radio", name="32").is_visible()


def test_a_stage_opens_by_key_keeps_the_focus_and_shows_its_formula(figure_page):
    page = figure_page("model-shapes", model="fcn8s_vgg16", stride=0, size=[1, 1])
    page.drawn()
    button = page.figure.get_by_role("button", name="conv1")
    button.focus()
    page.keyboard.press("Enter")
    page.drawn()
    assert "⌊(1 + 2·100 − 1·(3 − 1) − 1) / 1⌋ + 1 = 199" in page.figure.locator(".note").inner_text()
    table = page.figure.locator("table").inner_text()
    assert "3×3, 3 → 64, padding 100" in table and "64×199×199" in table
    assert button.get_attribute("aria-expanded") == "true"
    page.keyboard.press("Enter")
    page.drawn()
    assert "padding 100" not in page.figure.locator("table").inner_text()
    page.figure.locator("svg g").nth(3).click()  # the block of conv2 behind image, conv1 and pool1
    page.drawn()
    assert page.figure.get_by_role("button", name="conv2").get_attribute("aria-expanded") == "true"
    assert page.faults == []
