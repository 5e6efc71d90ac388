"""What a search engine, a chat window and a feed show of a page: its description and its card."""

import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

from bookbuild.site.social_card import draw_card

CARD = "_static/social.png"
LONGEST = 160  # characters that a result page shows of a description


def published_address(repository: str) -> str:
    """Where GitHub Pages serves a repository: https://github.com/owner/name -> https://owner.github.io/name/."""
    parts = urlsplit(repository).path.strip("/").split("/")
    if len(parts) != 2:
        raise ValueError(f"repository.url in _config.yml must end in owner/name, got {repository!r}")
    return f"https://{parts[0].lower()}.github.io/{parts[1]}/"


def set_address(app: Sphinx, config: Config) -> None:
    """A fork changes the repository's address alone; the site's follows."""
    if not config.html_baseurl:
        config.html_baseurl = published_address(config.html_theme_options["repository_url"])


def description(doctree: nodes.document) -> str:
    """The page's first paragraph of prose, cut behind a sentence or a word; empty where a page has none."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        prose = isinstance(paragraph.parent, nodes.section | nodes.document) and not text.startswith("Reading ")
        if prose and len(text) > 40:
            return shorten(text)
    return ""


def shorten(text: str) -> str:
    """At most LONGEST characters: whole sentences if they say enough, otherwise whole words and an ellipsis."""
    if len(text) <= LONGEST:
        return text
    head = text[:LONGEST]
    end = max(head.rfind(mark) for mark in (". ", "? ", "! "))
    return head[: end + 1] if end > LONGEST // 2 else head[: head.rfind(" ", 0, LONGEST - 1)].rstrip(" ,;:") + "…"


def describe_page(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    """Add the tags to a page's head."""
    if app.builder.format != "html":
        return
    text = description(doctree) if doctree is not None else ""
    text = text or f"{app.config.html_title or app.config.project}: an open book of runnable notebooks."
    base, title = app.config.html_baseurl, html.unescape(re.sub(r"<[^>]+>", "", context.get("title", "")))
    tags = {
        "name": {"description": text, "twitter:card": "summary_large_image"},
        "property": {
            "og:title": title,
            "og:description": text,
            "og:type": "article",
            "og:url": f"{base}{pagename}.html",
            "og:image": base + CARD,
            "og:image:alt": "A drawn scene, its segmentation, and the book's title.",
        },
    }
    context["metatags"] = context.get("metatags", "") + "".join(
        f'\n<meta {kind}="{key}" content="{html.escape(value, quote=True)}" />'
        for kind, pairs in tags.items()
        for key, value in pairs.items()
    )


def write_card(app: Sphinx, failure: Exception | None) -> None:
    """Draw the picture that the tags point to, once."""
    path = Path(app.outdir, CARD)
    if failure is None and app.builder.format == "html" and not path.exists():
        draw_card(path, app.config.project)


def setup(app: Sphinx) -> None:
    app.connect("config-inited", set_address, priority=950)
    app.connect("html-page-context", describe_page)
    app.connect("build-finished", write_card)
