"""The exporter counts as Sphinx does: both number a small book in which everything stands everywhere."""

import re
from pathlib import Path

import pytest

from bookbuild.chapters import read_book
from bookbuild.notebooks.labels import Library

TWO = """
{numref}`fig-red` {numref}`fig-b` {numref}`tab-b` {eq}`eq-b` {ref}`ex-b` {numref}`ex-one`

$$
unlabelled
$$

(sec-deep)=
## Deeper

````{note}
```{figure} _static/red.png
:name: fig-a
:alt: Red.
One.
```

$$
a
$$ (eq-a)
````

| plain | table |
|---|---|

```{table} In the text
:name: tab-a
| a |
|---|
| 1 |
```

- in a list

  ```{math}
  :label: eq-list
  b
  ```

```{exercise} One
:label: ex-a
With an equation inside

$$
c
$$ (eq-inside)
```

```{solution} ex-a
$$
unlabelled
$$
```

### Deeper still

```{list-table} Another
:name: tab-b
* - a
```

$$
d
$$ (eq-b)

```{figure} _static/red.png
:name: fig-b
:alt: Red.
Two.
```

```{exercise}
:label: ex-b
Untitled
```
"""


@pytest.fixture
def site(book) -> Path:
    """The pages that Jupyter Book makes of the small book."""
    book.chapter("02-two", "Two", TWO)
    config = (
        (book.root / "_config.yml").read_text().replace("sphinx: {", "sphinx: {extra_extensions: [sphinx_exercise], ")
    )
    numbers = "config: {numfig: true, numfig_secnum_depth: 1, math_numfig: true, "
    book.write("_config.yml", config.replace("config: {", numbers) + "\nexecute: {execute_notebooks: 'off'}\n")
    book.write("book/setup.md", "# Setting up\n\n(sec-install)=\n## Installing `pip`\n")
    status, log = book.folder.build()
    assert status == 0, log
    return book.root / "_build" / "html" / "book"


def test_numbers_equal_those_of_the_pages(book, site):
    library = Library(read_book(book.root))
    pages = "".join((site / f"{name}.html").read_text() for name in ("01-one", "02-two"))
    found = {}
    for pattern in (
        r'id="equation-([\w-]+)">\s*<span class="eqno">\(([\d.]+)\)',
        r'<figure[^>]* id="([\w-]+)">.*?<span class="caption-number">Figure ([\d.]+) ',
        r'<table[^>]* id="([\w-]+)">\s*<caption><span class="caption-number">Table ([\d.]+) ',
        r'class="exercise admonition" id="([\w-]+)">.*?<span class="caption-number">Exercise ([\d.]+) ',
    ):
        found |= dict(re.findall(pattern, pages, re.DOTALL))
    ours = {label: target.number for label, target in library.targets.items() if target.kind != "section"}
    assert found == ours
    assert len(found) == 13 and found["eq-b"] == "2.4" and found["ex-one"] == "1.1"
