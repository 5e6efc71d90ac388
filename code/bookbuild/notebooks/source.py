"""A MyST source as a tree of blocks, each with its line, read with the parser that builds the pages.

Directives become blocks with a name, an argument, options and a body. A directive, an option or a kind of block that
is not in the closed lists below fails with file and line: what the exporter cannot render well must not be written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.tree import SyntaxTreeNode
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.directives import parse_directive_text
from myst_parser.parsers.mdit import create_md_parser

from bookbuild.chapters import Book, BookError

NO, MAY, MUST = range(3)  # does a directive take an argument?
ADMONITIONS = ("note", "tip", "warning", "important", "seealso")
DIRECTIVES = {
    **{name: (NO, {"class"}) for name in ADMONITIONS},
    "admonition": (MUST, {"class"}),
    "math": (NO, {"label"}),
    "figure": (MUST, {"name", "alt", "width", "align", "class"}),
    "table": (MAY, {"name", "align", "widths", "class"}),
    "list-table": (MAY, {"name", "align", "widths", "class", "header-rows"}),
    "exercise": (MAY, {"label", "class"}),
    "solution": (MUST, {"class"}),
    "question": (NO, {"answer"}),
    "memory": (NO, set()),
    "segment": (NO, {"compact"}),
}
CITE = {"cite": False, "cite:p": False, "cite:t": True}  # roles: are the authors part of the sentence?
ROLES = ("math", "eq", "ref", "numref", "doc", *CITE, "term", "result")
BLOCKS = {"paragraph", "heading", "bullet_list", "ordered_list", "list_item", "blockquote", "fence", "code_block"}
BLOCKS |= {"hr", "table", "thead", "tbody", "tr", "th", "td", "inline", "math_block", "math_block_label"}
BLOCKS |= {"myst_target", "myst_line_comment"}
ADVICE = {
    "amsmath": "write the formula between $$ and $$, with aligned instead of align",
    "html_block": "raw HTML is not allowed, put `<` in a code span or write &lt;",
    "footnote_reference": "footnotes are not allowed, say it in the text",
    "dl": "definition lists are not allowed in a chapter",
}
# What the parser leaves in plain text only where it could not be read as what it was meant to be.
UNREAD = re.compile(r"```|~~~|:::|\{[a-z][\w:+-]*\}`|^\([\w-]+\)=|\$\$")
PARTED = re.compile(r"\{(" + "|".join(ROLES) + r")\}\s*$")  # a role with a space before its backtick


@dataclass
class Block:
    """A block of Markdown, or a directive."""

    kind: str  # the parser's name of it, or "directive"
    line: int  # in the source file, from 1
    node: SyntaxTreeNode
    children: list["Block"] = field(default_factory=list)
    name: str = ""  # of a directive: its name, the text after it, its options
    argument: list[SyntaxTreeNode] = field(default_factory=list)  # inline
    text: str = ""  # the argument as it was written
    options: dict[str, str] = field(default_factory=dict)

    def walk(self) -> Iterator["Block"]:
        """This block and all in it, in the order of the page."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class Cell:
    """A cell of the notebook: blocks of Markdown, or code with its metadata."""

    line: int
    blocks: list[Block] = field(default_factory=list)
    code: str | None = None
    tags: list[str] = field(default_factory=list)
    figure: str = ""  # label of the figure that the code draws
    caption: list[Block] = field(default_factory=list)


class Reader:
    """Reads one source file."""

    def __init__(self, book: Book, path: Path):
        self.path = path
        self.name = path.relative_to(book.root).as_posix()
        extensions = set(book.extensions) - {"smartquotes", "replacements"}
        config = MdParserConfig(enable_extensions=extensions, dmath_double_inline=True)
        self.parser: MarkdownIt = create_md_parser(config, RendererHTML)
        self.parser.disable("text_join")  # keeps escapes and entities apart, so that they are written as they were
        self.env: dict[str, Any] = {}

    def error(self, line: int, message: str) -> BookError:
        """An error that stands on a line of this file."""
        return BookError(self.name, line, message)

    def root(self) -> SyntaxTreeNode:
        """The parser's tree of the whole file."""
        return SyntaxTreeNode(self.parser.parse(self.path.read_text(encoding="utf-8"), self.env))

    def cells(self) -> list[Cell]:
        """The chapter's cells, split where the pages' own reader splits them."""
        nodes = self.root().children
        if not nodes or nodes[0].type != "front_matter":
            raise self.error(1, "a chapter starts with the jupytext front matter between two lines of `---`")
        front = yaml.safe_load(nodes[0].content) or {}
        if front.get("jupytext", {}).get("text_representation", {}).get("format_name") != "myst":
            raise self.error(1, "the front matter must say jupytext: text_representation: format_name: myst")
        cells = [Cell(nodes[0].map[1] + 1)]
        for node in nodes[1:]:
            if node.type == "fence" and node.info.startswith("{code-cell}"):
                cells += [self._code_cell(node), Cell(node.map[1] + 1)]
            elif node.type == "myst_block_break":
                cells.append(Cell(node.map[1] + 1))
            else:
                cells[-1].blocks.append(self._block(node, 0, top=True))
        return [cell for cell in cells if cell.code is not None or cell.blocks]

    def blocks(self, text: str, offset: int = 0) -> list[Block]:
        """The blocks of a piece of the file that starts after line `offset`."""
        return [self._block(node, offset) for node in SyntaxTreeNode(self.parser.parse(text, self.env)).children]

    def _code_cell(self, node: SyntaxTreeNode) -> Cell:
        line = node.map[0] + 1
        found = parse_directive_text(_spec(MAY, {"tags"}), "", node.content, validate_options=False)
        if found.warnings:
            raise self.error(line, f"the cell's options are not readable: {found.warnings[0].msg}")
        options = found.options
        mystnb = options.get("mystnb") or {}
        if unknown := sorted(set(options) - {"tags", "mystnb"} | set(mystnb) - {"figure", "image"}):
            raise self.error(line, f"the cell option {unknown[0]!r} is not one that the exporter knows (tags, mystnb)")
        cell = Cell(line, code="\n".join(found.body).rstrip(), tags=list(options.get("tags") or []))
        if figure := mystnb.get("figure"):
            if not figure.get("name") or not figure.get("caption"):
                raise self.error(line, "a cell's figure needs a name and a caption")
            cell.figure, cell.caption = figure["name"], self.blocks(str(figure["caption"]), line)
        return cell

    def _block(self, node: SyntaxTreeNode, offset: int, top: bool = False) -> Block:
        line = offset + (node.map[0] if node.map else 0) + 1
        if node.type == "colon_fence" or (node.type == "fence" and node.info.startswith("{")):
            return self._directive(node, line, top)
        if node.type not in BLOCKS:
            advice = ADVICE.get(node.type, f"the exporter knows no {node.type}")
            raise self.error(line, advice)
        if node.type == "heading" and not top:
            raise self.error(line, "a heading inside a directive, a list or a quotation is not allowed")
        block = Block(node.type, line, node)
        if node.type == "inline":
            self._check_text(node, line)
        else:
            block.children = [self._block(child, offset) for child in node.children]
        return block

    def _check_text(self, node: SyntaxTreeNode, line: int) -> None:
        texts = [inner for inner in node.walk() if inner.type == "text"]
        for inner in texts:
            after = inner.next_sibling
            parted = after and after.type == "code_inline" and PARTED.search(inner.content)
            if found := UNREAD.search(inner.content) or parted:
                raise self.error(
                    line,
                    f"{found.group()!r} stands here as plain text: it is not closed, has a space before its backtick,"
                    " or a backtick in a directive's first line (fence that with ~~~)",
                )

    def _directive(self, node: SyntaxTreeNode, line: int, top: bool) -> Block:
        name, _, first = node.info.strip().partition("}")
        name, first = name.removeprefix("{"), first.strip()
        if name == "code-cell":
            raise self.error(line, "a code-cell must stand at the left margin, not inside something else")
        if name not in DIRECTIVES or not node.info.startswith("{"):
            known = ", ".join(DIRECTIVES)
            raise self.error(line, f"the directive {name!r} is not one that the exporter knows: {known}")
        if name in ("exercise", "solution", "question", "memory") and not top:
            raise self.error(line, f"the directive {name!r} must stand at the left margin, not inside something else")
        argument, options = DIRECTIVES[name]
        if argument == MUST and not first:
            raise self.error(line, f"the directive {name!r} needs something after its name")
        found = parse_directive_text(_spec(argument, options), first, node.content)
        if found.warnings:
            raise self.error(line, f"the directive {name!r}: {found.warnings[0].msg}")
        body = "\n".join(found.body)
        # The parser takes the last lines of the fence's content; what stands above them is options.
        above = len(node.content.splitlines()) - len(found.body)
        block = Block("directive", line, node, name=name, text=first if argument else "", options=found.options)
        if name == "math":
            block.text = body
        else:
            block.children = self.blocks(body, line + max(above, 0))
        if block.text:
            block.argument = list(SyntaxTreeNode(self.parser.parseInline(block.text, self.env)).children[0].children)
        return block


def _spec(argument: int, options: set[str]) -> type:
    """What the parser needs to know of a directive."""
    members = {
        "required_arguments": int(argument == MUST),
        "optional_arguments": int(argument == MAY),
        "final_argument_whitespace": True,
        "has_content": True,
        "option_spec": {name: _option for name in options},
    }
    return type("Directive", (), members)


def _option(value: str | None) -> str:
    return (value or "").strip()
