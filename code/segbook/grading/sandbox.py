"""Where a submission runs: a process of its own, with limits, and apart from the system where Linux permits it.

Namespaces take the network away, make all files read-only and put empty file systems in memory, with a quota, in the
place of the folders where programs of the same user keep their sockets: /tmp, /run and /dev/shm. When the namespace
ends, every process in it ends. What `unshare` on the command line does is done here by the system calls, because this
process must not begin anew: it has torch loaded already.
"""

import ctypes
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from segbook.data.toy import cache_folder

NEW_MOUNTS, NEW_IPC, NEW_USER, NEW_PROCESSES, NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
MS_NOSUID_NODEV, MS_RECURSIVE, MS_BIND, MS_PRIVATE = 0x6, 0x4000, 0x1000, 1 << 18
MOUNT_SETATTR, AT_FDCWD, AT_RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1
DEATH_SIGNAL, ADOPT_ORPHANS, NO_NEW_PRIVILEGES, CAPABILITIES_3 = 1, 36, 38, 0x20080522
KEPT = ("PATH", "LANG", "LC_", "SEGBOOK_", "OMP_", "TZ", "LD_LIBRARY_PATH", "PYTHONPATH", "CUDA_")


@dataclass(frozen=True)
class Limits:
    """What one submission may use.

    Args:
        seconds: wall clock. cpu_seconds: of all its threads. memory: GB of addresses. disk: MB, of one file and,
            where the folder has a file system of its own, of all.
        gpu: whether it sees the GPUs; CUDA reserves more addresses than any limit allows, so that memory is then free.
        threads: of torch.
    """

    seconds: float = 900
    cpu_seconds: int = 1800
    memory: float = 8
    disk: int = 1024
    gpu: bool = False
    threads: int = 1


def start(run: Callable[[], None], folder: Path, limits: Limits, isolated: bool) -> int:
    """Run a function in a limited process; returns the id of a process whose exit status is 128 + n after signal n.

    Args:
        isolated: apart from the system, see `permitted`. Killing the process then kills all that the function
            started; otherwise it leads a session of its own, see `end`.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        _die_with_parent()
        if isolated and isolate(folder, limits):
            status = _in_own_process(lambda: _in_own_process(lambda: _confined(run, folder, limits)))
        elif not isolated:
            status = _confined(run, folder, limits)
    finally:
        os._exit(status)


def end(pid: int) -> None:
    """Kill what `start` began: the session, and on Linux also those who left it, for they become our children."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        while True:
            for child in _children():
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.wait()


def _children() -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            number, rest = stat.parent.name, stat.read_text(errors="replace").rpartition(")")[2]
            if int(rest.split()[1]) == os.getpid():
                found.append(int(number))
    return found


def permitted() -> bool:
    """Whether this system lets an ordinary process close the network and the files around a submission."""
    pid = os.fork()
    if pid == 0:
        done = False
        try:
            done = isolate(None, Limits())
        finally:
            os._exit(0 if done else 1)
    return os.waitpid(pid, 0)[1] == 0


def isolate(folder: Path | None, limits: Limits) -> bool:
    """Enter namespaces without network and with read-only files; children of this process get their own processes."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.getuid(), os.getgid()
    temporary = folder.parent if folder else Path(tempfile.gettempdir())  # found by writing, so ask before the mounts
    if libc.unshare(NEW_USER | NEW_MOUNTS | NEW_IPC | NEW_PROCESSES | NEW_NETWORK):
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    done = _mount(libc, "none", Path("/"), None, MS_PRIVATE | MS_RECURSIVE)
    attributes = (ctypes.c_uint64 * 4)(READ_ONLY, 0, 0, 0)  # to set, to clear, propagation, user namespace
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    done = done and libc.syscall(MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, attributes, size) == 0
    needed = {path: os.open(path, os.O_PATH) for path in _needed() if path.is_relative_to(temporary)}
    for place in filter(Path.is_dir, (Path("/run"), Path("/dev/shm"), temporary)):
        done = done and _mount(libc, "tmpfs", place, "tmpfs", MS_NOSUID_NODEV, f"size={limits.disk}m,mode=0700")
    for path, opened in needed.items():
        path.mkdir(parents=True, exist_ok=True)
        done = done and _mount(libc, f"/proc/self/fd/{opened}", path, None, MS_BIND | MS_RECURSIVE)
        os.close(opened)
    # Without its capabilities the submission cannot undo any of this, and a program that it starts gains none.
    header, none = (ctypes.c_uint32 * 2)(CAPABILITIES_3, 0), (ctypes.c_uint32 * 6)()
    done = done and libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    return done and libc.capset(header, none) == 0


def _mount(libc: ctypes.CDLL, source: str, target: Path, kind: str | None, flags: int, data: str = "") -> bool:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    return libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]) == 0


def _needed() -> set[Path]:
    """Folders without which no chapter runs, wherever they are: Python, this package, the data."""
    folders = [sys.prefix, sys.base_prefix, Path(__file__).parents[2], os.environ.get("SEGBOOK_DATA"), cache_folder()]
    return {Path(folder).resolve() for folder in folders if folder and Path(folder).is_dir()}


def _in_own_process(run: Callable[[], int]) -> int:
    """Fork, wait for the child and return its status. The child dies with its parent."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            _die_with_parent()
            status = run()
        finally:
            os._exit(status)
    while True:  # the first process of a namespace inherits orphans
        ended, status = os.wait()
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _die_with_parent() -> None:
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _confined(run: Callable[[], None], folder: Path, limits: Limits) -> int:
    """Set the limits, forget the environment, and run; returns 0."""
    folder.mkdir(exist_ok=True)  # an isolated submission finds its temporary folder empty
    os.chdir(folder)
    # Data sets that were drawn before serve again, new ones stay in the folder.
    (folder / "cache").mkdir()
    for made in cache_folder().glob("*"):
        (folder / "cache" / made.name).symlink_to(made)
    memory = resource.RLIM_INFINITY if limits.gpu else int(limits.memory * (1 << 30))
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, limits.cpu_seconds, limits.cpu_seconds + 5),  # first a signal that says why
        (resource.RLIMIT_FSIZE, limits.disk << 20, limits.disk << 20),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_AS, memory, memory),
    ):
        before = resource.getrlimit(kind)[1]
        if before != resource.RLIM_INFINITY:
            soft, hard = (before if one == resource.RLIM_INFINITY else min(one, before) for one in (soft, hard))
        resource.setrlimit(kind, (soft, hard))
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    os.environ.clear()
    os.environ.update(kept, HOME=str(folder), SEGBOOK_CACHE=str(folder / "cache"), MPLBACKEND="agg")
    if not limits.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
    tempfile.tempdir = str(folder)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    run()
    return 0
