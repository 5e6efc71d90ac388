"""Execute the chapters that need it side by side, before Sphinx reads them one after another.

A training on a small network keeps one core busy. So there are as many kernels as cores, the longest chapters start
first, and every result goes where myst-nb will look for it: into jupyter-cache. A chapter that fails here is left to
the ordinary pass, which executes it again and reports what went wrong.
"""

import os
import re
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory

from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import ExecutionResult, single_nb_execution
from jupyter_client import AsyncKernelManager
from myst_nb.core.read import create_nb_reader
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.display import status_iterator

from bookbuild import CORES
from bookbuild.chapters import running_time
from bookbuild.site.kernels import quick_kernels

logger = logging.getLogger(__name__)
KERNELS = max(2, CORES)  # on a single core one starts while the other computes


def execute_side_by_side(app: Sphinx, sources: dict[str, str]) -> None:
    """Fill the cache with the notebooks that are not in it.

    Args:
        sources: docname -> text as Sphinx will parse it, since cells and front matter are the cache's key.
    """
    env = app.env
    config = env.mystnb_config
    if config.execution_mode != "cache":
        return
    cache = get_cache(config.execution_cache_path)
    waiting = []
    for docname, source in sources.items():
        path = Path(env.doc2path(docname))
        if any(PurePath(path).match(pattern) for pattern in config.execution_excludepatterns):
            continue
        reader = create_nb_reader(str(path), env.myst_config, config, source)
        if reader is None:
            continue
        notebook = reader.read(source)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            waiting.append((-seconds_stated(source), docname, path, notebook))
    if len(waiting) < 2:
        return
    waiting.sort(key=lambda one: one[:2])
    kernels = min(KERNELS, len(waiting))
    threads = os.environ.setdefault("OMP_NUM_THREADS", str(max(1, CORES // kernels)))
    logger.info("executing %d chapters, %d at once, %s threads each", len(waiting), kernels, threads)
    with quick_kernels() as manager, ThreadPoolExecutor(kernels) as pool:
        futures = {}
        for _, docname, path, notebook in waiting:
            futures[pool.submit(execute, notebook, config.execution_timeout, manager)] = docname, path, notebook
        done = as_completed(futures)
        for future in status_iterator(
            done, "executing... ", "purple", len(futures), app.verbosity, lambda f: futures[f][0]
        ):
            docname, path, notebook = futures[future]
            result = future.result()
            if result.err is not None:
                logger.info("%s failed and will be executed again:\n%s", docname, result.exc_string)
                continue
            data = {"execution_seconds": result.time}
            cache.cache_notebook_bundle(
                CacheBundleIn(notebook, str(path), data=data), check_validity=False, overwrite=True
            )


def seconds_stated(source: str) -> int:
    """How long a chapter runs, as its header says; 0 where it does not say seconds."""
    found = re.match(r"(\d+) s", running_time(source) or "")
    return int(found[1]) if found else 0


def execute(notebook: NotebookNode, timeout: int, manager: type[AsyncKernelManager]) -> ExecutionResult:
    """Run a notebook, in place, in an empty folder."""
    with TemporaryDirectory() as folder:
        return single_nb_execution(notebook, folder, timeout, allow_errors=False, kernel_manager_class=manager)
