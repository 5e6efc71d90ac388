"""A forked kernel gives the outputs of an ordinary one, is noticed when it dies, and outlives no build."""

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jupyter_client import AsyncKernelManager
from nbclient import execute
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from bookbuild.site.kernels import Fork, quick_kernels

pytestmark = pytest.mark.slow
CODE = Path(__file__).resolve().parents[3] / "code"
CELLS = (
    "sorted(name for name in globals() if not name.startswith('_'))",
    "import os, signal, subprocess, sys\nprint(os.getcwd())\nprint('heard', file=sys.stderr)",
    "subprocess.run([sys.executable, '-c', 'import sys; sys.exit(len(sys.stdin.read()) + 3)']).returncode",
    "signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, os.getpid() == os.getpgrp()",
    "import torch\nfrom matplotlib import pyplot as plt\nplt.plot(torch.arange(3))\nplt.show()",
)


@pytest.fixture(scope="module", autouse=True)
def environment():
    """What the build tells its kernels."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONSTARTUP", str(CODE / "bookbuild" / "site" / "startup.py"))
        patch.setenv("PYTHONPATH", str(CODE))
        yield


@pytest.fixture(scope="module")
def manager(environment):
    with quick_kernels() as manager:
        yield manager


def outputs(manager: type[AsyncKernelManager], folder: Path, *cells: str) -> list:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    execute(notebook, cwd=str(folder), timeout=120, kernel_manager_class=manager)
    return [cell.outputs for cell in notebook.cells]


def test_a_fork_gives_the_outputs_of_a_kernel(manager, tmp_path):
    assert manager is not AsyncKernelManager
    first, second = (outputs(manager, tmp_path, *CELLS) for _ in range(2))  # of which neither knows the other
    assert first == second == outputs(AsyncKernelManager, tmp_path, *CELLS)
    assert "image/svg+xml" in first[-1][0].data


def test_a_fork_needs_no_port_that_another_may_take(manager):
    kernels = [manager() for _ in range(2)]
    assert [kernel.transport for kernel in kernels] == ["ipc", "ipc"]
    assert kernels[0].ip != kernels[1].ip, "sockets of their own"


def test_a_fork_cleans_up_when_it_ends(manager, tmp_path):
    outputs(manager, tmp_path, "import tempfile\nfolder = tempfile.TemporaryDirectory(dir='.')")
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_dies_is_noticed_and_the_next_one_starts(manager, tmp_path):
    with pytest.raises(DeadKernelError):
        outputs(manager, tmp_path, "import os\nos._exit(1)")
    assert outputs(manager, tmp_path, "6 * 7")[0][0].data["text/plain"] == "42"


async def begin(manager: type[AsyncKernelManager], folder: Path) -> AsyncKernelManager:
    kernel = manager()
    await kernel.start_kernel(cwd=str(folder))
    client = kernel.client()
    client.start_channels()
    await client.wait_for_ready(timeout=120)
    client.stop_channels()
    return kernel


def ends(kernel: Fork) -> bool:
    deadline = time.monotonic() + 120
    while kernel.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return kernel.poll() == 0


def test_a_kernel_that_takes_its_time_to_end_is_ended(manager, tmp_path):
    (shown,) = outputs(manager, tmp_path, "import atexit, os, time\natexit.register(time.sleep, 600)\nos.getpid()")
    assert ends(Fork(int(shown[0].data["text/plain"])))


@pytest.mark.parametrize("how", ("terminate", "kill"))
def test_to_end_a_kernel_that_ends_by_itself_just_now_is_no_error(manager, tmp_path, how):
    async def both_end() -> None:
        kernel = await begin(manager, tmp_path)
        process = kernel.provisioner.process
        os.kill(process.pid, signal.SIGKILL)
        assert ends(process)
        await getattr(kernel.provisioner, how)()

    with ThreadPoolExecutor(1) as thread:  # in this one a browser's loop may be running
        thread.submit(asyncio.run, both_end()).result()


def test_a_kernel_ends_with_the_process_that_it_was_forked_from(tmp_path):
    with quick_kernels() as manager, ThreadPoolExecutor(1) as thread:
        kernel = thread.submit(asyncio.run, begin(manager, tmp_path)).result().provisioner.process
        assert kernel.poll() is None
    assert ends(kernel)
