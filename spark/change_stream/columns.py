"""PostgreSQL columns as Debezium describes them in Avro, and the CQL types that hold them."""

import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from hashlib import md5
from typing import Any
from uuid import UUID

from change_stream import geometry, instants

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
UNAVAILABLE_TEXTS = (UNAVAILABLE, f'{{"{UNAVAILABLE}":"{UNAVAILABLE}"}}')
"""The second is that of an hstore as JSON."""
_PLACEHOLDERS: Mapping[type, tuple[Any, ...]] = {
    str: UNAVAILABLE_TEXTS,
    bytes: (_BYTES,),
    list: (
        [UNAVAILABLE],
        [_BYTES],
        list(_BYTES),  # arrays of integers, dates and times: a number for each byte
        [str(UUID(bytes=md5(_BYTES, usedforsecurity=False).digest(), version=3))],
    ),
    dict: ({UNAVAILABLE: UNAVAILABLE},),
}


def columns_of(record_schema: Mapping[str, Any], micros: bool = False) -> tuple[Column, ...]:
    """The columns of an Avro record schema (a key, or the row in an envelope), in its order.

    docs/types.md has the CQL type of each PostgreSQL type, and what is lost.

    Args:
        micros: timestamps become bigint, microseconds since 1970, in place of CQL's timestamp.

    Raises:
        Unmappable: a field's type has no CQL counterpart here.
    """
    return tuple(
        Column(name, *_mapping(field["type"], name, micros))
        for name, field in zip(field_names(record_schema), record_schema["fields"], strict=True)
    )


_SOURCE_NAME = "__debezium.source.column.name"
"""Schema parameter that `column.propagate.source.type` adds: the column's name in PostgreSQL."""


def field_names(record_schema: Mapping[str, Any]) -> dict[str, str]:
    """Column of PostgreSQL → field of a record that has its value, in the schema's order.

    They differ where Avro does not take the name: `field.name.adjustment.mode=avro` writes _ for each
    character that is no letter, digit or _.
    """
    return {_source_name(field): field["name"] for field in record_schema["fields"]}


def _source_name(field: Mapping[str, Any]) -> str:
    described = _not_null(field["type"])
    parameters = described.get("connect.parameters", {}) if isinstance(described, dict) else {}
    name: str = parameters.get(_SOURCE_NAME, field["name"])
    return name


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


def _mapping(avro: Any, name: str, micros: bool) -> tuple[str, Convert]:
    avro = _not_null(avro)
    described: Mapping[str, Any] = {"type": avro} if isinstance(avro, str) else avro
    # Avro defines a named type once; each later column of it holds only the name.
    semantic = described.get("connect.name", described["type"])
    if found := _SEMANTIC.get(semantic) or instants.instant(semantic, micros):
        return found
    if described.get("logicalType") == "decimal":
        return "decimal", same
    kind = described["type"]
    parameters = described.get("connect.parameters", {})
    if kind == "string" and parameters.get(_SOURCE_TYPE) in ("NUMERIC", "MONEY"):
        return "decimal", _decimal_of(parameters)
    if kind == "int" and described.get("connect.type") in ("int16", "int8"):
        return "smallint", same
    if kind == "array":
        if parameters.get(_SOURCE_TYPE) == "_NUMERIC" and _not_null(described["items"]) == "string":
            return _list("decimal", _decimal_of(parameters))
        return _list(*_mapping(described["items"], name, micros))
    if kind == "map":
        element, convert = _mapping(described["values"], name, micros)
        return f"frozen<map<text, {element}>>", lambda m: {
            k: _member(convert, v) for k, v in m.items()
        }
    if kind in _PRIMITIVE:
        return _PRIMITIVE[kind], same
    raise Unmappable(f"column {name}: no CQL type for {semantic}")


def _list(element: str, convert: Convert) -> tuple[str, Convert]:
    """A frozen list, which is one cell.

    Elements of one that is not frozen are cells of their own, named by the moment of the write: a
    write that is repeated with its stamp would append them again. It could not be empty either.
    """
    return f"frozen<list<{element}>>", lambda items: [_member(convert, item) for item in items]


# What Java prints for an array, and Debezium for each row of an array of more than one dimension.
_JAVA_ARRAY = re.compile(r"\[+(L[\w.$]+;|[BCDFIJSZ])@[0-9a-f]+")


def _member(convert: Convert, value: Any) -> Any:
    """The driver would send a null in a collection as an empty value: '' in a list of texts.

    Of an array of more than one dimension Debezium sends a null for each row, or Java's name of it.
    """
    if value is None:
        raise ValueError("CQL collections hold no nulls, and no arrays of more than one dimension")
    if isinstance(value, str) and _JAVA_ARRAY.fullmatch(value):
        raise ValueError("Debezium does not send arrays of more than one dimension")
    return convert(value)


def same(value: Any) -> Any:
    """The conversion of what CQL takes as Avro gives it."""
    return value


# PostgreSQL's NUMERIC has up to 147,455 digits. The default context would round to 28 of them, and
# beyond 4,300 Python refuses to turn text into the integer that the driver makes of a Decimal.
_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)
sys.set_int_max_str_digits(150_000)


def _variable_scale(value: Mapping[str, Any]) -> Decimal:
    unscaled = int.from_bytes(value["value"], "big", signed=True)
    return Decimal(unscaled).scaleb(-value["scale"], _EXACT)


_SOURCE_TYPE = "__debezium.source.column.type"
"""Schema parameter that `datatype.propagate.source.type` adds: the PostgreSQL type in capitals."""
_SOURCE_SCALE = "__debezium.source.column.scale"
_MAX_SCALE = 1000
_SPECIAL = ("NAN", "POSITIVE_INFINITY", "NEGATIVE_INFINITY")


def _decimal_of(parameters: Mapping[str, str]) -> Convert:
    """From the text that `decimal.handling.mode=string` gives.

    A negative scale reaches Debezium as a number beyond PostgreSQL's largest one, and it adds as many
    zeros: numeric(3,-2) has whole numbers, with 2046 zeros behind the point.
    """
    whole = int(parameters.get(_SOURCE_SCALE, "0")) > _MAX_SCALE

    def convert(text: str) -> Decimal:
        if text in _SPECIAL:
            raise ValueError("CQL's decimal has neither NaN nor infinity")
        return Decimal(text.partition(".")[0] if whole else text)

    return convert


_PRIMITIVE = {
    "boolean": "boolean",
    "int": "int",
    "long": "bigint",
    "float": "float",
    "double": "double",
    "string": "text",
    "bytes": "blob",
}

# Debezium documentation, PostgreSQL connector, "Data type mappings"; timestamps are in instants.
_SEMANTIC: Mapping[str, tuple[str, Convert]] = {
    "io.debezium.data.Uuid": ("uuid", UUID),
    "io.debezium.data.Json": ("text", same),
    "io.debezium.data.Xml": ("text", same),
    "io.debezium.data.Enum": ("text", same),
    "io.debezium.data.Ltree": ("text", same),
    "io.debezium.data.Tsvector": ("text", same),
    "io.debezium.data.Bits": ("blob", same),
    "io.debezium.data.VariableScaleDecimal": ("decimal", _variable_scale),
    "io.debezium.time.Date": ("date", instants.date),
    "io.debezium.time.Time": ("time", lambda ms: instants.time(ms * 1_000_000)),
    "io.debezium.time.MicroTime": ("time", lambda us: instants.time(us * 1000)),
    "io.debezium.time.NanoTime": ("time", instants.time),
    "io.debezium.time.ZonedTime": ("text", same),
    "io.debezium.time.Interval": ("text", same),
    "io.debezium.time.MicroDuration": ("bigint", same),
    **{name: ("text", convert) for name, convert in geometry.SEMANTIC.items()},
}
