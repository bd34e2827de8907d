"""What one look at the pipeline finds: values only, each with its unit, and their JSON form.

A part whose server did not answer is an `Unreachable` in its place. What one look cannot tell, such as a
rate, is None. Times are milliseconds since the epoch (`…_at_ms`) or durations in milliseconds (`…_ms`);
log positions are bytes since the beginning of PostgreSQL's WAL; rates are per second.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A part that could not be read."""

    what: str
    """PostgreSQL, Kafka Connect, Kafka, Cassandra, …"""
    why: str
    advice: str
    """What to do next, as a sentence."""

    @property
    def sentence(self) -> str:
        return f"{self.what} cannot be read: {self.why}. {self.advice}"


@dataclass(frozen=True, slots=True)
class User:
    """A user as PostgreSQL has it."""

    id: str
    username: str | None
    name: str
    xid: int
    """Transaction that wrote this version of the row."""


@dataclass(frozen=True, slots=True)
class Writes:
    """Rows written to a captured table since its statistics began.

    PostgreSQL counts them about once a second, rolled back ones included (documentation, "The
    Cumulative Statistics System"): good for a rate, not for a balance.
    """

    table: str
    """`schema.table`"""
    inserted: int
    updated: int
    deleted: int
    per_second: float | None = None
    """Rows written in any of the three ways."""

    @property
    def total(self) -> int:
        return self.inserted + self.updated + self.deleted


@dataclass(frozen=True, slots=True)
class Ingest:
    """What the users table and the other captured ones take in."""

    writes: tuple[Writes, ...]
    """Of each captured table, by name."""
    newest_users: tuple[User, ...]
    """The last that were inserted or updated, newest first."""
    newest_users_are_exact: bool = True
    """Whether they are the newest of the whole table; else those of its last pages, where rows are
    added: one that was put where others were deleted, or that was changed in its place, may be newer."""


@dataclass(frozen=True, slots=True)
class Wal:
    """The end of PostgreSQL's log."""

    position: int
    bytes_per_second: float | None = None

    @property
    def lsn(self) -> str:
        return lsn(self.position)


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot, whoever reads it."""

    name: str
    is_captures: bool
    """Whether it is the one that the pipeline reads."""
    is_active: bool
    """Whether somebody reads it now."""
    wal_status: str | None
    """reserved, extended, unreserved or lost (PostgreSQL documentation, "pg_replication_slots")."""
    invalidation: str | None
    """Why PostgreSQL gave it up; None: it has not."""
    confirmed: int | None
    """Log position up to which its reader has all in safety."""
    sent: int | None
    """Log position up to which it was read and sent; None: nobody reads."""
    retained_bytes: int
    """WAL that PostgreSQL keeps for it."""
    lag_bytes: int
    """From `confirmed` to the end of the log, changes of tables that are not captured included."""
    inactive_since_ms: float | None = None
    """Since when nobody reads it; None: somebody does."""
    lag_ms: float | None = None
    """How long ago the end of the log was where the reader is: at `sent` while somebody reads, else at
    `confirmed`. At least so long where no look goes back that far; None: there was one look only."""
    limit_bytes: int | None = None
    """`max_slot_wal_keep_size`; None: no limit."""
    left_bytes: int | None = None
    """WAL that can be written until it is in danger (`safe_wal_size`); None: no limit, or lost."""
    growth_per_second: float | None = None
    """Bytes by which `retained_bytes` grows; negative while it shrinks."""
    lost_in_seconds: float | None = None
    """When the limit is reached if the growth goes on; None: never, or not known."""

    @property
    def is_lost(self) -> bool:
        return self.wal_status == "lost" or self.invalidation is not None


@dataclass(frozen=True, slots=True)
class Source:
    """PostgreSQL."""

    ingest: Ingest
    wal: Wal
    slots: tuple[Slot, ...]

    @property
    def slot(self) -> Slot | None:
        """The slot that the pipeline reads; None: there is none."""
        return next((slot for slot in self.slots if slot.is_captures), None)


@dataclass(frozen=True, slots=True)
class ConnectorReading:
    """A connector as Kafka Connect tells of it."""

    name: str
    type: str
    """source or sink."""
    captures: bool
    """Whether it is the one that the pipeline's stream reads from."""
    state: str
    """RUNNING, PAUSED, STOPPED, FAILED, UNASSIGNED…"""
    tasks: tuple[str, ...]
    """The state of each."""
    reason: str
    """Why it failed: the innermost cause that the trace names; empty where nothing failed."""

    @property
    def is_running(self) -> bool:
        return bool(self.tasks) and {self.state, *self.tasks} == {"RUNNING"}

    @property
    def is_held(self) -> bool:
        """Whether somebody has paused or stopped it."""
        return self.state in ("PAUSED", "STOPPED")

    @property
    def has_failed(self) -> bool:
        return "FAILED" in (self.state, *self.tasks)


@dataclass(frozen=True, slots=True)
class PartitionReading:
    """A partition of a topic, by offsets."""

    number: int
    first: int
    """The first that is kept."""
    end: int
    """Behind the last committed record."""
    written_end: int
    """Behind the last record, committed or not, as of some seconds ago; never below `end`."""


@dataclass(frozen=True, slots=True)
class TopicReading:
    """A topic that is not internal (`walflow.topics.internal`)."""

    name: str
    id: str
    """A UUID: another one where a topic of this name was made anew."""
    table: str | None
    """The captured table whose changes it holds, `schema.table`; None: it holds something else."""
    partitions: tuple[PartitionReading, ...]
    per_second: float | None = None
    """Offsets by which it grows: records, and a marker for each transaction."""
    uncommitted_ms: float | None = None
    """How long a committed end has stood before a transaction that is open; None: none has, or it was
    seen once only."""

    @property
    def end(self) -> int:
        return sum(partition.end for partition in self.partitions)

    @property
    def uncommitted(self) -> int:
        """Offsets of transactions that are open."""
        return sum(partition.written_end - partition.end for partition in self.partitions)


@dataclass(frozen=True, slots=True)
class Broker:
    """Kafka's topics."""

    topics: tuple[TopicReading, ...]
    """By name; internal ones are left out."""

    def topic(self, name: str) -> TopicReading | None:
        return next((topic for topic in self.topics if topic.name == name), None)


@dataclass(frozen=True, slots=True)
class Applied:
    """How far the stream has applied a partition; it says so about once a second."""

    topic: str
    partition: int
    offset: int
    """Of the last record up to which all are in Cassandra."""
    committed_at_ms: float | None
    """When PostgreSQL committed that change."""
    recorded_at_ms: float | None
    """When Kafka got it."""
    applied_at_ms: float
    """When Cassandra had acknowledged it."""

    @property
    def latency_ms(self) -> float | None:
        """From the commit to Cassandra's acknowledgement."""
        if self.committed_at_ms is None:
            return None
        return max(0.0, self.applied_at_ms - self.committed_at_ms)


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A task of the stream that failed within the last minutes."""

    at_ms: float
    reason: str
    halts: bool
    """Whether the stream stays stopped for it."""


@dataclass(frozen=True, slots=True)
class CountsFailure:
    """Why the counts of `[aggregates]` are not kept, though rows are copied."""

    since_ms: float
    """When their query failed; it has not got through since, however often it was started again."""
    reason: str
    """Of the newest failure."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Spark's stream, as it tells of itself in Cassandra."""

    is_up: bool
    """Whether its driver answers."""
    tasks: int
    """Those that took up work in the present or the last batch."""
    newest_task_at_ms: float | None
    applied: tuple[Applied, ...]
    failures: tuple[TaskFailure, ...] = ()
    """Newest first."""
    counts_failure: CountsFailure | None = None
    """None: the counts are kept, or there are none."""


@dataclass(frozen=True, slots=True)
class TableLag:
    """How far a captured table is behind, from its topic to Cassandra."""

    table: str
    """`schema.table` in PostgreSQL."""
    target: str
    """`keyspace.table` in Cassandra."""
    topic: str
    end_offset: int | None
    """Sum of the partitions' ends; None: the topic is not there, or Kafka was not to be asked."""
    applied_offset: int | None
    """Sum of the offsets behind what is applied; None: the stream was not to be asked."""
    lag_events: int | None
    """Changes in the topic that are not in Cassandra, as of the stream's last word (within a second).
    Markers of transactions and tombstones, which are never applied, do not count."""
    is_exact: bool
    """Whether `lag_events` was counted; else it is a bound, as far as offsets tell."""
    lag_ms: float | None
    """Age of the oldest of them since its commit; 0 where there is none."""
    latency_ms: float | None
    """From commit to Cassandra's acknowledgement, of the change that was applied last."""
    last_commit_at_ms: float | None
    """When PostgreSQL committed the change that was applied last."""
    captured_per_second: float | None = None
    applied_per_second: float | None = None
    """Offsets, in both."""


@dataclass(frozen=True, slots=True)
class LetterCount:
    """How many letters of one kind a reader has seen."""

    topic: str
    """Of the records that became letters."""
    kind: str
    """What is wrong, in a word: see `change_stream.letter.Kind`."""
    letters: int
    """Copies that a repeated batch has sent included."""


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The dead-letter topic."""

    topic: str
    stored: int
    """Letters that the topic has room for now, copies and settled ones included, as offsets tell."""
    open: int | None
    """Records that are neither replayed nor discarded; None: too many to be counted in a reading."""
    newest_at_ms: float | None
    per_second: float | None = None
    counts: tuple[LetterCount, ...] = ()
    """Those that the reader has seen, by topic and kind; they only grow while it lasts."""


@dataclass(frozen=True, slots=True)
class DifferentCell:
    """A column whose values differ, both as text; None is a null."""

    column: str
    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class DifferentRow:
    """A row that verify found not to be the same on both sides."""

    kind: str
    """missing, different or extra."""
    key: str
    """`column=value, …`"""
    columns: tuple[DifferentCell, ...] = ()
    """Of a different row."""


@dataclass(frozen=True, slots=True)
class VerifiedTable:
    table: str
    verdict: str
    """equal, different or unknown."""
    rows: int
    missing: int
    different: int
    extra: int
    note: str
    """Why it could not tell; else empty."""
    differences: tuple[DifferentRow, ...] = ()
    """The first of them; `missing`, `different` and `extra` count all."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A run of `walflow verify`."""

    at_ms: float
    """When it ended."""
    seconds: float
    is_partial: bool
    """Whether only some rows were compared (--where, --sample, --keys)."""
    tables: tuple[VerifiedTable, ...]

    @property
    def verdict(self) -> str:
        """different if any table is, else unknown if any is, else equal."""
        verdicts = {table.verdict for table in self.tables}
        return next((one for one in ("different", "unknown") if one in verdicts), "equal")


@dataclass(frozen=True, slots=True)
class Hop:
    """A canary's change seen at a place."""

    change: str
    """insert, update or delete."""
    place: str
    """commit, kafka or cassandra."""
    ms: float
    """Since the commit."""


@dataclass(frozen=True, slots=True)
class CanaryRun:
    """One canary: a marked row that was written, changed and deleted, and where it was seen."""

    at_ms: float
    """When it began."""
    id: str
    succeeded: bool
    hops: tuple[Hop, ...]
    """In the order in which they were seen."""
    reason: str
    """Which hop has not happened; empty where all have."""


class StageName(StrEnum):
    INGEST = "ingest"
    """Rows are written to PostgreSQL."""
    CAPTURE = "capture"
    """Debezium reads them from the log."""
    TRANSPORT = "transport"
    """Kafka has them, committed."""
    APPLY = "apply"
    """Spark writes them to Cassandra."""


class StageState(StrEnum):
    OK = "ok"
    """It passes on what comes, or nothing comes."""
    BEHIND = "behind"
    """It works, and lags by more than `walflow.readings.judging` allows."""
    HELD = "held"
    """Somebody has paused or stopped it."""
    DOWN = "down"
    """It failed, or does not run."""
    UNKNOWN = "unknown"
    """It could not be asked."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A hop between source and target."""

    name: StageName
    state: StageState
    reason: str
    """What is wrong and what to do, as sentences; empty where nothing is."""
    per_second: float | None
    """Ingest: rows written. Capture: bytes of log. Transport and apply: offsets."""
    lag_events: int | None
    lag_bytes: int | None
    lag_ms: float | None

    @property
    def is_ok(self) -> bool:
        return self.state is StageState.OK


@dataclass(frozen=True, slots=True)
class Reading:
    """The pipeline at a moment."""

    taken_at_ms: float
    took_ms: float
    source: Source | Unreachable
    connectors: tuple[ConnectorReading, ...] | Unreachable
    broker: Broker | Unreachable
    stream: Stream | Unreachable
    dead_letters: DeadLetters | Unreachable
    tables: tuple[TableLag, ...]
    """Each captured table, by name."""
    last_verify: Verified | None
    """None: `walflow verify` has not run yet."""
    last_canary: CanaryRun | None
    """None: `walflow canary` has not run yet."""
    stages: tuple[Stage, ...] = ()
    """From source to target."""
    held_up_by: str | None = None
    """The first stage that does not pass on what comes, as a sentence; None: all do."""
    problems: tuple[str, ...] = ()
    """All that keeps changes from arriving, or soon will, as sentences; that of `held_up_by` first."""
    warnings: tuple[str, ...] = ()
    """What wants looking at though changes arrive: dead letters, differences that verify found, a canary
    that did not come through."""

    @property
    def is_healthy(self) -> bool:
        return not self.problems

    def stage(self, name: StageName) -> Stage:
        return next(stage for stage in self.stages if stage.name is name)

    @property
    def unreachable(self) -> tuple[Unreachable, ...]:
        parts = (self.source, self.connectors, self.broker, self.stream, self.dead_letters)
        return tuple(part for part in parts if isinstance(part, Unreachable))

    def as_dict(self) -> dict[str, Any]:
        """For JSON: the fields by their names, what follows from them too; see `as_json`."""
        told: dict[str, Any] = as_json(self)
        return told


def lsn(position: int) -> str:
    """A log position as PostgreSQL writes it."""
    return f"{position >> 32:X}/{position & 0xFFFFFFFF:X}"


def as_json(value: Any) -> Any:
    """A reading or a part of it for JSON: fields and properties of each dataclass by their names.

    An `Unreachable` is {"unreachable": {…}}. The properties `slot` and `unreachable`, which repeat
    other values, are left out.
    """
    if isinstance(value, Unreachable):
        return {"unreachable": {name: getattr(value, name) for name in ("what", "why", "advice")}}
    if is_dataclass(value) and not isinstance(value, type):
        names = [each.name for each in fields(value)] + _derived(type(value))
        return {name: as_json(getattr(value, name)) for name in names}
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, list | tuple):
        return [as_json(each) for each in value]
    if isinstance(value, Mapping):
        return {str(name): as_json(each) for name, each in value.items()}
    return value


_REPEATED = ("slot", "unreachable", "sentence")


def _derived(kind: type) -> list[str]:
    return [
        name
        for name, each in vars(kind).items()
        if isinstance(each, property) and name not in _REPEATED
    ]
