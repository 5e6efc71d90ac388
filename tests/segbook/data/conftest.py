"""A toy data set shared by the tests, hand-made VOC folders, and a few pairs of the real archives where they are."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segbook import data

SHARED = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory):
    """A folder that keeps ToyVOC(num_train=12, num_val=4)."""
    root = tmp_path_factory.mktemp("toy")
    data.ToyVOC(root, num_train=12, num_val=4)
    return root


@pytest.fixture
def voc_root(tmp_path):
    """A VOC folder with one pair, "one", 6x8 pixels, for a test to make worse."""
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for name in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (base / name).mkdir(parents=True)
    (base / "ImageSets/Segmentation/train.txt").write_text("one\n")
    Image.fromarray(np.arange(144, dtype=np.uint8).reshape(6, 8, 3)).save(base / "JPEGImages/one.jpg", quality=95)
    mask = np.zeros((6, 8), dtype=np.uint8)
    mask[2:4, 3:5] = 15
    mask[1, 1] = 255
    Image.fromarray(mask).save(base / "SegmentationClass/one.png")
    return tmp_path


@pytest.fixture(scope="session")
def some_real(tmp_path_factory):
    """some_real(archive, folder, list_file, count): a root with that many pairs of a real data set, or a skip."""

    def unpack(archive, folder, list_file, count):
        places = [Path(os.environ["SEGBOOK_DATA"])] if os.environ.get("SEGBOOK_DATA") else []
        for place in [*places, SHARED]:
            if (place / folder).is_dir():
                return place
            if (place / archive).is_file():
                break
        else:
            pytest.skip(f"{archive} lies neither in $SEGBOOK_DATA nor in ../shared/data")
        root = tmp_path_factory.mktemp("real")
        with tarfile.open(place / archive) as tar:
            tar.extract(list_file, root, filter="data")
            few = (root / list_file).read_text().split()[:count]
            (root / list_file).write_text("\n".join(few))
            tar.extractall(root, [m for m in tar if Path(m.name).stem in few], filter="data")
        return root

    return unpack
