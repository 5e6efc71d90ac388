"""{segment}: the network that segments the reader's own picture, in the page.

    ```{segment}
    ```

puts the whole of it there, `:compact:` what a home page needs. The element shows a poster and a button; its scripts
(book/_static/segment) load the network (book/_static/network) and onnxruntime-web only when the button is clicked. A
notebook gets a sentence with a link to the page.
"""

import gzip
import json
import shutil
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from bookbuild.demo import onnxruntime_web

NETWORK = Path("book") / "_static" / "network"
CARD = "toyvoc.json"
LABEL = "Segment your own picture"
ALT = "A drawn harbour with boats, a plane and a bicycle; beside it the same scene, each thing in a colour of its own."
ALONE = "With JavaScript a network runs here that segments a picture of yours, in your browser."


class Segment(nodes.General, nodes.Element):
    """The place of the element; `card` is the model card as JSON."""


class SegmentDirective(SphinxDirective):
    """{segment}, without content."""

    option_spec = {"compact": directives.flag}

    def run(self) -> list[nodes.Node]:
        path = Path(self.env.srcdir) / NETWORK / CARD
        if not path.is_file():
            raise self.error(f"{NETWORK / CARD} is not there: run `make network`")
        self.env.note_dependency(str(path))
        card = json.dumps(json.loads(path.read_text()), separators=(",", ":")).replace("<", "\\u003c")
        return [Segment(card=card, compact="compact" in self.options)]


def element(card: str, compact: bool, static: str) -> str:
    """The element as HTML: without JavaScript a picture and a sentence.

    Args:
        card: the model card, JSON without "<". static: the way from the page to _static.
    """
    return (
        f'<segment-picture{" data-compact" * compact} role="group" aria-label="{LABEL}">'
        f'<img src="{static}/network/poster.webp" alt="{ALT}" width="1032" height="384"><p>{ALONE}</p>'
        f'<script type="application/json">{card}</script></segment-picture>\n'
        f'<script defer src="{static}/segment/segment.js"></script>\n'
    )


def _visit_segment(self: HTML5Translator, node: Segment) -> None:
    static = "../" * self.builder.current_docname.count("/") + "_static"
    self.body.append(element(node["card"], node["compact"], static))
    raise nodes.SkipNode


def serve(app: Sphinx, exception: Exception | None) -> None:
    """Lay beside the pages what the element loads, also where no page has changed."""
    if exception is None and app.builder.format == "html":
        lay_out(Path(app.srcdir), Path(app.outdir) / "_static", Path(app.srcdir) / "_build" / ".onnxruntime-web")


def lay_out(root: Path, static: Path, cache: Path) -> None:
    """Copy scripts, pictures, the packed network and the runtime from the book's folder into the site's _static."""
    for name in ("segment", "network"):
        shutil.copytree(root / "book" / "_static" / name, static / name, dirs_exist_ok=True)
    folder = static / "network"
    model = folder / json.loads((folder / CARD).read_text())["file"]
    packed = folder / f"{model.name}.gz"
    packed.write_bytes(gzip.compress(model.read_bytes(), mtime=0))
    listing = onnxruntime_web.serve(folder, cache)
    for backend in onnxruntime_web.FILES:
        listing[backend]["bytes"] += packed.stat().st_size
    (folder / "runtime.json").write_text(json.dumps(listing) + "\n")


def setup(app: Sphinx) -> None:
    """Register the directive, its node, and what is served with it."""
    app.add_node(Segment, html=(_visit_segment, None))
    app.add_directive("segment", SegmentDirective)
    app.connect("build-finished", serve)
