"""Write figures/model-shapes.json, what the figure "model-shapes" draws: `python -m bookbuild.model_shapes`."""

import json

from bookbuild.model_shapes.catalogue import catalogue
from segbook.figures import FOLDER
from segbook.files import write_atomically
from segbook.models import MODELS


def record() -> bytes:
    return json.dumps({"catalogue": catalogue(MODELS)}, separators=(",", ":"), ensure_ascii=False).encode()


if __name__ == "__main__":
    write_atomically(FOLDER / "model-shapes.json", lambda file: file.write(record()))
