"""The workload's tables on both sides, row by row and column by column.

Independent of the stream's code: what PostgreSQL's and Cassandra's drivers give is all it knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg2
from cassandra.cluster import Session
from cassandra.query import dict_factory

from tests.workload.tables import TABLES, Table
from walflow.settings import Settings
from walflow.stack.cassandra import cluster
from walflow.tables import TableRules

JSONB = 3802
"""jsonb's OID in pg_type."""
SHOWN = 48
"""Characters of a value in a report."""

Key = tuple[Any, ...]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is not the same on both sides."""

    table: str
    key: Key
    columns: tuple[tuple[str, Any, Any], ...]
    """Column, PostgreSQL's value, Cassandra's; empty where a side lacks the row."""
    is_missing: bool = False
    is_extra: bool = False

    def text(self) -> str:
        name = f"{self.table} {', '.join(str(part) for part in self.key)}"
        if self.is_missing:
            return f"{name}: only in PostgreSQL"
        if self.is_extra:
            return f"{name}: only in Cassandra"
        values = "; ".join(
            f"{column}: {_short(source)} in PostgreSQL, {_short(target)} in Cassandra"
            for column, source, target in self.columns
        )
        return f"{name}: {values}"


@dataclass(frozen=True, slots=True)
class Comparison:
    rows: int
    """Of PostgreSQL."""
    differences: tuple[Difference, ...]


def compare(settings: Settings) -> Comparison:
    """Compare all tables now, over new connections: older ones may have met an outage."""
    connection = psycopg2.connect(settings.postgres_dsn())
    try:
        with cluster(settings) as connected:
            target = connected.connect()
            target.row_factory = dict_factory
            # Cassandra first: what it has by then, PostgreSQL had committed.
            targets = {table.name: target_rows(target, settings, table) for table in TABLES}
            sources = {table.name: source_rows(connection, table) for table in TABLES}
    finally:
        connection.close()
    found = [d for name in sources for d in differences(name, sources[name], targets[name])]
    return Comparison(sum(len(rows) for rows in sources.values()), tuple(found))


def source_rows(connection: Any, table: Table) -> dict[Key, Row]:
    """Every row of a table in PostgreSQL; JSON as its text."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM public.{table.name} LIMIT 0")
        casts = [
            f"{column.name}::text" if column.type_code == JSONB else column.name
            for column in cursor.description
        ]
        names = [column.name for column in cursor.description]
        cursor.execute(f"SELECT {', '.join(casts)} FROM public.{table.name}")
        rows = [dict(zip(names, row, strict=True)) for row in cursor]
    return _by_key(table, rows)


def target_rows(target: Session, settings: Settings, table: Table) -> dict[Key, Row]:
    """Every row of a table in Cassandra; none where the stream has not made the table yet."""
    rule = TableRules.of(settings).rule("public", table.name)
    known = target.cluster.metadata.keyspaces[rule.keyspace].tables
    if rule.table not in known:
        return {}
    return _by_key(table, list(target.execute(f"SELECT * FROM {rule.keyspace}.{rule.table}")))


def _by_key(table: Table, rows: list[Any]) -> dict[Key, Row]:
    names = [column.name for column in table.key]
    return {
        tuple(row[name] for name in names): {name: plain(v) for name, v in row.items()}
        for row in rows
    }


def differences(
    table: str, source: Mapping[Key, Row], target: Mapping[Key, Row]
) -> list[Difference]:
    """The rows of a table that differ, by key."""
    found = []
    for key in sorted(source.keys() | target.keys()):
        if key not in target:
            found.append(Difference(table, key, (), is_missing=True))
        elif key not in source:
            found.append(Difference(table, key, (), is_extra=True))
        else:
            # A column that PostgreSQL no longer has stays in Cassandra.
            columns = tuple(
                (name, value, target[key].get(name))
                for name, value in source[key].items()
                if value != target[key].get(name)
            )
            if columns:
                found.append(Difference(table, key, columns))
    return found


def plain(value: Any) -> Any:
    """A value in one form for both drivers: UUIDs as text, times in UTC to Cassandra's millisecond."""
    match value:
        case UUID():
            return str(value)
        case datetime():
            in_utc = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
            return in_utc.replace(microsecond=in_utc.microsecond // 1000 * 1000)
        case memoryview():
            return bytes(value)
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}… ({len(text)} characters)"
