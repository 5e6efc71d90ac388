"""What the parts of the build know about the book: its chapters and optional pages, and where the repository is."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHAPTER = re.compile(r"\d\d-.+\.md$")
DEEPER = "deeper"  # the folder in book/ of the optional pages that chapters lead to
HEADER = re.compile(r"Reading (\d+) min · running (.+) on 2 CPU cores")  # the line under a page's title
EXERCISE_HEAD = re.compile(r"\*(?P<minutes>\d+) min, level (?P<level>[123])\.\*")  # an exercise begins with it
PIN = re.compile(r"^(d2l==\S+)", re.MULTILINE)
# What Jupyter Book and Sphinx do where _config.yml is silent.
EXTENSIONS = ["colon_fence", "dollarmath", "linkify", "substitution", "tasklist"]
NUMFIG = {"figure": "Fig. %s", "table": "Table %s", "section": "Section %s", "exercise": "Exercise %s"}


class BookError(Exception):
    """A fault of the source: one sentence, after the file and the line where it stands."""

    def __init__(self, path: Path | str, line: int | None, message: str):
        super().__init__(f"{path}:{line}: {message}" if line else f"{path}: {message}")


def chapter_files(root: Path) -> list[Path]:
    """The sources of the chapters, in their order."""
    return sorted(path for path in (root / "book").iterdir() if CHAPTER.match(path.name))


def deeper_files(root: Path) -> list[Path]:
    """The sources of the optional pages, by name."""
    return sorted((root / "book" / DEEPER).glob("*.md"))


def notebook_files(root: Path) -> list[Path]:
    """The sources of all pages that run and are exported: the chapters, then the optional pages."""
    return [*chapter_files(root), *deeper_files(root)]


def page_name(path: Path) -> str:
    """What a page is called on the command line and in tests: "04-bilinear-kernels", "deeper/checkerboards"."""
    return f"{DEEPER}/{path.stem}" if path.parent.name == DEEPER else path.stem


def running_time(source: str) -> str | None:
    """What a page's header says about its time on two cores, such as "15 s"; None where there is no header."""
    found = HEADER.search(source)
    return found and found[2]


@dataclass(frozen=True)
class Entry:
    """A page in the table of contents that is exported: a chapter or an optional page."""

    path: Path
    name: str  # "book/04-bilinear-kernels", Sphinx's name of the page
    number: int = 0  # as the pages show it: its place among the numbered entries; an optional page has none
    depth: int = 0  # levels of headings that carry a number, 1 = the title alone

    @property
    def notebook(self) -> str:
        """The notebook's file in book/: "04-bilinear-kernels.ipynb", "deeper/checkerboards.ipynb"."""
        return f"{page_name(self.path)}.ipynb"


@dataclass(frozen=True)
class Book:
    """_config.yml and _toc.yml."""

    root: Path
    url: str
    branch: str
    baseurl: str
    d2l: str  # what the set-up cell installs of Dive into Deep Learning: "d2l==..."
    extensions: tuple[str, ...]
    numfig: dict[str, str]
    bibliographies: tuple[Path, ...]
    chapters: tuple[Entry, ...]
    deeper: tuple[Entry, ...]  # the optional pages
    pages: tuple[str, ...]  # names of all pages, these included

    def raw(self, path: Path) -> str:
        """The address of a file's bytes in the repository."""
        name = path.relative_to(self.root).as_posix()
        if self.url.startswith("https://github.com/"):
            host = self.url.replace("https://github.com/", "https://raw.githubusercontent.com/")
            return f"{host}/{self.branch}/{name}"
        return f"{self.url}/raw/{self.branch}/{name}"

    def page(self, name: str) -> str:
        """The address of a page that is not exported: on the published site if _config.yml knows one."""
        return f"{self.baseurl}/{name}.html" if self.baseurl else f"{self.url}/blob/{self.branch}/{name}.md"


def read_book(root: Path) -> Book:
    """Read the settings of the book in a folder."""
    config = _yaml(root / "_config.yml")
    toc = _yaml(root / "_toc.yml")
    repository = config.get("repository") or {}
    url = str(repository.get("url") or "").rstrip("/").removesuffix(".git")
    if not url.startswith("https://"):
        raise BookError("_config.yml", None, "repository: url must be an https:// address, notebooks install from it")
    names, chapters, deeper = _entries(root, toc)
    sphinx = (config.get("sphinx") or {}).get("config") or {}
    return Book(
        root=root,
        url=url,
        branch=repository.get("branch") or "main",
        baseurl=str((config.get("html") or {}).get("baseurl") or "").rstrip("/"),
        d2l=_pinned_d2l(root / "requirements.txt"),
        extensions=tuple((config.get("parse") or {}).get("myst_enable_extensions", EXTENSIONS)),
        numfig=NUMFIG | (sphinx.get("numfig_format") or {}),
        bibliographies=tuple(root / name for name in config.get("bibtex_bibfiles") or []),
        chapters=chapters,
        deeper=deeper,
        pages=names,
    )


def read_toc(root: Path) -> list[tuple[str, list[str]]]:
    """The parts of the book in their order: caption and names of pages; the home page is a part of its own."""
    toc = _yaml(root / "_toc.yml")
    parts = [("", [toc.get("root", "index")])]
    for part in toc.get("parts") or [toc]:
        parts.append((part.get("caption", ""), [entry["file"] for entry in part.get("chapters") or []]))
    return parts


def _pinned_d2l(path: Path) -> str:
    found = PIN.search(path.read_text(encoding="utf-8"))
    if not found:
        raise BookError(path.name, None, "must pin d2l to one release, the set-up cells install the same")
    return found[1]


def _yaml(path: Path) -> dict[str, Any]:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise BookError(path.name, None, f"not found in {path.parent}: run this from the book's repository") from None
    except yaml.YAMLError as error:
        raise BookError(path.name, None, f"not readable as YAML: {error}") from error


def _entries(root: Path, toc: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Entry, ...], tuple[Entry, ...]]:
    """Names of all pages; the chapters, numbered entries whose file name starts with two digits; the optional pages."""
    names, chapters, deeper, number = [toc.get("root", "index")], [], [], 0
    for part in toc.get("parts") or [toc]:
        numbered = part.get("numbered", (part.get("options") or {}).get("numbered", False))
        for entry in part.get("chapters") or []:
            name = str(entry.get("file", "")).removesuffix(".md")
            if not name:
                continue
            names.append(name)
            number += bool(numbered)
            path = root / f"{name}.md"
            if not path.is_file():
                raise BookError("_toc.yml", None, f"lists {name}, but there is no {name}.md")
            if CHAPTER.match(path.name):
                if not numbered:
                    raise BookError("_toc.yml", None, f"lists the chapter {name} in a part that is not `numbered`")
                chapters.append(Entry(path, name, number, 99 if numbered is True else int(numbered)))
            elif path.parent.name == DEEPER:
                if numbered:
                    raise BookError("_toc.yml", None, f"lists the optional page {name} in a part that is `numbered`")
                deeper.append(Entry(path, name))
    return tuple(names), tuple(chapters), tuple(deeper)
