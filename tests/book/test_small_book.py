"""A small book with optional pages and all that a chapter may hold: what the pages show, as their notebooks do."""

import re
from pathlib import Path

import pytest
from PIL import Image

from bookbuild.chapters import read_book
from bookbuild.notebooks.export import export
from bookbuild.notebooks.labels import Library

CHAPTER = """# A chapter

*Reading 1 min · running 1 s on 2 CPU cores*

```{memory}
- What is $a$?

  It is *one*: {doc}`deeper/holes`.
- What of two?

  Nothing, {eq}`eq-one`.
- And three?

  More.

  And more.
```

```{figure} _static/photos/red.webp
:name: fig-photo
:alt: A red square.
Red. *Picture: nobody.*
```

$$
a
$$ (eq-one)

More in {doc}`deeper/holes`: {numref}`fig-a`, {eq}`eq-a`, {ref}`ex-a`, {numref}`tab-b` and {eq}`eq-b`.

```{code-cell} ipython3
---
tags: [hide-input]
mystnb:
  figure: {name: fig-drawn, caption: A line.}
  image: {alt: A line.}
---
# Draw <the> line
from matplotlib import pyplot as plt
plt.plot([1, 2])
plt.show()
```

```{code-cell} ipython3
:tags: [hide-input]
print("untitled")
```

```{code-cell} ipython3
:tags: [remove-cell]
# Guard the prose
guarded = True
```

```{code-cell} ipython3
FULL = False  # @param {type:"boolean"}
NAME = "a"    # @param ["a", "b"]
# A comment that stays.
print(FULL, NAME, guarded)
```
"""
HOLES = """# Holes

*Reading 1 min · running 1 s on 2 CPU cores*

Back to {doc}`../01-a` with {eq}`eq-one`, {numref}`fig-photo` and {numref}`fig-a`.

```{figure} ../_static/photos/red.webp
:name: fig-a
:alt: A red square.
Red.
```

```{figure} ../_static/photos/red.webp
:name: fig-second
:alt: A red square.
Red.
```

$$
a
$$ (eq-a)

```{code-cell} ipython3
1 + 1
```

## Exercises

```{exercise} First
:label: ex-a
Do it.
```

```{exercise} Second
:label: ex-b
Do it.
```
"""
PADS = """# Pads

*Reading 1 min · running 1 s on 2 CPU cores*

```{figure} ../_static/photos/red.webp
:name: fig-pads
:alt: A red square.
Red.
```

```{table} Numbers
:name: tab-b
| a |
|---|
| 1 |
```

$$
a
$$

$$
b
$$ (eq-b)

See {eq}`eq-b` and {ref}`ex-c`.

```{exercise} Third
:label: ex-c
Do it.
```
"""
NAMES = ("01-a", "deeper/holes", "deeper/pads")
NUMBERS = {
    "equation": r'id="equation-([\w-]+)">\s*<span class="eqno">\(([\d.]+)\)',
    "figure": r'<figure[^>]* id="([\w-]+)">.*?<span class="caption-number">Figure ([\d.]+) ',
    "table": r'<table[^>]* id="([\w-]+)">\s*<caption><span class="caption-number">Table ([\d.]+) ',
    "exercise": r'class="exercise admonition" id="([\w-]+)">.*?<span class="caption-number">Exercise ([\d.]+) ',
}


@pytest.fixture(scope="module")
def book(small_book, tmp_path_factory):
    """The book, exported and built; its log."""
    book = small_book(tmp_path_factory.mktemp("small"))
    (book.root / "book/_static/photos").mkdir(exist_ok=True)
    Image.new("RGB", (40, 30), "red").save(book.root / "book/_static/photos/red.webp")
    book.page("01-a", CHAPTER)
    book.page("deeper/holes", HOLES, toc="- caption: Deeper\n  chapters:\n")
    book.page("deeper/pads", PADS)
    texts, errors = export(book.root)
    assert not errors and len(texts) == 3
    for path, text in texts.items():
        path.write_text(text)
    status, log = book.build()
    assert status == 0, log
    return book


def html(book, name: str) -> str:
    return book.path(f"_build/html/book/{name}.html").read_text()


def words(text: str) -> str:
    """What a reader sees of a piece of HTML."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def test_numbers_of_pages_and_notebooks_are_equal(book):
    library = Library(read_book(book.root))
    for name in NAMES:
        found = {}
        for pattern in NUMBERS.values():
            found |= dict(re.findall(pattern, html(book, name), re.DOTALL))
        targets = library.targets.items()
        assert found == {label: target.number for label, target in targets if target.page == f"book/{name}"} and found
    assert (library.targets["fig-pads"].number, library.targets["ex-c"].number) == ("1", "1")
    told = re.search(r"<p>More in .*?</p>", html(book, "01-a"))[0]
    assert words(told) == "More in Holes : Figure 1 , (1) , Exercise 1 , Table 1 and (1) ."
    told = re.search(r"<p>Back to .*?</p>", html(book, "deeper/holes"))[0]
    assert words(told) == "Back to A chapter with (1.1) , Figure 1.1 and Figure 1 ."
    assert re.findall(r"<h1>(.*?)<a", html(book, "deeper/holes")) == ["Holes"]


def test_a_second_build_runs_no_cell_and_writes_no_page_again(book):
    status, log = book.build()
    assert status == 0 and "no targets are out of date" in log and "executing" not in log.lower(), log


def test_buttons_lead_to_the_notebook_of_an_optional_page(book):
    page = html(book, "deeper/holes")
    served = book.path("_build/html/notebooks/deeper/holes.ipynb")
    assert served.read_bytes() == book.path("book/deeper/holes.ipynb").read_bytes()
    assert 'href="../../notebooks/deeper/holes.ipynb"' in page
    assert re.search(r"colab\.research\.google\.com/github/\S+/blob/main/book/deeper/holes\.ipynb", page)
    assert 'href="../notebooks/01-a.ipynb"' in html(book, "01-a")
    assert '<a class="reference internal" href="../01-a.html">' in page


def test_a_photograph_is_served(book):
    for name in NAMES:
        sources = re.findall(r'<img [^>]*alt="A red square\."[^>]*>', html(book, name))
        assert sources and all('loading="lazy"' in source and 'width="40" height="30"' in source for source in sources)
        for source in sources:
            target = Path(f"_build/html/book/{name}").parent / re.search(r'src="([^"]+)"', source)[1]
            assert book.path(target).is_file()


def test_folds_have_the_titles_of_their_cells(book):
    page = html(book, "01-a")
    titles = re.findall(r"<summary>\s*<p class=\"collapsed[^>]*>(.*?)</p>\s*<p class=\"expanded[^>]*>(.*?)</p>", page)
    assert titles == [
        ("Draw &lt;the&gt; line", "Draw &lt;the&gt; line"),
        ("Show code cell source", "Hide code cell source"),
    ]
    assert "Toggle hidden content" not in page, "it would be read instead of the title"
    cells = [words(cell) for cell in re.findall(r'<div class="highlight.*?</pre>', page, re.DOTALL)]
    assert "Draw" not in cells[0] and cells[0].startswith("from matplotlib"), "the title is said once"
    assert "guarded = True" not in " ".join(cells)
    assert "@param" not in page and cells[3].startswith('FULL = False NAME = "a" # A comment that stays.')


def test_memory_without_a_browser(book):
    page = html(book, "01-a")
    box = page[page.index('aria-label="From memory"') :]
    folds = re.findall(r'<details class="fold">\s*<summary><span>(.*?)</span></summary>(.*?)</details>', box, re.DOTALL)
    assert [words(title) for title, _ in folds] == ["What is \\(a\\) ?", "What of two?", "And three?"]
    assert words(folds[0][1]) == "It is one : Holes ." and words(folds[2][1]) == "More. And more."


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no scripts"])
def test_what_is_folded_opens_and_closes_by_keyboard(browser, book, scripts, theme):
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, java_script_enabled=scripts, color_scheme=theme
    )
    page = context.new_page()
    page.goto(book.path("_build/html/book/01-a.html").as_uri())
    assert page.get_by_role("group", name="From memory").count() == 1
    for title, folded in (("What of two?", "Nothing, "), ("Draw <the> line", "import pyplot")):
        summary = page.locator("summary").filter(has_text=title)
        inside = page.locator("details").filter(has_text=title).locator("p, pre").filter(has_text=folded)
        assert not inside.is_visible()
        summary.focus()
        page.keyboard.press("Enter")
        assert inside.is_visible()
        assert summary.filter(has_text=title).is_visible(), "an open fold still says what it is"
        page.keyboard.press("Space")
        assert not inside.is_visible()
    if scripts:
        overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert overflow <= 1
    context.close()
