"""The role `result`: what it prints, and what it says when it cannot."""

import json

import pytest

from bookbuild.site.result_role import ResultError, result_text


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    (folder / "camvid").mkdir(parents=True)
    run = {"mean_iou": 0.5284, "steps": 600, "device": "cpu", "seeds": [0.5, 0.25], "aux": None, "nan": float("nan")}
    (folder / "camvid" / "fcn8s_tiny.json").write_text(json.dumps(run | {"done": True}))
    (folder / "toy.json").write_text(json.dumps({"fcn8s_tiny": {"mean_iou": 0.611}, "a-b": 1234567}))
    (folder / "broken.json").write_text("{")
    return folder


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("camvid.fcn8s_tiny.mean_iou:.1f", "0.5"),
        ("camvid.fcn8s_tiny.mean_iou:.1%", "52.8%"),
        (" toy.fcn8s_tiny.mean_iou:.3f ", "0.611"),
        ("camvid.fcn8s_tiny.seeds.1:.2f", "0.25"),
        ("camvid.fcn8s_tiny.steps", "600"),
        ("camvid.fcn8s_tiny.device", "cpu"),
        ("toy.a-b:,", "1,234,567"),
    ],
)
def test_prints(results, text, printed):
    assert result_text(text, results) == printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("voc.fcn8s_tiny.mean_iou:.1f", "no file: looked for voc.json and voc/fcn8s_tiny.json in results/"),
        ("camvid.fcn8s_tiny.miou:.1f", "camvid/fcn8s_tiny.json has no key 'miou', only aux, device"),
        ("toy.fcn8s_tiny.mean_iou.x:.1f", "fcn8s_tiny.mean_iou in results/toy.json is 0.611, which has no 'x'"),
        ("camvid.fcn8s_tiny.seeds.2:.1f", "seeds in results/camvid/fcn8s_tiny.json is a list of 2, which has no '2'"),
        ("camvid.fcn8s_tiny.mean_iou", "0.5284: say how many digits"),
        ("camvid.fcn8s_tiny.device:.1f", "'cpu', which the format '.1f' does not fit"),
        ("camvid.fcn8s_tiny.aux:.1f", "aux in results/camvid/fcn8s_tiny.json is null, not a number"),
        ("camvid.fcn8s_tiny.done", "is true, not a number"),
        ("camvid.fcn8s_tiny.nan:.1f", "is nan, not a number"),
        ("toy.fcn8s_tiny:.1f", "is a group of keys"),
        ("broken.key:.1f", "results/broken.json is no JSON"),
        ("../secret.key:.1f", "is no path of a result"),
        ("toy:.1f", "is no path of a result"),
        ("", "is no path of a result"),
    ],
)
def test_says_what_is_wrong(results, text, said):
    with pytest.raises(ResultError) as error:
        result_text(text, results)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_refuses_a_path_that_two_files_could_hold(results):
    (results / "camvid.json").write_text("{}")
    with pytest.raises(ResultError, match="camvid.json and camvid/fcn8s_tiny.json"):
        result_text("camvid.fcn8s_tiny.steps", results)
