"""A reading of the pipeline on one screen, from source to target."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from walflow.cli.output import table
from walflow.cli.units import NONE, count, duration, rate, size, size_rate
from walflow.readings.reading import (
    Broker,
    DeadLetters,
    Reading,
    Slot,
    Source,
    StageName,
    StageState,
    Stream,
    TableLag,
    Unreachable,
    lsn,
)

MAX_ROWS = 30
"""Of tables, and of topics: a screen. `-o json` has all."""
_COLOURS = {
    StageState.OK: "green",
    StageState.BEHIND: "yellow",
    StageState.HELD: "yellow",
    StageState.DOWN: "red",
    StageState.UNKNOWN: "magenta",
}


def screen(reading: Reading) -> RenderableType:
    """All of it."""
    parts: list[RenderableType] = [_stages(reading)]
    for title, part in (
        ("Source", _source(reading.source)),
        ("Capture", _capture(reading)),
        ("Topics", _topics(reading.broker)),
        ("Tables", _tables(reading)),
        ("Target", _target(reading)),
    ):
        parts += [Text(""), Text(title, style="bold underline"), part]
    verdict = (
        Text("healthy", style="green") if reading.is_healthy else Text("not healthy", style="red")
    )
    moment = datetime.fromtimestamp(reading.taken_at_ms / 1000, UTC).strftime(
        "%Y-%m-%d %H:%M:%S UTC"
    )
    parts += [Text(""), Text.assemble(verdict, f", {moment}")]
    return Group(*parts)


def wrong(reading: Reading) -> Iterator[Text]:
    """What is wrong, a line each; what holds changes up comes first."""
    for number, problem in enumerate(reading.problems):
        is_first = number == 0 and reading.held_up_by is not None
        yield Text(f"held up by {problem}" if is_first else problem, style="red")
    for warning in reading.warnings:
        yield Text(warning, style="yellow")


def _stages(reading: Reading) -> Table:
    grid = table("STAGE", "STATE", "RATE", "LAG", "LAG TIME", "")
    for stage in reading.stages:
        is_bytes = stage.name is StageName.CAPTURE
        lag = size(stage.lag_bytes) if is_bytes else count(stage.lag_events)
        grid.add_row(
            stage.name.value,
            Text(stage.state.value, style=_COLOURS[stage.state]),
            size_rate(stage.per_second) if is_bytes else rate(stage.per_second),
            lag,
            duration(stage.lag_ms),
            Text(_ABOUT[stage.name], style="dim"),
        )
    return grid


_ABOUT = {
    StageName.INGEST: "rows written to the captured tables",
    StageName.CAPTURE: "log that Debezium has not read",
    StageName.TRANSPORT: "written to Kafka and not committed",
    StageName.APPLY: "changes in Kafka that are not in Cassandra, and the age of the oldest",
}


def _source(source: Source | Unreachable) -> RenderableType:
    if isinstance(source, Unreachable):
        return _unread(source)
    wal = source.wal
    lines = [f"WAL at {wal.lsn}, growing by {size_rate(wal.bytes_per_second)}"]
    users = source.ingest.newest_users
    if users:
        named = ", ".join(user.username or user.name for user in users)
        where = "" if source.ingest.newest_users_are_exact else " in the table's last pages"
        lines.append(f"newest users{where}: {named}")
    for writes in source.ingest.writes[:MAX_ROWS]:
        lines.append(
            f"{writes.table}: {count(writes.inserted)} inserted, {count(writes.updated)} updated,"
            f" {count(writes.deleted)} deleted, {rate(writes.per_second)}"
        )
    return _lines(lines + _more(len(source.ingest.writes)))


def _capture(reading: Reading) -> RenderableType:
    lines = []
    if isinstance(reading.connectors, Unreachable):
        lines.append(reading.connectors.sentence)
    else:
        for connector in reading.connectors:
            tasks = ", ".join(connector.tasks) or "none"
            mark = ", reads the publication" if connector.captures else ""
            lines.append(f"connector {connector.name}: {connector.state}, tasks: {tasks}{mark}")
        if not reading.connectors:
            lines.append("no connector")
    if isinstance(reading.source, Source):
        lines += [_slot(slot) for slot in reading.source.slots]
    return _lines(lines)


def _slot(slot: Slot) -> str:
    state = "read" if slot.is_active else "read by nobody"
    at = NONE if slot.confirmed is None else lsn(slot.confirmed)
    text = (
        f"slot {slot.name}: {slot.wal_status or NONE}, {state}, confirmed {at}, retains"
        f" {size(slot.retained_bytes)}"
    )
    if slot.limit_bytes is None:
        return f"{text}, no limit"
    text += f" of {size(slot.limit_bytes)}"
    if slot.growth_per_second is not None:
        text += f", growing by {size_rate(slot.growth_per_second)}"
    if slot.lost_in_seconds is not None:
        text += f": the limit is reached in {duration(slot.lost_in_seconds * 1000)} at this rate"
    return text


def _topics(broker: Broker | Unreachable) -> RenderableType:
    if isinstance(broker, Unreachable):
        return _unread(broker)
    # Those with the most traffic, where they are too many.
    shown = sorted(broker.topics, key=lambda t: (-(t.per_second or 0), t.name))[:MAX_ROWS]
    grid = table("TOPIC", "PARTITIONS", "END", "RATE", "UNCOMMITTED")
    for topic in sorted(shown, key=lambda t: t.name):
        grid.add_row(
            topic.name,
            str(len(topic.partitions)),
            count(topic.end),
            rate(topic.per_second),
            count(topic.uncommitted),
        )
    return Group(grid, *_lines(_more(len(broker.topics))).renderables)


def _tables(reading: Reading) -> RenderableType:
    grid = table("TABLE", "END", "APPLIED", "LAG", "LAG TIME", "LATENCY", "IN", "OUT", "TARGET")
    shown = sorted(reading.tables, key=lambda lag: (-(lag.lag_events or 0), lag.table))[:MAX_ROWS]
    for lag in sorted(shown, key=lambda lag: lag.table):
        grid.add_row(
            lag.table,
            count(lag.end_offset),
            count(lag.applied_offset),
            _lag(lag),
            duration(lag.lag_ms),
            duration(lag.latency_ms),
            rate(lag.captured_per_second),
            rate(lag.applied_per_second),
            lag.target,
        )
    return Group(grid, *_lines(_more(len(reading.tables))).renderables)


def _lag(lag: TableLag) -> str:
    return count(lag.lag_events) if lag.is_exact else f"≤ {count(lag.lag_events)}"


def _target(reading: Reading) -> RenderableType:
    lines = []
    if isinstance(reading.stream, Stream):
        up = "runs" if reading.stream.is_up else "does not run"
        lines.append(f"stream {up}, {reading.stream.tasks} tasks")
        if reading.stream.counts_failure is not None:
            lasted = reading.taken_at_ms - reading.stream.counts_failure.since_ms
            lines.append(f"counts: not kept for {duration(lasted)}")
    else:
        lines.append(reading.stream.sentence)
    letters = reading.dead_letters
    if isinstance(letters, DeadLetters):
        lines.append(f"dead letters: {count(letters.open)} open, {count(letters.stored)} stored")
    verified = reading.last_verify
    if verified is not None:
        partly = " of some rows" if verified.is_partial else ""
        lines.append(
            f"last verify{partly}: {verified.verdict}, {len(verified.tables)} tables,"
            f" {_ago(reading, verified.at_ms)}"
        )
    canary = reading.last_canary
    if canary is not None:
        outcome = "came through" if canary.succeeded else "did not come through"
        lines.append(f"last canary: {outcome}, {_ago(reading, canary.at_ms)}")
    return _lines(lines)


def _ago(reading: Reading, at_ms: float) -> str:
    return f"{duration(max(0.0, reading.taken_at_ms - at_ms))} ago"


def _more(total: int) -> list[str]:
    return [f"… and {total - MAX_ROWS} more: -o json has all"] if total > MAX_ROWS else []


def _unread(part: Unreachable) -> Text:
    return Text(part.sentence, style="magenta")


def _lines(lines: Iterable[str]) -> Group:
    return Group(*(Text(line) for line in lines))
