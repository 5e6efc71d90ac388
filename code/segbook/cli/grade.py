"""`segbook grade`."""

import os
from pathlib import Path

import click
from tqdm import tqdm

DEFAULTS = {"seconds": 900.0, "cpu_seconds": 1800, "memory": 8.0, "disk": 1024}


@click.command("grade")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path), help="CSV file to write, replaced if it exists.")
@click.option("--seconds", type=click.FloatRange(1), default=DEFAULTS["seconds"], help="Wall clock of a notebook.")
@click.option("--cpu-seconds", type=click.IntRange(1), default=DEFAULTS["cpu_seconds"], help="CPU time of a process.")
@click.option("--memory", type=click.FloatRange(1), default=DEFAULTS["memory"], help="GB that a process may address.")
@click.option("--disk", type=click.IntRange(1), default=DEFAULTS["disk"], help="MB that a notebook may write.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Notebooks at a time.")
@click.option("--gpu", is_flag=True, help="Let the notebooks use the GPUs; lifts the limit on memory.")
def grade_command(files, out, jobs, **limits) -> None:
    """Run submitted notebooks again and write which exercises pass.

    Only the code of the cells counts: outputs, reports and checkers of the notebook's own are not believed. "passed"
    was judged in a process that the submission cannot reach; "claimed" passed in the submission's own process alone,
    so look at the code. Set SEGBOOK_QUICK=1 to let every training make ten steps.

    \b
    segbook grade submissions/*.ipynb --out grades.csv
    segbook grade ada.ipynb --out ada.csv --seconds 300 --memory 4
    """
    from segbook import grading  # not before: it is of no use to the other commands

    submissions = [grading.read(path) for path in files]  # before anything runs, so that nothing can change them
    if not out.parent.is_dir():
        raise FileNotFoundError(f"{out.parent}: no such folder; --out names a file in an existing one")
    if out.is_dir() or out.suffix == ".ipynb":
        raise ValueError(f"{out}: --out names the CSV file to write")
    tqdm.monitor_interval = 0  # no thread in a process that forks
    limits = grading.Limits(threads=max(1, (os.cpu_count() or 1) // jobs), **limits)
    part = out.with_name(out.name + ".part")
    with tqdm(total=len(submissions), desc="grading", unit=" notebooks") as bar:

        def save(grades: list[grading.Grade]) -> None:
            part.write_text(grading.table(grades), encoding="utf-8")
            os.replace(part, out)  # so that an interrupted batch leaves a whole file
            bar.update()

        grades = grading.grade(submissions, limits, jobs, save)
    if grades[0].isolation == "network open":
        click.echo("This system permits no namespaces: the submissions had the network and your files.", err=True)
    unfinished = sum(one.status != "done" for one in grades)
    claimed = sum(bool(one.count("claimed")) for one in grades)
    click.echo(f"{out}: {len(grades)} notebooks, {unfinished} that did not end, {claimed} with claims to look at")
