import os
import pickle
import resource
import signal

import pytest
import torch
from torch import nn

from segbook.files import write_atomically
from segbook.train import checkpoint


def test_what_was_saved_comes_back_bit_for_bit(tmp_path, make_linear):
    model = make_linear(1)
    checkpoint.save(tmp_path / "a.pt", model, {"model": "linear", "num_classes": 3}, step=7)
    content = checkpoint.load(tmp_path / "a.pt")
    assert content["config"] == {"model": "linear", "num_classes": 3}
    assert content["step"] == 7
    again = checkpoint.restore(make_linear(2), content)
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), model.parameters()))
    assert os.listdir(tmp_path) == ["a.pt"]


def test_an_error_during_saving_leaves_the_old_file(tmp_path, make_linear):
    path = tmp_path / "a.pt"
    checkpoint.save(path, make_linear(1))
    before = path.read_bytes()
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoint.save(path, make_linear(2), extra=lambda: None)  # a closure cannot be pickled
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.pt"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_an_interrupt_or_a_full_disk_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def write(file):
        file.write(b"half of the ne")
        raise error

    with pytest.raises((KeyboardInterrupt, OSError), match="a.bin: No space left|^$"):
        write_atomically(path, write)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_limit_on_the_file_size_is_an_error_with_the_path(tmp_path):
    """A disk that is really full, as far as the process can tell: writes beyond 100 kB fail."""
    path = tmp_path / "a.pt"
    checkpoint.save(path, nn.Conv2d(3, 3, 1))
    before = path.read_bytes()
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        try:
            checkpoint.save(path, nn.Linear(1000, 1000, bias=False))
        except OSError as error:
            os._exit(0 if "a.pt" in str(error) else 2)
        except BaseException:
            os._exit(3)
        os._exit(4)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert path.read_bytes() == before


def test_a_kill_during_saving_leaves_the_old_file(tmp_path, make_linear):
    path = tmp_path / "a.pt"
    checkpoint.save(path, make_linear(1))
    before = path.read_bytes()
    pid = os.fork()
    if pid == 0:
        write_atomically(path, lambda file: (file.write(b"x" * 1000), file.flush(), os.kill(os.getpid(), 9)))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
    assert path.read_bytes() == before
    checkpoint.save(path, make_linear(2))  # the leftover is no obstacle
    assert os.listdir(tmp_path) == ["a.pt"]


def test_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint .*best.pt"):
        checkpoint.load(tmp_path / "best.pt")


class Evil:
    def __reduce__(self):
        return os.mkdir, ("evil",)


@pytest.mark.parametrize("kind", ["text", "empty", "cut short", "zeros", "a list", "a bare state_dict"])
def test_what_is_no_checkpoint_is_named(tmp_path, make_linear, kind):
    path = tmp_path / "a.pt"
    checkpoint.save(path, make_linear())
    whole = path.read_bytes()
    if kind == "a list":
        torch.save([1, 2], path)
    elif kind == "a bare state_dict":
        torch.save(make_linear().state_dict(), path)
    else:
        path.write_bytes(
            {"text": b"hello\n", "empty": b"", "cut short": whole[: len(whole) // 2], "zeros": bytes(500)}[kind]
        )
    with pytest.raises(ValueError, match=r"a\.pt (is no file of weights|was not written by segbook)"):
        checkpoint.load(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", ["torch", 2, 5])
def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    content = {"segbook_checkpoint": checkpoint.VERSION, "state": Evil()}
    if protocol == "torch":
        torch.save(content, "a.pt")
    else:
        (tmp_path / "a.pt").write_bytes(pickle.dumps(content, protocol=protocol))
    with pytest.raises(ValueError, match="asking to run code, which is refused"):
        checkpoint.load("a.pt")
    assert not (tmp_path / "evil").exists()


def test_another_version(tmp_path):
    torch.save({"segbook_checkpoint": 99, "state": {}}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="version 99, this segbook reads version 1"):
        checkpoint.load(tmp_path / "a.pt")


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (nn.Conv2d(3, 3, 1, bias=False), "unexpected: bias"),
        (nn.Conv2d(3, 5, 1), r"of another shape: weight \(3, 3, 1, 1\) for \(5, 3, 1, 1\)"),
        (nn.Sequential(nn.Conv2d(3, 3, 1)), "missing: 0; unexpected: weight, bias"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_and_loads_nothing(tmp_path, make_linear, other, fault):
    checkpoint.save(tmp_path / "a.pt", make_linear(), {"model": "linear", "num_classes": 3})
    before = [p.clone() for p in other.parameters()]
    with pytest.raises(ValueError, match=f"a.pt, weights of linear with 3 classes, does not fit .*{fault}"):
        checkpoint.restore(other, checkpoint.load(tmp_path / "a.pt"), tmp_path / "a.pt")
    assert all(torch.equal(a, b) for a, b in zip(before, other.parameters()))
