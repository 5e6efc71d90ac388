"""The part of `make bench` that is about the figures in the pages: the first drawing, and frames while a hand drags."""

import statistics
from pathlib import Path

from tqdm import tqdm

from bookbuild import ROOT, chromium

SITE = ROOT / "_build" / "html" / "book"
LOADS = 5
FRAMES = """async (node) => {
  const slider = [...node.shadowRoot.querySelectorAll("input[type=range]")].find((s) => s.offsetParent && !s.disabled);
  const began = performance.now();
  for (let i = 0; i < 60; i++) {  // one movement of the hand in each frame, to and fro
    const low = Number(slider.min), span = Number(slider.max) - low;
    slider.value = low + span * Math.abs(1 - (i % 20) / 10);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise(requestAnimationFrame);
  }
  return 60000 / (performance.now() - began);
}"""


def figure_speed(site: Path = SITE) -> list[dict]:
    """Per figure of the built pages: {"figure", "page", "first_draw_ms", "frames_per_second"}, medians of five loads.

    Empty where the book is not built or no Chromium is installed. Chromium draws at most 60 frames a second.
    """
    pages = [page for page in sorted(site.glob("*.html")) if "data-segbook=" in page.read_text(encoding="utf-8")]
    if chromium() is None or not pages:
        return []
    from playwright.sync_api import sync_playwright

    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        for path in tqdm(pages, desc="figures", leave=False):
            first: dict[tuple[int, str], list[float]] = {}
            frames: dict[tuple[int, str], list[float]] = {}
            for _ in range(LOADS):
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(path.as_uri())
                page.wait_for_timeout(500)
                for number, node in enumerate(page.locator("[data-segbook]").all()):
                    key = number, node.get_attribute("data-segbook")
                    first.setdefault(key, []).append(node.evaluate("node => node.state.firstDraw"))
                    frames.setdefault(key, []).append(node.evaluate(FRAMES))
                page.close()
            for key in first:
                rows.append(
                    {
                        "figure": key[1],
                        "page": path.stem,
                        "first_draw_ms": round(statistics.median(first[key]), 1),
                        "frames_per_second": round(statistics.median(frames[key]), 1),
                    }
                )
        browser.close()
    return rows
