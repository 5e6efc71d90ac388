"""Chapters as a reader runs them on Colab: in an empty folder, with Colab's packages and nothing of ours.

The environment is fresh and real; only what Colab brings along is linked into it from this environment, so that torch
is not downloaded again. The setup cell is the notebook's own: pip clones the repository (git is told to find it in a
copy of the working tree), builds segbook, and fetches d2l from PyPI.
"""

import importlib.metadata
import json
import os
import re
import subprocess
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bookbuild.chapters import read_book

ROOT = Path(__file__).resolve().parents[2]
CHAPTERS = sorted(path.stem for number in ("04", "05") for path in (ROOT / "book").glob(f"{number}-*.ipynb"))

# Colab's packages that could matter here. What they require comes along; nothing else does.
COLAB = ["torch", "torchvision", "numpy", "scipy", "pandas", "scikit-learn", "matplotlib", "matplotlib-inline"]
COLAB += ["Pillow", "requests", "tqdm", "click", "PyYAML", "ipython", "ipykernel", "ipywidgets", "nbclient", "nbformat"]
COLAB += ["pip", "setuptools", "wheel", "scikit-image"]
OURS = {"segbook", "d2l", "gym", "jupyter-book", "myst-nb", "sphinx", "jupytext", "onnx", "onnxruntime", "torchmetrics"}

RUN = """
import sys
import nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def closure(names: list[str]) -> dict[str, importlib.metadata.Distribution]:
    """Installed distributions with these names and all that they require here."""
    found: dict[str, importlib.metadata.Distribution] = {}
    queue = list(names)
    while queue:
        name = canonicalize_name(queue.pop())
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        for text in found[name].requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                queue.append(requirement.name)
    return found


def link(distribution: importlib.metadata.Distribution, folder: Path) -> None:
    """Link the top-level entries of a distribution into a site-packages folder."""
    tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        target, entry = Path(str(distribution.locate_file(top))), folder / top
        if target.exists() and not entry.exists():
            entry.symlink_to(target)


@pytest.fixture(scope="module")
def colab(tmp_path_factory) -> Path:
    """The Python of an environment that holds what Colab holds."""
    home = tmp_path_factory.mktemp("colab") / "venv"
    venv.create(home, symlinks=True)
    python = home / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = closure(COLAB)
    assert "torch" in found and not OURS & set(found)
    for distribution in found.values():
        link(distribution, Path(site.stdout.strip()))
    absent = "import importlib.util as u; assert not u.find_spec('segbook') and not u.find_spec('d2l')"
    subprocess.run([python, "-I", "-c", absent], check=True)
    return python


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A git repository of the working tree as it stands, uncommitted changes included."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this copy of the book is no git checkout, so there is nothing to clone")
    folder = tmp_path_factory.mktemp("repository")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((ROOT / name).read_bytes())
    author = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"]
    quiet = ["-c", "core.hooksPath=/dev/null", "-c", "init.defaultBranch=main"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "The working tree"]):
        subprocess.run(["git", *author, *quiet, *command], cwd=folder, check=True, capture_output=True)
    return folder


def clean_environment(repository: Path, home: Path) -> dict[str, str]:
    """This process's environment without what could lead to this checkout, and with git sent to the copy."""
    mine = re.compile(r"PYTHON|VIRTUAL_ENV|SEGBOOK|JUPYTER|IPYTHON|COLAB|GIT_(DIR|WORK_TREE|INDEX_FILE|CONFIG)")
    environment = {name: value for name, value in os.environ.items() if not mine.match(name)}
    return environment | {
        "SEGBOOK_QUICK": "1",
        "SEGBOOK_CACHE": str(home / "cache"),
        "JUPYTER_DATA_DIR": str(home / "jupyter"),
        "JUPYTER_CONFIG_DIR": str(home / "jupyter-config"),
        "IPYTHONDIR": str(home / "ipython"),
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{repository.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": read_book(ROOT).url,
    }


def notebook_of(chapter: str) -> dict:
    return json.loads((ROOT / "book" / f"{chapter}.ipynb").read_text(encoding="utf-8"))


def test_the_setup_cells_install_alike():
    """So that each of the chapters below may run on what the first of them installed."""
    cells = {
        "".join(notebook_of(chapter)["cells"][1]["source"]).partition("\nimport torch\n")[0] for chapter in CHAPTERS
    }
    assert len(CHAPTERS) == 2 and len(cells) == 1 and "pip install" in cells.pop()


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_chapter_runs_on_colab(colab, repository, tmp_path, chapter):
    folder = tmp_path / "empty"
    folder.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    environment = clean_environment(repository, home)

    before = importlib.metadata.version("torch"), importlib.metadata.version("numpy")
    notebook = notebook_of(chapter)
    last = ["import json, sys, numpy, segbook, torch\n", "from d2l import torch as d2l\n"]
    last += ["print(json.dumps([torch.__version__, numpy.__version__, segbook.__file__, d2l.__file__, sys.path]))"]
    probe = {"cell_type": "code", "id": "probe", "metadata": {}, "execution_count": None, "outputs": [], "source": last}
    notebook["cells"].append(probe)
    (home / "chapter.ipynb").write_text(json.dumps(notebook))
    done = subprocess.run(
        [colab, "-c", RUN, str(home / "chapter.ipynb"), str(home / "executed.ipynb")],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-15000:]

    executed = json.loads((home / "executed.ipynb").read_text())["cells"]
    text = "".join(executed[-1]["outputs"][0]["text"])
    torch_version, numpy_version, segbook, d2l, path = json.loads(text)
    assert (torch_version.split("+")[0], numpy_version) == (before[0].split("+")[0], before[1]), "pip changed them"
    assert str(colab.parents[1]) in segbook and str(colab.parents[1]) in d2l
    assert not any(entry.startswith(str(ROOT / "code")) for entry in path)
    outputs = "".join(str(output) for output in executed[1]["outputs"])
    assert "ERROR" not in outputs and "Traceback" not in outputs
