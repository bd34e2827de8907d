"""The scan of a whole table: a process for each side, so that each has an interpreter of its own.

In one process they would take turns: psycopg2 gives up the interpreter for each row and would wait
up to 5 ms to have it back while the other side parses.
"""

import multiprocessing
import signal
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any

from walflow.errors import WalflowError
from walflow.settings import Settings
from walflow.verify import source, target
from walflow.verify.copying import TakeRow
from walflow.verify.plan import CannotTell, Plan
from walflow.verify.rows import digest
from walflow.verify.spool import Spool

LOOK_SECONDS = 0.1
# What a scan has done so far, in memory that both processes see.
_ROWS, _RANGES_DONE, _RANGES = 0, 1, 2

_processes = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Job:
    """One side's part in the scan of a table."""

    settings: Settings
    plan: Plan
    arc: target.Arc
    directory: Path
    """Where its rows are spooled."""
    buckets: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scan is."""

    source_rows: int
    target_rows: int
    target_share: float
    """Of the ring, 0 to 1."""


class Scanners:
    """Two processes that scan one table after the other; use it in a `with`."""

    def __init__(self) -> None:
        self._source = _Side("PostgreSQL", _scan_source)
        self._target = _Side("Cassandra", _scan_target)

    def __enter__(self) -> "Scanners":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop()

    def scan(
        self, source_job: Job, target_job: Job, show: Callable[[Progress], None]
    ) -> tuple[int, int]:
        """Spool both sides of a table.

        Returns:
            The number of rows in PostgreSQL and in Cassandra.

        Raises:
            WalflowError: one of the sides could not be read.
        """
        try:
            waiting = {
                self._source.begin(source_job): self._source,
                self._target.begin(target_job): self._target,
            }
            while waiting:
                for ready in wait(list(waiting), LOOK_SECONDS):
                    waiting.pop(ready).end()  # type: ignore[call-overload]
                show(self._progress())
        except BaseException:
            self._stop()  # the other side's work is of no use any more
            raise
        progress = self._progress()
        return progress.source_rows, progress.target_rows

    def _progress(self) -> Progress:
        done, ranges = self._target.counters[_RANGES_DONE], self._target.counters[_RANGES]
        return Progress(
            self._source.counters[_ROWS], self._target.counters[_ROWS], done / max(ranges, 1)
        )

    def _stop(self) -> None:
        self._source.stop()
        self._target.stop()


Scan = Callable[[Job, Any], None]


class _Side:
    """A process that scans one side, started when it is first needed."""

    def __init__(self, name: str, scan: Scan) -> None:
        self._name = name
        self._scan = scan
        self._running: tuple[Any, Connection] | None = None
        self.counters: Any = _processes.RawArray("q", 3)

    def begin(self, job: Job) -> Connection:
        """Hand over a job; the connection becomes readable when it is done."""
        if self._running is None:
            connection, theirs = _processes.Pipe()
            process = _processes.Process(
                target=_serve, args=(theirs, self._scan, self.counters), daemon=True
            )
            process.start()
            theirs.close()
            self._running = process, connection
        self.counters[:] = [0, 0, 0]
        connection = self._running[1]
        connection.send(job)
        return connection

    def end(self) -> None:
        """Take the outcome of a job that is done."""
        assert self._running is not None, "a job has begun"
        process, connection = self._running
        try:
            failure = connection.recv()
        except EOFError:
            process.join()
            raise CannotTell(
                f"The process that reads {self._name} ended with code {process.exitcode}."
            ) from None
        if failure is not None:
            raise failure

    def stop(self) -> None:
        if self._running is not None:
            process, connection = self._running
            connection.close()
            process.terminate()
            process.join()
            self._running = None


def _serve(connection: Connection, scan: Scan, counters: Any) -> None:
    """Carry out job after job until the other end is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that began this one
    while True:
        try:
            job = connection.recv()
        except EOFError:
            return
        failure: WalflowError | None = None
        try:
            scan(job, counters)
        except WalflowError as error:
            failure = error
        except OSError as error:
            failure = CannotTell(f"Rows could not be spooled in {job.directory}: {error}.")
        connection.send(failure)


def _scan_source(job: Job, counters: Any) -> None:
    arc, partition_key_size = job.arc, job.plan.partition_key_size
    with source.connected(job.settings) as cursor, Spool(job.directory, job.buckets) as spool:
        rows = source.SourceRows(job.plan, cursor)
        rows.scan(
            _spooling(spool, counters),
            None if arc.is_whole else lambda key: arc.holds(key, partition_key_size),
        )


def _scan_target(job: Job, counters: Any) -> None:
    def range_done(done: int, ranges: int) -> None:
        counters[_RANGES_DONE], counters[_RANGES] = done, ranges

    with target.connected(job.settings) as session, Spool(job.directory, job.buckets) as spool:
        rows = target.TargetRows(job.plan, session)
        rows.scan(job.arc, _spooling(spool, counters), range_done)


def _spooling(spool: Spool, counters: Any) -> TakeRow:
    def take(key: bytes, rest: bytes) -> None:
        spool.add(key, digest(rest))
        counters[_ROWS] += 1

    return take
