"""Files as scripts: a page that was opened from a folder may run a script that lies there, and read nothing else."""

import base64
import gzip
from pathlib import Path

PART = 1_000_000  # characters of a script, so that the page can tell how far it has come


def pack(path: Path, folder: Path) -> None:
    """Write a file, compressed and in base64, as NAME.0.js, NAME.1.js ... into a folder."""
    text = base64.b64encode(gzip.compress(path.read_bytes(), mtime=0)).decode()
    for i, start in enumerate(range(0, len(text), PART)):
        line = f'segmentDemo.part("{path.name}", {i}, "{text[start : start + PART]}");\n'
        (folder / f"{path.name}.{i}.js").write_text(line)


def listing(folder: Path) -> dict[str, dict[str, int]]:
    """What was packed into a folder: {NAME: {"parts", "bytes"}}."""
    found: dict[str, dict[str, int]] = {}
    for path in folder.glob("*.*.js"):
        name, i, _ = path.name.rsplit(".", 2)
        if i.isdecimal():
            entry = found.setdefault(name, {"parts": 0, "bytes": 0})
            entry["parts"] += 1
            entry["bytes"] += path.stat().st_size
    return found
