"""What tasks fail of, told to the driver by themselves, through Cassandra.

In real-time mode Spark notices a Python exception at the end of the batch. Its next attempt of the task
finds no time left in the batch, applies nothing and counts as a success: the batch is committed with the
partition where it was, and the next one fails at the same record, without end (seen with Spark 4.2).
"""

from typing import Any

from cassandra.cluster import ResponseFuture, Session

from change_stream.deadletters import Halted


class TaskFailed(Exception):
    """A task of the query has failed; the message is its reason."""

    def __init__(self, reason: str, halts: bool) -> None:
        super().__init__(reason)
        self.halts = halts
        """Whether the stream is to stop."""


class TaskFailures:
    """The failures of one run of the query at a time, by its tasks."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def tell(self, run: str, task: int, error: Exception) -> ResponseFuture:
        """Tell the driver, which then ends the run; called from any thread.

        Returns:
            What to wait for where the process is about to end.
        """
        return self._session.execute_async(
            "INSERT INTO walflow.stream_failures (run, task, halts, reason) VALUES (%s, %s, %s, %s)",
            (run, task, halts(error), reason_of(error)),
        )

    def of(self, run: str) -> TaskFailed | None:
        """The failure of a run, if a task of it has failed: first of all one that is to stop all."""
        rows: Any = self._session.execute(
            "SELECT halts, reason FROM walflow.stream_failures WHERE run = %s", (run,)
        )
        told = sorted(rows, key=lambda row: not row.halts)
        return TaskFailed(told[0].reason, told[0].halts) if told else None


def halts(error: Exception) -> bool:
    """Whether it is, or was raised for, a record that the stream is to stop at."""
    return isinstance(error, Halted) or isinstance(error.__cause__, Halted)


def reason_of(error: Exception) -> str:
    """The stream's own exceptions are sentences; of others the kind says more than the message."""
    is_own = type(error).__module__.startswith("change_stream.")
    return str(error) if is_own else f"{type(error).__name__}: {error}"
