import copy
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from segbook import models
from segbook.data import normalise
from segbook.infer import View, predict, prediction, probabilities, to_classes


class Brightest(nn.Module):
    """Class = the largest of the three (normalised) colour channels; remembers the mode it ran in."""

    def forward(self, x):
        self.ran_in_training = self.training
        return x


class Local(nn.Module):
    """Logits from a 3x3 neighbourhood, and how many images it saw at once."""

    def __init__(self, num_classes=4):
        super().__init__()
        self.conv = nn.Conv2d(3, num_classes, 3, padding=1)
        self.seen = []

    def forward(self, x):
        self.seen.append(tuple(x.shape))
        return 5 * self.conv(x)


@pytest.fixture
def local():
    torch.manual_seed(0)
    return Local()


@pytest.fixture(scope="module")
def tiny():
    """A network with batch norms that have seen data, in training mode."""
    torch.manual_seed(0)
    model = models.create("fcn8s_tiny")
    with torch.no_grad():
        model(torch.randn(8, 3, 64, 64))
    return model


def noise(height, width, seed=0):
    return torch.randn(3, height, width, generator=torch.Generator().manual_seed(seed))


def by_hand(pixels):
    scaled = (pixels / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return scaled.argmax(2)


@pytest.mark.parametrize("size", [(6, 9), (1, 1), (1, 40), (333, 500)])
def test_all_kinds_of_input_give_the_label_map_at_the_images_size(tmp_path, picture, size):
    pixels = picture(*size)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    sources = (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(pixels), pixels, tensor, normalise(tensor))
    for image in sources:
        for how in ({}, {"window": 50, "flip": True}):
            label = predict(Brightest(), image, **how)
            assert label.dtype == torch.int64
            assert label.shape == size
            assert (label.numpy() == by_hand(pixels)).mean() > 0.999  # ties may fall either way


def test_the_mode_is_given_back_even_after_an_error_and_no_gradient_is_kept(picture):
    model = Brightest().train()
    assert not predict(model, picture()).requires_grad
    assert not probabilities(model, picture()).requires_grad
    assert model.training and not model.ran_in_training
    failing = nn.Sequential(nn.Conv2d(5, 1, 1))
    with pytest.raises(RuntimeError):
        predict(failing, picture(), window=4)
    assert failing.training


def test_a_window_that_covers_the_image_is_the_plain_forward(tiny):
    for height, width in ((1, 1), (65, 97), (150, 40)):
        image = noise(height, width)
        with torch.no_grad():
            logits = tiny.eval()(image[None])[0]
        for how in ({}, {"window": (height, width)}, {"window": 1000, "overlap": 0.9, "blend": "flat"}):
            assert torch.equal(predict(tiny, image, **how), logits.argmax(0))
            torch.testing.assert_close(probabilities(tiny, image, **how), logits.softmax(0), rtol=0, atol=1e-6)


def test_the_number_of_windows_at_once_changes_nothing(tiny):
    image = noise(130, 170)
    how = {"window": (64, 80), "overlap": 0.4, "scales": (0.5, 1.3), "flip": True}
    one, seven = (probabilities(tiny, image, **how, batch_size=n) for n in (1, 7))
    torch.testing.assert_close(one, seven, rtol=0, atol=1e-5)
    labels = [predict(tiny, image, **how, batch_size=n) for n in (1, 7)]
    assert (labels[0] != labels[1]).float().mean() < 1e-3  # rounding may break a tie


def test_away_from_window_borders_a_local_network_sees_no_difference(local):
    image = noise(40, 56)
    whole, slid = probabilities(local, image), probabilities(local, image, window=(16, 16), blend="flat")
    different = (whole - slid).abs().amax(0) > 1e-5
    columns = {c for start in range(0, 41, 8) for c in (start, start + 15)} - {0, 55}  # borders of windows in the image
    rows = {r for start in range(0, 25, 8) for r in (start, start + 15)} - {0, 39}
    for r, c in different.nonzero().tolist():
        assert r in rows or c in columns
    assert different.any()
    assert {shape[2:] for shape in local.seen[1:]} == {(16, 16)}
    tent = probabilities(local, image, window=16)
    assert (tent - whole).norm() < 0.5 * (slid - whole).norm()


def test_scales_and_flip_are_the_mean_of_their_softmaxes(tiny):
    image = noise(60, 90)
    with torch.no_grad():
        tiny.eval()
        expected = []
        for scale in (0.5, 1, 1.75):
            size = (round(60 * scale), round(90 * scale))
            x = F.interpolate(image[None], size, mode="bilinear", antialias=scale < 1)
            for view, back in ((x, lambda y: y), (x.flip(3), lambda y: y.flip(3))):
                logits = F.interpolate(back(tiny(view)), (60, 90), mode="bilinear", antialias=scale > 1)
                expected.append(logits.softmax(1)[0])
        tiny.train()
    found = probabilities(tiny, image, scales=(0.5, 1, 1.75), flip=True)
    torch.testing.assert_close(found, torch.stack(expected).mean(0), rtol=0, atol=1e-5)
    assert torch.equal(predict(tiny, image, scales=(0.5, 1, 1.75), flip=True), found.argmax(0))
    assert not torch.equal(predict(tiny, image, flip=True), predict(tiny, image))


def test_a_flipped_image_gives_the_flipped_map(tiny):
    image = noise(64, 96)
    a, b = (probabilities(tiny, x, flip=True) for x in (image, image.flip(-1)))
    torch.testing.assert_close(a, b.flip(-1), rtol=0, atol=1e-5)


def test_a_scale_never_shrinks_an_image_to_nothing(local):
    assert predict(local, noise(1, 3), scales=(0.01, 2)).shape == (1, 3)
    assert (1, 3, 1, 1) in local.seen


def test_one_logit_is_a_sigmoid_and_a_threshold():
    logits = torch.tensor([[[[-1.0, 0.0, 0.1]]]])
    assert to_classes(logits).tolist() == [[[0, 0, 1]]]
    assert to_classes(logits, threshold=0.25).tolist() == [[[1, 1, 1]]]
    assert to_classes(torch.tensor([[[[1.0]], [[2.0]]]])).tolist() == [[[1]]]
    torch.manual_seed(0)
    model, image = Local(num_classes=1), noise(20, 30)
    with torch.no_grad():
        p = model(image[None])[0].sigmoid()
    for how in ({}, {"window": 100}):
        assert torch.equal(probabilities(model, image, **how), p)
    for threshold in (0.01, 0.5, 0.9):
        assert torch.equal(predict(model, image, threshold=threshold), (p[0] > threshold).long())
        slid = probabilities(model, image, window=16)[0]
        assert torch.equal(predict(model, image, window=16, threshold=threshold), (slid > threshold).long())


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"window": 0}, "window .* got 0"),
        ({"window": (4, 4, 4)}, "window"),
        ({"window": (4.0, 4)}, "window"),
        ({"overlap": 1}, "overlap .* got 1"),
        ({"overlap": -0.1}, "overlap"),
        ({"blend": "gauss"}, "tent, flat, got 'gauss'"),
        ({"scales": ()}, "scales"),
        ({"scales": (1, -1)}, "scales"),
        ({"scales": (float("nan"),)}, "scales"),
        ({"batch_size": 0}, "batch_size"),
        ({"threshold": 1}, "threshold"),
    ],
)
def test_arguments_without_sense(how, message):
    with pytest.raises(ValueError, match=message):
        predict(Brightest(), noise(8, 8), **how)


def test_a_model_that_returns_something_else_is_refused_with_what_it_returned():
    class Dictionary(nn.Module):
        def forward(self, x):
            return {"out": x}

    with pytest.raises(ValueError, match="returned dict"):
        predict(Dictionary(), noise(8, 8))
    with pytest.raises(ValueError, match=r"size, \(8, 8\) here; this one returned \(1, 3, 4, 4\)"):
        predict(nn.MaxPool2d(2), noise(8, 8))


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process its own peak")
def test_memory_holds_a_row_of_windows_and_not_the_map_of_the_image():
    """12 million pixels: 1.0 GB of probabilities. (24 million, a photograph of 6,000 x 4,000: 1.6 GB in all.)"""
    code = """
import pathlib, re, torch
from segbook import infer, models
torch.manual_seed(0)
image = torch.randint(0, 256, (3, 2000, 6000), dtype=torch.uint8)
label = infer.predict(models.create("fcn32s_tiny"), image, window=512, overlap=0.1)
assert label.shape == (2000, 6000)
print(re.search(r"VmHWM:\\s*(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
"""  # not getrusage's ru_maxrss: a child begins with that of the process that started it
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert float(done.stdout) / 2**20 < 2.2  # GiB; 1.8 as it is; with the whole map 2.8


def test_a_large_image_goes_through_windows_unless_told_otherwise(local, monkeypatch):
    monkeypatch.setattr(prediction, "WHOLE", 1000 * 1030)
    predict(local, noise(1000, 1030))
    predict(local, noise(1000, 1031))
    predict(local, noise(1000, 1031), window=2000)
    assert local.seen == [(1, 3, 1000, 1030), (2, 3, 1000, 1024), (1, 3, 1000, 1031)]


def test_what_one_pass_takes_is_decided_by_the_pixels():
    assert View().window_in(4096, 4096) == (4096, 4096)
    assert View().window_in(9000, 12_000) == (1024, 1024)
    assert View().window_in(500, 40_000) == (500, 1024)
    assert View(window=(300, 5000)).window_in(4000, 4000) == (300, 4000)


def test_an_option_that_there_is_not_is_refused():
    with pytest.raises(TypeError, match="windows"):
        predict(Brightest(), noise(8, 8), windows=4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_model_in_other_bits_predicts_nearly_the_same(tiny, dtype):
    image = noise(70, 90)
    other = copy.deepcopy(tiny).to(dtype)
    for how in ({}, {"window": 64}, {"scales": (0.5, 1.5), "flip": True}):
        found = probabilities(other, image, **how)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, probabilities(tiny, image, **how), rtol=0, atol=0.1)
        assert (predict(other, image, **how) == found.argmax(0)).float().mean() > 0.99
        assert predict(other, image.to(dtype), **how).shape == (70, 90)


class Loud(nn.Module):
    """Logits near the end of float16, whose sums are beyond it."""

    def __init__(self, channels):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros((), dtype=torch.float16))
        self.channels = channels

    def forward(self, x):
        assert x.dtype == torch.float16
        return 65_000 * x[:, : self.channels].sign()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("how", [{}, {"scales": (0.4, 2.3), "flip": True}, {"window": 7, "scales": (2,)}])
def test_half_precision_logits_never_give_infinities(channels, how):
    image = noise(20, 30)
    found = probabilities(Loud(channels), image, **how)
    assert found.isfinite().all()
    if not how:
        expected = (image[:1] > 0).float() if channels == 1 else (65_000 * image.sign()).softmax(0)
        assert torch.equal(found, expected)
    assert predict(Loud(channels), image, **how).max() < max(channels, 2)


def test_a_threshold_for_half_precision_logits_is_not_rounded():
    logits = torch.tensor([[[[2.0]]]], dtype=torch.float16)  # sigmoid 0.8808
    assert to_classes(logits, 0.88079).tolist() == [[[1]]]
    assert to_classes(logits, 0.8808).tolist() == [[[0]]]


def test_a_photograph_with_a_tag_or_in_inks_is_predicted_as_a_person_sees_it(tmp_path, picture):
    pixels, exif = np.kron(picture(5, 7), np.ones((16, 16, 1), np.uint8)), Image.Exif()
    exif[0x0112] = 8
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif, quality=100)
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "inks.jpg", quality=100)
    assert (predict(Brightest(), tmp_path / "turned.jpg").numpy() == np.rot90(by_hand(pixels))).mean() > 0.9
    assert (predict(Brightest(), tmp_path / "inks.jpg").numpy() == by_hand(pixels)).mean() > 0.9
