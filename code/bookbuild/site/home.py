"""What the front door shows: where to go, the path as pictures, the networks as one family, the thread, the times.

    ```{ways}
    ```
    ```{path}
    01-pixels-to-labels: When is a prediction better than calling everything background?
    ```
    ```{family}
    ```
    ```{thread}
    ```
    ```{needs}
    05-from-classifier-to-fcn: chapters 3 and 4
    ```
    {reading}`01 05 06`

`ways` are three buttons: read, Colab, teach. `path` and `needs` list chapters with what stands behind the colon: cards
with a picture (site/thumbnails.py), or the rows of a table. All times are those under the chapters' titles. `family`
draws four networks from themselves, `thread` is the moving figure size-stride-centre; the role `reading` is the time
that these chapters take to read, of all where it says `all`.
"""

import html
import json
import math
import re
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective, SphinxRole

from bookbuild.chapters import HEADER, chapter_files, read_book

LINE = re.compile(r"([\w-]+): (.+)")
PICTURES = Path("book") / "_static" / "path"
FAMILY = {  # on the same backbone, so that all that differs is what a chapter changes
    "FCN-32s": ("fcn32s_tiny", "05-from-classifier-to-fcn"),
    "FCN-8s": ("fcn8s_tiny", "07-skip-connections"),
    "dilated FCN": ("fcn_tiny_d8", "09-dilated-convolution"),
    "DeepLabv3+": ("deeplabv3plus_tiny", "11-deeplabv3plus"),
}
THREAD = "A cat under the cells of a layer: what one cell sees, how far apart the cells stand, where the first one is."


class HomeError(ValueError):
    """What a directive of this file holds is not what it can show: one sentence."""


# --- what the chapters say of themselves -----------------------------------------------------------------------------


def times(root: Path, name: str) -> tuple[int, str]:
    """Minutes to read a chapter, and how long it runs, as the line under its title says."""
    path = root / "book" / f"{name}.md"
    found = HEADER.search(path.read_text(encoding="utf-8")) if path.is_file() else None
    if not found:
        raise HomeError(f"there is no chapter {name}, or it does not say under its title how long it takes")
    return int(found[1]), found[2]


def spoken(minutes: int) -> str:
    """60 minutes or more in hours: "2 h 45 min"."""
    hours, rest = divmod(minutes, 60)
    return " ".join(part for part in (f"{hours} h" * bool(hours), f"{rest} min" * bool(rest or not hours)) if part)


def reading_time(root: Path, text: str) -> int:
    """Minutes that chapters take to read: "all", or their numbers with blanks between them."""
    names = {path.name[:2]: path.stem for path in chapter_files(root)}
    numbers = list(names) if text.strip() == "all" else text.split()
    if unknown := [number for number in numbers if number not in names]:
        raise HomeError(f"there is no chapter {unknown[0]}: numbers of two digits, or all")
    return sum(times(root, names[number])[0] for number in numbers)


def entries(lines: list[str]) -> list[tuple[str, str]]:
    """The chapters that a directive lists, each with the text behind its colon."""
    found = [LINE.fullmatch(line.strip()) for line in lines if line.strip()]
    if not found or None in found:
        raise HomeError("holds lines such as `05-from-classifier-to-fcn: a text`, one a chapter")
    return [(match[1], match[2]) for match in found]


# --- the family -------------------------------------------------------------------------------------------------------


def small_diagram(title: str, network: str) -> str:
    """A network's rows as bars, as wide as their maps are fine, each with its stride; SVG."""
    from segbook import models  # here, because torch takes seconds, and most builds need none
    from segbook.figures.blocks import COLOURS, Diagram, blocks
    from segbook.plot import ON_DARK, SERIES

    rows, colour = blocks(models.create(network)), SERIES[COLOURS[title]]
    label, parts, high = html.escape(str(Diagram(title, rows, colour)), quote=True), [], 20
    for i, row in enumerate(rows):
        y, width = i * high, 112 * (1 - math.log2(row.stride) / 6)
        kind = 'class="head"' if row.head else 'fill-opacity=".38"'
        parts.append(f'<rect {kind} x="{78 - width / 2:.1f}" y="{y}" width="{width:.1f}" height="14" rx="2"/>')
        parts.append(f'<text x="158" y="{y + 11}" text-anchor="end">{row.stride:g}</text>')
        if row.reads is not None:
            start, x = row.reads * high + 7, 6 + 4 * (row.reads % 3)
            d = f"M{74 - 56 * (1 - math.log2(rows[row.reads].stride) / 6):.1f} {start}H{x}V{y + 7}H{74 - width / 2:.1f}"
            parts.append(f'<path class="skip" d="{d}" fill="none" stroke-width="2"/>')
    themed = f"light-dark({colour},{ON_DARK[colour]})"
    drawn = "".join(parts).replace('class="head"', f'fill="{colour}" style="fill:{themed}"')
    drawn = drawn.replace('class="skip"', f'stroke="{colour}" style="stroke:{themed}"')
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 160 {len(rows) * high}" fill="currentColor" '
        f'font-size="11">{drawn}</svg>'
    )


# --- the directives ---------------------------------------------------------------------------------------------------


class HomeDirective(SphinxDirective):
    """What they share: MyST inside, and faults with their line."""

    @property
    def root(self) -> Path:
        return Path(self.env.srcdir)

    def parsed(self, *lines: str) -> list[nodes.Node]:
        """The nodes of some MyST."""
        holder = nodes.Element()
        self.state.nested_parse(StringList([*lines, ""], source=""), self.content_offset, holder)
        return holder.children

    def chapters(self) -> list[tuple[str, str, int, str]]:
        """Name, text, minutes to read and time to run of each chapter listed."""
        try:
            found = [(name, text, *times(self.root, name)) for name, text in entries(list(self.content))]
        except HomeError as error:
            raise self.error(f"{{{self.name}}}: {error}") from error
        for name, *_ in found:
            self.env.note_dependency(str(self.root / "book" / f"{name}.md"))
        return found


class WaysDirective(HomeDirective):
    """{ways}: the three buttons."""

    def run(self) -> list[nodes.Node]:
        book = read_book(self.root)
        first = book.chapters[0]
        colab = f"https://colab.research.google.com/github/{book.url.removeprefix('https://github.com/')}"
        (ways,) = self.parsed(
            f"[Read it](/{first.name}.md) [Run it on Colab]({colab}/blob/{book.branch}/book/{first.notebook}) "
            "[Teach with it](/book/instructors-guide.md)"
        )
        ways["classes"].append("ways")
        return [ways]


class PathDirective(HomeDirective):
    """{path}: a card a chapter."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        cards = nodes.bullet_list(classes=["path"])
        told = json.loads((self.root / PICTURES / "pictures.json").read_text(encoding="utf-8"))
        for name, question, reading, running in self.chapters():
            if name not in told:
                raise self.error(f"{{path}}: {name} has no picture: python -m bookbuild.site.thumbnails {name}")
            title, asked, minutes = self.parsed(
                f"{int(name[:2])} · {{doc}}`{name}`", "", question, "", f"{reading} min · runs {running}"
            )
            for node, kind in ((title, "title"), (asked, "asked"), (minutes, "minutes")):
                node["classes"].append(f"path-{kind}")
            picture = nodes.image(uri=f"/{PICTURES.as_posix()}/{name}.webp", alt=told[name])
            cards += nodes.list_item("", picture, title, asked, minutes)
        return [cards]


class NeedsDirective(HomeDirective):
    """{needs}: a table of what each chapter needs from those before it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        rows = [
            f"| {int(n[:2])} · {{doc}}`{n}` | {text} | {read} min | {run} |" for n, text, read, run in self.chapters()
        ]
        return self.parsed("| Chapter | Needs | Reading | Running |", "|---|---|---|---|", *rows)


class FamilyDirective(HomeDirective):
    """{family}: four networks side by side."""

    def run(self) -> list[nodes.Node]:
        family = nodes.bullet_list(classes=["family"])
        for title, (network, chapter) in FAMILY.items():
            (name,) = self.parsed(f"[{title}](/book/{chapter}.md)")
            family += nodes.list_item("", name, nodes.raw("", small_diagram(title, network), format="html"))
        return [family]


class ThreadDirective(HomeDirective):
    """{thread}: the moving figure."""

    def run(self) -> list[nodes.Node]:
        import numpy as np  # as above
        from PIL import Image

        from segbook import figures

        photograph = np.array(Image.open(self.root / "book" / "_static" / "network" / "chelsea.webp").convert("RGB"))
        picture = figures.picture(photograph, quality=60)
        figure = figures.show("size-stride-centre", THREAD, picture=picture, size=photograph.shape[:2])
        return [nodes.raw("", figure.html(), format="html")]


class ReadingRole(SphinxRole):
    """{reading}`01 05 06`"""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        try:
            minutes = reading_time(Path(self.env.srcdir), self.text)
        except HomeError as error:
            return [], [self.inliner.reporter.error(f"{{reading}}: {error}", line=self.lineno)]
        for path in chapter_files(Path(self.env.srcdir)):
            self.env.note_dependency(str(path))
        return [nodes.Text(spoken(minutes))], []


def setup(app: Sphinx) -> None:
    """Register the directives and the role."""
    for name, directive in (
        ("ways", WaysDirective),
        ("path", PathDirective),
        ("needs", NeedsDirective),
        ("family", FamilyDirective),
        ("thread", ThreadDirective),
    ):
        app.add_directive(name, directive)
    app.add_role("reading", ReadingRole())
