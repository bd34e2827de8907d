"""spark-submit's entry: Debezium's topics, applied to Cassandra."""

import logging
import os
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from uuid import UUID

from cassandra.cluster import Session
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.functions import array, col, explode, lit
from pyspark.sql.streaming import DataStreamWriter, StreamingQuery

from change_stream.aggregation.query import Counting
from change_stream.commit_log import CommitLog
from change_stream.config import StreamConfig, stream_config
from change_stream.connections import cassandra_session
from change_stream.deadletters import Halted
from change_stream.executor_watch import PATIENCE_SECONDS, ExecutorWatch
from change_stream.packing import PACKED
from change_stream.patience import AWAY, patiently
from change_stream.restart_requests import RestartRequests
from change_stream.task import apply_changes
from change_stream.task_failures import TaskFailed, TaskFailures
from change_stream.topic_watch import TopicList, TopicWatch
from walflow.advice import ticked
from walflow.aggregates import aggregates_of
from walflow.errors import ExitCode, WalflowError
from walflow.logs import configure, fields, fields_of_reason
from walflow.settings import Settings, load
from walflow.stack.restarts import too_often
from walflow.stack.service import HALTED
from walflow.tables import stream_pattern

log = logging.getLogger("stream")
Answer = TypeVar("Answer")
MICRO_BATCH_RECORDS = 2000
"""Records in one Arrow batch where a batch is full of records anyway."""
PUSHED_BYTES = 32
"""An Arrow batch is full from so many bytes on: more than an empty row has (9), less than any record."""
PAUSE_SECONDS = 1.0
POLL_SECONDS = 1
RAISED = re.compile(r"^(?:[a-z_]+\.)+(?:[A-Z]\w+): (.+)$", re.MULTILINE)
"""The last line of a Python traceback within Spark's message."""


def start(spark: SparkSession, settings: Settings, config: StreamConfig) -> StreamingQuery:
    """Start the query where its checkpoint says."""
    reader = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", config.bootstrap_servers)
        .option("subscribePattern", stream_pattern(config.topic_prefix))
        .option("kafka.isolation.level", "read_committed")
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("includeHeaders", "true")
    )
    if settings.stream.trigger == "micro-batch":
        reader = reader.option("maxOffsetsPerTrigger", settings.stream.max_offsets_per_trigger)
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", MICRO_BATCH_RECORDS)
        source = reader.load().selectExpr(PACKED)
    else:
        spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", PUSHED_BYTES)
        source = _pushed(reader.load().selectExpr(PACKED))
    applied = source.mapInArrow(apply_changes(config), "applied long")
    writer = (
        applied.writeStream.format("noop")
        .queryName("changes")
        .outputMode("update")
        .option("checkpointLocation", os.environ["CHECKPOINT_LOCATION"])
    )
    return _triggered(writer, settings).start()


def _pushed(records: DataFrame) -> DataFrame:
    """Each record followed by an empty row, which pushes it to Python at once.

    Spark 4.2 asks for the row after a full Arrow batch before it sends the batch
    (BatchedPythonArrowInput.writeSizedBatch), so without company a record would wait for the next
    one, or for the end of the real-time batch. The empty row waits in its place, and goes out in one
    batch with the next record: by itself it does not fill one.
    """
    return records.select(explode(array(col("record"), lit(None).cast("binary"))).alias("record"))


def _triggered(writer: DataStreamWriter, settings: Settings) -> DataStreamWriter:
    if settings.stream.trigger == "micro-batch":
        return writer.trigger(processingTime="0 seconds")
    return writer.trigger(realTime=f"{settings.stream.batch_seconds} seconds")


def run(spark: SparkSession, settings: Settings, config: StreamConfig) -> None:
    """Run the stream: start the query again where that is needed and, within bounds, if it fails.

    A query is started in about a second, the whole application in twenty; and a database that is
    away for longer than `write_retry_seconds` must not use up the restarts of the service.

    Raises:
        StreamingQueryException, TaskFailed: it failed too often, or is to stop.
        WalflowError: Cassandra is away for longer than `write_retry_seconds`, or the application's
            executor for longer than Spark takes to replace one.
    """
    failures: list[float] = []
    supervision = settings.supervision
    session = _session(config)
    requests, told, commit_log = RestartRequests(session), TaskFailures(session), CommitLog(session)
    watch, executors = _watch(settings, config), ExecutorWatch(partial(_executors, spark))
    while True:
        try:
            request = _answered(config, requests.take_up)
            _answered(config, commit_log.begin)
            watch.begin()
            query = start(spark, settings, config)
            _run_until_asked(query, requests, request, told, watch, commit_log, executors)
        except (StreamingQueryException, TaskFailed) as error:
            failures.append(time.time())
            about = fields_of_reason(_cause(error), config.topic_prefix)
            log.error("the query failed", extra=about)
            if _ends_the_stream(error) or too_often(
                failures, time.time(), supervision.max_restarts, supervision.restart_window_seconds
            ):
                raise
            time.sleep(PAUSE_SECONDS)


def _watch(settings: Settings, config: StreamConfig) -> TopicWatch:
    """For new topics; a micro-batch finds them by itself, as the next one begins at once."""
    if settings.stream.trigger == "micro-batch":
        return TopicWatch(frozenset)
    return TopicWatch(TopicList(config.bootstrap_servers, stream_pattern(config.topic_prefix)))


def count(spark: SparkSession, settings: Settings, config: StreamConfig) -> Counting | None:
    """Start to keep the counts that pipeline.toml declares, if any, beside the rows.

    Raises:
        WalflowError: they do not fit the tables' sections.
    """
    aggregates = aggregates_of(settings)
    if not aggregates:
        return None
    checkpoint = f"{os.environ['CHECKPOINT_LOCATION']}/aggregates"
    counting = Counting(spark, config, aggregates, checkpoint, settings.stream.aggregate_seconds)
    counting.start()
    return counting


def _session(config: StreamConfig) -> Session:
    """A session of a Cassandra that has the stream's own tables; both may still be on their way.

    Raises:
        WalflowError: they are not there within `write_retry_seconds`.
    """
    session = _answered(config, lambda: cassandra_session(config))
    _answered(config, RestartRequests(session).newest)
    return session


def _answered(config: StreamConfig, ask: Callable[[], Answer]) -> Answer:
    """Ask Cassandra until it answers.

    Raises:
        WalflowError: it does not within `write_retry_seconds`.
    """
    try:
        return patiently(ask, config.retry_seconds, AWAY)
    except AWAY as error:
        raise WalflowError(
            f"Cassandra at {', '.join(config.cassandra_hosts)}, port {config.cassandra_port}, did not"
            f" give the stream's tables within {config.retry_seconds:.0f} s: {error}."
            f" See {ticked('status')}.",
            ExitCode.NOT_READY,
        ) from error


def _run_until_asked(
    query: StreamingQuery,
    requests: RestartRequests,
    before: UUID | None,
    told: TaskFailures,
    watch: TopicWatch,
    commit_log: CommitLog,
    executors: ExecutorWatch,
) -> None:
    """Until a restart is asked for, a task tells of a failure, there are topics that it lacks, or what
    was written has to be written again.

    Raises:
        WalflowError: it has no executor, and will get none.
    """
    while not query.awaitTermination(POLL_SECONDS):
        if executors.are_lost():
            raise WalflowError(
                f"Spark's master has given the stream no executor for {PATIENCE_SECONDS:.0f} s after the"
                " last was lost: the stream begins anew as another application. See"
                f" {ticked('status')}.",
                ExitCode.NOT_READY,
            )
        try:
            asked, failure = requests.newest() != before, told.of(str(query.runId))
            lost = commit_log.may_have_lost()
        except AWAY:
            continue  # Cassandra is away: the tasks wait for it, and so does a request
        new = watch.new()
        if new:
            log.info("takes up what is new", extra=fields(topics=", ".join(new)))
        if lost:
            log.warning(
                "writes the batch again, as Cassandra has started anew and may have lost some"
            )
        if asked or failure or new or lost:
            query.stop()
        if failure:
            raise failure
        if asked or new or lost:
            return


def _executors(spark: SparkSession) -> int:
    """How many are alive; Spark counts the driver among them."""
    return len(spark.sparkContext._jsc.sc().statusTracker().getExecutorInfos()) - 1


def _ends_the_stream(error: StreamingQueryException | TaskFailed) -> bool:
    """Whether it would fail again at the same record, by setting or for want of what Kafka deleted."""
    return _is_halt(error) or "FAIL_ON_DATA_LOSS" in str(error)


def _is_halt(error: StreamingQueryException | TaskFailed) -> bool:
    if isinstance(error, TaskFailed):
        return error.halts
    return f"{Halted.__module__}.{Halted.__name__}: " in str(error)


def _cause(error: StreamingQueryException | TaskFailed) -> str:
    """The innermost Python exception of a failed task, or else Spark's first line."""
    if isinstance(error, TaskFailed):
        return str(error)
    raised = RAISED.findall(str(error))
    return str(raised[-1]) if raised else str(error).partition("\n")[0]


def main() -> int:
    try:
        settings = load()
        configure(log, settings.logs.format)
        spark = SparkSession.builder.getOrCreate()
        config = stream_config(settings, os.environ)
        counting = count(spark, settings, config)
        run(spark, settings, config)
    except WalflowError as error:
        print(error.sentence, file=sys.stderr)
        return error.exit_code
    except (StreamingQueryException, TaskFailed) as error:
        if not _is_halt(error):
            raise
        # These first, since they log much, and the reason is looked for at the log's end.
        if counting is not None:
            counting.stop()
        spark.stop()
        about = fields_of_reason(_cause(error), settings.topics.prefix)
        log.error("the stream halts", extra=about)
        return HALTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
