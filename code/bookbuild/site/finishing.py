"""The last hand on the built pages: what they do not need goes out, and the theme's faults of access are mended.

The theme brings every icon of Font Awesome as a script of 1.5 MB, and MathJax on pages without a formula. Here the
icons that some page shows become a style sheet of a few kB, cut from that same script, and MathJax stays where there
is something for it to set; each formula says how much room it will take. Scripts, the index of the search first, no
longer hold the text back: they wait until it is read. One stays in its place, Sphinx's options, since scripts within
the page write to them.
"""

import html
import re
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from sphinx.application import Sphinx

from bookbuild.site.formula_size import EX, formula_size

ICON_SCRIPT = re.compile(r"\s*<script[^>]*fontawesome\.js[^>]*></script>")
PRELOADS = re.compile(r"\s*<link[^>]*(?:fontawesome\.js|webfonts/)[^>]*>")
MATHJAX = re.compile(r"\s*<script[^>]*(?:mathjax[/-]|>window\.MathJax)[^<]*</script>")
FORMULA = re.compile(
    r'<(span|div) class="math [^">]*"(?: id="[^"]*")?>(?:\n<span class="eqno">.*?</span>|\n)?\\[(\[](.*?)\\[)\]]</\1>',
    re.DOTALL,
)
WAITING = re.compile(r"<script(?=[^>]* src=)(?![^>]*\b(?:defer|async)\b)(?![^>]*documentation_options)")
IMAGE = re.compile(r'<img (?=[^>]*src="((?:\.\./)*_images/[^"]+)")(?![^>]*loading=)')
SVG_SIZE = re.compile(r'<svg [^>]*?width="([\d.]+)pt" height="([\d.]+)pt"', re.DOTALL)
ICON_CLASS = re.compile(r'class="([^"]*\bfa-[^"]*)"')
ICON = re.compile(r'(?:"([\w-]+)"|\b(\w+)):\[(\d+),(\d+),\[([^\]]*)\],"\w+","([^"]+)"\]')
MENDED = {  # what axe-core finds in every page of the theme, or in Sphinx's bibliography
    ' role="doc-biblioentry"': "",  # deprecated, and not allowed where it stands
    ' role="list" class="citation-list"': ' class="citation-list"',
    ' aria-label="Toggle hidden content"': "",  # would hide a fold's own title from who hears the page
    '<div id="pst-primary-sidebar" class=': '<div role="navigation" aria-label="Book" id="pst-primary-sidebar" class=',
}
FACES = ".fa-solid, .fas, .fa-regular, .far, .fa-brands, .fab"
RULES = f"""\
{FACES} {{ display: inline-block; width: 1.15em; height: 1em; vertical-align: -0.125em; background: currentColor;
  -webkit-mask: var(--icon) center / contain no-repeat; mask: var(--icon) center / contain no-repeat; }}
{FACES.replace(",", "::before,")}::before {{ content: none; }}
.fa-lg {{ font-size: 1.25em; line-height: 0.05em; vertical-align: -0.075em; }}
.bd-article .admonition > .admonition-title::after {{ content: ""; font-family: inherit; height: 1em; width: 1em;
  opacity: 1; background: currentColor; -webkit-mask: var(--icon) center / contain no-repeat;
  mask: var(--icon) center / contain no-repeat; }}
@media (forced-colors: active) {{ {FACES} {{ background: CanvasText; }} }}
"""

BOXES = {  # what stands in the corner of a box; the theme takes these from a font of 156 kB
    "admonition": "circle-info",
    "exercise": "pencil",
    "tip": "lightbulb",
    "warning": "triangle-exclamation",
}


def icon_styles(script: str, names: set[str]) -> str:
    """CSS that draws these icons, `fa-` left off, cut out of Font Awesome's script. Unknown names draw nothing."""
    names = names | set(BOXES.values())
    drawn = {}
    for quoted, bare, width, height, aliases, path in ICON.findall(script):
        for name in [quoted or bare, *re.findall(r'"([\w-]+)"', aliases)]:
            if name in names:
                drawn.setdefault(name, (width, height, path))  # the solid face stands before the regular one
    rules = []
    for name, (width, height, path) in sorted(drawn.items()):  # circle-info before the special ones: see BOXES
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"><path d="{path}"/></svg>'
        boxes = [f".admonition.{kind} > .admonition-title" for kind, icon in BOXES.items() if icon == name]
        places = ", ".join([f".fa-{name}", *boxes])
        rules.append(f'{places} {{ --icon: url("data:image/svg+xml,{quote(svg, safe=" =:/")}"); }}')
    return RULES + "\n".join(rules) + "\n"


def keep_room(page: str) -> str:
    """A page whose formulas say how wide they will be, or how high if they stand by themselves."""

    def with_room(found: re.Match[str]) -> str:
        kind, tex = found.groups()
        box = formula_size(html.unescape(tex), display=kind == "div")
        room = box.above + box.below if kind == "div" else box.width
        return found[0].replace(" ", f' style="--room: {room * EX:.2f}ex" ', 1)

    return FORMULA.sub(with_room, page)


def _lazy(image: Path) -> str:
    """The beginning of an image's tag: it is fetched when the reader comes near, and holds its place until then."""
    if image.suffix == ".svg":
        found = SVG_SIZE.search(image.read_text(encoding="utf-8")[:2000])
        size = [round(float(points) * 4 / 3) for points in found.groups()] if found else None
    else:
        with Image.open(image) as opened:
            size = opened.size
    place = f'width="{size[0]}" height="{size[1]}" ' if size else ""
    return f'<img loading="lazy" {place}'


def finish(app: Sphinx, failure: Exception | None) -> None:
    """Rewrite the pages in place; a page that is finished already stays as it is."""
    if failure or app.builder.format != "html":
        return
    out = Path(app.outdir)
    names: set[str] = set()
    for path in out.rglob("*.html"):
        if "_static" in path.relative_to(out).parts:
            continue
        page = path.read_text(encoding="utf-8")
        names |= {name.removeprefix("fa-") for found in ICON_CLASS.findall(page) for name in found.split()}
        up = "../" * (len(path.relative_to(out).parts) - 1)
        lean = ICON_SCRIPT.sub(f'\n<link rel="stylesheet" href="{up}_static/icons.css" />', page)
        lean = PRELOADS.sub("", lean)
        lean = WAITING.sub("<script defer", lean)
        if 'class="math' not in page:
            lean = MATHJAX.sub("", lean)
        lean = keep_room(lean)
        lean = IMAGE.sub(lambda found, path=path: _lazy(path.parent / found.group(1)), lean)
        for fault, mended in MENDED.items():
            lean = lean.replace(fault, mended)
        if lean != page:
            path.write_text(lean, encoding="utf-8")
    script = out / "_static" / "scripts" / "fontawesome.js"
    if script.is_file():
        (out / "_static" / "icons.css").write_text(icon_styles(script.read_text(encoding="utf-8"), names))
