"""The site as a whole: described to those who only pass by, searched, and without what no page needs."""

import re
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PAGES = sorted(
    p.relative_to(SITE).as_posix()
    for p in SITE.rglob("*.html")
    if "_static" not in p.parts and p != SITE / "index.html"  # the root only leads on
)


@pytest.mark.parametrize("name", PAGES)
def test_head_says_what_the_page_is(site, name):
    page = (site / name).read_text(encoding="utf-8")
    text = re.search(r'<meta name="description" content="([^"]+)"', page).group(1)
    assert 40 <= len(text) <= 400  # escaped characters count several times
    assert 'property="og:image"' in page and (site / "_static" / "social.png").is_file()
    assert "fontawesome.js" not in page
    assert ("mathjax/tex" in page) == ('class="math' in page)


def test_descriptions_differ(site):
    chapters = [page for page in PAGES if page.startswith("book/")]
    texts = [re.search(r'name="description" content="([^"]+)"', (site / p).read_text()).group(1) for p in chapters]
    assert len(set(texts)) == len(texts)


def test_every_icon_that_is_shown_is_drawn(site):
    css = (site / "_static" / "icons.css").read_text()
    for name in PAGES:
        for icon in re.findall(r'class="(?:fa-solid|fas|fab|fa-brands|far) (fa-[\w-]+)', (site / name).read_text()):
            assert re.search(rf"\.{icon}[ ,]", css), f"{icon} in {name}"


def test_scripts_of_figures_are_not_searched(site):
    index = (site / "searchindex.js").read_text(encoding="utf-8").lower()
    assert "transpos" in index, "the text is"
    for word in ("customelements", "attachshadow", "getcomputedstyle", "queryselectorall"):
        assert word not in index


@pytest.mark.parametrize(
    ("asked", "chapter"),
    [
        ("receptive field", "02-convolution-arithmetic"),
        ("Mean IoU", "01-pixels-to-labels"),
        ("skip connections", "07-skip-connections"),
        ("gridding", "09-dilated-convolution"),
        ("test-time augmentation", "12-inference-any-size"),
    ],
)
def test_search_shows_the_chapter_that_explains_a_term_first(server, browser, asked, chapter):
    page = browser.new_page()
    page.goto(f"{server}search.html?q={quote(asked)}")
    first = page.locator("ul.search li a").first
    page.wait_for_function("document.querySelector('.search-summary')?.textContent.includes('found')")
    assert f"/book/{chapter}.html" in urljoin(page.url, first.get_attribute("href"))
    page.close()
