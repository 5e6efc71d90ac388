"""What stands around the pages: the footer, how to cite, the map for search engines, and what an old address meets.

A place that moved from a chapter to an optional page keeps its name, so an address with a name that its page no longer
has leads on to the page that has it.
"""

import html
import json
import re
from pathlib import Path
from typing import Any

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

from bookbuild.chapters import DEEPER

PDF = "segbook.pdf"  # beside the pages where they are published; `make pdf` writes it
PLACE = re.compile(r'\bid="((?:fig|tab|ex|equation-eq)-[\w-]+)"')
LEAD_ON = """<script>addEventListener("DOMContentLoaded", () => {
  if (location.hash.length < 2 || document.getElementById(location.hash.slice(1))) return;
  document.head.append(Object.assign(document.createElement("script"), { src: "../_static/moved.js" }));
});</script>"""
NOT_FOUND = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>Not found: {title}</title>
<style>
  :root {{ color-scheme: light dark; }}
  body {{ font: 1.1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 12vh auto; padding: 0 1rem; }}
  input, button {{ font: inherit; }}
</style></head>
<body><main><h1>This page is not here</h1>
<p>Its address may have changed, or never existed. <a href="{base}book/index.html">{title}</a> begins here.</p>
<form action="{base}search.html"><label>Search the book: <input name="q" type="search"></label> <button>Search</button>
</form></main></body></html>
"""


def citation(root: Path) -> dict[str, Any]:
    """CITATION.cff."""
    return yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))


class CitationDirective(SphinxDirective):
    """{citation}: how to cite the book, in words and for BibTeX."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency("CITATION.cff")
        cff, address = citation(Path(self.env.srcdir)), self.config.html_baseurl
        authors = ", ".join(author["name"] for author in cff["authors"])
        words = f"{authors}: {cff['title']}. Version {cff['version']}, {cff['date-released']}. {address}"
        note = f"Version {cff['version']}"
        fields = {"author": f"{{{authors}}}", "title": cff["title"], "year": cff["date-released"].year}
        lines = [f"  {key} = {{{value}}}" for key, value in (fields | {"note": note, "url": address}).items()]
        bibtex = "@misc{segbook,\n" + ",\n".join(lines) + "\n}"
        return [nodes.paragraph("", words), nodes.literal_block("", bibtex, language="bibtex")]


def sign(app: Sphinx, config: Config) -> None:
    """Version, date, what changed and the PDF, in every page's footer."""
    options, cff = config.html_theme_options, citation(Path(app.srcdir))
    branch = options.get("repository_branch") or "main"
    changes = f"{options['repository_url'].rstrip('/')}/blob/{branch}/CHANGELOG.md"
    options["extra_footer"] = (
        f'<p>Version {cff["version"]}, {cff["date-released"]} · <a href="{changes}">What changed</a> · '
        f'<a href="{config.html_baseurl}{PDF}">The book as a PDF</a></p>\n{options.get("extra_footer", "")}'
    )


def lead_on(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    if pagename.startswith("book/") and pagename.count("/") == 1:
        context["metatags"] = context.get("metatags", "") + LEAD_ON


def write_around(app: Sphinx, failure: Exception | None) -> None:
    """The pages' map, the table of what moved, and the page for an address that leads nowhere."""
    if failure or app.builder.format != "html":
        return
    out, base = Path(app.outdir), app.config.html_baseurl
    names = sorted(app.env.found_docs)
    places = "\n".join(f"<url><loc>{html.escape(f'{base}{name}.html')}</loc></url>" for name in names)
    (out / "sitemap.xml").write_text(
        f'<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}\n'
        "</urlset>\n"
    )
    (out / "404.html").write_text(NOT_FOUND.format(base=base, title=html.escape(app.config.project)))
    moved = {}
    for page in sorted((out / "book" / DEEPER).glob("*.html")):
        moved |= {place: f"{DEEPER}/{page.name}" for place in PLACE.findall(page.read_text(encoding="utf-8"))}
    (out / "_static" / "moved.js").write_text(
        f"{{ const page = {json.dumps(moved, indent=0)}[location.hash.slice(1)];\n"
        "if (page) location.replace(page + location.hash); }\n"
    )


def setup(app: Sphinx) -> None:
    app.add_directive("citation", CitationDirective)
    app.connect("config-inited", sign, priority=960)  # behind page_head, which knows the address
    app.connect("html-page-context", lead_on)
    app.connect("build-finished", write_around)
