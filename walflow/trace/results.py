"""What a trace finds, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from walflow.topics.events import Event


@dataclass(frozen=True, slots=True)
class SourceRow:
    """The row as PostgreSQL has it."""

    xid: int
    """xmin: the transaction, or its part since a savepoint, that wrote this version of the row."""
    committed_at: str | None
    """ISO 8601; None unless PostgreSQL runs with track_commit_timestamp."""
    columns: Mapping[str, str | None]
    """Values as SQL text, by name."""


@dataclass(frozen=True, slots=True)
class TracedEvent:
    """A record of the key in Kafka, and what became of it."""

    event: Event
    stamp: int | None
    """Write time that it has in Cassandra, microseconds since 1970; None: no generation holds it."""
    is_applied: bool | None
    """Whether the stream has passed it; None: the stream has told nothing of the partition."""
    letter: str | None = None
    """Why it is a dead letter; None: it is none."""

    @property
    def xid(self) -> int | None:
        found = self.event.source.get("txId")
        return None if found is None else int(found)

    def as_dict(self) -> dict[str, Any]:
        return self.event.as_dict() | {
            "lsn": self.event.source.get("lsn"),
            "xid": self.xid,
            "stamp": self.stamp,
            "applied": self.is_applied,
            "dead_letter": self.letter,
        }


@dataclass(frozen=True, slots=True)
class Search:
    """How the events were looked for."""

    topic: str
    partitions: tuple[int, ...]
    """Those that were looked at."""
    is_by_partitioner: bool
    """Whether the key's partition was computed; else all were looked at."""
    scanned: int
    """Records."""
    is_complete: bool
    """Whether all that the topic keeps was looked at, or as many events found as were wanted."""


@dataclass(frozen=True, slots=True)
class TargetCell:
    """A column of the row in Cassandra."""

    column: str
    """Name in PostgreSQL."""
    target: str
    """Name in Cassandra."""
    source_value: str | None
    """What PostgreSQL's value is in the target's type, masked if it is masked."""
    value: str | None
    written: int | None
    """Write time, microseconds since 1970; None: a null, or part of the key."""
    differs: bool


@dataclass(frozen=True, slots=True)
class HopState:
    name: str
    """capture or apply."""
    happened: bool | None
    """None: it cannot be told."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Trace:
    table: str
    target: str
    key: Mapping[str, str]
    source: SourceRow | None
    """None: PostgreSQL has no such row."""
    search: Search
    events: tuple[TracedEvent, ...]
    """Oldest first."""
    row: tuple[TargetCell, ...] | None
    """None: Cassandra has no such row."""
    hops: tuple[HopState, ...]
    agree: bool
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        source = self.source
        return {
            "table": self.table,
            "target": self.target,
            "key": dict(self.key),
            "postgresql": None
            if source is None
            else {
                "xmin": source.xid,
                "committed_at": source.committed_at,
                "commit_lsn": self.commit_lsn,
                "columns": dict(source.columns),
            },
            "kafka": {
                "topic": self.search.topic,
                "partitions": list(self.search.partitions),
                "by_partitioner": self.search.is_by_partitioner,
                "scanned": self.search.scanned,
                "complete": self.search.is_complete,
                "events": [event.as_dict() for event in self.events],
            },
            "cassandra": None
            if self.row is None
            else {
                cell.target: {
                    "value": cell.value,
                    "writetime": cell.written,
                    "differs": cell.differs,
                }
                for cell in self.row
            },
            "hops": [
                {"hop": hop.name, "happened": hop.happened, "sentence": hop.sentence}
                for hop in self.hops
            ],
            "agree": self.agree,
            "sentence": self.sentence,
        }

    @property
    def commit_lsn(self) -> int | None:
        """LSN of the row's change, from the event of the transaction that wrote the row."""
        if self.source is None:
            return None
        for event in reversed(self.events):
            if event.xid == self.source.xid and (found := event.event.source.get("lsn")):
                return int(found)
        return None
