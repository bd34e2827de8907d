"""Traces one key: PostgreSQL's row, its events in Kafka, what was applied, and Cassandra's row."""

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from cassandra import InvalidRequest
from cassandra.cluster import NoHostAvailable, Session
from cassandra.metadata import maybe_escape_name

from change_stream.generations import Generations
from change_stream.record import DATUM_OFFSET, Record
from change_stream.schemas import SchemaRegistry
from change_stream.stamps import Generation, NoGeneration, stamp
from walflow.deadletters.topic import DeadLetterTopic
from walflow.errors import WalflowError
from walflow.readings.reader import read
from walflow.readings.reading import StageName
from walflow.settings import Settings
from walflow.stack.cassandra import cluster
from walflow.stack.registry import confluent_url
from walflow.tables import TableRule, TableRules, topic_of
from walflow.topics.clients import admin
from walflow.topics.events import decoded
from walflow.topics.reading import opened
from walflow.trace import events, source, verdict
from walflow.trace.keys import TargetKeyColumn, TracedKey, plain_columns
from walflow.trace.results import Search, TargetCell, Trace, TracedEvent
from walflow.verify import target
from walflow.verify.catalog import SourceTable, captured_tables
from walflow.verify.comparison import given_values
from walflow.verify.display import shown
from walflow.verify.plan import CannotTell, Plan, plan
from walflow.verify.rows import values
from walflow.verify.source import SourceRows
from walflow.verify.source import connected as source_connected
from walflow.verify.source import failures_told as source_failures_told

REGISTRY_SECONDS = 10.0
ATTEMPTS = 4
PAUSE_SECONDS = 0.4
"""A change that is on its way is waited for so often, and so long each time: the stream tells how far it
is about once a second."""
_TIME_BYTES = 8


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be traced."""

    table: str
    key: str
    """As the command line gives it: a value, or those of a composite key as a JSON array."""
    last: int
    """Of its records in Kafka."""
    scan: int
    """How many offsets of each partition are looked at, from the end."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Cassandra's side of the table."""

    planned: Plan
    key: bytes
    """In the form of `verify.rows`."""
    columns: tuple[TargetKeyColumn, ...] | None
    """None: the target's key is not the source's."""


def trace(settings: Settings, request: Request) -> Trace:
    """Where a key is at every hop.

    Raises:
        WalflowError: there is no such captured table, the key does not fit, or a server is away.
    """
    with source_connected(settings) as cursor, target.connected(settings) as session:
        with source_failures_told():
            (table,) = captured_tables(cursor, [request.table])
        if not table.key:
            raise WalflowError(f"{table.full_name} has no primary key to trace a row by.")
        texts = source.key_texts(cursor, table, given_values(table, request.key))
        tracing = _Tracing(settings, request, table, texts, cursor, session)
        for _ in range(ATTEMPTS - 1):
            # Cassandra fails a statement while it makes the table, which its schema names before.
            with suppress(NoHostAvailable, InvalidRequest):
                found = tracing.look()
                capture, _ = found.hops
                if found.agree or capture.happened is False:
                    return found
            time.sleep(PAUSE_SECONDS)
        return tracing.look()


class _Tracing:
    def __init__(
        self,
        settings: Settings,
        request: Request,
        table: SourceTable,
        texts: Mapping[str, str],
        cursor: Any,
        session: Session,
    ) -> None:
        self._settings = settings
        self._request = request
        self._table = table
        self._texts = texts
        self._cursor = cursor
        self._session = session
        self._rule: TableRule = TableRules.of(settings).rule(table.schema, table.name)
        self._topic = topic_of(settings.topics.prefix, table.schema, table.name)
        self._registry = SchemaRegistry(confluent_url(settings), REGISTRY_SECONDS)

    def look(self) -> Trace:
        """One look at every hop, from PostgreSQL on: what is found later is at least as new."""
        row = source.row(self._cursor, self._table, self._texts)
        side, missing = self._target_side()
        search, records = self._records(side)
        reading = read(self._settings)
        traced, applied_offset = self._traced(records)
        cells = None if side is None else self._cells(side)
        found = verdict.Found(
            source=row,
            search=search,
            events=[event for event in traced if event.event.record.value is not None],
            row=cells,
            missing_target=missing,
            applied_offset=applied_offset,
            capture=reading.stage(StageName.CAPTURE),
            apply=reading.stage(StageName.APPLY),
        )
        return Trace(
            table=self._table.full_name,
            target=f"{self._rule.keyspace}.{self._rule.table}",
            key=self._texts,
            source=row,
            search=search,
            events=tuple(traced),
            row=None if cells is None else tuple(cells),
            hops=verdict.hops(found),
            agree=verdict.agree(found),
            sentence=verdict.sentence(found),
        )

    def _target_side(self) -> tuple[_Target | None, str]:
        """Cassandra's table and the key in it, or why there is none."""
        metadata = target.table_of(self._session, self._rule.keyspace, self._rule.table)
        if metadata is None:
            self._session.cluster.refresh_schema_metadata()
            metadata = target.table_of(self._session, self._rule.keyspace, self._rule.table)
        try:
            planned = plan(self._table, self._rule, metadata)
        except CannotTell as error:
            if metadata is None:
                return None, error.sentence
            raise
        rows = SourceRows(planned, self._cursor)
        if {column.source for column in planned.key} == set(self._table.key):
            (key,) = rows.given_keys([[self._texts[name] for name in self._table.key]])
            return _Target(planned, key, self._key_columns(planned, key)), ""
        # The target's key has other columns too, whose values only the row itself tells.
        keys: list[bytes] = []
        rows.keys_where(source.condition(self._cursor, self._table, self._texts), keys.append)
        if not keys:
            return None, (
                f"The key of {planned.target_name} has columns beyond {self._table.full_name}'s, and"
                " PostgreSQL has no row to tell their values."
            )
        return _Target(planned, keys[0], None), ""

    def _key_columns(self, planned: Plan, key: bytes) -> tuple[TargetKeyColumn, ...]:
        names = [maybe_escape_name(column.target) for column in planned.key]
        where = " AND ".join(f"{name} = ?" for name in names)
        prepared = self._session.prepare(
            f"SELECT {names[0]} FROM {planned.target_name} WHERE {where}"
        )
        version = prepared.protocol_version
        return tuple(
            TargetKeyColumn(
                column.source,
                column.cql_type,
                value,
                partial(about.type.serialize, protocol_version=version),
            )
            for column, value, about in zip(
                planned.key, values(key), prepared.column_metadata, strict=True
            )
        )

    def _records(self, side: _Target | None) -> tuple[Search, list[Record]]:
        key = TracedKey(
            self._registry,
            self._rule,
            self._texts,
            plain_columns(self._table),
            None if side is None else side.columns,
        )
        with admin(self._settings) as client:
            if self._topic not in client.list_topics():
                return Search(self._topic, (), False, 0, True), []
        with opened(self._settings, self._topic, ()) as reader:
            bounds = reader.bounds()
            known = events.candidates(key, events.headers_in_use(reader, bounds))
            chosen = events.partitions_of(known, len(bounds)) or set(bounds)
            bodies = {each[DATUM_OFFSET:] for each in known}

            def is_wanted(record: Record) -> bool:
                if record.key is None:
                    return False
                return record.key[DATUM_OFFSET:] in bodies if known else key.is_of(record.key)

            records, scanned, is_complete = events.last_records(
                reader,
                {partition: bounds[partition] for partition in sorted(chosen)},
                is_wanted,
                self._request.last,
                self._request.scan,
            )
        search = Search(self._topic, tuple(sorted(chosen)), bool(known), scanned, is_complete)
        return search, records

    def _traced(self, records: Sequence[Record]) -> tuple[list[TracedEvent], int | None]:
        """The events with what became of each, and how far the partition of the newest is applied."""
        if not records:
            return [], None
        with admin(self._settings) as client:
            described = client.describe_topics([self._topic])[0]
        topic_id = UUID(str(described["topic_id"]))
        with target.failures_told(), cluster(self._settings, metadata=False) as connected:
            session = connected.connect()
            generations = [
                generation
                for generation in Generations(session, self._settings.address("kafka")).registered(
                    self._topic
                )
                if generation.topic_id == topic_id
            ]
            applied = {
                row.partition: int(row.applied_offset)
                for row in session.execute(
                    "SELECT partition, applied_offset FROM walflow.stream_progress WHERE topic = %s",
                    (self._topic,),
                )
            }
        letters = self._letters(records)
        traced = [
            TracedEvent(
                decoded(record, self._registry),
                _stamp(tuple(generations), record),
                None
                if record.partition not in applied
                else record.offset <= applied[record.partition],
                letters.get((record.partition, record.offset)),
            )
            for record in records
        ]
        newest = next((r for r in reversed(records) if r.value is not None), records[-1])
        return traced, applied.get(newest.partition)

    def _letters(self, records: Sequence[Record]) -> dict[tuple[int, int], str]:
        """Partition and offset of those that became dead letters, and why."""
        wanted = {(record.partition, record.offset) for record in records}
        with DeadLetterTopic(self._settings) as topic:
            return {
                place: stored.letter.reason
                for chunk in topic.chunks()
                for stored in chunk
                if stored.letter.record.topic == self._topic
                and (place := (stored.letter.record.partition, stored.letter.record.offset))
                in wanted
            }

    def _cells(self, side: _Target) -> list[TargetCell] | None:
        planned = side.planned
        with target.failures_told():
            there = target.TargetRows(planned, self._session).versions([side.key]).get(side.key)
        if there is None:
            return None
        # By PostgreSQL's key: the target's may be masked, and cannot be turned back.
        condition = source.condition(self._cursor, self._table, self._texts)
        here = SourceRows(planned, self._cursor).versions_where(condition).get(side.key)
        cells = [
            TargetCell(column.source, column.target, text, text, None, False)
            for column, value in zip(planned.key, values(side.key), strict=True)
            for text in [shown(column.cql_type, value)]
        ]
        in_target, times = values(there[0]), values(there[1])
        in_source: Sequence[bytes | None] = values(here[0]) if here is not None else []
        for number, column in enumerate(planned.rest):
            mine = in_source[number] if here is not None else None
            cells.append(
                TargetCell(
                    column.source,
                    column.target,
                    None if here is None else shown(column.cql_type, mine),
                    shown(column.cql_type, in_target[number]),
                    _written(times[number]) if number < len(times) else None,
                    here is not None and mine != in_target[number],
                )
            )
        return cells


def _stamp(generations: tuple[Generation, ...], record: Record) -> int | None:
    try:
        return stamp(generations, record.partition, record.offset)
    except NoGeneration:
        return None


def _written(value: bytes | None) -> int | None:
    """A write time; of a collection, for which Cassandra gives one for each element, the newest."""
    if not value:
        return None
    single = [value] if len(value) == _TIME_BYTES else values(value[4:])
    return max((int.from_bytes(time, "big", signed=True) for time in single if time), default=None)
