"""`created_users` on both sides, as the demo looks at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg2
import psycopg2.extras
from cassandra.cluster import Session
from cassandra.query import dict_factory

from walflow.aggregates import COUNT
from walflow.settings import Settings
from walflow.stack.cassandra import cluster

Row = dict[str, Any]


@dataclass(frozen=True)
class UsersTable:
    """A connection to each side."""

    source: Any
    target: Session
    keyspace: str

    def source_count(self) -> int:
        return int(self._query("SELECT count(*) AS n FROM created_users")[0]["n"])

    def target_count(self) -> int:
        count = self.target.execute(f"SELECT count(*) AS n FROM {self.keyspace}.created_users")
        return int(count.one()["n"])

    def counts(self, name: str) -> dict[tuple[str, ...], int]:
        """The live counts of an aggregate, by group."""
        rows = self.target.execute(f"SELECT * FROM {self.keyspace}.{name}")
        return {tuple(v for k, v in row.items() if k != COUNT): row[COUNT] for row in rows}

    def a_user(self) -> UUID:
        """The id of some user in PostgreSQL."""
        return UUID(str(self._query("SELECT id FROM created_users ORDER BY id LIMIT 1")[0]["id"]))

    def update_phone(self, user: UUID, phone: str) -> None:
        self._execute("UPDATE created_users SET phone = %s WHERE id = %s", (phone, str(user)))

    def delete(self, user: UUID) -> None:
        self._execute("DELETE FROM created_users WHERE id = %s", (str(user),))

    def target_row(self, user: UUID) -> Row | None:
        statement = f"SELECT * FROM {self.keyspace}.created_users WHERE id = %s"
        row: Row | None = self.target.execute(statement, (user,)).one()
        return row

    def _query(self, statement: str) -> list[Any]:
        with self.source.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())

    def _execute(self, statement: str, values: tuple[Any, ...]) -> None:
        with self.source.cursor() as cursor:
            cursor.execute(statement, values)


@contextmanager
def users_table(settings: Settings) -> Iterator[UsersTable]:
    """Connect to both sides; every statement is a transaction of its own."""
    source = psycopg2.connect(settings.postgres_dsn())
    source.autocommit = True
    try:
        with cluster(settings) as target:
            session = target.connect()
            session.row_factory = dict_factory
            yield UsersTable(source, session, settings.cassandra.keyspace)
    finally:
        source.close()
