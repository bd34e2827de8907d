"""From where a topic is read: `--from`, as an offset of each partition."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from walflow.errors import ExitCode, WalflowError

_PLACE = re.compile(r"(?:(?P<topic>.+)-)?(?P<partition>\d+)@(?P<offset>\d+)")
_AGO = re.compile(r"(?P<amount>\d{1,5})(?P<unit>[smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

Bounds = Mapping[int, tuple[int, int]]
"""Partition → the first offset that is kept, and the offset behind the last record."""


class Edge(StrEnum):
    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class AtOffset:
    """The same offset in every partition; below zero: so many before each end."""

    offset: int


@dataclass(frozen=True, slots=True)
class AtPlace:
    """An offset of one partition, as walflow names records: topic-partition@offset."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class AtTime:
    """The first record of each partition that is not older."""

    ms: int
    """Milliseconds since the epoch."""


Start = Edge | AtOffset | AtPlace | AtTime


def parsed(text: str, topic: str, now: datetime) -> Start:
    """What a person has written behind `--from`.

    Args:
        now: with a time zone; a duration like 10m is so long before it.

    Raises:
        WalflowError: it is none of the forms, or a place in another topic.
    """
    if text in list(Edge):
        return Edge(text)
    if re.fullmatch(r"-?\d+", text):
        return AtOffset(int(text))
    if ago := _AGO.fullmatch(text):
        return AtTime(_ms(now - timedelta(**{_UNITS[ago["unit"]]: int(ago["amount"])})))
    place = _PLACE.fullmatch(text)
    if place and place["topic"] in (None, topic):
        return AtPlace(int(place["partition"]), int(place["offset"]))
    try:
        time = datetime.fromisoformat(text)
        return AtTime(_ms(time if time.tzinfo else time.replace(tzinfo=UTC)))
    except ValueError as error:
        raise WalflowError(
            f"--from {text} is none of: earliest, latest, an offset (42, or -42 before the end),"
            f" a place in {topic} (0@42), a time (2026-11-21T18:50:00, in UTC) or a duration before now"
            " (30s, 10m, 2h, 1d).",
            ExitCode.USAGE,
        ) from error


def offsets(
    start: Start, bounds: Bounds, at_time: Callable[[int], Mapping[int, int | None]]
) -> dict[int, int]:
    """The offset to begin with in each partition, within what is kept.

    Args:
        at_time: partition → offset of the first record that is not older than a time in
            milliseconds; None: there is none.

    Raises:
        WalflowError: a place in a partition that is not read.
    """
    match start:
        case Edge.EARLIEST:
            return {partition: first for partition, (first, _) in bounds.items()}
        case Edge.LATEST:
            return {partition: end for partition, (_, end) in bounds.items()}
        case AtOffset(offset):
            return {
                partition: _within(offset if offset >= 0 else end + offset, first, end)
                for partition, (first, end) in bounds.items()
            }
        case AtPlace(partition, offset):
            if partition not in bounds:
                raise WalflowError(
                    f"There is no partition {partition} to read from; there are"
                    f" {', '.join(map(str, bounds))}.",
                    ExitCode.USAGE,
                )
            return {partition: _within(offset, *bounds[partition])}
        case AtTime(ms):
            found = at_time(ms)
            return {
                partition: end if (first := found[partition]) is None else min(first, end)
                for partition, (_, end) in bounds.items()
            }


def _within(offset: int, first: int, end: int) -> int:
    return min(max(offset, first), end)


def _ms(time: datetime) -> int:
    return max(0, int(time.timestamp() * 1000))
