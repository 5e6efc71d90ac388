"""Where a submission runs: in bubblewrap, in a container, or, if it is one's own, in an ordinary process."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import segbook

SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
NEVER = {Path("/"), Path("/home"), Path("/root"), Path("/run"), Path("/tmp"), Path("/etc"), Path("/var"), Path.home()}


@dataclass(frozen=True)
class Sandbox:
    """What one submission may use, and where it runs."""

    seconds: float = 900  # wall clock
    cell_seconds: float = 300  # of a cell, so that an endless one costs its own exercise only
    cpu_seconds: int = 1800  # of each process
    memory: float = 8  # GB that a process may address
    disk: int = 1024  # MB of files, which lie in memory
    gpu: bool = False  # CUDA reserves more addresses than any limit allows, so that memory is then free
    threads: int = 1  # of torch
    container: str | None = None  # an image, to run in it by docker or podman
    trust: bool = False  # no sandbox

    @property
    def closed(self) -> bool:
        return bool(self.container) or not self.trust

    def command(self, name: str, notebook: Path) -> list[str]:
        """What starts Python there, where it can read the notebook; `name` is for a container."""
        if self.container:
            return in_container(self, name, notebook)
        return in_bubblewrap(self, notebook) if self.closed else [sys.executable]

    def check(self) -> None:
        """Raises OSError, in one sentence, where there is no such sandbox."""
        if os.name != "posix":
            raise OSError("grading needs Linux or macOS; on Windows use it in WSL")
        advice = "name an image by --container, or, if the notebooks are your own, say --trust"
        try:
            command = [*self.command(f"segbook-{os.getpid()}", Path(__file__)), "-c", "pass"]
            tried = subprocess.run(command, env=variables(self), stdin=subprocess.DEVNULL, capture_output=True)
        except FileNotFoundError as error:
            missing = "docker or podman" if self.container else "bubblewrap, which shuts notebooks off from your files"
            raise OSError(f"this needs {missing}: install it, {advice}") from error
        if tried.returncode:
            reason = tried.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            hint = "Ubuntu 24.04 refuses user namespaces to ordinary users, see the instructor's guide, or "
            raise OSError(f"no sandbox starts here ({reason}); {'' if self.container else hint}{advice}")


def engine() -> str:
    """The program that runs containers."""
    return shutil.which("docker") or "podman"


def variables(sandbox: Sandbox) -> dict[str, str]:
    """The whole environment of a submission."""
    paths = [str(Path(segbook.__file__).parents[1]), *site_packages()]
    python = {"PYTHONPATH": ":".join(paths), "PATH": f"{sys.prefix}/bin:/usr/bin", "LANG": "C.UTF-8"}
    python |= {"OMP_NUM_THREADS": str(sandbox.threads), "OMP_WAIT_POLICY": "PASSIVE", "MPLBACKEND": "agg"}
    python |= {} if sandbox.gpu else {"CUDA_VISIBLE_DEVICES": ""}
    if not sandbox.closed:
        return os.environ | python
    kept = {name: os.environ[name] for name in ("SEGBOOK_QUICK", "SEGBOOK_DATA", "TZ") if name in os.environ}
    return python | kept | {"HOME": "/tmp", "USER": "student", "SEGBOOK_CACHE": "/tmp/cache"}


def site_packages() -> list[str]:
    return [folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))]


def readable(notebook: Path) -> dict[Path, Path]:
    """What a submission may read, and where it sees it: Python, this package, the data and itself.

    Raises ValueError where one of them is a folder that holds everything.
    """
    from segbook.data.toy import cache_folder  # imports torch, which `inside` does late

    folders = [sys.prefix, sys.base_prefix, Path(sys.executable).resolve().parents[1], *site_packages()]
    folders += [Path(segbook.__file__).parents[1] / name for name in ("segbook", "toyvoc")]
    folders += [os.environ["SEGBOOK_DATA"]] if os.environ.get("SEGBOOK_DATA") else []
    places = {Path(folder).absolute(): Path(folder).absolute() for folder in folders if Path(folder).is_dir()}
    if shut := NEVER & {folder.resolve() for folder in places}:
        raise ValueError(f"submissions would see all of {shut.pop()}: move the data or Python to a folder of their own")
    places |= {drawn: Path("/tmp/cache") / drawn.name for drawn in cache_folder().absolute().glob("*")}
    return places | {notebook: notebook}


def in_bubblewrap(sandbox: Sandbox, notebook: Path) -> list[str]:
    """No network, no process of the host, of its files what `readable` says; /tmp and /dev/shm hold `disk` MB each."""
    command = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL", "--new-session"]
    command += ["--die-with-parent", "--proc", "/proc", "--dev", "/dev"]
    for place in ("/tmp", "/dev/shm"):  # before what may be bound below it
        command += ["--size", str(sandbox.disk << 20), "--tmpfs", place]
    for place in SYSTEM:
        command += ["--ro-bind-try", place, place]
    for folder, seen in readable(notebook).items():
        command += ["--ro-bind", str(folder), str(seen)]
    for device in Path("/dev").glob("nvidia*") if sandbox.gpu else ():
        command += ["--dev-bind", str(device), str(device)]
    for place in ("/", "/dev", "/proc"):  # in memory without a limit; and root could set /proc/sys for the whole host
        command += ["--remount-ro", place]
    return [*command, "--chdir", "/tmp", sys.executable]


def in_container(sandbox: Sandbox, name: str, notebook: Path) -> list[str]:
    """The same by docker or podman; Python and what this package imports are the image's, the package is not."""
    command = [engine(), "run", "--rm", "--name", name, "--network", "none", "--read-only"]
    command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "512", "--user", "65534"]
    command += ["--memory", f"{sandbox.memory}g", "--shm-size", f"{sandbox.disk}m", "--workdir", "/tmp"]
    command += ["--tmpfs", f"/tmp:rw,mode=1777,size={sandbox.disk}m", *(["--gpus", "all"] if sandbox.gpu else [])]
    for folder, seen in readable(notebook).items():
        if not folder.is_relative_to(sys.base_prefix) and not folder.is_relative_to(sys.prefix):
            command += ["--volume", f"{folder}:{seen}:ro"]
    for variable, value in variables(sandbox).items():
        command += ["--env", f"{variable}={value}"] if variable != "PATH" else []
    return [*command, "--entrypoint", "python3", sandbox.container]
