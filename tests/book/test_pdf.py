"""The PDF of a small book: pages and outline, links that stay inside, all that opens open, every figure there."""

import re
import subprocess
import sys

import pytest
from PIL import Image
from pypdf import PdfReader

from bookbuild import chromium
from bookbuild.pdf.join import headings

CHAPTER = """# A chapter

*Reading 1 min · running 1 s on 2 CPU cores*

```{memory}
- One?

  First answer.
- Two?

  Second answer.
- Three?

  Third answer.
```

## A section

To {doc}`deeper/holes`, {numref}`fig-red`, {ref}`ex-far` and {eq}`eq-one`. The file is
[elsewhere](https://example.org).

$$
a = b
$$ (eq-one)

```{figure} _static/photos/red.webp
:name: fig-red
:alt: A red square.
Red.
```

```{code-cell} ipython3
:tags: [hide-input]
# Draw what moves
from segbook import figures
plumbing = 1
figures.show("bilinear-kernel", label="A kernel that moves.")
```

```{code-cell} ipython3
print("code in" " view")
```

```{question}
:answer: B

Which?

- This.

  Not this.
- That.

  Certainly that.
```

## Exercises

```{exercise} Near
:label: ex-near
*5 min, level 1.* Do it.
```

````{solution} ex-near
:class: dropdown
The near solution.
````

## Going deeper

Further.
"""
HOLES = """# Holes

Back to {doc}`../01-a` and {ref}`ex-near`.

| wide | table |
|---|---|
| @ | @ |

## A section

```{exercise} Far
:label: ex-far
*5 min, level 1.* Do it.
```

````{solution} ex-far
:class: dropdown
The far solution.
````
""".replace("@", "a_name_that_is_very_long_and_cannot_be_broken_anywhere_since_it_has_no_space " * 2)


@pytest.fixture(scope="module")
def printed(small_book, tmp_path_factory) -> PdfReader:
    """The book, printed. What would stick out of its page is an error already."""
    if chromium() is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    book = small_book(tmp_path_factory.mktemp("pdf"))
    (book.root / "book/_static/photos").mkdir(exist_ok=True)
    Image.new("RGB", (40, 30), "red").save(book.root / "book/_static/photos/red.webp")
    book.page("01-a", CHAPTER)
    book.page("deeper/holes", HOLES, toc="- caption: Deeper\n  chapters:\n").write_text(HOLES)  # no cell runs
    status, log = book.build()
    assert status == 0, log
    pdf = book.path("_build/html/book.pdf")
    command = [sys.executable, "-m", "bookbuild.pdf", str(book.path("_build/html")), str(pdf), "--root", str(book.root)]
    done = subprocess.run(command, capture_output=True, text=True)  # this process has a browser of its own open
    assert done.returncode == 0, done.stderr
    assert not list(book.path("_build").glob("tmp*")), "what was printed from is gone"
    return PdfReader(pdf)


@pytest.fixture(scope="module")
def text(printed) -> list[str]:
    return [page.extract_text() for page in printed.pages]


def annotations(reader: PdfReader):
    for page in reader.pages:
        for one in page.get("/Annots") or []:
            yield one.get_object()


def test_outline_and_pages(printed, text):
    titles = [entry.title for entry in headings(printed.outline)]
    assert titles == [
        "Contents",
        "Home",
        "1. A chapter",
        "A section",
        "Exercises",
        "Going deeper",
        "Solutions",
        "Holes",
        "A section",
        "Solutions",
    ]
    assert 6 <= len(printed.pages) <= 10
    top = [entry for entry in printed.outline if not isinstance(entry, list)]
    begins = {entry.title: printed.get_destination_page_number(entry) for entry in top}
    assert list(begins.values()) == sorted(set(begins.values())), "each page of the site begins a page"
    for title, number in begins.items():
        assert title.removeprefix("1. ") in text[number]
    listed = dict(re.findall(r"(Home|1\. A chapter|Holes) ?(\d+)$", text[1], re.MULTILINE))
    assert {title: int(number) - 1 for title, number in listed.items()} == {t: begins[t] for t in listed} and len(
        listed
    ) == 3
    assert text[begins["1. A chapter"]].count("1. A chapter") >= 1, "its title runs above"
    assert "Version" in text[0] and printed.metadata.title.startswith("Segmentation from the ground up")


def test_links_stay_inside_and_arrive(printed):
    inside, outside = [], []
    for one in annotations(printed):
        if one.get("/Subtype") != "/Link":
            continue
        action = one.get("/A")
        if action and action.get("/URI"):
            outside.append(str(action["/URI"]))
        else:
            target = one.get("/Dest") or action["/D"]
            if isinstance(target, str):
                assert target.lstrip("/") in {name.lstrip("/") for name in printed.named_destinations}, target
            else:
                assert target[0].get_object()["/Type"] == "/Page"
            inside.append(target)
    assert len(inside) >= 10, "contents, cross references, exercises to solutions and back"
    assert {"https://example.org", "https://example.org/"} & set(outside)
    assert not [way for way in outside if "invalid" in way or "file:" in way]


def test_what_opens_is_open_and_plumbing_is_a_title(text):
    whole = "\n".join(text)
    for said in ("First answer", "Third answer", "Certainly that", "near solution", "far solution", "code in"):
        assert said in whole, said
    assert "Draw what moves" in whole and "plumbing" not in whole
    assert re.search(r"It moves at\s+https://\S+/book/01-a\.html", whole)
    assert whole.index("Further") < whole.index("near solution"), "solutions are last"


def test_no_figure_is_missing_and_the_file_is_small(printed):
    images = [image for page in printed.pages for image in page.images]
    assert len(images) >= 2, "the photograph, and the picture of what moves"
    assert printed.stream.seek(0, 2) <= 2_000_000
