"""How far each partition is applied, kept in Cassandra about once a second.

Spark's checkpoint moves once a batch, which is once a minute in real-time mode.
"""

import threading
import time

from cassandra.cluster import Session

from change_stream.record import Record

INTERVAL_SECONDS = 1.0


class Progress:
    """Progress of one task, written at most once an interval and once more at its end."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._insert = session.prepare(
            "INSERT INTO walflow.stream_progress"
            " (topic, partition, applied_offset, source_time, applied_at) VALUES (?, ?, ?, ?, ?)"
        )
        self._lock = threading.Lock()
        self._newest: tuple[Record, int] | None = None
        self._scheduled = False

    def started(self, task: int) -> None:
        """Note that a task is connected and takes records from now on."""
        self._session.execute(
            "INSERT INTO walflow.stream_tasks (task, started_at) VALUES (%s, %s)",
            (task, time.time_ns() // 1_000_000),
        )

    def applied(self, record: Record) -> None:
        """Note the newest applied record; the row is written within an interval."""
        with self._lock:
            self._newest = (record, time.time_ns() // 1_000_000)
            if self._scheduled:
                return
            self._scheduled = True
        timer = threading.Timer(INTERVAL_SECONDS, self.report)
        timer.daemon = True
        timer.start()

    def report(self) -> None:
        """Write what was noted last. A lost row is made up for by the next."""
        with self._lock:
            newest, self._newest, self._scheduled = self._newest, None, False
        if newest is not None:
            record, applied_ms = newest
            self._session.execute_async(
                self._insert,
                (record.topic, record.partition, record.offset, record.timestamp_ms, applied_ms),
            )
