"""Columns that are written otherwise than PostgreSQL's type alone would have it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from cassandra import cqltypes

from change_stream.columns import Column, Convert, Unmappable
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
_BITS = {"tinyint": 8, "smallint": 16, "int": 32, "bigint": 64, "varint": None}
"""Sizes of CQL's integers; a varint has as many as it needs."""


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

    A value that is too large for the table's integer makes a dead letter of its record.

    Raises:
        Unmappable: the two types have nothing in common that loses nothing.
    """
    if column.cql_type == present:
        return column
    if column.cql_type in _BITS and present in _BITS:
        return replace(column, cql_type=present, convert=_within(present, column.convert))
    if column.cql_type in _BITS and present == "decimal":
        return replace(column, cql_type=present, convert=lambda v: Decimal(column.convert(v)))
    if (column.cql_type, present) == ("float", "double"):
        return replace(column, cql_type=present)
    raise Unmappable(
        f"column {column.name} is {present} in Cassandra and now {column.cql_type} by PostgreSQL's type"
        " and the table's rule: write it to another column by rename in pipeline.toml, or drop the"
        " table and take a snapshot"
    )


def _within(integer: str, convert: Convert) -> Convert:
    bits = _BITS[integer]
    if bits is None:
        return convert

    def checked(value: Any) -> int:
        number: int = convert(value)
        if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
            raise ValueError(
                f"Cassandra's column was made when PostgreSQL's type was {integer}; write it to another"
                " column by rename in pipeline.toml, and take a snapshot"
            )
        return number

    return checked
