"""How much room a formula will take, reckoned from its TeX when a page is built: setting it then moves nothing.

A small TeX: boxes beside and above each other, letters as wide as those of Computer Modern, which MathJax sets. It
knows what the book writes; what it does not know it takes for a letter. Lengths are in em of the formula.
"""

import re
import string
from typing import NamedTuple

WORD = re.compile(r"\\(?:text|operatorname|mathbf|begin|end)\{[^{}]*\}|\\[a-zA-Z]+|\\.|[^\s\\]", re.DOTALL)
SMALL = "53 43 43 52 47 55 48 58 34 41 52 30 88 60 48 50 46 45 47 36 57 48 72 57 49 46"  # a to z, hundredths of an em
LARGE = "75 76 76 83 76 75 79 89 50 63 89 68 105 89 76 75 79 76 64 72 77 77 104 85 77 72"
ITALIC = dict(zip(string.ascii_letters, map(int, f"{SMALL} {LARGE}".split())))
UPRIGHT = dict.fromkeys(string.ascii_uppercase, 71) | dict.fromkeys("ijl.,:; ", 28) | dict.fromkeys("frst()", 39)
UPRIGHT |= {"m": 83, "w": 72}
WIDTHS = ITALIC | dict.fromkeys([*"=<>+-", r"\le", r"\ge", r"\ne", r"\approx", r"\times", r"\pm", r"\top"], 78)
WIDTHS |= dict.fromkeys([*"()", r"\langle", r"\rangle"], 39) | dict.fromkeys([*"[]|.,;:'", r"\cdot"], 28)
WIDTHS |= {r"\alpha": 64, r"\mu": 60, r"\lambda": 58, r"\pi": 57, r"\sigma": 57, r"\beta": 57, r"\partial": 57}
WIDTHS |= {r"\nabla": 83, r"\dots": 117, r"\infty": 100, r"\leftarrow": 100, r"\longrightarrow": 164, r"\sum": 122}
WIDTHS |= dict.fromkeys([r"\lfloor", r"\rfloor", r"\lceil", r"\rceil", r"\ell"], 44)
WIDTHS |= {r"\ln": 83, r"\log": 128, r"\exp": 150, r"\min": 167, r"\max": 189, r"\bmod": 189}
WIDTHS |= {r"\,": 17, r"\;": 28, r"\ ": 25, r"\quad": 100, r"\qquad": 200}
RELATIONS = {"=", "<", ">", r"\le", r"\ge", r"\ne", r"\approx", r"\leftarrow", r"\longrightarrow"}
OPERATORS = {"+", "-", r"\cdot", r"\times", r"\pm", r"\bmod"}
NAMES = {r"\ln", r"\log", r"\exp", r"\min", r"\max"}
UNARY = RELATIONS | OPERATORS | {"", "(", "[", ",", r"\langle", r"\lfloor", r"\lceil"}  # a sign behind these is no sum
LARGER = dict.fromkeys([r"\big", r"\bigl", r"\bigr"], 0.85) | dict.fromkeys([r"\Bigl", r"\Bigr"], 1.15)
ENDS = {"}", "&", r"\\", r"\right"}
EX = 1 / 0.442  # an em of a formula in ex of the text around: MathJax makes its letters as high as that text's
TALL = set("()[]|/") | {r"\langle", r"\rangle", r"\lfloor", r"\rfloor", r"\lceil", r"\rceil"}
BRACKETS = (1.0, 1.2, 1.8, 2.4, 3.0)  # how high they are made
SCRIPT = 0.707  # size of an index, and of a fraction in the text


class Box(NamedTuple):
    """A part of a formula: its width, and how far it reaches above and below the line."""

    width: float = 0.0
    above: float = 0.69
    below: float = 0.22

    def beside(self, other: "Box") -> "Box":
        return Box(self.width + other.width, max(self.above, other.above), max(self.below, other.below))

    def scaled(self, by: float) -> "Box":
        return Box(self.width * by, self.above * by, self.below * by)


class Reader:
    """Reads a formula word by word. In the text and in scripts fractions are small; in scripts signs stand close."""

    def __init__(self, tex: str):
        self.words = WORD.findall(tex)[::-1]  # the next one is the last

    def next(self) -> str:
        return self.words.pop() if self.words else ""

    def line(self, display: bool, script: bool = False) -> tuple[Box, str]:
        """What stands side by side, and the word that ends it: of a group, a cell, a row, or "" of the formula."""
        box, before = Box(), ""
        while word := self.next():
            if word in ENDS or word.startswith(r"\end{"):
                return box, word
            space = 0.0
            if word in RELATIONS:
                space = 0.56
            elif word in OPERATORS and before not in UNARY:
                space = 0.44
            elif word == "," or word in NAMES and self.words[-1:] != ["("]:
                space = 0.17
            box = box.beside(self.scripts(word, self.atom(word, display), display))
            box = box.beside(Box(0 if script else space))
            before = word
        return box, ""

    def argument(self, display: bool, script: bool = False) -> Box:
        word = self.next()
        return self.line(display, script)[0] if word == "{" else self.atom(word, display)

    def scripts(self, word: str, box: Box, display: bool) -> Box:
        """A box with its indices: above and below it if it is a displayed sum or has a brace, else beside it."""
        width, above, below = box
        beside = 0.0
        while self.words and self.words[-1] in "^_":
            low = self.words.pop() == "_"
            index = self.argument(False, script=True).scaled(SCRIPT)
            if (word == r"\sum" and display) or word == r"\underbrace":
                width = max(width, index.width)
                below += index.above + index.below + 0.1 if low else 0
                above += 0 if low else index.above + index.below + 0.1
            else:
                beside = max(beside, index.width)
                below = max(below, index.below + 0.2) if low else below
                above = above if low else max(above, index.above + 0.4)
        return Box(width + beside, above, below)

    def atom(self, word: str, display: bool) -> Box:
        """One letter, sign, or construction."""
        if word == "{":
            return self.line(display)[0]
        name, _, text = word.partition("{")
        if name in (r"\text", r"\operatorname"):
            return Box(sum(UPRIGHT.get(letter, 50) for letter in text[:-1]) / 100)
        if name == r"\mathbf":
            return Box(sum(1.04 * WIDTHS.get(letter, 50) for letter in text[:-1]) / 100)
        if name == r"\begin":
            return self.table(text[:-1], display)
        if word in (r"\frac", r"\tfrac", r"\binom"):
            return self.fraction(display and word == r"\frac", bare=word == r"\binom")
        if word == r"\sqrt":
            root = self.argument(display)
            return Box(root.width + 0.9, root.above + 0.3, root.below + 0.2)
        if word == r"\underbrace":
            braced = self.argument(display)
            return Box(braced.width, braced.above, braced.below + 0.5)
        if word == r"\left":
            return self.fenced(display)
        if word in LARGER:
            self.next()
            return Box(0.5, LARGER[word], LARGER[word] - 0.5)
        if word == r"\sum" and display:
            return Box(1.44, 0.95, 0.45)
        return Box(WIDTHS.get(word, 50) / 100, *((0.75, 0.25) if word in TALL else ()))

    def fraction(self, display: bool, bare: bool) -> Box:
        size = 1 if display else SCRIPT
        over, under = (self.argument(False, script=not display).scaled(size) for _ in range(2))
        width = max(over.width, under.width) + (0.9 if bare else 0.44)
        return Box(width, over.above + (0.68 if display else 0.4), under.below + (0.55 if display else 0.22))

    def fenced(self, display: bool) -> Box:
        """What stands between brackets that grow with it, as far above the middle of a line as below."""
        self.next()
        inner, _ = self.line(display)
        self.next()
        need = 1.8 * max(inner.above - 0.25, inner.below + 0.25)
        size = next((size for size in BRACKETS if size >= need), need)
        return Box(inner.width + (1.2 if size > 1.2 else 0.9), size / 2 + 0.25, size / 2 - 0.25)

    def table(self, kind: str, display: bool) -> Box:
        """Rows of cells; columns are as wide as their widest cell."""
        rows, row, end = [], [], "&"
        while end in ("&", r"\\"):
            cell, end = self.line(display and kind != "pmatrix")
            row.append(cell)
            if end != "&":
                rows.append(row)
                row = []
        columns = max(map(len, rows))
        width = sum(max((row[i].width for row in rows if i < len(row)), default=0) for i in range(columns))
        height = sum(max(1.0, *(cell.above + cell.below for cell in row)) for row in rows)
        height += (0.4 if kind == "pmatrix" else 0.3) * (len(rows) - 1)
        if kind == "pmatrix":
            width += columns + 0.47
        return Box(width, height / 2 + 0.25, height / 2 - 0.25)


def formula_size(tex: str, display: bool) -> Box:
    """The room of a formula, given without its delimiters."""
    return Reader(tex).line(display)[0]
