"""The dead letters of a reading: read once, then followed, within bounds."""

import time
from collections import Counter, OrderedDict
from typing import Any
from uuid import UUID

import kafka
from kafka import TopicPartition

from change_stream.letter import NotALetter, letter_of
from walflow.deadletters.outcomes import Outcomes, State
from walflow.deadletters.topic import Identity, Place, identity_of
from walflow.readings.reading import DeadLetters, LetterCount, TopicReading
from walflow.readings.stream import TargetSession

MAX_LETTERS = 5000
"""Of those whose outcome is followed; where the topic has more, the oldest are not looked at."""
POLL_MS = 100
READ_SECONDS = 1.0
"""Of one reading; a long topic is read in several."""
OUTCOMES_SECONDS = 10.0
"""How often it is asked what became of letters that were open; somebody may have replayed them."""

Where = tuple[str, int, int]
"""Topic, partition and offset of the record that became a letter."""


class Letters:
    """Follows the dead-letter topic with a consumer that others use, too, between its calls."""

    def __init__(self, topic: str, target: TargetSession) -> None:
        self._topic = topic
        self._topic_id = ""
        self._target = target
        self._next: dict[int, int] = {}
        """Partition → the offset from which on it has not been read."""
        self._open: OrderedDict[Identity, Where] = OrderedDict()
        self._settled: OrderedDict[Identity, Where] = OrderedDict()
        self._counts: Counter[tuple[str, str]] = Counter()
        """Topic of the record, and kind → letters."""
        self._newest_ms: float | None = None
        self._is_partial = False
        self._asked_at = 0.0
        self._outcomes: Outcomes | None = None

    @property
    def places(self) -> frozenset[Where]:
        """The records that are known to have become letters, which are not applied where they stand."""
        return frozenset((*self._open.values(), *self._settled.values()))

    def read(self, client: kafka.KafkaConsumer, reading: TopicReading) -> DeadLetters:
        """What the topic holds now.

        Args:
            reading: the dead-letter topic, as Kafka has just told of it.

        Raises:
            KafkaError, DriverException, NoHostAvailable: Kafka or Cassandra does not answer.
        """
        if reading.id != self._topic_id:
            self._begin_anew(reading.id)
        added = self._follow(client, reading)
        is_whole = all(self._next.get(p.number, 0) >= p.end for p in reading.partitions)
        if self._open and (added or time.monotonic() - self._asked_at > OUTCOMES_SECONDS):
            self._settle()
        stored = sum(p.end - p.first for p in reading.partitions)
        is_counted = is_whole and not self._is_partial
        return DeadLetters(
            self._topic,
            stored,
            len(self._open) if is_counted else None,
            self._newest_ms,
            counts=tuple(LetterCount(*named, n) for named, n in sorted(self._counts.items())),
        )

    def forget(self) -> None:
        """The session that outcomes are read with is gone."""
        self._outcomes = None

    def _begin_anew(self, topic_id: str) -> None:
        """The topic is another one than before, or the first."""
        self._topic_id = topic_id
        self._next.clear()
        self._open.clear()
        self._settled.clear()
        self._newest_ms, self._is_partial = None, False

    def _follow(self, client: kafka.KafkaConsumer, reading: TopicReading) -> bool:
        """Read what has come; whether there was a letter."""
        left: dict[TopicPartition, int] = {}
        for partition in reading.partitions:
            at = self._next.get(partition.number, partition.first)
            start = max(at, partition.first, partition.end - MAX_LETTERS)
            self._is_partial |= start > max(at, partition.first)
            self._next[partition.number] = start
            if start < partition.end:
                left[TopicPartition(self._topic, partition.number)] = partition.end
        if not left:
            return False
        client.assign(list(left))
        for place in left:
            client.seek(place, self._next[place.partition])
        give_up, found = time.monotonic() + READ_SECONDS, False
        while left and time.monotonic() < give_up:
            for messages in client.poll(timeout_ms=POLL_MS).values():
                for message in messages:
                    found |= self._take(message, UUID(reading.id))
            for place in list(left):
                self._next[place.partition] = client.position(place)
                if self._next[place.partition] >= left[place]:
                    del left[place]
        return found

    def _take(self, message: Any, topic_id: UUID) -> bool:
        """Note a record of the dead-letter topic, if it is a letter.

        Args:
            topic_id: of the dead-letter topic.
        """
        try:
            letter = letter_of(message.key, message.value, message.headers)
        except NotALetter:
            return False
        record = letter.record
        identity = identity_of(letter, topic_id, Place(message.partition, message.offset))
        self._counts[record.topic, letter.kind.value] += 1
        self._newest_ms = max(self._newest_ms or 0.0, float(message.timestamp))
        if identity not in self._settled:
            self._open[identity] = (record.topic, record.partition, record.offset)
        while len(self._open) > MAX_LETTERS:
            self._open.popitem(last=False)
            self._is_partial = True
        return True

    def _settle(self) -> None:
        """Take those out of the open ones that were replayed or discarded."""
        if self._outcomes is None:
            self._outcomes = Outcomes(self._target.get())
        self._asked_at = time.monotonic()
        for identity, outcome in self._outcomes.of(self._open).items():
            if outcome.state is not State.OPEN:
                self._settled[identity] = self._open.pop(identity)
        while len(self._settled) > MAX_LETTERS:
            self._settled.popitem(last=False)
