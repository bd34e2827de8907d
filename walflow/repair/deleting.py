"""Rows of Cassandra deleted by their keys, each at a write time that is told."""

from collections.abc import Iterable, Sequence

from cassandra import ConsistencyLevel
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from cassandra.metadata import maybe_escape_name
from cassandra.query import BoundStatement

from walflow.settings import Settings

IN_FLIGHT = 64


class RowDeleter:
    """Deletes rows of one table; what was written at a higher time stays."""

    def __init__(self, settings: Settings, session: Session, keyspace: str, table: str) -> None:
        metadata = session.cluster.metadata.keyspaces[keyspace].tables[table]
        conditions = " AND ".join(f"{maybe_escape_name(c.name)} = ?" for c in metadata.primary_key)
        self._session = session
        self._statement = session.prepare(
            f"DELETE FROM {maybe_escape_name(keyspace)}.{maybe_escape_name(table)}"
            f" USING TIMESTAMP ? WHERE {conditions}"
        )
        level = ConsistencyLevel.name_to_value[settings.cassandra.consistency]
        self._statement.consistency_level = level

    def delete(self, rows: Iterable[tuple[Sequence[bytes | None], int]]) -> None:
        """Delete rows.

        Args:
            rows: of each the key as Cassandra's bytes, in the order of the table's primary key, and
                the write time in microseconds since 1970.
        """
        statements = [(self._bound(key, write_time), None) for key, write_time in rows]
        execute_concurrent(self._session, statements, concurrency=IN_FLIGHT)

    def _bound(self, key: Sequence[bytes | None], write_time: int) -> BoundStatement:
        """The driver would serialize values; these are serialized already."""
        bound = BoundStatement(self._statement)
        bound.values = [write_time.to_bytes(8, "big", signed=True), *key]
        return bound
