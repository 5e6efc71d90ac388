"""Numbers in prose that cannot go stale: the role `result` prints them from the JSON files of real runs.

The role's text is `<path>:<format>`. The path's first parts name a file under results/, the rest are keys in it:
`camvid.fcn8s_tiny.mean_iou:.1f` is the key mean_iou of results/camvid/fcn8s_tiny.json, or the keys fcn8s_tiny and
mean_iou of results/camvid.json, whichever is there. The format is Python's (`.1f`, `.1%`, `,`); text and whole numbers
need none.
"""

import json
import math
import re
from pathlib import Path
from typing import Any

PATH = re.compile(r"[\w-]+(\.[\w-]+)+")


class ResultError(ValueError):
    """A result that cannot be printed; the message says which, and what to do."""


def result_text(text: str, results_dir: Path) -> str:
    """What the role `result` prints.

    Args:
        text: the role's text, `<path>:<format>`.
        results_dir: the folder of the JSON files.

    Raises:
        ResultError: no such file or key, two files that could hold it, nothing there to print, or a format that
            does not fit.
    """
    path, _, form = text.strip().partition(":")
    value = result_value(path, results_dir)
    if isinstance(value, float) and not form:
        raise ResultError(f"the result {path} is {value!r}: say how many digits to print, as in `{path}:.1f`")
    try:
        return format(value, form)
    except ValueError as error:
        raise ResultError(f"the result {path} is {value!r}, which the format {form!r} does not fit: {error}") from error


def result_value(path: str, results_dir: Path) -> int | float | str:
    """The number or text that a dotted path leads to."""
    if not PATH.fullmatch(path):
        raise ResultError(f"{path!r} is no path of a result: write file.key or folder.file.key, then `:` and a format")
    parts = path.split(".")
    files = [results_dir.joinpath(*parts[:depth]).with_suffix(".json") for depth in range(1, len(parts))]
    found = [(file, keys) for depth, file in enumerate(files, 1) if file.is_file() and (keys := parts[depth:])]
    if not found:
        looked = " and ".join(file.relative_to(results_dir).as_posix() for file in files)
        raise ResultError(f"the result {path} has no file: looked for {looked} in {results_dir.name}/")
    if len(found) > 1:
        both = " and ".join(file.relative_to(results_dir).as_posix() for file, _ in found)
        raise ResultError(f"the result {path} could be in {both} of {results_dir.name}/: rename one of them")
    file, keys = found[0]
    name = f"{results_dir.name}/{file.relative_to(results_dir).as_posix()}"
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ResultError(f"{name} is no JSON: {error}") from error
    value = _descend(value, keys, name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ResultError(f"{'.'.join(keys)} in {name} is {_kind(value)}, not a number or text that prose can print")
    if isinstance(value, float) and not math.isfinite(value):
        raise ResultError(f"{'.'.join(keys)} in {name} is {value}, not a number that prose can print")
    return value


def _descend(value: Any, keys: list[str], name: str) -> Any:
    for depth, key in enumerate(keys):
        where = f"{'.'.join(keys[:depth])} in {name}" if depth else name
        if isinstance(value, dict):
            if key not in value:
                raise ResultError(f"{where} has no key {key!r}, only {', '.join(sorted(value)) or 'none'}")
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            raise ResultError(f"{where} is {_kind(value)}, which has no {key!r}")
    return value


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, dict):
        return "a group of keys"
    return f"a list of {len(value)}" if isinstance(value, list) else repr(value)
