"""The tables that people read: each group's count over all buckets, written as it is."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.metadata import maybe_escape_name

from change_stream.aggregation.state import AggregateState
from walflow.aggregates import COUNT, Aggregate, GroupValues, written

IN_FLIGHT = 16


class Totals:
    """The table of one aggregate; only one process may have it."""

    def __init__(self, session: Session, state: AggregateState, aggregate: Aggregate) -> None:
        session.execute(aggregate.ddl)
        self._session = session
        self._state = state
        self._aggregate = aggregate
        marks = ", ".join("?" for _ in aggregate.columns)
        conditions = " AND ".join(
            f"{maybe_escape_name(column.name)} = ?" for column in aggregate.columns
        )
        self._insert = session.prepare(
            f"INSERT INTO {aggregate.target} ({aggregate.key_columns}, {COUNT})"
            f" VALUES ({marks}, ?) USING TIMESTAMP ?"
        )
        self._delete = session.prepare(
            f"DELETE FROM {aggregate.target} USING TIMESTAMP ? WHERE {conditions}"
        )
        self._versions: dict[int, int] = {}
        self._counts: dict[int, dict[GroupValues, int]] = {}
        self._shown: dict[tuple[str, ...], int] = {}
        self._write_time = 0
        self._read_shown()

    def refresh(self) -> None:
        """Write the groups whose count is another one than what the table shows."""
        versions = self._state.versions(self._aggregate)
        for bucket, version in versions.items():
            if self._versions.get(bucket) != version:
                # Counts that are read may be newer than the version; then they are read again.
                self._counts[bucket] = self._state.counts(self._aggregate, bucket)
                self._versions[bucket] = version
        wanted = {tuple(map(written, group)): n for group, n in totals(self._counts).items()}
        self._write({key: n for key, n in wanted.items() if self._shown.get(key) != n})
        self._remove(key for key in list(self._shown) if key not in wanted)
        self._shown = wanted

    def _read_shown(self) -> None:
        """What the table shows, whoever has written it, and when that was."""
        rows = self._session.execute(
            f"SELECT {self._aggregate.key_columns}, {COUNT}, writetime({COUNT})"
            f" FROM {self._aggregate.target}"
        )
        for *key, count, write_time in rows:
            self._shown[tuple(key)] = count
            self._write_time = max(self._write_time, write_time or 0)

    def _next_write_time(self) -> int:
        """Above every earlier one, whatever the clock does."""
        self._write_time = max(self._write_time + 1, time.time_ns() // 1000)
        return self._write_time

    def _write(self, counts: Mapping[tuple[str, ...], int]) -> None:
        write_time = self._next_write_time()
        rows = [(*key, count, write_time) for key, count in counts.items()]
        execute_concurrent_with_args(self._session, self._insert, rows, concurrency=IN_FLIGHT)

    def _remove(self, keys: Iterable[tuple[str, ...]]) -> None:
        write_time = self._next_write_time()
        rows = [(write_time, *key) for key in keys]
        execute_concurrent_with_args(self._session, self._delete, rows, concurrency=IN_FLIGHT)


def totals(buckets: Mapping[int, Mapping[GroupValues, int]]) -> dict[GroupValues, int]:
    """The sum over buckets of each group that has rows."""
    summed: Counter[GroupValues] = Counter()
    for counts in buckets.values():
        summed.update(counts)
    return {group: count for group, count in summed.items() if count}
