"""Prepared CQL for targets, and mutations bound to it."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from cassandra.cluster import Session
from cassandra.metadata import maybe_escape_name
from cassandra.query import UNSET_VALUE, BoundStatement, PreparedStatement

from change_stream.columns import Unmappable
from change_stream.mutation import UNKNOWN, Delete, Mutation, Target, Upsert
from change_stream.targets import qualified


@dataclass(frozen=True, slots=True)
class _Prepared:
    insert: PreparedStatement
    delete: PreparedStatement


class Statements:
    """One INSERT and one DELETE for each target, both with the write time as a parameter."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._prepared: dict[Target, _Prepared] = {}

    def bind(self, mutation: Mutation) -> BoundStatement:
        """The statement that carries a mutation out. INSERT also for updates: it marks the row live.

        Raises:
            Unmappable: a value does not fit its column's CQL type.
        """
        prepared = self._prepared.get(mutation.target) or self._prepare(mutation.target)
        match mutation:
            case Upsert(_, values, stamp):
                known = [UNSET_VALUE if v is UNKNOWN else v for v in values]
                return self._bound(prepared.insert, [*known, stamp])
            case Delete(_, key, stamp):
                # The write time comes first in a DELETE.
                return self._bound(prepared.delete, [stamp, *key])

    def insert(self, target: Target) -> PreparedStatement:
        """The INSERT of a target: its cells, then the write time."""
        return (self._prepared.get(target) or self._prepare(target)).insert

    def _bound(self, statement: PreparedStatement, values: list[object]) -> BoundStatement:
        try:
            return statement.bind(values)
        except (TypeError, ValueError, OverflowError, struct.error) as error:
            raise Unmappable(f"Cassandra's driver refuses a value: {error}") from error

    def _prepare(self, target: Target) -> _Prepared:
        table = qualified(target)
        names = [maybe_escape_name(cell.column.name) for cell in target.cells]
        marks = ", ".join("?" for _ in names)
        key = " AND ".join(f"{maybe_escape_name(cell.column.name)} = ?" for cell in target.key)
        prepare: Callable[[str], PreparedStatement] = self._session.prepare
        prepared = _Prepared(
            insert=prepare(
                f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) USING TIMESTAMP ?"
            ),
            delete=prepare(f"DELETE FROM {table} USING TIMESTAMP ? WHERE {key}"),
        )
        self._prepared[target] = prepared
        return prepared
