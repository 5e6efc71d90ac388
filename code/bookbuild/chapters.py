"""What the parts of the build know about the book: its chapters, their header lines, where the repository is."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHAPTER = re.compile(r"\d\d-.+\.md$")
HEADER = re.compile(r"Reading (\d+) min · running (.+) on 2 CPU cores")  # the line under a chapter's title
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


def running_time(source: str) -> str | None:
    """What a chapter's header says about its time on two cores, such as "15 s"; None where there is no header."""
    found = HEADER.search(source)
    return found and found[2]


@dataclass(frozen=True)
class Entry:
    """A chapter in the table of contents."""

    path: Path
    name: str  # "book/04-bilinear-kernels", Sphinx's name of the page
    number: int  # as the pages show it: its place among the numbered entries
    depth: int  # levels of headings that carry a number, 1 = the title alone


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
    pages: tuple[str, ...]  # names of all pages, chapters included

    def raw(self, path: Path) -> str:
        """The address of a file's bytes in the repository."""
        name = path.relative_to(self.root).as_posix()
        if self.url.startswith("https://github.com/"):
            host = self.url.replace("https://github.com/", "https://raw.githubusercontent.com/")
            return f"{host}/{self.branch}/{name}"
        return f"{self.url}/raw/{self.branch}/{name}"

    def page(self, name: str) -> str:
        """The address of a page that is no chapter: on the published site if _config.yml knows one."""
        return f"{self.baseurl}/{name}.html" if self.baseurl else f"{self.url}/blob/{self.branch}/{name}.md"


def read_book(root: Path) -> Book:
    """Read the settings of the book in a folder."""
    config = _yaml(root / "_config.yml")
    toc = _yaml(root / "_toc.yml")
    repository = config.get("repository") or {}
    url = str(repository.get("url") or "").rstrip("/").removesuffix(".git")
    if not url.startswith("https://"):
        raise BookError("_config.yml", None, "repository: url must be an https:// address, notebooks install from it")
    names, chapters = _entries(root, toc)
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
        pages=names,
    )


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


def _entries(root: Path, toc: dict[str, Any]) -> tuple[tuple[str, ...], tuple[Entry, ...]]:
    """Names of all pages, and the chapters: numbered entries whose file name starts with two digits."""
    names, chapters, number = [toc.get("root", "index")], [], 0
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
    return tuple(names), tuple(chapters)
