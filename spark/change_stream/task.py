"""One Spark task: the records of a partition, in order, decoded and handed to the writer."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa
from cassandra.cluster import ResponseFuture
from pyspark import TaskContext

from change_stream.arrow_stream import Batch
from change_stream.change import Change, Op
from change_stream.columns import Unmappable
from change_stream.commit_log import NodeRestarted
from change_stream.config import StreamConfig
from change_stream.connections import Connections, connections, writer
from change_stream.deadletters import DeadLetters
from change_stream.letter import Kind
from change_stream.marks import AppliedBefore, Mark, batch_name
from change_stream.packing import unpacked
from change_stream.patience import AWAY, patiently
from change_stream.progress import Progress
from change_stream.record import Record, Undecodable
from change_stream.stamps import NoGeneration, stamp
from change_stream.task_failures import TaskFailures
from change_stream.truncation import GenerationOpened
from walflow.logs import configure

QUERY = "sql.streaming.queryId"
QUERY_RUN = "spark.jobGroup.id"
BATCH = "streaming.sql.batchId"
"""Spark's local properties that hold the ids of a streaming query (its checkpoint's), of its present run
and of the batch."""

TELL_SECONDS = 10.0
"""How long a task that ends tries to say why."""


def apply_changes(
    config: StreamConfig,
) -> Callable[[Iterator[Batch]], Iterator[pa.RecordBatch]]:
    """The function for `mapInArrow`: applies every record and yields nothing."""

    def run(batches: Iterator[Batch]) -> Iterator[pa.RecordBatch]:
        _Task(config).run(batches)
        yield from ()

    return run


class _Task:
    def __init__(self, config: StreamConfig) -> None:
        configure(logging.getLogger("change_stream"), config.log_format)
        self._context = TaskContext.get() or TaskContext()
        self._connected: Connections = connections(config)
        # It may just be starting, which is when the query is started again.
        patiently(self._connected.commit_log.begin, config.retry_seconds, AWAY)
        self._connected.generations.refresh()
        self._dead_letters = DeadLetters(
            config.bootstrap_servers,
            config.dead_letters,
            config.dead_letter_policy,
            config.topic_prefix,
            self._connected.generations.of,
            config.program,
        )
        self._program = config.program
        self._seconds = config.retry_seconds
        self._batch = batch_name(
            self._context.getLocalProperty(QUERY),
            self._context.getLocalProperty(BATCH),
            self._connected.commit_log.run,
        )
        self._applied_before = AppliedBefore(
            self._connected.session,
            self._batch,
            self._connected.interpreter.stamp,
            config.topic_prefix,
            config.retry_seconds,
        )
        self._progress = Progress(
            self._connected.session, self._connected.interpreter.committed_us, self._mark
        )
        self._failures = TaskFailures(self._connected.session)
        self._run = self._context.getLocalProperty(QUERY_RUN) or ""
        self._writer = writer(
            self._connected.session,
            config,
            refused=self._refused,
            applied=self._progress.applied,
            failed=self._tell,
        )

    def run(self, batches: Iterator[Batch]) -> None:
        """Apply everything; returns only when all of it is on Cassandra's disk or a dead letter."""
        self._progress.started(self._context.partitionId())
        for batch in batches:
            # Not that the input breaks off: that is Spark's own doing.
            try:
                for record in records(batch):
                    self._apply(record)
                self._writer.push()
            except Exception as error:
                self._tell_patiently(error)
                raise
        try:
            self._writer.drain()
            self._dead_letters.flush()
            patiently(self._connected.commit_log.prove, self._seconds)
        except Exception as error:
            self._tell_patiently(error)
            raise
        self._progress.report()

    def _apply(self, record: Record) -> None:
        if self._applied_before.has(record):
            return
        connected = self._connected
        short = connected.shortcuts.statement(record)
        if short is not None:
            self._writer.write(record, short, more=True)
            return
        self._writer.push()  # this one may have to wait for a server, and those before it need not
        try:
            found = connected.interpreter.change(record)
            if found is None:
                return
            if found[1].op is Op.TRUNCATE:
                self._truncate(record, found[1])
                return
            # A table may be made, and statements prepared, behind writes that fill the connection.
            interpret = partial(connected.interpreter.interpret, record, *found)
            interpreted = patiently(interpret, self._seconds)
            for mutation in interpreted.mutations:
                bind = partial(connected.statements.bind, mutation)
                self._writer.write(record, patiently(bind, self._seconds))
        except Undecodable as reason:
            self._dead_letters.put(record, str(reason), Kind.UNDECODABLE)
        except Unmappable as reason:
            self._dead_letters.put(record, str(reason), Kind.UNMAPPABLE)
        else:
            if interpreted.unknown:
                reason_of_loss = _incomplete(found[1], interpreted.unknown, self._program)
                self._dead_letters.put(record, reason_of_loss, Kind.INCOMPLETE)

    def _mark(self, record: Record) -> Mark | None:
        """The mark behind a record, by the stamps that this task writes; of the timer's thread."""
        if not self._dead_letters.are_stored:
            return None
        generations = self._connected.generations.known(record.topic)
        try:
            return Mark(self._batch, stamp(generations, record.partition, record.offset))
        except NoGeneration:
            return None

    def _refused(self, record: Record, reason: str) -> None:
        self._dead_letters.put(record, reason, Kind.REFUSED)

    def _truncate(self, record: Record, change: Change) -> None:
        self._writer.drain()
        self._connected.truncations.apply(record, change, self._run)
        self._progress.applied(record)

    def _tell_patiently(self, error: Exception) -> None:
        if isinstance(error, GenerationOpened | NodeRestarted):
            return  # a restart has been asked for, or follows
        with contextlib.suppress(Exception):  # Cassandra is away: Spark notices in time
            patiently(lambda: self._told(error).result(), TELL_SECONDS)

    def _tell(self, error: Exception) -> None:
        """Of the writer's own thread, which does not wait; the task's tells it too, and does."""
        with contextlib.suppress(Exception):
            self._told(error)

    def _told(self, error: Exception) -> ResponseFuture:
        return self._failures.tell(self._run, self._context.partitionId(), error)


def _incomplete(change: Change, unknown: tuple[str, ...], program: str) -> str:
    table = f"{change.schema}.{change.table}"
    return (
        f"the row was written without {', '.join(unknown)}: PostgreSQL does not log an unchanged"
        f" TOASTed value with a changed primary key. Mend the row by: {program} repair {table}."
        f" Prevent it by: ALTER TABLE {table} REPLICA IDENTITY FULL"
    )


def records(batch: Batch) -> Iterator[Record]:
    """The records of a batch of `PACKED` ones."""
    for packed in batch:
        if packed is not None:  # the empty row behind each record in real-time mode
            yield unpacked(packed)
