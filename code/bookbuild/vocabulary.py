"""One word for one thing: phrases that say it with another word, and what to write instead.

Read are the pages, and the scripts that speak to a reader: the figures and the exercises' checkers. Only phrases in
their wrong sense are listed, never a word that is right elsewhere: a score is a metric, a tree has a trunk, and a
kernel is drawn.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from bookbuild.prose import CELL, CELL_HEAD, CODE, CODE_SPAN, FORMULA, FRONT, Fault, blanked, line_at

NETWORK = r"(?:network|model|classifier|encoder|net|ResNet|VGG|MobileNet)"
WHOSE = r"(?:the|an?|its|our|this|that|each|same|shared|frozen|dilated|pretrained|larger|smaller)"
WORDS = {  # phrase: what to write
    r"\benlarg(?:e[sd]?|ing|ements?)\b": "upsample, upsampling",
    rf"\b{WHOSE} trunks?\b(?! of an? tree)": "backbone",
    rf"\b{NETWORK}(?:-?\d+)?(?:'s)? (?:trunk|body)\b": "backbone",
    rf"\b(?:trunk|body) of (?:the|an?|this|our|each) {NETWORK}\b": "backbone",
    r"\b(?:body|trunk) and (?:its |the )?head\b|\bhead and (?:its |the )?(?:body|trunk)\b": "backbone",
    r"\bdrawn (?:scenes?|data|data sets?|images?|tiles?|aerial)\b": "synthetic",
    r"\bscore maps?\b|\bmaps? of scores\b": "logits, or map of logits",
    r"\b(?:class|raw|coarse|interpolated|upsampled) scores\b": "logits",
    r"\bscores? (?:of|for) (?:(?:the |each |every |all )(?:\w+ )?)?class(?:es)?\b": "logits",
    r"\bsoftmax (?:of|turns|over) (?:the |these |its )?scores\b": "logits",
    r"\bscores? (?:before|into|under) the softmax\b": "logits",
}
INTRODUCED = {"05-from-classifier-to-fcn": ("logits", "logits, or map of logits")}  # names Long et al.'s terms, once
# What parts two words of a script's sentence: a string's end and the next one's begin, a comment's next line, braces.
SEAM = re.compile(r"""["'`]\s*\n\s*(?:\+\s*)?f?["'`]|\n[ \t]*(?:\*|//|#)[ \t]|\$?\{|\}""")
PATTERNS = [(re.compile(phrase.replace(" ", r"\s+"), re.IGNORECASE), instead) for phrase, instead in WORDS.items()]


def readable(text: str) -> str:
    """A page's prose and captions, without formulas and code; a line stays where it is."""
    text = CELL.sub(_head_alone, blanked(FRONT, text))
    for pattern in (CODE, FORMULA, CODE_SPAN):
        text = blanked(pattern, text)
    return text


def _head_alone(cell: re.Match) -> str:
    """A cell's options, its caption and alternative text among them, on their lines."""
    head = CELL_HEAD.match(cell[1])
    kept = head[0] if head else ""
    rest = cell[0].count("\n") - kept.count("\n") - 1
    return "\n" + kept + "\n" * rest


def scripts(root: Path) -> list[Path]:
    """The figures and the exercises' checkers: what a reader is told outside of the pages."""
    package = root / "code" / "segbook"
    return sorted([*package.glob("figures/*.js"), *package.glob("checks/*.py")])


def other_words(path: Path, text: str) -> Iterator[Fault]:
    """Phrases of the table in a page, or in a script: its names, comments and strings."""
    text = readable(text) if path.suffix == ".md" else blanked(SEAM, text)
    for pattern, instead in PATTERNS:
        if instead in INTRODUCED.get(path.stem, ()):
            continue
        for found in pattern.finditer(text):
            yield line_at(text, found.start()), f"{' '.join(found[0].split())!r}: the book's word is {instead}"
