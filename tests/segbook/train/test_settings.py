"""Settings are declared once; names, ranges and class weights."""

import math
from dataclasses import fields

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import TensorDataset

from segbook import losses
from segbook.train import Settings, fit
from segbook.train.objective import make_loss

RUN = {"steps": 3, "batch_size": 4, "device": "cpu", "progress": False}
CPU = torch.device("cpu")


def test_every_setting_says_what_it_is_for():
    assert all(one.metadata["help"].endswith((".", "].")) for one in fields(Settings))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 1}, "there is no setting 'learning_rate'"),
        ({"weight_decy": 0}, "nearest are weight_decay"),
        ({"steps": None}, "steps is a number, got None"),
        ({"lr": math.inf}, "lr is a number above 0, got inf"),
        ({"momentum": -0.1}, "momentum is a number of at least 0, got -0.1"),
        ({"loss": "hinge"}, "loss is one of cross_entropy, .*got 'hinge'"),
        ({"class_weights": "1,a"}, "class_weights are numbers .*got '1,a'"),
        ({"class_weights": [1, -1]}, "class_weights are numbers"),
        ({"class_weights": [1, 2]}, "there are 2 class_weights and 3 classes"),
        ({"class_weights": [1, 2, 3], "loss": "dice_loss"}, "need a loss with a `weight`.*dice_loss has none"),
        ({"patience": 0}, "patience is a number of at least 1"),
        ({"freeze": ["head"]}, "there is no module 'head'"),
    ],
)
def test_settings_without_sense_are_refused(noise, make_linear, changes, message):
    with pytest.raises(ValueError, match=message):
        fit(make_linear(), noise(8), **RUN | changes)


def test_fit_needs_steps(noise, make_linear):
    with pytest.raises(ValueError, match="needs `steps`"):
        fit(make_linear(), noise(8), batch_size=4)


def test_settings_and_changes_by_name_are_the_same(noise, make_linear):
    one, other = make_linear(), make_linear()
    fit(one, noise(8), **RUN, lr=0.1, optimizer="sgd", momentum=0.5)
    settings = Settings(steps=3, batch_size=4, lr=7.0, optimizer="sgd", momentum=0.5)
    fit(other, noise(8), None, settings, lr=0.1, device="cpu", progress=False)
    assert torch.equal(one.weight, other.weight)
    assert settings.lr == 7.0


def test_class_weights_weigh_the_pixels_of_a_class(noise, make_linear):
    one, other = make_linear(), make_linear()
    weights = torch.tensor([1.0, 2.5, 4.0])
    fit(one, noise(8), **RUN, class_weights="1,2.5,4")
    fit(other, noise(8), **RUN, loss=lambda x, y: F.cross_entropy(x, y, weights, ignore_index=255))
    torch.testing.assert_close(one.weight, other.weight)


@pytest.mark.parametrize("workers", [0, 2])
def test_balanced_is_scikit_learns(workers):
    compute = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    labels = torch.randint(0, 4, (5, 6, 7), generator=torch.Generator().manual_seed(0)).clamp(max=2)
    labels[0] = 255
    dataset = TensorDataset(torch.zeros(5, 3, 6, 7), labels)
    dataset.num_classes = 4  # of which the last never occurs
    loss = make_loss(Settings(steps=1, class_weights="balanced"), dataset, CPU, workers)
    seen = labels[labels != 255].numpy()
    expected = compute("balanced", classes=np.arange(3), y=seen)
    torch.testing.assert_close(loss.keywords["weight"], torch.tensor([*expected, 0]).float())
    assert loss.func is losses.cross_entropy


def test_class_weights_of_one_logit_are_those_of_its_two_classes():
    logits = torch.randn(2, 1, 3, 3)
    labels = torch.randint(0, 2, (2, 3, 3))
    dataset = TensorDataset(torch.zeros(2, 3, 3, 3), labels)
    dataset.num_classes = 2
    loss = make_loss(Settings(steps=1, class_weights=[1, 3]), dataset, CPU, 0)
    pair = torch.cat([torch.zeros_like(logits), logits], 1)
    torch.testing.assert_close(loss(logits, labels), F.cross_entropy(pair, labels, torch.tensor([1.0, 3.0])))


def test_frozen_parts_do_not_learn_and_the_rest_does():
    from segbook import models

    class Scenes(TensorDataset):
        num_classes = 3

    scenes = Scenes(torch.randn(4, 3, 33, 33), torch.randint(0, 3, (4, 33, 33)))
    torch.manual_seed(0)
    model = models.create("fcn8s_tiny", num_classes=3)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    fit(model, scenes, scenes, **RUN, freeze=["backbone"], lr=0.1, validate_every=1)  # validation changes the mode
    after = model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items() if name.startswith("backbone."))
    assert not torch.equal(after["score.weight"], before["score.weight"])
