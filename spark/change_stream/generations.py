"""Registration of topic generations in Cassandra, once each, by a lightweight transaction."""

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import kafka
from cassandra.cluster import Session
from kafka import TopicPartition

from change_stream.stamps import Generation, next_generation, raised_generation


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

    def known(self, topic: str) -> tuple[Generation, ...]:
        """Those that this process stamps by at present, without asking anybody; none before `of`."""
        return self._known.get(topic, ())

    def refresh(self) -> None:
        """Read every known topic's anew: called where a task begins."""
        if self._known:
            self._look_up(list(self._known))

    def raise_to(
        self,
        topic: str,
        first_offsets: Mapping[int, int] | None,
        at_least_us: int,
        truncate_lsn: int = 0,
        opened_by: str = "",
    ) -> Generation | None:
        """Register a generation of the present topic that begins at the given offsets.

        Args:
            first_offsets: partition → first offset; None: what is written from now on.

        Returns:
            The generation, or None if another process registered one first: look again.
        """
        self._known.pop(topic, None)
        before = self.of(topic)[-1]
        ends = self._end_offsets(topic, before.partitions)
        highest = max([*ends.values(), *self._applied_offsets(topic)], default=0)
        first = ends if first_offsets is None else first_offsets
        new = raised_generation(before, first, highest, at_least_us, truncate_lsn, opened_by)
        applied = self._insert(topic, new)
        self._known.pop(topic, None)
        return new if applied else None

    def _look_up(self, topics: list[str]) -> dict[str, tuple[Generation, ...]]:
        if self._admin is None:
            self._admin = kafka.KafkaAdminClient(bootstrap_servers=self._bootstrap_servers)
        for description in self._admin.describe_topics(topics):
            topic, topic_id = description["name"], UUID(str(description["topic_id"]))
            partitions = len(description["partitions"])
            self._known[topic] = self._read_or_register(topic, topic_id, partitions)
        return self._known

    def _read_or_register(
        self, topic: str, topic_id: UUID, partitions: int
    ) -> tuple[Generation, ...]:
        while True:
            registered = self.registered(topic)
            present = tuple(g for g in registered if g.topic_id == topic_id)
            if present and present[-1].partitions == partitions:
                return present
            before = registered[-1] if registered else None
            ends = self._end_offsets(topic, partitions) if before is not None else {}
            highest = max([*ends.values(), *self._applied_offsets(topic)], default=0)
            now_us = time.time_ns() // 1000
            # Where another process was first, the next read shows its row.
            self._insert(
                topic, next_generation(before, topic_id, partitions, ends, highest, now_us)
            )

    def registered(self, topic: str) -> tuple[Generation, ...]:
        """All generations of a topic's name, those of its former lives too; oldest first."""
        rows = self._session.execute(
            "SELECT generation, topic_id, partitions, epoch_us, first_offsets, truncate_lsn,"
            " opened_by FROM walflow.topic_generations WHERE topic = %s",
            (topic,),
        )
        return tuple(
            Generation(
                row.generation,
                row.topic_id,
                row.partitions,
                row.epoch_us,
                dict(row.first_offsets or {}),
                row.truncate_lsn or 0,
                row.opened_by or "",
            )
            for row in rows
        )

    def _insert(self, topic: str, new: Generation) -> bool:
        result = self._session.execute(
            "INSERT INTO walflow.topic_generations (topic, generation, topic_id, partitions,"
            " epoch_us, first_offsets, truncate_lsn, opened_by)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) IF NOT EXISTS",
            (
                topic,
                new.number,
                new.topic_id,
                new.partitions,
                new.epoch_us,
                dict(new.first_offsets),
                new.truncate_lsn,
                new.opened_by,
            ),
        )
        return bool(result.was_applied)

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
