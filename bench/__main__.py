"""`python -m bench [--quick] [GROUP...]`: measure, print a table of ratios, store, write the page."""

import argparse
import signal
import sys
import time
from dataclasses import replace

from rich.console import Console
from rich.table import Table as Grid

from bench import page, results
from bench.failure import CannotMeasure
from bench.figure import Failure
from bench.machine import machine
from bench.ratios import rows
from bench.results import Result, joined
from bench.sizes import FULL, QUICK
from bench.suite import GROUPS, WHOLE, WITHIN_FIVE_MINUTES, Suite
from walflow.errors import ExitCode, WalflowError

messages = Console(stderr=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="most of it, small, in five minutes")
    parser.add_argument("--runs", type=int, help="of each item; else 3, and 1 with --quick")
    parser.add_argument(
        "--page", action="store_true", help="write docs/benchmarks.md from the result"
    )
    parser.add_argument("--add", action="store_true", help="put the figures into the newest result")
    parser.add_argument(
        "groups",
        nargs="*",
        metavar="GROUP",
        help=f"of {', '.join(GROUPS)}; else {', '.join(WHOLE)}",
    )
    asked = parser.parse_args()
    if unknown := [name for name in asked.groups if name not in GROUPS]:
        parser.error(f"there is no group {', '.join(unknown)}; the groups are {', '.join(GROUPS)}")
    sizes = QUICK if asked.quick else FULL
    groups = asked.groups or (WITHIN_FIVE_MINUTES if asked.quick else WHOLE)
    before = results.read(results.newest()) if asked.add else None
    if before is not None and before.sizes != sizes.name:
        parser.error(f"the newest result is of the {before.sizes} suite, not of the {sizes.name}")
    about = machine()
    began, clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), time.monotonic()
    # A stack that was begun is taken down also where `timeout` ends this.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    suite = Suite(sizes, asked.runs or sizes.runs, messages)
    try:
        for name in groups:
            suite.run_group(name)
    except KeyboardInterrupt:
        suite.failures.append(
            Failure("the suite", "It was interrupted; what is missing was not run.")
        )
    measured = suite.measured
    if not measured.figures and not suite.failures:
        suite.failures.append(Failure("the suite", "Nothing was measured."))
    result = Result(
        began,
        round(time.monotonic() - clock, 1),
        sizes.name,
        about,
        tuple(measured.figures),
        tuple(suite.failures),
        joined(measured.series),
        measured.facts,
    )
    if before is not None:
        again = {"commit": about.commit, "groups": " ".join(groups)}
        result = results.with_groups_again(before, result, suite.tried)
        result = replace(result, facts={**result.facts, f"measured again at {began}": again})
    _show(result)
    file = results.write(result)
    messages.print(f"stored in {file}", highlight=False)
    if asked.page:
        messages.print(f"written: {page.write(result)}", highlight=False)
    return ExitCode.FAILED if result.failures else ExitCode.OK


def _show(result: Result) -> None:
    title = (
        f"{result.sizes} suite of {result.began}: {result.machine.cores} cores of"
        f" {result.machine.processor}, {result.machine.memory_gib} GiB, commit {result.machine.commit}"
    )
    grid = Grid(title=title)
    grid.add_column("what")
    grid.add_column("median", justify="right")
    grid.add_column("runs")
    grid.add_column("held against")
    grid.add_column("ratio", justify="right")
    for row in rows(result.figures, result.failures):
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        style = "red" if row.is_failure or (row.ratio is not None and row.ratio < 1) else "green"
        colour = style if row.is_failure or row.ratio is not None else None
        grid.add_row(row.what, row.value, row.spread, row.against, ratio, style=colour)
    Console().print(grid)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CannotMeasure, WalflowError) as error:
        messages.print(error.sentence, style="red", markup=False)
        sys.exit(error.exit_code)
