"""What the book asks of Sphinx beyond Jupyter Book: fresh pages, strict figures, clean buttons, live results."""

import os
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pybtex.plugin
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

from bookbuild.demo import segment_directive as segment
from bookbuild.site import (
    api_page,
    around,
    bench_page,
    cells,
    comforts,
    deeper_numbers,
    home,
    memory,
    page_head,
    question,
    search_order,
    teaching,
)
from bookbuild.site.dependencies import chapter_digest
from bookbuild.site.execution import execute_side_by_side
from bookbuild.site.finishing import finish
from bookbuild.site.result_role import ResultError, result_text

logger = logging.getLogger(__name__)


# --- a page is never older than the package -------------------------------------------------------------------------


def stamp_digest(app: Sphinx, docname: str, source: list[str]) -> None:
    """Write the digest of what a chapter imports into its kernelspec.

    jupyter-cache keys on the cells and on the kernelspec and on nothing else: without this stamp it would serve the
    outputs of a package that has changed since.
    """
    if "\nkernelspec:\n" in source[0]:
        digest = chapter_digest(source[0], Path(app.srcdir))
        app.env.segbook_digests[docname] = digest
        source[0] = source[0].replace("\nkernelspec:\n", f"\nkernelspec:\n  segbook: {digest}\n", 1)


def outdated_chapters(app: Sphinx, env: BuildEnvironment, *changes: set[str]) -> list[str]:
    """Pages whose source is the same but whose package is not, and the bibliography if any page is read again."""
    if not hasattr(env, "segbook_digests"):
        env.segbook_digests = {}
    outdated = [
        name
        for name, digest in env.segbook_digests.items()
        if name in env.found_docs and digest != chapter_digest(Path(env.doc2path(name)).read_text(), Path(app.srcdir))
    ]
    if outdated or any(changes):  # a page may cite what none has cited before
        outdated += [name for name in env.found_docs if name.endswith("bibliography")]
    return outdated


def execute_first(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """Execute what has to be executed, two chapters at once; reading them then finds everything in the cache."""
    sources = {}
    for docname in docnames:
        source = [Path(env.doc2path(docname)).read_text(encoding="utf-8")]
        stamp_digest(app, docname, source)
        sources[docname] = source[0]
    execute_side_by_side(app, sources)


# --- strict figures -------------------------------------------------------------------------------------------------


def check_alternative_text(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Warn (and so fail) on an image that says nothing to a reader who cannot see it."""
    for image in doctree.findall(nodes.image):
        alt = image.get("alt", "")
        if not alt or alt == image["uri"] or alt.startswith("_build"):
            logger.warning(
                "image %s has no alternative text: give `:alt:`, or `mystnb: {image: {alt: ...}}` in its cell",
                image["uri"],
                location=image,
                type="segbook",
            )


# --- results in prose -----------------------------------------------------------------------------------------------


class ResultRole(SphinxRole):
    """{result}`file.key.key:format` prints a number from results/."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        folder = Path(self.env.srcdir) / "results"
        try:
            text = result_text(self.text, folder)
        except ResultError as error:
            return [], [self.inliner.reporter.error(str(error), line=self.lineno)]
        for path in folder.rglob("*.json"):
            self.env.note_dependency(str(path))
        return [nodes.Text(text)], []


# --- formulas -------------------------------------------------------------------------------------------------------


def load_mathjax_in_parts(app: Sphinx, config: Config) -> None:
    """Begin with MathJax's loader, not with all of it in one file; mathjax-pieces.js says which parts come."""
    config.mathjax_path = "mathjax/startup.js"


# --- the theme's faults ---------------------------------------------------------------------------------------------


def mend_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Offer the clean notebook instead of the raw source; drop the script that declares a constant twice."""
    if app.builder.format != "html":
        return
    context["script_files"] = [s for s in context.get("script_files", []) if not _starts_thebe(s)]

    notebook = Path(app.srcdir, pagename).with_suffix(".ipynb")
    if notebook.exists():
        served = Path(app.outdir, "notebooks", pagename.removeprefix("book/")).with_suffix(".ipynb")
        served.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(notebook, served)
    kept = []
    for button in context.get("header_buttons", []):
        if button.get("label") in ("launch-buttons", "download-buttons") and not notebook.exists():
            continue  # a page that is executed and not exported: there is nothing to open
        if button.get("label") == "download-buttons":
            link = {
                "type": "link",
                "url": context["pathto"](served.relative_to(app.outdir).as_posix(), 1),
                "icon": "fas fa-download",
                "tooltip": "Download this page as a notebook",
                "label": "download-notebook-button",
            }
            button = link
        kept.append(button)
    context["header_buttons"] = kept


def _starts_thebe(script: Any) -> bool:
    """Is this one of sphinx-thebe's scripts? No page of the book starts a live kernel."""
    attributes = getattr(script, "attributes", {})
    return "THEBE_JS_URL" in (attributes.get("body") or "") or "sphinx-thebe" in str(getattr(script, "filename", ""))


def setup(app: Sphinx) -> dict[str, Any]:
    code = Path(__file__).parents[2]
    os.environ["PYTHONPATH"] = f"{code}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"  # kernels inherit this:
    os.environ["PYTHONSTARTUP"] = str(Path(__file__).with_name("startup.py"))  # figures that follow the theme,
    os.environ["TQDM_DISABLE"] = "1"  # no progress bars frozen into a page,
    os.environ.setdefault("FULL", "0")  # and the small networks, also where there is a GPU
    pybtex.plugin.find_plugin = cache(pybtex.plugin.find_plugin)  # else each citation reads all metadata
    app.add_role("result", ResultRole())
    page_head.setup(app)
    question.setup(app)
    memory.setup(app)
    cells.setup(app)
    deeper_numbers.setup(app)
    segment.setup(app)
    bench_page.setup(app)
    home.setup(app)
    comforts.setup(app)
    search_order.setup(app)
    teaching.setup(app)
    around.setup(app)
    api_page.setup(app)
    app.connect("env-get-outdated", outdated_chapters)
    app.connect("env-before-read-docs", execute_first)
    app.connect("source-read", stamp_digest)
    app.connect("doctree-resolved", check_alternative_text)
    app.connect("html-page-context", mend_page, priority=900)
    app.add_js_file("mathjax-pieces.js", loading_method="defer")
    app.connect("config-inited", load_mathjax_in_parts)
    app.connect("build-finished", finish)
    return {"version": "1", "parallel_read_safe": False, "parallel_write_safe": True}
