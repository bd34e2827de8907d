"""A row's key in Kafka: its bytes where they can be computed, and whether a record has it."""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import fastavro
from kafka.partitioner.default import murmur2

from change_stream.columns import columns_of, field_names
from change_stream.record import DATUM_OFFSET, Undecodable, schema_id
from change_stream.retyping import masked, retyped
from change_stream.schemas import RegistryUnavailable, SchemaRegistry
from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.tables import TableRule
from walflow.verify.catalog import SourceTable

_SIMPLE: Mapping[str, Callable[[str], Any]] = {
    "string": str,
    "int": int,
    "long": int,
    "boolean": lambda text: text in ("t", "true"),
}
_TEXTS = ("io.debezium.data.Uuid", "io.debezium.data.Enum")
"""Of Debezium's types those whose value is PostgreSQL's text."""
_PLAIN = ("int2", "int4", "int8", "text", "varchar", "uuid", "bool")
"""PostgreSQL's types of such values. Not among them: bpchar, whose blanks a cast to text takes away."""
REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class TargetKeyColumn:
    """A column of the target's key, and the row's value in it."""

    source: str
    """Name in PostgreSQL."""
    cql_type: str
    value: bytes | None
    """As Cassandra's bytes."""
    serialize: Callable[[Any], bytes]
    """A value of the driver's as such bytes."""


class TracedKey:
    """The key of one row.

    Args:
        texts: its values as PostgreSQL writes them, by column.
        plain: those of its columns whose value in Avro is the text or number that PostgreSQL writes.
        target_key: the target's key; None where Cassandra has no table yet, or where the key of the
            target is not that of the source.
    """

    def __init__(
        self,
        registry: SchemaRegistry,
        rule: TableRule,
        texts: Mapping[str, str],
        plain: frozenset[str],
        target_key: Sequence[TargetKeyColumn] | None,
    ) -> None:
        self._registry = registry
        self._rule = rule
        self._texts = texts
        self._plain = plain
        self._target_key = target_key
        self.is_of = lru_cache(REMEMBERED)(self._is_of)
        """Whether a record's key is this one."""

    def encoded(self, header: bytes) -> bytes | None:
        """The key as a producer writes it by the schema that a record's first bytes name.

        None where a value's form in Avro cannot be told from PostgreSQL's text.
        """
        schema: Any = self._registry.schema(schema_id(header))
        datum = {}
        for name, field in field_names(schema).items():
            kind = _simple_type(next(f for f in schema["fields"] if f["name"] == field)["type"])
            if kind is None or name not in self._plain:
                return None
            try:
                datum[field] = _SIMPLE[kind](self._texts[name])
            except ValueError:
                return None
        written = io.BytesIO()
        fastavro.schemaless_writer(written, schema, datum)
        return header[:DATUM_OFFSET] + written.getvalue()

    def _is_of(self, key: bytes) -> bool:
        try:
            identifier, datum = self._registry.decode(key)
        except Undecodable:
            return False
        except RegistryUnavailable as error:
            raise WalflowError(
                f"{error}. {ticked('up registry')} starts it.", ExitCode.NOT_READY
            ) from error
        if not isinstance(datum, dict):
            return False
        schema: Any = self._registry.schema(identifier)
        if self._target_key is None:
            fields = field_names(schema)
            return {n: _text(datum[f]) for n, f in fields.items()} == dict(self._texts)
        return self._is_in_target(schema, datum, self._target_key)

    def _is_in_target(
        self,
        schema: Mapping[str, Any],
        datum: Mapping[str, Any],
        key: Sequence[TargetKeyColumn],
    ) -> bool:
        """Whether the stream would write a record of this key to the row."""
        fields = field_names(schema)
        columns = {column.name: column for column in columns_of(schema, self._rule.micros)}
        named = {column.source: column for column in self._rule.columns(columns, columns)}
        if {column.source for column in key} != set(fields):
            return False
        for column in key:
            written = masked(columns[column.source], named[column.source])
            value = retyped(written, column.cql_type).convert(datum[fields[column.source]])
            if column.serialize(value) != column.value:
                return False
        return True


def plain_columns(table: SourceTable) -> frozenset[str]:
    """The columns of a table's key whose value in Avro is what PostgreSQL writes."""
    return frozenset(
        column.name
        for column in table.columns
        if column.name in table.key and (column.type.is_enum or column.type.name in _PLAIN)
    )


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's default partitioner gives a key (BuiltInPartitioner)."""
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def _simple_type(kind: Any) -> str | None:
    """The Avro type of a key's field whose value is PostgreSQL's text or number; None: another one."""
    if isinstance(kind, str):
        return kind if kind in _SIMPLE else None
    if isinstance(kind, dict) and kind.get("type") in _SIMPLE and "logicalType" not in kind:
        name = kind.get("connect.name")
        return str(kind["type"]) if name is None or name in _TEXTS else None
    return None


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
