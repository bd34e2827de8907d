"""canary: a marked row through every hop."""

import json
import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from walflow.advice import typed
from walflow.canary import history
from walflow.canary.flight import CHANGES, COMMIT, SECONDS, fly
from walflow.canary.table import TABLE, ensure
from walflow.cli.output import Format, data, messages, table
from walflow.cli.reading import Reading
from walflow.cli.units import duration
from walflow.errors import ExitCode, WalflowError
from walflow.readings.reading import CanaryRun, Hop
from walflow.settings import Settings, load
from walflow.text import shortened

SHOWN = 20
MAX_REASON = 60
"""Characters; -o json has all."""
FIRST_SECONDS = 120.0
"""The stream begins to read a new topic, and makes its table in Cassandra."""


def canary(
    every: Annotated[
        float | None,
        typer.Option(min=1, metavar="SECONDS", help="Again and again, until Ctrl-C."),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(min=1, metavar="SECONDS", help="How long a change may take to a place."),
    ] = SECONDS,
    show_history: Annotated[
        bool, typer.Option("--history", help="Only show what became of the last ones.")
    ] = False,
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
) -> None:
    """Write a marked row, follow it through every hop, then update and delete it.

    The row is in a table of its own, public.walflow_canary, which the first canary makes and has
    captured. Exit code 0: all was seen in Cassandra; 1: not so. With --every the exit code is that of
    the last one.
    """
    settings = load()
    if show_history:
        _show_history(settings, output)
        return
    if _ensure(settings):
        timeout = max(timeout, FIRST_SECONDS)
    run: CanaryRun | None
    if every is None:
        run = _one(settings, timeout, output)
    else:
        run = _repeated(settings, timeout, every, output)
    if run is not None and not run.succeeded:
        raise typer.Exit(ExitCode.FAILED)


def _ensure(settings: Settings) -> bool:
    """Have the table captured; whether it was not before."""
    with Reading(messages, TABLE) as reading:
        added = ensure(settings, reading.show)
    if added is not None:
        messages.print(f"Made {added.table}, captured from now on into {added.target}.")
    return added is not None


def _repeated(settings: Settings, timeout: float, every: float, output: Format) -> CanaryRun | None:
    """Until Ctrl-C; returns the last run."""
    last = None
    try:
        while True:
            began = time.monotonic()
            last = _one(settings, timeout, output)
            time.sleep(max(0.0, every - (time.monotonic() - began)))
    except KeyboardInterrupt:
        return last


def _one(settings: Settings, timeout: float, output: Format) -> CanaryRun:
    show = _Hops()
    run = fly(settings, show.seen if output is Format.TABLE else lambda _: None, timeout)
    try:
        history.append(settings, run)
    except OSError as error:
        raise WalflowError(
            f"The canary's history below {settings.run_dir} cannot be written: {error}."
        ) from error
    if output is Format.JSON:
        print(json.dumps(as_dict(run)), flush=True)
        return run
    show.end()
    if run.succeeded:
        data.print("✔ the canary came through", style="green", highlight=False)
    else:
        messages.print(f"✘ {run.reason}", style="red", markup=False, highlight=False)
    return run


class _Hops:
    """A line for each change, which grows with each place where it is seen."""

    def __init__(self) -> None:
        self._line = ""

    def seen(self, hop: Hop) -> None:
        if hop.place == COMMIT:
            self.end()
            self._line = f"{hop.change:<7} committed"
        else:
            self._line += f" · {hop.place.capitalize()} {duration(hop.ms)}"

    def end(self) -> None:
        if self._line:
            data.print(self._line, highlight=False, markup=False)
        self._line = ""


def _show_history(settings: Settings, output: Format) -> None:
    runs = history.runs(settings)
    if output is Format.JSON:
        data.print_json(json.dumps([as_dict(run) for run in runs]))
        return
    if not runs:
        messages.print(f"No canary has been sent yet: {typed('canary')}.")
        return
    grid = table("TIME", "OUTCOME", *(change.upper() for change in CHANGES), "REASON")
    for run in runs[-SHOWN:]:
        moment = datetime.fromtimestamp(run.at_ms / 1000, UTC).isoformat(timespec="seconds")
        times = [_arrival(run, change) for change in CHANGES]
        grid.add_row(
            moment,
            "arrived" if run.succeeded else "missing",
            *times,
            shortened(run.reason, MAX_REASON),
        )
    data.print(grid)
    arrived = sum(run.succeeded for run in runs)
    messages.print(f"{arrived} of {len(runs)} arrived; -o json has all.", highlight=False)


def _arrival(run: CanaryRun, change: str) -> str:
    """When it was seen at the last place, if at all."""
    times = [hop.ms for hop in run.hops if hop.change == change and hop.place == "cassandra"]
    return duration(times[0]) if times else "-"


def as_dict(run: CanaryRun) -> dict[str, object]:
    return {
        "at": datetime.fromtimestamp(run.at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
        "id": run.id,
        "succeeded": run.succeeded,
        "hops": [{"change": h.change, "place": h.place, "ms": round(h.ms, 1)} for h in run.hops],
        "reason": run.reason,
    }
