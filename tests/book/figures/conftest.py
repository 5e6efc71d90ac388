"""What the tests of the interactive figures share: each figure alone on a page, in a real browser."""

import importlib.util
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


def sample(name: str) -> ModuleType:
    """LABEL and DATA of a figure's test page: what a chapter could pass to `figures.show`."""
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


def opened(browser, path: Path, body: str, theme: str = "light", width: int = 768, script: bool = True):
    """A page in a context of its own, written to `path`."""
    path.write_text(PAGE.format(theme=theme, body=body), encoding="utf-8")
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=script)
    page = context.new_page()
    page.faults = []
    page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(path.as_uri())
    page.figure = page.locator("[data-segbook]").first
    page.drawn = lambda: page.evaluate(THREE_FRAMES)
    # What a reader sees: the same words may stand, some time later, in the region that is only spoken.
    page.shown = lambda text: page.get_by_text(text).and_(page.locator(":not(.sr)")).first.is_visible()
    return page


@pytest.fixture
def figure_page(browser, tmp_path):
    """figure_page(name, **data) opens a page with that figure alone and returns the page; data default to the sample's.

    `page.faults` lists what the console and the page complained about; `page.figure` finds the element; `page.drawn()`
    waits until what was asked for is drawn, which figures do in the next frame; `page.shown(text)` says whether a text
    can be seen.
    """
    pages = []

    def open_page(body: str, **options):
        pages.append(opened(browser, tmp_path / f"page{len(pages)}.html", body, **options))
        return pages[-1]

    def visit(*names: str, theme: str = "light", width: int = 768, script: bool = True, **data):
        return open_page(shown(*names, **data), theme=theme, width=width, script=script)

    visit.html = open_page
    yield visit
    for page in pages:
        page.context.close()


@pytest.fixture(scope="module")
def maths(browser, tmp_path_factory):
    """maths(name) returns call(function, *arguments): the figure's own arithmetic, run in the browser.

    One page serves all tests of a file, for the arithmetic keeps nothing from one call to the next.
    """
    folder, pages = tmp_path_factory.mktemp("maths"), {}

    def of(name: str):
        if name not in pages:
            pages[name] = opened(browser, folder / f"{name}.html", shown(name))

        def call(function: str, *arguments):
            return pages[name].figure.evaluate(
                "(node, [f, a]) => node.constructor.maths[f](...a)", [function, list(arguments)]
            )

        return call

    yield of
    for page in pages.values():
        page.context.close()
