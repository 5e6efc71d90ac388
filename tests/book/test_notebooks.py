"""The book's notebooks: in step with their sources, clean for any reader, numbered as the pages are."""

import json
import re

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager

from bookbuild import ROOT
from bookbuild.chapters import chapter_files, notebook_files, page_name, read_book
from bookbuild.notebooks.export import export, strangers
from bookbuild.notebooks.labels import Library
from bookbuild.notebooks.source import DIRECTIVES

CHAPTERS = [page_name(path) for path in notebook_files(ROOT)]  # and optional pages

# What no reader of a notebook may meet. Code spans, fences and formulas are taken out before the search.
RAW = {
    "a role": r"\{[a-z][a-z:_-]*\}`",
    "a directive": r"^[ >]*(`{3,}|~{3,}|:{3,})\s*\{",
    "a directive's option": rf"^:({'|'.join(sorted(set().union(*(options for _, options in DIRECTIVES.values()))))}):",
    "a label": r"^\([\w-]+\)=",
    "a labelled formula": r"\$\$\s*\([\w-]+\)",
    "front matter": r"^(jupytext|kernelspec):",
}
QUOTED = re.compile(r"(`{3,}|~{3,}).*?\1|(?<![}`])(`+)(?!`)[^\n]*?(?<!`)\2(?!`)", re.DOTALL)


@pytest.fixture(scope="module")
def exported() -> dict[str, str]:
    """What the exporter writes now, by chapter."""
    texts, errors = export(ROOT)
    assert not errors, "\n".join(map(str, errors))
    assert not strangers(ROOT, texts)
    return {path.relative_to(ROOT / "book").with_suffix("").as_posix(): text for path, text in texts.items()}


@pytest.fixture(scope="module")
def library() -> Library:
    return Library(read_book(ROOT))


def committed(chapter: str) -> str:
    path = ROOT / "book" / f"{chapter}.ipynb"
    assert path.is_file(), f"book/{chapter}.ipynb is missing: run `make notebooks`"
    return path.read_text(encoding="utf-8")


def test_every_chapter_is_exported(exported):
    assert sorted(exported) == sorted(CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_committed_notebook_is_what_the_exporter_writes(exported, chapter):
    assert committed(chapter) == exported[chapter], f"book/{chapter}.ipynb is out of step: run `make notebooks`"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebook_is_valid_and_holds_no_outputs(chapter):
    notebook = nbformat.reads(committed(chapter), as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code and all(not cell.outputs and cell.execution_count is None for cell in code)
    assert len(committed(chapter)) < 300_000
    for cell in code:
        compile(TransformerManager().transform_cell(cell.source), f"{chapter}, cell {cell.id}", "exec")


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_nothing_raw_is_left(chapter):
    for cell in json.loads(committed(chapter))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            directives = re.search(RAW["a directive"], text, re.MULTILINE)
            assert not directives, f"{chapter}, cell {cell['id']}: {directives.group()!r} is raw MyST"
            text = QUOTED.sub("", text)
            for what, pattern in RAW.items():
                found = re.search(pattern, text, re.MULTILINE)
                assert not found, f"{chapter}, cell {cell['id']}: {found.group()!r} is {what} of MyST"
            assert text.count("$$") % 2 == 0


@pytest.mark.parametrize(
    "raw", ["{ref}`x`", "```{note}\nx\n```", ":::{tip}", "$$ (eq-x)", "(sec-x)=", ":class: dropdown"]
)
def test_raw_myst_would_be_found(raw):
    text = f"Text with `code`.\n\n{raw}\n"
    assert any(re.search(pattern, text, re.MULTILINE) for pattern in RAW.values())
    if not raw.startswith("```"):
        text = QUOTED.sub("", text)
        assert any(re.search(pattern, text, re.MULTILINE) for pattern in RAW.values())


def test_chapters_are_numbered_as_their_files_are(library):
    numbers = {chapter.entry.path.name: chapter.entry.number for chapter in library.chapters.values()}
    numbers = {name: number for name, number in numbers.items() if number}  # an optional page has none
    expected = {path.name: int(path.name[:2]) for path in chapter_files(ROOT)}
    assert numbers == expected, "the pages number chapters by their order in _toc.yml"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_numbers_equal_those_of_the_page(site, library, chapter):
    page = site / "book" / f"{chapter}.html"
    source = ROOT / "book" / f"{chapter}.md"
    if not page.is_file() or page.stat().st_mtime < source.stat().st_mtime:
        pytest.skip("the page is older than its source: run `make book`")
    text = page.read_text(encoding="utf-8")
    found = {}
    for kind, pattern in {
        "equation": r'id="equation-([\w-]+)">\s*<span class="eqno">\(([\d.]+)\)',
        "figure": r'<figure[^>]* id="([\w-]+)">.*?<span class="caption-number">(\w+\.? [\d.]+) ',
        "table": r'<table[^>]* id="([\w-]+)">\s*<caption><span class="caption-number">(\w+ [\d.]+) ',
        "exercise": r'class="exercise admonition" id="([\w-]+)">.*?<span class="caption-number">(\w+ [\d.]+) ',
    }.items():
        found |= {(kind, label): number for label, number in re.findall(pattern, text, re.DOTALL)}
    name = f"book/{chapter}"
    expected = {
        (target.kind, label): library.book.numfig.get(target.kind, "%s").replace("%s", target.number)
        for label, target in library.targets.items()
        if target.page == name and target.kind != "section"
    }
    assert found == expected
    title = re.search(r'<h1><span class="section-number">(\d+)\. ', text)
    assert int(title[1] if title else 0) == library.chapters[name].entry.number

    referred = re.findall(r'href="[^"]*#([\w-]+)"><span class="std std-numref">([^<]*)<', text)
    assert all(number.endswith(library.targets[label].number) for label, number in referred if label in library.targets)
