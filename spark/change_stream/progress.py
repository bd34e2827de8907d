"""How far each partition is applied, kept in Cassandra about once a second.

Spark's checkpoint moves once a batch, which in real-time mode is once in `stream.batch_seconds`.
"""

import threading
import time
from collections.abc import Callable

from cassandra.cluster import Session

from change_stream.marks import Mark
from change_stream.record import Record

INTERVAL_SECONDS = 1.0


class Progress:
    """Progress of one task, written at most once an interval and once more at its end.

    Args:
        committed_us: tells when a record's change was committed, microseconds since the epoch, or
            None; it is asked for the records that are written down only.
        mark_of: the mark to write when everything before a record is applied, or None: something
            of it is not yet where it belongs.
    """

    def __init__(
        self,
        session: Session,
        committed_us: Callable[[Record], int | None],
        mark_of: Callable[[Record], Mark | None],
    ) -> None:
        self._session = session
        self._committed_us = committed_us
        self._mark_of = mark_of
        self._insert = session.prepare(
            "INSERT INTO walflow.stream_progress"
            " (topic, partition, applied_offset, source_time, committed_at, applied_at, mark)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)"
        )
        self._lock = threading.Lock()
        self._newest: tuple[Record, int] | None = None
        self._scheduled = False
        self._reported = -INTERVAL_SECONDS

    def started(self, task: int) -> None:
        """Note that a task is connected and takes records from now on."""
        self._session.execute(
            "INSERT INTO walflow.stream_tasks (task, started_at) VALUES (%s, %s)",
            (task, time.time_ns() // 1_000_000),
        )

    def applied(self, record: Record) -> None:
        """Note the newest applied record; the row is written within an interval, and after one in which
        nothing was applied at once."""
        with self._lock:
            self._newest = (record, time.time_ns() // 1_000_000)
            if self._scheduled:
                return
            self._scheduled = True
            delay = max(0.0, self._reported + INTERVAL_SECONDS - time.monotonic())
        timer = threading.Timer(delay, self.report)
        timer.daemon = True
        timer.start()

    def report(self) -> None:
        """Write what was noted last. A lost row is made up for by the next."""
        with self._lock:
            newest, self._newest, self._scheduled = self._newest, None, False
            self._reported = time.monotonic()
        if newest is None:
            return
        record, applied_ms = newest
        committed_us = self._committed_us(record)
        self._session.execute_async(
            self._insert,
            (
                record.topic,
                record.partition,
                record.offset,
                record.timestamp_ms,
                None if committed_us is None else committed_us // 1000,
                applied_ms,
                self._mark_of(record),
            ),
        )
