"""Small wrong changes of Python code: a number one off, an operator exchanged, a statement left out."""

import ast
import copy
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

QUIET = ("print", "plt", "plot")  # calls that show and compute nothing
UNTOUCHED = ("seed", "generator", "progress")  # keywords that decide which random numbers, or none
OPERATORS: dict[type, tuple[type, ...]] = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div,),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.FloorDiv: (ast.Div, ast.Mult),
    ast.Mod: (ast.FloorDiv,),
    ast.Pow: (ast.Mult,),
    ast.LShift: (ast.RShift,),
    ast.RShift: (ast.LShift,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.And: (ast.Or,),
    ast.Or: (ast.And,),
}
PAIRS = [("min", "max"), ("amin", "amax"), ("argmin", "argmax"), ("any", "all"), ("zeros", "ones"), ("sum", "mean")]
PAIRS += [("zeros_like", "ones_like"), ("rows", "columns"), ("floor", "ceil"), ("softmax", "log_softmax")]
NAMES = dict(PAIRS) | {b: a for a, b in PAIRS}
MODES = {"nearest": "bilinear", "bilinear": "nearest", "area": "nearest", "ij": "xy", "mean": "sum", "sum": "mean"}
NUMBERS = re.compile(r"\d+( \d+)+")


@dataclass(frozen=True)
class Mutant:
    """Code with one change."""

    name: str  # the line and the change, as one would write it on a list
    code: str


def solution(code: str, answers: Sequence[str] | None = None) -> ast.Module:
    """The part of a solution that makes the answers, without what only shows or tests them.

    Args:
        answers: names; without them everything is kept but prints, plots and asserts.
    """
    tree = _Quiet().visit(ast.parse(code))
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in UNTOUCHED or _seeds(node):
            for inner in ast.walk(node):
                inner.frozen = True  # type: ignore[attr-defined]
    if answers is not None:
        wanted, kept = set(answers), []
        for statement in reversed(tree.body):
            if _writes(statement) & wanted:
                wanted |= _reads(statement)
                kept.append(statement)
        tree.body = kept[::-1]
    return tree


def mutants(tree: ast.Module, code: str) -> list[Mutant]:
    """All mutants of a tree that was parsed from this code, in the order of the code, each once."""
    lines, original = code.splitlines(), ast.unparse(tree)
    found: dict[str, Mutant] = {}
    names: set[str] = set()
    for place, node in enumerate(ast.walk(tree)):
        for number, _ in enumerate(_edits(node)):
            changed = copy.deepcopy(tree)
            target = next(other for i, other in enumerate(ast.walk(changed)) if i == place)
            line, what = _edits(target)[number]()
            text = ast.unparse(ast.fix_missing_locations(changed))
            if text == original or text in found:
                continue
            name = f"{lines[line - 1].split('#')[0].strip()}  [{what}]"
            while name in names:
                name += "'"
            names.add(name)
            found[text] = Mutant(name, text)
    return list(found.values())


class _Quiet(ast.NodeTransformer):
    """Removes asserts, prints, plots and docstrings, and the blocks that held nothing else."""

    def visit_Assert(self, node: ast.Assert) -> None:
        return None

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        shows = isinstance(node.value, ast.Call) and ast.unparse(node.value.func).split(".")[0] in QUIET
        tests = isinstance(node.value, ast.Call) and "assert_close" in ast.unparse(node.value.func)
        return None if shows or tests or isinstance(node.value, ast.Constant) else node

    def generic_visit(self, node: ast.AST) -> ast.AST | None:
        super().generic_visit(node)
        return None if isinstance(node, ast.For | ast.While | ast.With | ast.If) and not node.body else node


def _writes(statement: ast.stmt) -> set[str]:
    """Names that a statement may bind or change: also those whose methods it calls as a statement."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    names = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.alias):
            names.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.Expr) or isinstance(getattr(node, "ctx", None), ast.Store):
            names |= _names(node) - _called(node)  # x.append(1), init.zeros_(x), x[0] = 1; but f(x) leaves f as it was
        elif isinstance(node, ast.For) and any(isinstance(inner, ast.Expr) for inner in ast.walk(node)):
            names |= _names(node.iter)  # for x in (here, there): x.append(1)
    return names


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _called(tree: ast.AST) -> set[str]:
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def _reads(statement: ast.stmt) -> set[str]:
    """Names from outside that a statement uses."""
    local = set()
    if isinstance(statement, ast.FunctionDef):
        local = {node.arg for node in ast.walk(statement) if isinstance(node, ast.arg)}
        local |= {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return _names(statement) - local


def _seeds(node: ast.AST) -> bool:
    """Whether a call makes random numbers or fixes them."""
    return isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("seed", "Generator"))


def _edits(node: ast.AST) -> list[Callable[[], tuple[int, str]]]:
    """Changes of one node; each, called, makes its change and returns the line and what was done."""
    return [] if getattr(node, "frozen", False) else list(_changes(node))


def _changes(node: ast.AST) -> Iterator[Callable[[], tuple[int, str]]]:
    if isinstance(node, ast.Constant):
        for value in _constants(node.value):
            yield lambda value=value: _set(node, "value", value)
    elif isinstance(node, ast.BinOp | ast.AugAssign | ast.BoolOp):
        for operator in OPERATORS.get(type(node.op), ()):
            yield lambda operator=operator: _set(node, "op", operator())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda: _set(node, "op", ast.UAdd())
    elif isinstance(node, ast.Compare):
        for operator in OPERATORS.get(type(node.ops[0]), ()):
            yield lambda operator=operator: _set(node, "ops", [operator(), *node.ops[1:]])
    elif isinstance(node, ast.IfExp):
        yield lambda: _set(node, "test", ast.Constant(True))
        yield lambda: _set(node, "test", ast.Constant(False))
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.List | ast.Tuple) and isinstance(node.ctx, ast.Load):
        for i in range(len(node.elts) - 1):
            turned = [*node.elts[:i], node.elts[i + 1], node.elts[i], *node.elts[i + 2 :]]
            yield lambda turned=turned: _set(node, "elts", turned)
    for block in ("body", "orelse"):
        statements = getattr(node, block, None)
        for i, statement in enumerate(statements if isinstance(statements, list) else []):
            if _may_go(statement):
                yield lambda block=block, i=i: _remove(getattr(node, block), i)


def _calls(call: ast.Call) -> Iterator[Callable[[], tuple[int, str]]]:
    for i, keyword in enumerate(call.keywords):
        if keyword.arg and keyword.arg not in UNTOUCHED:
            rest, name = call.keywords[:i] + call.keywords[i + 1 :], f"without {keyword.arg}="
            yield lambda rest=rest, name=name: (_set(call, "keywords", rest)[0], name)
    if len(call.args) > 1:
        turned = [call.args[1], call.args[0], *call.args[2:]]
        what = f"{ast.unparse(call.func)}: first two arguments exchanged"
        yield lambda: (_set(call, "args", turned)[0], what)
    field = {ast.Name: "id", ast.Attribute: "attr"}.get(type(call.func), "")
    if (name := getattr(call.func, field, None)) in NAMES:
        yield lambda: (_set(call.func, field, NAMES[name])[0], f"{name} -> {NAMES[name]}")


def _constants(value: object) -> list:
    """Other values for a constant."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, *([0] if value == 255 else [])]
    if isinstance(value, float):
        return [value * 2, value / 2] if value else [1.0]
    if isinstance(value, str) and NUMBERS.fullmatch(value):
        first, *rest = value.split()
        return [" ".join([str(int(first) + 1), *rest]), " ".join([first, *rest][:-2])]
    return [MODES[value]] if isinstance(value, str) and value in MODES else []


def _may_go(statement: ast.stmt) -> bool:
    """Whether the code can run without a statement; what only binds a new name is missed for sure."""
    if isinstance(statement, ast.Assign):
        targets, used = statement.targets, _names(statement.value)
        return any(not isinstance(t, ast.Name | ast.Tuple) or getattr(t, "id", "") in used for t in targets)
    if isinstance(statement, ast.Expr):
        return not _seeds(statement.value)
    return isinstance(statement, ast.AugAssign | ast.For | ast.If)


def _set(node: ast.AST, field: str, value: object) -> tuple[int, str]:
    before = _short(node)
    setattr(node, field, value)
    return node.lineno, f"{before} -> {_short(ast.fix_missing_locations(node))}"


def _short(node: ast.AST) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 50 else f"{text[:24]} ... {text[-20:]}"


def _remove(statements: list[ast.stmt], i: int) -> tuple[int, str]:
    line, text = statements[i].lineno, ast.unparse(statements[i]).splitlines()[0]
    statements[i] = ast.Pass(lineno=line, col_offset=0)
    return line, f"without {text}"


def values(answers: Sequence[Any], measured: Sequence[int]) -> Iterator[tuple[str, list]]:
    """(what was done, answers) for measured answers: neighbours exchanged, a number negative, a number in per cent.

    Args:
        answers: numbers, arrays of them, and lists, tuples and dicts of these; anything else stays as it is.
        measured: which of them are.
    """
    places = [place for place in _numbers(answers, ()) if place[0] in measured]
    for here, there in zip(places, places[1:]):
        first, second = _at(answers, here), _at(answers, there)
        if first is not second and np.shape(first) == np.shape(second) and not np.array_equal(first, second):
            yield f"{_said(here)} <-> {_said(there)}", _with(_with(answers, here, second), there, first)
    for place in places:
        value = _at(answers, place)
        if np.any(np.asarray(value) != 0):
            yield f"{_said(place)}: negative", _with(answers, place, -value)
            yield f"{_said(place)}: per cent", _with(answers, place, 100 * value)


def _numbers(value: Any, place: tuple) -> Iterator[tuple]:
    """Where the numbers are."""
    if isinstance(value, dict | list | tuple):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from _numbers(value[key], (*place, key))
    elif isinstance(value, int | float | np.ndarray | np.generic | torch.Tensor) and not isinstance(value, bool):
        yield place


def _said(place: tuple) -> str:
    return "answer " + ", ".join(map(str, place))


def _at(value: Any, place: tuple) -> Any:
    for key in place:
        value = value[key]
    return value


def _with(value: Any, place: tuple, new: Any) -> Any:
    """A copy in which one place holds something else."""
    if not place:
        return new
    inner = _with(value[place[0]], place[1:], new)
    if isinstance(value, dict):
        return value | {place[0]: inner}
    changed = list(value)
    changed[place[0]] = inner
    return type(value)(changed)
