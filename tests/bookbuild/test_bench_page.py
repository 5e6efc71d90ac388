"""The page of benchmarks shows results/bench.json, and what is measured for it."""

import json
from pathlib import Path

import pytest
import torch
from matplotlib import pyplot as plt
from torch import nn

from bookbuild import bench, bench_cost, bench_gpu, bench_page, bench_timing

ROOT = Path(__file__).resolve().parents[2]
RECORD = {
    "speed": [
        {"what": "a sum", "ours": 2.0, "peer": "theirs", "theirs": 5.0, "aim": 2, "unit": "ms"},
        {"what": "a loop", "ours": 4.0, "peer": "theirs", "theirs": 1.0, "aim": None, "unit": "s"},
    ],
    "cost": {
        "gflops_per_second": 50.0,
        "size": {
            name: [{"side": 64, "gflop": 1.0, "ms": 30.0}, {"side": 128, "gflop": 4.0, "ms": 90.0}] for name in "abc"
        },
        "kept": dict.fromkeys("abc", 85.0),
        "stride": {"a": [{"output_stride": 16, "gflop": 2.0, "ms": 41.0}]},
    },
    "figures": [{"figure": "aspp", "page": "10-aspp", "first_draw_ms": 64.6, "frames_per_second": 60.0}],
}


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


def test_the_table_of_speed_holds_ratios():
    _, alt, table = bench_page.speed(RECORD)
    assert table[1:] == [
        ["a sum", "theirs", "2.0 ms", "5.0 ms", "2.50", "2"],
        ["a loop", "theirs", "4.0 s", "1.0 s", "0.25", ""],
    ]
    assert "a sum against theirs 2.5" in alt and "0.25" in alt


def test_predicted_is_operations_divided_by_the_rate():
    figure, alt, table = bench_page.PARTS["size"](RECORD)
    assert table[1] == ["a", "64", "1.0", "20 ms", "30 ms"] and table[2] == ["a", "128", "4.0", "80 ms", "90 ms"]
    dashed, dots, kept = figure.axes[0].lines
    assert list(dashed.get_ydata()) == [20, 80] and list(dots.get_ydata()) == [30, 90]
    assert list(kept.get_ydata()) == [85] and table[3] == ["a", "128, memory kept", "4.0", "80 ms", "85 ms"]
    assert "a takes 30 ms at 64 and 90 at 128" in alt


def test_the_figures_are_a_table_alone():
    assert bench_page.figures(RECORD)[::2] == (
        None,
        [bench_page.figures(RECORD)[2][0], ["aspp", "10-aspp", "65 ms", "60"]],
    )


@pytest.mark.parametrize("part", bench_page.PARTS)
def test_the_recorded_run_can_be_shown(part):
    record = json.loads((ROOT / "results" / "bench.json").read_text())
    _, _, table = bench_page.PARTS[part](record)
    assert len(table) > 3 and len({len(cells) for cells in table}) == 1
    assert {"date", "device", "commit", "versions", "command", "seconds"} <= record.keys()


def test_times_are_taken_in_turns():
    calls = []
    times = bench_timing.in_turns(lambda: calls.append("a"), lambda: calls.append("b"), seconds=0)
    assert calls == ["a", "b"] * 6 and len(times) == 2 and all(0 < t < 1000 for t in times)


def test_the_plain_rate_counts_two_operations_a_product(monkeypatch):
    monkeypatch.setattr(bench_cost, "in_turns", lambda run, seconds: [1000.0])
    assert bench_cost.plain_rate(0) == round(2 * 128 * 128 * 9 * 64 * 64 / 1e9, 1)


def test_cost_grows_with_the_pixels_and_with_a_finer_map():
    cost = bench_cost.cost(sides=(64, 128), networks=("fcn_resnet18_d8",), seconds=0)
    small, large = cost["size"]["fcn_resnet18_d8"]
    assert cost["kept"]["fcn_resnet18_d8"] > 0
    assert large["gflop"] == pytest.approx(4 * small["gflop"], rel=1e-3) and small["ms"] > 0
    coarse, middle, fine = (row["gflop"] for row in cost["stride"]["fcn_resnet18_d8"])
    assert coarse < middle < fine < 16 * coarse


def test_every_way_of_a_network_is_measured(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda module: module)  # compiling takes minutes
    found = bench_gpu.ways("fcn_resnet50", torch.randn(2, 3, 32, 32), seconds=0.01)
    assert set(found) == {"fast", "plain", "torchvision"}
    assert all(row[kind]["images_per_second"] > 0 for row in found.values() for kind in ("training", "inference"))


def test_an_answer_leaves_no_gradients_and_a_step_clears_its_own():
    layer, x = nn.Conv2d(3, 2, 1), torch.randn(1, 3, 4, 4)
    bench_gpu.step(layer, lambda images: layer(images).mean(), x)
    assert all(p.grad is None for p in layer.parameters())
    bench_gpu.answer(layer, x)


def test_the_matrix_rate_counts_a_product_of_squares(monkeypatch):
    monkeypatch.setattr(bench_gpu, "speed", lambda run, count, device, seconds: {"images_per_second": 500.0})
    assert bench_gpu.matrix_rate(torch.device("cpu"), torch.float32, 1000, 0) == 1.0  # 500 x 2 x 10^9


def test_the_machine_has_a_name():
    assert bench.machine().endswith("threads")
