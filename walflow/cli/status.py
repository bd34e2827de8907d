"""status: each service, and the pipeline from source to target."""

import json
import os
import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from walflow.cli import compose
from walflow.cli.output import Format, data, messages, table
from walflow.cli.pipeline import screen, wrong
from walflow.compose import connector_failures as compose_failures
from walflow.errors import ExitCode
from walflow.readings.reader import Reader
from walflow.readings.reading import Reading
from walflow.settings import Settings, load
from walflow.stack.status import connector_failures, connector_healths, service_states

COLUMNS = ("SERVICE", "STATE", "PID", "UP", "RESTARTS", "MEMORY", "ADDRESS")
RATE_SECONDS = 1.2
"""Between the two looks that a rate takes: PostgreSQL's counts and the stream's are a second old."""
Output = Annotated[Format, typer.Option("-o", "--output", help="table or json.")]


def status(
    watch: Annotated[
        bool,
        typer.Option("--watch", "-w", help="Only the pipeline, again and again until Ctrl-C."),
    ] = False,
    every: Annotated[
        float, typer.Option(min=0.2, metavar="SECONDS", help="With --watch: how often.")
    ] = 1.0,
    output: Output = Format.TABLE,
) -> None:
    """Show each service, and the pipeline from source to target with rates, lags and what holds it up.

    In compose mode a service's line says which in order and when it was started, in place of its
    process. Exit code 0: every service is ready, no connector has failed, each stage of the pipeline
    passes on what comes, the slot is not about to be lost, and the counts are kept; 1: not so. With
    --watch and -o json a line for each look.
    """
    settings = load()
    is_healthy = _watch(settings, every, output) if watch else _once(settings, output)
    if not is_healthy:
        raise typer.Exit(ExitCode.FAILED)


def _once(settings: Settings, output: Format) -> bool:
    in_compose = settings.mode == "compose"
    with Reader(settings) as reader:
        reader.read()
        began = time.monotonic()
        states: list[Any] = [*(compose.states if in_compose else service_states)(settings)]
        time.sleep(max(0.0, RATE_SECONDS - (time.monotonic() - began)))
        reading = reader.read()
    if output is Format.JSON:
        told = {"services": [state.as_dict() for state in states], "pipeline": reading.as_dict()}
        data.print_json(json.dumps(told))
    else:
        grid = table(*(compose.COLUMNS if in_compose else COLUMNS))
        for state in states:
            grid.add_row(*state.as_row())
        data.print(grid)
        data.print()
        data.print(screen(reading))
    for state in states:
        if state.reason:
            messages.print(f"{state.name}: {state.reason}", style="yellow", markup=False)
    has_failed = _connectors(settings, in_compose, states)
    for line in wrong(reading):
        messages.print(line, highlight=False)
    return reading.is_healthy and not has_failed and all(state.is_ready for state in states)


def _connectors(settings: Settings, in_compose: bool, states: list[Any]) -> bool:
    """Tell of connectors that fail or did; whether one has failed now."""
    if not any(state.name == "connect" and state.is_ready for state in states):
        return False
    noted = compose_failures.read if in_compose else connector_failures
    connectors = connector_healths(settings, noted(settings))
    for connector in connectors:
        if connector.has_failed or connector.restarts:
            style = "red" if connector.has_failed else "yellow"
            messages.print(connector.sentence, style=style, markup=False, highlight=False)
    return any(connector.has_failed for connector in connectors)


def _watch(settings: Settings, every: float, output: Format) -> bool:
    """Show one reading after the other; whether the last was healthy."""
    last: Reading | None = None
    try:
        with Reader(settings) as reader:
            last = reader.read()
            if output is Format.JSON or not data.is_terminal:
                while True:
                    _print(last, output)
                    time.sleep(every)
                    last = reader.read()
            with Live(_live(last), console=Console(), screen=True, auto_refresh=False) as live:
                while True:
                    time.sleep(every)
                    last = reader.read()
                    live.update(_live(last), refresh=True)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return last is not None and last.is_healthy


def _live(reading: Reading) -> Group:
    return Group(screen(reading), *wrong(reading), Text("Ctrl-C ends it", style="dim"))


def _print(reading: Reading, output: Format) -> None:
    """A look for a program or a file."""
    if output is Format.JSON:
        print(json.dumps(reading.as_dict()), flush=True)
    else:
        data.print(Group(screen(reading), *wrong(reading)))
