"""`make shake`: is a test of processes, signals, browsers or time ever red by chance?

    python -m bookbuild.shake [--times 20] [FILE...]

Runs each file with such tests again and again while as many processes as there are cores do nothing but count, and
prints how often each was green. Fails unless all were, always.
"""

import argparse
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

from bookbuild import CORES, ROOT

# What makes a test's outcome depend on the moment.
SHAKY = re.compile(
    r"subprocess|multiprocessing|signal\.|threading|time\.(sleep|monotonic|perf_counter|time)\(|os\.fork|in_a_fork|num_workers"
    r"|\b(browser|visit|figure_page|maths|server)\b"
)


def shaky(tests: Path) -> list[Path]:
    """The files of tests that are worth repeating."""
    return [path for path in sorted(tests.rglob("test_*.py")) if SHAKY.search(path.read_text(encoding="utf-8"))]


def count() -> None:
    """Keep a core busy."""
    while True:
        sum(range(10**6))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", type=Path, help="default: all files that look shaky")
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    busy = [multiprocessing.Process(target=count, daemon=True) for _ in range(CORES)]
    for process in busy:
        process.start()
    environment, red = os.environ | {"OMP_NUM_THREADS": "1"}, 0
    for path in arguments.files or shaky(ROOT / "tests"):
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(path)]
        outputs, green = [], 0
        for _ in range(arguments.times):
            done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
            green += done.returncode == 0
            outputs += [done.stdout[-3000:]] * (done.returncode != 0)
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        print(f"{name}: {green} of {arguments.times}", flush=True)
        red += green < arguments.times
        print(*outputs[:1], sep="\n", end="")
    for process in busy:
        process.terminate()
    return bool(red)


if __name__ == "__main__":
    sys.exit(main())
