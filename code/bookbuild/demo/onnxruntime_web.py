"""onnxruntime-web beside the pages: one exact version from npm, checked, and kept for the next build.

Where there is no npm, or no network, the pages name the public CDN instead and the build goes on; with SEGBOOK_STRICT=1
that is an error.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util import logging

logger = logging.getLogger(__name__)

VERSION = "1.30.0"
SHA512 = (  # of the package's archive
    "ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca"
    "590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61"
)
CDN = "cdn.jsdelivr.net"
# The library, the code around the WebAssembly, the WebAssembly; and bytes that a reader loads of them, compressed.
FILES = {
    "wasm": ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"],
    "webgpu": ["ort.webgpu.min.mjs", "ort-wasm-simd-threaded.asyncify.mjs", "ort-wasm-simd-threaded.asyncify.wasm"],
}
BYTES = {"wasm": 3_730_000, "webgpu": 6_700_000}
PATIENCE = 180  # seconds for npm


def serve(folder: Path, cache: Path) -> dict:
    """Put the runtime into `folder`/onnxruntime, and say where the pages find it.

    Args:
        folder: that of the network, in the built site.
        cache: where the files stay from one build to the next.

    Returns:
        {"local": bool, "host", "base": address of the files, "wasm"/"webgpu": {"files", "bytes"}}

    Raises:
        ExtensionError: npm delivered another archive than the one that was checked in, or none in a strict build.
    """
    kept = fetch(cache / VERSION)
    if kept is None and os.environ.get("SEGBOOK_STRICT") == "1":
        raise ExtensionError(f"onnxruntime-web {VERSION} is not here, and a strict build does not fall back on {CDN}")
    if kept is None:
        base, end = f"https://{CDN}/npm/onnxruntime-web@{VERSION}/dist/", ""
    else:
        shutil.copytree(kept, folder / "onnxruntime", dirs_exist_ok=True)
        base, end = "onnxruntime/", ".gz"  # packed: plain static servers send a .wasm as large as it is
    listing = {"local": kept is not None, "host": CDN, "base": base}
    for backend, (*scripts, wasm) in FILES.items():
        listing[backend] = {"files": [*scripts, wasm + end], "bytes": BYTES[backend]}
    return listing


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
        command = [npm, "pack", f"onnxruntime-web@{VERSION}", "--silent", "--pack-destination", scratch]
        environment = os.environ | {"npm_config_fetch_retries": "0", "npm_config_update_notifier": "false"}
        try:
            subprocess.run(command, cwd=scratch, env=environment, check=True, capture_output=True, timeout=PATIENCE)
            (archive,) = Path(scratch).glob("*.tgz")
        except (subprocess.SubprocessError, OSError, ValueError):
            logger.info("onnxruntime-web: npm could not fetch it, so the pages will load it from %s", CDN)
            return None
        unpack(archive, Path(scratch) / "files")
        os.replace(Path(scratch) / "files", folder)
    return folder


def unpack(archive: Path, folder: Path, sha512: str = SHA512) -> None:
    """Take our files out of the package's archive, WebAssembly packed with gzip, if it is the archive that we know."""
    found = hashlib.sha512(archive.read_bytes()).hexdigest()
    if found != sha512:
        raise ExtensionError(
            f"onnxruntime-web {VERSION}: the archive's SHA-512 is {found[:16]}..., not {sha512[:16]}... as "
            "code/bookbuild/onnxruntime_web.py says; nothing of it was used"
        )
    folder.mkdir()
    with tarfile.open(archive) as package:
        for name in sum(FILES.values(), []):
            content = package.extractfile(f"package/dist/{name}").read()
            if name.endswith(".wasm"):
                (folder / f"{name}.gz").write_bytes(gzip.compress(content, mtime=0))
            else:
                (folder / name).write_bytes(content)
