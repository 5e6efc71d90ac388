"""The site as a whole: described to those who only pass by, searched, and without what no page needs."""

import html
import re
import tomllib
from pathlib import Path
from urllib.parse import quote, urljoin

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PAGES = sorted(
    p.relative_to(SITE).as_posix()
    for p in SITE.rglob("*.html")
    if not {"_static", "slides"} & set(p.parts)
    and p.name != "404.html"
    and p != SITE / "index.html"  # it only leads on
)


@pytest.mark.parametrize("name", PAGES)
def test_head_says_what_the_page_is(site, name):
    page = (site / name).read_text(encoding="utf-8")
    text = re.search(r'<meta name="description" content="([^"]+)"', page).group(1)
    assert 40 <= len(text) <= 400  # escaped characters count several times
    assert 'property="og:image"' in page and (site / "_static" / "social.png").is_file()
    assert "fontawesome.js" not in page
    assert ("mathjax/startup" in page) == ("mathjax-pieces" in page) == ('class="math' in page)


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


def test_the_footer_names_the_version_and_what_changed(site):
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    for name in (page for page in PAGES if page.startswith("book/")):
        page = (site / name).read_text(encoding="utf-8")
        footer = page[page.index('<footer class="bd-footer-content"') :]
        assert f"Version {cff['version']}, {cff['date-released']}" in footer, name
        assert re.search(r'href="https://[^"]+/CHANGELOG\.md"', footer) and re.search(r'href="[^"]+\.pdf"', footer)


def test_one_version_everywhere():
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert cff["version"] == project["version"] == newest
    config = yaml.safe_load((ROOT / "_config.yml").read_text())
    assert (config["title"], config["author"]) == (cff["title"], ", ".join(one["name"] for one in cff["authors"]))


def test_the_page_says_how_to_cite_what_the_file_says(site):
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    page = html.unescape(re.sub(r"<[^>]+>", "", (site / "book/how-this-book-is-made.html").read_text()))
    told = f"{cff['authors'][0]['name']}: {cff['title']}. Version {cff['version']}, {cff['date-released']}."
    assert told in page and f"note = {{Version {cff['version']}}}" in page


def test_the_map_lists_every_page_at_its_own_address(site):
    listed = re.findall(r"<loc>([^<]+)</loc>", (site / "sitemap.xml").read_text())
    pages = [page for page in PAGES if page.startswith("book/")]
    assert sorted(listed) == sorted(
        re.search(r'rel="canonical" href="([^"]+)"', (site / page).read_text())[1] for page in pages
    )


def test_an_address_that_leads_nowhere_leads_home(site):
    page = (site / "404.html").read_text()
    home = re.search(r'rel="canonical" href="([^"]+)book/index.html"', (site / "book/index.html").read_text())[1]
    assert f'href="{home}book/index.html"' in page and f'action="{home}search.html"' in page


@pytest.mark.parametrize(
    ("old", "new"),
    [  # where these stood before the optional pages were written
        ("02-convolution-arithmetic.html#ex-conv-bell", "deeper/receptive-fields-measured.html#ex-conv-bell"),
        ("03-transposed-convolution.html#fig-transpose-towers", "deeper/checkerboards.html#fig-transpose-towers"),
        (
            "05-from-classifier-to-fcn.html#equation-eq-fcn-effective",
            "deeper/d2l-audited.html#equation-eq-fcn-effective",
        ),
        ("11-deeplabv3plus.html#ex-plus-bug", "deeper/half-a-cell.html#ex-plus-bug"),
    ],
)
def test_the_address_of_a_place_that_moved_leads_to_it(site, browser, old, new):
    page = browser.new_page()
    page.goto(f"{(site / 'book').as_uri()}/{old}")
    page.wait_for_url(f"**/book/{new}")
    assert page.locator(f"[id={new.split('#')[1]}]").count() == 1
    page.close()
