"""A deck of slides from a small book, its session in the guide, and what the guide says of minutes."""

import io
import re

import pytest
from bs4 import BeautifulSoup
from pypdf import PdfReader

from bookbuild import ROOT
from bookbuild.chapters import chapter_files
from bookbuild.site.teaching import exercises
from bookbuild.slides.__main__ import make

CHAPTER = """# Bilinear kernels

*Reading 28 min · running 1 s on 2 CPU cores*

A paragraph that no slide needs.

**What you will be able to do**

- upsample by hand.

```{memory}
- One?

  First answer.
- Two?

  Second answer.
- Three?

  Third answer.
```

## The tent

**Guess** what comes out. See {doc}`02-b`.

```{figure} _static/network/poster.webp
:name: fig-tent
:alt: A tent.
A tent.
```

```{question}
:answer: A

What is $f$?

- A factor.

  It is.
- A film.

  It is not.
```

## Summary

```{admonition} On a card
- Tents add up.
```

## Exercises

```{exercise} Odd
:label: ex-odd
*8 min, level 1.* Upsample by 3.
```

````{solution} ex-odd
:class: dropdown
A secret.
````

```{exercise} Even
:label: ex-even
*12 min, level 2.* Upsample by 4.
```

````{solution} ex-even
:class: dropdown
Another secret.
````
"""
GUIDE = """# Guide

Together: {minutes}`all`.

## Sessions

### Session 1 · {doc}`01-a`

- *Before:* {minutes}`01-a`. In the room: {slides}`01-a`.
- *In pairs:* {ref}`ex-odd`.
- *At home:* {ref}`ex-even`.
- *Discuss:* frozen or learned?
- *Exit:* what comes out *in a corner*?
- *Answer:* 0.5625.
"""
DEPARTS = {1: 25, 3: 25, 13: 55}  # sessions with another time for exercises, and how much they have
PAIRS = 35  # minutes


@pytest.fixture(scope="module")
def book(small_book, tmp_path_factory):
    book = small_book(tmp_path_factory.mktemp("slides"))
    second = "# B\n\n*Reading 4 min · running 1 s on 2 CPU cores*\n\nMore.\n"
    for name, text in (("01-a", CHAPTER), ("02-b", second), ("instructors-guide", GUIDE)):
        book.page(name, text).write_text(text)  # without a kernel: no cell runs
    status, log = book.build()
    assert status == 0, log
    return book


@pytest.fixture(scope="module")
def deck(book) -> BeautifulSoup:
    written = make(book.path("_build/html"))
    assert [path.name for path in written] == ["01-a.html"]
    return BeautifulSoup(written[0].read_text(), "html.parser")


def test_the_guide_counts_minutes_and_leads_to_the_deck(book):
    page = book.path("_build/html/book/instructors-guide.html").read_text()
    assert "28 minutes of reading and 20 minutes of exercises" in page
    assert "0.5 hours of reading and 0.5 hours of exercises" in page
    assert 'href="../slides/01-a.html"' in page


def test_a_deck_has_what_the_chapter_shows_and_the_exit_question_last(deck):
    titles = [slide.find(["h1", "h2"]).get_text() for slide in deck.select(".slide")]
    assert titles == [
        "1. Bilinear kernels",
        "Goals",
        "From memory",
        "The tent",
        "The tent",
        "Check yourself",
        "On a card",
        "Exercise 1.1 (Odd)",
        "Discuss",
        "Exit question",
    ]
    last = deck.select(".slide")[-1]
    assert "what comes out in a corner?" in last.get_text() and last.details.get_text() == "Answer0.5625."
    assert "secret" not in str(deck) and "no slide needs" not in str(deck)
    assert not deck.select("details[open]"), "answers open when the class has guessed"


def test_links_and_pictures_of_a_deck_are_there(deck, book):
    folder = book.path("_build/html/slides")
    for tag in deck.select("a[href], img[src], link[href], script[src]"):
        way = re.sub(r"[?#].*", "", tag.get("href") or tag.get("src"))
        assert (folder / way).is_file(), way
    assert any(link["href"] == "../book/02-b.html" for link in deck.select("a[href]"))


def test_keys_turn_the_slides_and_each_is_a_sheet(browser, deck, book):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto(book.path("_build/html/slides/01-a.html").as_uri())
    at = "() => [...document.querySelectorAll('.slide')].findIndex(s => s.getBoundingClientRect().bottom > 360)"
    for key, number in (("ArrowRight", 1), ("PageDown", 2), ("ArrowLeft", 1), ("ArrowLeft", 0), ("ArrowLeft", 0)):
        page.keyboard.press(key)
        page.wait_for_function(f"({at})() === {number}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    sheets = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
    assert len(sheets) == len(deck.select(".slide"))
    page.close()


def test_what_a_session_does_in_pairs_fits_into_it():
    minutes = {}
    for path in chapter_files(ROOT):
        minutes |= exercises(path.read_text(encoding="utf-8"))
    guide = (ROOT / "book/instructors-guide.md").read_text(encoding="utf-8")
    found = re.findall(r"### Session (\d+) · \{doc\}`([\w-]+)`(.*?)(?=\n##)", guide, re.DOTALL)
    assert [name for _, name, _ in found] == [path.stem for path in chapter_files(ROOT)]
    for number, name, told in found:
        room = re.search(r"\*In pairs:\* (.*)", told)[1]
        labels = re.findall(r"\{ref\}`(ex-[\w-]+)`", room)
        taken = sum(minutes[label] for label in labels)
        assert 15 <= taken <= DEPARTS.get(int(number), PAIRS), (name, taken)
        assert re.search(r"\*Exit:\* \S", told) and f"{{minutes}}`{name}`" in told and f"{{slides}}`{name}`" in told
