"""Records of a topic in the order of their time, with bounded memory."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import kafka
from kafka import TopicPartition

from change_stream.record import Record
from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.topics.clients import consumer
from walflow.topics.start import Bounds

CHUNK = 2000
"""Records of one poll, and the most of a partition that wait for older ones of others."""
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
        self._assigned: list[TopicPartition] = []

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
            partition: _Waiting(TopicPartition(self._topic, partition), start, ends[partition])
            for partition, start in starts.items()
            if start < ends[partition]
        }
        self._assigned = []
        while waiting:
            self._fill(waiting)
            for partition in [p for p, each in waiting.items() if not each.records]:
                del waiting[partition]
            if waiting:
                oldest = min(waiting, key=lambda p: (waiting[p].records[0].timestamp_ms, p))
                yield waiting[oldest].records.popleft()

    def _fill(self, waiting: "Mapping[int, _Waiting]") -> None:
        """Until each partition has a record, or none to come."""
        give_up = time.monotonic() + STALLED_SECONDS
        while lacking := [each for each in waiting.values() if each.lacks]:
            self._assign(lacking)
            polled = self._client.poll(timeout_ms=POLL_MS, max_records=CHUNK)
            for place, messages in polled.items():
                waiting[place.partition].put(messages)
            for each in lacking:
                each.next = self._client.position(each.place)
            if polled:
                give_up = time.monotonic() + STALLED_SECONDS
            elif time.monotonic() > give_up:
                raise WalflowError(
                    f"Kafka gave nothing of {lacking[0].place.topic}-{lacking[0].place.partition}"
                    f"@{lacking[0].next} for {STALLED_SECONDS:.0f} s, though it goes on to offset"
                    f" {lacking[0].end}: see {ticked('logs kafka')}.",
                    ExitCode.NOT_READY,
                )

    def _assign(self, lacking: "Sequence[_Waiting]") -> None:
        """Have the client fetch these partitions only.

        It could pause the others, but kafka-python 3.0 may then never give what it had fetched of one
        before: it takes that up again once nothing else is fetched (Fetcher.fetched_records).
        """
        places = [each.place for each in lacking]
        if places == self._assigned:
            return
        self._client.assign(places)
        for each in lacking:
            self._client.seek(each.place, each.next)
        self._assigned = places

    def follow(self, starts: Mapping[int, int]) -> Iterator[Record]:
        """Records as they come, without end."""
        places = {partition: TopicPartition(self._topic, partition) for partition in starts}
        self._client.assign(list(places.values()))
        for partition, place in places.items():
            self._client.seek(place, starts[partition])
        while True:
            polled = self._client.poll(timeout_ms=POLL_MS, max_records=CHUNK)
            messages = [message for batch in polled.values() for message in batch]
            # Stable: records of a partition stay in their order.
            yield from map(record_of, sorted(messages, key=lambda message: message.timestamp))


class _Waiting:
    """Records of a partition that wait for older ones of others."""

    def __init__(self, place: TopicPartition, start: int, end: int) -> None:
        self.place = place
        self.next = start
        """The offset from which on it is read."""
        self.end = end
        self.records: deque[Record] = deque()

    @property
    def lacks(self) -> bool:
        return not self.records and self.next < self.end

    def put(self, messages: Iterable[Any]) -> None:
        self.records.extend(record_of(m) for m in messages if m.offset < self.end)


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
