"""The dead-letter topic, read as the letters that the stream has put there."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any
from uuid import UUID

import kafka
from kafka import TopicPartition

from change_stream.letter import Letter, NotALetter, letter_of
from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.topics.clients import admin, failures_told

CHUNK = 500
STALLED_SECONDS = 30.0
_PLACE = re.compile(r"(?:(?P<topic>.+)-)?(?P<partition>\d+)@(?P<offset>\d+)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a letter is in the dead-letter topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}@{self.offset}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Names one record of all: copies of a letter, sent by a repeated batch, have the same."""

    topic_id: UUID
    partition: int
    offset: int


def identity_of(letter: Letter, topic_id: UUID, place: Place) -> Identity:
    """That of the record which became the letter; where its topic was not known, of the letter.

    Args:
        topic_id: of the dead-letter topic.
        place: of the letter in it.
    """
    if letter.topic_id is None:
        return Identity(topic_id, place.partition, place.offset)
    return Identity(letter.topic_id, letter.record.partition, letter.record.offset)


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter and where it is kept."""

    place: Place
    stored_ms: int
    """When it came into the dead-letter topic, milliseconds since the epoch."""
    letter: Letter
    identity: Identity


def place_of(text: str, topic: str) -> Place:
    """`partition@offset`, also after `<topic>-`, as `walflow deadletters list` shows it.

    Raises:
        WalflowError: it is written otherwise, or names another topic.
    """
    match = _PLACE.fullmatch(text)
    if match is None or match["topic"] not in (None, topic):
        raise WalflowError(
            f"{text} is no place in the topic {topic}: one is written as 0@17, partition and offset,"
            f" as {ticked('deadletters list')} shows it.",
            ExitCode.USAGE,
        )
    return Place(int(match["partition"]), int(match["offset"]))


class DeadLetterTopic:
    """Reads the topic from its beginning or at a place; use it in a `with`.

    Raises:
        WalflowError: Kafka does not answer, or the topic does not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self.name = settings.topics.dead_letters
        self._topic_id, partitions = _description(settings, self.name)
        with failures_told(settings):
            self._consumer = kafka.KafkaConsumer(
                bootstrap_servers=settings.address("kafka"), group_id=None, enable_auto_commit=False
            )
        self._places = [TopicPartition(self.name, number) for number in range(partitions)]

    def __enter__(self) -> "DeadLetterTopic":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def at(self, place: Place) -> StoredLetter:
        """The letter at a place.

        Raises:
            WalflowError: there is none.
        """
        where = TopicPartition(self.name, place.partition)
        if where in self._places:
            ends = self._consumer.end_offsets([where])[where]
            for found in self._read(where, place.offset, min(place.offset + 1, ends)):
                if found.place == place:
                    return found
        raise WalflowError(
            f"There is no dead letter at {place} of {self.name}; {ticked('deadletters list --all')}"
            " shows those that are kept.",
            ExitCode.USAGE,
        )

    def chunks(self) -> Iterator[list[StoredLetter]]:
        """All letters that are there now, oldest first within a partition, some at a time."""
        starts = self._consumer.beginning_offsets(self._places)
        ends = self._consumer.end_offsets(self._places)
        chunk: list[StoredLetter] = []
        for where in self._places:
            for stored in self._read(where, starts[where], ends[where]):
                chunk.append(stored)
                if len(chunk) == CHUNK:
                    yield chunk
                    chunk = []
        if chunk:
            yield chunk

    def _read(self, where: TopicPartition, start: int, end: int) -> Iterator[StoredLetter]:
        """Letters with start ≤ offset < end; what is no letter is passed over."""
        if start >= end:
            return
        self._consumer.assign([where])
        self._consumer.seek(where, start)
        while self._consumer.position(where) < end:
            before = self._consumer.position(where)
            polled = self._consumer.poll(timeout_ms=int(STALLED_SECONDS * 1000), max_records=CHUNK)
            for message in polled.get(where, ()):
                if message.offset >= end:
                    return
                try:
                    yield self._stored(message)
                except NotALetter:
                    continue
            if self._consumer.position(where) == before:
                raise WalflowError(
                    f"Kafka gave nothing of {self.name}-{where.partition}@{before} for"
                    f" {STALLED_SECONDS:.0f} s, though it goes on to offset {end}: see"
                    f" {ticked('logs kafka')}.",
                    ExitCode.NOT_READY,
                )

    def _stored(self, message: Any) -> StoredLetter:
        letter = letter_of(message.key, message.value, message.headers)
        place = Place(message.partition, message.offset)
        identity = identity_of(letter, self._topic_id, place)
        return StoredLetter(place, message.timestamp, letter, identity)


def _description(settings: Settings, topic: str) -> tuple[UUID, int]:
    """Id and number of partitions of a topic."""
    with admin(settings) as client:
        if topic not in client.list_topics():
            raise WalflowError(
                f"There is no topic {topic}: {ticked('up kafka')} makes it.", ExitCode.NOT_READY
            )
        description = client.describe_topics([topic])[0]
        return UUID(str(description["topic_id"])), len(description["partitions"])
