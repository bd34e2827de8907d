"""The rows by which Debezium is asked for an incremental snapshot.

Source: Debezium documentation, "Sending signals to a Debezium connector"; the format is that of
io.debezium.pipeline.signal.actions.snapshotting.ExecuteSnapshot. A row takes effect when the connector
meets its INSERT in the write-ahead log; that the row is deleted later changes nothing.
"""

import json
import re
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from walflow.verify.source import insert_position

EXECUTE = "execute-snapshot"

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('walflow.signals'))"
_OPEN = "SELECT id, data FROM walflow.signals WHERE type = %s ORDER BY id"
_SEND = "INSERT INTO walflow.signals (id, type, data) VALUES (%s, %s, %s)"
_DELETE = "DELETE FROM walflow.signals WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Signal:
    """A request for a snapshot of one table."""

    id: str
    table: str
    position: int
    """Of PostgreSQL's log when it was sent, in bytes."""
    sent_at: float
    """Seconds since 1970."""


def lock(cursor: Any) -> None:
    """Let no other program look at the signals or send one before the transaction ends."""
    cursor.execute(_LOCK)


def send(cursor: Any, table: str, where: str | None = None) -> Signal:
    """Ask for a snapshot with the transaction's commit.

    Args:
        table: `schema.table`.
        where: an SQL condition on its rows.
    """
    signal = Signal(f"walflow-{uuid4()}", table, insert_position(cursor), time.time())
    cursor.execute(_SEND, (signal.id, EXECUTE, data_of(signal, where)))
    return signal


def open_signals(cursor: Any) -> list[Signal]:
    """The requests that nobody has seen end; those of other programs than walflow are left out."""
    cursor.execute(_OPEN, (EXECUTE,))
    return [signal for row in cursor.fetchall() if (signal := _signal(*row)) is not None]


def delete(cursor: Any, signal: Signal) -> None:
    cursor.execute(_DELETE, (signal.id,))


def data_of(signal: Signal, where: str | None) -> str:
    """The request as Debezium reads it, and what walflow notes in it for itself."""
    pattern = _as_java_pattern(signal.table)
    content: dict[str, Any] = {
        "type": "incremental",
        "data-collections": [pattern],
        "walflow": {
            "table": signal.table,
            "position": signal.position,
            "sent_at": signal.sent_at,
        },
    }
    if where is not None:
        # Debezium puts it behind WHERE or AND as it is.
        condition = {"data-collection": pattern, "filter": f"({where})"}
        content["additional-conditions"] = [condition]
    return json.dumps(content)


def _signal(identifier: str, data: str) -> Signal | None:
    try:
        noted = json.loads(data)["walflow"]
        return Signal(identifier, noted["table"], int(noted["position"]), float(noted["sent_at"]))
    except (ValueError, KeyError, TypeError):
        return None


def _as_java_pattern(name: str) -> str:
    """A regular expression that matches this name alone: Debezium takes tables by expressions."""
    return re.sub(r"([^\w])", r"\\\1", name, flags=re.ASCII)
