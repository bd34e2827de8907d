"""A topic in memory that is read as kafka-python reads one, markers of transactions included."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from kafka import TopicPartition


@dataclass(frozen=True)
class Message:
    topic: str
    partition: int
    offset: int
    value: bytes | None
    timestamp: int = 0
    key: bytes | None = b"key"
    headers: Sequence[tuple[str, bytes | None]] = ()


MARKER = object()
"""Takes an offset and is never given."""


@dataclass
class Log:
    """Entry n of a place has the offset n: a value, None for a tombstone, or a MARKER."""

    entries: dict[TopicPartition, list[Any]]
    positions: dict[TopicPartition, int] = field(default_factory=dict)
    given: int = 0
    """How many messages were handed out."""

    def assign(self, places: list[TopicPartition]) -> None:
        self.positions = dict.fromkeys(places, 0)

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.positions[place] = offset

    def position(self, place: TopicPartition) -> int:
        return self.positions[place]

    def poll(self, timeout_ms: int, max_records: int = 500) -> dict[TopicPartition, list[Message]]:
        polled: dict[TopicPartition, list[Message]] = {}
        for place, position in self.positions.items():
            entries = self.entries[place][position : position + max_records]
            self.positions[place] = position + len(entries)
            messages = [
                Message(
                    place.topic,
                    place.partition,
                    position + number,
                    value,
                    (position + number) * 1000,
                )
                for number, value in enumerate(entries)
                if value is not MARKER
            ]
            if messages:
                polled[place] = messages
        self.given += sum(map(len, polled.values()))
        return polled
