"""Each page that is no chapter counts its figures, tables, equations and exercises from 1.

Sphinx counts what stands on pages without a number through the whole book: a figure more on one page would change the
numbers of all that follow it.
"""

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment


def hand_back(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Before Sphinx counts: give it the numbers that it knows, or it would write all these pages again."""
    env.toc_fignumbers |= getattr(env, "segbook_counted_through", {})
    return []


def count_from_one(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """After Sphinx has counted."""
    env.segbook_counted_through = {
        name: kinds
        for name, kinds in env.toc_fignumbers.items()
        if all(len(number) == 1 for counted in kinds.values() for number in counted.values())  # a chapter's: (5, 1)
    }
    for name, kinds in env.segbook_counted_through.items():
        env.toc_fignumbers[name] = {
            kind: {ident: (number,) for number, ident in enumerate(counted, 1)} for kind, counted in kinds.items()
        }
    return []


def setup(app: Sphinx) -> None:
    """Around Sphinx's own handler, which has the priority 500."""
    app.connect("env-get-updated", hand_back, priority=100)
    app.connect("env-get-updated", count_from_one, priority=900)
