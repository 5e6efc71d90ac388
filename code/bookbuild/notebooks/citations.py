"""Citations as author and year, and the list of references at a notebook's end."""

import re
from collections import Counter
from pathlib import Path

import pybtex.database
import pybtex.plugin
from pybtex.backends.markdown import Backend as MarkdownBackend
from pybtex.database import Entry
from pybtex.richtext import Text

from bookbuild.chapters import BookError


def read_bibliography(paths: tuple[Path, ...]) -> dict[str, Entry]:
    """All entries of the bibliography files, by key."""
    entries: dict[str, Entry] = {}
    for path in paths:
        try:
            entries |= pybtex.database.parse_file(str(path), bib_format="bibtex").entries.items()
        except (pybtex.database.PybtexError, OSError) as error:
            raise BookError(path.name, None, f"not readable as BibTeX: {error}") from error
    return entries


class _Markdown(MarkdownBackend):
    """pybtex's Markdown, without a backslash before every full stop and hyphen."""

    def format_str(self, text: str) -> str:
        return re.sub(r"([\\`*_\[\]<>])", r"\\\1", text)


class Citations:
    """The works that one chapter cites. Works of the same authors and year are told apart by a, b, ..."""

    def __init__(self, entries: dict[str, Entry], keys: list[str]):
        self.entries = entries
        self.cited: set[str] = set()  # by what was rendered so far
        keys = sorted(set(keys), key=lambda key: (self._title(key), key))
        same = Counter(self._label(key) for key in keys)
        seen: Counter[tuple[str, str]] = Counter()
        self.labels: dict[str, tuple[str, str]] = {}
        for key in keys:
            label = self._label(key)
            letter = "abcdefghijklmnopqrstuvwxyz"[seen[label]] if same[label] > 1 else ""
            seen[label] += 1
            self.labels[key] = (label[0], label[1] + letter)

    def text(self, keys: list[str], textual: bool) -> str:
        """(Long et al., 2015; Chen et al., 2018), or Long et al. (2015) where the authors are part of the sentence."""
        self.cited |= set(keys)
        labels = [self.labels[key] for key in keys]
        if textual:
            return ", ".join(f"{authors} ({year})" for authors, year in labels)
        return "(" + "; ".join(f"{authors}, {year}" for authors, year in labels) + ")"

    def references(self) -> str:
        """The list of what was cited, as Markdown."""
        style = pybtex.plugin.find_plugin("pybtex.style.formatting", "plain")()
        backend = _Markdown()
        lines = []
        for key in sorted(self.cited, key=lambda key: (self.labels[key], key)):
            entry = style.format_entry(key, self.entries[key])
            text = " ".join(entry.text.render(backend).split())
            lines.append(f"- **{', '.join(self.labels[key])}.** {text}")
        return "\n".join(lines)

    def _title(self, key: str) -> str:
        return self.entries[key].fields.get("title", "").strip("{}").lower()

    def _label(self, key: str) -> tuple[str, str]:
        entry = self.entries[key]
        people = entry.persons.get("author") or entry.persons.get("editor") or []
        names = [" ".join(_plain(" ".join(person.prelast_names + person.last_names)).split()) for person in people]
        if len(names) > 2:
            names = [f"{names[0]} et al."]
        return " and ".join(names) or _plain(entry.fields.get("title", key)), entry.fields.get("year", "n.d.")


def _plain(latex: str) -> str:
    return str(Text.from_latex(latex))
