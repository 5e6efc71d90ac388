"""Chapter 14 draws results in figures. Its cells cannot open results/ in Colab, so they hold them, rounded."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHAPTER = (ROOT / "book" / "14-ours-against-the-papers.md").read_text(encoding="utf-8")
TYPED = ast.literal_eval(re.search(r"^OURS = (\{.*?^\})", CHAPTER, re.MULTILINE | re.DOTALL)[1])
KEYS = ("mean_iou", "mean_iou_low", "mean_iou_high", "pixel_accuracy")


def record(name: str) -> dict:
    return json.loads((ROOT / "results" / f"{name.replace('.', '/')}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TYPED)
def test_what_is_drawn_is_what_was_measured(name):
    measured = record(name)
    assert list(TYPED[name]) == [round(100 * measured[key], 1) for key in KEYS]


def test_the_choice_of_classes_turns_the_order_round():
    small = record("photos.as_shipped")
    for name in ("photos.published", "photos.published_aligned"):
        assert small["mean_iou_seven"] > record(name)["mean_iou_seven"]
        assert small["mean_iou_occurring"] < record(name)["mean_iou_occurring"]


def test_photographs_confirm_the_orders_that_the_chapters_name():
    rows = record("photos.intervals")["differences"]
    ladder = ["fcn32s", "fcn16s", "fcn8s", "fcn", "deeplabv3", "deeplabv3plus"]
    ends = [(row["minus"].split("_")[0], row["of"].split("_")[0]) for row in rows]
    assert ends[:5] == list(zip(ladder, ladder[1:], strict=False))
    assert ends[5:6] + ends[12:] == [("published", "shipped")] * 2
    signs = [(one["low"] > 0) - (one["high"] < 0) for one in (row["mean_iou_seven"] for row in rows)]
    assert [*signs[:6], signs[12]] == [0, -1, 1, 1, -1, 0, 1]  # 0: the images leave the order open


def test_misplaced_cells_cost_what_the_page_on_half_a_cell_says():
    for network in ("published", "shipped"):
        scores = record("photos.alignment")[network]
        occurring = {place: row["mean_iou_occurring"] for place, row in scores.items()}
        for misplaced in ("512_true", "512_false"):
            assert 0.03 <= round(occurring["512_centres"] - occurring[misplaced], 2) <= 0.04
        assert 0.01 < occurring["513_true"] - occurring["512_true"] < 0.02
        assert occurring["512_centres"] == max(occurring.values())
        assert abs(scores["512_centres"]["mean_iou_seven"] - scores["513_true"]["mean_iou_seven"]) < 0.002


@pytest.mark.parametrize("network", ["32s", "8s"])
def test_every_random_start_ends_above_every_bilinear_one(network):
    assert record(f"claims.random_{network}")["mean_iou_low"] > record(f"skips.learned_{network}")["mean_iou_high"]


def test_on_street_scenes_pretraining_is_worth_more_than_the_network():
    camvid = {path.stem: record(f"cpu.camvid.{path.stem}") for path in (ROOT / "results/cpu/camvid").glob("*.json")}
    started = camvid.pop("deeplabv3plus_mobilenet_v2_imagenet")["mean_iou"]
    plain = camvid["deeplabv3plus_mobilenet_v2"]["mean_iou"]
    at_random = [one["mean_iou"] for one in camvid.values()]
    assert round(100 * (started - plain)) == 18
    assert started - plain > max(at_random) - min(at_random)
    assert camvid["deeplabv3plus_tiny"]["mean_iou"] == min(at_random)


def test_on_street_scenes_a_network_that_segments_is_the_best_beginning():
    first, second = (record(f"photos.camvid_{name}") for name in ("from_voc", "longer"))
    imagenet = record("cpu.camvid.deeplabv3plus_mobilenet_v2_imagenet")
    assert imagenet["mean_iou"] < first["mean_iou"] < second["mean_iou"] < 0.669
    assert first["runs"][0]["parameters"] < imagenet["parameters"]
    curve = first["runs"][0]["val_mean_iou"]
    assert max(curve) == curve[-1], "still climbing"
    assert min(second["iou"], key=second["iou"].get) == "pole"


def test_on_few_photographs_fcn_8s_stays_below_fcn_32s():
    scores = [record(f"photos.fcn{stride}s_mobilenet_v2")["mean_iou_seven"] for stride in (32, 8)]
    assert scores[1] < scores[0]
