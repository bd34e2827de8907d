"""PostgreSQL's binary values as Cassandra's bytes, against the driver's own serialization."""

import json
import math
import struct
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from uuid import UUID

import pytest
from cassandra import cqltypes, util
from hypothesis import given
from hypothesis import strategies as st

from walflow.verify.conversions import (
    PgType,
    Unsupported,
    conversion,
    natural_type,
)

V5 = 5
INT64 = st.integers(-(2**63), 2**63 - 1)
DAY_US = 86_400_000_000
EPOCH_US = 10957 * DAY_US
"""2000-01-01, from which PostgreSQL counts, in microseconds since 1970."""


def converted(name: str, cql_type: str, value: bytes, modifier: int = 0) -> bytes | None:
    convert = conversion(PgType(name, modifier), cql_type).convert
    return value if convert is None else convert(value)


@given(st.integers(-(2**31), 2**31 - 1))
def test_integers_have_one_form_and_are_widened_where_the_target_is_wider(number: int) -> None:
    sent = struct.pack(">i", number)
    assert converted("int4", "int", sent) == cqltypes.Int32Type.serialize(number, V5)
    assert converted("int4", "bigint", sent) == cqltypes.LongType.serialize(number, V5)


@given(st.integers(0, 2**32 - 1))
def test_oid_is_unsigned(number: int) -> None:
    wanted = cqltypes.LongType.serialize(number, V5)
    assert converted("oid", "bigint", struct.pack(">I", number)) == wanted


@given(st.text().map(str.encode))
def test_texts_are_the_same_bytes(text: bytes) -> None:
    for name in ("text", "varchar", "bpchar", "citext"):
        assert converted(name, "text", text) == text
    assert converted("jsonb", "text", b"\x01" + text) == text


@given(st.booleans(), st.uuids(), st.binary())
def test_booleans_uuids_and_bytes_are_the_same_bytes(flag: bool, uuid: UUID, data: bytes) -> None:
    sent = b"\x01" if flag else b"\x00"
    assert converted("bool", "boolean", sent) == cqltypes.BooleanType.serialize(flag, V5)
    assert converted("uuid", "uuid", uuid.bytes) == cqltypes.UUIDType.serialize(uuid, V5)
    assert converted("bytea", "blob", data) == data


@given(st.floats())
def test_doubles_are_the_same_bytes_and_every_nan_is_one(number: float) -> None:
    sent = struct.pack(">d", number)
    wanted = struct.pack(">d", math.nan) if math.isnan(number) else sent
    assert converted("float8", "double", sent) == wanted


@given(st.integers(0, 2**32 - 1))
def test_floats_are_the_same_bytes_and_every_nan_is_one(bits: int) -> None:
    sent = struct.pack(">I", bits)
    is_nan = math.isnan(struct.unpack(">f", sent)[0])
    wanted = struct.pack(">f", math.nan) if is_nan else sent
    assert converted("float4", "float", sent) == wanted


def numeric_send(number: Decimal) -> bytes:
    """numeric_send of src/backend/utils/adt/numeric.c: base-10000 digits, without zeros at the ends."""
    sign = number.is_signed()
    whole, _, fraction = f"{number:f}".lstrip("-").partition(".")
    scale = len(fraction)
    whole = whole.rjust(-(-len(whole) // 4) * 4, "0")
    fraction = fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    groups = [int((whole + fraction)[i : i + 4]) for i in range(0, len(whole + fraction), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    weight = weight if groups else 0
    negative = 0x4000 if sign and groups else 0
    return struct.pack(f">hhHh{len(groups)}h", len(groups), weight, negative, scale, *groups)


@given(INT64, st.sampled_from([("smallint", 2), ("int", 4)]))
def test_an_integer_is_in_a_smaller_column_if_it_fits(number: int, column: tuple[str, int]) -> None:
    cql_type, size = column
    sent = struct.pack(">q", number)
    if -(2 ** (8 * size - 1)) <= number < 2 ** (8 * size - 1):
        wanted = number.to_bytes(size, "big", signed=True)
        assert converted("int8", cql_type, sent) == wanted
    else:
        with pytest.raises(OverflowError):
            converted("int8", cql_type, sent)


@given(st.integers(-(2**31), 2**31 - 1))
def test_an_integer_is_in_a_decimal_column(number: int) -> None:
    wanted = cqltypes.DecimalType.serialize(Decimal(number), V5)
    assert converted("int4", "decimal", struct.pack(">i", number)) == wanted


@given(st.floats(width=32))
def test_a_float_is_in_a_double_column(number: float) -> None:
    wanted = cqltypes.DoubleType.serialize(math.nan if math.isnan(number) else number, V5)
    assert converted("float4", "double", struct.pack(">f", number)) == wanted


DECIMALS = st.builds(
    lambda unscaled, scale: Decimal(unscaled).scaleb(-scale, Context(prec=200)),
    st.integers(-(10**60), 10**60),
    st.integers(0, 40),
)


@given(DECIMALS)
def test_numeric_keeps_its_scale(number: Decimal) -> None:
    wanted = cqltypes.DecimalType.serialize(number, V5)
    assert converted("numeric", "decimal", numeric_send(number)) == wanted


@given(DECIMALS)
def test_numeric_without_precision_is_compared_as_a_number(number: Decimal) -> None:
    found = conversion(PgType("numeric", -1), "decimal")
    assert found.convert is not None and found.normal is not None
    in_target = cqltypes.DecimalType.serialize(number, V5)
    assert found.convert(numeric_send(number)) == found.normal(in_target)
    text = f"{number:f}"
    padded = Decimal(f"{text}00" if "." in text else f"{text}.00")
    assert found.normal(cqltypes.DecimalType.serialize(padded, V5)) == found.normal(in_target)


def test_numeric_without_a_value_in_cql_is_refused() -> None:
    for sign in (0xC000, 0xD000, 0xF000):
        with pytest.raises(ValueError):
            converted("numeric", "decimal", struct.pack(">hhHh", 0, 0, sign, 0))


@given(INT64)
def test_money_is_cents(cents: int) -> None:
    wanted = cqltypes.DecimalType.serialize(Decimal(cents).scaleb(-2), V5)
    assert converted("money", "decimal", struct.pack(">q", cents)) == wanted


@given(st.dates())
def test_dates_of_pythons_years_are_as_the_driver_has_them(day: date) -> None:
    sent = struct.pack(">i", (day - date(2000, 1, 1)).days)
    assert converted("date", "date", sent) == cqltypes.SimpleDateType.serialize(util.Date(day), V5)


@given(st.integers(-2_451_545, 2_145_031_948))
def test_every_date_of_postgresql_has_a_place(days: int) -> None:
    wanted = struct.pack(">I", days + 10957 + 2**31)
    assert converted("date", "date", struct.pack(">i", days)) == wanted


@given(st.integers(0, DAY_US - 1))
def test_time_becomes_nanoseconds(microseconds: int) -> None:
    wanted = cqltypes.TimeType.serialize(util.Time(microseconds * 1000), V5)
    assert converted("time", "time", struct.pack(">q", microseconds)) == wanted


def test_the_end_of_the_day_has_no_place_in_time() -> None:
    with pytest.raises(ValueError):
        converted("time", "time", struct.pack(">q", DAY_US))


@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)))
def test_timestamps_are_rounded_down_to_milliseconds(moment: datetime) -> None:
    sent = struct.pack(">q", (moment - datetime(2000, 1, 1)) // timedelta(microseconds=1))
    rounded = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    wanted = cqltypes.DateType.serialize(rounded, V5)
    for name in ("timestamp", "timestamptz"):
        assert converted(name, "timestamp", sent) == wanted


@given(st.integers(-211_813_488_000_000_000, 9_000_000_000_000_000_000 - EPOCH_US))
def test_a_bigint_has_a_timestamps_microseconds(microseconds: int) -> None:
    wanted = struct.pack(">q", microseconds + EPOCH_US)
    assert converted("timestamptz", "bigint", struct.pack(">q", microseconds)) == wanted


def test_infinities_are_the_ends_of_the_cql_types() -> None:
    last, first = struct.pack(">q", 2**63 - 1), struct.pack(">q", -(2**63))
    for cql_type in ("timestamp", "bigint"):
        assert converted("timestamptz", cql_type, last) == last
        assert converted("timestamp", cql_type, first) == first
    assert converted("date", "date", struct.pack(">i", 2**31 - 1)) == b"\xff\xff\xff\xff"
    assert converted("date", "date", struct.pack(">i", -(2**31))) == b"\0\0\0\0"


@pytest.mark.parametrize(
    ("months", "days", "microseconds", "wanted"),
    [
        (14, 3, 14_706_780_000, b"P1Y2M3DT4H5M6.78S"),
        (0, 0, 0, b"P0Y0M0DT0H0M0S"),
        (-14, -3, -14_706_780_000, b"P-1Y-2M-3DT-4H-5M-6.78S"),
        (0, 0, -500_000, b"P0Y0M0DT0H0M-0.5S"),
        (0, 40, 90_000_000_000, b"P0Y0M40DT25H0M0S"),
    ],
)
def test_intervals_are_written_as_debezium_does(
    months: int, days: int, microseconds: int, wanted: bytes
) -> None:
    assert converted("interval", "text", struct.pack(">qii", microseconds, days, months)) == wanted


@pytest.mark.parametrize(
    ("local", "west", "wanted"),
    [
        (12 * 3600 * 1_000_000, 0, b"12:00:00Z"),
        (30 * 60 * 1_000_000, -3600, b"23:30:00Z"),
        (1, 0, b"00:00:00.000001Z"),
        (DAY_US, 0, b"24:00:00Z"),
    ],
)
def test_timetz_is_shown_at_utc(local: int, west: int, wanted: bytes) -> None:
    assert converted("timetz", "text", struct.pack(">qi", local, west)) == wanted


@given(st.text(alphabet="01", min_size=1, max_size=70))
def test_bits_are_little_endian_without_zero_bytes_at_the_end(bits: str) -> None:
    padded = bits.ljust(-(-len(bits) // 8) * 8, "0")
    sent = struct.pack(">i", len(bits)) + int(padded, 2).to_bytes(len(padded) // 8, "big")
    found = converted("varbit", "blob", sent)
    assert found is not None
    assert int.from_bytes(found, "little") == int(bits, 2)
    assert not found.endswith(b"\0")
    assert converted("bit", "boolean", sent) == (b"\x01" if "1" in bits else b"\x00")


@given(st.dictionaries(st.text(), st.none() | st.text()))
def test_hstore_is_compared_whatever_the_order_of_its_keys(pairs: dict[str, str | None]) -> None:
    found = conversion(PgType("hstore"), "text")
    assert found.convert is not None and found.normal is not None
    sent = struct.pack(">i", len(pairs))
    for key, value in pairs.items():
        for part in (key, value):
            data = None if part is None else part.encode()
            sent += struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data
    in_target = json.dumps(dict(reversed(pairs.items()))).encode()
    assert found.convert(sent) == found.normal(in_target)


def array_send(element_oid: int, items: list[bytes | None]) -> bytes:
    """array_send of src/backend/utils/adt/arrayfuncs.c, one dimension from 1 on."""
    header = struct.pack(">iii", 1 if items else 0, None in items, element_oid)
    if items:
        header += struct.pack(">ii", len(items), 1)
    return header + b"".join(
        struct.pack(">i", -1) if item is None else struct.pack(">i", len(item)) + item
        for item in items
    )


@given(st.lists(st.integers(-(2**31), 2**31 - 1)))
def test_arrays_are_frozen_lists(numbers: list[int]) -> None:
    wanted = cqltypes.ListType.apply_parameters([cqltypes.Int32Type]).serialize(numbers, V5)
    sent = array_send(23, [struct.pack(">i", number) for number in numbers])
    assert converted("int4[]", "frozen<list<int>>", sent) == wanted


@given(st.lists(DECIMALS))
def test_the_elements_of_arrays_are_converted(numbers: list[Decimal]) -> None:
    wanted = cqltypes.ListType.apply_parameters([cqltypes.DecimalType]).serialize(numbers, V5)
    sent = array_send(1700, [numeric_send(number) for number in numbers])
    assert converted("numeric[]", "frozen<list<decimal>>", sent) == wanted


def test_an_empty_list_that_is_not_frozen_reads_as_null() -> None:
    assert converted("int4[]", "list<int>", array_send(23, [])) is None
    assert converted("int4[]", "frozen<list<int>>", array_send(23, [])) == b"\0\0\0\0"


def test_a_null_or_a_second_dimension_has_no_place_in_a_list() -> None:
    with pytest.raises(ValueError):
        converted("int4[]", "frozen<list<int>>", array_send(23, [None]))
    two_dimensions = struct.pack(">iii", 2, 0, 23) + struct.pack(">iiii", 1, 1, 1, 1)
    with pytest.raises(ValueError):
        converted("int4[]", "frozen<list<int>>", two_dimensions)


def test_an_enum_is_text_under_any_name() -> None:
    assert conversion(PgType("mood", is_enum=True), "text").convert is None
    assert converted("int4", "int", b"\0\0\0\1") == b"\0\0\0\1"


@pytest.mark.parametrize(("name", "cql_type"), [("int4", "text"), ("int4", "blob"), ("x", "int")])
def test_an_unknown_pair_of_types_is_refused_by_name(name: str, cql_type: str) -> None:
    with pytest.raises(Unsupported, match=f"from {name} to {cql_type}"):
        conversion(PgType(name), cql_type)


def test_an_unknown_type_is_the_bytes_of_its_text() -> None:
    assert conversion(PgType("tsquery"), "blob").expression == "{column}::text"


def test_what_debezium_sends_as_null_equals_nothing() -> None:
    with pytest.raises(ValueError):
        converted("bit[]", "boolean", array_send(1560, []))


def test_a_numeric_in_a_key_keeps_its_scale() -> None:
    found = conversion(PgType("numeric", -1), "decimal", exact=True)
    assert found.normal is None and found.convert is not None
    wanted = cqltypes.DecimalType.serialize(Decimal("1.50"), V5)
    assert found.convert(numeric_send(Decimal("1.50"))) == wanted


def test_a_tables_setting_makes_timestamps_bigint() -> None:
    assert natural_type(PgType("timestamptz"), micros=True) == "bigint"
    assert natural_type(PgType("timestamp[]"), micros=True) == "frozen<list<bigint>>"


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        (PgType("timestamptz"), "timestamp"),
        (PgType("int4[]"), "frozen<list<int>>"),
        (PgType("bit", 1), "boolean"),
        (PgType("bit", 10), "blob"),
        (PgType("mood", is_enum=True), "text"),
        (PgType("tsquery"), "blob"),
    ],
)
def test_the_streams_own_type_is_known(source: PgType, wanted: Any) -> None:
    assert natural_type(source) == wanted
