"""`segbook grade`."""

import os
from contextlib import closing
from pathlib import Path

import click
from tqdm import tqdm

from segbook import grading
from segbook.files import write_atomically
from segbook.grading import Sandbox


@click.command("grade")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file to write, replaced if it exists.")
@click.option("--seconds", type=click.FloatRange(1), default=Sandbox.seconds, help="Wall clock of a notebook.")
@click.option("--cell-seconds", type=click.FloatRange(1), default=Sandbox.cell_seconds, help="Of one of its cells.")
@click.option("--memory", type=click.FloatRange(1), default=Sandbox.memory, help="GB that a process may address.")
@click.option("--jobs", type=click.IntRange(1), default=os.cpu_count() or 1, help="Notebooks at a time.")
@click.option("--container", help="Run them in this image by docker or podman, not in bubblewrap.")
@click.option("--trust", is_flag=True, help="Run your own notebooks without a sandbox: they can do what you can.")
def grade_command(files, out, jobs, **settings) -> None:
    """Run submitted notebooks again, each in a sandbox, and write which exercises pass.

    Only the code of the cells counts, their outputs are not read. "claimed" passed after the notebook had replaced
    something of the checkers, so look at the code. Set SEGBOOK_QUICK=1 to let every training make ten steps.

    \b
    segbook grade submissions/*.ipynb --out grades.csv
    segbook grade ada.ipynb --out ada.csv --seconds 300 --memory 4
    """
    if out.suffix == ".ipynb" or out.is_dir() or not out.parent.is_dir():
        raise ValueError(f"{out}: --out names the CSV file to write, in a folder that exists")
    sandbox = Sandbox(**settings)
    sandbox.check()
    with closing(grading.grade(files, sandbox, jobs)) as rows:  # when the table cannot be written, the rest ends
        for grades in tqdm(rows, total=len(files), desc="grading", unit=" notebooks"):
            content = grading.table(grades).encode()  # after each, so that an interrupted batch keeps its rows
            write_atomically(out, lambda file, content=content: file.write(content))
    unfinished = sum(one.status != "done" for one in grades)
    claimed = sum(bool(one.count("claimed")) for one in grades)
    click.echo(f"{out}: {len(grades)} notebooks, {unfinished} that did not end, {claimed} with claims to look at")
