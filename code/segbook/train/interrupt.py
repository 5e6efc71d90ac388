"""Ctrl-C at a safe point.

Python raises KeyboardInterrupt at whatever line it has come to. Inside a destructor, such as that of PyTorch's loader,
it is printed and forgotten, and the training goes on.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], None]]:
    """Within this block the first Ctrl-C raises nothing by itself, the second stops at once.

    The block gets a function to call between batches: it raises KeyboardInterrupt there if Ctrl-C was pressed. So does
    the end of the block. It works where the shell had told the process to ignore Ctrl-C, too. Only a main thread may
    handle signals: in another one nothing is changed, and nothing deferred.
    """
    pressed = False

    def note(signum, frame) -> None:
        nonlocal pressed
        if pressed:
            raise KeyboardInterrupt
        pressed = True

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield check
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield check
        check()
    finally:
        signal.signal(signal.SIGINT, before)


def ignore_interrupts(worker: int) -> None:
    """For processes that read images: a terminal sends Ctrl-C to them too, but the training decides when they end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
