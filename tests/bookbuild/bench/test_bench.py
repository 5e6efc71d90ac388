"""What `make bench` and `make gpu` measure, on small networks and for an instant."""

import platform

import pytest
import torch
from torch import nn

from bookbuild.bench import cost as costs
from bookbuild.bench import gpu, run, timing


def test_times_are_taken_in_turns():
    calls = []
    times = timing.in_turns(lambda: calls.append("a"), lambda: calls.append("b"), seconds=0)
    assert calls == ["a", "b"] * 6 and len(times) == 2 and all(0 < t < 1000 for t in times)


def test_the_plain_rate_counts_two_operations_a_product(monkeypatch):
    monkeypatch.setattr(costs, "in_turns", lambda run, seconds: [1000.0])
    assert costs.plain_rate(0) == round(2 * 128 * 128 * 9 * 64 * 64 / 1e9, 1)


@pytest.mark.slow
def test_cost_grows_with_the_pixels_and_with_a_finer_map(monkeypatch):
    monkeypatch.setattr(costs, "STRIDE_SIDE", 128)
    cost = costs.cost(sides=(64, 128), networks=("fcn_resnet18_d8",), seconds=0)
    small, large = cost["size"]["fcn_resnet18_d8"]
    assert cost["kept"]["fcn_resnet18_d8"] > 0
    assert large["gflop"] == pytest.approx(4 * small["gflop"], rel=1e-3) and small["ms"] > 0
    coarse, middle, fine = (row["gflop"] for row in cost["stride"]["fcn_resnet18_d8"])
    assert coarse < middle < fine < 16 * coarse


@pytest.mark.slow
def test_every_way_of_a_network_is_measured(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module: module)  # compiling takes minutes
    found = gpu.ways("fcn_resnet50", torch.randn(2, 3, 32, 32), seconds=0.01)
    assert set(found) == {"fast", "plain", "torchvision"}
    assert all(row[kind]["images_per_second"] > 0 for row in found.values() for kind in ("training", "inference"))


def test_an_answer_leaves_no_gradients_and_a_step_clears_its_own():
    layer, x = nn.Conv2d(3, 2, 1), torch.randn(1, 3, 4, 4)
    gpu.step(layer, lambda images: layer(images).mean(), x)
    assert all(p.grad is None for p in layer.parameters())
    gpu.answer(layer, x)


def test_the_matrix_rate_counts_a_product_of_squares(monkeypatch):
    monkeypatch.setattr(gpu, "speed", lambda run, count, device, seconds: {"images_per_second": 500.0})
    assert gpu.matrix_rate(torch.device("cpu"), torch.float32, 1000, 0) == 1.0  # 500 x 2 x 10^9


def test_the_machine_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 7)
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: Some CPU 3000\nflags\t: fpu\nmodel name\t: Some CPU 3000\n")
    assert run.machine(info) == "Some CPU 3000, 7 threads"
    assert run.machine(tmp_path / "none") == f"{platform.machine()}, 7 threads"
