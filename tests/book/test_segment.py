"""The network in the page: its answers against onnxruntime in Python, what it says to bad input, keyboard, camera.

The element stands alone on a page of its own here; the last tests look at the built pages. To start the network costs
some seconds, so the tests of what a reader does with it share one page, set back for each.
"""

import base64
import gzip
import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sphinx.errors import ExtensionError

from bookbuild.demo import network, onnxruntime_web, packing
from bookbuild.demo import segment_directive as segment
from bookbuild.site.serve import serving
from segbook import data

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "_build" / "html"
PICTURES = ROOT / segment.PICTURES
SAMPLES = json.loads((PICTURES / "pictures.json").read_text(encoding="utf-8"))["samples"]
PAGE = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Segment</title>"
    "<link rel='icon' href='data:,'><meta name='viewport' content='width=device-width'></head>"
    "<body style='margin: 8px'><main><h1>Segment</h1>{element}</main></body></html>"
)
START = "segment-picture >> button.start"


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The address of a page with the element alone, made as the build makes it, and its folder."""
    folder = tmp_path_factory.mktemp("site") / "html"
    folder.mkdir()
    segment.lay_out(ROOT, folder / "_static", cache=ROOT / "_build" / ".segment")  # the build's own cache
    element = segment.element(compact=False, static="_static")
    (folder / "page.html").write_text(PAGE.format(element=element))
    with serving(folder) as address:
        yield f"{address}page.html", folder


def opener(browser, alone, contexts: list):
    def open_page(address=None, width=1280, theme="light", before=""):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme)
        contexts.append(context)
        if before:
            context.add_init_script(before)
        page = context.new_page()
        page.faults, page.asked = [], []
        page.on("console", lambda m: page.faults.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address or alone[0])
        return page

    return open_page


@pytest.fixture
def visit(browser, alone):
    """visit(...) opens the page; `page.faults` lists console errors, `page.asked` the addresses that it loaded."""
    contexts = []
    yield opener(browser, alone, contexts)
    for context in contexts:
        context.close()


ELEMENT = "document.querySelector('segment-picture')"
RESULT = f"{ELEMENT}.result"
BUSY = f"{ELEMENT}.app.busy"
KEPT = "Object.fromEntries(['size', 'opacity', 'probed'].map(name => [name, structuredClone(app[name])]))"
SET_BACK = (
    f"async () => {{ const e = {ELEMENT}, app = e.app; app.stopCamera(); clearTimeout(app.saying);"
    "app.stage?.node.remove(); app.stage?.controls.remove(); app.stage = null;"
    "Object.assign(app, structuredClone(window.kept)); e.spoken.textContent = ''; e.result = e.probabilities = null;"
    "scrollTo(0, 0); await app.turnTo('photos') }"
)


def start(page):
    """Click, and wait for the first answer."""
    page.click(START)
    page.wait_for_function(RESULT, timeout=60_000)


@pytest.fixture(scope="module")
def shared(browser, alone, local):
    """A page whose network has been started."""
    contexts = []
    page = opener(browser, alone, contexts)()
    start(page)
    page.evaluate(f"(() => {{ const {{ app }} = {ELEMENT}; window.kept = {KEPT} }})()")
    yield page
    contexts[0].close()


@pytest.fixture
def started(shared):
    """The shared page as it was when its network had answered for the first time."""
    shared.wait_for_function(f"!{BUSY}", timeout=60_000)
    shared.context.unroute_all()
    shared.mouse.move(0, 0)
    shared.evaluate(SET_BACK)
    shared.wait_for_function(f"!{BUSY} && {RESULT}", timeout=60_000)
    shared.faults.clear()
    shared.asked.clear()
    return shared


def turn_to_scenes(page):
    page.get_by_role("button", name="Synthetic scenes", exact=True).click()
    page.wait_for_function(f"{RESULT}?.key === 'toyvoc'", timeout=60_000)


def listing(folder: Path) -> dict:
    text = (folder / "_static" / "network" / "listing.js").read_text()
    return json.loads(text.removeprefix("segmentDemo.listing = ").rstrip(";\n"))


@pytest.fixture(scope="module")
def local(alone):
    """Skips where the runtime is not there to be served."""
    if listing(alone[1])["runtime"]["host"]:
        pytest.skip("onnxruntime-web could not be fetched: no npm, or no network")


def png(pixels: np.ndarray) -> dict:
    """A file for the page's input, from (H, W, 3) bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return {"name": "picture.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


def offer(page, file: dict):
    """Give the page a file and wait for what it does with it: another answer, or a sentence."""
    page.evaluate("document.querySelector('segment-picture').result = null")
    page.set_input_files("segment-picture >> input[type=file]", file)
    page.wait_for_function(
        "(() => { const e = document.querySelector('segment-picture');"
        "return e.result || e.shadowRoot.querySelector('.message').textContent })()"
    )


def body(page) -> str:
    return page.locator("segment-picture >> .body").inner_text()


def said(page):
    """Wait for a sentence."""
    page.wait_for_function("document.querySelector('segment-picture').shadowRoot.querySelector('.message').textContent")


def message(page) -> str:
    return page.locator("segment-picture >> .message").inner_text()


@pytest.fixture(scope="module")
def sessions(alone, tmp_path_factory):
    """The networks of the page in Python, from the very bytes that the page loads."""
    onnxruntime = pytest.importorskip("onnxruntime")
    found = {}
    for key in network.NETWORKS:
        folder, name = alone[1] / "_static" / "network", f"{key}.onnx"
        texts = [(folder / f"{name}.{i}.js").read_text() for i in range(packing.listing(folder)[name]["parts"])]
        model = gzip.decompress(base64.b64decode("".join(text.split('"')[3] for text in texts)))
        assert len(model) <= 5_000_000
        found[key] = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return found


def compare(page, session) -> tuple[int, int]:
    """Pixels at which the page's latest answer is that of Python to the same input, and all pixels."""
    encoded = page.evaluate(
        f"(() => {{ const r = {RESULT};"
        "const text = (bytes) => { let t = ''; for (const b of bytes) t += String.fromCharCode(b); return btoa(t) };"
        "return [r.height, r.width, text(r.pixels), text(r.label), r.logits[r.logits.length - 1]] })()"
    )
    height, width = encoded[:2]
    pixels, label = (np.frombuffer(base64.b64decode(text), np.uint8) for text in encoded[2:4])
    expected = answer_in_python(session, pixels.reshape(height, width, 4)[..., :3].copy())
    assert encoded[4] == pytest.approx(expected[-1, -1, -1], abs=2e-2)
    return (label.reshape(height, width) == expected.argmax(0)).sum(), label.size


def answer_in_python(session, pixels: np.ndarray) -> np.ndarray:
    """Logits (C, H, W) of (H, W, 3) bytes."""
    image = data.normalise(torch.from_numpy(pixels).permute(2, 0, 1))
    return session.run(["logits"], {"image": image[None].numpy()})[0][0]


# --- the network ------------------------------------------------------------------------------------------------------


def test_the_card_is_the_one_that_ships(alone):
    for key, one in network.NETWORKS.items():
        card = listing(alone[1])["networks"][key]
        text = (network.PACKAGE / "models" / "weights" / f"{one.name}-{key}.md").read_text()
        for term in ("Data", "Command", "Scores", "Limits", "IoU by class"):
            assert card["facts"][term]
        assert card["facts"]["Limits"] in text
        assert one.size in card["sizes"]
        assert len(card["palette"]) == len(card["classes"]) == 21


def test_an_export_is_made_once(alone, monkeypatch):
    monkeypatch.setattr("segbook.export.export", None)
    for key in network.NETWORKS:
        assert network.exported(key, ROOT / "_build" / ".segment").is_dir()


def test_one_click_on_a_sample_starts_the_network_with_it(local, visit):
    page = visit()
    page.evaluate(f"(() => {{ {ELEMENT}.start = sample => {{ window.chosen = sample.name }} }})()")
    for sample in SAMPLES:
        page.get_by_role("button", name=sample["name"], exact=True).click()
        assert page.evaluate("chosen") == sample["name"]
    page.evaluate(f"delete {ELEMENT}.start")
    page.get_by_role("button", name="Motorcycle", exact=True).click()
    page.wait_for_function(RESULT, timeout=60_000)
    assert "motorbike" in page.locator("segment-picture >> .facts strong").inner_text()
    assert not page.faults


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_one_click_on_a_sample_segments_it(started, sessions, sample):
    page = started
    page.evaluate(f"{RESULT} = null")
    page.get_by_role("button", name=sample["name"], exact=True).click()
    page.wait_for_function(RESULT)
    assert page.evaluate(f"[Math.max({RESULT}.width, {RESULT}.height), {RESULT}.key]") == [257, "photos"]
    same, total = compare(page, sessions["photos"])
    assert same / total >= 0.999, f"only {same / total:.5f} of the pixels agree"
    text = body(page)
    assert "It sees " in text and " ms (WebAssembly" in text and sample["credit"] in text
    found = {"Chelsea the cat": "cat", "Astronaut": "person", "Motorcycle": "motorbike", "Grace Hopper": "person"}
    assert found.get(sample["name"], "background") in page.locator("segment-picture >> .facts strong").inner_text()
    assert not page.faults


def test_larger_inputs(started, sessions):
    page = started
    for side in (385, 513):
        page.select_option("segment-picture >> select", str(side))
        page.wait_for_function(f"{RESULT}.width === {side}")
        same, total = compare(page, sessions["photos"])
        assert same / total >= 0.999


@pytest.mark.parametrize("key", ["photos", "toyvoc"])
def test_answers_equal_onnxruntime_in_python(started, sessions, key):
    """On noise and smooth colours, at sizes from 1x1 to 256x256 that fit no stride."""
    page = started
    if key == "toyvoc":
        turn_to_scenes(page)
    page.select_option("segment-picture >> select", "all")
    rng = np.random.default_rng(5)
    same = total = 0
    for height, width in [(1, 1), (33, 47), (97, 131), (256, 256), (61, 250)]:
        coarse = rng.integers(0, 256, (max(1, height // 16), max(1, width // 16), 3), dtype=np.uint8)
        smooth = np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
        for pixels in (smooth, rng.integers(0, 256, (height, width, 3), dtype=np.uint8)):
            offer(page, png(pixels))
            page.wait_for_function(  # an answer to the picture before may still have come in between
                f"([h, w]) => {RESULT} && {RESULT}.height === h && {RESULT}.width === w", arg=[height, width]
            )
            agreed, pixels_here = compare(page, sessions[key])
            same, total = same + agreed, total + pixels_here
    assert same / total >= 0.999, f"only {same / total:.5f} of the pixels agree"
    assert not page.faults


def test_probabilities_under_the_pointer(started, sessions):
    page = started
    page.select_option("segment-picture >> select", "all")
    pixels = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    offer(page, png(pixels))
    page.focus("segment-picture >> .view")
    for key in ["Shift+ArrowLeft"] * 5 + ["Shift+ArrowUp"] * 4 + ["ArrowRight"] * 7 + ["ArrowDown"] * 3:
        page.keyboard.press(key)
    expected = torch.from_numpy(answer_in_python(sessions["photos"], pixels)).softmax(0)[:, 3, 7]
    found = page.evaluate("document.querySelector('segment-picture').probabilities")
    assert [p for _, p in found] == pytest.approx(expected.sort(descending=True).values[:3].tolist(), abs=1e-3)
    for name, p in found:  # each its own class's; the order of two that are all but equal may differ between runtimes
        assert p == pytest.approx(float(expected[data.VOC_CLASSES.index(name)]), abs=1e-3)
    assert len({name for name, _ in found}) == 3
    assert "Row 3, column 7" in page.locator("segment-picture >> .probe").inner_text()
    view = page.locator("segment-picture >> .view")
    view.hover(position={"x": view.bounding_box()["width"] - 2, "y": 2})
    assert "Row 0, column 49" in page.locator("segment-picture >> .probe").inner_text()


def test_first_use_stays_small(local, visit, alone):
    """Nothing of the network before the click, and at most the size that the button tells with it."""
    page = visit()
    page.wait_for_load_state("networkidle")
    site = alone[1]

    def weight() -> int:
        return sum((site / url.split("/", 3)[3]).stat().st_size for url in set(page.asked) if url.startswith("http"))

    assert not [url for url in page.asked if "onnx" in url or "app.js" in url]
    before = weight()
    assert before <= 200_000
    told = float(page.locator("segment-picture >> .note").inner_text().split(" MB")[0].split()[-1])
    start(page)
    assert told - 0.1 <= (weight() - before) / 1e6 <= told + 0.3  # and the scripts and a picture
    assert all(path.stat().st_size <= 60_000 for path in PICTURES.iterdir())


def test_picture_never_leaves_the_browser(started):
    page = started
    offer(page, png(np.zeros((20, 30, 3), dtype=np.uint8)))
    page.evaluate("document.querySelector('segment-picture').result = null")
    page.locator("segment-picture >> button.sample").first.click()
    page.wait_for_function(RESULT)
    assert [url for url in page.asked if not url.startswith(("blob:", "data:"))] == []
    assert "never leaves your browser" in body(page)


# --- composing --------------------------------------------------------------------------------------------------------


def composed(page) -> list[str]:
    return page.evaluate(
        "[...document.querySelector('segment-picture').shadowRoot.querySelectorAll('.thing')].map(e => e.ariaLabel)"
    )


def count(page, index: int) -> int:
    """Pixels of a class in the latest answer, once it has arrived."""
    page.wait_for_function(f"!{BUSY}")  # a change of the scene asks for an answer at once
    return page.evaluate(
        f"[...document.querySelector('segment-picture').result.label].filter(i => i === {index}).length"
    )


def test_segmentation_follows_the_composed_scene(started):
    page = started
    turn_to_scenes(page)
    page.get_by_role("button", name="country", exact=True).click()
    page.get_by_role("button", name="Clear").click()
    assert count(page, 7) < 50, "an empty road is no car"
    page.get_by_role("button", name="Add car 2").click()
    assert composed(page)[0].startswith("car, ")
    small = count(page, 7)
    assert small > 200
    page.focus("segment-picture >> .thing")
    for _ in range(4):
        page.keyboard.press("+")
    assert count(page, 7) > 1.3 * small
    page.keyboard.press("Delete")
    assert composed(page) == []
    assert count(page, 7) < 50


def test_a_boat_is_known_by_its_water(started):
    """What chapter 12 tells its reader to try."""
    page = started
    turn_to_scenes(page)
    found = {}
    for place in ("coast", "town"):
        page.get_by_role("button", name=place, exact=True).click()
        page.get_by_role("button", name="Clear").click()
        page.get_by_role("button", name="Add boat 3").click()
        found[place] = count(page, 4)
    assert found["coast"] > 150
    assert found["town"] < 0.5 * found["coast"]


def test_things_by_keyboard_and_pointer(started):
    page = started
    turn_to_scenes(page)
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Add bicycle 1").click()
    thing = page.locator("segment-picture >> .thing")
    thing.focus()
    first = thing.get_attribute("aria-label")
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "-", "m"):
        page.keyboard.press(key)
    assert thing.get_attribute("aria-label") != first
    assert "size 91 %" in thing.get_attribute("aria-label")
    stage, box = page.locator("segment-picture >> .stage").bounding_box(), thing.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(stage["x"] + 0.25 * stage["width"], stage["y"] + 0.75 * stage["height"], steps=4)
    page.mouse.up()
    assert "25 % across, 75 % down" in thing.get_attribute("aria-label")
    add = page.get_by_role("button", name="Add person 1").bounding_box()
    page.mouse.move(add["x"] + 20, add["y"] + 15)
    page.mouse.down()
    page.mouse.move(stage["x"] + 0.5 * stage["width"], stage["y"] + 0.5 * stage["height"], steps=4)
    page.mouse.up()
    assert [text.split(", size")[0] for text in composed(page)][1:] == ["person, 50 % across, 50 % down"]
    page.get_by_role("button", name="Remove", exact=True).click()
    assert len(composed(page)) == 1


def test_opacity_and_announcement(started):
    page = started
    canvas = "document.querySelector('segment-picture').shadowRoot.querySelector('.view canvas').toDataURL()"
    before = page.evaluate(canvas)
    page.get_by_label("Opacity of cat").fill("0")
    assert page.evaluate(canvas) != before
    page.locator("segment-picture >> p.sr", has_text="The network sees ").wait_for(state="attached")
    assert "ms (WebAssembly" in body(page)
    assert not page.faults


# --- what goes wrong --------------------------------------------------------------------------------------------------


def test_bad_pictures_get_a_sentence(started):
    page = started
    offer(page, {"name": "notes.png", "mimeType": "image/png", "buffer": b"no picture at all"})
    assert message(page).startswith("notes.png is not an image that this browser can read")
    wide = io.BytesIO()
    Image.new("1", (12_000, 9_000)).save(wide, "PNG")
    offer(page, {"name": "wall.png", "mimeType": "image/png", "buffer": wide.getvalue()})
    assert message(page).startswith("wall.png has 12,000 x 9,000 pixels, 108 million")
    page.evaluate(
        "(() => { const input = document.querySelector('segment-picture').shadowRoot.querySelector('[type=file]');"
        "const list = new DataTransfer(); const file = new File(['x'], 'big.png');"
        "Object.defineProperty(file, 'size', { value: 6e7 }); list.items.add(file);"
        "Object.defineProperty(input, 'files', { value: [file], configurable: true });"
        "input.dispatchEvent(new Event('change')); delete input.files })()"
    )
    assert message(page).startswith("big.png has 60 MB")
    offer(page, png(np.zeros((300, 2000, 3), dtype=np.uint8)))
    page.wait_for_function("document.querySelector('segment-picture').result")
    page.locator("segment-picture >> .message", has_text="was shrunk").wait_for()
    assert "was shrunk from 2,000 x 300 to 1024 x 154" in message(page)
    offer(page, png(np.zeros((30, 20, 3), dtype=np.uint8)))
    assert message(page) == "", "the page is still of use, and the old sentence is gone"
    assert not page.faults


@pytest.mark.parametrize("there", [True, False], ids=["the network is there", "it is not"])
def test_a_dropped_file_is_opened(request, local, visit, there):
    page = request.getfixturevalue("started") if there else visit()
    drop = (
        "bytes => { const list = new DataTransfer();"
        "if (bytes) list.items.add(new File([new Uint8Array(bytes)], 'dropped.png', { type: 'image/png' }));"
        "else list.setData('text/plain', 'words');"
        "const e = document.querySelector('segment-picture'); e.result = null;"
        "e.dispatchEvent(new DragEvent('drop', { dataTransfer: list, bubbles: true, cancelable: true })) }"
    )
    page.evaluate(drop, list(png(np.full((50, 100, 3), 90, dtype=np.uint8))["buffer"]))
    page.wait_for_function("document.querySelector('segment-picture').result?.height === 129", timeout=60_000)
    page.evaluate(drop, None)
    assert message(page).startswith("What you dropped is no file")


def test_a_pasted_picture_is_opened_and_pasted_words_are_not(started):
    page = started
    paste = (
        "bytes => { const list = new DataTransfer();"
        "if (bytes) list.items.add(new File([new Uint8Array(bytes)], 'image.png', { type: 'image/png' }));"
        "else list.setData('text/plain', 'words');"
        "document.querySelector('segment-picture').result = null;"
        "return document.body.dispatchEvent(new ClipboardEvent('paste',"
        "{ clipboardData: list, bubbles: true, cancelable: true })) }"
    )
    assert page.evaluate(paste, list(png(np.full((50, 100, 3), 90, dtype=np.uint8))["buffer"])) is False
    page.wait_for_function(f"{RESULT}?.height === 129")
    assert page.evaluate(paste, None) is True
    assert message(page) == ""


def jpeg(image: Image.Image, **options) -> dict:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=95, **options)
    return {"name": "picture.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}


def test_unusual_photographs(started, sessions):
    """One pixel with nothing in it, CMYK, turned by EXIF: a mask, and what it says of it."""
    page = started
    chelsea = Image.open(PICTURES / "chelsea.webp").convert("RGB")
    offer(page, png(np.full((1, 1, 3), 90, dtype=np.uint8)))
    page.wait_for_function(f"{RESULT}?.width === 257 && {RESULT}.height === 257")
    page.locator("segment-picture >> .facts", has_text="nothing that it knows, all background").wait_for()
    offer(page, jpeg(chelsea.convert("CMYK")))
    page.wait_for_function(f"{RESULT}?.width === 257 && {RESULT}.height < 257")
    assert "cat" in page.locator("segment-picture >> .facts strong").inner_text()
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter: stored lying, seen upright
    offer(page, jpeg(chelsea.rotate(90, expand=True), exif=exif))
    page.wait_for_function(f"{RESULT}?.width === 257 && {RESULT}.height < 257")
    assert "cat" in page.locator("segment-picture >> .facts strong").inner_text()
    same, total = compare(page, sessions["photos"])
    assert same / total >= 0.999
    assert not page.faults


def test_without_a_camera(local, visit, started):
    page = started
    page.get_by_role("button", name="Use the camera").click()
    said(page)
    assert "camera" in message(page)
    page = visit(before="delete Navigator.prototype.mediaDevices")
    start(page)
    page.get_by_role("button", name="Use the camera").click()
    assert message(page) == "The browser gives no camera to this page: it needs https, or localhost."
    assert page.evaluate(f"{RESULT}.width") == 257, "the sample is still there"


def test_with_a_camera(local, visit):
    """A canvas stands in for the camera."""
    page = visit(
        before="navigator.mediaDevices.getUserMedia = async () => { const c = document.createElement('canvas');"
        "c.width = 320; c.height = 200; const g = c.getContext('2d');"
        "window.ticking = setInterval(() => { g.fillStyle = '#789'; g.fillRect(0, 0, 320, 200) }, 30);"
        "return window.stream = c.captureStream(20) }"
    )
    start(page)
    page.get_by_role("button", name="Use the camera").click()
    page.wait_for_function(f"{RESULT}.height === 161")
    page.get_by_role("button", name="Stop the camera").click()
    assert page.evaluate("window.stream.getTracks().every(t => t.readyState === 'ended')")
    page.get_by_role("button", name="Use the camera").wait_for()


def test_without_webassembly(visit):
    page = visit(before="delete window.WebAssembly")
    assert body(page).strip().startswith("This browser has no WebAssembly")
    assert page.locator(START).count() == 0
    assert not page.faults


def test_a_missing_file_gets_a_sentence_and_another_try(local, visit, alone):
    """In the order in which they are asked for: each try comes as far as the next one that is missing."""
    page = visit("about:blank")
    page.context.route("**/listing.js", lambda route: route.fulfill(status=404))
    page.goto(alone[0])
    files = ["listing.js", "worker.js", "app.js", "photos.onnx.0.js", "chelsea.webp.0.js"]
    for missing, following in zip(files, files[1:]):
        page.click(START)
        page.locator("segment-picture >> .message", has_text=missing).wait_for()
        assert message(page).endswith("you can try again.")
        page.context.route(f"**/{following}", lambda route: route.fulfill(status=404))
        page.context.unroute(f"**/{missing}")
    page.click(START)
    page.locator("segment-picture >> .message", has_text="chelsea.webp").wait_for()
    page.context.unroute("**/chelsea.webp.0.js")
    page.get_by_role("button", name="Chelsea the cat").click()
    page.wait_for_function(RESULT)


def test_a_tab_that_could_not_be_loaded(started):
    page = started
    page.context.route("**/things.webp.0.js", lambda route: route.fulfill(status=404))
    page.get_by_role("button", name="Synthetic scenes", exact=True).click()
    said(page)
    assert message(page) == "The file things.webp.0.js could not be loaded. You can try again."
    page.context.unroute("**/things.webp.0.js")
    page.get_by_role("button", name="Synthetic scenes", exact=True).click()
    page.wait_for_function(f"{RESULT}?.key === 'toyvoc'", timeout=60_000)
    assert len(composed(page)) > 2


def test_without_npm_the_page_names_the_public_network(visit, alone, tmp_path, monkeypatch):
    """The listing of a build without npm; its addresses are asked for, and here they do not answer."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("SEGBOOK_STRICT", "1")
    with pytest.raises(ExtensionError, match="strict build does not fall back on cdn.jsdelivr.net"):
        onnxruntime_web.serve(tmp_path / "network", tmp_path / "cache")
    monkeypatch.delenv("SEGBOOK_STRICT")
    told = listing(alone[1]) | {"runtime": onnxruntime_web.serve(tmp_path / "network", tmp_path / "cache")}
    page = visit("about:blank")
    text = f"segmentDemo.listing = {json.dumps(told)};"
    page.context.route("**/listing.js", lambda route: route.fulfill(body=text, content_type="text/javascript"))
    page.context.route(f"https://{onnxruntime_web.CDN}/**", lambda route: route.abort())
    page.goto(alone[0])
    page.locator("segment-picture >> .note", has_text="from cdn.jsdelivr.net, because the book was").wait_for()
    page.click(START)
    said(page)
    wasm = f"https://cdn.jsdelivr.net/npm/onnxruntime-web@{onnxruntime_web.VERSION}/dist/ort-wasm-simd-threaded.wasm"
    assert wasm in page.asked
    assert message(page).startswith("The file ort")


def test_other_files_than_the_locked_ones_are_refused(tmp_path, monkeypatch):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code EINTEGRITY' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(ExtensionError, match="other files than package-lock.json"):
        onnxruntime_web.fetch(tmp_path / "cache" / "files")
    assert not any((tmp_path / "cache").iterdir())


def test_the_lock_names_one_version_by_its_hash_and_no_host():
    text = onnxruntime_web.PACKAGE.with_name("package-lock.json").read_text()
    locked = json.loads(text)["packages"]
    assert locked["node_modules/onnxruntime-web"]["version"] == onnxruntime_web.VERSION
    assert all("integrity" in package for name, package in locked.items() if name) and "://" not in text


def test_it_runs_from_a_folder(local, visit, alone, sessions):
    """Opened without a server: a sample, the reader's file, the drawn scenes."""
    page = visit((alone[1] / "page.html").as_uri())
    page.get_by_role("button", name="Astronaut", exact=True).click()
    page.wait_for_function(RESULT, timeout=60_000)
    assert "person" in page.locator("segment-picture >> .facts strong").inner_text()
    offer(page, png(np.full((40, 60, 3), 120, dtype=np.uint8)))
    same, total = compare(page, sessions["photos"])
    assert same / total >= 0.999
    page.get_by_role("button", name="Synthetic scenes", exact=True).click()
    page.wait_for_function(f"{RESULT}?.key === 'toyvoc'", timeout=60_000)
    assert not page.faults


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (390, "dark")])
def test_it_fits_the_page(local, visit, started, width, theme):
    page = started
    if width != 1280:
        page = visit(width=width, theme=theme)
        start(page)
    page.locator("segment-picture >> summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert not page.faults


@pytest.mark.parametrize("name", ["index", "12-inference-any-size"])
def test_the_built_page_has_it(local, server, visit, name):
    page = visit(f"{server}book/{name}.html")
    start(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert not page.faults


@pytest.mark.parametrize("width", [1280, 700, 390])
def test_the_built_page_keeps_its_place(server, visit, width):
    """What stands below it does not move when its script begins, its style comes and its samples are listed."""
    address, height = f"{server}book/index.html", f"{ELEMENT}.getBoundingClientRect().height"
    page = visit("about:blank", width=width)
    page.route("**/segment/segment.js", lambda route: route.abort())
    page.goto(address)
    before = page.evaluate(height)
    page.unroute("**/segment/segment.js")
    page.goto(address)
    page.wait_for_selector("segment-picture[data-ready] >> .sample >> nth=1")
    assert page.evaluate(height) == pytest.approx(before, abs=12)
