"""The rows of the photographs: each is a command that `segbook train` understands."""

import shlex

import pytest

from bookbuild.experiments import photos
from segbook import models, train
from segbook.cli.train import train_command

ROWS = {row.name: row for row in photos.experiments()}


def test_every_row_has_a_record_and_a_run_folder_of_its_own():
    assert len(ROWS) == len(photos.experiments()) and all(row.path.startswith("photos/") for row in ROWS.values())
    assert {*photos.RUNGS, "tuned_whole", "void_as_background", "camvid_from_voc", "camvid_from_imagenet"} <= set(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_a_rows_command_says_what_the_row_says(name):
    row = ROWS[name]
    segbook, command, *words = shlex.split(row.train)
    assert (segbook, command) == ("segbook", "train")
    asked = train_command.make_context("train", words).params
    assert (asked["model"], asked["data_name"], str(asked["out"])) == (row.model, row.dataset, name)
    assert dict(asked["options"]) == row.options and set(row.options) <= {
        option.name for option in models.keywords(models.MODELS[row.model])
    }
    height, width = map(int, row.settings["crop"].split("x"))
    assert asked["crop"] == (height, width)
    names = train.Settings.__dataclass_fields__
    settings = train.Settings(**{key: value for key, value in asked.items() if key in names})  # refuses nonsense
    for key, value in row.settings.items():
        if key != "crop":
            assert getattr(settings, key) == (list(value) if isinstance(value, tuple) else value), key
    assert settings.seed == row.seeds[0]


def test_what_is_tried_differs_from_its_row_in_what_it_says():
    for name, changes in photos.TRIED.items():
        tried = [row for row in ROWS.values() if row.name.startswith(f"choose/{name}_")]
        assert [row.settings for row in tried] == [ROWS[name].settings | photos.TRIED_FOR | one for one in changes]
        assert all(row.root == "choose" for row in tried)


def test_the_ladder_differs_in_its_networks_alone():
    rungs = [ROWS[name] for name in photos.RUNGS]
    assert len({row.train.replace(row.model, "NETWORK") for row in rungs}) == 1
