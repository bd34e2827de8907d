"""created_users of both sides, in one form."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg2
from cassandra.cluster import Session
from cassandra.query import dict_factory

from walflow.settings import Settings
from walflow.stack.cassandra import cluster

Rows = dict[str, dict[str, Any]]


def sides_are_equal(settings: Settings) -> bool:
    """Compares every row and column, over new connections: older ones may have met an outage."""
    with psycopg2.connect(settings.postgres_dsn()) as source, cluster(settings) as connected:
        target = connected.connect(settings.cassandra.keyspace)
        target.row_factory = dict_factory
        return target_rows(target) == source_rows(source)


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
