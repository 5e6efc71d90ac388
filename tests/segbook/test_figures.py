"""What `show` puts into a page, read back with parsers written by others, and what it refuses."""

import base64
import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

from segbook import figures


class Scripts(HTMLParser):
    """The text of each script element, as a browser cuts it."""

    def __init__(self, html: str):
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag == "script":
            self.found.append("")

    def handle_data(self, data):
        if self.tags[-1] == "script":
            self.found[-1] += data


@pytest.mark.parametrize("name", figures.names())
def test_no_script_ends_itself(name):
    script = (figures.FOLDER / f"{name}.js").read_text("utf-8") + (figures.FOLDER / "kit.js").read_text("utf-8")
    assert "</script" not in script.lower() and "<!--" not in script


def test_data_arrive_as_they_were_and_cannot_end_their_script():
    awkward = '</script><!-- & \u2028\u2029 \\ " é'
    data = {"text": awkward, "tensor": torch.arange(6).view(2, 3), "array": np.float32([0.5, 2]), "number": np.int64(3)}
    shown = figures.show("aspp", 'a "label" <b>', **data)
    parsed = Scripts(shown.html())
    assert len(parsed.found) == 2 and "b" not in parsed.tags
    expected = {"text": awkward, "tensor": [[0, 1, 2], [3, 4, 5]], "array": [0.5, 2.0], "number": 3}
    assert json.loads(parsed.found[0]) == expected
    assert not set("<>&\u2028\u2029") & set(parsed.found[0])
    bundle = shown._repr_mimebundle_()
    assert bundle["text/html"] == shown.html() and bundle["text/plain"] == 'Interactive figure (aspp): a "label" <b>'


@pytest.mark.parametrize(
    ("arguments", "data", "error", "words"),
    [
        (("apps", "x"), {}, ValueError, "no figure 'apps'; the nearest are aspp"),
        (("kit", "x"), {}, ValueError, "no figure 'kit'"),
        (("aspp", " "), {}, ValueError, "'aspp' needs a label"),
        (("aspp", "x"), {"a": [float("nan")]}, ValueError, "hold NaN or infinity, which JSON cannot"),
        (("aspp", "x"), {"a": torch.tensor(torch.inf)}, ValueError, "hold NaN or infinity"),
        (("aspp", "x"), {"a": "é" * 200_000}, ValueError, r"take 400,008 bytes, more than 400,000"),
        (("aspp", "x"), {"a": object()}, TypeError, "tensors and arrays, not object"),
    ],
)
def test_show_says_what_is_wrong(arguments, data, error, words):
    with pytest.raises(error, match=words):
        figures.show(*arguments, **data)


def test_a_recording_is_found_by_its_name():
    assert figures.recorded("training-replay")
    with pytest.raises(ValueError, match="no recorded figure 'training'; the nearest are training-replay"):
        figures.recorded("training")


def decoded(uri):
    kind, data = uri.removeprefix("data:image/").split(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format.lower() == kind
    return np.asarray(image)


def test_pictures_survive():
    labels = torch.tensor([[0, 7, 20], [255, 1, 3]])
    np.testing.assert_array_equal(decoded(figures.picture(labels)), labels)
    ramp = np.linspace(0, 1, 32 * 32 * 3, dtype=np.float32).reshape(32, 32, 3)
    for image in (ramp, torch.from_numpy(ramp).permute(2, 0, 1), (ramp * 255).round().astype(np.uint8)):
        back = decoded(figures.picture(image, quality=100))
        assert back.shape == (32, 32, 3) and np.abs(back / 255.0 - ramp).max() < 0.05
    with pytest.raises(ValueError, match=r"got shape \(4, 5, 6\)"):
        figures.picture(torch.zeros(4, 5, 6))
