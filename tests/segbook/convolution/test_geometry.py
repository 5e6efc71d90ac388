"""Sizes against torch; receptive fields against gradients and against spikes sent through real layers."""

import random

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from segbook.convolution.geometry import (
    ReceptiveField,
    conv_output_size,
    conv_transpose_output_size,
    receptive_field,
)

# ---------------------------------------------------------------- sizes


def conv_settings(count, seed):
    draw = random.Random(seed)
    while count:
        n, k, s, p, d = (
            draw.randint(1, 40),
            draw.randint(1, 7),
            draw.randint(1, 5),
            draw.randint(0, 6),
            draw.randint(1, 5),
        )
        if n + 2 * p >= d * (k - 1) + 1:
            count -= 1
            yield n, k, s, p, d
    for n in (1, 2):  # the smallest maps
        yield n, 1, 3, 0, 1
        yield n, 3, 2, 4, 4


def test_conv_output_size_is_torchs():
    for n, k, s, p, d in conv_settings(300, seed=0):
        out = F.conv1d(torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p, dilation=d)
        assert conv_output_size(n, k, s, p, d) == out.shape[-1], (n, k, s, p, d)


def test_ceil_mode_is_torchs():
    draw, differ = random.Random(1), 0
    for _ in range(300):
        n, k, s = draw.randint(1, 40), draw.randint(1, 5), draw.randint(1, 5)
        p = draw.randint(0, k // 2)
        if n + 2 * p < k:
            continue
        out = F.max_pool1d(torch.zeros(1, 1, n), k, s, p, ceil_mode=True)
        assert conv_output_size(n, k, s, p, ceil_mode=True) == out.shape[-1], (n, k, s, p)
        differ += conv_output_size(n, k, s, p) != out.shape[-1]
    assert differ > 30  # the option does something


def test_conv_transpose_output_size_is_torchs():
    draw = random.Random(2)
    done = 0
    while done < 300:
        n, k, s, p, d = (
            draw.randint(1, 20),
            draw.randint(1, 7),
            draw.randint(1, 5),
            draw.randint(0, 6),
            draw.randint(1, 5),
        )
        extra = draw.randint(0, max(s, d) - 1)
        if (n - 1) * s - 2 * p + d * (k - 1) + extra + 1 < 1:
            continue
        out = F.conv_transpose1d(
            torch.zeros(1, 1, n), torch.zeros(1, 1, k), stride=s, padding=p, output_padding=extra, dilation=d
        )
        assert conv_transpose_output_size(n, k, s, p, extra, d) == out.shape[-1], (n, k, s, p, extra, d)
        done += 1


def test_output_padding_undoes_the_rounding():
    for n, k, s, p, d in conv_settings(200, seed=3):
        m = conv_output_size(n, k, s, p, d)
        lost = (n + 2 * p - d * (k - 1) - 1) % s
        assert conv_transpose_output_size(m, k, s, p, lost, d) == n


WRONG = {
    "a rate of d inserts d zeros": lambda n, k, s, p, d: (n + 2 * p - k - (k - 1) * d) // s + 1,
    "the dilated kernel is d * k wide": lambda n, k, s, p, d: (n + 2 * p - d * k) // s + 1,
    "without the + 1": lambda n, k, s, p, d: (n + 2 * p - k - (k - 1) * (d - 1)) // s,
    "padding counted once": lambda n, k, s, p, d: (n + p - k - (k - 1) * (d - 1)) // s + 1,
    "rounded up": lambda n, k, s, p, d: -((n + 2 * p - k - (k - 1) * (d - 1)) // -s) + 1,
}


@pytest.mark.parametrize("name", WRONG)
def test_variants_from_the_web_are_caught(name):
    differ = sum(WRONG[name](*setting) != conv_output_size(*setting) for setting in conv_settings(300, seed=4))
    assert differ > 50, f"{differ} of 300 settings tell the wrong formula from the right one"


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: conv_output_size(0, 3), ValueError, "n must be at least 1, got 0"),
        (lambda: conv_output_size(5, 3, stride=0), ValueError, "stride must be at least 1, got 0"),
        (lambda: conv_output_size(5, 3, padding=-1), ValueError, "padding must be at least 0, got -1"),
        (lambda: conv_output_size(5, 3, dilation=3), ValueError, "spans 7 cells .* does not fit into 5 cells"),
        (lambda: conv_output_size(5.0, 3), TypeError, "n must be a whole number .* got 5.0"),
        (lambda: conv_output_size(5, (3, 3)), TypeError, r"kernel_size must be a whole number .* got \(3, 3\)"),
        (lambda: conv_output_size(True, 3), TypeError, "got True"),
        (lambda: conv_transpose_output_size(5, 3, 2, 0, 2), ValueError, "output_padding 2, stride 2 and dilation 1"),
        (lambda: conv_transpose_output_size(5, 3, 2, 0, -1), ValueError, "output_padding must be at least 0"),
        (lambda: conv_transpose_output_size(1, 2, 2, 1), ValueError, "padding 1 cuts away all"),
        (lambda: conv_transpose_output_size(0, 3), ValueError, "n must be at least 1, got 0"),
        (lambda: conv_transpose_output_size(5, 0), ValueError, "kernel_size must be at least 1, got 0"),
        (lambda: conv_transpose_output_size(5, 3, 0), ValueError, "stride must be at least 1, got 0"),
        (lambda: conv_transpose_output_size(5, 3, padding=-1), ValueError, "padding must be at least 0, got -1"),
        (lambda: conv_transpose_output_size(5, 3, dilation=0), ValueError, "dilation must be at least 1, got 0"),
    ],
)
def test_bad_sizes_say_what_is_wrong(call, error, words):
    with pytest.raises(error, match=words):
        call()


# ---------------------------------------------------------------- receptive fields


def random_stack(draw, *, max_pool):
    """One-channel layers with positive weights, so that no influence cancels; the number of phases;
    whether the cells run through all of them (a stride behind a transposed convolution skips some)."""
    layers, phases, all_phases = [], 1, True
    for _ in range(draw.randint(1, 4)):
        kind = draw.choice(["conv", "conv", "pool", "transposed"])
        k, s, d = draw.randint(1, 4), draw.choice([1, 1, 2, 3]), draw.choice([1, 1, 2, 3])
        if kind == "conv":
            layers += [nn.Conv2d(1, 1, k, s, draw.randint(0, 3), d), nn.ReLU()]
        elif kind == "pool" and max_pool:
            layers += [nn.MaxPool2d(k, s, k // 2, d, ceil_mode=draw.random() < 0.5)]
        elif kind == "pool":
            layers += [nn.AvgPool2d(k, s, k // 2)]
        else:
            layers += [nn.ConvTranspose2d(1, 1, k, s, draw.randint(0, 1), draw.randint(0, max(s, d) - 1), dilation=d)]
            phases *= s
        all_phases = all_phases and (kind == "transposed" or s == 1 or phases == 1)
    return make_positive(nn.Sequential(*layers)), phases, all_phases


def make_positive(model):
    """Weights in (0.5, 1.5), no bias; running statistics that keep every sign."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        parameter.data = 0.5 + torch.rand(parameter.shape, generator=generator)
        if name.endswith("bias"):
            parameter.data.zero_()
    return model.double().eval()


def pixels_by_gradient(model, n, channels, cells):
    """For each output cell (i, i): the image rows that have a gradient."""
    image = torch.ones(1, channels, n, n, dtype=torch.float64, requires_grad=True)
    out = model(image).sum(1)[0]
    found = []
    for i in cells:
        (gradient,) = torch.autograd.grad(out[i, i], image, retain_graph=True)
        rows, columns = (gradient.sum((0, 1, axis)).nonzero().flatten().tolist() for axis in (2, 3))
        assert rows == columns
        found.append((i, rows))
    return found


def pixels_by_spikes(model, n, cells):
    """The same without gradients (a max pool's reaches one cell only): which pixel (j, j) changes the output?"""
    spikes = torch.diag_embed(torch.eye(n, dtype=torch.float64))[:, None]  # (n, 1, n, n)
    with torch.no_grad():
        out = model(spikes).sum(1)  # (n, m, m)
    return [(i, out[:, i, i].nonzero().flatten().tolist()) for i in cells]


def check(field, pixels, centre=True):
    """`pixels` of neighbouring cells, one of each phase, all far from the border."""
    pixels = [(i, found) for i, found in pixels if found]
    assert max((found[-1] - found[0] + 1 for _, found in pixels), default=0) == field.size
    if centre and pixels:  # symmetric layers: over one period the fields are mirrored about the line of centres
        offsets = [(found[0] + found[-1]) / 2 - i * field.stride for i, found in pixels]
        assert sum(offsets) / len(offsets) == pytest.approx(field.centre, abs=1e-9)


def middle_cells(field, n, phases):
    first = round((n / 2 - field.centre) / field.stride) - phases // 2
    return range(first, first + phases)


@pytest.mark.parametrize("seed", range(150))
def test_random_stacks_against_gradients(seed):
    model, phases, all_phases = random_stack(random.Random(seed), max_pool=False)
    field = receptive_field(model)
    n = 2 * field.size + 60
    check(field, pixels_by_gradient(model, n, 1, middle_cells(field, n, phases)), all_phases)


@pytest.mark.parametrize("seed", range(40))
def test_random_stacks_with_max_pools_against_spikes(seed):
    draw, field = random.Random(1000 + seed), ReceptiveField(99, 1, 0.0)
    while field.size > 25:  # n images of n x n pixels
        model, phases, all_phases = random_stack(draw, max_pool=True)
        field = receptive_field(model)
    n = 2 * field.size + 30
    check(field, pixels_by_spikes(model, n, middle_cells(field, n, phases)), all_phases)


@pytest.mark.parametrize("seed", range(40))
def test_centres_are_what_a_ramp_says(seed):
    """Pixel j holds j. Means of symmetric windows and bilinear upsampling answer with the position of their cells."""
    draw, layers = random.Random(2000 + seed), []
    for _ in range(draw.randint(1, 5)):
        k, s, d = draw.randint(1, 5), draw.randint(1, 3), draw.randint(1, 3)
        if draw.random() < 0.6:
            layer = nn.Conv2d(1, 1, k, s, draw.randint(0, 4), d, bias=False).double()
            layer.weight.data.fill_(1 / k**2)
        else:
            k = draw.choice([2 * s, 2 * s - 1]) if s % 2 == 0 else 2 * s - 1
            tent = 1 - (torch.arange(k, dtype=torch.float64) - (k - 1) / 2).abs() / s
            layer = nn.ConvTranspose2d(1, 1, k, s, draw.randint(0, k // 2), bias=False).double()
            layer.weight.data[0, 0] = torch.outer(tent, tent)
        layers.append(layer)
    field = receptive_field(layers)
    n = 2 * field.size + 60
    ramp = torch.arange(n, dtype=torch.float64).expand(1, 1, n, n)
    cells = middle_cells(field, n, 3)
    with torch.no_grad():
        answer = nn.Sequential(*layers)(ramp)[0, 0, cells[1], list(cells)]
    assert answer.tolist() == pytest.approx([field.centre + i * field.stride for i in cells], abs=1e-9)


def test_list_and_model_agree_and_nothing_is_the_identity():
    layers = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2)]
    assert receptive_field(layers) == receptive_field(nn.Sequential(*layers)) == receptive_field(tuple(layers))
    assert receptive_field(layers) == ReceptiveField(5, 4, 1.0)
    assert receptive_field([]) == receptive_field([nn.ReLU()]) == ReceptiveField(1, 1, 0.0)
    assert receptive_field(nn.Conv2d(1, 1, 3, dilation=4)) == ReceptiveField(9, 1, 4.0)


def test_transposed_convolutions_of_the_book():
    assert receptive_field([nn.ConvTranspose2d(1, 1, 4, 2, 1)]) == ReceptiveField(2, 0.5, -0.25)
    assert receptive_field([nn.ConvTranspose2d(1, 1, 3, 2, 1)]) == ReceptiveField(2, 0.5, 0.0)  # align_corners=True
    assert receptive_field([nn.ConvTranspose2d(1, 1, 2, 2)]).size == 1
    assert receptive_field([nn.ConvTranspose2d(1, 1, 1, 3)]).size == 1  # some cells see nothing at all


def test_string_paddings():
    for k, d in ((3, 1), (3, 2), (4, 2), (4, 4)):
        same = make_positive(nn.Sequential(nn.Conv2d(1, 1, k, padding="same", dilation=d)))
        field = receptive_field(same)
        check(field, pixels_by_gradient(same, 30, 1, [15]))
        assert receptive_field([nn.Conv2d(1, 1, k, padding="valid", dilation=d)]).centre == d * (k - 1) / 2


def vgg16(width=None):
    """torchvision's VGG-16 features, all of them or `width` channels wide."""
    plan = torchvision.models.vgg.cfgs["D"]
    with torch.device("cpu" if width else "meta"):
        return torchvision.models.vgg.make_layers([v if v == "M" else width or v for v in plan])


def test_vgg16():
    expected = {17: (44, 8, 3.5), 24: (100, 16, 7.5), 31: (212, 32, 15.5)}  # pool3, pool4, pool5
    for end, values in expected.items():
        assert receptive_field(vgg16()[:end]) == receptive_field(vgg16(width=2)[:end]) == values
    features = vgg16(width=2)
    for i, layer in enumerate(features):  # same windows, but every tap receives a gradient
        if isinstance(layer, nn.MaxPool2d):
            features[i] = nn.AvgPool2d(2, 2)
    ((i, pixels),) = pixels_by_gradient(make_positive(features), 480, 3, [7])
    assert (len(pixels), (pixels[0] + pixels[-1]) / 2) == (212, 32 * i + 15.5)


def test_resnet18_with_branches():
    resnet = torchvision.models.resnet18()
    assert receptive_field(list(resnet.children())[:-2]) == (435, 32, 0.0)
    model = nn.Sequential(*list(resnet.children())[:6])  # to the first stage that halves, with its 1x1 branch
    field = receptive_field(model)
    model[3] = nn.AvgPool2d(3, 2, 1)
    check(field, pixels_by_gradient(make_positive(model), 224, 3, [13]))
    assert receptive_field(resnet.layer1) == (9, 1, 0.0)  # the union of identity and two 3x3, twice


def test_dilated_resnets_keep_size_and_centre():
    with torch.device("meta"):
        plain = torchvision.models.resnet50()
        dilated = torchvision.models.resnet50(replace_stride_with_dilation=[False, True, True])
    size, _, centre = receptive_field(list(plain.children())[:-2])
    assert receptive_field(list(dilated.children())[:-2]) == (size, 8, centre)


def test_offsets_of_the_vgg_fcns():
    """Long et al.: input padding 100, crops 19 (32s), 5 and 27 (16s), 5, 9 and 31 (8s)."""
    features = vgg16()
    features[0].padding = (100, 100)
    backbone = [features, nn.Conv2d(512, 1, 7), nn.Conv2d(1, 1, 1)]
    up = {k: nn.ConvTranspose2d(1, 1, k, k // 2) for k in (4, 16, 32, 64)}

    def crop(finer, coarser):
        """How many cells of `finer` to cut so that both begin at the same place."""
        assert finer.stride == coarser.stride
        return (coarser.centre - finer.centre) / finer.stride

    image, pool3, pool4 = receptive_field([]), receptive_field(features[:17]), receptive_field(features[:24])
    assert crop(receptive_field([*backbone, up[64]]), image) == 19
    assert crop(pool4, receptive_field([*backbone, up[4]])) == 5  # so their sum lies where conv7's upsampled logits lie
    assert crop(receptive_field([*backbone, up[4], up[32]]), image) == 27
    assert crop(pool3, receptive_field([*backbone, up[4], up[4]])) == 9
    assert crop(receptive_field([*backbone, up[4], up[4], up[16]]), image) == 31


class Meet(nn.Module):
    def __init__(self, first, second, how=torch.add):
        super().__init__()
        self.first, self.second, self.how = first, second, how

    def forward(self, x):
        return self.how(self.first(x), self.second(x))


def test_branches_make_a_union():
    wide, narrow = nn.Conv2d(1, 1, 3, padding=4, dilation=4), nn.Conv2d(1, 1, 3, padding=1)
    for how in (torch.add, lambda a, b: torch.cat([a, b], dim=1), lambda a, b: torch.cat([a, b], 1), torch.mul):
        assert receptive_field(Meet(narrow, wide, how)) == ReceptiveField(9, 1, 0.0)


@pytest.mark.parametrize(
    "network, words",
    [
        (Meet(nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, 2, 1)), r"'add' disagree: .* 1 i \+ 0 .* 2 i \+ 0"),
        (Meet(nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3)), r"disagree: .* 1 i \+ 0 .* 1 i \+ 1"),
        (Meet(nn.ReLU(), nn.Conv2d(1, 1, 4, padding="same")), r"disagree: .* 1 i \+ 0 .* 1 i \+ 0.5"),
        (Meet(nn.ReLU(), nn.ReLU(), lambda a, b: torch.cat([a, b], 2)), "'cat' sees the whole image, or is no step"),
        (Meet(nn.ReLU(), nn.ReLU(), lambda a, b: (a, b)), "returns several tensors"),
        (Meet(nn.ReLU(), nn.ReLU(), lambda a, b: torch.ones(3)), "does not depend on its input"),
        (Meet(nn.ReLU(), nn.ReLU(), lambda a, b: a if a.sum() > 0 else b), "cannot follow this model .* as a list"),
        ([nn.Conv2d(1, 1, 3), nn.AdaptiveAvgPool2d(1)], "AdaptiveAvgPool2d.* sees the whole image"),
        ([nn.Conv2d(1, 1, 3), nn.Linear(4, 4)], "Linear.* sees the whole image"),
        ([nn.GroupNorm(1, 1)], "GroupNorm.* sees the whole image"),
        (Meet(nn.ReLU(), nn.ReLU(), lambda a, b: a + b.mean((2, 3), keepdim=True)), "'mean' sees the whole image"),
        ([nn.Conv2d(1, 1, (3, 5))], r"kernel_size=\(3, 5\).* differs between height and width"),
        ([nn.MaxPool2d(2, stride=(2, 1))], "differs between height and width"),
        ([nn.Upsample(scale_factor=2)], "Upsample.* sees the whole image, or is no step"),
    ],
)
def test_fields_that_do_not_exist_are_refused(network, words):
    with pytest.raises(ValueError, match=words):
        receptive_field(network)


def test_a_list_of_something_else():
    with pytest.raises(TypeError, match="int is not a Module"):
        receptive_field([nn.Conv2d(1, 1, 3), 3])


def test_the_model_is_left_as_it_was():
    model = torchvision.models.resnet18().layer1.train()
    before = [name for name, _ in model.named_modules()]
    receptive_field(model)
    assert model.training and before == [name for name, _ in model.named_modules()]
