"""A forked kernel gives the outputs of an ordinary one, is noticed when it dies, and outlives no build."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from jupyter_client import AsyncKernelManager
from nbclient import execute
from nbclient.exceptions import DeadKernelError
from nbformat.v4 import new_code_cell, new_notebook

from bookbuild.site.kernels import Fork, quick_kernels

CODE = Path(__file__).resolve().parents[3] / "code"
CELLS = (
    "sorted(name for name in globals() if not name.startswith('_'))",
    "import os, signal, subprocess, sys\nprint(os.getcwd())\nprint('heard', file=sys.stderr)",
    "subprocess.run([sys.executable, '-c', 'import sys; sys.exit(len(sys.stdin.read()) + 3)']).returncode",
    "signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL, os.getpid() == os.getpgrp()",
    "import torch\nfrom matplotlib import pyplot as plt\nplt.plot(torch.arange(3))\nplt.show()",
)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """What the build tells its kernels."""
    monkeypatch.setenv("PYTHONSTARTUP", str(CODE / "bookbuild" / "site" / "startup.py"))
    monkeypatch.setenv("PYTHONPATH", str(CODE))


def outputs(manager: type[AsyncKernelManager], folder: Path, *cells: str) -> list:
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    execute(notebook, cwd=str(folder), timeout=120, kernel_manager_class=manager)
    return [cell.outputs for cell in notebook.cells]


def test_a_fork_gives_the_outputs_of_a_kernel(tmp_path):
    with quick_kernels() as manager:
        assert manager is not AsyncKernelManager
        first, second = (outputs(manager, tmp_path, *CELLS) for _ in range(2))  # of which neither knows the other
    assert first == second == outputs(AsyncKernelManager, tmp_path, *CELLS)
    assert "image/svg+xml" in first[-1][0].data


def test_a_fork_cleans_up_when_it_ends(tmp_path):
    with quick_kernels() as manager:
        outputs(manager, tmp_path, "import tempfile\nfolder = tempfile.TemporaryDirectory(dir='.')")
    assert list(tmp_path.iterdir()) == []


def test_a_kernel_that_dies_is_noticed_and_the_next_one_starts(tmp_path):
    with quick_kernels() as manager:
        with pytest.raises(DeadKernelError):
            outputs(manager, tmp_path, "import os\nos._exit(1)")
        assert outputs(manager, tmp_path, "6 * 7")[0][0].data["text/plain"] == "42"


def test_a_kernel_ends_with_the_process_that_it_was_forked_from(tmp_path):
    async def begin() -> Fork:
        kernel = manager()
        await kernel.start_kernel(cwd=str(tmp_path))
        client = kernel.client()
        client.start_channels()
        await client.wait_for_ready(timeout=120)
        client.stop_channels()
        return kernel.provisioner.process

    with quick_kernels() as manager, ThreadPoolExecutor(1) as thread:  # in this one a browser's loop may be running
        kernel = thread.submit(asyncio.run, begin()).result()
        assert kernel.poll() is None
    deadline = time.monotonic() + 120
    while kernel.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    assert kernel.poll() == 0
