"""Row diagrams against the networks themselves and against geometry that others worked out."""

import re

import pytest
import torch

from segbook import models
from segbook.figures.blocks import COLOURS, Diagram, Row, block_diagram, blocks
from segbook.models.fcn_vgg import Grid
from segbook.plot import SERIES


def on_meta(name, **options):
    with torch.device("meta"):
        return models.create(name, num_classes=5, **options)


@pytest.mark.parametrize("name", models.list_models())
def test_every_network_has_a_diagram_from_the_image_to_its_logits(name):
    model = on_meta(name)
    rows = blocks(model)
    assert (rows[0].stride, rows[0].channels, rows[-1].stride, rows[-1].channels) == (1, 3, 1, 5)
    assert all(row.reads is None or rows[row.reads].head is False for row in rows)
    features = model.backbone(torch.empty(1, 3, 257, 257, device="meta"))
    assert [row.channels for row in rows if not row.head][1:] == [feature.shape[1] for feature in features]
    strides = [256 / (feature.shape[-1] - 1) for feature in features]
    if "vgg" not in name:  # whose padding makes its maps larger than the image
        assert [row.stride for row in rows if not row.head][1:] == strides


def test_the_fcn8s_of_long_et_al_meets_its_skips_in_the_right_place():
    """FACTS S3: padding 100 and the crops 5, 9 and 31."""
    rows = {row.name: row for row in blocks(on_meta("fcn8s_vgg16"))}
    assert (rows["fc7"].stride, rows["fc7"].centre) == (32, 12.5)  # 15.5 + 3 cells of fc6 - 99 zeros
    assert rows["+ score of pool4"].centre == rows["pool4"].centre + 5 * 16
    assert rows["+ score of pool3"].centre == rows["pool3"].centre + 9 * 8
    assert Grid(8, rows["+ score of pool3"].centre).upsampled(8).centre + 31 == rows["upsample x8"].centre == 0


def test_behind_a_resnet_upsampling_is_half_a_cell_off():
    rows = blocks(on_meta("fcn32s_resnet18"))
    assert rows[-1].centre == -15.5  # what is drawn at pixel 0 was seen 15.5 pixels before it
    assert [row.centre for row in rows[1:6]] == [0] * 5


def test_the_decoder_reads_the_first_stage_and_aspp_names_its_branches():
    rows = blocks(on_meta("deeplabv3plus_resnet50", atrous_rates=(3, 9)))
    assert rows[5] == Row("ASPP: 1x1, rates 3 9, pooling", 256, 16, 0, True)
    assert (rows[6].name, rows[6].stride) == ("upsample x4", 4)
    assert (rows[7].name, rows[7].reads) == ("concatenate 48 of layer1, 3x3, 3x3", 1)
    rates = blocks(on_meta("deeplabv3_mobilenet_v2", atrous_rates=()))[5].name
    assert rates == "ASPP: 1x1, pooling"


def test_the_picture_and_its_text_say_the_same():
    diagram = block_diagram(on_meta("fcn16s_tiny"), "FCN-16s")
    svg, words = diagram.svg(), str(diagram)
    assert len(re.findall("<rect", svg)) == len(diagram.rows) and words in svg
    assert svg.count("<path") == 1 and "FCN-16s" in words
    bundle = diagram._repr_mimebundle_()
    assert bundle["text/html"] == svg and bundle["text/plain"] == words


@pytest.mark.parametrize("name", ["fcn8s_vgg16", "deeplabv3plus_resnet50"])
def test_the_text_is_large_enough_on_a_phone_and_fits(name):
    svg = Diagram("", blocks(on_meta(name)), SERIES[0]).svg()
    width, size = (int(re.search(f'{key}"(?:0 0 )?([0-9]+)', svg)[1]) for key in ("viewBox=", "font-size="))
    assert size * 358 / width > 10  # pixels; 358 are what a phone 390 wide shows of a page
    for x, words in re.findall(r'<text x="([0-9]+)"[^>]*>([^<]*)<', svg):
        assert int(x) + 0.58 * size * len(words) < width, words


def test_each_kind_has_a_colour_and_another_title_is_refused():
    assert len(set(COLOURS.values())) == len(COLOURS)
    with pytest.raises(ValueError, match="title is one of FCN-32s, .*got 'U-Net'"):
        block_diagram(on_meta("fcn16s_tiny"), "U-Net")
