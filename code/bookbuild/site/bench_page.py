"""The page of benchmarks: `{bench}` draws a part of results/bench.json and sets its numbers in a table below.

    ```{bench} speed
    :name: fig-bench-speed

    The caption.
    ```

The parts are `speed`, `size`, `stride` and `figures`; the last is a table alone.
"""

import json
from collections.abc import Callable
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild.site.themed_svg import themed_svg
from segbook import plot

LONG = 30  # lines; a longer table waits to be opened
Drawn = tuple[Figure | None, str, list[list[str]]]  # picture, its alternative text, the table with its head


def ratio(row: dict) -> float:
    """How many times less ours takes."""
    return row["theirs"] / row["ours"]


def speed(record: dict) -> Drawn:
    """A dot a comparison: how many times faster ours is, with a tick where it should be."""
    rows = record["speed"]
    figure, ax = plt.subplots(figsize=(5.2, 0.5 * len(rows) + 0.7))
    ax.axvline(1, color=plot.GREY, lw=1)
    for place, row in enumerate(rows):
        told = f"{row['what']}, against {row['peer']}"
        plate = {"fc": plot.PAPER, "ec": "none", "pad": 1}  # hides the line behind the words
        ax.text(0, place - 0.3, told, transform=ax.get_yaxis_transform(), fontsize=8.5, va="center", bbox=plate)
        if row["aim"]:
            ax.plot(row["aim"], place, "|", color=plot.GREY, ms=12)
        ax.plot(ratio(row), place, "o", color=plot.SERIES[0])
    ax.set(xscale="log", xlabel="times faster than the peer", yticks=[], ylim=(len(rows) - 0.5, -0.7))
    ax.spines["left"].set_visible(False)
    ax.set_xticks([0.5, 1, 2, 5, 10, 100], ["0.5", "1", "2", "5", "10", "100"])
    ax.minorticks_off()
    table = [["what", "peer", "ours", "peer's", "times faster", "aim"]]
    for row in rows:
        unit = row["unit"]
        aim = f"{row['aim']:g}" if row["aim"] else ""
        numbers = [f"{row['ours']:.1f}\N{NO-BREAK SPACE}{unit}", f"{row['theirs']:.1f}\N{NO-BREAK SPACE}{unit}"]
        numbers += [f"{ratio(row):.2f}", aim]
        table.append([row["what"], row["peer"], *numbers])
    alt = "Dots on a logarithmic axis, times faster than the peer. " + "; ".join(
        f"{row['what']} against {row['peer']} {ratio(row):.2g}" for row in rows
    )
    return figure, alt + ".", table


def growth(record: dict, part: str, key: str, axis: str) -> Drawn:
    """Measured times over the size or the stride, and the line that the count of operations predicts."""
    cost, rate = record["cost"], record["cost"]["gflops_per_second"]
    lines = -(-len(cost[part]) // 2)
    figure, axes = plt.subplots(lines, 2, figsize=(5.8, 2.1 * lines + 0.3), sharex=True, sharey=True, squeeze=False)
    table, told = [["network", axis, "GFLOP", "predicted", "measured"]], []
    for ax, (name, rows) in zip(axes.flat, cost[part].items()):
        places = [row[key] for row in rows]
        predicted = [1000 * row["gflop"] / rate for row in rows]
        ax.plot(places, predicted, "--", color=plot.GREY, label="predicted")
        ax.plot(places, [row["ms"] for row in rows], "o", color=plot.SERIES[0], label="measured")
        if part == "size":
            ax.plot(places[-1], cost["kept"][name], "o", mfc="none", color=plot.SERIES[1], label="memory kept")
        ax.set_title(name, fontsize=10)
        ax.set(xscale="log", yscale="log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1,) if part == "size" else (1, 2, 5)))
        ax.yaxis.set_major_formatter("{x:g}")
        ax.set_xticks(places, [str(place) for place in places])
        ax.tick_params(labelsize=10)
        ax.minorticks_off()
        ax.grid()
        for row, expected in zip(rows, predicted):
            table.append([name, str(row[key]), f"{row['gflop']:.1f}", f"{expected:.0f} ms", f"{row['ms']:.0f} ms"])
        if part == "size":
            last = table[-1]
            table.append([name, f"{last[1]}, memory kept", *last[2:4], f"{cost['kept'][name]:.0f} ms"])
        told.append(f"{name} takes {rows[0]['ms']:.0f} ms at {places[0]} and {rows[-1]['ms']:.0f} at {places[-1]}")
    for ax in axes.flat[len(cost[part]) :]:  # left over
        ax.set_visible(False)
    for ax in axes.flat[max(len(cost[part]) - 2, 0) : len(cost[part])]:
        ax.set_xlabel(axis, fontsize=10)
        ax.tick_params(labelbottom=True)
    for ax in axes[:, 0]:
        ax.set_ylabel("milliseconds")
    axes.flat[0].legend(fontsize=10)
    alt = f"A panel a network, milliseconds over the {axis}, measured dots and a dashed line: " + "; ".join(told)
    return figure, alt + ".", table


def figures(record: dict) -> Drawn:
    """First drawing and frames a second of the figures in the pages."""
    table = [["figure", "page", "first drawing", "frames a second"]]
    for row in record["figures"]:
        first = f"{row['first_draw_ms']:.0f} ms"
        table.append([row["figure"], row["page"], first, f"{row['frames_per_second']:.0f}"])
    return None, "", table


PARTS: dict[str, Callable[[dict], Drawn]] = {
    "speed": speed,
    "size": lambda record: growth(record, "size", "side", "side of the image (pixels)"),
    "stride": lambda record: growth(record, "stride", "output_stride", "output stride"),
    "figures": figures,
}


class BenchDirective(SphinxDirective):
    """{bench}, as the head of this file shows it."""

    required_arguments = 1
    has_content = True
    option_spec = {"name": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        root = Path(self.env.srcdir)
        file = root / "results" / "bench.json"
        part = self.arguments[0]
        if part not in PARTS:
            raise self.error(f"{{bench}} has no part {part!r}; its parts are {', '.join(PARTS)}")
        if not file.is_file():
            raise self.error("results/bench.json is missing: run make bench once and commit it")
        self.env.note_dependency(str(file))
        plot.style()
        picture, alt, table = PARTS[part](json.loads(file.read_text(encoding="utf-8")))
        found: list[nodes.Node] = []
        if picture is not None:
            drawn = root / "_build" / "bench" / f"{part}.svg"
            drawn.parent.mkdir(parents=True, exist_ok=True)
            drawn.write_text(themed_svg(picture), encoding="utf-8")
            plt.close(picture)
            text = [f"```{{figure}} /_build/bench/{part}.svg", f":alt: {alt}", ":class: themed"]
            text += [f":name: {self.options['name']}"] if "name" in self.options else []
            found += self.parsed([*text, "", *self.content, "```"])
        rows = ["| " + " | ".join(cells) + " |" for cells in table]
        rows.insert(1, "|---" * len(table[0]) + "|")
        if len(rows) > LONG:
            rows = ["```{admonition} The numbers", ":class: dropdown", "", *rows, "```"]
        return found + self.parsed(rows)

    def parsed(self, lines: list[str]) -> list[nodes.Node]:
        """The nodes of some MyST."""
        holder = nodes.Element()
        self.state.nested_parse(StringList(lines, source=""), self.content_offset, holder)
        return holder.children


def setup(app: Sphinx) -> None:
    """Register the directive."""
    app.add_directive("bench", BenchDirective)
