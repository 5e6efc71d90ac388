"""The symbols of the book, one meaning each: book/notation.md shows this table, and formulas keep to it.

Only what a formula shows by itself is judged: `C` may be classes or, wrongly, channels, and no machine can tell.
"""

import re
from collections.abc import Iterator

from bookbuild.prose import CELL, FORMULA, FRONT, Fault, blanked, line_at

SYMBOLS = (  # symbol, in code, meaning
    ("$N$", "`N`", "images in a batch"),
    ("$C$", "`num_classes`", "classes"),
    ("$c$", "", "one class, as a subscript"),
    (r"$C_\text{in}$, $C_\text{out}$", "`in_channels`, `out_channels`", "channels of the input and of the output"),
    ("$H$, $W$", "`H`, `W`", "height and width in pixels or cells"),
    ("$n$", "`n`", "input size in one dimension"),
    ("$m$", "`m`", "output size in one dimension"),
    ("$K$", "`weight`", "the kernel"),
    ("$k$", "`kernel_size`", "kernel size"),
    ("$s$", "`stride`", "stride of a layer"),
    ("$p$", "`padding`", "cells of padding on each side"),
    ("$d$", "`dilation`", "dilation rate: $d - 1$ cells lie between neighbouring taps of a kernel"),
    ("$o$", "`output_padding`", "cells that a transposed convolution adds at one end"),
    ("$f$", "`factor`", "upsampling factor"),
    ("$r$", "`size`", "size of a receptive field"),
    ("$S$", "`stride`", "stride of a feature map, the output stride: pixels between the centres of its cells"),
    (r"$\mu$", "`centre`", "centre of cell 0 in the input, in pixels"),
    (r"$\mathbf{M}$", "`matrix`", "the matrix of a convolution"),
    ("$x$", "`image`, `x`", "input: of a network an image"),
    ("$z$", "`logits`", "output of a layer; of a network its logits, $(N, C, H, W)$"),
    ("$y$", "`label`", "label"),
    ("$q$", "`q`", "probability that the network gives"),
    (r"$\pi$", "", "the true chance"),
    ("$t$", "`distance`", "distance in samples"),
    ("$w$", "`weight`", "a weight: of a tent, of a class"),
    ("$J$", "`iou`", "IoU"),
    ("$D$", "`dice`", "Dice coefficient"),
    (r"$\theta$", "`tolerance`", "tolerance of the boundary, in pixels"),
    (r"$\eta$", "`lr`", "learning rate"),
    ("$i$", "`i`", "index or step"),
    ("$255$", "`ignore_index`", "void: a pixel that counts neither in training nor in scoring"),
)
PROBABILITY = "a probability that the network gives is q"
RETIRED = {  # how a formula shows an older meaning: what it means, and its symbol
    r"\\mathbf\{?C\}?|(?<![A-Za-z\\])C\s*\^\s*(?:T\b|\{?\\(?:top|intercal)\}?|\{T\})": (
        r"the matrix of a convolution is \mathbf{M}"
    ),
    r"(?<![A-Za-z\\])p_\{?c\}?(?![a-z])|\\hat\{?\s*p\}?|\\log\s*\(?(?:1\s*-\s*)?p\b": PROBABILITY,
    r"(?<![A-Za-z\\\d])p\s*\((?:[a-z]|\\hat y)\s*(?:\)|\\mid|=|\|)": PROBABILITY,
    r"(?<![A-Za-z\\])c_\{?0\}?(?!\d)|(?<![A-Za-z\\])c'?\s*(?:=|\\leftarrow|\\gets)\s*c\s*\+": r"a centre is \mu",
    r"(?<![A-Za-z\\])w\(\s*d\s*\)": "a distance in samples is t",
}
PATTERNS = [(re.compile(pattern), said) for pattern, said in RETIRED.items()]


def table() -> str:
    """The table of book/notation.md."""
    rows = [("Symbol", "In code", "Meaning"), ("---", "---", "---"), *SYMBOLS]
    return "\n".join("| " + " | ".join(row).replace("|  |", "| |") + " |" for row in rows)


def retired(text: str) -> Iterator[Fault]:
    """Formulas of a page that use a symbol in a sense that it no longer has."""
    text = blanked(CELL, blanked(FRONT, text))
    for formula in FORMULA.finditer(text):
        for pattern, said in PATTERNS:
            for found in pattern.finditer(formula[0]):
                yield line_at(text, formula.start() + found.start()), f"{found[0]} in a formula: {said}"
