"""What the instructor's guide says of a chapter without anybody's counting: its minutes, and where its slides are.

{minutes}`04-bilinear-kernels` reads the chapter's header and the heads of its exercises, {minutes}`all` adds them up.
{slides}`04-bilinear-kernels` leads to the session's deck, which `python -m bookbuild.slides` writes beside the pages.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole

from bookbuild.chapters import EXERCISE_HEAD, HEADER, chapter_files

ASKED = re.compile(r"^`{3,}\{exercise\}.*\n:label: (\S+)\n(.*)", re.MULTILINE)


def reading(source: str) -> int:
    """Minutes of reading, from the line under the title."""
    return int(HEADER.search(source)[1])


def exercises(source: str) -> dict[str, int]:
    """Minutes of each exercise, by its label."""
    return {label: int(EXERCISE_HEAD.match(head)["minutes"]) for label, head in ASKED.findall(source)}


def hours(minutes: int) -> str:
    """To the next half hour: 744 -> "12.5 hours"."""
    return f"{round(minutes / 30) / 2:g} hours"


class MinutesRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        paths = {path.stem: path for path in chapter_files(Path(self.env.srcdir))}
        if self.text != "all" and self.text not in paths:
            return [], [self.inliner.reporter.error(f"no chapter is called {self.text}", line=self.lineno)]
        chosen = list(paths.values()) if self.text == "all" else [paths[self.text]]
        sources = [path.read_text(encoding="utf-8") for path in chosen]
        for path in chosen:
            self.env.note_dependency(str(path))
        read, solve = sum(map(reading, sources)), sum(sum(exercises(source).values()) for source in sources)
        told = (hours(read), hours(solve)) if self.text == "all" else (f"{read} minutes", f"{solve} minutes")
        return [nodes.Text(f"{told[0]} of reading and {told[1]} of exercises")], []


class SlidesRole(SphinxRole):
    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        link = nodes.reference("", "slides", refuri=f"../slides/{self.text}.html", internal=False)
        return [link], []


def setup(app: Sphinx) -> None:
    app.add_role("minutes", MinutesRole())
    app.add_role("slides", SlidesRole())
