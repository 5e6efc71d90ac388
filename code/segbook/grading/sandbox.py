"""Where a submission runs: in bubblewrap, in a container, or, if it is one's own, in an ordinary process."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import segbook

CODE = Path(segbook.__file__).parents[1]
SITE = [folder for folder in sys.path if folder.endswith(("site-packages", "dist-packages"))]
PYTHON = [sys.prefix, sys.base_prefix, Path(sys.executable).resolve().parents[1], *SITE]
SYSTEM = ("/usr", "/bin", "/lib", "/lib32", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
NEVER = {Path("/"), Path("/home"), Path("/root"), Path("/run"), Path("/tmp"), Path("/etc"), Path("/var"), Path.home()}


@dataclass(frozen=True)
class Sandbox:
    """What one submission may use, and where it runs."""

    seconds: float = 900  # wall clock; of CPU time each process has twice as much
    cell_seconds: float = 300  # of a cell, so that an endless one costs its own exercise only
    memory: float = 8  # GB that a process may address
    disk: int = 1024  # MB of files, which lie in memory
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

    def environment(self) -> dict[str, str]:
        """Of that command. A container's own is among its arguments: docker and podman need that of the host."""
        return dict(os.environ) if self.container else variables(self)

    def check(self) -> None:
        """Raises OSError, in one sentence, where there is no such sandbox."""
        if os.name != "posix":
            raise OSError("grading needs Linux or macOS; on Windows use it in WSL")
        advice = "name an image by --container, or, if the notebooks are your own, say --trust"
        command = [*self.command(f"segbook-{os.getpid()}", Path(__file__)), "-c", "pass"]
        try:
            subprocess.run(command, env=self.environment(), stdin=subprocess.DEVNULL, capture_output=True, check=True)
        except FileNotFoundError as error:
            missing = "docker or podman" if self.container else "bubblewrap, which shuts notebooks off from your files"
            raise OSError(f"this needs {missing}: install it, {advice}") from error
        except subprocess.CalledProcessError as error:
            reason = error.stderr.decode(errors="replace").strip().rpartition("\n")[2]
            hint = "the instructor's guide says what Ubuntu 24.04 needs"
            raise OSError(f"no sandbox starts here ({reason}); {hint}; or {advice}") from error


def variables(sandbox: Sandbox) -> dict[str, str]:
    """The whole environment of a submission."""
    python = {"PYTHONPATH": ":".join([str(CODE), *SITE]), "PATH": f"{sys.prefix}/bin:/usr/bin", "LANG": "C.UTF-8"}
    python |= {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg", "CUDA_VISIBLE_DEVICES": ""}
    if not sandbox.closed:
        return os.environ | python
    kept = {name: os.environ[name] for name in ("SEGBOOK_QUICK", "SEGBOOK_DATA", "TZ") if name in os.environ}
    return python | kept | {"HOME": "/tmp", "USER": "student", "SEGBOOK_CACHE": "/tmp/cache"}


def readable(notebook: Path, *python: str | Path) -> dict[Path, Path]:
    """What a submission may read, and where it sees it: this package, the data, Python's folders and itself."""
    from segbook.data.toy import cache_folder  # imports torch, which `inside` does late

    data = os.environ.get("SEGBOOK_DATA")
    folders = [*python, CODE / "segbook", CODE / "toyvoc", *([data] if data else [])]
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
    for folder, seen in readable(notebook, *PYTHON).items():
        command += ["--ro-bind", str(folder), str(seen)]
    for place in ("/", "/dev", "/proc"):  # in memory without a limit; and root could set /proc/sys for the whole host
        command += ["--remount-ro", place]
    return [*command, "--chdir", "/tmp", sys.executable]


def in_container(sandbox: Sandbox, name: str, notebook: Path) -> list[str]:
    """The same by docker or podman; Python and what this package imports are the image's, the package is not."""
    command = [shutil.which("docker") or "podman", "run", "--rm", "--name", name, "--network", "none", "--read-only"]
    command += ["--log-driver", "none"]  # or docker writes to the host's disk whatever a notebook prints
    command += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--pids-limit", "512", "--user", "65534"]
    command += ["--memory", f"{sandbox.memory}g", "--shm-size", f"{sandbox.disk}m", "--workdir", "/tmp"]
    command += ["--tmpfs", f"/tmp:rw,mode=1777,size={sandbox.disk}m"]
    for folder, seen in readable(notebook).items():
        command += ["--volume", f"{folder}:{seen}:ro"]
    for variable, value in variables(sandbox).items():
        command += ["--env", f"{variable}={value}"] if variable != "PATH" else []
    return [*command, "--entrypoint", "python3", sandbox.container]
