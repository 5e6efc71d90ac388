"""What builds, proves and measures the book. No page and no notebook imports it.

chapters.py    which chapters there are, in which order, and the line under a chapter's title
records.py     results/**.json: written, merged, read, each run with where it comes from
site/          Sphinx's part: execution, directives and roles, the page's head, search, the last hand on the pages
notebooks/     the exporter: from a chapter's source to the notebook that Colab opens
demo/          the network that runs in the page
experiments/   the trainings whose numbers the chapters print
bench/         speed, as ratios to peers
mutants/       how much the checkers notice
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the repository
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
