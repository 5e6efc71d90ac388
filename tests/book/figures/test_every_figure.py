"""What holds for every interactive figure: it starts, fits, is accessible, and disturbs nobody."""

import pytest

from segbook import figures

FIGURES = figures.names()
LARGE = {"transposed-convolution", "receptive-field", "confusion"}  # these may take 24 kB of script, the others 12
RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"],
    "dark": ["color-contrast", "link-in-text-block"],  # only the colours are others
}


@pytest.mark.parametrize("name", FIGURES)
def test_script_is_small(name):
    size = (figures.FOLDER / f"{name}.js").stat().st_size
    assert size <= (24_000 if name in LARGE else 12_000)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("name", FIGURES)
def test_starts_fits_and_is_accessible(figure_page, violations, name, width, theme):
    page = figure_page(name, width=width, theme=theme)
    assert page.figure.evaluate("node => node.shadowRoot !== null"), "the figure did not start"
    assert page.figure.evaluate("node => node.hasAttribute('dark')") is (theme == "dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.faults == []
    assert violations(page, *RULES[theme]) == []


@pytest.mark.parametrize("name", FIGURES)
def test_every_control_answers_the_keyboard(figure_page, name):
    """Each slider moves by an arrow key, each button is reached by Tab, and nothing complains."""
    page = figure_page(name)
    for slider in page.figure.locator("input[type=range]").all():
        if slider.is_visible() and slider.is_enabled():
            slider.focus()
            page.keyboard.press("ArrowRight")
            page.keyboard.press("ArrowLeft")
    for button in page.figure.locator("button").all():
        if button.is_visible() and button.is_enabled():
            button.focus()
            page.keyboard.press("Enter")
    page.drawn()
    assert page.faults == []
    assert page.figure.evaluate("node => getComputedStyle(node).display") != "none"


@pytest.mark.parametrize("name", FIGURES)
def test_without_javascript_a_picture_and_a_sentence_remain(figure_page, name):
    page = figure_page(name, script=False)
    assert "This figure moves where JavaScript runs" in page.locator("[data-segbook] p").inner_text()
    image = page.locator("[data-segbook] img")
    assert image.get_attribute("alt")
    assert image.bounding_box()["width"] > 200


def test_figures_on_one_page_do_not_disturb_each_other(figure_page):
    page = figure_page(*FIGURES, *FIGURES[:1])
    started = page.locator("[data-segbook]").evaluate_all("nodes => nodes.map(node => node.shadowRoot !== null)")
    assert started == [True] * (len(FIGURES) + 1)
    assert page.faults == []


def test_one_that_fails_leaves_its_picture_and_the_others(figure_page):
    good = figures.show(FIGURES[0], label="The first.").html()
    broken = good.replace('<script type="application/json">{', '<script type="application/json">{ no JSON', 1)
    other = figures.show(FIGURES[0], label="The other.").html()
    page = figure_page.html(broken + other)
    first, second = page.locator("[data-segbook]").all()
    assert "could not start" in first.inner_text()
    assert first.locator("img").is_visible()
    assert second.evaluate("node => node.shadowRoot !== null")


def test_data_cannot_end_the_script(figure_page):
    evil = "</script><script>window.broken = true</script><!-- & \u2028 <script>"
    page = figure_page(FIGURES[0], note=evil)
    assert page.evaluate("window.broken") is None
    assert page.figure.evaluate("node => node.data.note") == evil


def test_the_theme_may_change_later(figure_page):
    page = figure_page(FIGURES[0])
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function("document.querySelector('[data-segbook]').hasAttribute('dark')")
