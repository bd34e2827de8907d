"""Cassandra's bytes as a person reads them."""

import struct
from datetime import UTC, date, datetime, timedelta
from decimal import MAX_EMAX, MAX_PREC, MIN_EMIN, Context, Decimal
from uuid import UUID

from walflow.verify.conversions import UNREPRESENTABLE, list_element
from walflow.verify.rows import values

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EXACT = Context(prec=MAX_PREC, Emin=MIN_EMIN, Emax=MAX_EMAX)


def shown(cql_type: str, value: bytes | None) -> str | None:
    """A value of a CQL type as text; None for null."""
    if value is None:
        return None
    if value == UNREPRESENTABLE:
        return f"(a value that has no place in {cql_type})"
    try:
        return _text(cql_type, value)
    except (ValueError, struct.error):
        return f"0x{value.hex()}"


def _text(cql_type: str, value: bytes) -> str:
    element = list_element(cql_type)
    if element is not None:
        return f"[{', '.join(str(shown(element, item)) for item in values(value[4:]))}]"
    match cql_type:
        case "text" | "ascii":
            return value.decode()
        case "smallint" | "int" | "bigint":
            return str(int.from_bytes(value, "big", signed=True))
        case "boolean":
            return "false" if value == b"\0" else "true"
        case "uuid":
            return str(UUID(bytes=value))
        case "float" | "double":
            return repr(struct.unpack(">f" if len(value) == 4 else ">d", value)[0])
        case "decimal":
            unscaled = int.from_bytes(value[4:], "big", signed=True)
            scale = int.from_bytes(value[:4], "big", signed=True)
            return f"{Decimal(unscaled).scaleb(-scale, _EXACT):f}"
        case "date":
            return _date(int.from_bytes(value, "big") - 2**31)
        case "time":
            return _time(int.from_bytes(value, "big", signed=True))
        case "timestamp":
            return _timestamp(int.from_bytes(value, "big", signed=True))
        case _:
            return f"0x{value.hex()}"


def _date(days: int) -> str:
    """ISO 8601; days since 1970 where Python has no such year."""
    try:
        return (date(1970, 1, 1) + timedelta(days=days)).isoformat()
    except OverflowError:
        return f"{days} days since 1970-01-01"


def _timestamp(milliseconds: int) -> str:
    try:
        return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds")
    except OverflowError:
        return f"{milliseconds} ms since 1970-01-01"


def _time(nanoseconds: int) -> str:
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:09}"
