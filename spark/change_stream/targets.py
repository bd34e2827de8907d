"""The Cassandra tables that topics are applied to, made or widened from the Debezium schema."""

from collections.abc import Mapping
from typing import Any

from cassandra import AlreadyExists, InvalidRequest
from cassandra.cluster import Session
from cassandra.metadata import TableMetadata, maybe_escape_name

from change_stream.change import Change
from change_stream.columns import Column, Unmappable, columns_of, row_schema
from change_stream.mutation import Target


class Targets:
    """The target of each (key schema, value schema) pair, found once and kept."""

    def __init__(self, session: Session, keyspace: str) -> None:
        self._session = session
        self._keyspace = keyspace
        self._known: dict[tuple[str, int, int], Target] = {}

    def known(self, topic: str, key_schema_id: int, value_schema_id: int) -> Target | None:
        return self._known.get((topic, key_schema_id, value_schema_id))

    def find(
        self,
        topic: str,
        change: Change,
        key_schema: tuple[int, Mapping[str, Any]],
        value_schema: tuple[int, Mapping[str, Any]],
    ) -> Target:
        """The target for records of these schemas; creates the table or adds columns if need be.

        Args:
            key_schema, value_schema: schema id and Avro schema, the latter that of the envelope.

        Raises:
            Unmappable: a column's type has no CQL counterpart, or Cassandra refuses the table.
        """
        columns = columns_of(row_schema(value_schema[1]))
        key = columns_of(key_schema[1])
        target = Target(self._keyspace, table_name(change.schema, change.table), key, columns)
        try:
            self._create(target)
            self._widen(target)
        except InvalidRequest as error:
            raise Unmappable(f"{target.keyspace}.{target.table}: {error}") from error
        self._known[(topic, key_schema[0], value_schema[0])] = target
        return target

    def _create(self, target: Target) -> None:
        if self._metadata(target) is not None:
            return
        columns = ", ".join(f"{maybe_escape_name(c.name)} {c.cql_type}" for c in target.columns)
        key = ", ".join(maybe_escape_name(c.name) for c in target.key)
        self._session.execute(
            f"CREATE TABLE IF NOT EXISTS {qualified(target)} ({columns}, PRIMARY KEY ({key}))"
        )

    def _widen(self, target: Target) -> None:
        table = self._metadata(target)
        present = set(table.columns) if table is not None else set()
        for column in target.columns:
            if column.name not in present:
                self._add(target, column)

    def _add(self, target: Target, column: Column) -> None:
        name = maybe_escape_name(column.name)
        try:
            self._session.execute(
                f"ALTER TABLE {qualified(target)} ADD IF NOT EXISTS {name} {column.cql_type}"
            )
        except AlreadyExists:
            return

    def _metadata(self, target: Target) -> TableMetadata | None:
        keyspace = self._session.cluster.metadata.keyspaces.get(target.keyspace)
        return keyspace.tables.get(target.table) if keyspace is not None else None


def table_name(schema: str, table: str) -> str:
    """Name of the Cassandra table: that of the PostgreSQL table, after its schema unless public."""
    return table if schema == "public" else f"{schema}_{table}"


def qualified(target: Target) -> str:
    return f"{maybe_escape_name(target.keyspace)}.{maybe_escape_name(target.table)}"
