"""Records that cannot be applied: sent to a topic of their own, or, by setting, the stream's halt."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import kafka

from change_stream.letter import Kind, Letter, headers_of, shortened
from change_stream.record import Record
from change_stream.stamps import Generation, NoGeneration, stamp
from walflow.logs import record_fields

log = logging.getLogger("change_stream.deadletters")

MAX_UNCONFIRMED_BYTES = 8 * 2**20
"""kafka-python bounds nothing of what it holds until Kafka has acknowledged it."""
MAX_REQUEST_BYTES = 64 * 2**20
"""Larger than any record that a topic takes: its limit counts compressed bytes, this one does not."""
CONFIRMATION_SECONDS = 130
"""More than kafka-python's delivery_timeout_ms, so that its own reason is the one that is told."""


class Halted(Exception):
    """A record cannot be applied, and the setting is to stop there."""


class DeadLetters:
    """Takes the records that cannot be applied; the task may end only after `flush`.

    `put` is called from the task's thread and, for what Cassandra refuses, from the driver's.

    Args:
        policy: `topic` or `halt`, as `stream.dead_letter_policy`.
        prefix: of the topics, which is no part of a table's name.
        generations: those of a topic's present id, oldest first.
        program: what a command line in advice begins with.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        topic: str,
        policy: str,
        prefix: str,
        generations: Callable[[str], tuple[Generation, ...]],
        program: str,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._topic = topic
        self._policy = policy
        self._prefix = prefix
        self._generations = generations
        self._program = program
        self._producer: kafka.KafkaProducer | None = None
        self._lock = threading.Lock()
        self._unconfirmed: deque[tuple[Any, int]] = deque()
        self._unconfirmed_bytes = 0

    def put(self, record: Record, reason: str, kind: Kind) -> None:
        """Send a record as it came: its bytes and headers, where it was, and why it is here.

        Raises:
            Halted: the policy is to halt.
            KafkaError: an earlier one could not be stored.
        """
        about = record_fields(*record[:3], self._prefix, kind=kind.value, reason=shortened(reason))
        if self._policy == "halt":
            log.error("halt", extra=about)
            raise Halted(
                f"{record.place} cannot be applied: {shortened(reason)}."
                ' stream.dead_letter_policy is "halt", so nothing behind it is applied. Mend the'
                ' cause, or set "topic" to pass over such records; then run'
                f" `{self._program} up` (docs/deadletters.md)."
            )
        letter = self._letter(record, reason, kind)
        size = len(record.key or b"") + len(record.value or b"")
        with self._lock:
            if self._producer is None:
                self._producer = kafka.KafkaProducer(
                    bootstrap_servers=self._bootstrap_servers,
                    acks="all",
                    compression_type="lz4",
                    max_request_size=MAX_REQUEST_BYTES,
                )
            while self._unconfirmed and self._unconfirmed_bytes + size > MAX_UNCONFIRMED_BYTES:
                self._confirm_oldest()
            future = self._producer.send(
                self._topic, key=record.key, value=record.value, headers=headers_of(letter)
            )
            self._unconfirmed.append((future, size))
            self._unconfirmed_bytes += size
        log.warning("dead letter", extra=about)

    def flush(self) -> None:
        """Wait until Kafka has every one.

        Raises:
            KafkaError: one could not be stored; the task must fail so that it is tried again.
        """
        with self._lock:
            while self._unconfirmed:
                self._confirm_oldest()

    @property
    def are_stored(self) -> bool:
        """Whether Kafka has every one, without waiting for it."""
        with self._lock:
            return all(future.succeeded() for future, _ in self._unconfirmed)

    def _confirm_oldest(self) -> None:
        future, size = self._unconfirmed[0]
        future.get(timeout=CONFIRMATION_SECONDS)
        self._unconfirmed.popleft()
        self._unconfirmed_bytes -= size

    def _letter(self, record: Record, reason: str, kind: Kind) -> Letter:
        generations = self._generations(record.topic)
        try:
            write_time = stamp(generations, record.partition, record.offset)
        except NoGeneration:
            write_time = None
        topic_id = generations[-1].topic_id if generations else None
        return Letter(record, reason, topic_id, write_time, kind)
