"""Every built page as a reader meets it: in a browser, wide and narrow, light and dark, served and from a file.

Each page is opened twice, served to a wide screen in the light theme and from its file on a telephone in the dark one;
all tests look at those, and each is also seen in the other width and the other theme.
"""

import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlparse

import axe_playwright_python
import numpy as np
import pytest
from PIL import Image

from bookbuild import ROOT
from bookbuild.chapters import notebook_files, page_name
from segbook.plot import INK, ON_DARK

SITE = ROOT / "_build" / "html"
HTML = (p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if not {"_static", "slides"} & set(p.parts))
APART = ("index.html", "404.html")  # the root only leads on: see the last test; the other is for lost readers
PAGES = sorted(name for name in HTML if name not in APART)
CHAPTERS = [page_name(path) for path in notebook_files(ROOT)]  # and optional pages
AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
PACKED = (".html", ".css", ".js", ".svg", ".json", ".txt")  # what a web server compresses
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 900}
STILL = "* { transition: none !important; animation: none !important; }"  # colours fade in
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Formulas in the text that are cut off or leave their column, and names in tables that are torn apart.
MISSET = """() => {
    const formulas = [...document.querySelectorAll("article span.math mjx-container")].filter(one => {
        const box = one.closest("p, li, dd, td, th, h2, h3, summary, article").getBoundingClientRect();
        return [one, one.parentElement].some(part => getComputedStyle(part).overflowX === "hidden")
            || [...one.getClientRects()].some(part => part.right > box.right + 1);
    });
    const names = [...document.querySelectorAll("article table code .pre")].filter(
        one => !/[ -]/.test(one.textContent) && one.getClientRects().length > 1);
    return [...formulas, ...names].map(one => one.textContent);
}"""
# Formulas whose kept room (see bookbuild.site.formula_size) is not what they take, in em of the formula. In the text
# the widths count, and are good; a displayed one's height may be less so.
MISJUDGED = """() => [...document.querySelectorAll("article .math")].flatMap(one => {
    const alone = one.matches("div"), set = one.querySelector(alone ? "mjx-math" : "mjx-container");
    const { width, height } = set.getBoundingClientRect(), em = parseFloat(getComputedStyle(set).fontSize);
    const off = (alone ? height : width) / em - 0.442 * parseFloat(one.style.getPropertyValue("--room"));
    return width && !(Math.abs(off) < (alone ? 0.5 : 0.25)) ? [[one.textContent, off]] : [];
})"""
# axe-core looks at each element's surroundings: a page with 4000 coloured words of code takes a minute. Of those that
# look alike in a block of code one stays, the others become plain text, and formulas lose their glyphs, which no rule
# reads: a style draws them, and a reader of the screen gets MathML.
ONE_OF_EACH = """() => {
    for (const block of document.querySelectorAll('pre')) {
        const seen = new Set(), repeated = [];
        for (const word of block.querySelectorAll('span:not(:has(*), [id], [title], [role], [tabindex])')) {
            const style = getComputedStyle(word), above = getComputedStyle(word.parentElement).backgroundColor;
            const { color, backgroundColor, fontSize, fontWeight, opacity } = style;
            const short = word.textContent.trim().length < 2;  // axe-core does not judge a single character
            const look = [color, backgroundColor, above, fontSize, fontWeight, opacity, short].join();
            if (seen.has(look)) repeated.push(word);
            seen.add(look);
        }
        for (const word of repeated) word.replaceWith(word.textContent);
    }
    const formulas = document.querySelectorAll('mjx-math:not(:has(a, [tabindex], mjx-utext))');
    for (const drawn of formulas) drawn.replaceChildren();
}"""


@dataclass
class Reader:
    """A page that is open in a browser, and what its reader suffered and loaded."""

    name: str
    page: object
    faults: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)

    def settle(self) -> None:
        """Wait for formulas, fonts and a frame that shows them."""
        self.page.evaluate("window.MathJax?.startup?.promise?.then(() => 0)")
        self.page.evaluate("document.fonts.ready.then(() => 0)")
        self.page.evaluate(DRAWN)

    def theme(self, wanted: str) -> None:
        """The system changes its preference; the page follows."""
        self.page.emulate_media(color_scheme=wanted)
        self.page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=wanted)
        self.settle()

    def resize(self, size: dict) -> None:
        self.page.set_viewport_size(size)
        self.settle()


def read(browser, name: str, address: str, size: dict, theme: str) -> Iterator[Reader]:
    """Open an address until everything is loaded; note errors, warnings, and what comes from elsewhere."""
    context = browser.new_context(viewport=size, color_scheme=theme)
    reader = Reader(name, context.new_page())
    page, faults = reader.page, reader.faults
    own = "file:" if address.startswith("file:") else "/".join(address.split("/")[:3])
    page.on("pageerror", lambda e: faults.append(f"script error: {e}"))
    page.on("console", lambda m: m.type in ("error", "warning") and faults.append(f"console: {m.text}"))

    def asked(request) -> None:
        reader.asked.add(request.url)
        if not request.url.startswith((own, "data:", "blob:")):
            faults.append(f"external request: {request.url}")

    page.on("request", asked)
    page.on("requestfailed", lambda r: faults.append(f"request failed: {r.url}"))
    page.goto(address, wait_until="networkidle")
    reader.settle()
    yield reader
    context.close()


@pytest.fixture(scope="module", params=PAGES)
def light(request, server, browser) -> Iterator[Reader]:
    """A page on a wide screen in the light theme, from a server."""
    yield from read(browser, request.param, server + request.param, WIDE, "light")


@pytest.fixture(scope="module", params=PAGES)
def dark(request, site, browser) -> Iterator[Reader]:
    """A page on a telephone in the dark theme, without a server."""
    yield from read(browser, request.param, (site / request.param).as_uri(), NARROW, "dark")


def check_reading(reader: Reader) -> None:
    assert not reader.faults
    overflow = reader.page.evaluate(OVERFLOW)
    assert overflow <= 1, f"the page scrolls {overflow} px sideways"


def faults_of_access(reader: Reader, rules: str = "") -> list:
    """What axe-core finds. The page has then lost what is there many times: no other test looks at it afterwards."""
    reader.page.emulate_media(reduced_motion="reduce")
    reader.page.add_style_tag(content=STILL)
    reader.resize(WIDE)
    reader.page.evaluate(ONE_OF_EACH)
    reader.page.evaluate(AXE)
    found = reader.page.evaluate(f"axe.run({rules})")["violations"]
    return [(v["id"], [(n["target"], n["failureSummary"]) for n in v["nodes"][:3]]) for v in found]


def test_a_served_page_reads_wide_and_light(light):
    check_reading(light)


def test_a_page_reads_from_its_file_narrow_and_dark(dark):
    check_reading(dark)


def test_formulas_and_names_are_whole_on_a_phone(dark):
    dark.resize(NARROW)
    assert dark.page.evaluate(MISSET) == []


def test_a_formula_takes_the_room_that_was_kept_for_it(light):
    assert light.page.evaluate(MISJUDGED) == []


def test_a_page_is_light_before_the_reader_does_anything(light, site):
    """At most 1 MB over the wire from a server that compresses."""
    total = 0
    for path in {urlparse(url).path.lstrip("/") for url in light.asked}:
        file = site / path
        if file.is_file():
            total += len(gzip.compress(file.read_bytes())) if file.suffix in PACKED else file.stat().st_size
    assert 0 < total <= 1_000_000, f"{total:,} bytes"


def test_the_other_width_and_theme_served(light):
    """What is not opened anew: narrow and light, wide and dark."""
    try:
        light.resize(NARROW)
        check_reading(light)
        light.resize(WIDE)
        light.theme("dark")
        check_reading(light)
    finally:
        light.resize(WIDE)
        light.theme("light")


def test_the_other_width_and_theme_from_its_file(dark):
    """Wide and dark, wide and light."""
    dark.resize(WIDE)
    check_reading(dark)
    try:
        dark.theme("light")
        check_reading(dark)
    finally:
        dark.theme("dark")


def test_content_of_a_page(light):
    page = light.page
    if light.name.startswith("book/"):
        assert page.locator("article.bd-article h1").count() == 1
    assert page.locator(".search-button-field").count() <= 1, "two search fields"
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('article img')]"
        ".filter(i => !i.hidden && !i.alt.trim() || /_images\\//.test(i.alt)).map(i => i.src)"
    )
    assert not unlabelled, f"images without alternative text: {unlabelled}"
    prose = page.evaluate(
        "(() => { const a = document.querySelector('article')?.cloneNode(true); if (!a) return '';"
        "a.querySelectorAll('pre, code, mjx-container, script, style').forEach(e => e.remove());"
        "return a.textContent })()"
    )
    raw = re.findall(r"\{[a-z:]+\}`|\\\(|\$\$|```", prose)
    assert not raw, f"raw markup in the page: {raw}"
    math_errors = page.locator("mjx-merror").count()
    assert not math_errors, f"{math_errors} formulas that MathJax could not read"


def test_every_image_loads(light):
    """Also those that wait until the reader comes near."""
    broken = light.page.evaluate(
        "Promise.all([...document.images].map(async (image) => { image.loading = 'eager';"
        "await image.decode().catch(() => 0); return image.naturalWidth ? '' : image.src }))"
    )
    assert not list(filter(None, broken)), f"images that do not load: {broken}"


def ink(image: bytes, colour: str) -> int:
    """Pixels of a screenshot that have a colour like #20242b, give or take."""
    pixels = np.asarray(Image.open(io.BytesIO(image)).convert("RGB")).astype(int)
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels - wanted).max(-1) < 30).sum())


def test_the_figures_ink_follows_the_pages_own_switch(light):
    """Whatever the system prefers: words and axes of a plot are dark on the light page and light on the dark one."""
    found = light.page.locator("article img[src*='_images/'][src$='.svg']").all()
    files = [SITE / "_images" / Path(plot.get_attribute("src")).name for plot in found]
    texts = [file.read_text(encoding="utf-8") for file in files]
    plots = [plot for plot, text in zip(found, texts) if "prefers-color-scheme" in text and "<text" in text]
    try:
        for plot in plots[:2]:
            for theme, shown in (("light", INK), ("dark", ON_DARK[INK])):
                light.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
                plot.scroll_into_view_if_needed()
                plot.evaluate("image => image.decode()")
                light.settle()
                told = f"{theme}: {plot.get_attribute('alt')!r}"
                assert ink(plot.screenshot(), shown) > 20, f"no ink for this theme, {told}"
    finally:
        light.page.evaluate("document.documentElement.dataset.theme = 'light'")
    assert not light.faults


def test_no_plate_lies_behind_what_brings_its_own_ink_in_the_dark(dark):
    """The theme lays a light one behind every output; a block diagram or a figure stands on the page itself."""
    behind = """node => {
        const found = [];
        for (let one = node.parentElement; one.localName !== 'article'; one = one.parentElement)
            found.push(getComputedStyle(one).backgroundColor);
        return found;
    }"""
    for one in dark.page.locator("article div.output.text_html > :is(svg.segbook-plot, [data-segbook])").all():
        assert set(one.evaluate(behind)) == {"rgba(0, 0, 0, 0)"}, one.get_attribute("aria-label")


def test_no_accessibility_fault(light):
    assert faults_of_access(light) == []


def test_no_accessibility_fault_in_the_dark(dark):
    """Only the colours are others."""
    assert faults_of_access(dark, "{runOnly: ['color-contrast', 'link-in-text-block']}") == []


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


@pytest.mark.parametrize("from_file", [False, True], ids=["served", "file"])
def test_the_root_leads_to_the_home_page(server, site, browser, from_file):
    root = site.as_uri() + "/" if from_file else server
    page = browser.new_page()
    page.goto(root + "index.html")
    page.wait_for_url(root + "book/index.html")
    assert page.locator("article.bd-article h1").inner_text().startswith("Segmentation from the ground up")
    page.close()
