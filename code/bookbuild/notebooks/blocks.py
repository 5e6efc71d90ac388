"""Blocks and directives as Markdown that JupyterLab and Colab show: nothing of MyST is left."""

import html
import re
from collections.abc import Sequence
from dataclasses import replace

from markdown_it.tree import SyntaxTreeNode

from bookbuild.chapters import BookError
from bookbuild.notebooks.inline import Context, image, math, render_inline, render_paragraph
from bookbuild.notebooks.source import ADMONITIONS, Block
from bookbuild.notebooks.tables import list_table, pipe_table
from bookbuild.site import memory, question
from bookbuild.site.fold import BoxError

OWN_ENVIRONMENT = re.compile(r"\\begin\{(align|equation|gather|multline|eqnarray|flalign)\*?\}")
ENVIRONMENT = re.compile(r"\\(begin|end)\{\w+\*?\}|\\\\")
TITLES = {"seealso": "See also"}
IN_TITLE = ("text", "text_special", "softbreak", "code_inline", "math_inline", "em", "strong")


def render_blocks(blocks: Sequence[Block], context: Context) -> str:
    """Blocks, one blank line between them."""
    texts = [render_block(block, context) for block in blocks]
    return "\n\n".join(text for text in texts if text)


def render_block(block: Block, context: Context) -> str:
    """One block; empty where nothing of it is shown."""
    context = context.at(block.line)
    kind, node = block.kind, block.node
    if kind == "directive":
        return _directive(block, context)
    if kind == "paragraph":
        return render_paragraph(block, context)
    if kind == "heading":
        number = f"{block.text}. " if block.text else ""
        return f"{'#' * int(node.tag[1])} {number}{render_paragraph(block, context).replace(chr(10), ' ')}"
    if kind in ("bullet_list", "ordered_list"):
        return _list(block, replace(context, nested=True))
    if kind == "blockquote":
        return quote(render_blocks(block.children, replace(context, nested=True)))
    if kind in ("fence", "code_block"):
        return _code(node)
    if kind == "hr":
        return "---"
    if kind == "table":
        return pipe_table(block, context)
    if kind in ("math_block", "math_block_label"):
        return display_math(node.content, node.info if kind == "math_block_label" else "", context)
    if kind in ("myst_target", "myst_line_comment"):
        return ""
    raise context.error(f"the exporter knows no {kind} here")


def quote(text: str) -> str:
    """A quotation."""
    return "\n".join(f"> {line}" if line else ">" for line in text.split("\n"))


def display_math(latex: str, label: str, context: Context) -> str:
    """A formula of its own, with the page's number as its tag."""
    latex = latex.strip("\n")
    if found := OWN_ENVIRONMENT.search(latex):
        raise context.error(f"{found.group()} does not work between dollar signs: use aligned")
    if re.search(r"\n\s*\n", latex):
        raise context.error("a formula may hold no blank line: a notebook would cut it there")
    if re.search(r"(?<!\\)%", latex):
        raise context.error(r"a formula may hold no comment: write \% for a percent sign")
    if _breaks_lines(latex):  # as Sphinx does, in an environment that every renderer knows
        latex = f"\\begin{{aligned}}\n{latex}\n\\end{{aligned}}"
    if label:
        latex += f" \\tag{{{context.library.targets[label].number}}}"
    # Behind `> ` or in a list the lines of a formula would carry the marks of the quotation.
    return f"$$ {math(latex)} $$" if context.nested else f"$$\n{latex}\n$$"


def _breaks_lines(latex: str) -> bool:
    """Does a line end outside every environment?"""
    depth = 0
    for match in ENVIRONMENT.finditer(latex):
        if match.group(1):
            depth += 1 if match.group(1) == "begin" else -1
        elif depth == 0:
            return True
    return False


def _list(block: Block, context: Context) -> str:
    items, tight = [], True
    number = int(block.node.attrs.get("start", 1))
    for item in block.children:
        mark = f"{number}{item.node.markup}" if block.kind == "ordered_list" else item.node.markup
        number += 1
        tight = tight and all(child.node.hidden for child in item.children if child.kind == "paragraph")
        texts = [render_block(child, context) for child in item.children]
        only_text = all(child.kind in ("paragraph", "bullet_list", "ordered_list") for child in item.children)
        text = ("\n" if tight and only_text else "\n\n").join(texts)
        indent = " " * (len(mark) + 1)
        items.append(f"{mark} " + "\n".join(f"{indent}{line}" if line else "" for line in text.split("\n")).lstrip(" "))
    return ("\n" if tight else "\n\n").join(items)


def _code(node: SyntaxTreeNode) -> str:
    fence = "```"
    while fence in node.content:
        fence += "`"
    return f"{fence}{node.info.strip()}\n{node.content.rstrip()}\n{fence}"


def caption(kind: str, label: str, text: str, context: Context) -> str:
    """The number in bold, then what to see."""
    number = context.library.book.numfig[kind].replace("%s", context.library.targets[label].number)
    return f"**{number.rstrip('.')}.** {text}"


def _directive(block: Block, context: Context) -> str:
    name = block.name
    if name in ADMONITIONS or name == "admonition":
        return _admonition(block, context)
    if name == "math":
        return display_math(block.text, block.options.get("label", ""), context)
    if name == "figure":
        return _figure(block, context)
    if name in ("table", "list-table"):
        return _captioned_table(block, context)
    if name == "exercise":
        return _exercise(block, context)
    if name == "question":
        return _question(block, context)
    if name == "memory":
        return _memory(block, context)
    if name == "segment":
        return _segment(context)
    return _solution(block, context)


def _admonition(block: Block, context: Context) -> str:
    title = TITLES.get(block.name, block.name.capitalize())
    if block.argument:
        title = render_inline(block.argument, context)
    if "dropdown" in block.options.get("class", "").split():
        return _details(f"<b>{_plain(block.argument) or title}</b>", render_blocks(block.children, context))
    return quote(f"**{title}**\n\n{render_blocks(block.children, replace(context, nested=True))}")


def _details(summary: str, body: str) -> str:
    """Folded until the reader opens it; the blank lines make the body Markdown again."""
    return f"<details>\n<summary>{summary}</summary>\n\n{body}\n\n</details>"


def _plain(nodes: Sequence[SyntaxTreeNode]) -> str:
    """Inline nodes as HTML, for the one place where no Markdown is read."""
    parts = []
    for node in nodes:
        text = html.escape(node.content, quote=False) + _plain(node.children)
        as_html = {"code_inline": f"<code>{text}</code>", "math_inline": f"${text}$", "softbreak": " "}
        as_html |= {tag: f"<{tag}>{text}</{tag}>" for tag in ("em", "strong")}
        parts.append(as_html.get(node.type, text))
    return "".join(parts)


def _figure(block: Block, context: Context) -> str:
    label = block.options.get("name")
    if not label or not block.children or block.children[0].kind != "paragraph":
        raise context.error("a figure needs a :name: and a caption")
    picture = image(block.text, block.options.get("alt", ""), block.options.get("width", ""), context)
    first, *legend = block.children
    text = caption("figure", label, render_paragraph(first, context.at(first.line)), context)
    return "\n\n".join(filter(None, [picture, text, render_blocks(legend, context)]))


def _captioned_table(block: Block, context: Context) -> str:
    label = block.options.get("name")
    if bool(label) != bool(block.argument):
        raise context.error("a table has both a caption and a :name:, or neither")
    if block.name == "list-table":
        body = list_table(block, context)
    elif [child.kind for child in block.children] == ["table"]:
        body = render_blocks(block.children, context)
    else:
        raise context.error("the directive table holds one Markdown table and nothing else")
    return f"{caption('table', label, render_inline(block.argument, context), context)}\n\n{body}" if label else body


def _exercise(block: Block, context: Context) -> str:
    label = block.options.get("label")
    if not label:
        raise context.error("an exercise needs a :label:")
    title = context.library.book.numfig["exercise"].replace("%s", context.library.targets[label].number)
    if block.argument:
        title += f" ({render_inline(block.argument, context)})"
    return f"### {title}\n\n{render_blocks(block.children, context)}"


def _solution(block: Block, context: Context) -> str:
    target = context.library.targets.get(block.text)
    if target is None or target.kind != "exercise" or target.page != context.chapter.entry.name:
        raise context.error(f"the solution is to {block.text!r}, but this chapter has no exercise with that label")
    cited = set(context.citations.cited)
    body = render_blocks(block.children, context)  # in either edition, to find its faults
    if not context.instructor:
        context.citations.cited = cited
        return ""
    title = context.library.book.numfig["exercise"].replace("%s", target.number)
    return _details(f"<b>Solution to {title}</b>", body)


def _question(block: Block, context: Context) -> str:
    """The question, and a fold for each choice with the reason in it."""
    items = _items(block)
    kinds, choices = [child.kind for child in block.children], [[c.kind for c in item.children] for item in items]
    try:
        right = question.right_choice(kinds, choices, block.options.get("answer", ""))
    except BoxError as error:
        raise _at_item(error, block, context) from error
    parts = [f"**{question.TITLE}.** {render_blocks(block.children[:-1], context)}"]
    for number, item in enumerate(items):
        choice, *reason = item.children
        title = f"<b>{question.LETTERS[number]}.</b> {_fold_title(choice, 'a choice', 'its reason', context)}"
        text = render_blocks(reason, replace(context, nested=True))
        parts.append(_details(title, f"**{question.VERDICTS[number == right]}** {text}"))
    return "\n\n".join(parts)


def _memory(block: Block, context: Context) -> str:
    """A fold for each question with the answer in it."""
    items = _items(block)
    kinds, answers = [child.kind for child in block.children], [[c.kind for c in item.children] for item in items]
    try:
        memory.check_items(kinds, answers)
    except BoxError as error:
        raise _at_item(error, block, context) from error
    parts = [f"**{memory.TITLE}**"]
    for item in items:
        asked, *answer = item.children
        title = _fold_title(asked, "a question from memory", "its answer", context)
        parts.append(_details(title, render_blocks(answer, replace(context, nested=True))))
    return "\n\n".join(parts)


def _items(block: Block) -> list[Block]:
    """The items of the list that a directive ends with."""
    return block.children[-1].children if block.children else []


def _at_item(error: BoxError, block: Block, context: Context) -> BookError:
    """What is wrong with a box, at the line of its item."""
    line = block.line if error.item is None else _items(block)[error.item].line
    return context.at(line).error(str(error))


def _fold_title(paragraph: Block, what: str, rest: str, context: Context) -> str:
    """What is seen of a fold, as HTML."""
    inline = paragraph.children[0].node.children
    if any(inner.type not in IN_TITLE for node in inline for inner in node.walk()):
        raise context.at(paragraph.line).error(f"{what} holds text, code and formulas: put the rest into {rest}")
    return _plain(inline)


def _segment(context: Context) -> str:
    """A notebook cannot serve the network's files: a sentence, and the page that does."""
    page = context.library.book.page(context.chapter.entry.name)
    return (
        f"**Segment your own picture.** On [the page of this chapter]({page}) the network runs in your browser as soon "
        "as you ask for it. It needs files that a notebook cannot serve."
    )
