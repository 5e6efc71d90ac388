"""A page's source as text: its prose and its cells, each still on the line where it stands in the file."""

import re

FRONT = re.compile(r"\A---\n.*?^---\n", re.MULTILINE | re.DOTALL)
CELL = re.compile(r"^```\{code-cell\}.*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CELL_HEAD = re.compile(r"\A---\n.*?^---\n|\A(?::[\w-]+:[^\n]*\n)+", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^(`{3,})(\{code-cell\}|\w).*?^\1$", re.MULTILINE | re.DOTALL)
FORMULA = re.compile(r"\$\$.*?\$\$|(?<![\\$])\$(?! )[^$]+?(?<! )\$|^```\{math\}.*?^```$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"(?<![}`])(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
Fault = tuple[int, str]  # line, what is wrong there


def line_at(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1


def blanked(pattern: re.Pattern, text: str) -> str:
    """The text with what the pattern finds taken out, its line ends kept, so that lines keep their numbers."""
    return pattern.sub(lambda found: "\n" * found[0].count("\n"), text)


def prose(text: str) -> str:
    """A page without front matter, cells and other code."""
    return blanked(CODE, blanked(FRONT, text))
