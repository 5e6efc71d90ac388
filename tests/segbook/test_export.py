import json
import os
import sys

import numpy as np
import pytest
import torch
from torch import nn

from segbook import export as module
from segbook import models
from segbook.export import export

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def with_statistics(name, **options):
    """A network whose batch norms have seen data, so that its logits are of the size of a trained one's."""
    torch.manual_seed(0)
    model = models.create(name, **options)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1  # the last batch is all that it has seen
    with torch.no_grad():
        for _ in range(2):
            model(torch.randn(4, 3, 64, 64))
    return model


@pytest.mark.parametrize("name", ["fcn8s_tiny", "deeplabv3plus_tiny"])
def test_the_file_computes_the_network_at_any_size(tmp_path, name):
    model = with_statistics(name, num_classes=5)
    worst = export(model, tmp_path / "model.onnx")
    assert 0 < worst < 1e-4
    assert model.training
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [(i.name, i.shape) for i in session.get_inputs()] == [("image", ["batch", 3, "height", "width"])]
    model.eval()
    for shape in ((1, 3, 32, 32), (5, 3, 33, 47), (1, 3, 161, 200), (1, 3, 20, 7)):
        x = torch.randn(shape)
        (theirs,) = session.run(None, {"image": x.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(theirs, model(x).numpy(), rtol=0, atol=1e-4)


def small(num_classes):
    """A network that is written in a second."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1)
    )
    model.append(nn.ReLU()).append(nn.Conv2d(64, num_classes, 1))
    with torch.no_grad():
        model(torch.randn(4, 3, 32, 32))
    return model


class Drifting(nn.Module):
    """What is written is not what runs in PyTorch."""

    def forward(self, x):
        return x if torch.compiler.is_compiling() else x + 0.5


def test_a_file_that_computes_something_else_is_removed_and_the_old_one_kept(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("an older file")
    with pytest.raises(ValueError, match="model.onnx .*differ by up to 0.5, more than 0.0001, so it was removed"):
        export(Drifting(), path)
    assert path.read_text() == "an older file"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match="pip install onnx onnxscript onnxruntime"):
        export(nn.Identity(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


class Session:
    """Answers with its input; the second answer is off by an error."""

    def __init__(self, error):
        self.calls, self.error = 0, error

    def run(self, names, feed):
        self.calls += 1
        return [feed["image"] + (self.error if self.calls == 2 else 0)]


def test_the_largest_difference_is_found_in_any_of_the_sizes_and_nan_is_not_missed(tmp_path, monkeypatch):
    for error, expected in ((np.float32(0.25), 0.25), (np.float32("nan"), float("nan"))):
        monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, error=error, **__: Session(error))
        worst, largest = module.largest_difference(nn.Identity(), tmp_path)
        assert worst == pytest.approx(expected, abs=1e-6, nan_ok=True)
        assert 3 < largest < 6  # of some 40,000 normal numbers


def metadata_of(path):
    return {
        key: json.loads(value)
        for key, value in onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map.items()
    }


def test_the_file_says_what_a_program_needs_to_use_it(tmp_path):
    model = small(3)
    about = {
        "model": "fcn32s_tiny",
        "num_classes": 3,
        "classes": ["background", "猫", "dog"],
        "palette": [[0, 0, 0], [128, 0, 0], [0, 128, 0]],
        "seed": 3,
    }
    export(model, tmp_path / "a.onnx", about)
    normalisation = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    named = {key: about[key] for key in ("model", "classes", "palette")}
    assert metadata_of(tmp_path / "a.onnx") == {**named, **normalisation, "one_logit": False}
    assert __file__.encode() not in (tmp_path / "a.onnx").read_bytes()
    assert b"segbook/models" not in (tmp_path / "a.onnx").read_bytes()  # no paths of this machine
    export(small(1), tmp_path / "b.onnx")
    assert metadata_of(tmp_path / "b.onnx") == {**normalisation, "one_logit": True}


def test_half_the_size_and_nearly_the_same_logits(tmp_path):
    model = small(5).eval()
    with torch.no_grad():
        model[-1].weight *= 100  # logits of the size of a trained network's
    whole, half = tmp_path / "whole.onnx", tmp_path / "half.onnx"
    assert export(model, whole) < 1e-4
    difference = export(model, half, half=True)
    x = torch.randn(2, 3, 70, 41)
    (logits,) = onnxruntime.InferenceSession(half).run(None, {"image": x.numpy()})
    with torch.no_grad():
        ours = model(x)
    assert 1e-4 < difference < 0.01 * ours.abs().max()
    assert abs(logits - ours.numpy()).max() < 0.02 * ours.abs().max()
    assert half.stat().st_size < 0.55 * whole.stat().st_size
    stored = {tensor.data_type for tensor in onnx.load(half).graph.initializer if np.prod(tensor.dims) >= 1000}
    assert stored == {onnx.TensorProto.FLOAT16}


def test_weights_beyond_16_bits_are_noticed(tmp_path):
    model = nn.Conv2d(3, 400, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(70_000)
    with pytest.raises(ValueError, match="half.onnx would not compute"):
        export(model, tmp_path / "half.onnx", half=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_model_in_other_bits_is_written_in_32_and_stays_as_it_was(tmp_path, dtype):
    model = small(2).to(dtype)
    assert export(model, tmp_path / "a.onnx") < 1e-4
    assert next(model.parameters()).dtype == dtype and model.training


def test_a_place_where_no_file_can_be_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "record", None)
    monkeypatch.chdir(tmp_path)
    for path, error, message in (
        (".", ValueError, r"^\. is a folder; name the file in it, as in model.onnx"),
        (tmp_path, ValueError, "is a folder; name the file"),
        ("", ValueError, "is a folder"),
        ("best.pt", ValueError, "best.pt: the name of an ONNX file ends in .onnx"),
        (tmp_path / "nowhere/a.onnx", FileNotFoundError, "no folder .*nowhere"),
    ):
        with pytest.raises(error, match=message):
            export(nn.Identity(), path)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(PermissionError, match="may not write into"):
        export(nn.Identity(), tmp_path / "a.onnx")
