"""Kernels that begin with torch imported, because they are forks of one process that has imported it.

To start and to import torch, torchvision and matplotlib takes a kernel four seconds of a core, longer than most
optional pages compute. A fork has all of it at once, and its cells see no difference: they still have to import what
they name.
"""

import atexit
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any
from uuid import uuid4

from jupyter_client import AsyncKernelManager


@contextmanager
def quick_kernels() -> Iterator[type[AsyncKernelManager]]:
    """The class by which nbclient starts a kernel. Threads may share it; the kernels end with the context."""
    if not hasattr(os, "fork") or sys.platform == "darwin":  # whose frameworks do not survive a fork
        yield AsyncKernelManager
        return
    environment = os.environ | {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # read on import
    command = [sys.executable, "-m", "bookbuild.site.kernels"]
    pipe = subprocess.PIPE
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as parent,
    ):
        turn = Lock()

        class Forked(AsyncKernelManager):
            def __init__(self, **options: Any):
                # sockets in a folder: a TCP port that is free when it is chosen may be taken when the kernel binds it
                super().__init__(transport="ipc", connection_file=f"{folder}/{uuid4().hex}.json", **options)

            async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
                with turn:
                    print(json.dumps([self.connection_file, options["cwd"]]), file=parent.stdin, flush=True)
                    pid = int(parent.stdout.readline())
                self.provisioner.process = Fork(pid)
                self.provisioner.pid = self.provisioner.pgid = pid

        yield Forked


class Fork:
    """As much of subprocess.Popen as jupyter_client asks of a kernel; this one is another process's child."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int):
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs, then 0: with what status it ended, its parent alone is told."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    wait = poll  # asked only when it has ended

    def send_signal(self, number: int) -> None:
        """Raises ProcessLookupError where it has ended, which jupyter_client expects and forgives."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def bury(*_: Any) -> None:
    """Wait for the kernels that have ended: they are gone then, and their seconds count among this process's."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def main() -> None:
    """Import, then fork a kernel for each line of standard input: [connection file, folder]."""
    import torchvision  # noqa: F401
    from ipykernel.kernelapp import IPKernelApp

    from bookbuild.site import themed_svg  # noqa: F401 - and with it matplotlib

    gc.freeze()  # what is here is not garbage: no kernel has to look through it, and copy it by that
    signal.signal(signal.SIGCHLD, bury)
    for line in iter(sys.stdin.readline, ""):
        if os.fork():
            continue
        connection_file, folder = json.loads(line)
        os.setsid()  # signals are sent to the kernel's group
        print(os.getpid(), flush=True)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        os.chdir(folder)
        IPKernelApp.launch_instance(argv=["-f", connection_file, f"--IPKernelApp.parent_handle={os.getppid()}"])
        atexit._run_exitfuncs()
        os._exit(0)  # without taking every module apart, which costs as much as a small page


if __name__ == "__main__":
    main()
