"""Search shows the chapter that explains a term before all other pages that mention it.

A term is explained where a chapter first links it to the glossary. Sphinx lets a book score its own search results by a
script; this one knows those places.
"""

import json
import re
from pathlib import Path

from sphinx.application import Sphinx

from bookbuild.chapters import notebook_files, page_name

TERM = re.compile(r"\{term\}`([^`<]+?)(?:\s*<([^>`]+)>)?`")
SCRIPT = """// In place of Sphinx's own scores, which it repeats, but for the last line.
const explainedIn = %s;
const asked = (new URLSearchParams(window.location.search).get("q") || "").trim().toLowerCase();
const explains = explainedIn[asked] || explainedIn[asked.replace(/s$/, "")];
var Scorer = {
  objNameMatch: 11, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
  score: ([page, , , , score]) => score + (page === explains ? 1000 : 0),
};
"""


def first_uses(root: Path) -> dict[str, str]:
    """The document that first links each term of the glossary, in lower case; chapters come before optional pages."""
    found: dict[str, str] = {}
    for path in notebook_files(root):
        for shown, target in TERM.findall(path.read_text(encoding="utf-8")):
            found.setdefault(" ".join((target or shown).lower().split()), f"book/{page_name(path)}")
    return found


def write_scorer(app: Sphinx) -> None:
    """Hand Sphinx the script."""
    script = Path(app.srcdir, "_build", "search_scorer.js")
    script.parent.mkdir(exist_ok=True)
    terms = json.dumps(first_uses(Path(app.srcdir)), ensure_ascii=False)
    script.write_text(SCRIPT % terms, encoding="utf-8")
    app.config.html_search_scorer = str(script)


def setup(app: Sphinx) -> None:
    """Before the index of the search is made."""
    app.connect("builder-inited", write_scorer)
