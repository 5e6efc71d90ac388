"""The notebook as a file, the cell that the exporter adds, and the command line."""

import json

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from bookbuild.notebooks.export import export, main

BODY = """
Opening.

```{code-cell} ipython3
:tags: [hide-input]
import torch
```

```{code-cell} ipython3
1
```

```{code-cell} ipython3
:tags: [remove-cell]
1
```
"""


def test_a_notebook(book):
    import nbformat  # not by every worker that collects this file: it takes two seconds

    notebook = book.export(BODY)
    nbformat.validate(nbformat.from_dict(notebook))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert notebook["metadata"]["kernelspec"] == {"display_name": "Python 3", "language": "python", "name": "python3"}
    assert notebook["metadata"]["accelerator"] == "GPU"
    cells = notebook["cells"]
    assert [cell["cell_type"] for cell in cells] == ["markdown", "code", "code", "code", "code"]
    assert "segbook" in "".join(cells[1]["source"]) and "".join(cells[2]["source"]) == "import torch"
    assert [cell["metadata"] for cell in cells[2:]] == [{"tags": ["hide-input"]}, {}, {"tags": ["remove-cell"]}]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells[1:])
    ids = [cell["id"] for cell in cells]
    assert len(set(ids)) == len(ids) and all(ident.startswith("02-") for ident in ids)


def test_a_folded_cell_with_a_title_is_a_form(book):
    folded = "#Draw it \nimport torch"
    notebook = book.export(BODY.replace("import torch", folded).replace("\n1\n```\n", "\n# Guard\n1\n```\n"))
    drawn, shown, guard = notebook["cells"][2:]
    assert "".join(drawn["source"]) == "#@title Draw it\nimport torch"
    form = {"cellView": "form", "jupyter": {"source_hidden": True}}
    assert drawn["metadata"] == form | {"tags": ["hide-input"]}
    assert "".join(shown["source"]) == "# Guard\n1" and shown["metadata"] == {}
    assert "".join(guard["source"]) == "#@title Guard\n1" and guard["metadata"] == form | {"tags": ["remove-cell"]}


def test_form_fields_stay_as_they_are(book):
    field = 'FULL = False  # @param {type:"boolean"}'
    assert "".join(book.export(BODY.replace("\n1\n", f"\n{field}\n"))["cells"][3]["source"]) == field


def test_the_same_source_gives_the_same_bytes_and_an_edit_changes_one_id(book):
    first = book.export(BODY)
    path = book.root / "book" / "02-two.ipynb"
    assert export(book.root)[0][path] == export(book.root)[0][path]
    second = book.export(BODY.replace("import torch", "import numpy"))
    changed = [a["id"] != b["id"] for a, b in zip(first["cells"], second["cells"], strict=True)]
    assert changed == [False, False, True, False, False]


def test_setup_cell(book):
    code = "".join(book.export(BODY)["cells"][1]["source"])
    assert '"git+https://github.com/someone/book@main"' in code and "d2l==1.2.3\n" in code
    assert "this chapter takes about 15 s on 2 CPU cores" in code
    assert max(map(len, code.split("\n"))) < 80
    python = TransformerManager().transform_cell(code)
    compile(python, "setup", "exec")
    shell = [line for line in python.split("\n") if "get_ipython" in line]
    assert len(shell) == 1 and shell[0].startswith("    get_ipython().system('")
    assert "-m pip install -q --no-deps " in shell[0]


def test_a_chapter_without_code_has_no_setup_cell(book):
    assert [cell["cell_type"] for cell in book.export("Words.\n")["cells"]] == ["markdown"]


@pytest.fixture
def run(book, capsys):
    """A function that runs the command line in the book's folder: status, standard output, standard error."""
    book.chapter("02-two", "Two", BODY)

    def command(*arguments):
        status = main(["--root", str(book.root), *arguments])
        return status, *capsys.readouterr()

    return command


def test_writing_and_checking(book, run):
    status, out, err = run("--check")
    assert status == 1 and "book/02-two.ipynb: out of step with its source, run `make notebooks`" in err
    assert not list(book.root.rglob("*.ipynb")), "--check writes nothing"

    status, out, err = run()
    assert (status, err) == (0, "")
    assert "book/02-two.ipynb: 5 cells, 2 kB\n" in out
    path = book.root / "book" / "02-two.ipynb"
    first = path.read_bytes()
    assert first.endswith(b"}\n") and b"\r" not in first
    assert "unchanged" in run()[1] and path.read_bytes() == first
    assert run("--check") == (0, "2 notebooks in step with their sources\n", "")

    path.write_bytes(first.replace(b"import torch", b"import nothing", 1))
    status, _, err = run("--check")
    assert status == 1 and "02-two.ipynb" in err and "01-one" not in err


def test_all_faults_of_a_chapter_are_named_and_the_others_are_written(book, run):
    book.chapter("02-two", "Two", "A {foo}`x`.\n\nB {bar}`x`.\n")
    status, out, err = run()
    assert status == 1
    assert [line.split(": ")[0] for line in err.splitlines()] == ["book/02-two.md:16", "book/02-two.md:18"]
    assert "book/01-one.ipynb" in out and not (book.root / "book" / "02-two.ipynb").exists()
    assert run("--check")[0] == 1


def test_instructor_edition_never_lands_among_the_chapters(book, run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run("--edition", "instructor")
    assert "--out DIR" in capsys.readouterr().err
    status, out, _ = run("--edition", "instructor", "--out", str(tmp_path / "with" / "solutions"))
    assert status == 0 and json.loads((tmp_path / "with" / "solutions" / "02-two.ipynb").read_text())
    assert not list((book.root / "book").glob("*.ipynb"))


def test_strangers_are_named(book, run):
    run()
    book.write("book/07-old.ipynb", "{}")
    book.chapter("03-new", "New", "A.\n")
    book.deeper(old="A.\n")
    book.write("_toc.yml", book.toc)
    book.write("book/deeper/gone.ipynb", "{}")
    status, _, err = run("--check")
    assert status == 1
    assert "book/07-old.ipynb: no page makes this notebook, delete it" in err
    assert "book/deeper/gone.ipynb: no page makes this" in err and "book/deeper/old.md: not in _toc.yml" in err
    assert "book/03-new.md: not in _toc.yml, so neither a page nor a notebook" in err
