"""created_users of both sides, in one form."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cassandra.cluster import Session

Rows = dict[str, dict[str, Any]]


def source_rows(source: Any) -> Rows:
    with source.cursor() as cursor:
        cursor.execute("SELECT * FROM created_users")
        names = [column.name for column in cursor.description]
        return _by_id([dict(zip(names, row, strict=True)) for row in cursor])


def target_rows(target: Session) -> Rows:
    return _by_id(list(target.execute("SELECT * FROM created_users")))


def _by_id(rows: list[dict[str, Any]]) -> Rows:
    return {str(row["id"]): {name: _plain(value) for name, value in row.items()} for row in rows}


def _plain(value: Any) -> Any:
    """Cassandra gives UUIDs and UTC times without a zone, to the millisecond."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        in_utc = aware.astimezone(UTC)
        return in_utc.replace(microsecond=in_utc.microsecond // 1000 * 1000)
    return value
