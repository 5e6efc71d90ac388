"""The examples in the docstrings, run as the reference prints them."""

import doctest
import importlib
import pkgutil

import pytest
import torch

import segbook

MODULES = [module.name for module in pkgutil.walk_packages(segbook.__path__, "segbook.")]
FINDER = doctest.DocTestFinder(exclude_empty=True)
# The main functions, whose examples must not get lost.
SHOWN = (
    "convolution.geometry.conv_output_size",
    "convolution.geometry.receptive_field",
    "convolution.transpose.conv_matrix",
    "bilinear.bilinear_kernel",
    "losses.cross_entropy",
    "metrics.ConfusionMatrix",
    "metrics.boundary_f1",
    "models.create",
    "data.run_length.encode_runs",
    "train.schedule.poly",
    "infer.prediction.predict",
)


def examples(module: str) -> list[doctest.DocTest]:
    found = importlib.import_module(module)
    return [test for test in FINDER.find(found, globs={"torch": torch, **vars(found)}) if test.examples]


@pytest.mark.parametrize("module", MODULES)
def test_examples_print_what_they_say(module):
    for test in examples(module):
        told: list[str] = []
        doctest.DocTestRunner().run(test, out=told.append)
        assert not told, "".join(told)


def test_the_main_functions_have_an_example():
    with_one = {test.name for module in MODULES for test in examples(module)}
    assert [name for name in SHOWN if f"segbook.{name}" not in with_one] == []


def test_a_wrong_example_is_noticed():
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "wrong", None, None)
    told: list[str] = []
    doctest.DocTestRunner().run(test, out=told.append)
    assert "Expected:\n    3" in "".join(told)
