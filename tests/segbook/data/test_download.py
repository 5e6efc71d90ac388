"""Fetching and unpacking against a server on this machine."""

import collections
import hashlib
import http.server
import io
import shutil
import tarfile
import threading

import pytest

from segbook import data
from segbook.data import download


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        kind, _, name = self.path.strip("/").partition("/")
        self.server.asked.append((kind, self.headers.get("Range")))
        content = self.server.files.get(name)
        if kind == "down" or content is None:
            return self.send_error(503)
        if kind == "sorry":
            content = b"<html>this page has moved</html>"
        if kind == "wrong":
            content = bytes(len(content))
        first = 0
        if self.headers.get("Range") and kind != "plain":
            first = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - first))
        self.end_headers()
        self.wfile.write(content[first : len(content) // 2] if kind == "breaks" else content[first:])

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.files, server.asked = {}, []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def archive(members):
    """The bytes of a tar file with these contents (str: a file's text; TarInfo: as it is)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content.encode()))
    return buffer.getvalue()


CONTENT = bytes(range(256)) * 20
SHA = hashlib.sha256(CONTENT).hexdigest()


def fetch(server, path, *kinds):
    server.files["a.bin"] = CONTENT
    urls = [f"{server.url}/{kind}/a.bin" for kind in kinds]
    download.fetch(urls, path / "a.bin", SHA, len(CONTENT))
    return path / "a.bin"


def test_a_file_arrives_and_is_not_fetched_again(server, tmp_path):
    assert fetch(server, tmp_path, "good").read_bytes() == CONTENT
    fetch(server, tmp_path, "good")
    assert len(server.asked) == 1 and [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_the_next_address_is_tried(server, tmp_path):
    assert fetch(server, tmp_path, "down", "sorry", "wrong", "good").read_bytes() == CONTENT
    assert [kind for kind, _ in server.asked] == ["down", "sorry", "wrong", "good"]


def test_a_host_that_does_not_answer(server, tmp_path):
    server.files["a.bin"] = CONTENT
    urls = ["http://127.0.0.1:9/a.bin", f"{server.url}/good/a.bin"]
    download.fetch(urls, tmp_path / "a.bin", SHA, len(CONTENT))
    assert (tmp_path / "a.bin").read_bytes() == CONTENT


def test_all_fail_with_every_reason_and_nothing_is_taken_for_the_file(server, tmp_path):
    with pytest.raises(OSError) as error:
        fetch(server, tmp_path, "down", "sorry", "wrong")
    for reason in ("3 addresses", "503", "32 bytes instead of 5,120", "wrong checksum"):
        assert reason in str(error.value)
    assert not (tmp_path / "a.bin").exists()


def test_an_interrupted_download_goes_on(server, tmp_path):
    with pytest.raises(OSError, match="connection closed after 2,560 of 5,120 bytes"):
        fetch(server, tmp_path, "breaks")
    assert fetch(server, tmp_path, "good").read_bytes() == CONTENT
    assert server.asked[-1] == ("good", "bytes=2560-")


def test_it_goes_on_at_another_address_at_once(server, tmp_path):
    fetch(server, tmp_path, "breaks", "good")
    assert server.asked == [("breaks", None), ("good", "bytes=2560-")]


def test_a_server_that_cannot_resume_sends_the_whole_file(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    assert fetch(server, tmp_path, "plain").read_bytes() == CONTENT


def test_a_page_that_says_sorry_does_not_destroy_what_has_arrived(server, tmp_path):
    (tmp_path / "a.bin.part").write_bytes(CONTENT[:1000])
    fetch(server, tmp_path, "sorry", "good")
    assert server.asked[-1] == ("good", "bytes=1000-")


@pytest.mark.parametrize("start", [b"x" * 1000, b"x" * len(CONTENT), b"x" * 9999])
def test_a_false_start_is_found_out_and_begun_again(server, tmp_path, start):
    (tmp_path / "a.bin.part").write_bytes(start)
    assert fetch(server, tmp_path, "good").read_bytes() == CONTENT


def test_an_unfinished_file_under_the_final_name_is_completed(server, tmp_path):
    (tmp_path / "a.bin").write_bytes(CONTENT[:3000])
    assert fetch(server, tmp_path, "good").read_bytes() == CONTENT
    assert server.asked == [("good", "bytes=3000-")]


# unpacking


def test_unpacked_as_a_whole(tmp_path):
    (tmp_path / "a.tar").write_bytes(archive({"in/side/one.txt": "1", "in/side/sub/two.txt": "2"}))
    download.extract(tmp_path / "a.tar", "in/side", tmp_path / "out/target")
    assert (tmp_path / "out/target/sub/two.txt").read_text() == "2"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["target"]


def link(name, to, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("../evil.txt", "x"),
        ("in/../../evil.txt", "x"),
        ("in/link", link("in/link", "/etc", tarfile.SYMTYPE)),
        ("in/hard", link("in/hard", "../evil.txt", tarfile.LNKTYPE)),
    ],
)
def test_an_archive_that_escapes_is_refused_and_leaves_nothing(tmp_path, name, content):
    (tmp_path / "a.tar").write_bytes(archive({"in/one.txt": "1", name: content}))
    with pytest.raises(ValueError, match=f"{name}.*nothing was unpacked"):
        download.extract(tmp_path / "a.tar", "in", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar"]


def test_an_absolute_path_stays_inside(tmp_path):
    (tmp_path / "a.tar").write_bytes(archive({"in/one.txt": "1", f"{tmp_path}/evil.txt": "x"}))
    download.extract(tmp_path / "a.tar", "in", tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tar", "out"]


def test_damaged_and_strange_archives(tmp_path):
    whole = archive({"in/one.txt": "1" * 5000, "in/two.txt": "2" * 5000})
    for content, message in ((whole[:7000], "damaged"), (b"no tar file at all" * 99, "not a tar file")):
        (tmp_path / "a.tar").write_bytes(content)
        with pytest.raises(ValueError, match=message):
            download.extract(tmp_path / "a.tar", "in", tmp_path / "out")
    (tmp_path / "a.tar").write_bytes(whole)
    with pytest.raises(ValueError, match="holds no folder other"):
        download.extract(tmp_path / "a.tar", "other", tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["a.tar"]


# PASCAL VOC as a whole


@pytest.fixture
def small_voc(server, voc_root, monkeypatch):
    """A server with a small VOC archive instead of the real one."""
    members = {}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(voc_root / "VOCdevkit", "VOCdevkit")
    content = server.files["voc.tar"] = buffer.getvalue()
    monkeypatch.setattr(download, "VOC_SHA256", hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(download, "VOC_BYTES", len(content))
    monkeypatch.setattr(download, "VOC_MIRRORS", (f"{server.url}/down/voc.tar", f"{server.url}/good/voc.tar"))
    return members


def test_download_voc_from_start_to_reading(small_voc, server, tmp_path, capsys):
    root = data.download_voc(tmp_path / "new")
    assert data.VOCSegmentation(root)[0][1][2, 3] == 15
    assert [p.name for p in root.iterdir()] == ["VOCdevkit"]
    assert "unpacking" in capsys.readouterr().err  # progress shows
    asked = len(server.asked)
    assert data.download_voc(root) == root and len(server.asked) == asked  # nothing is fetched twice


def test_an_archive_put_there_by_hand_is_used(small_voc, server, tmp_path):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / download.VOC_ARCHIVE).write_bytes(server.files["voc.tar"])
    data.download_voc(tmp_path / "new")
    assert server.asked == [] and [path.name for path in (tmp_path / "new").iterdir()] == ["VOCdevkit"]


def test_no_room(tmp_path, monkeypatch, server):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**10, 9 * 10**9, 10**9))
    with pytest.raises(OSError, match=r"4\.0 GB are needed .* 1\.0 GB are free; make room"):
        data.download_voc(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_the_real_addresses():
    assert len(download.VOC_MIRRORS) >= 3 and len(download.VOC_SHA256) == 64
    assert all(url.endswith("/VOCtrainval_11-May-2012.tar") for url in download.VOC_MIRRORS)
