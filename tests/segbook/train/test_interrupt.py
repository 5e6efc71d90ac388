"""Ctrl-C by real signals to this process."""

import os
import signal
import threading

import pytest

from segbook import train
from segbook.interrupt import deferred_interrupt


def press():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def python_listens():
    """A shell's background job, which a test run may be, ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_waits_for_the_safe_point_and_the_second_does_not():
    passed = []
    with pytest.raises(KeyboardInterrupt), deferred_interrupt() as check:
        check()
        press()
        passed.append("first")
        check()
        passed.append("not here")
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        press()
        passed.append("second")
        press()
        passed.append("not here either")
    assert passed == ["first", "second"]


def test_one_that_no_safe_point_met_is_not_lost():
    with pytest.raises(KeyboardInterrupt), deferred_interrupt():
        press()


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.default_int_handler])
def test_the_handler_is_put_back(before):
    signal.signal(signal.SIGINT, before)
    with deferred_interrupt():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


def test_a_training_in_another_thread_leaves_signals_alone(noise, make_linear):
    seen = []

    def training():
        look = lambda *_: seen.append(signal.getsignal(signal.SIGINT))  # noqa: E731
        train.fit(make_linear(), noise(4), steps=1, batch_size=2, progress=False, device="cpu", callback=look)

    thread = threading.Thread(target=training)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]


def test_pressed_in_a_validation_it_stops_there_and_the_checkpoint_before_stays(noise, make_linear, tmp_path):
    class Pressing(noise):
        calls = 0

        def read(self, epoch, index):
            self.calls += 1
            if self.calls == 5:  # in the second of two validations of three images
                press()
            return super().read(epoch, index)

    with pytest.raises(KeyboardInterrupt):
        train.fit(
            make_linear(), noise(8), Pressing(3), steps=9, batch_size=2, validate_every=3, out=tmp_path, progress=False
        )
    assert train.load_checkpoint(tmp_path / "last.pt")["step"] == 3
