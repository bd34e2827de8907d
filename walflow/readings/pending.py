"""Which changes of a topic are not applied yet: counted in Kafka, since offsets tell too many.

Markers of transactions and tombstones take offsets that are never applied, so the distance between the
applied offset and the end is not zero where all is applied.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import kafka
from kafka import TopicPartition

from change_stream.record import Record
from walflow.readings.letters import Where
from walflow.topics.reading import record_of

MAX_COUNTED = 200
"""Changes of a partition; where there are more, offsets tell how many at the most."""
FEW = 20
"""So many offsets are looked at even while the stream moves on, which is done with before it matters."""
POLL_MS = 50
READ_SECONDS = 0.7
"""Of one reading; what is not counted then is counted in the next, if the stream still stands there."""

Place = tuple[str, int]
"""Topic and partition."""
CommitTime = Callable[[Record], float]
"""Milliseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Unapplied:
    """Changes of a partition that are not applied."""

    events: int
    is_exact: bool
    """Whether all were counted; else there are at most so many."""
    oldest_at_ms: float | None
    """When the oldest was committed or, where the stream is on its way, the change before it, which is
    not later; None: there is none, or it was not seen yet."""


@dataclass(slots=True)
class _Count:
    start: int
    """Behind what is applied."""
    scanned: int
    offsets: list[int] = field(default_factory=list)
    oldest: Record | None = None
    oldest_at_ms: float | None = None
    is_moving: bool = False
    """Whether the stream has come further since the reading before, and much is left."""


class Pending:
    """Counts, and remembers what it has counted while the stream stands where it stood.

    Args:
        commit_time: of a change; asked for the oldest of each partition only.
    """

    def __init__(self, commit_time: CommitTime) -> None:
        self._commit_time = commit_time
        self._counts: dict[Place, _Count] = {}

    def read(
        self,
        client: kafka.KafkaConsumer,
        stretches: Mapping[Place, tuple[int, int]],
        applied_at_ms: Mapping[Place, float],
        letters: frozenset[Where],
    ) -> dict[Place, Unapplied]:
        """The unapplied changes of each partition.

        Args:
            client: one that gives committed records only.
            stretches: the offset behind what is applied, and the committed end.
            applied_at_ms: when the change that was applied last was committed.
            letters: records that are dead letters: they are not waited for.

        Raises:
            KafkaError: it does not answer.
        """
        self._counts = {
            place: self._moving(place, stretch, applied_at_ms.get(place))
            or self._count(place, stretch[0], letters)
            for place, stretch in stretches.items()
        }
        self._scan(client, {place: end for place, (_, end) in stretches.items()}, letters)
        return {
            place: self._unapplied(self._counts[place], end)
            for place, (_, end) in stretches.items()
        }

    def _moving(
        self, place: Place, stretch: tuple[int, int], applied_at_ms: float | None
    ) -> _Count | None:
        """What is told without a look at the records, where the stream is on its way through them."""
        known, (start, end) = self._counts.get(place), stretch
        if known is None or known.start >= start or end - start <= FEW or applied_at_ms is None:
            return None
        return _Count(start, start, oldest_at_ms=applied_at_ms, is_moving=True)

    def _count(self, place: Place, start: int, letters: frozenset[Where]) -> _Count:
        known = self._counts.get(place)
        if known is None or known.start > start or known.is_moving:
            return _Count(start, start)
        if any((*place, offset) in letters for offset in known.offsets):
            return _Count(start, start)  # they were counted before they were known as letters
        if known.start == start:
            return known
        if not known.offsets:
            return _Count(start, max(start, known.scanned))
        return _Count(start, start)

    def _scan(
        self, client: kafka.KafkaConsumer, ends: Mapping[Place, int], letters: frozenset[Where]
    ) -> None:
        left = {
            TopicPartition(*place): count
            for place, count in self._counts.items()
            if count.scanned < ends[place]
            and len(count.offsets) < MAX_COUNTED
            and not count.is_moving
        }
        if not left:
            return
        client.assign(list(left))
        for place, count in left.items():
            client.seek(place, count.scanned)
        give_up = time.monotonic() + READ_SECONDS
        while left and time.monotonic() < give_up:
            polled = client.poll(timeout_ms=POLL_MS, max_records=MAX_COUNTED * len(left))
            for place, messages in polled.items():
                if place in left:
                    _take(left[place], messages, letters)
            for place, count in list(left.items()):
                if len(count.offsets) < MAX_COUNTED:
                    count.scanned = client.position(place)
                if count.scanned >= ends[tuple(place)] or len(count.offsets) >= MAX_COUNTED:
                    del left[place]

    def _unapplied(self, count: _Count, end: int) -> Unapplied:
        if count.oldest is not None and count.oldest_at_ms is None:
            count.oldest_at_ms = self._commit_time(count.oldest)
            count.oldest = None
        rest = max(0, end - count.scanned)
        return Unapplied(len(count.offsets) + rest, rest == 0, count.oldest_at_ms)


def _take(count: _Count, messages: list[Any], letters: frozenset[Where]) -> None:
    for message in messages:
        if len(count.offsets) >= MAX_COUNTED:
            return
        count.scanned = message.offset + 1
        where = (message.topic, message.partition, message.offset)
        if message.value is None or where in letters:
            continue
        if not count.offsets:
            count.oldest = record_of(message)
        count.offsets.append(message.offset)
