"""A reading of the pipeline as samples; of a part that could not be read, only that it could not."""

from collections import Counter
from collections.abc import Iterable, Iterator

from change_stream.letter import Kind
from walflow.metrics import definitions as of
from walflow.metrics.definitions import Sample
from walflow.readings.reading import (
    CanaryRun,
    ConnectorReading,
    DeadLetters,
    Reading,
    Slot,
    Source,
    Stage,
    StageState,
    Stream,
    TableLag,
    Unreachable,
    Verified,
    Writes,
)

CONNECT_STATES = ("RUNNING", "PAUSED", "STOPPED", "FAILED", "UNASSIGNED", "RESTARTING")
"""Those that Connect has for connectors and tasks; one of them holds, the others are 0."""


def samples(reading: Reading) -> Iterator[Sample]:
    """Everything that a reading tells."""
    yield from of.READING_AT.at(reading.taken_at_ms / 1000)
    yield from of.READING_MS.at(reading.took_ms)
    yield from of.HEALTHY.at(reading.is_healthy)
    yield from of.PROBLEMS.at(len(reading.problems))
    yield from _reachable(reading)
    if isinstance(reading.source, Source):
        yield from _source(reading.source)
    if not isinstance(reading.connectors, Unreachable):
        for connector in reading.connectors:
            yield from _connector(connector)
    if isinstance(reading.stream, Stream):
        yield from _stream(reading.stream)
    if isinstance(reading.dead_letters, DeadLetters):
        yield from _dead_letters(reading.dead_letters, reading.tables)
    for table in reading.tables:
        yield from _table(table)
    for stage in reading.stages:
        yield from _stage(stage)
    if reading.last_verify is not None:
        yield from _verify(reading.last_verify)
    if reading.last_canary is not None:
        yield from _canary(reading.last_canary)


def _reachable(reading: Reading) -> Iterator[Sample]:
    parts = {
        "postgres": reading.source,
        "connect": reading.connectors,
        "kafka": reading.broker,
        "stream": reading.stream,
    }
    for name, part in parts.items():
        yield from of.REACHABLE.at(not isinstance(part, Unreachable), name)


def _source(source: Source) -> Iterator[Sample]:
    yield from of.WAL_WRITTEN.at(source.wal.position)
    for writes in source.ingest.writes:
        yield from _writes(writes)
    for slot in source.slots:
        yield from _slot(slot)


def _writes(writes: Writes) -> Iterator[Sample]:
    yield from of.ROWS_INGESTED.at(writes.inserted, writes.table, "insert")
    yield from of.ROWS_INGESTED.at(writes.updated, writes.table, "update")
    yield from of.ROWS_INGESTED.at(writes.deleted, writes.table, "delete")


def _slot(slot: Slot) -> Iterator[Sample]:
    yield from of.SLOT_ACTIVE.at(slot.is_active, slot.name)
    yield from of.SLOT_LOST.at(slot.is_lost, slot.name)
    yield from of.SLOT_RETAINED.at(slot.retained_bytes, slot.name)
    yield from of.SLOT_LAG.at(slot.lag_bytes, slot.name)
    yield from of.SLOT_LIMIT.at(slot.limit_bytes, slot.name)
    yield from of.SLOT_LEFT.at(slot.left_bytes, slot.name)


def _connector(connector: ConnectorReading) -> Iterator[Sample]:
    tasks = Counter(connector.tasks)
    for state in dict.fromkeys((*CONNECT_STATES, connector.state, *connector.tasks)):
        yield from of.CONNECTOR_STATE.at(connector.state == state, connector.name, state)
        yield from of.CONNECTOR_TASKS.at(tasks[state], connector.name, state)


def _stream(stream: Stream) -> Iterator[Sample]:
    yield from of.STREAM_UP.at(stream.is_up)
    yield from of.STREAM_TASKS.at(stream.tasks)
    yield from of.STREAM_FAILURES.at(len(stream.failures))
    yield from of.COUNTS_KEPT.at(stream.counts_failure is None)


def _dead_letters(letters: DeadLetters, tables: Iterable[TableLag]) -> Iterator[Sample]:
    """A kind of which there is no letter yet is 0: Prometheus sees no growth in a count that is new."""
    yield from of.DEAD_LETTERS_OPEN.at(letters.open)
    names = {table.topic: table.table for table in tables}
    counted = {(table, kind.value): 0 for table in names.values() for kind in Kind}
    for count in letters.counts:
        counted[names.get(count.topic, count.topic), count.kind] = count.letters
    for (table, kind), number in counted.items():
        yield from of.DEAD_LETTERS.at(number, table, kind)


def _table(table: TableLag) -> Iterator[Sample]:
    yield from of.CAPTURED.at(table.end_offset, table.table, table.topic)
    yield from of.APPLIED.at(table.applied_offset, table.table, table.topic)
    yield from of.TABLE_LAG_EVENTS.at(table.lag_events, table.table)
    yield from of.TABLE_LAG_MS.at(table.lag_ms, table.table)


def _stage(stage: Stage) -> Iterator[Sample]:
    for state in StageState:
        yield from of.STAGE_STATE.at(stage.state is state, stage.name.value, state.value)
    yield from of.STAGE_LAG_EVENTS.at(stage.lag_events, stage.name.value)
    yield from of.STAGE_LAG_BYTES.at(stage.lag_bytes, stage.name.value)
    yield from of.STAGE_LAG_MS.at(stage.lag_ms, stage.name.value)


def _verify(verified: Verified) -> Iterator[Sample]:
    yield from of.VERIFY_AT.at(verified.at_ms / 1000)
    yield from of.VERIFY_SECONDS.at(verified.seconds)
    yield from of.VERIFY_PARTIAL.at(verified.is_partial)
    for table in verified.tables:
        yield from of.VERIFY_ROWS.at(table.rows, table.table)
        yield from of.VERIFY_UNDECIDED.at(table.verdict == "unknown", table.table)
        for kind in ("missing", "different", "extra"):
            yield from of.VERIFY_DIFFERENCES.at(getattr(table, kind), table.table, kind)


def _canary(canary: CanaryRun) -> Iterator[Sample]:
    yield from of.CANARY_AT.at(canary.at_ms / 1000)
    yield from of.CANARY_SUCCEEDED.at(canary.succeeded)
    for hop in canary.hops:
        yield from of.CANARY_MS.at(hop.ms, hop.change, hop.place)
