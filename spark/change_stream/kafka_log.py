"""Reading stretches of a topic's partition again, outside Spark's own reading."""

import time
from collections.abc import Iterator
from types import TracebackType

import kafka
from kafka import TopicPartition

from change_stream.record import Record

POLL_MS = 50
"""Behind the last record a poll lasts so long, whatever markers come."""
STALLED_SECONDS = 60.0


class LogStalled(Exception):
    """Records that were written did not become readable: a transaction stays open."""


class KafkaLog:
    """Committed records of one topic by partition and offset; use it in a `with`."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._topic = topic
        self._committed = kafka.KafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            group_id=None,
        )
        # Its ends count what is written but not committed yet.
        self._written = kafka.KafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=None)

    def __enter__(self) -> "KafkaLog":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._committed.close()
        self._written.close()

    def bounds(self, partition: int) -> tuple[int, int]:
        """First offset that is kept, and the offset behind the last one written, committed or not."""
        place = TopicPartition(self._topic, partition)
        start = self._written.beginning_offsets([place])[place]
        return int(start), int(self._written.end_offsets([place])[place])

    def read(
        self,
        partition: int,
        start: int,
        end: int,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> Iterator[Record]:
        """The committed records with start ≤ offset < end, in order.

        Waits for transactions that are open in this stretch.

        Args:
            stalled_seconds: how long to wait for the next record.

        Raises:
            LogStalled: one of them does not end.
        """
        place = TopicPartition(self._topic, partition)
        self._committed.assign([place])
        self._committed.seek(place, start)
        give_up = time.monotonic() + stalled_seconds
        while self._committed.position(place) < end:
            for message in self._committed.poll(timeout_ms=POLL_MS).get(place, ()):
                give_up = time.monotonic() + stalled_seconds
                if message.offset >= end:
                    return
                yield Record(
                    self._topic,
                    partition,
                    message.offset,
                    message.timestamp,
                    message.key,
                    message.value,
                    tuple(message.headers),
                )
            if time.monotonic() > give_up:
                raise LogStalled(
                    f"{self._topic}-{partition}@{self._committed.position(place)}: no record for"
                    f" {stalled_seconds:.0f} s, though the partition goes on to offset {end}"
                )
