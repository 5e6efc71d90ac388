"""Formulas in a real browser: set piece by piece in their order, without moving the text, and never missing."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from bookbuild import ROOT

WINDOW = {"width": 1350, "height": 940}
SITE = ROOT / "_build" / "html"
COUNTS = {p.name: p.read_text(encoding="utf-8").count('class="math ') for p in sorted((SITE / "book").glob("*.html"))}
MOST = "book/" + max(COUNTS, key=COUNTS.get, default="")  # the page with the most formulas
SET = "[...document.querySelectorAll('.math')].map(one => one.querySelectorAll('mjx-container').length)"
# Which formulas came together: an observer is told after each task.
WATCH = """
window.pieces = [];
new MutationObserver(changes => {
    const nodes = changes.flatMap(change => [...change.addedNodes]).filter(node => node.localName === "mjx-container");
    const all = [...document.querySelectorAll(".math")];
    if (nodes.length) pieces.push(nodes.map(node => all.indexOf(node.parentElement)).sort((a, b) => a - b));
}).observe(document, { childList: true, subtree: true });
window.shift = 0;
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.shift += entry.hadRecentInput ? 0 : entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""
# The pieces, which wait with a bare `setTimeout(done)` of a promise, get no turn before `release()`.
HELD = """
const original = window.setTimeout, native = /native code/;
window.setTimeout = (then, ...rest) => {
    if (rest.length || !native.test(then)) return original(then, ...rest);
    window.release = () => { window.setTimeout = original; then(); };
};
"""


@contextmanager
def opened(browser, address: str, script: str = WATCH, *, finished: bool = True, **options) -> Iterator:
    """A page that is loaded, with all its formulas if it can be finished."""
    context = browser.new_context(viewport=WINDOW, **options)
    page = context.new_page()
    page.add_init_script(script)
    page.goto(address, wait_until="load")
    if finished:
        page.evaluate("MathJax.startup.promise.then(() => 0)")
    yield page
    context.close()


def raw_is_read(page) -> bool:
    return page.locator(".math").first.is_visible() and r"\(" in page.locator(".math").first.inner_text()


@pytest.mark.parametrize("address", ["server", "file"])
def test_all_formulas_are_set_in_pieces_from_top_to_bottom(site, server, browser, address):
    with opened(browser, (server if address == "server" else site.as_uri() + "/") + MOST) as page:
        assert page.evaluate(SET) == [1] * COUNTS[MOST.removeprefix("book/")]
        pieces = page.evaluate("pieces")
        assert len(pieces) > 10 and max(map(len, pieces)) <= 10, [len(piece) for piece in pieces]
        shown = page.evaluate("[...document.querySelectorAll('.math')].map(one => one.getClientRects().length > 0)")
        unfolded = [n for n in sum(pieces, []) if shown[n]]  # what is folded may come last
        assert unfolded == sorted(unfolded)
        spoken = page.evaluate("document.querySelectorAll('.math mjx-assistive-mml > math').length")
        assert spoken == COUNTS[MOST.removeprefix("book/")]


def test_from_an_anchor_the_formulas_in_view_are_first_and_the_target_stays(server, browser):
    top = "document.getElementById('exercises').getBoundingClientRect().top"
    with opened(browser, f"{server}{MOST}#exercises") as page:
        pieces = page.evaluate("pieces")
        first = pieces[0][0]
        assert (
            0
            < first
            == page.evaluate(
                "[...document.querySelectorAll('.math')].findIndex(one => one.getBoundingClientRect().bottom > 0)"
            )
        )
        assert 0 in sum(pieces[1:], []), "what stands above comes later"
        landed = page.evaluate(top)
        page.evaluate("document.getElementById('exercises').scrollIntoView()")
        assert 0 <= landed < WINDOW["height"] / 2 and abs(page.evaluate(top) - landed) < 30


@pytest.mark.parametrize(
    "name",
    [
        "10-aspp-and-deeplabv3",
        "deeper/half-a-cell",
        "deeper/holes-and-multi-grid",
        "deeper/many-gpus-and-16-bits",
        "deeper/pad-100-crop-19",
    ],
)
def test_the_text_stays_where_it_is_when_its_formulas_are_set(server, browser, name):
    with opened(browser, f"{server}book/{name}.html") as page:
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert page.evaluate("shift") < 0.05


def test_paper_does_not_wait_for_the_pieces(server, browser):
    with opened(browser, server + MOST, HELD, finished=False) as page:
        page.wait_for_function("!!window.MathJax?.typeset")
        assert not any(page.evaluate(SET))
        page.pdf()
        assert all(page.evaluate(SET))


def test_formulas_are_read_raw_where_no_script_runs(server, browser):
    with opened(browser, server + MOST, finished=False, java_script_enabled=False) as page:
        assert raw_is_read(page)


@pytest.mark.parametrize("lost", ["startup.js", "output/chtml.js"])
def test_formulas_are_read_raw_where_mathjax_does_not_come(server, browser, lost):
    context = browser.new_context(viewport=WINDOW)
    context.route(f"**/mathjax/{lost}*", lambda route: route.abort())
    page = context.new_page()
    page.goto(server + MOST)
    page.locator(".math").first.wait_for(state="visible")
    assert raw_is_read(page)
    context.close()


@pytest.mark.parametrize("width", [WINDOW["width"], 390])
def test_a_formula_that_waits_is_not_seen_and_keeps_its_room(server, browser, width):
    heights = "[...document.querySelectorAll('div.math')].map(one => one.getBoundingClientRect().height)"
    with opened(browser, server + MOST, HELD, finished=False) as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("!!window.release")
        assert not page.locator(".math").first.is_visible()
        kept, whole = page.evaluate(heights), page.evaluate("document.body.scrollHeight")
        page.evaluate("release()")
        page.evaluate("MathJax.startup.promise.then(() => document.fonts.ready).then(() => 0)")
        taken = page.evaluate(heights)
        assert len(taken) > 5 and all(abs(a - b) < 30 for a, b in zip(kept, taken)), list(zip(kept, taken))
        assert abs(page.evaluate("document.body.scrollHeight") - whole) < 60
