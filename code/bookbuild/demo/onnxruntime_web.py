"""onnxruntime-web beside the pages: the version of package-lock.json from npm, checked by it, kept for the next build.

To take another version: change package.json here and run `npm install --package-lock-only
--omit-lockfile-registry-resolved`; then look at BYTES.

Where there is no npm, or no network, the pages name the public CDN instead and the build goes on; with SEGBOOK_STRICT=1
that is an error.
"""

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util import logging

from bookbuild.demo.packing import listing, pack

logger = logging.getLogger(__name__)

PACKAGE = Path(__file__).with_name("package.json")
VERSION = json.loads(PACKAGE.read_text(encoding="utf-8"))["dependencies"]["onnxruntime-web"]
CDN = "cdn.jsdelivr.net"
# The library, the code around the WebAssembly, the WebAssembly; and bytes that a reader loads of them from the CDN.
FILES = {
    "wasm": ["ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"],
    "webgpu": ["ort.webgpu.min.js", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"],
}
BYTES = {"wasm": 3_730_000, "webgpu": 6_700_000}
PATIENCE = 180  # seconds for npm


def serve(folder: Path, cache: Path) -> dict:
    """Put the runtime into `folder`, and say where the pages find it.

    Args:
        folder: that of the packed files, in the built site.
        cache: where the files stay from one build to the next.

    Returns:
        {"host": None or that of "base", the address of the files, "wasm"/"webgpu": {"files", "bytes"}}

    Raises:
        ExtensionError: npm delivered other files than the lock file names, or none in a strict build.
    """
    kept = fetch(cache / f"onnxruntime-web-{VERSION}")
    if kept is None:
        if os.environ.get("SEGBOOK_STRICT") == "1":
            told = f"onnxruntime-web {VERSION} is not here, and a strict build does not fall back on {CDN}"
            raise ExtensionError(told)
        runtime = {"host": CDN, "base": f"https://{CDN}/npm/onnxruntime-web@{VERSION}/dist/"}
        return runtime | {backend: {"files": files, "bytes": BYTES[backend]} for backend, files in FILES.items()}
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    sizes = {name: entry["bytes"] for name, entry in listing(kept).items()}
    return {"host": None} | {
        backend: {"files": files, "bytes": sum(sizes[name] for name in files)} for backend, files in FILES.items()
    }


def fetch(folder: Path) -> Path | None:
    """The folder with the files, after fetching them if it is not there; None where npm cannot."""
    if folder.is_dir():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        logger.info("onnxruntime-web: there is no npm here, so the pages will load it from %s", CDN)
        return None
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        for file in (PACKAGE, PACKAGE.with_name("package-lock.json")):
            shutil.copy(file, scratch)
        command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        environment = os.environ | {"npm_config_fetch_retries": "0", "npm_config_update_notifier": "false"}
        try:
            subprocess.run(command, cwd=scratch, env=environment, check=True, capture_output=True, timeout=PATIENCE)
        except (subprocess.SubprocessError, OSError) as error:
            if b"EINTEGRITY" in (getattr(error, "stderr", None) or b""):
                told = f"onnxruntime-web {VERSION}: npm delivered other files than package-lock.json names"
                raise ExtensionError(told) from error
            logger.info("onnxruntime-web: npm could not fetch it, so the pages will load it from %s", CDN)
            return None
        files = Path(scratch, "files")
        files.mkdir()
        for name in sum(FILES.values(), []):
            pack(Path(scratch, "node_modules", "onnxruntime-web", "dist", name), files)
        os.replace(files, folder)
    return folder
