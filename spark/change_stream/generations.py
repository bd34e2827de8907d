"""Registration of topic generations in Cassandra, once each, by a lightweight transaction."""

import time
from typing import Any
from uuid import UUID

import kafka
from cassandra.cluster import Session
from kafka import TopicPartition

from change_stream.stamps import Generation, next_generation


class Generations:
    """The generations of each topic that this process has met."""

    def __init__(self, session: Session, bootstrap_servers: str) -> None:
        self._session = session
        self._bootstrap_servers = bootstrap_servers
        self._admin: kafka.KafkaAdminClient | None = None
        self._known: dict[str, tuple[Generation, ...]] = {}

    def of(self, topic: str) -> tuple[Generation, ...]:
        """The generations of the topic's present id, oldest first; registers a new one."""
        known = self._known.get(topic)
        return self._look_up([topic])[topic] if known is None else known

    def refresh(self) -> None:
        """Look again at every known topic: called where a task begins, when a topic may have changed."""
        if self._known:
            self._look_up(list(self._known))

    def _look_up(self, topics: list[str]) -> dict[str, tuple[Generation, ...]]:
        if self._admin is None:
            self._admin = kafka.KafkaAdminClient(bootstrap_servers=self._bootstrap_servers)
        for description in self._admin.describe_topics(topics):
            topic, topic_id = description["name"], UUID(str(description["topic_id"]))
            partitions = len(description["partitions"])
            known = self._known.get(topic)
            if known is None or not _holds(known, topic_id, partitions):
                self._known[topic] = self._read_or_register(topic, topic_id, partitions)
        return self._known

    def _read_or_register(
        self, topic: str, topic_id: UUID, partitions: int
    ) -> tuple[Generation, ...]:
        while True:
            registered = self._read(topic)
            present = tuple(g for g in registered if g.topic_id == topic_id)
            if _holds(present, topic_id, partitions):
                return present
            self._register(topic, registered[-1] if registered else None, topic_id, partitions)

    def _read(self, topic: str) -> list[Generation]:
        rows = self._session.execute(
            "SELECT generation, topic_id, partitions, epoch_us, first_offsets"
            " FROM walflow.topic_generations WHERE topic = %s",
            (topic,),
        )
        return [
            Generation(
                row.generation,
                row.topic_id,
                row.partitions,
                row.epoch_us,
                dict(row.first_offsets or {}),
            )
            for row in rows
        ]

    def _register(
        self, topic: str, before: Generation | None, topic_id: UUID, partitions: int
    ) -> None:
        """Try to add a generation; where another process was first, the next read shows its row."""
        ends = self._end_offsets(topic, partitions) if before is not None else {}
        new = next_generation(
            before,
            topic_id,
            partitions,
            end_offsets=ends,
            highest_offset_before=max([*ends.values(), *self._applied_offsets(topic)], default=0),
            now_us=time.time_ns() // 1000,
        )
        self._session.execute(
            "INSERT INTO walflow.topic_generations"
            " (topic, generation, topic_id, partitions, epoch_us, first_offsets)"
            " VALUES (%s, %s, %s, %s, %s, %s) IF NOT EXISTS",
            (topic, new.number, topic_id, partitions, new.epoch_us, dict(new.first_offsets)),
        )

    def _end_offsets(self, topic: str, partitions: int) -> dict[int, int]:
        consumer = kafka.KafkaConsumer(bootstrap_servers=self._bootstrap_servers)
        try:
            ends = consumer.end_offsets([TopicPartition(topic, p) for p in range(partitions)])
        finally:
            consumer.close()
        return {place.partition: int(end) for place, end in ends.items()}

    def _applied_offsets(self, topic: str) -> list[int]:
        rows: Any = self._session.execute(
            "SELECT applied_offset FROM walflow.stream_progress WHERE topic = %s", (topic,)
        )
        return [row.applied_offset for row in rows]


def _holds(generations: tuple[Generation, ...], topic_id: UUID, partitions: int) -> bool:
    newest = generations[-1] if generations else None
    return newest is not None and (newest.topic_id, newest.partitions) == (topic_id, partitions)
