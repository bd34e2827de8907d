"""What is remembered of counted rows, and their counts by group, in Cassandra.

The rows of an aggregate are spread over buckets by their ids. A bucket is one partition of
`walflow.aggregate_state`: its rows, its counts, its version. Rows and counts are changed together by one
conditional batch, which Cassandra applies as a whole or not at all, and only if the bucket still has the
version that was read. So whoever else writes at the same time, a task that was thought dead included,
makes the batch be worked out again and never an update get lost.
"""

import itertools
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.query import BatchStatement, BatchType, PreparedStatement

from change_stream.aggregation.entries import Effect, Entry, Outcome, applied, truncated
from change_stream.writer import TRANSIENT
from walflow.aggregates import Aggregate, GroupValues, group_id, group_of

BUCKETS = 16
CHUNK = 200
"""Rows that are changed by one conditional batch at the most."""
DELETED_SECONDS = 10 * 86_400
"""How long a deleted row is remembered, so that an older record of it counts nothing: longer than Kafka
keeps records."""
MAX_BACKOFF_SECONDS = 2.0
_GROUP, _ROW = 0, 1


class StateUnavailable(Exception):
    """Cassandra did not take a change of the counts within the retry time: the task fails."""


def bucket_of(row: str) -> int:
    return zlib.crc32(row.encode()) % BUCKETS


@dataclass(frozen=True, slots=True)
class _Version:
    number: int | None
    """None: the bucket was never written."""
    truncated_lsn: int


class AggregateState:
    """The buckets of all aggregates; may be used by several threads."""

    def __init__(self, session: Session, retry_seconds: float) -> None:
        self._session = session
        self._retry_seconds = retry_seconds
        self._statements = _Statements(session)

    def apply(self, aggregate: Aggregate, bucket: int, effects: Sequence[Effect]) -> None:
        """Apply effects on rows of one bucket, in order; may be repeated.

        Raises:
            StateUnavailable: not within the retry time.
        """
        by_row: dict[str, list[Effect]] = {}
        for effect in effects:
            by_row.setdefault(effect.row, []).append(effect)
        for rows in _chunks(by_row):
            chunk = [effect for row in rows for effect in by_row[row]]

            def work_out(
                version: _Version, rows: Sequence[str] = rows, chunk: Sequence[Effect] = chunk
            ) -> "_Change":
                before = self._entries(aggregate, bucket, rows)
                return _Change(applied(before, chunk, version.truncated_lsn))

            self._change(aggregate, bucket, work_out)

    def truncate(self, aggregate: Aggregate, lsn: int) -> None:
        """Forget every row whose newest change is older than a TRUNCATE; may be repeated.

        From then on changes from before it count nothing.
        """
        for bucket in range(BUCKETS):

            def note(version: _Version) -> "_Change":
                return _Change(Outcome({}), truncated_lsn=max(lsn, version.truncated_lsn))

            self._change(aggregate, bucket, note)
            for rows in _chunks(self._rows(aggregate, bucket)):

                def remove(
                    _: _Version, bucket: int = bucket, rows: Sequence[str] = rows
                ) -> "_Change":
                    before = self._entries(aggregate, bucket, rows)
                    return _Change(truncated(before, lsn), forgets=True)

                self._change(aggregate, bucket, remove)

    def retract(self, aggregate: Aggregate, entries: Mapping[str, Entry]) -> int:
        """Count rows no more that the source does not have, each if it is still as it was read.

        Returns:
            How many they were.
        """
        retracted = 0
        by_bucket: dict[int, list[str]] = {}
        for row in entries:
            by_bucket.setdefault(bucket_of(row), []).append(row)
        for bucket, in_bucket in by_bucket.items():
            for rows in _chunks(in_bucket):

                def remove(
                    _: _Version, bucket: int = bucket, rows: Sequence[str] = rows
                ) -> "_Change":
                    now = self._entries(aggregate, bucket, rows)
                    gone = {row: entry for row, entry in now.items() if entry == entries[row]}
                    counts: dict[GroupValues, int] = {}
                    for entry in gone.values():
                        if entry.group is not None:
                            counts[entry.group] = counts.get(entry.group, 0) - 1
                    deleted = {row: Entry(e.place, e.lsn, None) for row, e in gone.items()}
                    return _Change(Outcome(deleted, counts))

                retracted += self._change(aggregate, bucket, remove)
        return retracted

    def versions(self, aggregate: Aggregate) -> dict[int, int]:
        """Bucket → version, of the buckets that were ever written."""
        found = {bucket: self._version(aggregate, bucket) for bucket in range(BUCKETS)}
        return {bucket: v.number for bucket, v in found.items() if v.number is not None}

    def counts(self, aggregate: Aggregate, bucket: int) -> dict[GroupValues, int]:
        """The counts of a bucket's rows by group."""
        rows = self._session.execute(self._statements.counts, (aggregate.name, bucket))
        return {group_of(row.id): row.total for row in rows}

    def counted(self, aggregate: Aggregate) -> Iterator[dict[str, Entry]]:
        """The rows that are counted, some at a time."""
        for bucket in range(BUCKETS):
            for rows in _chunks(self._rows(aggregate, bucket)):
                entries = self._entries(aggregate, bucket, rows)
                yield {row: e for row, e in entries.items() if e.group is not None}

    def _change(
        self, aggregate: Aggregate, bucket: int, work_out: Callable[[_Version], "_Change"]
    ) -> int:
        """Work out a change from what is there and apply it, again while others are first.

        Returns:
            How many rows it wrote.
        """
        give_up = time.monotonic() + self._retry_seconds
        attempts = 0
        while True:
            try:
                version = self._version(aggregate, bucket)
                change = work_out(version)
                if change.is_nothing(version):
                    return 0
                if self._is_applied(aggregate, bucket, version, change):
                    return len(change.outcome.entries)
                failure: Exception | None = None
            except TRANSIENT as error:
                # It may have been applied: worked out again, it then comes to nothing.
                failure = error
            attempts += 1
            if time.monotonic() > give_up:
                raise StateUnavailable(
                    f"Cassandra did not take the counts of {aggregate.name} in"
                    f" {self._retry_seconds:.0f} s: {failure or 'others were always first'}"
                ) from failure
            time.sleep(random.uniform(0, min(0.01 * 2 ** min(attempts, 10), MAX_BACKOFF_SECONDS)))

    def _version(self, aggregate: Aggregate, bucket: int) -> _Version:
        row = self._session.execute(self._statements.version, (aggregate.name, bucket)).one()
        if row is None:
            return _Version(None, 0)
        return _Version(row.version, row.truncated_lsn or 0)

    def _entries(self, aggregate: Aggregate, bucket: int, rows: Sequence[str]) -> dict[str, Entry]:
        found = self._session.execute(
            self._statements.entries, (aggregate.name, bucket, list(rows))
        )
        return {
            row.id: Entry(
                row.place, row.lsn, None if row.grouped is None else group_of(row.grouped)
            )
            for row in found
        }

    def _rows(self, aggregate: Aggregate, bucket: int) -> Iterator[str]:
        found = self._session.execute(self._statements.rows, (aggregate.name, bucket))
        return (row.id for row in found)

    def _is_applied(
        self, aggregate: Aggregate, bucket: int, version: _Version, change: "_Change"
    ) -> bool:
        statements, where = self._statements, (aggregate.name, bucket)
        outcome = change.outcome
        batch = BatchStatement(
            BatchType.UNLOGGED, serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL
        )
        batch.add(
            statements.set_version,
            (
                (version.number or 0) + 1,
                max(change.truncated_lsn, version.truncated_lsn),
                *where,
                version.number,
            ),
        )
        for row, entry in outcome.entries.items():
            if change.forgets:
                batch.add(statements.delete, (*where, _ROW, row))
            elif entry.group is None:
                batch.add(statements.set_deleted, (*where, row, entry.place, entry.lsn))
            else:
                grouped = group_id(entry.group)
                batch.add(statements.set_row, (*where, row, entry.place, entry.lsn, grouped))
        for identifier, total in self._totals(aggregate, bucket, outcome.counts).items():
            if total:
                batch.add(statements.set_count, (*where, identifier, total))
            else:
                batch.add(statements.delete, (*where, _GROUP, identifier))
        return bool(self._session.execute(batch).was_applied)

    def _totals(
        self, aggregate: Aggregate, bucket: int, counts: Mapping[GroupValues, int]
    ) -> dict[str, int]:
        """The new counts of the groups whose count changes."""
        changed = {group_id(group): change for group, change in counts.items() if change}
        if not changed:
            return {}
        found = self._session.execute(
            self._statements.some_counts, (aggregate.name, bucket, list(changed))
        )
        present = {row.id: row.total for row in found}
        return {group: present.get(group, 0) + change for group, change in changed.items()}


@dataclass(frozen=True, slots=True)
class _Change:
    outcome: Outcome
    forgets: bool = False
    """Whether the rows are forgotten altogether."""
    truncated_lsn: int = 0

    def is_nothing(self, version: _Version) -> bool:
        return not self.outcome.entries and self.truncated_lsn <= version.truncated_lsn


class _Statements:
    def __init__(self, session: Session) -> None:
        table = "walflow.aggregate_state"
        bucket = "aggregate = ? AND bucket = ?"

        def prepared(cql: str) -> PreparedStatement:
            statement: PreparedStatement = session.prepare(cql)
            return statement

        self.version = prepared(
            f"SELECT version, truncated_lsn FROM {table} WHERE {bucket} LIMIT 1"
        )
        self.entries = prepared(
            f"SELECT id, place, lsn, grouped FROM {table} WHERE {bucket} AND kind = {_ROW} AND id IN ?"
        )
        self.rows = prepared(f"SELECT id FROM {table} WHERE {bucket} AND kind = {_ROW}")
        self.counts = prepared(f"SELECT id, total FROM {table} WHERE {bucket} AND kind = {_GROUP}")
        self.some_counts = prepared(
            f"SELECT id, total FROM {table} WHERE {bucket} AND kind = {_GROUP} AND id IN ?"
        )
        self.set_version = prepared(
            f"UPDATE {table} SET version = ?, truncated_lsn = ? WHERE {bucket} IF version = ?"
        )
        columns = "aggregate, bucket, kind, id"
        self.set_row = prepared(
            f"INSERT INTO {table} ({columns}, place, lsn, grouped) VALUES (?, ?, {_ROW}, ?, ?, ?, ?)"
        )
        self.set_deleted = prepared(
            f"INSERT INTO {table} ({columns}, place, lsn, grouped)"
            f" VALUES (?, ?, {_ROW}, ?, ?, ?, null) USING TTL {DELETED_SECONDS}"
        )
        self.set_count = prepared(
            f"INSERT INTO {table} ({columns}, total) VALUES (?, ?, {_GROUP}, ?, ?)"
        )
        self.delete = prepared(f"DELETE FROM {table} WHERE {bucket} AND kind = ? AND id = ?")


def _chunks(rows: Any) -> Iterator[list[str]]:
    remaining = iter(rows)
    while chunk := list(itertools.islice(remaining, CHUNK)):
        yield chunk
