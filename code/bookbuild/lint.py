"""Rules of the book's prose that a machine can judge, told with file and line: python -m bookbuild.lint [FILE...]."""

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bookbuild import ROOT
from bookbuild.chapters import CHAPTER, DEEPER, EXERCISE_HEAD, HEADER, notebook_files
from bookbuild.prose import CELL, CELL_HEAD, Fault, blanked, line_at, prose
from bookbuild.site.cells import FOLDED, cell_title
from bookbuild.symbols import retired
from bookbuild.vocabulary import other_words, scripts

QUESTION = re.compile(r"^```\{question\}\n:answer: (\w+)\n\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
CARD = re.compile(r"^(`{3,})\{admonition\} .*\n(?::class:.*\n)?\n?((?:[-*] .+\n(?:  .+\n)*)+)\1$", re.MULTILINE)
WIDEST = 79  # characters of a line of code
LONGEST = 120  # words of a paragraph
TALKS_DOWN = re.compile(r"\b(simply|obviously|of course|trivially)\b", re.IGNORECASE)
NOT_PROSE = ("|", ":", "```", "$$", "-", "*")  # how a table, a directive, a formula or a list begins
ENTRY_TEST = "entry-test.md"


def title_and_header(text: str) -> Iterator[Fault]:
    """One title, and under it how long the page takes."""
    text = prose(text)
    titles = list(re.finditer(r"^# .+\n", text, re.MULTILINE))
    if len(titles) != 1:
        yield 1, f"a page has one title, this has {len(titles)}"
        return
    under = line_at(text, titles[0].end()) + 1
    header = text.split("\n")[under - 1] if text.count("\n") >= under else ""
    if not (header.startswith("*") and header.endswith("*") and HEADER.fullmatch(header.strip("*"))):
        yield under, "under the title stands `*Reading N min · running N s on 2 CPU cores*`"


def outcomes(text: str) -> Iterator[Fault]:
    found = re.search(r"\*\*What you will be able to do\*\*\n\n((?:[-*] .+(?:\n  .+)*\n)+)", text)
    count = len(re.findall(r"^[-*] ", found[1], re.MULTILINE)) if found else 0
    if not 3 <= count <= 5:
        yield line_at(text, found.start()) if found else 1, f"{count} outcomes, and there are 3 to 5"


def last_headings(text: str, wanted: list[str]) -> Iterator[Fault]:
    headings = list(re.finditer(r"^## (.+)$", prose(text), re.MULTILINE))
    if [heading[1] for heading in headings[-len(wanted) :]] != wanted:
        yield line_at(text, headings[-1].start()) if headings else 1, f"the page ends with {', '.join(wanted)}"


def card(text: str) -> Iterator[Fault]:
    """The summary is a box that a reader could put on a card."""
    summary = re.search(r"^## Summary\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    box = CARD.search(summary[1]) if summary else None
    count = len(re.findall(r"^[-*] ", box[2], re.MULTILINE)) if box else 0
    if summary and count != 5:
        yield line_at(text, summary.start()), f"the summary is an admonition of five list items, here are {count}"


def memory(text: str) -> Iterator[Fault]:
    """Three questions about earlier chapters, before the story begins."""
    found = [match.start() for match in re.finditer(r"^```\{memory\}$", text, re.MULTILINE)]
    if len(found) != 1 or found[0] > (text.find("\n## ") if "\n## " in text else len(text)):
        yield line_at(text, found[0]) if found else 1, "a chapter has one {memory}, before its first `## ` heading"


def folds(text: str) -> Iterator[Fault]:
    """What the page folds or leaves out says what it does."""
    for cell in CELL.finditer(text):
        head = CELL_HEAD.match(cell[1])
        tags = set(re.findall(r"[\w-]+", head[0])) & set(FOLDED) if head else set()
        if tags and not cell_title(cell[1][head.end() :])[0]:
            said = "begins with a comment that says what it does: `# Draw the two kernels`"
            yield line_at(text, cell.start(1)) + head[0].count("\n"), f"a cell tagged {tags.pop()} {said}"


def exercises(text: str, least: int, most: int, easy: int) -> Iterator[Fault]:
    """Each with its solution, its minutes and its level; `easy` of them, or more, of level 1."""
    asked = {m[1]: m for m in re.finditer(r"^`{3,}\{exercise\}.*\n:label: (\S+)\n([^\n]*)", text, re.MULTILINE)}
    solved = {m[1]: m for m in re.finditer(r"^`{3,}\{solution\} (\S+)$", text, re.MULTILINE)}
    if not least <= len(asked) <= most:
        yield 1, f"{len(asked)} exercises, and there are {least} to {most}"
    if (first := sum(", level 1." in found[2] for found in asked.values())) < easy:
        yield 1, f"{first} exercises of level 1, and there are at least {easy}"
    for label, found in asked.items():
        if label not in solved:
            yield line_at(text, found.start()), f"the exercise {label} has no solution"
        if not EXERCISE_HEAD.match(found[2]):
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


def asked_where(text: str, most: int) -> Iterator[Fault]:
    """Questions of a chapter stand where a reader should stop."""
    count = text.count("```{question}")
    sections = [part for part in re.split(r"^## ", text, flags=re.MULTILINE) if "```{question}" in part]
    if not 3 <= count <= most or len(sections) < 3:
        yield 1, f"{count} questions in {len(sections)} sections, and there are 3 to {most} in at least 3"
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


Rule = Callable[[str], Iterator[Fault]]
EVERY = (title_and_header, code_width, wording, questions)  # rules of each page that is exported
IN_CHAPTERS = (
    outcomes,
    partial(last_headings, wanted=["Summary", "Exercises", "Going deeper"]),
    card,
    partial(exercises, least=4, most=6, easy=2),
    partial(asked_where, most=4),
    folds,
    retired,
)
OPTIONAL = (
    partial(last_headings, wanted=["Exercises"]),
    partial(exercises, least=2, most=2, easy=0),
    folds,
    retired,
)


def rules(path: Path) -> tuple[Rule, ...]:
    """What is asked of a page, or of a script that speaks to the reader."""
    if path.suffix != ".md":
        return (partial(other_words, path),)
    if path.name == ENTRY_TEST:
        return questions, entry_test
    if path.parent.name == DEEPER:
        return *EVERY, *OPTIONAL, partial(other_words, path)
    if not CHAPTER.match(path.name):
        return ()
    remembered = () if path.name.startswith("01-") else (memory,)
    return *EVERY, *IN_CHAPTERS, *remembered, partial(other_words, path)


def faults(path: Path) -> list[str]:
    """What is wrong with a page, one sentence each, with file and line."""
    text = path.read_text(encoding="utf-8")
    shown = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return [f"{shown}:{line}: {said}" for line, said in sorted(fault for rule in rules(path) for fault in rule(text))]


def main() -> int:
    every = [*notebook_files(ROOT), ROOT / "book" / ENTRY_TEST, *scripts(ROOT)]
    paths = [Path(name).resolve() for name in sys.argv[1:]] or every
    found = [fault for path in paths for fault in faults(path)]
    if not sys.argv[1:]:
        texts = [path.read_text(encoding="utf-8") for path in notebook_files(ROOT)]
        found += [f"book:{line}: {said}" for line, said in letters(texts)]
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
