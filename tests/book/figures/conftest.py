"""What the tests of the interactive figures share: each figure alone on a page, in a real browser."""

import functools
import importlib.util
import itertools
import json
from pathlib import Path
from types import ModuleType

import pytest

from segbook import figures

SAMPLES = Path(__file__).parent / "samples"
PAGE = (
    "<!doctype html><html lang='en' data-theme='{theme}'><head><meta charset='utf-8'><title>Figures</title>"
    "<meta name='viewport' content='width=device-width'><style>"
    "html {{ background: #fff; color: #20242b; --pst-color-background: #fff }}"
    "html[data-theme=dark] {{ background: #14181e; color: #e8eaed; color-scheme: dark;"
    " --pst-color-background: #14181e }}"
    "body {{ margin: 0 12px; font: 16px system-ui }}</style></head>"
    "<body><main><h1>Figures</h1>{body}</main></body></html>"
)

FRAME = "await new Promise(requestAnimationFrame);"
THREE_FRAMES = f"async () => {{ {3 * FRAME} }}"  # one observes a change, one draws, one shows it

# As text: to hand over ten thousand numbers one by one takes a second.
CALL = """([name, given]) => {
    const found = document.querySelector("[data-segbook]").constructor.maths[name](...JSON.parse(given));
    return JSON.stringify(found ?? null, (_, value) => (Number.isNaN(value) ? "NaN" : value));
}"""


@functools.cache
def sample(name: str) -> ModuleType:
    """LABEL and DATA of a figure's test page, what a chapter could pass to `figures.show`: to compute takes seconds."""
    path = SAMPLES / f"{name.replace('-', '_')}.py"
    spec = importlib.util.spec_from_file_location(f"figure_sample_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def shown(*names: str, **data) -> str:
    """The HTML of figures; data default to the samples'."""
    modules = {name: sample(name) for name in names}
    return "".join(
        figures.show(name, label=modules[name].LABEL, **{**modules[name].DATA, **data}).html() for name in names
    )


def tab(browser, script: bool = True):
    """A page in a context of its own; `page.faults` lists what the console and the page complain about."""
    page = browser.new_page(java_script_enabled=script)
    page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.figure = page.locator("[data-segbook]").first
    page.drawn = lambda: page.evaluate(THREE_FRAMES)
    # What a reader sees: the same words may stand, some time later, in the region that is only spoken.
    page.shown = lambda text: page.get_by_text(text).and_(page.locator(":not(.sr)")).first.is_visible()
    return page


def opened(page, path: Path, body: str, theme: str = "light", width: int = 768):
    """Open figures, written to `path`, in a page as if it were new."""
    path.write_text(PAGE.format(theme=theme, body=body), encoding="utf-8")
    page.faults = []
    page.mouse.move(0, 0)
    page.emulate_media(reduced_motion="null")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(path.as_uri())
    return page


@pytest.fixture(scope="session")
def tab_of(browser):
    """tab_of(script) is a page that all tests share, one after the other: a new one costs more than most do in it."""
    return functools.cache(functools.partial(tab, browser))


@pytest.fixture
def figure_page(tab_of, tmp_path):
    """figure_page(name, **data) opens that figure alone and returns the page, drawn; data default to the sample's.

    `page.faults` lists what the console and the page complained about; `page.figure` finds the element; `page.drawn()`
    waits until what was asked for is drawn, which figures do in the next frame; `page.shown(text)` says whether a text
    can be seen. A test has one page: the next call opens other figures in it.
    """
    number = itertools.count()

    def open_page(body: str, script: bool = True, **options):
        page = opened(tab_of(script), tmp_path / f"page{next(number)}.html", body, **options)
        if script:
            page.drawn()
        return page

    def visit(*names: str, theme: str = "light", width: int = 768, script: bool = True, **data):
        return open_page(shown(*names, **data), theme=theme, width=width, script=script)

    visit.html = open_page
    return visit


@pytest.fixture(scope="module")
def maths(browser, tmp_path_factory):
    """maths(name) returns call(function, *arguments): the figure's own arithmetic, run in the browser.

    One page serves all tests of a file, for the arithmetic keeps nothing from one call to the next.
    """
    folder, pages = tmp_path_factory.mktemp("maths"), {}

    def of(name: str):
        if name not in pages:
            pages[name] = opened(tab(browser), folder / f"{name}.html", shown(name))

        def call(function: str, *arguments):
            return json.loads(pages[name].evaluate(CALL, [function, json.dumps(arguments)]))

        return call

    yield of
    for page in pages.values():
        page.close()
