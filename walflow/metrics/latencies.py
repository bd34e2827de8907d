"""Latencies of changes, from one reading to the next.

The stream notes once a second, of each partition, the change that it applied last. A sample taken from
there costs the stream nothing; observing every change would cost each of them, where time counts.
"""

from collections.abc import Iterator

from walflow.readings.reading import Applied, Reading, Stream


class Latencies:
    """What was applied since the reading before."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, int], int] = {}
        self._began = False

    def of(self, reading: Reading) -> Iterator[tuple[str, str, float]]:
        """Table, stage and milliseconds of each partition's newest change, if it is a new one.

        What was applied before the first reading is not observed: nobody knows how long ago.
        """
        if not isinstance(reading.stream, Stream):
            return
        tables = {table.topic: table.table for table in reading.tables}
        for applied in reading.stream.applied:
            place = (applied.topic, applied.partition)
            is_new = self._began and self._seen.get(place) != applied.offset
            self._seen[place] = applied.offset
            if is_new and applied.topic in tables:
                for stage, ms in _stages(applied):
                    yield tables[applied.topic], stage, ms
        self._began = True


def _stages(applied: Applied) -> Iterator[tuple[str, float]]:
    """Negative times, of clocks that differ, count as none."""
    if applied.recorded_at_ms is not None:
        yield "apply", max(0.0, applied.applied_at_ms - applied.recorded_at_ms)
        if applied.committed_at_ms is not None:
            yield "capture", max(0.0, applied.recorded_at_ms - applied.committed_at_ms)
    if applied.latency_ms is not None:
        yield "all", applied.latency_ms
