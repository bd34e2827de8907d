"""The application's second streaming query: it keeps the counts, beside the one that copies rows."""

import logging
import re
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from cassandra.cluster import Session
from pyspark.sql import DataFrame, SparkSession

from change_stream.aggregation.standstill import Standstill
from change_stream.aggregation.state import AggregateState
from change_stream.aggregation.task import SCHEMA, count_changes
from change_stream.aggregation.totals import Totals
from change_stream.commit_log import CommitLog
from change_stream.config import StreamConfig
from change_stream.connections import cassandra_session
from change_stream.packing import PACKED
from change_stream.patience import AWAY
from change_stream.restart_requests import COUNTS_QUERY, RestartRequests
from walflow.aggregates import Aggregate
from walflow.logs import fields
from walflow.tables import topic_of
from walflow.text import shortened

log = logging.getLogger("stream.counts")
RECORDS_A_BATCH = 20_000
"""Records that one batch takes at the most."""
RECORDS_AT_ONCE = 2000
"""Records that a task has in memory."""
POLL_SECONDS = 2
STOP_SECONDS = 20
"""For which its end is waited for."""
PAUSES_SECONDS = (2, 5, 15, 60)
"""Before the query is started again, after it failed once, twice, and so on."""
LONGEST_REASON = 300
NOTHING_TO_DO = "Waiting for next trigger"
"""Spark's word for a query whose last trigger ended well (MicroBatchExecution)."""
RAISED = re.compile(r"^(?:[a-z_]+\.)+(?:[A-Z]\w+): (.+)$", re.MULTILINE)
"""The last line of a Python traceback within Spark's message."""
LASTED_SECONDS = 120
"""A run that lasted longer is no part of a row of failures."""


class Counting:
    """Runs the query in a thread, for as long as the process lives.

    What it fails of concerns the counts alone: rows go on to be copied, and the query is started again.
    """

    def __init__(
        self,
        spark: SparkSession,
        config: StreamConfig,
        aggregates: Sequence[Aggregate],
        checkpoint: str,
        seconds: int,
    ) -> None:
        self._spark = spark.newSession()  # with settings of its own
        self._config = config
        self._aggregates = aggregates
        self._checkpoint = checkpoint
        self._seconds = seconds
        self._made_at = datetime.now(UTC)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=COUNTS_QUERY, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Before Spark is stopped, which the thread would tell of as a failure at the end of the log."""
        self._stopping.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        failures = 0
        session: Session | None = None
        standstill: Standstill | None = None
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                session = session or cassandra_session(self._config)
                standstill = standstill or Standstill(session)
                self._run_until_asked(session, standstill)
                continue
            except Exception as error:
                if self._stopping.is_set():
                    return
                failures = 0 if time.monotonic() - began > LASTED_SECONDS else failures
                pause = PAUSES_SECONDS[min(failures, len(PAUSES_SECONDS) - 1)]
                failures += 1
                cause = _cause(error)
                log.error("the counts stand still", extra=fields(reason=cause, again_in_s=pause))
                if standstill is not None:
                    with suppress(*AWAY):
                        standstill.failed(cause)
            self._stopping.wait(pause)

    def _run_until_asked(self, session: Session, standstill: Standstill) -> None:
        """One run of the query: until a recount is asked for, or the end."""
        if not self._await_rows(session):
            return
        requests = RestartRequests(session, COUNTS_QUERY)
        request = requests.take_up()
        commit_log = CommitLog(session)
        commit_log.begin()
        state = AggregateState(session, self._config.retry_seconds)
        shown = [Totals(session, state, aggregate) for aggregate in self._aggregates]
        for totals in shown:
            totals.refresh()  # what a run before has counted and not shown any more
        progress = session.prepare(
            "INSERT INTO walflow.aggregate_progress (topic, partition, applied_offset)"
            " VALUES (?, ?, ?)"
        )

        def show(batch: DataFrame, _number: int) -> None:
            counted = batch.collect()
            for totals in shown:
                totals.refresh()
            for row in counted:
                session.execute(progress, (row.topic, row.partition, row.counted_offset))
            commit_log.prove()  # of what the tasks wrote, too
            if standstill.is_on:
                standstill.end()

        query = (
            self._records()
            .mapInArrow(count_changes(self._config, self._aggregates), SCHEMA)
            .writeStream.foreachBatch(show)
            .queryName(COUNTS_QUERY)
            .option("checkpointLocation", self._checkpoint)
            .trigger(processingTime=f"{self._seconds} seconds")
            .start()
        )
        try:
            while not query.awaitTermination(POLL_SECONDS) and not self._stopping.is_set():
                if standstill.is_on and query.status["message"] == NOTHING_TO_DO:
                    standstill.end()
                if requests.newest() != request or commit_log.may_have_lost():
                    return
        finally:
            query.stop()

    def _await_rows(self, session: Session) -> bool:
        """Until the query that copies rows takes records: it goes first where the processor is short.

        False: it is not to be waited for any more.
        """
        while not self._stopping.is_set():
            rows = session.execute("SELECT started_at FROM walflow.stream_tasks")
            if any(row.started_at.replace(tzinfo=UTC) >= self._made_at for row in rows):
                return True
            self._stopping.wait(POLL_SECONDS)
        return False

    def _records(self) -> DataFrame:
        spark = self._spark
        spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", RECORDS_AT_ONCE)
        spark.conf.set("spark.sql.execution.python.udf.buffer.size", 65536)
        topics = {
            re.escape(topic_of(self._config.topic_prefix, aggregate.schema, aggregate.table))
            for aggregate in self._aggregates
        }
        return (
            spark.readStream.format("kafka")
            .option("kafka.bootstrap.servers", self._config.bootstrap_servers)
            .option("subscribePattern", "|".join(sorted(topics)))
            .option("kafka.isolation.level", "read_committed")
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "true")
            .option("maxOffsetsPerTrigger", RECORDS_A_BATCH)
            .option("includeHeaders", "true")
            .load()
            .selectExpr(PACKED)
        )


def _cause(error: Exception) -> str:
    """The innermost Python exception, or else the first line of what Spark says."""
    raised = RAISED.findall(str(error))
    text = str(raised[-1]) if raised else str(error).partition("\n")[0]
    return shortened(text, LONGEST_REASON)
