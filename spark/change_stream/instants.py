"""Dates and times as Debezium 3.7 sends them, and what CQL holds of them.

PostgreSQL's infinity becomes the last value of the CQL type and -infinity its first one: no real
PostgreSQL value reaches either, and the order of values stays.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

MIN_LONG, MAX_LONG = -(2**63), 2**63 - 1
_INFINITY = 2**80
"""Stands for infinity among microseconds: more than any real value."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FIRST_DAY = -2_440_588
"""4714-11-24 BC, the first date that PostgreSQL has."""
_LAST_DAY = 2_145_042_905
"""5874897-12-31, the last one."""
_DAY_US = 86_400_000_000
_FIRST_US = _FIRST_DAY * _DAY_US
_LAST_US = 9_224_318_015_999_999_999
"""294276-12-31 23:59:59.999999, the last timestamp that PostgreSQL has."""
_ERA_DAYS = 146_097
"""Days of 400 years, after which the Gregorian calendar repeats itself."""
_ISO = re.compile(r"([+-]?\d{4,})(-\d\d-\d\dT.+)")


def instant(semantic: str, micros: bool) -> tuple[str, Callable[[Any], int]] | None:
    """The CQL type of a timestamp and its conversion; None for what is no timestamp.

    Args:
        micros: bigint with microseconds since 1970, which loses nothing, in place of CQL's timestamp,
            whose milliseconds are rounded down.
    """
    to_microseconds = _INSTANTS.get(semantic)
    if to_microseconds is None:
        return None
    if micros:
        return "bigint", lambda value: _bigint(_possible(to_microseconds(value)))
    return "timestamp", lambda value: _timestamp(_possible(to_microseconds(value)))


def _possible(microseconds: int) -> int:
    """-infinity within an array of timestamptz comes as a date in the year 292269055."""
    if _FIRST_US <= microseconds <= _LAST_US or abs(microseconds) == _INFINITY:
        return microseconds
    raise ValueError("PostgreSQL has no such timestamp")


def _timestamp(microseconds: int) -> int:
    if abs(microseconds) == _INFINITY:
        return MAX_LONG if microseconds > 0 else MIN_LONG
    return microseconds // 1000


def _bigint(microseconds: int) -> int:
    if abs(microseconds) == _INFINITY:
        return MAX_LONG if microseconds > 0 else MIN_LONG
    if not MIN_LONG < microseconds < MAX_LONG:
        raise ValueError("bigint has no such microsecond: it ends on 294247-01-10")
    return microseconds


def _milliseconds(value: int) -> int:
    """timestamp(0) to timestamp(3). The infinities come as these two numbers."""
    if value in (9_223_372_036_825_200_000, -9_223_372_036_832_400_000):
        return _INFINITY if value > 0 else -_INFINITY
    return value * 1000


def _microseconds(value: int) -> int:
    """timestamp(4) to timestamp(6). The infinities come as the ends of the type.

    Debezium's microseconds overflow after 294247-01-10 04:00:54.775807: with a fraction of a second
    they become negative, without one they equal infinity.
    """
    if value in (MIN_LONG, MAX_LONG):
        return _INFINITY if value > 0 else -_INFINITY
    if value < _FIRST_US:
        raise ValueError("Debezium's microseconds end on 294247-01-10")
    return value


def _nanoseconds(value: int) -> int:
    return value // 1000


def _zoned(text: str) -> int:
    """ISO 8601 with an offset; years before 1 and after 9999 have a sign, year 0 is 1 BC."""
    if text in ("infinity", "-infinity"):
        return -_INFINITY if text[0] == "-" else _INFINITY
    try:
        return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError):
        parts = _ISO.fullmatch(text)
        if parts is None:
            raise
    year, rest = int(parts[1]), parts[2]
    known = 2000 + year % 400
    moment = datetime.fromisoformat(f"{known}{rest}")
    return (moment - _EPOCH) // _MICROSECOND + (year - known) // 400 * _ERA_DAYS * _DAY_US


_INSTANTS: Mapping[str, Callable[[Any], int]] = {
    "io.debezium.time.Timestamp": _milliseconds,
    "io.debezium.time.MicroTimestamp": _microseconds,
    "io.debezium.time.NanoTimestamp": _nanoseconds,
    "io.debezium.time.ZonedTimestamp": _zoned,
}

# The infinities of a date come as days of Java's LocalDate in a change, and as what a java.sql.Date
# of milliseconds wraps around to in a snapshot and in an array.
_INFINITE_DAYS = {
    2_146_033_979: 2**32 - 1,
    -622_191_234: 2**32 - 1,
    -2_147_472_691: 0,
    -625_821_272: 0,
}


def date(days: int) -> int:
    """Days since the epoch → CQL's unsigned day count, in which the epoch is 2^31.

    Raises:
        ValueError: PostgreSQL has no such date.
    """
    if _FIRST_DAY <= days <= _LAST_DAY:
        return days + 2**31
    if days in _INFINITE_DAYS:
        return _INFINITE_DAYS[days]
    raise ValueError("PostgreSQL has no such date")


def time(nanoseconds: int) -> int:
    """Nanoseconds since midnight.

    Raises:
        ValueError: 24:00:00, which PostgreSQL has and CQL has not.
    """
    if nanoseconds >= _DAY_US * 1000:
        raise ValueError("CQL's time has no 24:00:00")
    return nanoseconds
