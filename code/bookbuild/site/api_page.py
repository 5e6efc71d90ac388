"""The API page: what autodoc would say there in words that are nobody's."""

from typing import Any

from sphinx.application import Sphinx


def skip_alias(app: Sphinx, what: str, name: str, member: Any, skip: bool, options: Any) -> bool | None:
    """Leave out the fields of a named tuple: "Alias for field number 0" tells less than the class's own docstring."""
    return True if type(member).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> None:
    app.connect("autodoc-skip-member", skip_alias)
