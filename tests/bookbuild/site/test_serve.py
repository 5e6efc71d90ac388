"""The local server: files of a folder, never an old one, nothing kept by the browser."""

import urllib.error
import urllib.request

import pytest

from bookbuild.site.serve import serving


def fetch(address: str) -> tuple[str, str]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode(), answer.headers["Cache-Control"]


def test_a_page_that_was_built_again_is_served(tmp_path):
    page = tmp_path / "page.html"
    page.write_text("old")
    with serving(tmp_path) as address:
        assert fetch(f"{address}page.html") == ("old", "no-store")
        page.write_text("new")
        assert fetch(f"{address}page.html") == ("new", "no-store")
        with pytest.raises(urllib.error.HTTPError):
            fetch(f"{address}missing.html")
    with pytest.raises(urllib.error.URLError):
        fetch(f"{address}page.html")
