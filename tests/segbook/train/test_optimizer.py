import copy

import pytest
import torch
from torch import nn

from segbook import models
from segbook.train import Settings
from segbook.train.optimizer import Updater, freeze, parameter_groups


def names_of(model, group):
    ids = {id(p) for p in group["params"]}
    return {name for name, p in model.named_parameters() if id(p) in ids}


@pytest.mark.parametrize("name", ["fcn8s_tiny", "deeplabv3plus_tiny", "fcn_resnet18_d8"])
def test_every_parameter_is_in_one_group_and_in_the_right_one(name):
    model = models.create(name)
    groups = parameter_groups(model, 0.1, head_lr=10, no_decay=True)
    assert len(groups) == 4
    everything = [p for group in groups for p in group["params"]]
    assert len(everything) == len(set(everything)) == len(list(model.parameters()))
    spared = {
        f"{path}.{kind}"
        for path, module in model.named_modules()
        for kind, _ in module.named_parameters(recurse=False)
        if isinstance(module, nn.BatchNorm2d) or kind == "bias"
    }
    for group in groups:
        for member in names_of(model, group):
            assert group["weight_decay"] == (0 if member in spared else 0.1)
            assert group["scale"] == (1 if member.startswith("backbone.") else 10)


def test_by_default_there_is_one_group_in_order():
    model = models.create("fcn8s_tiny")
    (group,) = parameter_groups(model, 0.1)
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters()]
    assert (group["scale"], group["weight_decay"]) == (1, 0.1)


def test_frozen_parameters_are_left_out():
    model = models.create("fcn8s_tiny")
    model.backbone.requires_grad_(False)
    groups = parameter_groups(model, 0.1, head_lr=3)
    assert [group["scale"] for group in groups] == [3]


def test_a_head_needs_a_backbone():
    with pytest.raises(ValueError, match="`backbone` beside its head; Conv2d has none"):
        parameter_groups(nn.Conv2d(3, 3, 1), 0.1, head_lr=2)


def updater(model, clip=None, scaled=False, head_lr=1.0):
    settings = Settings(steps=1, lr=1.0, optimizer="sgd", momentum=0.0, weight_decay=0.0, clip=clip, head_lr=head_lr)
    settings.amp = "fp16" if scaled else None
    return Updater(model, settings, torch.device("cpu"))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.backbone, self.head = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.backbone(x)).square().sum()


def test_matrices_decay_and_vectors_do_not():
    groups = parameter_groups(Net(), 0.1, no_decay=True)
    assert {p.ndim: group["weight_decay"] for group in groups for p in group["params"]} == {1: 0, 2: 0.1}


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("clip", [None, 0.5, 1e6])
def test_a_step_of_plain_sgd_by_hand(clip, scaled):
    model, x = Net(), torch.randn(3, 4, generator=torch.Generator().manual_seed(1))
    before = copy.deepcopy(model)
    before(x).backward()
    norm = torch.cat([p.grad.flatten() for p in before.parameters()]).norm()
    factor = min(1, (clip or float("inf")) / float(norm))
    assert norm > 0.5
    updater(model, clip, scaled, head_lr=10).step(model(x), lr=0.01)
    for (name, old), new in zip(before.named_parameters(), model.parameters()):
        scale = 10 if name.startswith("head") else 1
        torch.testing.assert_close(new, old - 0.01 * scale * factor * old.grad)


def test_gradients_do_not_add_up_over_steps():
    model, x = Net(), torch.ones(1, 4)
    update = updater(model)
    update.step(model(x), lr=1e-3)
    fresh = copy.deepcopy(model)
    fresh.zero_grad()
    fresh(x).backward()
    update.step(model(x), lr=1e-3)
    for a, b in zip(model.parameters(), fresh.parameters()):
        torch.testing.assert_close(a.grad, b.grad)


def test_a_frozen_module_keeps_weights_and_statistics_and_the_rest_moves():
    torch.manual_seed(0)
    model = models.create("deeplabv3plus_tiny", num_classes=3)
    freeze(model, ["backbone", "classifier.aspp"], ["classifier"])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    step = updater(model)
    model.train()
    step.step(model(torch.randn(2, 3, 33, 33)).square().mean(), lr=1.0)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    norms = {name for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    expected = {
        name
        for name, _ in model.named_parameters()
        if not name.startswith(("backbone.", "classifier.aspp.")) and name.rpartition(".")[0] not in norms
    }
    assert changed == expected != set()


def test_a_module_that_is_not_there_is_named_with_the_nearest():
    with pytest.raises(ValueError, match="there is no module 'back_bone'; the nearest are backbone"):
        freeze(models.create("fcn8s_tiny"), ["back_bone"], [])
