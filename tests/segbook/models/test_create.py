"""The table of models: names, options, sizes, parameter counts, and what goes wrong with a sentence."""

import copy
import functools
import inspect
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from segbook import models

TINY = ("fcn32s_tiny", "fcn16s_tiny", "fcn8s_tiny", "fcn_tiny_d8", "deeplabv3_tiny", "deeplabv3plus_tiny")
WITH_AUX = {
    "fcn_resnet50", "fcn_resnet101", "fcn_resnet18_d8", "fcn_resnet50_d8", "fcn_resnet101_d8",
    "deeplabv3_resnet50", "deeplabv3_resnet101",
}  # fmt: skip

# From torchvision's documentation, MMSegmentation's and D2L's code run, and the papers' layouts, at 21 classes.
PARAMETERS = {
    ("fcn32s_vgg16",): 134_346_581,
    ("fcn16s_vgg16",): 134_357_354,
    ("fcn8s_vgg16",): 134_362_751,
    ("fcn32s_resnet18", ("upsample", "dense")): 12_993_642,
    ("fcn_resnet50",): 35_322_218,
    ("fcn_resnet101",): 54_314_346,
    ("fcn_resnet50", ("aux", False)): 32_957_013,
    ("fcn_resnet101", ("aux", False)): 51_949_141,
    ("fcn_resnet50_d8",): 49_499_274,
    ("fcn_resnet50_d8", ("aux", False)): 47_134_069,
    ("fcn_resnet18_d8",): 12_822_730,
    ("fcn_resnet101_d8",): 68_491_402,
    ("deeplabv3_resnet50",): 42_004_074,
    ("deeplabv3_resnet101",): 60_996_202,
    ("deeplabv3_resnet50", ("aux", False)): 39_638_869,
    ("deeplabv3_resnet101", ("aux", False)): 58_630_997,
    ("deeplabv3plus_resnet50",): 40_352_181,
}


@functools.cache
def on_meta(name, **options):
    """A network without memory: shapes and counts of the large ones in no time."""
    with torch.device("meta"):
        return models.create(name, **options)


def count(model):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def test_the_table_has_the_names_of_the_book():
    assert sorted(models.list_models()) == sorted(
        [f"fcn{s}s_{body}" for s in (32, 16, 8) for body in ("resnet18", "vgg16", "tiny")]
        + ["fcn_resnet50", "fcn_resnet101", "fcn_resnet18_d8", "fcn_resnet50_d8", "fcn_resnet101_d8"]
        + ["deeplabv3_resnet50", "deeplabv3_resnet101", "fcn_tiny_d8", "deeplabv3_tiny", "deeplabv3plus_tiny"]
        + [f"deeplabv3plus_{body}" for body in ("resnet18", "resnet50", "resnet101", "mobilenet_v2")]
        + [f"{head}_mobilenet_v2" for head in ("fcn32s", "fcn16s", "fcn8s", "deeplabv3")]
        + ["fcn_mobilenet_v2_d16"]
    )


@pytest.mark.parametrize("key", PARAMETERS, ids=str)
def test_parameter_counts(key):
    name, *options = key
    assert count(on_meta(name, **dict(options))) == PARAMETERS[key]


@pytest.mark.parametrize("name", TINY)
def test_tiny_nets_stay_under_a_million(name):
    assert count(on_meta(name)) < 1_000_000


@pytest.mark.parametrize("name", models.list_models())
def test_defaults_are_the_contract(name):
    defaults = {k: p.default for k, p in inspect.signature(models.MODELS[name]).parameters.items()}
    assert defaults["num_classes"] == 21
    if "aux" in defaults:
        assert defaults["aux"] is (name in WITH_AUX)
    if "stem" in defaults:
        assert defaults["stem"] == ("v1c" if name.endswith("_d8") else "7x7")
    if "output_stride" in defaults:
        assert defaults["output_stride"] == (16 if "deeplabv3plus" in name or "mobilenet" in name else 8)
    if "atrous_rates" in defaults:
        assert defaults["atrous_rates"] == ((2, 4, 6) if name in TINY else None)
    expected = {
        "contract_dilation": True, "multi_grid": None, "separable": False, "decoder_convs": 2, "align_corners": False,
        "upsample": "separable", "at_once": False, "align_centres": False,
    }  # fmt: skip
    for option, value in expected.items():
        assert defaults.get(option, value) == value
    assert (getattr(on_meta(name), "aux_classifier", None) is not None) is (name in WITH_AUX)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (31, 33), (40, 64)])
@pytest.mark.parametrize("name", TINY)
def test_logits_have_the_size_of_the_image(name, size, noise):
    model = models.create(name, num_classes=3).eval()
    with torch.no_grad():
        assert model(noise(2, 3, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize("size", [(1, 1), (33, 47)])
@pytest.mark.parametrize(
    "name", ["fcn8s_resnet18", "fcn_resnet50", "fcn_resnet18_d8", "deeplabv3_resnet50", "deeplabv3plus_mobilenet_v2"]
)
def test_larger_nets_take_any_size_too(name, size, noise):
    model = models.create(name, num_classes=2).eval()
    with torch.no_grad():
        outputs = model.forward_with_aux(noise(1, 3, *size)) if name in WITH_AUX else [model(noise(1, 3, *size))]
    assert all(output.shape == (1, 2, *size) for output in outputs)


@pytest.mark.parametrize("name", models.list_models())
def test_every_net_on_meta_keeps_the_size(name):
    x = torch.empty(2, 3, 480, 321, device="meta")
    model = on_meta(name)
    outputs = model.forward_with_aux(x) if name in WITH_AUX else [model(x)]
    assert all(output.shape == (2, 21, 480, 321) for output in outputs)


def test_nothing_is_downloaded_unasked(monkeypatch):
    monkeypatch.setattr("torch.hub.download_url_to_file", lambda *_, **__: pytest.fail("a download"))
    for name in TINY + ("deeplabv3plus_mobilenet_v2", "fcn32s_resnet18"):
        models.create(name)


def test_one_class_is_one_logit(noise):
    assert models.create("fcn8s_tiny", num_classes=1).eval()(noise(1, 3, 20, 30)).shape == (1, 1, 20, 30)


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"'fcn8_tiny'; the nearest are fcn8s_tiny"):
        models.create("fcn8_tiny")
    with pytest.raises(ValueError, match=r"the nearest are .*deeplabv3plus_resnet50"):
        models.create("deeplab_v3plus_resnet50")


def test_unknown_option_names_the_options():
    with pytest.raises(ValueError, match=r"fcn8s_tiny has no option output_stride; it has upsample"):
        models.create("fcn8s_tiny", output_stride=8)
    with pytest.raises(ValueError, match=r"has no option rates; it has aux, output_stride, .*atrous_rates, separable"):
        models.create("deeplabv3plus_mobilenet_v2", rates=(1, 2))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("fcn32s_tiny", {"upsample": "bicubic"}, "the last two learnable, got form='bicubic'"),
        ("fcn_tiny_d8", {"stem": "5x5"}, "got '5x5'"),
        ("fcn_tiny_d8", {"output_stride": 4}, "32, 16 or 8, got 4"),
        ("deeplabv3plus_mobilenet_v2", {"output_stride": 4}, "32, 16 or 8, got 4"),
        ("deeplabv3_resnet50", {"multi_grid": (1, 2)}, "multi_grid needs 3 rates"),
        ("deeplabv3plus_tiny", {"decoder_convs": 0}, "decoder_convs is at least 1, got 0"),
        ("deeplabv3_tiny", {"atrous_rates": (2, 0)}, "atrous_rates are at least 1 each, got (2, 0)"),
        ("fcn32s_vgg16", {"at_once": True}, "FCN-32s has none"),
        ("fcn32s_tiny", {"num_classes": 0}, "num_classes is at least 1, got 0"),
    ],
)
def test_wrong_values_name_themselves(name, options, message):
    with pytest.raises(ValueError) as caught:
        on_meta(name, **options)
    assert message in str(caught.value)


def test_building_is_seeded_and_differs_between_seeds():
    nets = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        nets.append(models.create("deeplabv3plus_tiny").state_dict())
    assert all(torch.equal(nets[0][key], nets[1][key]) for key in nets[0])
    assert not torch.equal(nets[0]["backbone.conv1.weight"], nets[2]["backbone.conv1.weight"])


@pytest.mark.parametrize(("name", "size"), [("fcn8s_tiny", 32), ("deeplabv3_tiny", 64), ("fcn_resnet18_d8", 8)])
def test_one_value_per_channel_in_training_is_explained(name, size, noise):
    model = models.create(name).train()
    with pytest.raises(ValueError, match=r"one value per channel.*two images.*drop_last=True.*freeze_batch_norm"):
        model(noise(1, 3, size, size))
    model(noise(2, 3, size, size))  # two images are enough
    assert model.eval()(noise(1, 3, size, size)).shape[0] == 1  # and evaluation takes one


def test_frozen_batch_norm_trains_on_one_image_and_stays_frozen(noise):
    model = models.create("deeplabv3_tiny").train()
    before = copy.deepcopy(model.state_dict())
    assert models.freeze_batch_norm(model) is model
    model.train()
    model(noise(1, 3, 64, 64)).sum().backward()
    after = model.state_dict()
    norms = [key for key in before if "running" in key]
    assert norms and all(torch.equal(before[key], after[key]) for key in norms)
    layers = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(layer.weight.grad is None and not layer.training for layer in layers)
    assert model.classifier[4].weight.grad is not None


@pytest.mark.parametrize("name", ["fcn16s_tiny", "deeplabv3plus_tiny"])
def test_models_can_be_copied_and_pickled(name, noise, calibrate):
    model, x = calibrate(models.create(name)), noise(1, 3, 33, 40)
    with torch.no_grad():
        expected = model(x)
        assert torch.equal(copy.deepcopy(model)(x), expected)
        assert torch.equal(pickle.loads(pickle.dumps(model))(x), expected)


@pytest.mark.parametrize("name", TINY)
def test_every_parameter_learns_and_ten_steps_fit_a_batch(name, noise):
    """From random weights, with the optimizer of the book: the loss on four images falls by a quarter in ten steps."""
    torch.manual_seed(0)
    model = models.create(name, num_classes=4).train()
    images = noise(4, 3, 64, 64)
    labels = (F.avg_pool2d(images, 9, 1, 4)[:, 0] * 10).round().long().clamp(0, 3)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(10):
        loss = F.cross_entropy(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None and parameter.grad.abs().max() > 0 for parameter in model.parameters())
    assert losses[0] < 4 and losses[-1] < 0.75 * losses[0], losses


OTHER = {  # a value that is no default
    "upsample": "grouped", "output_stride": 32, "contract_dilation": False, "separable": True, "decoder_convs": 1,
    "atrous_rates": (1, 2, 3), "head_width": 24, "low_level_channels": 8, "head_convs": 0,
}  # fmt: skip
BLOCKS = {  # in the last stage
    "fcn8s_tiny": 1, "fcn_resnet50": 3, "fcn_resnet18_d8": 2, "deeplabv3_resnet50": 3, "deeplabv3plus_resnet50": 3,
    "deeplabv3plus_tiny": 1, "deeplabv3plus_mobilenet_v2": 0,
}  # fmt: skip


@pytest.mark.parametrize("name", BLOCKS)
def test_every_option_reaches_the_network(name):
    for option, parameter in inspect.signature(models.MODELS[name]).parameters.items():
        if option in ("num_classes", "align_corners", "align_centres"):  # other tests
            continue
        others = OTHER | {
            "aux": not parameter.default,
            "stem": "v1c" if parameter.default == "7x7" else "7x7",
            "multi_grid": (2,) * BLOCKS[name],
        }
        assert repr(on_meta(name, **{option: others[option]})) != repr(on_meta(name)), option
