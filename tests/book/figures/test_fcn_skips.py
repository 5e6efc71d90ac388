"""The ladder of FCN-32s, 16s and 8s as the figure climbs it, against segbook's layers and metrics."""

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from segbook.bilinear import BilinearUpsample, bilinear_kernel
from segbook.metrics import ConfusionMatrix

NAME = "fcn-skips"
STRIDES = {"32s": [32], "16s": [32, 16], "8s": [32, 16, 8]}


def random_votes(rng, classes, height, width, strides):
    """Votes of a scene of 32 height x 32 width, coarse first."""
    generator = torch.Generator().manual_seed(rng.randrange(1000))
    return [
        torch.randn(classes, height * 32 // s, width * 32 // s, generator=generator).double().round(decimals=2)
        for s in strides
    ]


def test_upsampling_is_the_transposed_convolution(maths):
    call, rng = maths(NAME), random.Random(0)
    for f, height, width in [(2, 1, 1), (2, 3, 4), (8, 2, 5), (16, 1, 3), (32, 2, 1), (4, 6, 2)]:
        (x,) = random_votes(rng, 3, height, width, [32])
        kernel = bilinear_kernel(3, 3, 2 * f).double()
        expected = F.conv_transpose2d(x[None], kernel, stride=f, padding=f // 2)[0]
        np.testing.assert_allclose(call("upsample", x.tolist(), f), expected, atol=1e-6)


@pytest.mark.parametrize("network", STRIDES)
def test_the_ladder_is_the_network_with_its_votes_switched(maths, network):
    call, rng, strides = maths(NAME), random.Random(1), STRIDES[network]
    for on in ([True, True, True], [True, False, True], [False, False, True], [False, True, False], [False] * 3):
        votes = random_votes(rng, rng.randint(2, 5), rng.randint(1, 3), rng.randint(1, 4), strides)
        got = call("ladder", [vote.tolist() for vote in votes], on, strides)
        total, sums = votes[0][None] * on[0], []
        for i in range(len(strides)):
            if i:
                total = BilinearUpsample(len(votes[0]), 2)(total)
                np.testing.assert_allclose(got["upsampled"][i], total[0], atol=1e-9)
                total = total + votes[i] * on[i]
            sums.append(total[0])
            np.testing.assert_allclose(got["sums"][i], sums[i], atol=1e-9)
        logits = BilinearUpsample(len(votes[0]), strides[-1])(total)[0]
        np.testing.assert_allclose(got["logits"], logits, atol=1e-9)
        assert call("largest", logits.tolist()) == logits.argmax(0).tolist()


def test_the_first_of_equals_wins(maths):
    assert maths(NAME)("largest", [[[1, 0]], [[1, 2]], [[1, 2]]]) == [[0, 1]]


def test_scores_are_those_of_the_confusion_matrix(maths):
    call, rng = maths(NAME), random.Random(2)
    for classes in (2, 4, 6):
        shape, top = (5, 7), rng.randint(1, classes)  # classes above top occur nowhere
        label = torch.tensor([rng.choice([*range(top), 255]) for _ in range(35)]).view(shape)
        prediction = torch.tensor([rng.randrange(top) for _ in range(35)]).view(shape)
        matrix = ConfusionMatrix(classes)
        matrix.update(prediction[None], label[None])
        got = call("compare", prediction.tolist(), label.tolist(), classes)
        assert got["accuracy"] == pytest.approx(matrix.pixel_accuracy())
        assert got["meanIou"] == pytest.approx(matrix.mean_iou())


def settled(page):
    """The figure's state once the label is decoded and the last drawing is done."""
    page.wait_for_function("document.querySelector('[data-segbook]').state.judged")
    page.drawn()
    return page.figure.evaluate("node => node.state")


def test_switches_presets_and_networks(figure_page):
    page = figure_page(NAME)
    whole = settled(page)["judged"]["meanIou"]
    page.get_by_role("button", name="8s, skips off").click()
    state = settled(page)
    assert state["on"] == [True, False, False] and state["judged"]["meanIou"] < whole - 0.2
    assert [line[2] for line in state["lines"]] == [state["lines"][0][2], "off", "off", ""]
    assert page.get_by_label("stride 16 votes").is_checked() is False
    page.get_by_label("stride 16 votes").check()
    assert settled(page)["on"] == [True, True, False]
    page.get_by_label("FCN-32s").check()
    state = settled(page)
    assert state["on"] == [True] * 3 and state["step"] == 1 and len(state["lines"]) == 2
    assert page.get_by_label("stride 8 votes").is_disabled()
    assert page.shown(f"All votes on: 32s {state['judged']['meanIou']:.2f},")
    page.get_by_label("stride 32 votes").uncheck()
    assert settled(page)["lines"][0][4] == "–"


def test_the_steps_reveal_the_ladder(figure_page):
    page = figure_page(NAME)
    settled(page)
    page.get_by_role("slider").fill("1")
    settled(page)
    captions = page.locator("[data-segbook] figcaption").all_inner_texts()
    assert [captions[i].strip() for i in (1, 3, 5, 7)] == ["coarse logits: 3×4", "×2: 6×8", "", ""]
    drawn = page.locator("[data-segbook] canvas").evaluate_all(
        "nodes => nodes.map(n => n.getContext('2d').getImageData(0, 0, n.width, n.height).data.some(Boolean))"
    )
    assert drawn == [True] * 5 + [False, True, False]  # votes and sums in turn, then label and prediction
    page.get_by_title("One step forward").click()
    settled(page)
    assert page.shown("×2, plus the vote: 6×8")


def test_the_marked_pixel_is_moved_and_read(figure_page):
    page = figure_page(NAME)
    page.get_by_label("aeroplane", exact=True).check()
    ladder = page.get_by_role("application")
    ladder.locator("canvas").last.click(position={"x": 1, "y": 1})
    state = settled(page)
    votes = page.figure.evaluate("node => node.data.scenes[0].votes['8s']")
    assert state["place"] == [0, 0]
    assert float(state["lines"][2][2].replace("−", "-")) == votes[2][1][0][0]
    ladder.focus()
    for key in ("ArrowUp", "ArrowRight", "ArrowDown", "ArrowDown"):
        page.keyboard.press(key)
    assert settled(page)["place"] == [8, 4]


def test_another_scene_brings_its_own_votes(figure_page):
    (first,) = figure_page(NAME).figure.evaluate("node => node.data.scenes")
    silent = copy.deepcopy(first) | {"name": "silent"}
    silent["votes"]["8s"] = (np.array(first["votes"]["8s"][i]) * 0 for i in range(3))
    silent["votes"]["8s"] = [vote.tolist() for vote in silent["votes"]["8s"]]
    page = figure_page(NAME, scenes=[first, silent])
    before = settled(page)["judged"]
    page.get_by_label("silent").check()
    page.wait_for_function("document.querySelector('[data-segbook]').state.scene === 1")
    after = settled(page)
    assert after["judged"]["meanIou"] < before["meanIou"]
    assert all(line[3] in ("0.0", "") for line in after["lines"])
