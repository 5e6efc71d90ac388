"""References in the sources, as a reader needs them."""

import re

from bookbuild import ROOT
from bookbuild.chapters import DEEPER

BOOK = ROOT / "book"
LABEL = re.compile(r"^\s*:?(?:name|label): ([a-z0-9-]+)$", re.M)
REFERENCE = re.compile(r"\{(?:num)?ref\}`(?:[^`<]*<)?([a-z0-9-]+)>?`")


def test_what_stands_on_an_optional_page_is_named_with_that_page():
    """Each optional page counts from 1, so that "Figure 2" alone could be on any of them."""
    there = {
        label: path.stem for path in (BOOK / DEEPER).glob("*.md") for label in LABEL.findall(path.read_text("utf-8"))
    }
    assert there
    bare = [
        f"{path.name}: {found[0]}"
        for path in BOOK.glob("*.md")
        for line in path.read_text("utf-8").splitlines()
        for found in REFERENCE.finditer(line)
        if found[1] in there and f"`{DEEPER}/{there[found[1]]}`" not in line[found.end() : found.end() + 60]
    ]
    assert bare == []
