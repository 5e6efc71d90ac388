"""The site as a whole: described to those who only pass by, searched, and without what no page needs."""

import functools
import html
import re
import tomllib
from pathlib import Path
from urllib.parse import quote, unquote, urldefrag, urljoin

import pytest
import yaml

from bookbuild import ROOT
from bookbuild.chapters import notebook_files, page_name

SITE = ROOT / "_build" / "html"
PAGES = sorted(
    p.relative_to(SITE).as_posix()
    for p in SITE.rglob("*.html")
    if not {"_static", "slides"} & set(p.parts)
    and p.name != "404.html"
    and p != SITE / "index.html"  # it only leads on
)
CHAPTERS = [page_name(path) for path in notebook_files(ROOT)]  # and optional pages


@functools.cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


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


@pytest.mark.parametrize("name", PAGES)
def test_internal_links_lead_somewhere(site, name):
    text = read(site / name)
    text = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    for link in re.findall(r'<a\b[^>]*?\bhref="([^"]*)"', text):
        target, fragment = urldefrag(urljoin(f"https://book/{name}", link.replace("&amp;", "&")))
        if not target.startswith("https://book/"):
            continue
        path = site / unquote(target.removeprefix("https://book/").split("?")[0])
        assert path.is_file(), f"{name} links to {link}, which is not there"
        if fragment and path.suffix == ".html":
            assert re.search(rf'\bid="{re.escape(unquote(fragment))}"', read(path)), f"{name}: no anchor for {link}"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_download_button_serves_the_clean_notebook(site, chapter):
    page = (site / "book" / f"{chapter}.html").read_text()
    assert f'notebooks/{chapter}.ipynb"' in page
    assert (site / "notebooks" / f"{chapter}.ipynb").read_bytes() == (ROOT / "book" / f"{chapter}.ipynb").read_bytes()
    assert not (site / "_sources").exists(), "the raw source, solutions included, is served beside the pages"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_colab_button_opens_the_exported_notebook(site, chapter):
    config = (ROOT / "_config.yml").read_text()
    repository = re.search(r"url: https://github.com/(\S+)", config).group(1)
    page = (site / "book" / f"{chapter}.html").read_text()
    assert f"https://colab.research.google.com/github/{repository}/blob/main/book/{chapter}.ipynb" in page


@pytest.mark.parametrize("from_file", [False, True], ids=["served", "file"])
def test_the_root_leads_to_the_home_page(server, site, browser, from_file):
    root = site.as_uri() + "/" if from_file else server
    page = browser.new_page()
    page.goto(root + "index.html")
    page.wait_for_url(root + "book/index.html")
    assert page.locator("article.bd-article h1").inner_text().startswith("Segmentation from the ground up")
    page.close()
