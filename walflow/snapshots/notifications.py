"""What Debezium tells of its snapshots, read from the notification topic.

Source: Debezium documentation, "Receiving Debezium notifications". They come through the connector's
queue, in order with the rows: a snapshot whose end is told is in Kafka as a whole.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import kafka
import kafka.errors
from kafka import TopicPartition

from change_stream.record import Undecodable
from change_stream.schemas import RegistryUnavailable, SchemaRegistry
from walflow.advice import ticked
from walflow.errors import ExitCode, WalflowError
from walflow.settings import Settings
from walflow.stack.kafka import NOTIFICATIONS
from walflow.stack.registry import confluent_url

INCREMENTAL = "Incremental Snapshot"
INITIAL = "Initial Snapshot"
STARTED = "STARTED"
IN_PROGRESS = "IN_PROGRESS"
TABLE_SCAN_COMPLETED = "TABLE_SCAN_COMPLETED"
ABORTED = "ABORTED"
COMPLETED = "COMPLETED"

REGISTRY_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Notification:
    id: str
    """Of an incremental snapshot, that of the signal that asked for it."""
    about: str
    """`INCREMENTAL` or `INITIAL`."""
    type: str
    data: Mapping[str, str]


class Notifications:
    """Those that are written from now on; use it in a `with`.

    Raises:
        WalflowError: Kafka does not answer, or has no such topic.
    """

    def __init__(self, settings: Settings) -> None:
        address = settings.address("kafka")
        self._registry = SchemaRegistry(confluent_url(settings), REGISTRY_SECONDS)
        try:
            self._consumer = kafka.KafkaConsumer(
                bootstrap_servers=address,
                isolation_level="read_committed",
                group_id=None,
                enable_auto_commit=False,
            )
            partitions = self._consumer.partitions_for_topic(NOTIFICATIONS)
            if not partitions:
                raise WalflowError(
                    f"Kafka has no topic {NOTIFICATIONS}: {ticked('up kafka')} makes it.",
                    ExitCode.NOT_READY,
                )
            places = [TopicPartition(NOTIFICATIONS, number) for number in partitions]
            self._consumer.assign(places)
            self._consumer.seek_to_end(*places)
            for place in places:
                self._consumer.position(place)
        except (kafka.errors.KafkaError, ValueError) as error:
            raise WalflowError(
                f"Kafka does not answer at {address}: {error}. See {ticked('status')}.",
                ExitCode.NOT_READY,
            ) from error

    def __enter__(self) -> "Notifications":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._consumer.close()

    def poll(self, seconds: float) -> list[Notification]:
        """What has come, after at most so many seconds; what is no notification is passed over."""
        polled = self._consumer.poll(timeout_ms=int(seconds * 1000))
        found = []
        for message in (message for messages in polled.values() for message in messages):
            try:
                _, value = self._registry.decode(message.value)
                found.append(
                    Notification(
                        value["id"],
                        value["aggregate_type"],
                        value["type"],
                        value["additional_data"] or {},
                    )
                )
            except (Undecodable, KeyError, TypeError):
                continue
            except RegistryUnavailable as error:
                raise WalflowError(f"{error}.", ExitCode.NOT_READY) from error
        return found
