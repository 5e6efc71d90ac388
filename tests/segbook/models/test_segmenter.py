"""The base class: one backbone pass, a resize to the image, and an auxiliary head that stays out of the way."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segbook import models
from segbook.models.segmenter import Segmenter


class Ramp(nn.Module):
    """Features whose values are the column of the image over which each cell is centred, as behind a ResNet."""

    def __init__(self, stride):
        super().__init__()
        self.stride = stride

    def forward(self, x):
        columns = torch.arange(x.shape[3], dtype=x.dtype).expand(1, 1, *x.shape[2:])
        return [columns[..., :: self.stride, :: self.stride]]


@pytest.mark.parametrize("name", ["fcn_resnet18_d8", "fcn_tiny_d8"])
@torch.no_grad()
def test_the_auxiliary_output_is_the_second_head_on_the_third_stage(name, noise, calibrate):
    torch.manual_seed(0)
    model, x = calibrate(models.create(name, num_classes=4, aux=True)), noise(2, 3, 33, 49)
    logits, aux_logits = model.forward_with_aux(x)
    torch.testing.assert_close(model(x), logits, atol=1e-6, rtol=1e-4)
    third = model.backbone(x)[2]
    expected = F.interpolate(model.aux_classifier(third), (33, 49), mode="bilinear", align_corners=False)
    torch.testing.assert_close(aux_logits, expected, atol=1e-6, rtol=1e-4)
    assert (aux_logits - logits).abs().max() > 1e-3


def test_plain_forward_does_not_run_the_auxiliary_head(noise):
    model = models.create("fcn_resnet18_d8").eval()
    model.aux_classifier.register_forward_hook(lambda *_: pytest.fail("the auxiliary head ran"))
    model(noise(1, 3, 33, 33))


def test_without_an_auxiliary_head_the_call_says_what_to_do(noise):
    model = models.create("fcn_resnet18_d8", aux=False)
    assert model.aux_classifier is None
    with pytest.raises(RuntimeError, match="no auxiliary head: build it with aux=True"):
        model.forward_with_aux(noise(2, 3, 33, 33))


def test_align_corners_puts_a_resnets_cells_where_their_centres_are():
    """Cell i of a ResNet at stride 8 lies on pixel 8i. At 8n + 1 pixels True returns each to its place."""
    pixels = torch.arange(65.0)
    exact = Segmenter(Ramp(8), nn.Identity(), align_corners=True)(torch.zeros(1, 3, 65, 65))[0, 0, 0]
    assert (exact - pixels).abs().max() < 1e-4
    # False stretches 9 cells over 65 pixels: too far left at the left, too far right at the right.
    stretched = Segmenter(Ramp(8), nn.Identity())(torch.zeros(1, 3, 65, 65))[0, 0, 0] - pixels
    assert stretched[8] < -2.5 and stretched[-9] > 2.5
    # At 8n pixels False keeps the scale and is half a cell off, everywhere.
    shifted = Segmenter(Ramp(8), nn.Identity())(torch.zeros(1, 3, 64, 64))[0, 0, 0] - pixels[:64]
    assert (shifted[8:-8] + 3.5).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["fcn_tiny_d8", "deeplabv3_tiny", "deeplabv3plus_tiny"])
@torch.no_grad()
def test_align_corners_reaches_the_resize(name, noise, calibrate):
    torch.manual_seed(0)
    false = calibrate(models.create(name))
    true = models.create(name, align_corners=True).eval()
    true.load_state_dict(false.state_dict())
    x = noise(1, 3, 65, 65)
    assert (false(x) - true(x)).abs().max() > 1e-3
    if name == "deeplabv3plus_tiny":
        assert true.classifier.align_corners and true.align_corners  # not mixed within a model


@pytest.mark.parametrize("size", [(64, 64), (65, 65), (50, 71), (1, 1), (3, 130)])
def test_align_centres_puts_a_resnets_cells_where_they_look_at_any_size(size):
    """Each pixel up to the last cell's centre gets its own column back; beyond it the last cell's goes on."""
    net = Segmenter(Ramp(8), nn.Identity(), align_centres=True)
    net.backbone.output_stride = 8
    columns = net(torch.zeros(1, 3, *size))
    assert columns.shape == (1, 1, *size)
    expected = torch.arange(float(size[1])).clamp(max=(size[1] - 1) // 8 * 8)
    torch.testing.assert_close(columns[0, 0], expected.expand(size), atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ["fcn_tiny_d8", "deeplabv3_tiny", "deeplabv3plus_tiny", "deeplabv3plus_mobilenet_v2"])
@torch.no_grad()
def test_align_centres_is_align_corners_where_that_is_exact(name, noise, calibrate):
    torch.manual_seed(0)
    corners = calibrate(models.create(name, align_corners=True))
    centres = models.create(name, align_centres=True).eval()
    centres.load_state_dict(corners.state_dict())
    x = noise(2, 3, 49, 65)  # 16 n + 1
    torch.testing.assert_close(centres(x), corners(x), atol=1e-5, rtol=1e-4)
    x = noise(2, 3, 50, 71)
    assert centres(x).shape == (2, 21, 50, 71)
    assert (centres(x) - corners(x)).abs().max() > 1e-3
