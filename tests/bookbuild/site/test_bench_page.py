"""The page of benchmarks shows results/bench.json, and what is measured for it."""

import json
from pathlib import Path

import pytest
from matplotlib import pyplot as plt

from bookbuild.site import bench_page

ROOT = Path(__file__).resolve().parents[3]
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
        ["a sum", "theirs", "2.0\xa0ms", "5.0\xa0ms", "2.50", "2"],
        ["a loop", "theirs", "4.0\xa0s", "1.0\xa0s", "0.25", ""],
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
