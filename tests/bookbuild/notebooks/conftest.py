"""A book of two chapters, made on the spot."""

import json
import textwrap

import pytest

from bookbuild.notebooks.export import export

HEADER = "*Reading 12 min · running 15 s on 2 CPU cores*\n\n"
CONFIG = """
repository: {url: https://github.com/someone/book, branch: main}
parse: {myst_enable_extensions: [amsmath, colon_fence, deflist, dollarmath]}
bibtex_bibfiles: [references.bib]
sphinx: {config: {numfig_format: {figure: Figure %s}}}
"""
TOC = """
format: jb-book
root: book/index
parts:
  - chapters: [{file: book/setup}]
  - numbered: 1
    chapters: [{file: book/01-one}, {file: book/02-two}]
  - chapters: [{file: book/glossary}]
"""
BIB = """
@inproceedings{long2015fcn,
  author = {Long, Jonathan and Shelhamer, Evan and Darrell, Trevor}, title = {Fully Convolutional Networks},
  booktitle = {CVPR}, year = {2015}, pages = {1--2}, doi = {10.1109/CVPR.2015.7298965}}
@article{chen2018a, author = {Chen, Liang-Chieh and Papandreou, George and Murphy, Kevin}, title = {Zebra},
  journal = {A_Journal}, year = {2018}}
@article{chen2018b, author = {Chen, Liang-Chieh and Zhu, Yukun and Adam, Hartwig}, title = {Antelope},
  journal = {B}, year = {2018}}
@misc{two2016, author = {Doll{\\'a}r, Piotr and Van Gool, Luc}, title = {Two}, year = {2016}}
"""
ONE = """
(sec-start)=
## The *start* of `all`

$$
a = 1
$$ (eq-one)

```{figure} _static/red.png
:name: fig-red
:alt: A red square.
Only red, see {eq}`eq-one`.
```

```{exercise} First
:label: ex-one
Do it.
```
"""


class SmallBook:
    """A book in a folder; `export()` gives the sources of the second chapter's cells."""

    def __init__(self, folder):
        self.root, self.write, self.folder, self.toc = folder.root, folder.write, folder, TOC
        for name in ("book/_static", "results"):
            (self.root / name).mkdir(parents=True)
        self.write("_config.yml", CONFIG)
        self.write("_toc.yml", TOC)
        self.write("references.bib", BIB)
        self.write("requirements.txt", "torch\nd2l==1.2.3  # why\n")
        self.write("book/index.md", "# Home\n")
        self.write("book/setup.md", "# Setting up\n\n(sec-install)=\n## Installing `pip`\n\n- a {unknown}`role`\n")
        entries = "receptive field\n  感受野. What is seen.\n\nvoid\nignored\n  Nothing."
        self.write("book/glossary.md", f"# Glossary\n\n```{{glossary}}\n{entries}\n```\n")
        self.write("results/toy.json", json.dumps({"tiny": {"mean_iou": 0.5284}}))
        (self.root / "book/_static/red.png").write_bytes(b"png")
        self.chapter("01-one", "One", ONE)

    def chapter(self, name: str, title: str, body: str) -> None:
        self.folder.page(name, f"# {title}\n\n{HEADER}{textwrap.dedent(body)}")

    def deeper(self, **bodies: str) -> None:
        """Optional pages, by name; each is called as its name is, with a capital."""
        for name, body in bodies.items():
            self.chapter(f"deeper/{name}", name.capitalize(), body)
        files = "".join(f"    - file: book/deeper/{name}\n" for name in bodies)
        self.write("_toc.yml", f"{self.toc}  - caption: Deeper\n    chapters:\n{files}")

    def export(self, body: str, edition: str = "student") -> dict:
        """The second chapter's notebook."""
        self.chapter("02-two", "Two", body)
        return self.export_as_it_stands(edition)

    def export_as_it_stands(self, edition: str = "student", page: str = "02-two") -> dict:
        texts, errors = export(self.root, edition)
        if errors:
            raise errors[0]
        return json.loads(texts[self.root / "book" / f"{page}.ipynb"])

    def text(self, body: str, edition: str = "student") -> str:
        """The Markdown that a chapter's body becomes, without the chapter's title."""
        cells = [cell for cell in self.export(body, edition)["cells"] if cell["cell_type"] == "markdown"]
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
        return text.split("2 CPU cores*", 1)[1].strip("\n")


@pytest.fixture
def book(book_folder, tmp_path) -> SmallBook:
    return SmallBook(book_folder(tmp_path))


@pytest.fixture
def first_line(book_folder) -> int:
    """Of a chapter's body."""
    return len((book_folder.FRONT + "# Two\n\n" + HEADER).splitlines()) + 1
