"""Values of PostgreSQL, in its binary form, as the bytes that Cassandra has of them.

One entry for each pair of a PostgreSQL type and the CQL type of the target's column. It follows what
Debezium 3.7 sends with connect/connectors/users.json and what spark/change_stream/columns.py makes of
it, but shares no code with them: verify would not see a mistake that it shares. Binary forms are those
of PostgreSQL's `*_send` functions (src/backend/utils/adt) and of Cassandra's native protocol v5, §6.
"""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

Convert = Callable[[bytes], bytes | None]

UNREPRESENTABLE = b"\x00walflow: this value has no place in its CQL type"
"""Stands for a value that the stream cannot have written; equal to no real one."""

_LIST = re.compile(r"(frozen<)?list<(.+?)>(?(1)>)$")
_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")
_UINT32 = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class PgType:
    """A column's type; of a domain, the type below it."""

    name: str
    """As in pg_type: int4, bpchar, …; of an array, that of its elements with [] behind it."""
    modifier: int = -1
    """atttypmod: lengths and precisions; -1 for none."""
    is_enum: bool = False
    """Whether it, or its elements, are of an enumerated type."""

    @property
    def element(self) -> "PgType | None":
        if not self.name.endswith("[]"):
            return None
        return PgType(self.name.removesuffix("[]"), self.modifier, self.is_enum)


@dataclass(frozen=True, slots=True)
class Conversion:
    """How a column is read from PostgreSQL and brought into Cassandra's form."""

    convert: Convert | None = None
    """From the binary value; None where both have the same bytes."""
    expression: str = "{column}"
    """SQL that reads the column."""
    normal: Convert | None = None
    """Applied to Cassandra's bytes, where several forms mean one value."""
    match: str | None = "{column} = {key}::{type}"
    """SQL that finds rows by a value that was read from Cassandra, given as text; it may find too many.
    None: rows cannot be found by it."""


class Unsupported(Exception):
    """No entry for this pair of types."""


def conversion(source: PgType, cql_type: str, exact: bool = False) -> Conversion:
    """The conversion from a PostgreSQL type to a CQL type.

    Args:
        cql_type: as the driver's metadata writes it, e.g. `timestamp` or `frozen<list<int>>`.
        exact: whether Cassandra's very bytes are needed, as of a key; there is no `normal` then.

    Raises:
        Unsupported: there is none.
    """
    element = source.element
    if element is not None:
        return _array(element, cql_type)
    if source.is_enum and cql_type == "text":
        return _SAME
    if (source.name, source.modifier, cql_type) == ("numeric", -1, "decimal") and not exact:
        return _NUMBER
    found = _SCALARS.get((source.name, cql_type))
    if found is not None:
        return found
    if cql_type == "blob" and not is_known(source):
        return _UNKEYED_TEXT  # include.unknown.datatypes=true: the bytes of the text
    raise Unsupported(f"verify knows no way from {source.name} to {cql_type}")


def is_known(source: PgType) -> bool:
    return source.is_enum or any(name == source.name for name, _ in _SCALARS)


def list_element(cql_type: str) -> str | None:
    """The type of a list's elements; None for what is no list."""
    match = _LIST.fullmatch(cql_type)
    return match[2] if match else None


def natural_type(source: PgType, micros: bool = False) -> str:
    """The CQL type that the stream gives a column, where the target does not tell.

    Args:
        micros: as the table's `timestamps = "micros"`.
    """
    element = source.element
    if element is not None:
        return f"frozen<list<{natural_type(element, micros)}>>"
    if micros and source.name in ("timestamp", "timestamptz"):
        return "bigint"
    if source.is_enum:
        return "text"
    if source.name in ("bit", "varbit"):
        return "boolean" if source.modifier == 1 else "blob"
    return next((cql_type for name, cql_type in _SCALARS if name == source.name), "blob")


# --- numbers ----------------------------------------------------------------------------------------


def _resized(size: int, value: bytes) -> bytes:
    """An integer in a column of another size, where PostgreSQL's type was changed.

    Raises:
        OverflowError: it is too large: the stream makes a dead letter of it.
    """
    return int.from_bytes(value, "big", signed=True).to_bytes(size, "big", signed=True)


def _unsigned_to_bigint(value: bytes) -> bytes:
    return b"\0\0\0\0" + value


def _float(canonical: bytes, value: bytes) -> bytes:
    """NaN has many forms in PostgreSQL and one in Java, through which it goes."""
    if value[0] & 0x7F != 0x7F:
        return value
    number = struct.unpack(">f" if len(value) == 4 else ">d", value)[0]
    return value if number == number else canonical


def _decimal(unscaled: int, scale: int) -> bytes:
    """CQL decimal: the scale in four bytes, then the unscaled number in as few as it needs."""
    length = (unscaled + (unscaled < 0)).bit_length() // 8 + 1
    return _INT32.pack(scale) + unscaled.to_bytes(length, "big", signed=True)


def _integer_as_decimal(value: bytes) -> bytes:
    return _decimal(int.from_bytes(value, "big", signed=True), 0)


def _float_as_double(value: bytes) -> bytes:
    number = struct.unpack(">f", value)[0]
    return struct.pack(">d", number) if number == number else b"\x7f\xf8" + b"\0" * 6


_NEGATIVE = 0x4000
_SPECIAL = 0xC000


def _numeric_parts(value: bytes) -> tuple[int, int]:
    """Unscaled number and scale of numeric_send's base-10000 digits."""
    count, weight, sign, scale = struct.unpack_from(">hhHh", value)
    if sign & _SPECIAL == _SPECIAL:
        raise ValueError("NaN and infinity are no decimals")
    number = 0
    for digit in struct.unpack_from(f">{count}h", value, 8):
        number = number * 10000 + digit
    # The last digit stands for 10000 ** (weight - count + 1).
    power = 4 * (weight - count + 1) + scale
    number = number * 10**power if power >= 0 else number // 10**-power
    return (-number if sign == _NEGATIVE else number), scale


def _numeric(value: bytes) -> bytes:
    return _decimal(*_numeric_parts(value))


def _shortest_numeric(value: bytes) -> bytes:
    """Of a column without precision, 1.0 and 1.00 are compared as the number that they are.

    Which zeros Debezium sends behind the point depends on its decimal.handling.mode.
    """
    return _decimal(*_without_zeros(*_numeric_parts(value)))


def _shortest_decimal(value: bytes) -> bytes:
    scale = _INT32.unpack_from(value)[0]
    return _decimal(*_without_zeros(int.from_bytes(value[4:], "big", signed=True), scale))


def _without_zeros(number: int, scale: int) -> tuple[int, int]:
    while scale > 0 and number % 10 == 0:
        number //= 10
        scale -= 1
    return number, scale


_NAMED = {b"NaN": b"NAN", b"Infinity": b"POSITIVE_INFINITY", b"-Infinity": b"NEGATIVE_INFINITY"}


def _named_numeric(value: bytes) -> bytes:
    """Of a domain over numeric the stream gets a text, with Debezium's names of what is no number."""
    return _NAMED.get(value, value)


def _money(value: bytes) -> bytes:
    """Cents; Debezium's money.fraction.digits is 2."""
    return _decimal(_INT64.unpack(value)[0], 2)


# --- dates and times --------------------------------------------------------------------------------

_EPOCH_DAYS = 10957
"""PostgreSQL counts from 2000-01-01, this many days after 1970-01-01."""
_EPOCH_US = _EPOCH_DAYS * 86_400_000_000
_DAY_US = 86_400_000_000
# PostgreSQL's infinities are the last and first numbers of its types; so are those of the stream in CQL.
_INFINITE_DATES = {b"\x7f\xff\xff\xff": b"\xff" * 4, b"\x80\0\0\0": b"\0" * 4}
_INFINITE_TIMES = (b"\x7f" + b"\xff" * 7, b"\x80" + b"\0" * 7)


def _date(value: bytes) -> bytes:
    if value in _INFINITE_DATES:
        return _INFINITE_DATES[value]
    return _UINT32.pack(_INT32.unpack(value)[0] + _EPOCH_DAYS + 2**31)


def _time(value: bytes) -> bytes:
    microseconds = _INT64.unpack(value)[0]
    if microseconds >= _DAY_US:
        raise ValueError("CQL's time has no 24:00:00")
    return _INT64.pack(microseconds * 1000)


def _milliseconds(value: bytes) -> bytes:
    if value in _INFINITE_TIMES:
        return value
    return _INT64.pack((_INT64.unpack(value)[0] + _EPOCH_US) // 1000)


def _microseconds(value: bytes) -> bytes:
    if value in _INFINITE_TIMES:
        return value
    return _INT64.pack(_INT64.unpack(value)[0] + _EPOCH_US)


def _clock(microseconds: int) -> str:
    """HH:MM:SS and as many digits of a fraction as there are, Java's ISO_LOCAL_TIME."""
    seconds, fraction = divmod(microseconds, 1_000_000)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:06}".rstrip("0") if fraction else text


def _time_at_utc(value: bytes) -> bytes:
    """timetz_send: the local time, then the zone in seconds west of UTC."""
    local, west = struct.unpack(">qi", value)
    if (local, west) == (_DAY_US, 0):
        return b"24:00:00Z"
    return f"{_clock((local + west * 1_000_000) % _DAY_US)}Z".encode()


def _interval(value: bytes) -> bytes:
    """ISO 8601 with every field, each with its own sign, as Debezium's Interval.toIsoString."""
    microseconds, days, all_months = struct.unpack(">qii", value)
    years, months = _towards_zero(all_months, 12)
    hours, left = _towards_zero(microseconds, 3_600_000_000)
    minutes, left = _towards_zero(left, 60_000_000)
    whole, fraction = divmod(abs(left), 1_000_000)
    seconds = f"{whole}.{fraction:06}".rstrip("0").rstrip(".") if fraction else str(whole)
    sign = "-" if left < 0 else ""
    return f"P{years}Y{months}M{days}DT{hours}H{minutes}M{sign}{seconds}S".encode()


def _towards_zero(number: int, divisor: int) -> tuple[int, int]:
    quotient, rest = divmod(abs(number), divisor)
    return (-quotient, -rest) if number < 0 else (quotient, rest)


# --- the rest ---------------------------------------------------------------------------------------


def _without_version(value: bytes) -> bytes:
    """jsonb_send puts a version byte before the text."""
    return value[1:]


def _bits(value: bytes) -> int:
    """The number that a string of bits is; bit_send gives their count, then the bits from the left."""
    count = int.from_bytes(value[:4], "big")
    return int.from_bytes(value[4:], "big") >> (-count % 8)


def _bit_string(value: bytes) -> bytes:
    """Java's BitSet.toByteArray: little-endian, without zero bytes at the end."""
    number = _bits(value)
    return number.to_bytes((number.bit_length() + 7) // 8, "little")


def _bit(value: bytes) -> bytes:
    return b"\x01" if _bits(value) else b"\x00"


def _hstore(value: bytes) -> bytes:
    """hstore_send: the count, then keys and values, each with its length."""
    (count,) = _INT32.unpack_from(value)
    fields: list[str | None] = []
    position = 4
    for _ in range(2 * count):
        (length,) = _INT32.unpack_from(value, position)
        position += 4
        fields.append(None if length < 0 else value[position : position + length].decode())
        position += max(length, 0)
    return _sorted_json(dict(zip(fields[::2], fields[1::2], strict=True)))


def _normal_json(value: bytes) -> bytes:
    """The order of hstore's keys is that of a Java HashMap."""
    try:
        return _sorted_json(json.loads(value))
    except ValueError:
        return value


def _sorted_json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()


def _array(element: PgType, cql_type: str) -> Conversion:
    """Elements that are read as text are so as the array's own output shows them."""
    inner_type = list_element(cql_type)
    if inner_type is None:
        return _LOST
    inner = conversion(element, inner_type)
    is_frozen = cql_type.startswith("frozen")
    return Conversion(
        partial(_list, inner.convert, is_frozen),
        expression="{column}" if inner.expression == "{column}" else _AS_TEXTS,
        normal=inner.normal and partial(_normal_list, inner.normal),
        match=None,
    )


def _lost(value: bytes) -> bytes:
    raise ValueError("Debezium sends null for it")


def _list(convert: Convert | None, frozen: bool, value: bytes) -> bytes | None:
    """array_send's header and elements → the count and the elements, each with its length."""
    dimensions = _INT32.unpack_from(value)[0]
    if dimensions == 0:
        # Cassandra keeps no empty collection unless it is frozen: it reads as null.
        return _INT32.pack(0) if frozen else None
    if dimensions > 1:
        raise ValueError("an array of arrays is no list")
    count = _INT32.unpack_from(value, 12)[0]
    return _elements(convert, count, value, 20)


def _normal_list(normal: Convert, value: bytes) -> bytes:
    try:
        return _elements(normal, _INT32.unpack_from(value)[0], value, 4)
    except ValueError:
        return value


def _elements(convert: Convert | None, count: int, value: bytes, position: int) -> bytes:
    """A CQL list of the elements from a position on, each of which has its length before it."""
    parts = [_INT32.pack(count)]
    for _ in range(count):
        (length,) = _INT32.unpack_from(value, position)
        if length < 0:
            raise ValueError("CQL collections hold no nulls")
        item: bytes | None = value[position + 4 : position + 4 + length]
        position += 4 + length
        if convert is not None and item is not None:
            item = convert(item)
        parts += [_INT32.pack(len(item or b"")), item or b""]
    return b"".join(parts)


_AS_TEXT = "{column}::text"
_AS_TEXTS = "textin(array_out({column}))::text[]"
_SAME = Conversion()
_TEXT = Conversion(expression=_AS_TEXT)
_UNKEYED_TEXT = Conversion(expression=_AS_TEXT, match=None)
_NUMBER = Conversion(_shortest_numeric, normal=_shortest_decimal)
_LOST = Conversion(_lost, match=None)
_INET = Conversion(expression="textin(inet_out({column}))")  # ::text would add /32
_DATE_MATCH = "{column} = DATE '1970-01-01' + {key}::int"
_MS_MATCH = (
    "{column} >= {epoch} + {key}::bigint * INTERVAL '1 ms'"
    " AND {column} < {epoch} + ({key}::bigint + 1) * INTERVAL '1 ms'"
)
_US_MATCH = "{column} = {epoch} + {key}::bigint * INTERVAL '1 us'"
_TIME_MATCH = "{column} = TIME '00:00' + {key}::bigint / 1000 * INTERVAL '1 us'"
_LOCAL_EPOCH = "TIMESTAMP 'epoch'"
_UTC_EPOCH = "TIMESTAMPTZ 'epoch'"


def _instant(convert: Convert, match: str, epoch: str) -> Conversion:
    return Conversion(convert, match=match.replace("{epoch}", epoch))


# Of a PostgreSQL type, the CQL type that the stream gives it comes first.
_SCALARS: dict[tuple[str, str], Conversion] = {
    ("bool", "boolean"): _SAME,
    ("int2", "smallint"): _SAME,
    ("int2", "int"): Conversion(partial(_resized, 4)),
    ("int2", "bigint"): Conversion(partial(_resized, 8)),
    ("int2", "decimal"): Conversion(_integer_as_decimal),
    ("int4", "int"): _SAME,
    ("int4", "bigint"): Conversion(partial(_resized, 8)),
    ("int4", "smallint"): Conversion(partial(_resized, 2)),
    ("int4", "decimal"): Conversion(_integer_as_decimal),
    ("int8", "bigint"): _SAME,
    ("int8", "int"): Conversion(partial(_resized, 4)),
    ("int8", "smallint"): Conversion(partial(_resized, 2)),
    ("int8", "decimal"): Conversion(_integer_as_decimal),
    ("oid", "bigint"): Conversion(_unsigned_to_bigint),
    ("float4", "float"): Conversion(partial(_float, b"\x7f\xc0\0\0")),
    ("float4", "double"): Conversion(_float_as_double),
    ("float8", "double"): Conversion(partial(_float, b"\x7f\xf8" + b"\0" * 6)),
    ("numeric", "decimal"): Conversion(_numeric),
    ("numeric", "text"): Conversion(_named_numeric, expression=_AS_TEXT),
    ("money", "decimal"): Conversion(_money, match="{column} = {key}::numeric::money"),
    ("text", "text"): _SAME,
    ("varchar", "text"): _SAME,
    ("bpchar", "text"): _SAME,
    ("char", "text"): _SAME,
    ("name", "text"): _SAME,
    ("citext", "text"): _SAME,
    ("json", "text"): Conversion(match=None),
    ("jsonb", "text"): Conversion(_without_version),
    ("xml", "text"): _UNKEYED_TEXT,
    ("uuid", "uuid"): _SAME,
    ("bytea", "blob"): _SAME,
    ("date", "date"): Conversion(_date, match=_DATE_MATCH),
    ("time", "time"): Conversion(_time, match=_TIME_MATCH),
    ("timetz", "text"): Conversion(_time_at_utc, match=None),
    ("timestamp", "timestamp"): _instant(_milliseconds, _MS_MATCH, _LOCAL_EPOCH),
    ("timestamp", "bigint"): _instant(_microseconds, _US_MATCH, _LOCAL_EPOCH),
    ("timestamptz", "timestamp"): _instant(_milliseconds, _MS_MATCH, _UTC_EPOCH),
    ("timestamptz", "bigint"): _instant(_microseconds, _US_MATCH, _UTC_EPOCH),
    ("interval", "text"): Conversion(_interval),
    ("bit", "boolean"): Conversion(_bit, match=None),
    ("bit", "blob"): Conversion(_bit_string, match=None),
    ("varbit", "boolean"): Conversion(_bit, match=None),
    ("varbit", "blob"): Conversion(_bit_string, match=None),
    ("hstore", "text"): Conversion(_hstore, normal=_normal_json, match=None),
    ("inet", "text"): _INET,
    ("cidr", "text"): _TEXT,
    ("macaddr", "text"): _TEXT,
    ("macaddr8", "text"): _TEXT,
    ("int4range", "text"): _TEXT,
    ("int8range", "text"): _TEXT,
    ("numrange", "text"): _TEXT,
    ("daterange", "text"): _TEXT,
    ("tsrange", "text"): _TEXT,
    ("tstzrange", "text"): _TEXT,
    ("tsvector", "text"): _UNKEYED_TEXT,
    ("point", "text"): _UNKEYED_TEXT,
    ("line", "text"): _UNKEYED_TEXT,
    ("lseg", "text"): _UNKEYED_TEXT,
    ("box", "text"): _UNKEYED_TEXT,
    ("path", "text"): _UNKEYED_TEXT,
    ("polygon", "text"): _UNKEYED_TEXT,
    ("circle", "text"): _UNKEYED_TEXT,
    ("ltree", "text"): _TEXT,
}
