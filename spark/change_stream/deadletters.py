"""Records that cannot be applied, kept in a topic of their own with all that is needed to retry."""

import threading
from typing import Any

import kafka

from change_stream.record import Record

HEADER = "walflow."
MAX_UNCONFIRMED = 1000


class DeadLetters:
    """Sends records to the dead-letter topic; the task may end only after `flush`.

    `put` is called from the task's thread and, for what Cassandra refuses, from the driver's.
    """

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._producer: kafka.KafkaProducer | None = None
        self._lock = threading.Lock()
        self._sent: list[Any] = []

    def put(self, record: Record, reason: str) -> None:
        """Send a record as it came: its bytes and headers, where it was, and why it is here."""
        about = {
            "reason": reason,
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "timestamp": str(record.timestamp_ms),
        }
        headers = [*record.headers, *((HEADER + k, v.encode()) for k, v in about.items())]
        with self._lock:
            if self._producer is None:
                self._producer = kafka.KafkaProducer(
                    bootstrap_servers=self._bootstrap_servers, acks="all", retries=1_000_000
                )
            # A producer bounds what it holds; what is confirmed needs no more watching.
            if len(self._sent) >= MAX_UNCONFIRMED:
                self._sent = [future for future in self._sent if not future.succeeded()]
            self._sent.append(
                self._producer.send(
                    self._topic, key=record.key, value=record.value, headers=headers
                )
            )
        print(f"dead letter: {record.place}: {reason}", flush=True)

    def flush(self) -> None:
        """Wait until Kafka has every one.

        Raises:
            KafkaError: one could not be stored; the task must fail so that it is tried again.
        """
        with self._lock:
            sent, self._sent = self._sent, []
        for future in sent:
            future.get(timeout=60)
