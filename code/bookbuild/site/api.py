"""The API reference: a page that names modules, filled from their docstrings while Sphinx reads it.

The page holds headings and lines such as `% api segbook.losses`. Each such line becomes an entry of Sphinx's Python
domain for every public name of that module, with its signature and its docstring. The docstrings are written in a
small dialect of Markdown (single backticks are code, an indented block is a diagram or a list of names, sections are
Args, Returns, Raises and Source), so they are turned into Markdown; sphinx.ext.autodoc would read them as
reStructuredText and warn.
"""

import ast
import importlib
import inspect
import re
import textwrap
from dataclasses import is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from sphinx.application import Sphinx
from sphinx.config import Config

MARK = re.compile(r"^% api (segbook[\w.]*)$", re.MULTILINE)
SECTION = re.compile(r"(Args|Returns|Raises|Options):$")
ITEM = re.compile(r"([A-Za-z_*][\w*]*(?:, [A-Za-z_*][\w*]*)*): (.+)")
SPAN = re.compile(r"(`[^`]+`)")
SHORT = 60  # characters of a constant's value that are worth printing


def public_names(module: ModuleType) -> list[str]:
    """What a module offers: its `__all__`, else the functions and classes that are defined in it."""
    if hasattr(module, "__all__"):
        return sorted(module.__all__, key=str.lower)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and (inspect.isfunction(value) or inspect.isclass(value))
        and value.__module__ == module.__name__
    ]


def expand(text: str) -> str:
    """A page with every line `% api MODULE` replaced by the reference of that module."""
    return MARK.sub(lambda mark: reference(importlib.import_module(mark[1])), text)


def reference(module: ModuleType) -> str:
    """What a module is for, and all its public names, as Markdown."""
    parts = [f"`import {module.__name__}`", markdown((inspect.getdoc(module) or "").strip())]
    parts += [entry(name, getattr(module, name), module) for name in public_names(module)]
    return "\n\n".join(parts)


def entry(name: str, value: Any, module: ModuleType) -> str:
    """One name as a directive of Sphinx's Python domain."""
    if inspect.isclass(value):
        members = [
            directive("property", member, inspect.getdoc(found) or "", module, 4)
            if isinstance(found, property)
            else directive("method", f"{member}{signature(found)}", inspect.getdoc(found) or "", module, 4)
            for member, found in vars(value).items()
            if not member.startswith("_")
            and (
                inspect.isfunction(found) or (isinstance(found, property) and found.fget.__module__ == value.__module__)
            )
            and found.__doc__
        ]
        return directive("class", f"{name}{signature(value)}", inspect.getdoc(value) or "", module, 5, *members)
    if callable(value) and hasattr(value, "__name__"):
        return directive("function", f"{name}{signature(value)}", inspect.getdoc(value) or "", module, 5)
    shown = repr(value)
    text = comment(name, module)
    if len(shown) <= SHORT and not isinstance(value, torch.Tensor):
        text = f"{text}\n\nIt is `{shown}`.".strip()
    return directive("data", name, text, module, 5)


def directive(kind: str, head: str, doc: str, module: ModuleType, fence: int, *inner: str) -> str:
    ticks = "`" * fence
    return "\n\n".join([f"{ticks}{{py:{kind}}} {head}\n:module: {module.__name__}", markdown(doc), *inner, ticks])


def signature(value: Any) -> str:
    """Parameters, types and defaults as they are written in the source: `(x: Tensor, stride: int = 1) -> Tensor`."""
    node = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    if isinstance(node, ast.ClassDef):
        init = next((item for item in node.body if getattr(item, "name", "") == "__init__"), None)
        if init is None:  # a dataclass or named tuple takes its fields, any other class what its parent takes
            fields = [ast.unparse(item) for item in node.body if isinstance(item, ast.AnnAssign)]
            return f"({', '.join(fields)})" if issubclass(value, tuple) or is_dataclass(value) else ""
        node = init
        node.returns = None
    if node.args.args and node.args.args[0].arg == "self":
        node.args.args.pop(0)
    returns = ast.unparse(node.returns) if node.returns else "None"
    return f"({ast.unparse(node.args)})" + ("" if returns == "None" else f" -> {returns}")


def comment(name: str, module: ModuleType) -> str:
    """What the source says about a constant: the comment behind it, or the lines above it."""
    for holder in [module, *(m for m in vars(module).values() if inspect.ismodule(m))]:
        if not (holder.__file__ or "").endswith(".py"):
            continue
        lines = Path(holder.__file__).read_text(encoding="utf-8").splitlines()
        for i, line in enumerate(lines):
            if not re.match(rf"{name}\b[^=]*=", line):
                continue
            behind = re.search(r"  # (.+)$", line)
            above = []
            while i and lines[i - 1].startswith("# "):
                i -= 1
                above.insert(0, lines[i][2:])
            return behind[1] if behind else " ".join(above)
    return ""


# --- docstrings as Markdown -----------------------------------------------------------------------------------------


def markdown(doc: str) -> str:
    """A docstring of this package as Markdown: paragraphs, sections, lists of names, diagrams, examples."""
    found: list[str] = []
    for block in _blocks(doc.splitlines()):
        first = block[0]
        if section := SECTION.match(first):
            rest = textwrap.dedent("\n".join(block[1:])).splitlines()
            found.append(f"**{section[1]}**\n\n{_items(rest)}")
        elif first.startswith(">>>"):
            found.append("\n".join(["```pycon", *block, "```"]))
        elif first.startswith("    "):
            inside = textwrap.dedent("\n".join(block)).splitlines()
            found.append("\n".join(["```text", *inside, "```"]))
        elif _lists(block) and not first.startswith("Source: "):
            found.append(_items(block))
        elif first.startswith("- "):
            found.append("\n".join(_plain(line) for line in block))
        else:
            text = _plain(" ".join(line.strip() for line in block))
            found.append(re.sub(r"^(Source|Raises|Returns):? ", r"**\1** ", text))
    return "\n\n".join(found)


def _blocks(lines: list[str]) -> list[list[str]]:
    """Paragraphs, and sections with all that is indented under them; a change of indentation starts another."""
    blocks: list[list[str]] = []
    fresh = True
    for line in lines:
        if not line.strip():
            fresh = not (blocks and SECTION.match(blocks[-1][0]))
            if not fresh:
                blocks[-1].append("")
            continue
        indented = line.startswith("    ")
        inside = blocks and SECTION.match(blocks[-1][0])
        turned = (
            blocks
            and not inside
            and indented != blocks[-1][0].startswith("    ")
            and not ITEM.match(blocks[-1][0])
            and not blocks[-1][0].startswith(">>>")
        )
        if fresh or (inside and not indented) or turned or SECTION.match(line) or line.startswith("Source: "):
            blocks.append([line])
        else:
            blocks[-1].append(line)
        fresh = False
    return blocks


def _lists(block: list[str]) -> bool:
    """Is this a list of names, each with what it is? Then what goes on in the next line is indented."""
    return bool(ITEM.match(block[0])) and all(line.startswith("    ") or ITEM.match(line) for line in block)


def _items(lines: list[str]) -> str:
    """Lines "name: what it is", with their continuations indented, as a list; other lines as paragraphs."""
    items: list[str] = []
    for line in lines:
        item = ITEM.match(line)
        if item:
            names = ", ".join(f"`{name}`" for name in item[1].split(", "))
            items.append(f"- {names}: {_plain(item[2])}")
        elif items and line.strip():
            items[-1] += " " + _plain(line.strip())
        elif line.strip():
            items.append(_plain(line.strip()))
    return "\n".join(items)


def _plain(text: str) -> str:
    """Text in which nothing but code spans is markup."""
    parts = SPAN.split(text)
    return "".join(part if part.startswith("`") else re.sub(r"([*$<\\])", r"\\\1", part) for part in parts)


# --- Sphinx ---------------------------------------------------------------------------------------------------------


def fill(app: Sphinx, docname: str, source: list[str]) -> None:
    """Expand the page, and have it read again when a file of the package changes."""
    if not MARK.search(source[0]):
        return
    for name in MARK.findall(source[0]):
        folder = Path(importlib.import_module(name).__file__)
        for path in folder.parent.glob("*.py") if folder.stem == "__init__" else [folder]:
            app.env.note_dependency(str(path))
    source[0] = expand(source[0])


def configure(app: Sphinx, config: Config) -> None:
    config.nitpick_ignore_regex = [*config.nitpick_ignore_regex, (r"py:.*", r".*")]  # torch's pages are elsewhere
    config.add_module_names = config.toc_object_entries = False


def setup(app: Sphinx) -> None:
    """Fill the page of the reference."""
    app.connect("config-inited", configure)
    app.connect("source-read", fill)
