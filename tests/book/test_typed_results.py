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


@pytest.mark.parametrize("name", TYPED)
def test_what_is_drawn_is_what_was_measured(name):
    measured = json.loads((ROOT / "results" / f"{name.replace('.', '/')}.json").read_text())
    assert list(TYPED[name]) == [round(100 * measured[key], 1) for key in KEYS]


def test_the_baseline_is_what_was_measured():
    measured = json.loads((ROOT / "results" / "voc_baseline.json").read_text())
    typed = re.search(r"^nothing = \[\((\S+), (\S+)\)", CHAPTER, re.MULTILINE)
    assert [float(value) for value in typed.groups()] == [
        round(100 * measured[key], 1) for key in ("pixel_accuracy", "mean_iou")
    ]


@pytest.mark.parametrize(("start", "row"), [("ImageNet", "_imagenet"), ("random", "")])
def test_the_curves_are_those_of_the_trainings(start, row):
    """Each point is the mean of 30 steps; the record has the loss of every sixth."""
    typed = ast.literal_eval(re.search(r"^CURVES = (\{.*?^\})", CHAPTER, re.MULTILINE | re.DOTALL)[1])[start]
    file = ROOT / "results" / "cpu" / "camvid" / f"deeplabv3plus_mobilenet_v2{row}.json"
    losses = json.loads(file.read_text())["runs"][0]["losses"]
    assert typed == [round(sum(losses[i : i + 5]) / 5, 2) for i in range(0, 100, 5)]
