import sys

import numpy as np
import pytest
import torch
from torch import nn

from segbook import export as module
from segbook import models
from segbook.export import export

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def with_statistics(name, **options):
    """A network whose batch norms have seen data, so that its logits are of the size of a trained one's."""
    torch.manual_seed(0)
    model = models.create(name, **options)
    with torch.no_grad():
        for _ in range(20):
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


def test_a_missing_folder_or_package_is_named(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no folder .*nowhere"):
        export(nn.Identity(), tmp_path / "nowhere" / "model.onnx")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(ImportError, match="pip install onnx onnxscript onnxruntime"):
        export(nn.Identity(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_the_largest_difference_is_found_in_any_of_the_sizes_and_nan_is_not_missed():
    class Session:
        def __init__(self, error):
            self.calls, self.error = 0, error

        def run(self, names, feed):
            self.calls += 1
            return [feed["image"] + (self.error if self.calls == 2 else 0)]

    assert module.largest_difference(nn.Identity(), Session(np.float32(0.25))) == pytest.approx(0.25, abs=1e-6)
    assert np.isnan(module.largest_difference(nn.Identity(), Session(np.float32("nan"))))
