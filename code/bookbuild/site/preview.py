"""`make preview CH=04`: the site with one chapter executed, the others as text, in about a minute.

    python -m bookbuild.site.preview 04               build it and serve it until Ctrl-C
    python -m bookbuild.site.preview 04 --no-serve    build it

It lies in _build/preview, apart from the whole book. Faults are printed and do not end it: a chapter that is being
written may have some. References to figures of chapters that were not executed are among them.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import yaml

from bookbuild import ROOT
from bookbuild.chapters import DEEPER, chapter_files, deeper_files, page_name
from bookbuild.site.serve import serve

PREVIEW = ROOT / "_build" / "preview"


def source(name: str) -> Path:
    """The source of the chapter with this number, "4" or "04", or of the optional page with this name.

    Raises:
        ValueError: there is none.
    """
    files = {path.name[:2]: path for path in chapter_files(ROOT)} | {path.stem: path for path in deeper_files(ROOT)}
    name = name.removeprefix(f"{DEEPER}/")
    if found := files.get(name) or files.get(name.zfill(2)):
        return found
    raise ValueError(f"there is no chapter or page {name!r}, only {', '.join(files)}: make preview CH=04")


def configuration(chosen: Path) -> dict:
    """The book's settings, with all pages but one left unexecuted and the cache of the whole book in use."""
    settings = yaml.safe_load((ROOT / "_config.yml").read_text(encoding="utf-8"))
    others = [path.relative_to(ROOT).as_posix() for path in (ROOT / "book").rglob("*.md") if path != chosen]
    settings["execute"] |= {"exclude_patterns": others, "cache": str(ROOT / "_build" / ".jupyter_cache")}
    return settings


def build(chosen: Path) -> int:
    """Build the site of a page; the exit status of the builder."""
    PREVIEW.mkdir(parents=True, exist_ok=True)
    config = PREVIEW / "config.yml"
    config.write_text(yaml.safe_dump(configuration(chosen), allow_unicode=True), encoding="utf-8")
    builder = str(Path(sys.executable).with_name("jupyter-book"))
    command = [builder, "build", str(ROOT), "--path-output", str(PREVIEW), "--config", str(config)]
    return subprocess.run(command, cwd=ROOT).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapter", help="its number, such as 04, or an optional page's name")
    parser.add_argument("--no-serve", action="store_true", help="only build")
    parser.add_argument("--port", type=int, default=0, help="default: one that is free")
    arguments = parser.parse_args()
    try:
        chosen = source(arguments.chapter)
    except ValueError as error:
        parser.error(str(error))
    status = build(chosen)
    if not (status or arguments.no_serve):
        serve(PREVIEW / "_build" / "html", arguments.port, f"book/{page_name(chosen)}.html")
    return status


if __name__ == "__main__":
    sys.exit(main())
