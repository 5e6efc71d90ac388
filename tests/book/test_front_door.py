"""Home page, how to use this book, reading comforts: as a reader meets them, in a small book of the real front pages.

The chapters are stubs with their real titles and times; one more holds a question, a term and a card.
"""

import gzip
import re
import shutil
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest
import yaml

from bookbuild import ROOT
from bookbuild.chapters import chapter_files
from bookbuild.site.serve import serving

STUB = """

The front pages lead to this page, and it says how long it takes.
"""
COMFORTS = """# Bilinear kernels

*Reading 28 min · running 15 s on 2 CPU cores*

A pixel may be {term}`void`, and {term}`void` it stays. See {term}`stride`.

```{question}
:answer: B

How many?

- One.

  No.
- Two.

  They are two.
```

```{admonition} On a card
- One.
- Two.
```

Text behind the card.
"""
REAL = ("index", "how-to-use", "glossary", "bibliography")
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def door(small_book, tmp_path_factory) -> Path:
    """The folder of the built pages."""
    book = small_book(tmp_path_factory.mktemp("door"))
    shutil.copy(ROOT / "_toc.yml", book.root)
    for path in (ROOT / "book").rglob("*.md"):
        text = path.read_text(encoding="utf-8")
        if path.stem not in REAL:
            text = "\n\n".join(re.findall(r"^# .+$|^\*Reading .+$", text, re.MULTILINE)[:2]) + STUB
        if path.stem == "04-bilinear-kernels":
            text = COMFORTS
        target = book.path(path.relative_to(ROOT).as_posix())
        target.parent.mkdir(exist_ok=True)
        target.write_text(text, encoding="utf-8")
    settings = yaml.safe_load(book.path("_config.yml").read_text(encoding="utf-8"))
    settings["execute"]["execute_notebooks"] = "off"
    book.path("_config.yml").write_text(yaml.safe_dump(settings))
    status, log = book.build()
    assert status == 0, log
    return book.path("_build/html")


@pytest.fixture
def visit(browser, door):
    """visit("index", ...) opens a page from its file; `page.faults` lists what its reader would suffer."""
    contexts = []

    def open_page(name="index", width=1280, theme="light", address="", **options):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, **options)
        contexts.append(context)
        page = context.new_page()
        page.faults, page.asked = [], []
        page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address or (door / "book" / f"{name}.html").as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()


# --- the home page ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "width", "theme"),
    [("index", 1280, "light"), ("index", 390, "dark"), ("how-to-use", 1280, "dark"), ("how-to-use", 390, "light")],
)
def test_the_front_pages_fit_and_are_accessible(visit, violations, name, width, theme):
    page = visit(name, width, theme, reduced_motion="reduce")
    assert page.faults == [] and page.evaluate(OVERFLOW) <= 1
    assert violations(page) == []


def test_ten_seconds(visit):
    """What is on the first screen: the name, one line, three buttons, a photograph with its answer."""
    page = visit(reduced_motion="reduce")
    ways = page.locator(".ways a")
    assert [way.inner_text() for way in ways.all()] == ["Read it", "Run it on Colab", "Teach with it"]
    config = yaml.safe_load((ROOT / "_config.yml").read_text())["repository"]
    colab = f"https://colab.research.google.com/github{urlparse(config['url']).path}/blob/{config['branch']}/book/"
    targets = [way.get_attribute("href") for way in ways.all()]
    assert targets == ["01-pixels-to-labels.html", f"{colab}01-pixels-to-labels.ipynb", "instructors-guide.html"]
    for seen in (page.locator("article h1"), ways.first, page.locator("segment-picture img").first):
        box = seen.bounding_box()
        assert box["y"] + box["height"] < 900, "it is below the first screen"
    text = page.locator("article").inner_text()
    assert not re.search(r"`|\*\*|\]\(|\{\w+\}", text.split("Cite this book")[0]), "raw Markdown"


def test_the_answer_comes_over_the_photograph_and_stays(visit):
    page = visit()
    veil = page.locator("segment-picture img.veil")
    page.wait_for_selector("segment-picture[data-ready]")
    poster, over = page.locator("segment-picture img").first.bounding_box(), veil.bounding_box()
    right = {"x": poster["x"] + 0.504 * poster["width"], "y": poster["y"], "width": 0.496 * poster["width"]}
    assert over == pytest.approx(right | {"height": poster["height"]}, abs=1), "it does not cover the answer"
    page.wait_for_function("document.querySelector('img.veil').getAnimations().every(a => a.playState === 'finished')")
    assert veil.evaluate("node => getComputedStyle(node).clipPath") == "inset(0px 0px 0px 100%)"
    still = visit(reduced_motion="reduce")
    assert not still.locator("segment-picture img.veil").is_visible()


def test_the_path_shows_every_chapter_with_its_times(visit, door):
    page = visit(width=390)
    cards = page.locator(".path > li")
    chapters = chapter_files(ROOT)
    assert cards.count() == len(chapters)
    for card, path in zip(cards.all(), chapters):
        reading, running = re.search(r"Reading (\d+ min) · running (.+) on 2", path.read_text()).groups()
        assert card.locator(".path-minutes").inner_text() == f"{reading} · runs {running}"
        assert (
            card.locator("img").get_attribute("alt") and card.locator("a").get_attribute("href") == f"{path.stem}.html"
        )
    page.locator(".path > li").nth(2).click(position={"x": 40, "y": 40})  # its picture: the whole card leads there
    page.wait_for_url("**/03-transposed-convolution.html")


def test_without_javascript_pictures_stand_in(visit):
    page = visit(width=390, java_script_enabled=False)
    assert page.locator("segment-picture img").first.is_visible()
    assert not page.locator("segment-picture img.veil").is_visible()
    assert page.locator("segment-picture p").is_visible() and page.locator("[data-segbook] img").is_visible()
    assert page.locator(".family svg").count() == 4
    assert page.locator("article").bounding_box()["width"] <= 390


def test_the_family_is_drawn_in_its_colours_and_leads_to_its_chapters(visit):
    page = visit(theme="dark")
    names = [link.inner_text() for link in page.locator(".family a").all()]
    assert names == ["FCN-32s", "FCN-8s", "dilated FCN", "DeepLabv3+"]
    fill = page.locator(".family svg").nth(1).locator("rect").last.evaluate("node => getComputedStyle(node).fill")
    assert fill == "rgb(47, 207, 159)"


def test_the_thread_moves(visit):
    page = visit(width=390)
    page.get_by_title("One step forward").click()
    page.wait_for_function("document.querySelector('[data-segbook]').state.name === 'conv5_1'")
    assert page.faults == []


def test_the_home_page_is_light(visit, door):
    """At most 1 MB over the wire from a server that compresses, before the reader does anything."""
    with serving(door) as address:
        page = visit(address=f"{address}book/index.html")
        page.wait_for_load_state("networkidle")
    total = 0
    for path in {unquote(urlparse(url).path).lstrip("/") for url in page.asked}:
        if (file := door / path).is_file():
            packed = file.suffix in (".html", ".css", ".js", ".svg", ".json")
            total += len(gzip.compress(file.read_bytes())) if packed else file.stat().st_size
    assert 0 < total <= 1_000_000, f"{total:,} bytes"


# --- reading comforts -------------------------------------------------------------------------------------------------

CHAPTER = "04-bilinear-kernels"


def term(page, place=0):
    return page.locator("a[aria-describedby='about-term-void']").nth(place)


def test_a_term_explains_itself_to_mouse_and_keyboard(visit, violations, door):
    page = visit(CHAPTER, width=390)
    note = page.locator("#about-term-void")
    meaning = note.text_content()
    entry = re.search(r'id="term-void">.*?<dd><p>(.*?)</p>', (door / "book/glossary.html").read_text(), re.DOTALL)[1]
    assert re.sub(r"<[^>]+>", "", entry).endswith(meaning) and not re.search("[\u4e00-\u9fff]", meaning)
    assert note.get_attribute("role") == "tooltip" and not note.is_visible()
    term(page).hover()
    assert note.is_visible()
    page.clock.install()
    note.hover()
    page.clock.run_for(1000)
    assert note.is_visible(), "the mouse may rest on it"
    page.keyboard.press("Escape")
    assert not note.is_visible()
    term(page, 1).focus()
    box = note.bounding_box()
    assert note.is_visible() and box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert violations(page) == []
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelector('#about-term-void').hidden")
    assert page.locator("#about-term-stride").is_visible()


def test_each_script_is_named(door):
    """Simplified and traditional characters share their numbers: without a language the wrong shapes are drawn."""
    page = (door / "book/glossary.html").read_text(encoding="utf-8")
    entries = re.findall(r"<dd>\s*<p>(.*?)</p>", page, re.DOTALL)
    scripts = r'<span lang="zh-Hans">[^<]+</span> · <span lang="zh-Hant">[^<]+</span>\. '
    assert len(entries) > 70 and all(re.match(scripts, entry) for entry in entries)
    assert 'lang="zh-Hans">消融实验</span> · <span lang="zh-Hant">消融實驗<' in page


def test_a_tap_explains_and_the_next_one_leads_to_the_glossary(visit):
    page = visit(CHAPTER, width=390, has_touch=True)
    term(page).tap()
    assert page.locator("#about-term-void").is_visible() and CHAPTER in page.url
    page.locator("article h1").tap()
    assert not page.locator("#about-term-void").is_visible()
    term(page).tap()
    term(page).tap()
    page.wait_for_url("**/glossary.html#term-void")


def test_an_answered_question_keeps_its_tick_until_it_is_forgotten(visit, door):
    page = visit(CHAPTER)
    page.locator("summary", has_text="One.").click()
    assert page.locator(".tick").count() == 0, "a wrong answer is none"
    page.locator("summary", has_text="Two.").click()
    page.locator(".tick").wait_for()
    page.reload()
    assert page.locator(".question .tick").inner_text() == "✓ answered"
    page.goto((door / "book" / "how-to-use.html").as_uri())
    forget = page.locator(".forget")
    assert forget.inner_text().startswith("Answered in this browser: 1 question.")
    forget.get_by_role("button").click()
    assert forget.inner_text() == "This browser remembers no answered question."
    page.goto((door / "book" / f"{CHAPTER}.html").as_uri())
    assert page.locator(".question").count() == 1 and page.locator(".tick").count() == 0


@pytest.mark.parametrize("stored", ["no JSON", "{}", "null", None], ids=str)
def test_a_browser_that_remembers_nothing_disturbs_nobody(browser, door, stored):
    context = browser.new_context()
    broken = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('denied'); } })"
    context.add_init_script(broken if stored is None else f"localStorage.setItem('segbook-answered', {stored!r})")
    page, faults = context.new_page(), []
    page.on("pageerror", lambda error: "denied" not in str(error) and faults.append(str(error)))
    page.goto((door / "book" / f"{CHAPTER}.html").as_uri())
    page.locator("summary", has_text="Two.").click()
    page.locator(".tick").wait_for()
    assert page.locator(".print-card").count() == 1 and faults == []
    context.close()


def test_a_card_is_printed_alone(visit):
    page = visit(CHAPTER)
    page.evaluate("window.print = () => { window.printed = document.documentElement.className; }")
    page.locator(".on-a-card").get_by_role("button", name="Print this card").click()
    assert "printing-card" in page.evaluate("window.printed")
    page.emulate_media(media="print")
    assert page.locator(".on-a-card li").first.is_visible()
    for other in ("article h1", ".question", "text=Text behind the card", ".print-card", ".bd-sidebar-primary"):
        assert not page.locator(other).first.is_visible(), other
    title = page.locator(".on-a-card").evaluate("node => getComputedStyle(node, '::before').content")
    assert title == '"Bilinear kernels"'
    page.emulate_media(media="screen")
    page.evaluate("window.dispatchEvent(new Event('afterprint'))")
    assert page.locator("article h1").is_visible()
    page.emulate_media(media="print")
    assert page.locator(".question").is_visible(), "the page itself is printed whole"
