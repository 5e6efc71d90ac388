"""Reading comforts: what book/_static/comforts.js finds in a page, written by the build.

A link to a term of the glossary is described by a note (`aria-describedby`), which lies hidden at the end of the page
and holds the term's meaning. A chapter's card of five lines has the class `on-a-card`. The glossary's Chinese is marked
as such, so that a browser takes the characters of the right script and a screen reader the right voice.
"""

import html
import re
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

CARD = "On a card"
TERM = re.compile(r'<a class="reference internal" href="(?:[\w./-]*/)?[\w-]+\.html#(term-[\w-]+)"')
CHINESE = re.compile(r"^[^.]*[\u4e00-\u9fff][^.]*\.\s+")  # an entry begins with the term in Chinese

BOTH_SCRIPTS = re.compile(r"(<dd>\s*<p>)([^<.·]+) · ([^<.·]+)\.(?= )")


def mark(app: Sphinx, doctree: nodes.document) -> None:
    """Name the cards; read a page again when the glossary that it quotes has changed."""
    for box in doctree.findall(nodes.admonition):
        if box[0].astext() == CARD:
            box["classes"].append("on-a-card")
    if any(ref.get("reftype") == "term" for ref in doctree.findall(addnodes.pending_xref)):
        for glossary in Path(app.srcdir).glob("book/glossary.md"):
            app.env.note_dependency(str(glossary))


def definitions(env: BuildEnvironment) -> dict[str, str]:
    """The meaning of each term by its anchor, as plain text."""
    standard = env.get_domain("std")
    found = {}
    for docname in sorted({place[0] for (kind, _), place in standard.objects.items() if kind == "term"}):
        for item in env.get_doctree(docname).findall(nodes.definition_list_item):
            meaning = " ".join(item[-1].astext().split())
            for term in item.findall(nodes.term):
                found |= dict.fromkeys(term["ids"], CHINESE.sub("", meaning))
    return found


def describe(body: str, meanings: dict[str, str]) -> str:
    """A page whose links to terms are described by notes at its end; each term once."""
    used: dict[str, str] = {}

    def described(found: re.Match) -> str:
        term = found[1]
        if term not in meanings:
            return found[0]
        used[term] = meanings[term]
        return f'{found[0]} aria-describedby="about-{term}"'

    body = TERM.sub(described, body)
    notes = (
        f'<div class="term-note" id="about-{term}" role="tooltip" hidden>{html.escape(meaning)}</div>\n'
        for term, meaning in used.items()
    )
    return body + "".join(notes)


def name_scripts(body: str) -> str:
    """The glossary, each entry of which begins with the term in both scripts: "消融实验 · 消融實驗. The same ..."."""
    return BOTH_SCRIPTS.sub(r'\1<span lang="zh-Hans">\2</span> · <span lang="zh-Hant">\3</span>.', body)


def comfort(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any) -> None:
    if app.builder.format != "html" or doctree is None:
        return
    context["body"] = name_scripts(context["body"])
    if not TERM.search(context["body"]):
        return
    if not hasattr(app.env, "segbook_meanings"):
        app.env.segbook_meanings = definitions(app.env)
    context["body"] = describe(context["body"], app.env.segbook_meanings)


def forget(app: Sphinx, env: BuildEnvironment, docnames: list[str]) -> None:
    """What was read from the glossary in the build before may be old."""
    if hasattr(env, "segbook_meanings"):
        del env.segbook_meanings


def setup(app: Sphinx) -> None:
    app.add_js_file("comforts.js", loading_method="defer")
    app.connect("env-before-read-docs", forget)
    app.connect("doctree-read", mark)
    app.connect("html-page-context", comfort)
