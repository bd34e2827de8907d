"""Timestamps keep their order and, as microseconds, every digit; infinity is told from any date."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from change_stream.columns import Column, columns_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST_US, END_US = -210_866_803_200_000_000, 9_223_372_036_854_775_807
"""4714-11-24 BC, PostgreSQL's first timestamp, and the end of Debezium's microseconds."""
ERA_US = 146_097 * 86_400_000_000
ZONES = st.integers(-15 * 60, 15 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=ZONES)


def column(name: str, micros: bool = False) -> Column:
    avro = "string" if name.startswith("Zoned") else "long"
    field = {"name": "c", "type": {"type": avro, "connect.name": f"io.debezium.time.{name}"}}
    (only,) = columns_of({"type": "record", "name": "Value", "fields": [field]}, micros)
    return only


@pytest.mark.parametrize("name", ["Timestamp", "MicroTimestamp", "NanoTimestamp", "ZonedTimestamp"])
def test_a_timestamp_is_cqls_timestamp_or_a_bigint(name: str) -> None:
    assert column(name).cql_type == "timestamp"
    assert column(name, micros=True).cql_type == "bigint"


def test_timestamps_within_an_array_follow_the_setting_too() -> None:
    instant = {"type": "long", "connect.name": "io.debezium.time.MicroTimestamp"}
    field = {"name": "c", "type": {"type": "array", "items": ["null", instant]}}

    (array,) = columns_of({"type": "record", "name": "Value", "fields": [field]}, micros=True)

    assert array.cql_type == "frozen<list<bigint>>"
    assert array.convert([1_999, -1]) == [1_999, -1]


@given(MOMENTS)
def test_a_zoned_timestamp_is_rounded_down_to_its_millisecond(moment: datetime) -> None:
    milliseconds = column("ZonedTimestamp").convert(moment.isoformat())

    rest = moment - (EPOCH + timedelta(milliseconds=milliseconds))
    assert timedelta(0) <= rest < timedelta(milliseconds=1)


@given(MOMENTS)
def test_a_zoned_timestamp_has_each_of_its_microseconds(moment: datetime) -> None:
    microseconds = column("ZonedTimestamp", micros=True).convert(moment.isoformat())

    assert EPOCH + timedelta(microseconds=microseconds) == moment


@given(st.datetimes(datetime(2000, 1, 1), datetime(2399, 12, 31)), st.integers(-16, 729))
def test_years_before_1_and_after_9999_are_whole_eras_away(moment: datetime, eras: int) -> None:
    year = moment.year + 400 * eras
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    text = f"{sign}{abs(year):04}{moment.isoformat(timespec='microseconds')[4:]}Z"

    microseconds = column("ZonedTimestamp", micros=True).convert(text)

    near = (moment.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
    assert microseconds == near + eras * ERA_US


@given(st.integers(FIRST_US, END_US - 1))
def test_microseconds_before_1970_are_rounded_down_too(microseconds: int) -> None:
    milliseconds = column("MicroTimestamp").convert(microseconds)

    assert 0 <= microseconds - milliseconds * 1000 < 1000
    assert column("MicroTimestamp", micros=True).convert(microseconds) == microseconds


@given(st.integers(-(2**62), 2**62))
def test_nanoseconds_are_rounded_down(nanoseconds: int) -> None:
    microseconds = column("NanoTimestamp", micros=True).convert(nanoseconds)

    assert 0 <= nanoseconds - microseconds * 1000 < 1000


@pytest.mark.parametrize("micros", [False, True])
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("ZonedTimestamp", "infinity", 2**63 - 1),
        ("ZonedTimestamp", "-infinity", -(2**63)),
        ("MicroTimestamp", 2**63 - 1, 2**63 - 1),
        ("MicroTimestamp", -(2**63), -(2**63)),
        ("Timestamp", 9_223_372_036_825_200_000, 2**63 - 1),
        ("Timestamp", -9_223_372_036_832_400_000, -(2**63)),
    ],
)
def test_infinity_is_the_end_of_the_type(
    name: str, value: Any, expected: int, micros: bool
) -> None:
    assert column(name, micros).convert(value) == expected


@pytest.mark.parametrize(
    ("name", "value", "milliseconds"),
    [
        ("Timestamp", 9_224_318_015_999_999, 9_224_318_015_999_999),
        ("ZonedTimestamp", "+294276-12-31T23:59:59.999999Z", 9_224_318_015_999_999),
        ("ZonedTimestamp", "+294247-01-10T04:00:54.775807Z", 9_223_372_036_854_775),
    ],
)
def test_what_microseconds_cannot_count_is_kept_as_milliseconds_only(
    name: str, value: Any, milliseconds: int
) -> None:
    assert column(name).convert(value) == milliseconds
    with pytest.raises(ValueError, match="294247"):
        column(name, micros=True).convert(value)


@pytest.mark.parametrize("micros", [False, True])
def test_overflown_microseconds_are_refused(micros: bool) -> None:
    with pytest.raises(ValueError, match="294247"):
        column("MicroTimestamp", micros).convert(-9_223_372_036_853_775_810)


@pytest.mark.parametrize(
    "text", ["", "now", "2024-13-01T00:00:00Z", "+10000-13-01T00:00:00Z", "-1"]
)
def test_what_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        column("ZonedTimestamp").convert(text)
