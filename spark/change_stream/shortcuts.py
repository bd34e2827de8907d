"""The short way of records that insert or update a row: to a bound statement, no objects between.

It begins once the general way has found the target of a record's schemas, and it is taken by the records
that `row_reader` reads; all others, and each that is in any way unusual, go the general way.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cassandra.query import BoundStatement, PreparedStatement

from change_stream.generations import Generations
from change_stream.mutation import Target
from change_stream.record import DATUM_OFFSET, Record, Undecodable, schema_id
from change_stream.row_reader import Read, row_reader
from change_stream.schemas import SchemaRegistry
from change_stream.stamps import stamp
from change_stream.statements import Statements
from change_stream.targets import Targets

_LONG = struct.Struct(">q")
_Key = tuple[str, bytes, bytes]
"""Topic, and the schema ids of key and value as they stand in the record."""


@dataclass(frozen=True, slots=True)
class _Shortcut:
    read: Read
    insert: PreparedStatement


class Shortcuts:
    """Readers by schemas; None is kept for schemas that have no short way."""

    def __init__(
        self,
        registry: SchemaRegistry,
        targets: Targets,
        statements: Statements,
        generations: Generations,
    ) -> None:
        self._registry = registry
        self._targets = targets
        self._statements = statements
        self._generations = generations
        self._known: dict[_Key, _Shortcut | None] = {}

    def statement(self, record: Record) -> BoundStatement | None:
        """The statement that a record comes to; None: it has to go the general way.

        Raises:
            NoGeneration: as the general way does.
        """
        key, value = record.key, record.value
        if key is None or value is None:
            return None
        schemas = (record.topic, key[:DATUM_OFFSET], value[:DATUM_OFFSET])
        try:
            shortcut = self._known[schemas]
        except KeyError:
            shortcut = self._find(schemas)
        if shortcut is None:
            return None
        values = shortcut.read(value)
        if values is None:
            return None
        generations = self._generations.of(record.topic)
        values.append(_LONG.pack(stamp(generations, record.partition, record.offset)))
        bound = BoundStatement(shortcut.insert)
        bound.values = values
        return bound

    def _find(self, schemas: _Key) -> _Shortcut | None:
        """A shortcut, once the general way has met these schemas."""
        topic, key, value = schemas
        try:
            value_id = schema_id(value)
            target = self._targets.known(topic, schema_id(key), value_id)
        except Undecodable:
            return None
        if target is None:
            return None
        self._known[schemas] = found = self._made(target, self._registry.schema(value_id))
        return found

    def _made(self, target: Target, envelope: Mapping[str, Any]) -> _Shortcut | None:
        insert = self._statements.insert(target)
        types = [column.type for column in insert.column_metadata[: len(target.cells)]]
        read = row_reader(envelope, target, types, insert.protocol_version)
        return None if read is None else _Shortcut(read, insert)
