"""Rules of the book's prose that a machine can judge, told with file and line: python -m bookbuild.lint [FILE...]."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bookbuild import ROOT
from bookbuild.chapters import HEADER, chapter_files

FRONT = re.compile(r"\A---\n.*?^---\n", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^(`{3,})(\{code-cell\}|\w).*?^\1$", re.MULTILINE | re.DOTALL)
QUESTION = re.compile(r"^```\{question\}\n:answer: (\w+)\n\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
CELL_HEAD = re.compile(r"\A---\n.*?^---\n", re.MULTILINE | re.DOTALL)
WIDEST = 79  # characters of a line of code
LONGEST = 120  # words of a paragraph
TALKS_DOWN = re.compile(r"\b(simply|obviously|of course|trivially)\b", re.IGNORECASE)
NOT_PROSE = ("|", ":", "```", "$$", "-", "*")  # how a table, a directive, a formula or a list begins
LAST_HEADINGS = ["Summary", "Exercises", "Going further"]
ENTRY_TEST = "entry-test.md"
Fault = tuple[int, str]  # line, what is wrong there


def line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def blanked(pattern: re.Pattern, text: str) -> str:
    """The text with what the pattern finds taken out, its line ends kept, so that lines keep their numbers."""
    return pattern.sub(lambda found: "\n" * found[0].count("\n"), text)


def prose(text: str) -> str:
    """A page without front matter, cells and other code."""
    return blanked(CODE, blanked(FRONT, text))


def skeleton(text: str) -> Iterator[Fault]:
    """Title, header, outcomes, and the sections at the end."""
    text = prose(text)
    titles = list(re.finditer(r"^# .+\n", text, re.MULTILINE))
    if len(titles) != 1:
        yield 1, f"a chapter has one title, this has {len(titles)}"
        return
    under = line_at(text, titles[0].end()) + 1
    header = text.split("\n")[under - 1] if text.count("\n") >= under else ""
    if not (header.startswith("*") and header.endswith("*") and HEADER.fullmatch(header.strip("*"))):
        yield under, "under the title stands `*Reading N min · running N s on 2 CPU cores*`"
    found = re.search(r"\*\*What you will be able to do\*\*\n\n((?:[-*] .+(?:\n  .+)*\n)+)", text)
    outcomes = len(re.findall(r"^[-*] ", found[1], re.MULTILINE)) if found else 0
    if not 3 <= outcomes <= 5:
        yield line_at(text, found.start()) if found else under, f"{outcomes} outcomes, and there are 3 to 5"
    headings = list(re.finditer(r"^## (.+)$", text, re.MULTILINE))
    if [heading[1] for heading in headings[-3:]] != LAST_HEADINGS:
        yield line_at(text, headings[-1].start()) if headings else 1, f"a chapter ends with {', '.join(LAST_HEADINGS)}"


def exercises(text: str) -> Iterator[Fault]:
    """Each with its solution, its minutes and its level."""
    asked = {m[1]: m for m in re.finditer(r"^`{3,}\{exercise\}.*\n:label: (\S+)\n([^\n]*)", text, re.MULTILINE)}
    solved = {m[1]: m for m in re.finditer(r"^`{3,}\{solution\} (\S+)$", text, re.MULTILINE)}
    if not 4 <= len(asked) <= 8:
        yield 1, f"{len(asked)} exercises, and there are 4 to 8"
    for label, found in asked.items():
        if label not in solved:
            yield line_at(text, found.start()), f"the exercise {label} has no solution"
        if not re.match(r"\*\d+ min, level [123]\.\*", found[2]):
            yield line_at(text, found.start()), f"the exercise {label} begins with its time: `*5 min, level 1.*`"
    for label, found in solved.items():
        if label not in asked:
            yield line_at(text, found.start()), f"a solution to {label}, which no exercise is called"


def code_width(text: str) -> Iterator[Fault]:
    for cell in CELL.finditer(text):
        first = line_at(text, cell.start(1))
        for number, line in enumerate(blanked(CELL_HEAD, cell[1]).split("\n"), first):
            if len(line) > WIDEST:
                yield number, f"a line of code of {len(line)} characters, at most {WIDEST} fit on the page"


def wording(text: str) -> Iterator[Fault]:
    text = prose(text)
    for found in TALKS_DOWN.finditer(text):
        yield line_at(text, found.start()), f"{found[0]!r} talks down to the reader"
    for found in re.finditer(r"(?:^[^\n]*\S[^\n]*\n)+", text, re.MULTILINE):
        count = len(found[0].split())
        if count > LONGEST and not found[0].lstrip().startswith(NOT_PROSE):
            yield line_at(text, found.start()), f"a paragraph of {count} words, at most {LONGEST} can be read"


def choices(body: str) -> list[tuple[str, str]]:
    """Choice and reason of each item of the list at the end of a question."""
    items = re.split(r"^- ", body, flags=re.MULTILINE)[1:]
    return [tuple(part.strip() for part in item.partition("\n\n")[::2]) for item in items]


def questions(text: str) -> Iterator[Fault]:
    """Whether a reader can answer each question at a glance, and learns why."""
    found = list(QUESTION.finditer(text))
    if len(found) != text.count("```{question}"):
        yield 1, "every question names its answer first, then leaves a line empty"
    for question in found:
        line, options = line_at(text, question.start()), choices(question[2])
        if not 3 <= len(options) <= 5:
            yield line, f"{len(options)} choices, and there are 3 to 5"
        if question[1] not in list("ABCDE"[: len(options)]):
            yield line, f"the answer {question[1]} is none of the choices"
        for choice, reason in options:
            if not choice or len(choice.split()) > 30:
                yield line, f"a choice is read at a glance, in at most 30 words: {choice[:40]}"
            if not 5 <= len(reason.split()) <= 80:
                yield line, f"a reason says why, in 5 to 80 words: {reason[:40]}"
            if re.match(r"(Yes|No|Right|Wrong|Correct)\b[.,:]", reason):
                yield line, f"the page says by itself whether a choice is right: {reason[:40]}"
        if len({reason for _, reason in options}) < len(options):
            yield line, "two choices have the same reason"


def asked_where(text: str) -> Iterator[Fault]:
    """Questions of a chapter stand where a reader should stop."""
    count = text.count("```{question}")
    sections = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if "```{question}" in part]
    if not 3 <= count <= 5 or len(sections) < 3:
        yield 1, f"{count} questions in {len(sections)} sections, and there are 3 to 5 in at least 3"
    end = text.find("\n## Summary\n")
    if end >= 0 and "```{question}" in text[end:]:
        yield line_at(text, text.find("```{question}", end)), "no question stands behind the summary"


def entry_test(text: str) -> Iterator[Fault]:
    """Ten sections of one question each; who missed it is told what to read."""
    parts = list(re.finditer(r"^## .*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    if len(parts) != 10:
        yield 1, f"{len(parts)} sections, and the test has ten"
    for part in parts:
        if part[0].count("```{question}") != 1:
            yield line_at(text, part.start()), "a section asks one question"
        if not re.search(r"\*\*Missed it\?\*\*.*(\{doc\}|\{cite)", part[0].split("\n```\n")[-1], re.DOTALL):
            yield line_at(text, part.start()), "who missed it is told what to read: `**Missed it?** See {doc}...`"


def letters(texts: list[str]) -> Iterator[Fault]:
    """Who always takes the same letter learns nothing about the author."""
    counts = Counter(question[1] for text in texts for question in QUESTION.finditer(text))
    for letter in "ABC":
        if counts[letter] < counts.total() / 5:
            yield 1, f"{letter} is right for {counts[letter]} of {counts.total()} questions, and should be for a fifth"


CHAPTER_RULES = (skeleton, exercises, code_width, wording, questions, asked_where)


def faults(path: Path) -> list[str]:
    """What is wrong with a page, one sentence each, with file and line."""
    text, name = path.read_text(encoding="utf-8"), path.name
    rules = CHAPTER_RULES if re.match(r"\d\d-", name) else (questions, entry_test) if name == ENTRY_TEST else ()
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return [f"{shown}:{line}: {said}" for line, said in sorted(fault for rule in rules for fault in rule(text))]


def main() -> int:
    paths = [Path(name).resolve() for name in sys.argv[1:]] or [*chapter_files(ROOT), ROOT / "book" / ENTRY_TEST]
    found = [fault for path in paths for fault in faults(path)]
    if not sys.argv[1:]:
        texts = [path.read_text(encoding="utf-8") for path in chapter_files(ROOT)]
        found += [f"book:{line}: {said}" for line, said in letters(texts)]
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
