"""What a reading takes out of Kafka's records themselves: unapplied changes, and dead letters."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass

import kafka
import kafka.errors

from change_stream.change import read_envelope
from change_stream.record import Record, Undecodable
from change_stream.schemas import RegistryUnavailable, SchemaRegistry
from walflow.advice import ticked
from walflow.readings.letters import Letters
from walflow.readings.parts import reason_of, require_listening
from walflow.readings.pending import Pending, Place, Unapplied
from walflow.readings.reading import DeadLetters, TopicReading, Unreachable
from walflow.readings.stream import TargetSession
from walflow.settings import Settings
from walflow.stack.registry import confluent_url
from walflow.topics.clients import new_consumer

TIMEOUT_MS = 3000
FETCH_BYTES = 64 * 1024
"""Of a partition at a time: changes are counted, and few of them."""
REGISTRY_SECONDS = 10.0
"""So long the registry is left in peace where it did not answer."""


@dataclass(frozen=True, slots=True)
class Followed:
    unapplied: Mapping[Place, Unapplied]
    dead_letters: DeadLetters | Unreachable


class FollowingPart:
    """Reads records over a connection that it keeps."""

    what = "Kafka's records"

    def __init__(self, settings: Settings) -> None:
        self.advice = f"{ticked('status')} says whether Kafka and the registry run."
        self._settings = settings
        self._client: kafka.KafkaConsumer | None = None
        self._target = TargetSession(settings)
        self._registry = SchemaRegistry(confluent_url(settings), retry_seconds=0)
        self._registry_failed_at = float("-inf")
        self._letters = Letters(settings.topics.dead_letters, self._target)
        self._pending = Pending(self._committed_at_ms)

    def read(
        self,
        stretches: Mapping[Place, tuple[int, int]],
        applied_at_ms: Mapping[Place, float],
        letters: TopicReading | None,
    ) -> Followed:
        """
        Args:
            stretches: of each partition, the offset behind what is applied, and the committed end.
            applied_at_ms: when the change that was applied last was committed.
            letters: the dead-letter topic; None: there is none.

        Raises:
            WalflowError, KafkaError: Kafka does not answer.
        """
        if self._client is None:
            require_listening(self._settings.address("kafka"))
            self._client = new_consumer(
                self._settings,
                TIMEOUT_MS,
                request_timeout_ms=TIMEOUT_MS,
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=50,
            )
        told = self._dead_letters(self._client, letters)
        unapplied = self._pending.read(self._client, stretches, applied_at_ms, self._letters.places)
        return Followed(unapplied, told)

    def forget(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(kafka.errors.KafkaError):
                client.close()
        self._forget_target()

    def _dead_letters(
        self, client: kafka.KafkaConsumer, topic: TopicReading | None
    ) -> DeadLetters | Unreachable:
        name = self._settings.topics.dead_letters
        if topic is None:
            return Unreachable(
                f"The topic {name}", "it is not there", f"{ticked('up kafka')} makes it."
            )
        try:
            return self._letters.read(client, topic)
        except kafka.errors.KafkaError:
            raise
        except Exception as error:  # Cassandra's driver raises many kinds
            self._forget_target()
            return Unreachable(
                f"What became of the dead letters in {name}",
                reason_of(error),
                f"Cassandra keeps it: {ticked('status')} says whether it runs.",
            )

    def _forget_target(self) -> None:
        self._target.forget()
        self._letters.forget()

    def _committed_at_ms(self, record: Record) -> float:
        """When PostgreSQL committed a change; Kafka's time of it where that cannot be read."""
        now = time.monotonic()
        if record.value is not None and now - self._registry_failed_at > REGISTRY_SECONDS:
            try:
                return read_envelope(self._registry.decode(record.value)[1]).source_us / 1000
            except Undecodable:
                pass
            except RegistryUnavailable:
                self._registry_failed_at = now
        return float(record.timestamp_ms)
