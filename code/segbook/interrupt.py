"""Ctrl-C at a safe point: one that meets a destructor, such as that of PyTorch's loader, is printed and forgotten."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Within this block the first Ctrl-C only waits, the second raises KeyboardInterrupt at once.

    The block gets a function to call between batches, which raises for the first one; so does the end of the block. It
    also works where the shell had Ctrl-C ignored. Outside the main thread Python allows no handler: nothing is changed.
    """
    presses = []

    def note(*_) -> None:
        presses.append("Ctrl-C")
        if len(presses) > 1:
            raise KeyboardInterrupt

    def raise_if_pressed() -> None:
        if presses:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield raise_if_pressed
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield raise_if_pressed
        raise_if_pressed()
    finally:
        signal.signal(signal.SIGINT, before)


def ignore_interrupts(worker: int) -> None:
    """In processes that read images: a terminal sends Ctrl-C to them too, but the training decides when they end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
