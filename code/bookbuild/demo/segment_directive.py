"""{segment}: the network that segments the reader's own photograph, in the page.

    ```{segment}
    ```

puts the whole of it there, `:compact:` what a home page needs. The element shows a poster and buttons; its scripts
(book/_static/segment) load the networks that ship with the package and onnxruntime-web only when one is clicked. A
notebook gets a sentence with a link to the page.
"""

import base64
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

from bookbuild.demo import network, onnxruntime_web, packing

PICTURES = Path("book") / "_static" / "network"
LABEL = "Segment your own photograph"
ALT = "The face of a cat; beside it the same photograph, with the cat painted in one colour by the network."
ALONE = "With JavaScript a network runs here that segments a photograph of yours, in your browser."
THUMB = (96, 96)


class Segment(nodes.General, nodes.Element):
    """The place of the element."""


class SegmentDirective(SphinxDirective):
    """{segment}, without content."""

    option_spec = {"compact": directives.flag}

    def run(self) -> list[nodes.Node]:
        return [Segment(compact="compact" in self.options)]


def element(compact: bool, static: str) -> str:
    """The element as HTML: without JavaScript a picture and a sentence.

    Args:
        static: the way from the page to _static.
    """
    return (
        f'<segment-picture{" data-compact" * compact} role="group" aria-label="{LABEL}">'
        f'<img src="{static}/network/poster.webp" alt="{ALT}" width="1032" height="341">'
        f'<img class="veil" src="{static}/network/poster.webp" alt="" hidden><p>{ALONE}</p>'
        f'</segment-picture>\n<script defer src="{static}/segment/segment.js"></script>\n'
    )


def _visit_segment(self: HTML5Translator, node: Segment) -> None:
    static = "../" * self.builder.current_docname.count("/") + "_static"
    self.body.append(element(node["compact"], static))
    raise nodes.SkipNode


def begin_exports(app: Sphinx) -> None:
    """Export what is missing while the chapters are executed. What fails here is tried again, and told, by `serve`."""
    if app.builder.format == "html":
        command = [sys.executable, "-m", network.__name__, exports(app)]
        app.segment_exports = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def exports(app: Sphinx) -> Path:
    """Where exported networks are kept from build to build."""
    return Path(app.srcdir, "_build", ".segment")


def serve(app: Sphinx, exception: Exception | None) -> None:
    """Lay beside the pages what the element loads, also where no page has changed."""
    if app.builder.format != "html":
        return
    app.segment_exports.wait()
    if exception is None:
        lay_out(Path(app.srcdir), Path(app.outdir) / "_static", exports(app))


def lay_out(root: Path, static: Path, cache: Path) -> None:
    """Put scripts, pictures, networks and the runtime into the site's _static, and a listing of them."""
    shutil.copytree(root / "book" / "_static" / "segment", static / "segment", dirs_exist_ok=True)
    folder = static / "network"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(root / PICTURES / "poster.webp", folder)
    pictures = json.loads((root / PICTURES / "pictures.json").read_text(encoding="utf-8"))
    for sample in pictures["samples"]:
        sample["thumb"] = thumb(root / PICTURES / sample["file"])
    for path in (root / PICTURES).glob("*.webp"):
        packing.pack(path, folder)
    cards = {}
    for weights in network.NETWORKS:
        made = network.exported(weights, cache)
        shutil.copytree(made, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("card.json"))
        cards[weights] = json.loads((made / "card.json").read_text())
    runtime = onnxruntime_web.serve(folder, cache)
    told = {"networks": cards, "pictures": pictures, "runtime": runtime, "files": packing.listing(folder)}
    (folder / "listing.js").write_text(f"segmentDemo.listing = {json.dumps(told)};\n")


def thumb(path: Path) -> str:
    """A small copy of a picture, as a data URL."""
    picture = Image.open(path)
    picture.thumbnail(THUMB)
    stream = io.BytesIO()
    picture.save(stream, "WEBP", quality=60, method=6)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def setup(app: Sphinx) -> None:
    """Register the directive, its node, and what is served with it."""
    app.add_node(Segment, html=(_visit_segment, None))
    app.add_directive("segment", SegmentDirective)
    app.connect("builder-inited", begin_exports)
    app.connect("build-finished", serve)
