"""The command line of the photographs, see the package's first lines."""

import argparse

from bookbuild.experiments import photos, queue
from bookbuild.experiments.photos import evaluations, shipping, strips, training


def main() -> None:
    parser = argparse.ArgumentParser(
        description=photos.__doc__, prog=photos.COMMAND, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", help="rows, patterns allowed; or: ship photos, ship toyvoc, strips")
    parser.add_argument("--list", action="store_true", help="only say what there is and what is done")
    arguments = parser.parse_args()
    what = arguments.what
    try:
        if what == ["strips"]:
            strips.draw()
        elif what[:1] == ["ship"]:
            if len(what) != 2 or what[1] not in shipping.SHIP:
                parser.error(f"ship one of {', '.join(shipping.SHIP)}")
            shipping.SHIP[what[1]]()
        else:
            run_rows(what, arguments.list, parser)
    except (FileNotFoundError, ValueError) as error:
        raise SystemExit(f"Error: {error}") from error


def run_rows(what: list[str], only_list: bool, parser: argparse.ArgumentParser) -> None:
    """What is missing of the trainings, and of what is measured on them; a measurement that is named is made anew."""
    named = [name for name in evaluations.MEASURES if f"photos/{name}" in what]
    patterns = [one for one in what if one.removeprefix("photos/") not in named]
    rows = queue.chosen(photos.experiments(), patterns, parser) if patterns or not named else []
    missing = list(evaluations.missing())
    if only_list:
        queue.show(rows)
        for name in named or evaluations.MEASURES:
            print(f"photos/{name:45} {'missing' if name in missing else 'measured'}")
        return
    if rows:
        queue.run_missing(rows, training.run)
    for name in named or ([] if what else missing):
        evaluations.record(name)


if __name__ == "__main__":
    main()
