"""What crosses between a submission and its judge, and what does not."""

import os
import pickle
import socket
import threading
from contextlib import suppress

import numpy as np
import pytest
import torch
from torch import nn

from segbook import bilinear
from segbook.checks import core
from segbook.grading.wire import Peer, Unsendable


@pytest.fixture
def ends():
    """The judge's end and the submission's, the latter in a thread that serves calls."""
    ours, theirs = socket.socketpair()
    yield Peer(ours, trusted=False), Peer(theirs, trusted=True)
    ours.close()
    theirs.close()


def across(ends, value):
    ours, theirs = ends
    sender = threading.Thread(target=theirs.send, args=("value", value), daemon=True)
    sender.start()
    return ours.receive()[1]


VALUES = [
    *(None, True, 7, 2.5, "text", b"bytes", ..., (1, ...), [1, (2, [3])], {"a": {1: None}}, {1, 2}, (), [], {}),
    *(float("inf"), 10**30, (((), [()]),)),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values_arrive_as_they_were(ends, value):
    arrived = across(ends, value)
    assert arrived == value and type(arrived) is type(value)


def test_tensors_arrays_and_networks_arrive(ends):
    tensor = torch.rand(3, 4)[:, ::2].requires_grad_()
    assert torch.equal(across(ends, tensor), tensor) and across(ends, tensor).requires_grad
    for array in (np.arange(6.0).reshape(2, 3).T, np.array(3), np.zeros((0, 2), np.uint8), np.array([True])):
        arrived = across(ends, array)
        assert arrived.dtype == array.dtype and np.array_equal(arrived, array) and arrived.shape == array.shape
    assert across(ends, np.float32(0.5)) == 0.5 and across(ends, np.bool_(True)) is True
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).eval()
    x = torch.rand(1, 3, 8, 8)
    assert torch.equal(across(ends, net)(x), net(x))
    up = bilinear.BilinearUpsample(3, 2)
    assert torch.equal(across(ends, up)(x), up(x))


class Trap:
    def __reduce__(self):
        return os.mkdir, (str(Trap.place),)


class TrapModule(nn.Module):
    def __reduce__(self):
        return os.mkdir, (str(Trap.place),)


def test_nothing_that_arrives_runs_code(ends, tmp_path):
    ours, theirs = ends
    Trap.place = tmp_path / "sprung"
    with pytest.raises(Unsendable):
        theirs.send("value", Trap())
    theirs._pack = lambda message: message  # a submission writes what it likes
    for trap in (Trap(), ("module", Trap()), ("module", TrapModule()), ("list", Trap())):
        theirs.send("value", trap)
        with pytest.raises(Unsendable):
            ours.receive()
    theirs.connection.sendall(len(data := pickle.dumps(Trap())).to_bytes(8, "big") + data)
    with pytest.raises(Unsendable):
        ours.receive()
    theirs.connection.sendall((1 << 40).to_bytes(8, "big"))
    with pytest.raises(ValueError, match="no message"):
        ours.receive()
    assert not Trap.place.exists()


def test_functions_are_called_where_they_live(ends):
    ours, theirs = ends

    def double(values, inner):
        values *= 2
        return inner(values) + 1, lambda x: x - 1

    def serve():
        theirs.send("value", double)
        with suppress(EOFError):
            theirs.wait_for("nothing else than calls")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    remote = ours.receive()[1]
    assert remote.__name__ == "double"
    x = torch.ones(2)
    result, minus = remote(x, lambda v: v * 10)
    assert x.tolist() == [2, 2], "what the function did to its argument is seen here too"
    assert result.tolist() == [21, 21] and minus(5) == 4
    with pytest.raises(Exception, match="unsupported operand") as raised:
        minus("text")
    assert type(raised.value).__name__ == "TypeError"
    ours.connection.shutdown(socket.SHUT_RDWR)
    thread.join()


def test_an_answer_that_never_returns_ends_with_the_call(ends):
    ours, theirs = ends

    def endless():
        while True:
            pass

    pid = os.fork()
    if pid == 0:
        theirs.seconds = 0.2
        theirs.send("value", endless)
        with suppress(EOFError):
            theirs.wait_for("nothing else than calls")
        os._exit(0)
    remote = ours.receive()[1]
    for _ in range(2):
        with pytest.raises(core.OutOfTime):
            remote()
    ours.connection.shutdown(socket.SHUT_RDWR)
    assert os.waitpid(pid, 0)[1] == 0
