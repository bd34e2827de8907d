"""Debezium's envelope, read as a change of one row."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from change_stream.record import Undecodable

Row = Mapping[str, Any]


class Op(StrEnum):
    """`op` of Debezium's envelope (Debezium documentation, "Data change events")."""

    CREATE = "c"
    UPDATE = "u"
    DELETE = "d"
    READ = "r"
    TRUNCATE = "t"
    MESSAGE = "m"


@dataclass(frozen=True, slots=True)
class Change:
    """One change event; column values are as Avro gave them."""

    op: Op
    schema: str
    table: str
    before: Row | None
    """Whole under REPLICA IDENTITY FULL; otherwise none, or for a delete only the key's columns."""
    after: Row | None
    lsn: int
    """Where the change was written in the WAL: no order of commits (docs/exactness.md)."""
    source_us: int
    """Commit time in PostgreSQL, microseconds since the epoch."""

    @property
    def writes_row(self) -> bool:
        return self.op in (Op.CREATE, Op.UPDATE, Op.READ)

    @property
    def is_of_row(self) -> bool:
        return self.writes_row or self.op is Op.DELETE


def read_envelope(datum: Any) -> Change:
    """The change that a decoded envelope describes.

    Raises:
        Undecodable: not a Debezium envelope, or one without the row that its op promises.
    """
    try:
        op = Op(datum["op"])
        source = datum["source"]
        change = Change(
            op=op,
            schema=source["schema"],
            table=source["table"],
            before=datum.get("before"),
            after=datum.get("after"),
            lsn=source.get("lsn") or 0,
            source_us=source.get("ts_us") or source["ts_ms"] * 1000,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Undecodable(f"not a Debezium envelope: {error!r}") from error
    if change.writes_row and change.after is None:
        raise Undecodable(f"op={op} without an after image")
    return change
