"""PostgreSQL columns as Debezium describes them in Avro, and the CQL types that hold them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from hashlib import md5
from typing import Any
from uuid import UUID

UNAVAILABLE = "__debezium_unavailable_value"
"""Debezium's placeholder for a TOASTed value that an UPDATE did not touch."""

Convert = Callable[[Any], Any]


class Unmappable(Exception):
    """A column's type or value has no place in Cassandra; the record becomes a dead letter."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, the CQL type that holds it, and how a value becomes one of that type."""

    name: str
    cql_type: str
    convert: Convert

    def is_unavailable(self, value: Any) -> bool:
        """Whether the value is Debezium's placeholder, in the form this type gives it."""
        return value in _PLACEHOLDERS.get(type(value), ())


_BYTES = UNAVAILABLE.encode()
# The forms of Debezium 3.7's UnchangedToastedPlaceholder, by the type that Avro gives them.
_PLACEHOLDERS: Mapping[type, tuple[Any, ...]] = {
    str: (UNAVAILABLE, f'{{"{UNAVAILABLE}":"{UNAVAILABLE}"}}'),  # the second: hstore as JSON
    bytes: (_BYTES,),
    list: (
        [UNAVAILABLE],
        [_BYTES],
        list(_BYTES),  # arrays of integers, dates and times: a number for each byte
        [str(UUID(bytes=md5(_BYTES, usedforsecurity=False).digest(), version=3))],
    ),
    dict: ({UNAVAILABLE: UNAVAILABLE},),
}


def columns_of(record_schema: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of an Avro record schema (a key, or the row in an envelope), in its order.

    Raises:
        Unmappable: a field's type has no CQL counterpart here.
    """
    return tuple(
        Column(field["name"], *_mapping(field["type"], field["name"]))
        for field in record_schema["fields"]
    )


def row_schema(envelope_schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the row within an envelope's schema.

    `before` comes first and defines the record; `after` names it.
    """
    for field in envelope_schema["fields"]:
        if field["name"] == "before":
            return _not_null(field["type"])  # type: ignore[no-any-return]
    raise Unmappable("the envelope's schema has no field before")


def _not_null(avro: Any) -> Any:
    """The type within Avro's union with null."""
    if isinstance(avro, list):
        return next(branch for branch in avro if branch != "null")
    return avro


def _mapping(avro: Any, name: str) -> tuple[str, Convert]:
    avro = _not_null(avro)
    described: Mapping[str, Any] = {"type": avro} if isinstance(avro, str) else avro
    # Avro defines a named type once; each later column of it holds only the name.
    semantic = described.get("connect.name", described["type"])
    if semantic in _SEMANTIC:
        return _SEMANTIC[semantic]
    if described.get("logicalType") == "decimal":
        return "decimal", _same
    kind = described["type"]
    if kind == "int" and described.get("connect.type") in ("int16", "int8"):
        return "smallint", _same
    if kind == "array":
        element, convert = _mapping(described["items"], name)
        return f"list<{_frozen(element)}>", lambda items: [_member(convert, i) for i in items]
    if kind == "map":
        element, convert = _mapping(described["values"], name)
        return f"map<text, {_frozen(element)}>", lambda m: {
            k: _member(convert, v) for k, v in m.items()
        }
    if kind in _PRIMITIVE:
        return _PRIMITIVE[kind], _same
    raise Unmappable(f"column {name}: no CQL type for {semantic}")


def _frozen(element: str) -> str:
    return f"frozen<{element}>" if "<" in element else element


def _member(convert: Convert, value: Any) -> Any:
    """The driver would send a null in a collection as an empty value: '' in a list of texts."""
    if value is None:
        raise ValueError("CQL collections hold no nulls")
    return convert(value)


def _same(value: Any) -> Any:
    return value


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def _zoned_timestamp(text: str) -> int:
    """ISO 8601 with an offset → milliseconds since the epoch, rounded down."""
    return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND


def _cql_date(days: int) -> int:
    """Days since the epoch → CQL's unsigned day count, in which the epoch is 2^31."""
    return days + 2**31


# The default context would round to 28 digits; PostgreSQL's NUMERIC has up to 147,455.
_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


def _variable_scale(value: Mapping[str, Any]) -> Decimal:
    unscaled = int.from_bytes(value["value"], "big", signed=True)
    return Decimal(unscaled).scaleb(-value["scale"], _EXACT)


_PRIMITIVE = {
    "boolean": "boolean",
    "int": "int",
    "long": "bigint",
    "float": "float",
    "double": "double",
    "string": "text",
    "bytes": "blob",
}

# Debezium documentation, PostgreSQL connector, "Data type mappings".
_SEMANTIC: Mapping[str, tuple[str, Convert]] = {
    "io.debezium.data.Uuid": ("uuid", UUID),
    "io.debezium.data.Json": ("text", _same),
    "io.debezium.data.Xml": ("text", _same),
    "io.debezium.data.Enum": ("text", _same),
    "io.debezium.data.Ltree": ("text", _same),
    "io.debezium.data.Tsvector": ("text", _same),
    "io.debezium.data.Bits": ("blob", _same),
    "io.debezium.data.VariableScaleDecimal": ("decimal", _variable_scale),
    "io.debezium.time.Date": ("date", _cql_date),
    "io.debezium.time.Time": ("time", lambda ms: ms * 1_000_000),
    "io.debezium.time.MicroTime": ("time", lambda us: us * 1000),
    "io.debezium.time.NanoTime": ("time", _same),
    "io.debezium.time.Timestamp": ("timestamp", _same),
    "io.debezium.time.MicroTimestamp": ("timestamp", lambda us: us // 1000),
    "io.debezium.time.NanoTimestamp": ("timestamp", lambda ns: ns // 1_000_000),
    "io.debezium.time.ZonedTimestamp": ("timestamp", _zoned_timestamp),
    "io.debezium.time.ZonedTime": ("text", _same),
    "io.debezium.time.Interval": ("text", _same),
    "io.debezium.time.MicroDuration": ("bigint", _same),
}
