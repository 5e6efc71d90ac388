"""Every built page from its file, narrow and dark, as on a telephone without a server."""

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


def test_a_page_reads_from_its_file_narrow_and_dark(dark):
    dark.check()


def test_formulas_and_names_are_whole_on_a_phone(dark):
    assert dark.page.evaluate(MISSET) == []


def test_the_other_width_and_theme_from_its_file(dark):
    """Wide and dark, wide and light."""
    dark.widen()
    dark.check()
    try:
        dark.theme("light")
        dark.check()
    finally:
        dark.theme("dark")


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


def test_no_accessibility_fault_in_the_dark(dark, violations):
    """Only the colours are others."""
    dark.check_access(violations, "color-contrast", "link-in-text-block")
