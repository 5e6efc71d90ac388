"""What builds, proves and measures the book. No page and no notebook imports it.

chapters.py    which chapters and optional pages there are, in which order, and the line under a page's title
lint.py        rules of the prose; vocabulary.py and symbols.py hold one word, one symbol for one thing
measure.py     how long the pages are, and may be
records.py     results/**.json: written, merged, read, each run with where it comes from
site/          Sphinx's part: execution, directives and roles, the page's head, search, the last hand on the pages
notebooks/     the exporter: from a chapter's source to the notebook that Colab opens
slides/        a deck a session of the instructor's guide, from the built pages
pdf/           the whole book in one file, from the built pages
demo/          the network that runs in the page
experiments/   the trainings whose numbers the chapters print
bench/         speed, as ratios to peers
mutants/       how much the checkers notice
"""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome", "chromium-browser")  # the one without windows first


def chromium() -> str | None:
    """Where the Chromium is that tests, prints and measures pages; None where none is installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)
