"""The site as a whole: accessible, light, and described to those who only pass by."""

import gzip
import re
from pathlib import Path
from urllib.parse import quote, urljoin, urlparse

import axe_playwright_python
import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PAGES = sorted(
    p.relative_to(SITE).as_posix()
    for p in SITE.rglob("*.html")
    if "_static" not in p.parts and p != SITE / "index.html"  # the root only leads on
)
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PACKED = (".html", ".css", ".js", ".svg", ".json", ".txt")  # what a web server compresses


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_accessibility_fault(server, browser, name, theme):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme=theme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(server + name)
    page.evaluate("window.MathJax?.startup?.promise?.then(() => 0)")
    page.add_style_tag(content="* { transition: none !important; animation: none !important; }")  # colours fade in
    page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
    page.wait_for_timeout(200)
    page.evaluate(AXE)
    rules = "axe.run()" if theme == "light" else "axe.run({runOnly: ['color-contrast', 'link-in-text-block']})"
    found = page.evaluate(rules)["violations"]  # in the dark only the colours are others
    context.close()
    assert [(v["id"], [(n["target"], n["failureSummary"]) for n in v["nodes"][:3]]) for v in found] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_light_before_the_reader_does_anything(server, browser, site, name):
    """At most 1 MB over the wire from a server that compresses."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, asked = context.new_page(), set()
    page.on("request", lambda request: asked.add(urlparse(request.url).path.lstrip("/")))
    page.goto(server + name, wait_until="networkidle")
    context.close()
    total = 0
    for path in asked:
        file = site / path
        if file.is_file():
            total += len(gzip.compress(file.read_bytes())) if file.suffix in PACKED else file.stat().st_size
    assert total <= 1_000_000, f"{total:,} bytes"


@pytest.mark.parametrize("name", PAGES)
def test_head_says_what_the_page_is(site, name):
    page = (site / name).read_text(encoding="utf-8")
    text = re.search(r'<meta name="description" content="([^"]+)"', page).group(1)
    assert 40 <= len(text) <= 400  # escaped characters count several times
    assert 'property="og:image"' in page and (site / "_static" / "social.png").is_file()
    assert "fontawesome.js" not in page
    assert ("mathjax/tex" in page) == ('class="math' in page)


def test_descriptions_differ(site):
    chapters = [page for page in PAGES if page.startswith("book/")]
    texts = [re.search(r'name="description" content="([^"]+)"', (site / p).read_text()).group(1) for p in chapters]
    assert len(set(texts)) == len(texts)


def test_every_icon_that_is_shown_is_drawn(site):
    css = (site / "_static" / "icons.css").read_text()
    for name in PAGES:
        for icon in re.findall(r'class="(?:fa-solid|fas|fab|fa-brands|far) (fa-[\w-]+)', (site / name).read_text()):
            assert re.search(rf"\.{icon}[ ,]", css), f"{icon} in {name}"


def test_scripts_of_figures_are_not_searched(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8").lower()
    assert "transpos" in index, "the text is"
    for word in ("customelements", "attachshadow", "getcomputedstyle", "queryselectorall"):
        assert word not in index


@pytest.mark.parametrize(
    ("asked", "chapter"),
    [
        ("receptive field", "02-convolution-arithmetic"),
        ("Mean IoU", "01-pixels-to-labels"),
        ("skip connections", "07-skip-connections"),
        ("gridding", "09-dilated-convolution"),
        ("test-time augmentation", "12-inference-any-size"),
    ],
)
def test_search_shows_the_chapter_that_explains_a_term_first(server, browser, asked, chapter):
    page = browser.new_page()
    page.goto(f"{server}search.html?q={quote(asked)}")
    first = page.locator("ul.search li a").first
    page.wait_for_function("document.querySelector('.search-summary')?.textContent.includes('found')")
    assert f"/book/{chapter}.html" in urljoin(page.url, first.get_attribute("href"))
    page.close()
