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


@pytest.fixture
def figure_page(browser, tmp_path):
    """figure_page(name, **data) opens a page with that figure alone and returns the page; data default to the sample's.

    `page.faults` lists what the console and the page complained about; `page.figure` finds the element; `page.drawn()`
    waits until what was asked for is drawn, which figures do in the next frame.
    """
    contexts = []

    def visit(*shown: str, theme: str = "light", width: int = 768, script: bool = True, **data):
        body = ""
        for name in shown:
            module = sample(name)
            body += figures.show(name, label=module.LABEL, **{**module.DATA, **data}).html()
        return open_page(body, theme, width, script)

    def open_page(body: str, theme: str = "light", width: int = 768, script: bool = True):
        path = tmp_path / f"page{len(contexts)}.html"
        path.write_text(PAGE.format(theme=theme, body=body), encoding="utf-8")
        context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=script)
        contexts.append(context)
        page = context.new_page()
        page.faults = []
        page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.goto(path.as_uri())
        page.figure = page.locator("[data-segbook]").first
        page.drawn = lambda: page.evaluate(THREE_FRAMES)
        return page

    visit.html = open_page
    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def maths(figure_page):
    """maths(name) returns call(function, *arguments): the figure's own arithmetic, run in the browser."""

    def of(name: str):
        page = figure_page(name)

        def call(function: str, *arguments):
            return page.figure.evaluate(
                "(node, [f, a]) => node.constructor.maths[f](...a)", [function, list(arguments)]
            )

        return call

    return of
