"""The whole book as a PDF, printed by Chromium from the built site: python -m bookbuild.pdf SITE BOOK.pdf."""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright
from pypdf import PdfReader

from bookbuild import ROOT, chromium
from bookbuild.pdf.compose import compose, front
from bookbuild.pdf.join import join
from bookbuild.site.around import citation

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
LARGEST = 40  # MB of the whole book
MINUTES = 30  # that a step may take, on a busy machine
COLUMN = 643  # CSS pixels, 170 mm: an A4 page without its margins
SET = """async column => {
  await window.MathJax?.startup?.promise;
  await document.fonts.ready;
  await Promise.all([...document.images].map(image => image.decode().catch(() => {
    throw new Error("no picture: " + image.src.slice(0, 200)) })));
  const wholes = "mjx-container[display=true] > mjx-math, svg.segbook-plot, table";
  for (const wide of document.querySelectorAll(wholes)) {
    const room = wide.closest("div, li, td, figure").clientWidth || column;
    const width = Math.max(wide.getBoundingClientRect().width, wide.tagName === "TABLE" ? wide.scrollWidth : 0);
    if (width > room + 1) wide.style.zoom = Math.max(0.4, room / width);
  }
  return [...document.querySelectorAll(wholes + ", img, pre, p, li")]
    .filter(one => one.getBoundingClientRect().right > document.body.clientWidth + 2)
    .map(one => `${one.closest(".bd-article")?.id}: ${one.tagName} ${one.textContent.trim().slice(0, 60)}`);
}"""
TITLES = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(heading => heading.textContent.trim())"""


class Printer:
    """A browser that prints files, and remembers the headings of what it has printed."""

    def __init__(self, page: Page):
        self.page = page
        self.titles: dict[Path, list[str]] = {}

    def print(self, source: Path) -> Path:
        """Print one HTML file beside itself.

        Raises:
            ValueError: something sticks out of its page.
        """
        self.page.goto(source.resolve().as_uri(), wait_until="load")
        if wide := self.page.evaluate(SET, COLUMN):
            raise ValueError("wider than the page: " + "; ".join(wide))
        pdf = source.with_suffix(".pdf")
        self.page.pdf(path=pdf, prefer_css_page_size=True, print_background=True, outline=True, tagged=True)
        self.titles[pdf] = self.page.evaluate(TITLES)
        return pdf


@contextmanager
def printer() -> Iterator[Printer]:
    if chromium() is None:
        raise SystemExit("printing needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(viewport={"width": COLUMN, "height": 900}, color_scheme="light")
        page.set_default_timeout(MINUTES * 60_000)
        page.emulate_media(media="print", color_scheme="light")
        yield Printer(page)
        browser.close()


def make(root: Path, site: Path, pdf: Path) -> None:
    """Print the pages of a site one by one, then the contents that know their numbers, and join them."""
    with TemporaryDirectory(dir=site.parent) as folder, printer() as press:
        out = Path(folder)
        pages = compose(root, site, out)
        printed = []
        for page in pages:
            printed.append(press.print(page.leaf(out)))
            print(f"== {page.title}", flush=True)
        counts = [len(PdfReader(path).pages) for path in printed]
        before = taken = 0  # leaves of the cover and the contents
        contents = None
        while contents is None or taken != before:  # the numbers that they print depend on how many they are
            before = taken or 2
            contents = press.print(front(root, pages, [1 + before + sum(counts[:i]) for i in range(len(counts))], out))
            taken = len(PdfReader(contents).pages)
        cff = citation(root)
        authors = ", ".join(author["name"] for author in cff["authors"])
        about = {"/Title": f"{cff['title']}, version {cff['version']}", "/Author": authors}
        join([contents, *printed], press.titles, about).write(pdf)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bookbuild.pdf", description=__doc__)
    parser.add_argument("site", type=Path, help="the folder of the built site")
    parser.add_argument("pdf", type=Path, help="the file to write")
    parser.add_argument("--root", type=Path, default=ROOT, help="the book's repository (default: this one)")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    options.pdf.parent.mkdir(parents=True, exist_ok=True)
    make(options.root, options.site, options.pdf)
    pages, size = len(PdfReader(options.pdf).pages), options.pdf.stat().st_size / 1e6
    print(f"{options.pdf}: {pages} pages, {size:.1f} MB, {time.perf_counter() - start:.0f} s")
    if size > LARGEST:
        print(f"more than {LARGEST} MB: which picture is so large?", file=sys.stderr)
    return int(size > LARGEST)


if __name__ == "__main__":
    sys.exit(main())
