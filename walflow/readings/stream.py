"""The stream's part of a reading: whether it runs and, as it tells in Cassandra, how far it has come."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from cassandra import InvalidRequest
from cassandra.cluster import Cluster, Session

from change_stream.restart_requests import COUNTS_QUERY
from walflow.advice import ticked
from walflow.errors import WalflowError
from walflow.readings.parts import require_listening
from walflow.readings.reading import Applied, CountsFailure, Stream, TaskFailure
from walflow.settings import Settings
from walflow.stack.cassandra import cluster

TIMEOUT_SECONDS = 3.0
TASKS_SECONDS = 3.0
"""How often it is asked for tasks that began or failed."""
TOGETHER_SECONDS = 10.0
"""Tasks of one batch begin within this time."""
FAILURE_SECONDS = 120.0
"""So long a failure of a task is news."""
MAX_FAILURES = 20

# All columns: a stack that was not started since an upgrade may lack the newest.
_PROGRESS = "SELECT * FROM walflow.stream_progress"
_TASKS = "SELECT started_at FROM walflow.stream_tasks"
_COUNTS = "SELECT since, reason FROM walflow.aggregate_failure WHERE query = %s"
_FAILURES = "SELECT halts, reason, writetime(reason) AS written FROM walflow.stream_failures"


class TargetSession:
    """A session with Cassandra that is made when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster: Cluster | None = None
        self._session: Session | None = None

    def get(self) -> Session:
        """
        Raises:
            NoHostAvailable, WalflowError: Cassandra does not answer.
        """
        if self._session is None:
            require_listening(self._settings.address("cassandra"))
            self._cluster = cluster(self._settings, metadata=False)
            session = self._cluster.connect()
            session.default_timeout = TIMEOUT_SECONDS
            self._session = session
        return self._session

    def forget(self) -> None:
        connected, self._cluster, self._session = self._cluster, None, None
        if connected is not None:
            connected.shutdown()


class StreamPart:
    """Asks Cassandra what the stream has told there, and whether the stream's driver listens."""

    what = "Cassandra"

    def __init__(self, settings: Settings) -> None:
        self.advice = (
            f"{ticked('up cassandra')} starts it; {ticked('logs cassandra')} tells why it ended."
        )
        self._settings = settings
        self._target = TargetSession(settings)
        self._started: list[float] = []
        self._failures: tuple[TaskFailure, ...] = ()
        self._counts_failure: CountsFailure | None = None
        self._told_at = 0.0

    def read(self) -> Stream:
        """
        Raises:
            WalflowError, NoHostAvailable, DriverException: Cassandra does not answer.
        """
        session = self._target.get()
        progress = session.execute(_PROGRESS)
        if time.monotonic() - self._told_at > TASKS_SECONDS:
            self._read_tasks(session)
        started = self._started
        newest = max(started, default=None)
        return Stream(
            is_up=self._listens(),
            tasks=sum(newest - at < TOGETHER_SECONDS * 1000 for at in started) if newest else 0,
            newest_task_at_ms=newest,
            applied=tuple(sorted(map(_applied, progress), key=lambda a: (a.topic, a.partition))),
            failures=self._failures,
            counts_failure=self._counts_failure,
        )

    def forget(self) -> None:
        self._target.forget()

    def _read_tasks(self, session: Session) -> None:
        tasks, failures = session.execute(_TASKS), session.execute(_FAILURES)
        self._started = [_ms(row.started_at) for row in tasks if row.started_at]
        self._failures = recent_failures(failures, time.time() * 1000)
        self._counts_failure = self._read_counts_failure(session)
        self._told_at = time.monotonic()

    def _read_counts_failure(self, session: Session) -> CountsFailure | None:
        if not self._settings.kept_aggregates:
            return None
        try:
            row = session.execute(_COUNTS, (COUNTS_QUERY,)).one()
        except InvalidRequest:  # a stack that was not started since an upgrade has no such table
            return None
        return None if row is None else CountsFailure(_ms(row.since), row.reason)

    def _listens(self) -> bool:
        try:
            require_listening(self._settings.address("spark_ui"))
        except WalflowError:
            return False
        return True


def recent_failures(rows: Iterable[Any], now_ms: float) -> tuple[TaskFailure, ...]:
    """The failures that are news, newest first.

    Args:
        rows: with `halts`, `reason` and `written`, which is in microseconds.
    """
    told = [
        TaskFailure(row.written / 1000, row.reason, bool(row.halts))
        for row in rows
        if row.written is not None and row.written / 1000 > now_ms - FAILURE_SECONDS * 1000
    ]
    return tuple(sorted(told, key=lambda failure: -failure.at_ms)[:MAX_FAILURES])


def _applied(row: Any) -> Applied:
    committed, recorded = getattr(row, "committed_at", None), row.source_time
    return Applied(
        row.topic,
        row.partition,
        row.applied_offset,
        None if committed is None else _ms(committed),
        None if recorded is None else _ms(recorded),
        _ms(row.applied_at),
    )


def _ms(moment: datetime) -> float:
    """Of the driver's time, which is in UTC and does not say so."""
    return moment.replace(tzinfo=UTC).timestamp() * 1000
