"""The report of `check_data` as one page that needs nothing else, and as a few lines."""

import base64
import io
from html import escape

from PIL import Image
from torch import Tensor

from segbook.data.check import Report, SplitSummary
from segbook.data.palette import VOID, index_to_colour

SHOWN = 200  # faults listed on the page; more of them say nothing new

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data check</title><link rel="icon" href="data:,"><style>
:root {{ color-scheme: light dark; --ink: #20242b; --paper: #fefefd; --line: #c9ced6; --bar: #0072b2; --bad: #b3261e; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e8eaed; --paper: #14181e; --line: #3d444e; --bar: #56b4e9; --bad: #ff9a8f; }} }}
body {{ color: var(--ink); background: var(--paper); font: 16px/1.5 system-ui, sans-serif; max-width: 60rem;
  margin: 0 auto; padding: 1rem; }}
p, li, figcaption, .long {{ overflow-wrap: anywhere; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: left; vertical-align: top; }}
td.number {{ text-align: right; white-space: nowrap; }}
.bar {{ background: var(--bar); height: .6rem; min-width: 1px; }} .bad {{ color: var(--bad); }}
figure {{ display: inline-block; margin: 0 .75rem .75rem 0; max-width: 100%; }} figcaption {{ font-size: .85rem; }}
img {{ max-width: 100%; height: auto; }}
</style></head><body><h1>Data check</h1><p>{root}</p>{body}</body></html>
"""


def page(report: Report) -> str:
    """HTML with its style and pictures inside: opening it fetches nothing. It follows the reader's theme."""
    body = [f'<p class="{"bad" if report.faults else "good"}"><strong>{headline(report)}</strong></p>']
    if report.faults:
        rows = []
        for fault in report.faults[:SHOWN]:
            split, *others = map(escape, fault)
            rows.append(f"<tr><td>{split}</td>" + "".join(f'<td class="long">{cell}</td>' for cell in others) + "</tr>")
        head = "<h2>Faults</h2><table><thead><tr><th>Split</th><th>Name</th><th>What is wrong</th></tr></thead><tbody>"
        body += [head, *rows, "</tbody></table>"]
        if len(report.faults) > SHOWN:
            body.append(f"<p>... and {len(report.faults) - SHOWN} more.</p>")
    if report.notes:
        body.append("<h2>To be known</h2><ul>" + "".join(f"<li>{escape(n)}</li>" for n in report.notes) + "</ul>")
    body += [of_split(name, summary, report) for name, summary in report.splits.items()]
    return PAGE.format(root=escape(str(report.root)), body="\n".join(body))


def of_split(name: str, summary: SplitSummary, report: Report) -> str:
    """Sizes, the histogram of the labels, and a few pairs with the mask laid over the image."""
    total = max(1, int(summary.pixels.sum()))
    rows = []
    for value in summary.pixels.nonzero().flatten().tolist():
        share, label = int(summary.pixels[value]) / total, "void" if value == VOID else report.classes[value]
        rows.append(
            f'<tr><td>{value}</td><td>{escape(label)}</td><td class="number">{int(summary.masks_with[value])}</td>'
            f'<td class="number">{100 * share:.2f} %</td><td style="width:30%">'
            f'<div class="bar" style="width:{100 * share:.2f}%"></div></td></tr>'
        )
    head = "<tr><th>Label</th><th>Class</th><th>Masks</th><th>Pixels</th><th></th></tr>"
    table = f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>" if rows else ""
    pictures = "".join(
        f'<figure><img alt="{escape(n)} with its mask" src="{thumbnail(image, mask, report.palette)}">'
        f"<figcaption>{escape(n)}</figcaption></figure>"
        for n, image, mask in summary.samples
    )
    return f"<h2>{escape(name)}</h2><p>{sizes(summary)}</p>{table}<p>{pictures}</p>"


def thumbnail(image: Tensor, mask: Tensor, palette: Tensor, side: int = 240) -> str:
    """The image with half of its mask's colours, at most `side` pixels wide and high, as a data: address."""
    mixed = (image.permute(1, 2, 0).int() + index_to_colour(mask, palette).int()) // 2  # (H, W, 3)
    picture = Image.fromarray(mixed.byte().numpy())
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def sizes(summary: SplitSummary) -> str:
    """How many pairs, and how large."""
    if summary.smallest is None:
        return f"{summary.pairs} pairs"
    low, high = ("x".join(map(str, size)) for size in (summary.smallest, summary.largest))
    return f"{summary.pairs} pairs of {low}" + ("" if low == high else f" to {high}") + " pixels"


def headline(report: Report) -> str:
    """The verdict in a few words."""
    count = len(report.faults)
    return f"{count} fault{'s' * (count != 1)} found" if count else "No fault found"


def summary_lines(report: Report, most: int = 10) -> str:
    """The report for a terminal, with at most so many faults."""
    lines = [f"{name}: {sizes(summary)}" for name, summary in report.splits.items()]
    lines += [f"fault: {f.split} {f.name}".rstrip() + f": {f.message}" for f in report.faults[:most]]
    if len(report.faults) > most:
        lines.append(f"... and {len(report.faults) - most} more faults")
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes), headline(report)])
