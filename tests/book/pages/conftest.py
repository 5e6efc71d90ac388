"""What the tests of the built pages share: a page as a reader meets it, served to a wide screen or from its file.

Each page is opened twice, served to a wide screen in the light theme and from its file on a telephone in the dark one;
all tests look at those, and each is also seen in the other width and the other theme.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from bookbuild import ROOT

SITE = ROOT / "_build" / "html"
HTML = (p.relative_to(SITE).as_posix() for p in SITE.rglob("*.html") if not {"_static", "slides"} & set(p.parts))
APART = ("index.html", "404.html")  # the root only leads on, the other is for lost readers: test_site.py has both
PAGES = sorted(name for name in HTML if name not in APART)
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 900}
STILL = "* { transition: none !important; animation: none !important; }"  # colours fade in
DRAWN = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
READY = f"async () => {{ await window.MathJax?.startup?.promise; await document.fonts.ready; await ({DRAWN})(); }}"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
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
    own: str = ""  # how addresses begin that are the book's
    faults: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    awaited: list = field(default_factory=list)

    def asks(self, request) -> None:
        self.asked.add(request.url)
        self.awaited.append(request)
        if not request.url.startswith((self.own, "data:", "blob:")):
            self.faults.append(f"external request: {request.url}")

    def fails(self, request) -> None:
        self.awaited.remove(request)
        self.faults.append(f"request failed: {request.url}")

    def settle(self) -> None:
        """Wait for formulas, fonts, a frame that shows them, and all that was asked for."""
        self.page.evaluate(READY)
        if self.awaited:
            self.page.wait_for_load_state("networkidle")
            self.page.evaluate(DRAWN)

    def theme(self, wanted: str) -> None:
        """The system changes its preference; the page follows."""
        self.page.emulate_media(color_scheme=wanted)
        self.page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=wanted)
        self.settle()

    def widen(self) -> None:
        self.page.set_viewport_size(WIDE)
        self.settle()

    def narrow(self) -> None:
        self.page.set_viewport_size(NARROW)
        self.settle()

    def check(self) -> None:
        """Nothing went wrong, and the page is no wider than its window."""
        assert not self.faults
        overflow = self.page.evaluate(OVERFLOW)
        assert overflow <= 1, f"the page scrolls {overflow} px sideways"

    def check_access(self, violations, *rules: str) -> None:
        """The page has then lost what is there many times: no other test looks at it afterwards."""
        self.page.emulate_media(reduced_motion="reduce")
        self.page.add_style_tag(content=STILL)
        self.widen()
        self.page.evaluate(ONE_OF_EACH)
        assert violations(self.page, *rules) == []


@pytest.fixture(scope="module")
def tab(browser):
    """A page that all tests share, one after the other: a new one costs more than most do in it."""
    page = browser.new_page()
    page.on("pageerror", lambda e: page.reader.faults.append(f"script error: {e}"))
    page.on("console", lambda m: m.type in ("error", "warning") and page.reader.faults.append(f"console: {m.text}"))
    page.on("request", lambda r: page.reader.asks(r))
    page.on("requestfinished", lambda r: page.reader.awaited.remove(r))
    page.on("requestfailed", lambda r: page.reader.fails(r))
    yield page
    page.close()


def read(page, name: str, address: str, size: dict, theme: str) -> Iterator[Reader]:
    """Open an address until everything is loaded, as on a first visit; what comes from elsewhere is a fault."""
    page.reader = Reader(name, page, "file:" if address.startswith("file:") else "/".join(address.split("/")[:3]))
    page.set_viewport_size(size)
    page.emulate_media(color_scheme=theme, reduced_motion="null")
    page.goto(address)
    page.reader.settle()
    yield page.reader
    page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.goto("about:blank")


@pytest.fixture(scope="module", params=PAGES)
def light(request, server, tab) -> Iterator[Reader]:
    """A page on a wide screen in the light theme, from a server."""
    yield from read(tab, request.param, server + request.param, WIDE, "light")


@pytest.fixture(scope="module", params=PAGES)
def dark(request, site, tab) -> Iterator[Reader]:
    """A page on a telephone in the dark theme, without a server."""
    yield from read(tab, request.param, (site / request.param).as_uri(), NARROW, "dark")
