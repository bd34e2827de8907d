"""The figures of the last readings for the charts, in bounded memory."""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from walflow.readings.reading import Broker, DeadLetters, Reading, Source

POINTS = 900
"""A quarter of an hour at one a second."""
MAX_SERIES = 500
"""Figures of a reading that are kept: some for each table and topic."""

Point = Mapping[str, float | None]


class History:
    """The last figures, each under a name such as `topic cdc.public.users per_second`."""

    def __init__(self, points: int = POINTS) -> None:
        self._times: deque[float] = deque(maxlen=points)
        self._points: deque[Point] = deque(maxlen=points)

    def add(self, reading: Reading) -> None:
        self._times.append(reading.taken_at_ms)
        self._points.append(figures(reading))

    def as_dict(self) -> dict[str, Any]:
        """Columns: the times, and of each figure its values at these times."""
        names = dict.fromkeys(name for point in self._points for name in point)
        return {
            "at_ms": list(self._times),
            "series": {name: [point.get(name) for point in self._points] for name in names},
        }


def figures(reading: Reading) -> Point:
    """What of a reading is drawn, by name; at most MAX_SERIES."""
    found: dict[str, float | None] = {}
    for name, value in _figures(reading):
        if len(found) == MAX_SERIES:
            break
        found[name] = value
    return found


def _figures(reading: Reading) -> Iterator[tuple[str, float | None]]:
    for stage in reading.stages:
        yield f"stage {stage.name} per_second", stage.per_second
        yield f"stage {stage.name} lag_ms", stage.lag_ms
        yield f"stage {stage.name} lag_events", stage.lag_events
    if isinstance(reading.source, Source):
        yield "wal bytes_per_second", reading.source.wal.bytes_per_second
        if (slot := reading.source.slot) is not None:
            yield "slot retained_bytes", slot.retained_bytes
    if isinstance(reading.dead_letters, DeadLetters):
        yield "deadletters open", reading.dead_letters.open
    for table in reading.tables:
        yield f"table {table.table} lag_events", table.lag_events
        yield f"table {table.table} lag_ms", table.lag_ms
        yield f"table {table.table} latency_ms", table.latency_ms
        yield f"table {table.table} captured_per_second", table.captured_per_second
        yield f"table {table.table} applied_per_second", table.applied_per_second
    if isinstance(reading.broker, Broker):
        for topic in reading.broker.topics:
            yield f"topic {topic.name} per_second", topic.per_second
