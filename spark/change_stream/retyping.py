"""Columns that are written otherwise than PostgreSQL's type alone would have it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from cassandra import cqltypes

from change_stream.columns import Column, Unmappable
from walflow.tables import REDACTED, RuleConflict, TargetColumn

PROTOCOL = 4
"""Version of the native protocol; the serialization of values has been the same since 3."""
_SERIALIZERS = {
    kind.typename: kind
    for kind in (
        cqltypes.BooleanType,
        cqltypes.BytesType,
        cqltypes.TimestampType,
        cqltypes.DecimalType,
        cqltypes.DoubleType,
        cqltypes.FloatType,
        cqltypes.InetAddressType,
        cqltypes.Int32Type,
        cqltypes.IntegerType,
        cqltypes.LongType,
        cqltypes.ShortType,
        cqltypes.SimpleDateType,
        cqltypes.TimeType,
        cqltypes.UTF8Type,
        cqltypes.UUIDType,
    )
}
_INTEGERS = frozenset(("tinyint", "smallint", "int", "bigint", "varint"))


def masked(column: Column, named: TargetColumn) -> Column:
    """The column as its table's rule wants it: under another name, and masked as text.

    Raises:
        RuleConflict: a text's first characters are wanted of what is no text, or the hash of a
            collection.
    """
    if named.mask is None:
        return replace(column, name=named.target)
    if named.mask.kind == "truncate" and column.cql_type != "text":
        raise RuleConflict(
            f"column {named.source} is {column.cql_type}: only text can be truncated"
        )
    mask, kind = named.mask, _SERIALIZERS.get(column.cql_type)
    if mask.kind == "redact":
        return Column(named.target, "text", lambda _: REDACTED)
    if kind is None:
        raise RuleConflict(f"column {named.source} is {column.cql_type}: it can only be redacted")

    def convert(value: Any) -> str:
        return mask.of(kind.to_binary(column.convert(value), PROTOCOL)).decode()

    return Column(named.target, "text", convert)


def retyped(column: Column, present: str) -> Column:
    """The column written as the CQL type that its table has, if every value keeps its meaning.

    A value that is too large for the table's integer is refused when it is bound.

    Raises:
        Unmappable: the two types have nothing in common that loses nothing.
    """
    if column.cql_type == present:
        return column
    if column.cql_type in _INTEGERS and present in _INTEGERS:
        return replace(column, cql_type=present)
    if column.cql_type in _INTEGERS and present == "decimal":
        return replace(column, cql_type=present, convert=lambda v: Decimal(column.convert(v)))
    if (column.cql_type, present) == ("float", "double"):
        return replace(column, cql_type=present)
    raise Unmappable(
        f"column {column.name} is {present} in Cassandra and now {column.cql_type} by PostgreSQL's type"
        " and the table's rule: write it to another column by rename in pipeline.toml, or drop the"
        " table and take a snapshot"
    )
