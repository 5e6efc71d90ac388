"""Every built page as a reader meets it: in a browser, wide and narrow, light and dark, served and from a file."""

import re
from urllib.parse import unquote, urldefrag, urljoin

import pytest

from bookbuild import ROOT
from bookbuild.chapters import chapter_files

SITE = ROOT / "_build" / "html"
HTML = (p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if "_static" not in p.parts)
PAGES = sorted(name for name in HTML if name != "index.html")  # the root only leads on: see the last test
CHAPTERS = [path.stem for path in chapter_files(ROOT)]


@pytest.fixture
def visit(browser):
    """A function that opens an address and returns the page and what a reader would suffer."""
    contexts = []

    def open_page(address: str, width: int = 1280, theme: str = "light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        page, faults = context.new_page(), []
        own = address if address.startswith("file:") else "/".join(address.split("/")[:3])
        prefixes = ("file:",) if own.startswith("file:") else (own,)
        page.on("pageerror", lambda e: faults.append(f"script error: {e}"))
        page.on("console", lambda m: m.type in ("error", "warning") and faults.append(f"console: {m.text}"))
        page.on(
            "request",
            lambda r: r.url.startswith((*prefixes, "data:", "blob:")) or faults.append(f"external request: {r.url}"),
        )
        page.on("requestfailed", lambda r: faults.append(f"request failed: {r.url}"))
        page.goto(address, wait_until="load")
        page.evaluate("window.MathJax?.startup?.promise?.then(() => 0)")
        page.wait_for_timeout(100)
        return page, faults

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", PAGES)
def test_page_reads_without_a_fault(server, visit, name, width, theme):
    page, faults = visit(server + name, width, theme)
    assert not faults
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 1, f"the page scrolls {overflow} px sideways"


@pytest.mark.parametrize("name", PAGES)
def test_page_reads_from_a_file(visit, site, name):
    _, faults = visit((site / name).as_uri())
    assert not faults


@pytest.mark.parametrize("name", [p for p in PAGES if p.startswith("book/")])
def test_content_of_a_page(server, visit, name):
    page, _ = visit(server + name)
    assert page.locator("article.bd-article h1").count() == 1
    assert page.locator(".search-button-field").count() <= 1, "two search fields"
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('article img')]"
        ".filter(i => !i.alt.trim() || /_images\\//.test(i.alt)).map(i => i.src)"
    )
    assert not unlabelled, f"images without alternative text: {unlabelled}"
    broken = page.evaluate("[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)")
    assert not broken, f"images that do not load: {broken}"
    prose = page.evaluate(
        "(() => { const a = document.querySelector('article').cloneNode(true);"
        "a.querySelectorAll('pre, code, mjx-container, script, style').forEach(e => e.remove());"
        "return a.textContent })()"
    )
    raw = re.findall(r"\{[a-z:]+\}`|\\\(|\$\$|```", prose)
    assert not raw, f"raw markup in the page: {raw}"
    math_errors = page.locator("mjx-merror").count()
    assert not math_errors, f"{math_errors} formulas that MathJax could not read"


@pytest.mark.parametrize("name", PAGES)
def test_internal_links_lead_somewhere(site, name):
    text = (site / name).read_text()
    text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    for link in re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', text):
        target, fragment = urldefrag(urljoin(f"https://book/{name}", link.replace("&amp;", "&")))
        if not target.startswith("https://book/"):
            continue
        path = site / unquote(target.removeprefix("https://book/").split("?")[0])
        assert path.is_file(), f"{name} links to {link}, which is not there"
        if fragment and path.suffix == ".html":
            assert re.search(rf'\bid="{re.escape(unquote(fragment))}"', path.read_text()), (
                f"{name}: no anchor for {link}"
            )


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_download_button_serves_the_clean_notebook(site, chapter):
    page = (site / "book" / f"{chapter}.html").read_text()
    assert f'notebooks/{chapter}.ipynb"' in page
    assert (site / "notebooks" / f"{chapter}.ipynb").read_bytes() == (ROOT / "book" / f"{chapter}.ipynb").read_bytes()
    assert not (site / "_sources").exists(), "the raw source, solutions included, is served beside the pages"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_colab_button_opens_the_exported_notebook(site, chapter):
    config = (ROOT / "_config.yml").read_text()
    repository = re.search(r"url: https://github.com/(\S+)", config).group(1)
    page = (site / "book" / f"{chapter}.html").read_text()
    assert f"https://colab.research.google.com/github/{repository}/blob/main/book/{chapter}.ipynb" in page


@pytest.mark.parametrize("name", [p for p in PAGES if p.startswith("book/")])
def test_theme_switch_reaches_the_figures(server, visit, name):
    """A figure's ink follows the page's own switch, whatever the system prefers."""
    page, faults = visit(server + name, theme="light")
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert not faults


@pytest.mark.parametrize("from_file", [False, True], ids=["served", "file"])
def test_the_root_leads_to_the_home_page(server, site, browser, from_file):
    root = site.as_uri() + "/" if from_file else server
    page = browser.new_page()
    page.goto(root + "index.html")
    page.wait_for_url(root + "book/index.html")
    assert page.locator("article.bd-article h1").inner_text().startswith("Segmentation from the ground up")
    page.close()
