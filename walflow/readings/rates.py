"""What takes two looks: rates, how long something has stood, and when a slot's limit is reached."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from walflow.readings.reading import (
    Broker,
    DeadLetters,
    Reading,
    Slot,
    Source,
    TableLag,
    TopicReading,
    Wal,
    Writes,
)

MAX_SAMPLES = 720
"""Of the log's end; when they are too many, every other one of the older half is forgotten."""


@dataclass(frozen=True, slots=True)
class _Sample:
    at_ms: float
    position: int


class LogEnds:
    """Where the end of PostgreSQL's log was at which time, as far as readings have seen it."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def note(self, at_ms: float, position: int) -> None:
        if self._samples and position < self._samples[-1].position:
            self._samples.clear()  # another server
        self._samples.append(_Sample(at_ms, position))
        if len(self._samples) > MAX_SAMPLES:
            kept = list(self._samples)
            half = MAX_SAMPLES // 2
            self._samples = deque(kept[:half:2] + kept[half:])

    def age_ms(self, position: int, now_ms: float) -> float | None:
        """How long ago the end of the log passed a position; 0: it has not yet.

        At least so long where it had passed it before the first look; None: there was one look only.
        """
        passed = next((s for s in self._samples if s.position > position), None)
        if passed is None:
            return 0.0
        if passed is self._samples[0] and len(self._samples) == 1:
            return None
        return max(0.0, now_ms - passed.at_ms)


def with_rates(before: Reading, after: Reading) -> Reading:
    """The later of two readings, with rates per second between them."""
    seconds = (after.taken_at_ms - before.taken_at_ms) / 1000
    if seconds <= 0:
        return after
    source, broker, letters = after.source, after.broker, after.dead_letters
    if isinstance(source, Source) and isinstance(before.source, Source):
        source = _source(before.source, source, seconds)
    if isinstance(broker, Broker) and isinstance(before.broker, Broker):
        broker = _broker(before.broker, broker, seconds)
    if isinstance(letters, DeadLetters) and isinstance(before.dead_letters, DeadLetters):
        grown = _rate(before.dead_letters.stored, letters.stored, seconds)
        letters = replace(letters, per_second=grown)
    return replace(
        after,
        source=source,
        broker=broker,
        dead_letters=letters,
        tables=_tables(before.tables, after.tables, seconds),
    )


def with_slot_forecast(before: Slot, after: Slot, seconds: float) -> Slot:
    """A slot with its growth since an earlier look, and when its limit is reached if that goes on."""
    if seconds <= 0:
        return after
    growth = (after.retained_bytes - before.retained_bytes) / seconds
    lost_in = None
    if after.left_bytes is not None and growth > 0:
        lost_in = max(0, after.left_bytes) / growth
    return replace(after, growth_per_second=growth, lost_in_seconds=lost_in)


def with_uncommitted_ages(
    broker: Broker, since_ms: dict[tuple[str, int], tuple[int, float]], now_ms: float
) -> Broker:
    """The topics, with how long their committed ends have stood before an open transaction.

    Args:
        since_ms: (topic, partition) → its committed end and since when it stands there; brought up to
            date by this.
    """
    seen = {}
    topics = []
    for topic in broker.topics:
        ages = []
        for partition in topic.partitions:
            if partition.written_end == partition.end:
                continue
            place = (topic.name, partition.number)
            end, since = since_ms.get(place, (partition.end, now_ms))
            seen[place] = (partition.end, since if end == partition.end else now_ms)
            if place in since_ms:
                ages.append(now_ms - seen[place][1])
        topics.append(replace(topic, uncommitted_ms=max(ages, default=None)))
    since_ms.clear()
    since_ms.update(seen)
    return Broker(tuple(topics))


def _source(before: Source, after: Source, seconds: float) -> Source:
    earlier = {writes.table: writes for writes in before.ingest.writes}
    writes = tuple(_writes(earlier.get(one.table), one, seconds) for one in after.ingest.writes)
    position = _rate(before.wal.position, after.wal.position, seconds)
    return replace(
        after,
        ingest=replace(after.ingest, writes=writes),
        wal=Wal(after.wal.position, position),
    )


def _writes(before: Writes | None, after: Writes, seconds: float) -> Writes:
    if before is None:
        return after
    return replace(after, per_second=_rate(before.total, after.total, seconds))


def _broker(before: Broker, after: Broker, seconds: float) -> Broker:
    earlier = {topic.name: topic for topic in before.topics}

    def rated(topic: TopicReading) -> TopicReading:
        known = earlier.get(topic.name)
        if known is None or known.id != topic.id:
            return topic
        return replace(topic, per_second=_rate(known.end, topic.end, seconds))

    return Broker(tuple(rated(topic) for topic in after.topics))


def _tables(
    before: Iterable[TableLag], after: Iterable[TableLag], seconds: float
) -> tuple[TableLag, ...]:
    earlier = {lag.table: lag for lag in before}

    def rated(lag: TableLag) -> TableLag:
        known = earlier.get(lag.table)
        if known is None:
            return lag
        return replace(
            lag,
            captured_per_second=_rate(known.end_offset, lag.end_offset, seconds),
            applied_per_second=_rate(known.applied_offset, lag.applied_offset, seconds),
        )

    return tuple(rated(lag) for lag in after)


def _rate(before: int | None, after: int | None, seconds: float) -> float | None:
    """None where a count has fallen: it was begun anew."""
    if before is None or after is None or after < before:
        return None
    return (after - before) / seconds
