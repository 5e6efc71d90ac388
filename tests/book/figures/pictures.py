"""Draw the still pictures that stand in for the figures where no JavaScript runs.

python tests/book/figures/pictures.py [NAME...]
"""

import importlib.util
import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from bookbuild import chromium
from segbook import figures

spec = importlib.util.spec_from_file_location("figure_tests", Path(__file__).with_name("conftest.py"))
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)

with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
    browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 640, "height": 800})
    for name in sys.argv[1:] or figures.names():
        sample = tests.sample(name)
        path = Path(folder, "page.html")
        body = figures.show(name, label=sample.LABEL, **sample.DATA).html()
        path.write_text(tests.PAGE.format(theme="light", body=body), encoding="utf-8")
        page.goto(path.as_uri())
        page.wait_for_timeout(300)
        shot = Image.open(io.BytesIO(page.locator("[data-segbook]").screenshot()))
        still = figures.FOLDER / f"{name}.webp"
        for quality in (70, 55, 40, 25, 10):  # every page with the figure carries this picture: as good as 25 kB allow
            shot.convert("RGB").save(still, quality=quality, method=6)
            if still.stat().st_size < 25_000:
                break
        print(name, still.stat().st_size, "bytes")
    browser.close()
