"""No green that means skipped: with SEGBOOK_STRICT=1 a skipped test has failed, unless its reason is listed here."""

import os
import re
from collections import Counter

import pytest

pytest_plugins = ["pytester"]
STRICT = os.environ.get("SEGBOOK_STRICT") == "1"
# What a machine may lack, and how the skip's reason says so.
MAY_BE_MISSING = {
    "real photographs and weights": r"SEGBOOK_DATA",
    "a CUDA device": r"CUDA",
    "nbgrader": r"nbgrader",
}


def missing(reason: str) -> str | None:
    """What a skip's reason says is not there, if it may be missing."""
    return next((what for what, pattern in MAY_BE_MISSING.items() if re.search(pattern, reason)), None)


def reason_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


def judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip that is not listed into a failure."""
    if STRICT and report.skipped and not hasattr(report, "wasxfail") and not missing(reason_of(report)):
        report.outcome = "failed"
        report.longrepr = f"skipped in a strict run: {reason_of(report)}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    report = yield
    judge(report)
    return report


def pytest_terminal_summary(terminalreporter) -> None:
    """Say what was left out, before the line with the totals."""
    counts = Counter(missing(reason_of(report)) or "other" for report in terminalreporter.stats.get("skipped", []))
    if counts:
        told = ", ".join(f"{count} for want of {what}" for what, count in sorted(counts.items()) if what != "other")
        rest = f"{counts['other']} for other reasons" if counts["other"] else ""
        terminalreporter.write_line(f"left out: {'; '.join(filter(None, [told, rest]))}")
