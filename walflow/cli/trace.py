"""trace: one key at every hop."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from walflow.cli.output import Format, data, table
from walflow.errors import ExitCode
from walflow.readings.reading import lsn
from walflow.settings import load
from walflow.text import shortened
from walflow.topics.display import lines
from walflow.trace.results import Trace, TracedEvent
from walflow.trace.tracing import Request
from walflow.trace.tracing import trace as traced

MAX_VALUE = 60
"""Characters of a value in a table; JSON has all of them."""


def trace(
    table_name: Annotated[
        str,
        typer.Argument(
            metavar="TABLE", help="A captured table, as schema.table or, in public, table."
        ),
    ],
    key: Annotated[
        str, typer.Argument(metavar="KEY", help='The row\'s key; a composite one as ["DE", 17].')
    ],
    last: Annotated[
        int, typer.Option(min=1, max=1000, help="How many of its last records in Kafka are shown.")
    ] = 5,
    scan: Annotated[
        int,
        typer.Option(
            min=1, metavar="OFFSETS", help="How far back from its end each partition is looked at."
        ),
    ] = 100_000,
    output: Annotated[Format, typer.Option("-o", "--output", help="table or json.")] = Format.TABLE,
) -> None:
    """Show where one key is at every hop, and which hop has not happened.

    Exit code 0: PostgreSQL and Cassandra agree on it; 1: they do not.
    """
    found = traced(load(), Request(table_name, key, last, scan))
    if output is Format.JSON:
        data.print_json(json.dumps(found.as_dict()))
    else:
        for part in (_source, _kafka, _applied, _target):
            for line in part(found):
                data.print(line, soft_wrap=True, highlight=False)
            data.print()
        style = "green" if found.agree else "red"
        data.print(Text(found.sentence, style=style), soft_wrap=True, highlight=False)
    if not found.agree:
        raise typer.Exit(ExitCode.FAILED)


def _source(found: Trace) -> Iterator[object]:
    key = ", ".join(f"{name}={value}" for name, value in found.key.items())
    yield Text(f"PostgreSQL  {found.table}  {key}", style="bold")
    if found.source is None:
        yield "no row"
        return
    at = found.commit_lsn
    yield (
        f"xmin {found.source.xid}, LSN {'not known' if at is None else lsn(at)}"
        f", committed {found.source.committed_at or 'at a time that is not kept'}"
    )
    for name, value in found.source.columns.items():
        yield f"  {name}: {_short(value)}"


def _kafka(found: Trace) -> Iterator[object]:
    search = found.search
    yield Text(f"Kafka  {search.topic}", style="bold")
    partitions = ", ".join(map(str, search.partitions)) or "none"
    how = "by the producer's partitioner" if search.is_by_partitioner else "all of them"
    rest = "" if search.is_complete else "; older ones were not looked at (--scan)"
    yield f"partition {partitions} ({how}), {search.scanned:,} records looked at{rest}"
    if not found.events:
        yield "no event of this key"
    for event in found.events:
        yield from lines(event.event, is_raw=False)
        yield Text(_about(event), style="dim")


def _about(event: TracedEvent) -> str:
    parts = [f"    transaction {event.xid}" if event.xid is not None else "    no transaction told"]
    if event.event.value.schema_id is not None:
        parts.append(f"schema id {event.event.value.schema_id}")
    ms = event.event.source.get("ts_ms")
    if ms is not None:
        moment = datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
        parts.append(f"committed {moment}")
    return ", ".join(parts)


def _applied(found: Trace) -> Iterator[object]:
    yield Text("Applied", style="bold")
    for event in found.events:
        if event.event.record.value is None:
            continue
        state = {True: "applied", False: "not applied", None: "not told"}[event.is_applied]
        if event.letter is not None:
            state = f"dead letter: {event.letter}"
        stamp = "no stamp" if event.stamp is None else f"stamp {event.stamp}"
        yield f"{event.event.record.place}: {state}, {stamp}"
    for hop in found.hops:
        mark = {True: "✔", False: "✘", None: "?"}[hop.happened]
        yield f"{mark} {hop.name}: {hop.sentence}"


def _target(found: Trace) -> Iterator[object]:
    yield Text(f"Cassandra  {found.target}", style="bold")
    if found.row is None:
        yield "no row"
        return
    grid = table("COLUMN", "VALUE", "WRITETIME", "POSTGRESQL HAS")
    for cell in found.row:
        grid.add_row(
            cell.target,
            _short(cell.value),
            "" if cell.written is None else str(cell.written),
            Text(_short(cell.source_value), style="red") if cell.differs else "",
        )
    yield grid


def _short(value: str | None) -> str:
    return "null" if value is None else shortened(value, MAX_VALUE)
