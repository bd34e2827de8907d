"""Records of a topic in the order of their time, with bounded memory."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import kafka
from kafka import TopicPartition

from change_stream.record import Record
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.topics.clients import consumer
from walflow.topics.start import Bounds

CHUNK = 500
"""Records of one poll."""
MAX_WAITING = 1000
MAX_WAITING_BYTES = 8 * 2**20
"""A partition of which so much waits for older records of the others is paused."""
POLL_MS = 200
STALLED_SECONDS = 30.0
SMALLEST_WINDOW = 200
WIDER = 4

Wanted = Callable[[Record], bool]


class TopicReader:
    """Reads committed records of one topic.

    Args:
        partitions: those that are read.
    """

    def __init__(self, client: kafka.KafkaConsumer, topic: str, partitions: Sequence[int]) -> None:
        self._client = client
        self._topic = topic
        self._places = [TopicPartition(topic, partition) for partition in partitions]

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Partition → the first offset that is kept, and the one behind the last committed record."""
        firsts = self._client.beginning_offsets(self._places)
        ends = self._client.end_offsets(self._places)
        return {place.partition: (firsts[place], ends[place]) for place in self._places}

    def at_time(self, ms: int) -> dict[int, int | None]:
        """Partition → offset of its first record that is not older; None: there is none."""
        found = self._client.offsets_for_times(dict.fromkeys(self._places, ms))
        return {
            place.partition: None if found.get(place) is None else found[place].offset
            for place in self._places
        }

    def last(self, count: int, bounds: Bounds, wanted: Wanted) -> dict[int, int]:
        """Where the last so many wanted records begin in each partition.

        Looks at ever wider windows before the ends; keeps times and offsets only.
        """
        found = {
            partition: self._last_of(partition, count, *bounds[partition], wanted)
            for partition in bounds
        }
        starts = {partition: end for partition, (_, end) in bounds.items()}
        for _ in range(count):
            left = {partition: waiting[-1] for partition, waiting in found.items() if waiting}
            if not left:
                break
            newest = max(left, key=lambda partition: left[partition])
            starts[newest] = found[newest].pop()[1]
        return starts

    def _last_of(
        self, partition: int, count: int, first: int, end: int, wanted: Wanted
    ) -> deque[tuple[int, int]]:
        """Time and offset of the last wanted records of a partition, oldest first."""
        found: deque[tuple[int, int]] = deque()
        window = max(count, SMALLEST_WINDOW)
        while end > first and len(found) < count:
            start = max(first, end - window)
            older: deque[tuple[int, int]] = deque(maxlen=count - len(found))
            for record in self.read({partition: start}, {partition: end}):
                if wanted(record):
                    older.append((record.timestamp_ms, record.offset))
            found.extendleft(reversed(older))
            end, window = start, window * WIDER
        return found

    def read(self, starts: Mapping[int, int], ends: Mapping[int, int]) -> Iterator[Record]:
        """The records with start ≤ offset < end; the oldest of all partitions comes first.

        Raises:
            WalflowError: Kafka gives nothing though there is more.
        """
        waiting = {
            partition: _Waiting(TopicPartition(self._topic, partition), ends[partition])
            for partition, start in starts.items()
            if start < ends[partition]
        }
        self._client.assign([each.place for each in waiting.values()])
        for partition, each in waiting.items():
            self._client.seek(each.place, starts[partition])
        while waiting:
            self._fill(waiting)
            for partition in [p for p, each in waiting.items() if not each.records]:
                self._client.pause(waiting.pop(partition).place)
            if waiting:
                oldest = min(waiting, key=lambda p: (waiting[p].records[0].timestamp_ms, p))
                yield waiting[oldest].take()

    def _fill(self, waiting: "Mapping[int, _Waiting]") -> None:
        """Until each partition has a record, or none to come."""
        give_up = time.monotonic() + STALLED_SECONDS
        while lacking := [each for each in waiting.values() if self._lacks(each)]:
            for each in waiting.values():
                hold = self._client.pause if each.is_full else self._client.resume
                hold(each.place)
            polled = self._client.poll(timeout_ms=POLL_MS, max_records=CHUNK)
            for place, messages in polled.items():
                for message in messages:
                    waiting[place.partition].put(record_of(message))
            if polled:
                give_up = time.monotonic() + STALLED_SECONDS
            elif time.monotonic() > give_up:
                place = lacking[0].place
                raise WalflowError(
                    f"Kafka gave nothing of {place.topic}-{place.partition}"
                    f"@{self._client.position(place)} for {STALLED_SECONDS:.0f} s, though it goes on to"
                    f" offset {lacking[0].end}: see `walflow logs kafka`.",
                    ExitCode.NOT_READY,
                )

    def _lacks(self, each: "_Waiting") -> bool:
        return not each.records and self._client.position(each.place) < each.end

    def follow(self, starts: Mapping[int, int]) -> Iterator[Record]:
        """Records as they come, without end."""
        places = {partition: TopicPartition(self._topic, partition) for partition in starts}
        self._client.assign(list(places.values()))
        self._client.resume(*places.values())
        for partition, place in places.items():
            self._client.seek(place, starts[partition])
        while True:
            polled = self._client.poll(timeout_ms=POLL_MS, max_records=CHUNK)
            messages = [message for batch in polled.values() for message in batch]
            # Stable: records of a partition stay in their order.
            yield from map(record_of, sorted(messages, key=lambda message: message.timestamp))


class _Waiting:
    """Records of a partition that wait for older ones of others."""

    def __init__(self, place: TopicPartition, end: int) -> None:
        self.place = place
        self.end = end
        self.records: deque[Record] = deque()
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return len(self.records) >= MAX_WAITING or self._bytes >= MAX_WAITING_BYTES

    def put(self, record: Record) -> None:
        if record.offset < self.end:
            self.records.append(record)
            self._bytes += _size(record)

    def take(self) -> Record:
        record = self.records.popleft()
        self._bytes -= _size(record)
        return record


def _size(record: Record) -> int:
    return len(record.key or b"") + len(record.value or b"")


def record_of(message: Any) -> Record:
    """A record as the stream knows it, of one as kafka-python gives it."""
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp,
        message.key,
        message.value,
        tuple(message.headers),
    )


@contextmanager
def opened(settings: Settings, topic: str, partitions: Sequence[int]) -> Iterator[TopicReader]:
    """A reader for as long as the `with` lasts.

    Raises:
        WalflowError: Kafka does not answer, or there is no such topic or partition, which names those
            that there are.
    """
    with consumer(settings) as client:
        present = client.partitions_for_topic(topic)
        if not present:
            raise unknown(topic, client.topics())
        absent = sorted(set(partitions) - present)
        if absent:
            raise WalflowError(
                f"{topic} has no partition {', '.join(map(str, absent))}; it has"
                f" {', '.join(map(str, sorted(present)))}.",
                ExitCode.USAGE,
            )
        yield TopicReader(client, topic, sorted(set(partitions) or present))


def unknown(topic: str, known: Sequence[str]) -> WalflowError:
    """There is no such topic, but these."""
    names = ", ".join(sorted(known)) or "none"
    return WalflowError(f"There is no topic {topic}. Topics: {names}.", ExitCode.USAGE)
