"""Two real processes that torchrun starts, joined by gloo; what they must agree on, and what one alone would get."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from segbook import train
from segbook.train.distributed import processes

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of the two processes saw, and the folder they wrote."""
    out = tmp_path_factory.mktemp("two")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [*command, HERE / "two_processes.py", out], capture_output=True, text=True, timeout=300, env=environment
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(out / f"rank{rank}.pt") for rank in (0, 1)], out


def test_with_an_auxiliary_head_gradients_and_weights_are_equal_on_both(ranks):
    (first, second), _ = ranks
    for what in ("gradients", "weights", "inside", "plain"):
        assert first[what].abs().sum() > 0
        assert torch.equal(first[what], second[what]), what
    assert not torch.allclose(first["beside"], second["beside"], rtol=0.01)  # what the Objective is for


def test_two_processes_take_the_steps_of_one(ranks, noise, make_linear):
    model = make_linear()
    train.fit(model, noise(10), steps=7, batch_size=4, device="cpu", progress=False, seed=3, lr=0.1)
    alone = torch.cat([p.detach().flatten().double() for p in model.parameters()])
    torch.testing.assert_close(ranks[0][0]["plain"], alone, rtol=0, atol=1e-6)


def test_the_summed_confusion_matrix_is_that_of_one_process(ranks, noise):
    (first, second), out = ranks
    assert torch.equal(first["counts"], second["counts"])
    content = train.load_checkpoint(out / "run" / "last.pt")
    model = runpy.run_path(str(HERE / "two_processes.py"))["TwoHeads"]()
    model.load_state_dict(content["state"])
    matrix = train.evaluate(model, noise(5, size=(7, 9), seed=1))
    assert matrix.counts.sum() == 5 * 6 * 9
    assert matrix.counts.tolist() == first["counts"].tolist()
    assert matrix.mean_iou() == first["history"][1][-1] == content["val_mean_iou"]
    assert torch.equal(first["buffers"], second["buffers"])


def test_both_know_the_same_history_and_one_writes(ranks):
    (first, second), out = ranks
    assert first["history"] == second["history"]
    assert first["writes"] and {name.removesuffix(".new") for name in first["writes"]} == {"best.pt", "last.pt"}
    assert second["writes"] == []
    assert [float(row["loss"]) for row in train.read_log(out / "run" / "log.csv")] == first["history"][0]


def test_a_batch_is_skipped_by_both_or_by_none(ranks):
    for seen in ranks[0]:
        assert (seen["all void"], seen["half void"]) == (3, 0)


def test_a_loss_that_is_not_finite_stops_both_with_the_images_of_the_share(ranks):
    (first, second), _ = ranks
    assert first["errors"] == second["errors"]
    assert "the loss is nan at step 1" in first["errors"][0]
    assert re.search(r"noise_1\b", first["errors"][0])
    assert first["errors"][0].count("noise_") == 2
    assert first["errors"][1] == "2 processes cannot share a batch of 3 equally"


def test_one_process_does_not_go_on_with_the_run_of_two(ranks, noise):
    model = torch.nn.Conv2d(3, 3, 1)
    with pytest.raises(ValueError, match="has processes 2, not 1"):
        train.fit(
            model, noise(10), steps=5, batch_size=4, seed=3, lr=0.1, out=ranks[1] / "run", resume=True, device="cpu"
        )


def test_alone_there_is_nothing_to_join():
    with processes("cpu") as world:
        assert (world.rank, world.count, world.first) == (0, 1, True)
        assert world.gather(2.5) == [2.5]
        assert world.share(range(5)) == range(5)
    assert not torch.distributed.is_initialized()
