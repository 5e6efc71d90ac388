"""Optional pages: exported as chapters are, without a number, linked in both directions."""

from bookbuild.chapters import deeper_files, notebook_files, page_name, read_book
from bookbuild.notebooks.export import export
from bookbuild.notebooks.labels import Library

HOLES = """
Back to {doc}`../02-two` and on to {doc}`pads`, see {eq}`eq-a` and {eq}`eq-one`, {numref}`fig-red`.

## Why

$$
a
$$ (eq-a)

```{figure} ../_static/red.png
:name: fig-a
:alt: Red.
One.
```

## Exercises

```{exercise} One
:label: ex-a
Do it.
```

```{code-cell} ipython3
:tags: [exercise]
answer = ...
```

```{solution} ex-a
Done.
```
"""


def test_notebook_of_an_optional_page(book):
    book.deeper(holes=HOLES, pads="A.\n\n$$\nb\n$$ (eq-b)\n")
    book.chapter("02-two", "Two", "More in {doc}`deeper/holes`, see {numref}`fig-a`, {eq}`eq-b`, {ref}`ex-a`.\n")
    cells = ["".join(cell["source"]) for cell in book.export_as_it_stands(page="deeper/holes")["cells"]]
    assert cells[0].startswith("# Holes\n\n*Reading 12 min")
    assert cells[0].endswith(
        "Back to [Two](../02-two.ipynb) and on to [Pads](pads.ipynb), see (1) and [(1.1)](../01-one.ipynb), "
        "[Figure 1.1](../01-one.ipynb)."
    )
    assert "## Why\n\n$$\na \\tag{1}\n$$" in cells[1] and "![Red.](attachment:red.png)" in cells[1]
    assert "**Figure 1.** One." in cells[1] and cells[3].startswith("### Exercise 1 (One)")
    assert "this page takes about 15 s" in cells[4]
    text = "".join(book.export_as_it_stands()["cells"][0]["source"])
    assert text.endswith(
        "More in [Holes](deeper/holes.ipynb), see [Figure 1](deeper/holes.ipynb), [(1)](deeper/pads.ipynb), "
        "[Exercise 1](deeper/holes.ipynb)."
    )


def test_editions_lie_in_a_folder_of_their_own(book, tmp_path):
    book.chapter("02-two", "Two", "A.\n")
    book.deeper(holes=HOLES.replace("{doc}`pads`", "pads"))
    texts, errors = export(book.root, "instructor", tmp_path)
    assert not errors
    assert texts[tmp_path / "deeper" / "holes-solutions.md"].startswith(
        "# Solutions: Holes\n\n## Exercise 1: One\n\nDo"
    )
    assert "Solution to Exercise 1<" in texts[tmp_path / "deeper" / "holes.ipynb"]


def test_what_the_book_knows_of_them(book):
    book.chapter("02-two", "Two", "A.\n")
    book.deeper(pads="A.\n", holes="A.\n")
    assert [path.stem for path in deeper_files(book.root)] == ["holes", "pads"]
    names = ["01-one", "02-two", "deeper/holes", "deeper/pads"]
    assert [page_name(path) for path in notebook_files(book.root)] == names
    small = read_book(book.root)
    assert [entry.name for entry in small.deeper] == ["book/deeper/pads", "book/deeper/holes"], (
        "in the order of the toc"
    )
    assert [entry.name for entry in small.chapters] == ["book/01-one", "book/02-two"]
    assert Library(small).chapters["book/deeper/pads"].entry.number == 0
