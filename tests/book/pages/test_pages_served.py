"""Every built page served, wide and light: what it loads, shows and leads to."""

import gzip
import io
import re
from pathlib import Path
from urllib.parse import urlparse

import numpy as np
from PIL import Image

from segbook.plot import INK, ON_DARK

# Formulas whose kept room (see bookbuild.site.formula_size) is not what they take, in em of the formula. In the text
# the widths count, and are good; a displayed one's height may be less so.
MISJUDGED = """() => [...document.querySelectorAll("article .math")].flatMap(one => {
    const alone = one.matches("div"), set = one.querySelector(alone ? "mjx-math" : "mjx-container");
    const { width, height } = set.getBoundingClientRect(), em = parseFloat(getComputedStyle(set).fontSize);
    const off = (alone ? height : width) / em - 0.442 * parseFloat(one.style.getPropertyValue("--room"));
    return width && !(Math.abs(off) < (alone ? 0.5 : 0.25)) ? [[one.textContent, off]] : [];
})"""
PACKED = (".html", ".css", ".js", ".svg", ".json", ".txt")  # what a web server compresses


def test_a_served_page_reads_wide_and_light(light):
    light.check()


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
        light.narrow()
        light.check()
        light.widen()
        light.theme("dark")
        light.check()
    finally:
        light.widen()
        light.theme("light")


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


def test_a_formula_takes_the_room_that_was_kept_for_it(light):
    assert light.page.evaluate(MISJUDGED) == []


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


def test_the_figures_ink_follows_the_pages_own_switch(light, site):
    """Whatever the system prefers: words and axes of a plot are dark on the light page and light on the dark one."""
    found = light.page.locator("article img[src*='_images/'][src$='.svg']").all()
    files = [site / "_images" / Path(plot.get_attribute("src")).name for plot in found]
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


def test_no_accessibility_fault(light, violations):
    light.check_access(violations)
