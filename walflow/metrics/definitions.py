"""Every metric that walflow gives: name, type, unit, labels, meaning. docs/metrics.md is made of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Prometheus' types of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Sample:
    metric: "Metric"
    labels: tuple[str, ...]
    value: float


@dataclass(frozen=True, slots=True)
class Metric:
    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    help: str

    def at(self, value: float | None, *labels: str) -> Iterator[Sample]:
        """The sample of these label values; none where the value is not known."""
        if value is not None:
            yield Sample(self, labels, float(value))


def _counter(name: str, unit: str, labels: tuple[str, ...], text: str) -> Metric:
    return Metric(f"walflow_{name}_total", Kind.COUNTER, unit, labels, text)


def _gauge(name: str, unit: str, labels: tuple[str, ...], text: str) -> Metric:
    return Metric(f"walflow_{name}", Kind.GAUGE, unit, labels, text)


BUCKETS_MS = (5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000)
"""Upper bounds of the latency histogram, from a commit that nothing delays to minutes of backlog."""

ROWS_INGESTED = _counter(
    "rows_ingested",
    "rows",
    ("table", "change"),
    "Rows written to a captured table, as PostgreSQL's statistics count them, rolled back ones too.",
)
WAL_WRITTEN = _counter(
    "wal_written_bytes", "bytes", (), "End of PostgreSQL's log, since its beginning."
)
CAPTURED = _counter(
    "captured_offsets",
    "offsets",
    ("table", "topic"),
    "End of a table's topic: records, and a marker for each transaction.",
)
APPLIED = _counter(
    "applied_offsets",
    "offsets",
    ("table", "topic"),
    "Offsets of a table's topic up to which all is in Cassandra.",
)
LATENCY = Metric(
    "walflow_latency_milliseconds",
    Kind.HISTOGRAM,
    "milliseconds",
    ("table", "stage"),
    "Time of a change from commit to Kafka (stage capture), from Kafka to Cassandra (apply) and from"
    " commit to Cassandra (all): a sample a reading and partition, of the change applied last.",
)
TABLE_LAG_EVENTS = _gauge(
    "table_lag_events",
    "changes",
    ("table",),
    "Changes in a table's topic that are not in Cassandra.",
)
TABLE_LAG_MS = _gauge(
    "table_lag_milliseconds",
    "milliseconds",
    ("table",),
    "Age since its commit of a table's oldest change that is in Kafka and not in Cassandra; 0: none.",
)
STAGE_STATE = _gauge(
    "stage_state", "0 or 1", ("stage", "state"), "1 at the state that a stage is in."
)
STAGE_LAG_EVENTS = _gauge(
    "stage_lag_events", "changes", ("stage",), "Changes that a stage has not passed on."
)
STAGE_LAG_BYTES = _gauge(
    "stage_lag_bytes", "bytes", ("stage",), "Bytes of log that a stage has not passed on."
)
STAGE_LAG_MS = _gauge(
    "stage_lag_milliseconds", "milliseconds", ("stage",), "How far a stage is behind, in time."
)
HEALTHY = _gauge("healthy", "0 or 1", (), "1 while nothing is wrong anywhere in the pipeline.")
PROBLEMS = _gauge("problems", "problems", (), "How many things `walflow status` finds wrong.")
REACHABLE = _gauge(
    "reachable", "0 or 1", ("part",), "1 where a part of the pipeline answers walflow's questions."
)
READING_AT = _gauge(
    "reading_timestamp_seconds", "seconds since 1970", (), "When the pipeline was last looked at."
)
READING_MS = _gauge("reading_milliseconds", "milliseconds", (), "How long that look took.")
SLOT_ACTIVE = _gauge("slot_active", "0 or 1", ("slot",), "1 while somebody reads the slot.")
SLOT_LOST = _gauge(
    "slot_lost", "0 or 1", ("slot",), "1 once PostgreSQL has given the slot up: changes are lost."
)
SLOT_RETAINED = _gauge(
    "slot_retained_bytes", "bytes", ("slot",), "WAL that PostgreSQL keeps for the slot."
)
SLOT_LIMIT = _gauge(
    "slot_limit_bytes",
    "bytes",
    ("slot",),
    "max_slot_wal_keep_size: beyond it the slot is lost. Missing where there is no limit.",
)
SLOT_LEFT = _gauge(
    "slot_left_bytes",
    "bytes",
    ("slot",),
    "WAL that can be written until the slot is in danger. Missing where there is no limit.",
)
SLOT_LAG = _gauge(
    "slot_lag_bytes",
    "bytes",
    ("slot",),
    "From what the slot's reader has in safety to the end of the log.",
)
CONNECTOR_STATE = _gauge(
    "connector_state", "0 or 1", ("connector", "state"), "1 at the state that a connector is in."
)
CONNECTOR_TASKS = _gauge(
    "connector_tasks", "tasks", ("connector", "state"), "Tasks of a connector in a state."
)
STREAM_UP = _gauge("stream_up", "0 or 1", (), "1 while the stream's driver answers.")
STREAM_TASKS = _gauge(
    "stream_tasks",
    "tasks",
    (),
    "Tasks of the stream that took up work in the present or last batch.",
)
STREAM_FAILURES = _gauge(
    "stream_recent_task_failures",
    "tasks",
    (),
    "Tasks of the stream that failed in the last minutes.",
)
COUNTS_KEPT = _gauge(
    "counts_kept",
    "0 or 1",
    (),
    "0 while the query that keeps the counts of [aggregates] fails again and again; rows are copied all"
    " the same.",
)
DEAD_LETTERS = _counter(
    "dead_letters",
    "letters",
    ("table", "kind"),
    "Letters of the dead-letter topic by what is wrong with the record: undecodable, unmappable,"
    " refused, incomplete, other. A repeated batch may send one twice. The table of a topic that is"
    " not captured any more is the topic.",
)
DEAD_LETTERS_OPEN = _gauge(
    "dead_letters_open", "records", (), "Dead letters that are neither replayed nor discarded."
)
VERIFY_AT = _gauge(
    "verify_timestamp_seconds", "seconds since 1970", (), "When `walflow verify` last ended."
)
VERIFY_SECONDS = _gauge("verify_seconds", "seconds", (), "How long it took.")
VERIFY_PARTIAL = _gauge("verify_partial", "0 or 1", (), "1 where it compared only some rows.")
VERIFY_ROWS = _gauge("verify_rows", "rows", ("table",), "Rows of PostgreSQL that it compared.")
VERIFY_DIFFERENCES = _gauge(
    "verify_different_rows",
    "rows",
    ("table", "kind"),
    "Rows that it found missing in Cassandra, different, or extra there.",
)
VERIFY_UNDECIDED = _gauge(
    "verify_undecided", "0 or 1", ("table",), "1 where it could not tell whether a table is equal."
)
CANARY_AT = _gauge(
    "canary_timestamp_seconds", "seconds since 1970", (), "When the last canary was written."
)
CANARY_SUCCEEDED = _gauge("canary_succeeded", "0 or 1", (), "1 where it was seen at every hop.")
CANARY_MS = _gauge(
    "canary_milliseconds",
    "milliseconds",
    ("change", "place"),
    "From the commit of the canary's change until it was seen at a place.",
)
DISK_FREE = _gauge("disk_free_bytes", "bytes", (), "Free space where the stack's data are.")
DISK = _gauge("disk_bytes", "bytes", (), "Size of that disk.")

ALL = tuple(value for value in vars().copy().values() if isinstance(value, Metric))
