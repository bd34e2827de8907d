"""Each type that Debezium gives a PostgreSQL column has its CQL type and its exact value there."""

import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any

import fastavro
import pytest
from cassandra.cqltypes import CassandraType, DecimalType, lookup_casstype
from hypothesis import given
from hypothesis import strategies as st

from change_stream.columns import UNAVAILABLE, Unmappable, columns_of, row_schema

UUID_TEXT = "3f2b1c9e-8f0e-4d4c-9c39-3d2b1c9e8f0e"
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
VARIABLE_SCALE = {
    "type": "record",
    "name": "VariableScaleDecimal",
    "namespace": "io.debezium.data",
    "fields": [{"name": "scale", "type": "int"}, {"name": "value", "type": "bytes"}],
    "connect.version": 1,
    "connect.name": "io.debezium.data.VariableScaleDecimal",
}


def semantic(avro: str, name: str) -> dict[str, Any]:
    return {"type": avro, "connect.version": 1, "connect.name": name}


def source_type(avro: str, name: str, scale: int = 0) -> dict[str, Any]:
    """A type with the parameters of `datatype.propagate.source.type`."""
    source = "__debezium.source.column"
    return {
        "type": avro,
        "connect.parameters": {f"{source}.type": name, f"{source}.scale": str(scale)},
    }


def schema_of(*types: Any) -> dict[str, Any]:
    fields = [{"name": f"c{number}", "type": avro} for number, avro in enumerate(types)]
    return {"type": "record", "name": "Value", "fields": fields}


TYPES = [
    ("boolean", "boolean", True, True),
    ("int", "int", -5, -5),
    ({"type": "int", "connect.type": "int16"}, "smallint", 7, 7),
    ({"type": "int", "connect.type": "int8"}, "smallint", 7, 7),
    ("long", "bigint", 2**40, 2**40),
    ("float", "float", 0.5, 0.5),
    ("double", "double", 0.1, 0.1),
    ("string", "text", "Zoë", "Zoë"),
    ("bytes", "blob", b"\x00\xff", b"\x00\xff"),
    (DECIMAL, "decimal", Decimal("12.30"), Decimal("12.30")),
    (VARIABLE_SCALE, "decimal", {"scale": 2, "value": b"\x04\xce"}, Decimal("12.30")),
    (VARIABLE_SCALE, "decimal", {"scale": 0, "value": b"\xff"}, Decimal(-1)),
    (semantic("string", "io.debezium.data.Uuid"), "uuid", UUID_TEXT, uuid.UUID(UUID_TEXT)),
    (semantic("string", "io.debezium.data.Json"), "text", '{"a":1}', '{"a":1}'),
    (semantic("string", "io.debezium.data.Xml"), "text", "<a/>", "<a/>"),
    (semantic("string", "io.debezium.data.Enum"), "text", "happy", "happy"),
    (semantic("string", "io.debezium.data.Ltree"), "text", "a.b", "a.b"),
    (semantic("string", "io.debezium.data.Tsvector"), "text", "'a':1", "'a':1"),
    (semantic("bytes", "io.debezium.data.Bits"), "blob", b"\x05", b"\x05"),
    (semantic("int", "io.debezium.time.Date"), "date", 0, 2**31),
    (semantic("int", "io.debezium.time.Date"), "date", -1, 2**31 - 1),
    (semantic("int", "io.debezium.time.Time"), "time", 1, 1_000_000),
    (semantic("long", "io.debezium.time.MicroTime"), "time", 1, 1000),
    (semantic("long", "io.debezium.time.NanoTime"), "time", 1, 1),
    (semantic("int", "io.debezium.time.Date"), "date", 2_145_042_905, 2**31 + 2_145_042_905),
    # infinity and -infinity, in a change and in a snapshot
    (semantic("int", "io.debezium.time.Date"), "date", 2_146_033_979, 2**32 - 1),
    (semantic("int", "io.debezium.time.Date"), "date", -622_191_234, 2**32 - 1),
    (semantic("int", "io.debezium.time.Date"), "date", -2_147_472_691, 0),
    (semantic("int", "io.debezium.time.Date"), "date", -625_821_272, 0),
    (source_type("string", "NUMERIC"), "decimal", "12.30", Decimal("12.30")),
    (source_type("string", "NUMERIC"), "decimal", "-0.001", Decimal("-0.001")),
    (source_type("string", "MONEY"), "decimal", "1234.50", Decimal("1234.50")),
    (source_type("string", "EMAIL"), "text", "12.30", "12.30"),
    (semantic("long", "io.debezium.time.Timestamp"), "timestamp", 1500, 1500),
    (semantic("long", "io.debezium.time.MicroTimestamp"), "timestamp", 1_999, 1),
    (semantic("long", "io.debezium.time.MicroTimestamp"), "timestamp", -1, -1),
    (semantic("long", "io.debezium.time.NanoTimestamp"), "timestamp", 1_999_999, 1),
    (semantic("long", "io.debezium.time.NanoTimestamp"), "timestamp", -1, -1),
    (
        semantic("string", "io.debezium.time.ZonedTimestamp"),
        "timestamp",
        "2024-05-05T10:20:30.123999Z",
        1_714_904_430_123,
    ),
    (semantic("string", "io.debezium.time.ZonedTime"), "text", "10:20:30Z", "10:20:30Z"),
    (semantic("string", "io.debezium.time.Interval"), "text", "P1Y2M", "P1Y2M"),
    (semantic("long", "io.debezium.time.MicroDuration"), "bigint", 31_557_600, 31_557_600),
    # Semantic types that are not named here fall back on their Avro type.
    (semantic("int", "io.debezium.time.Year"), "int", 2024, 2024),
]

CASSANDRA_TYPES = {
    "boolean": "BooleanType",
    "smallint": "ShortType",
    "int": "Int32Type",
    "bigint": "LongType",
    "float": "FloatType",
    "double": "DoubleType",
    "text": "UTF8Type",
    "blob": "BytesType",
    "decimal": "DecimalType",
    "uuid": "UUIDType",
    "date": "SimpleDateType",
    "time": "TimeType",
    "timestamp": "DateType",
}


@pytest.mark.parametrize(("avro", "cql", "value", "expected"), TYPES)
def test_a_debezium_type_has_its_cql_type_and_value(
    avro: Any, cql: str, value: Any, expected: Any
) -> None:
    (column,) = columns_of(schema_of(avro))

    assert column.name == "c0"
    assert column.cql_type == cql
    assert column.convert(value) == expected


@pytest.mark.parametrize(("avro", "cql", "value", "expected"), TYPES)
def test_the_driver_takes_each_converted_value_for_its_cql_type(
    avro: Any, cql: str, value: Any, expected: Any
) -> None:
    (column,) = columns_of(schema_of(avro))
    driver_type: CassandraType = lookup_casstype(CASSANDRA_TYPES[column.cql_type])

    written = driver_type.serialize(column.convert(value), 5)

    assert written == driver_type.serialize(driver_type.deserialize(written, 5), 5)


@pytest.mark.parametrize(("avro", "cql", "value", "expected"), TYPES)
@pytest.mark.parametrize("null_first", [True, False])
def test_an_optional_column_has_the_type_within_its_union(
    avro: Any, cql: str, value: Any, expected: Any, null_first: bool
) -> None:
    (column,) = columns_of(schema_of(["null", avro] if null_first else [avro, "null"]))

    assert column.cql_type == cql
    assert column.convert(value) == expected


def test_a_second_unconstrained_numeric_is_known_by_its_name_alone() -> None:
    parsed: Any = fastavro.parse_schema(
        schema_of(["null", VARIABLE_SCALE], ["null", "io.debezium.data.VariableScaleDecimal"])
    )

    first, second = columns_of(parsed)

    assert (first.cql_type, second.cql_type) == ("decimal", "decimal")
    assert second.convert({"scale": 1, "value": b"\x0f"}) == Decimal("1.5")


def test_an_array_is_a_list_of_converted_elements() -> None:
    date = semantic("int", "io.debezium.time.Date")

    (column,) = columns_of(schema_of(["null", {"type": "array", "items": ["null", date]}]))

    assert column.cql_type == "frozen<list<date>>"
    assert column.convert([0, 1]) == [2**31, 2**31 + 1]
    assert column.convert([]) == []


def test_a_map_has_converted_values() -> None:
    decimals = {"type": "map", "values": VARIABLE_SCALE}

    (column,) = columns_of(schema_of(decimals))

    assert column.cql_type == "frozen<map<text, decimal>>"
    assert column.convert({"a": {"scale": 0, "value": b"\x02"}}) == {"a": Decimal(2)}


def test_collections_are_frozen_at_every_level() -> None:
    texts = {"type": "array", "items": "string"}

    columns = columns_of(
        schema_of({"type": "array", "items": texts}, {"type": "map", "values": texts})
    )

    assert [c.cql_type for c in columns] == [
        "frozen<list<frozen<list<text>>>>",
        "frozen<map<text, frozen<list<text>>>>",
    ]


@pytest.mark.parametrize(
    ("avro", "value"),
    [
        ({"type": "array", "items": ["null", "string"]}, ["a", None]),
        ({"type": "map", "values": ["null", "string"]}, {"a": None}),
    ],
    ids=["array", "map"],
)
def test_a_null_within_a_collection_is_refused_and_never_becomes_an_empty_value(
    avro: Any, value: Any
) -> None:
    (column,) = columns_of(schema_of(avro))

    with pytest.raises(ValueError, match="hold no nulls"):
        column.convert(value)


@pytest.mark.parametrize(
    "row", ["[Ljava.lang.String;@152d33c2", "[[Ljava.lang.Object;@3ca2", "[B@5bc0800e"]
)
def test_javas_name_of_an_array_never_becomes_a_text(row: str) -> None:
    (column,) = columns_of(schema_of({"type": "array", "items": "string"}))

    with pytest.raises(ValueError, match="more than one dimension"):
        column.convert([row, row])


@pytest.mark.parametrize("text", ["[]", "[L", "[I]", "a[I@1f", "[Ljava@"])
def test_a_text_that_only_begins_like_it_is_kept(text: str) -> None:
    (column,) = columns_of(schema_of({"type": "array", "items": "string"}))

    assert column.convert([text]) == [text]


def test_a_record_without_a_cql_counterpart_is_unmappable_and_named() -> None:
    sparse = {
        "type": "record",
        "name": "SparseDoubleVector",
        "fields": [],
        "connect.name": "io.debezium.data.SparseDoubleVector",
    }

    with pytest.raises(
        Unmappable, match=r"column c1: no CQL type for io\.debezium\.data\.SparseDoubleVector"
    ):
        columns_of(schema_of("int", ["null", sparse]))


@pytest.mark.parametrize("special", ["NAN", "POSITIVE_INFINITY", "NEGATIVE_INFINITY"])
def test_a_numeric_that_is_no_number_is_refused(special: str) -> None:
    (column,) = columns_of(schema_of(source_type("string", "NUMERIC")))

    with pytest.raises(ValueError, match="neither NaN nor infinity"):
        column.convert(special)


def test_a_numeric_of_negative_scale_loses_the_zeros_that_debezium_adds() -> None:
    (column,) = columns_of(schema_of(source_type("string", "NUMERIC", scale=2046)))

    number = column.convert("-12300." + "0" * 2046)

    assert (number, number.as_tuple().exponent) == (Decimal(-12300), 0)


def test_an_array_of_numeric_is_a_list_of_decimals() -> None:
    numbers = {**source_type("array", "_NUMERIC"), "items": ["null", "string"]}

    (column,) = columns_of(schema_of(numbers))

    assert column.cql_type == "frozen<list<decimal>>"
    assert column.convert(["1.50", "2"]) == [Decimal("1.50"), Decimal(2)]


@pytest.mark.parametrize(("digits", "scale"), [(131_072, 0), (147_455, 16_383)])
def test_the_driver_takes_a_numeric_of_the_greatest_length(digits: int, scale: int) -> None:
    (column,) = columns_of(schema_of(source_type("string", "NUMERIC")))
    text = "9" * (digits - scale) + ("." + "9" * scale if scale else "")

    written = DecimalType.serialize(column.convert(text), 5)

    assert int.from_bytes(written[:4], "big") == scale
    assert int.from_bytes(written[4:], "big") == 10**digits - 1


@pytest.mark.parametrize("days", [-2_440_589, 2_145_042_906, -(2**31)])
def test_days_that_postgresql_does_not_have_are_refused(days: int) -> None:
    (column,) = columns_of(schema_of(semantic("int", "io.debezium.time.Date")))

    with pytest.raises(ValueError, match="no such date"):
        column.convert(days)


@pytest.mark.parametrize(
    ("name", "midnight"),
    [("Time", 86_400_000), ("MicroTime", 86_400_000_000), ("NanoTime", 86_400_000_000_000)],
)
def test_the_end_of_the_day_has_no_place_in_cqls_time(name: str, midnight: int) -> None:
    (column,) = columns_of(schema_of(semantic("long", f"io.debezium.time.{name}")))

    with pytest.raises(ValueError, match="24:00"):
        column.convert(midnight)
    assert column.convert(midnight - 1) < 86_400_000_000_000


def test_the_row_is_what_the_envelope_defines_under_before() -> None:
    row = schema_of("int")
    envelope = {
        "type": "record",
        "name": "Envelope",
        "fields": [
            {"name": "before", "type": ["null", row]},
            {"name": "after", "type": ["null", "Value"]},
        ],
    }

    assert row_schema(envelope) == row


def test_a_schema_without_before_is_no_envelope() -> None:
    with pytest.raises(Unmappable, match="no field before"):
        row_schema(schema_of("int"))


@pytest.mark.parametrize(
    "placeholder",
    [
        UNAVAILABLE,
        UNAVAILABLE.encode(),
        [UNAVAILABLE],
        [UNAVAILABLE.encode()],
        list(UNAVAILABLE.encode()),
        # java.util.UUID.nameUUIDFromBytes of the placeholder
        ["b68a35a7-17ad-35b3-af2a-ae46edb4545a"],
        {UNAVAILABLE: UNAVAILABLE},
        f'{{"{UNAVAILABLE}":"{UNAVAILABLE}"}}',
    ],
    ids=["text", "bytea", "text[]", "bytea[]", "int[]", "uuid[]", "hstore map", "hstore json"],
)
def test_the_placeholder_of_an_untouched_value_is_known_in_each_form(placeholder: Any) -> None:
    (column,) = columns_of(schema_of("string"))

    assert column.is_unavailable(placeholder)


@pytest.mark.parametrize("value", ["", "x", b"", b"x", [], ["x"], [1], {}, {"a": "b"}, 0, None])
def test_a_real_value_is_no_placeholder(value: Any) -> None:
    (column,) = columns_of(schema_of("string"))

    assert not column.is_unavailable(value)


@given(st.integers(-(10**200), 10**200), st.integers(-50, 250))
def test_an_unconstrained_numeric_keeps_every_digit(unscaled: int, scale: int) -> None:
    value = unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True)
    (column,) = columns_of(schema_of(VARIABLE_SCALE))

    number = column.convert({"scale": scale, "value": value})

    assert Fraction(number) == Fraction(unscaled) / Fraction(10) ** scale
