"""Kafka's part of a reading: the topics and their offsets."""

import contextlib
import time
from collections.abc import Mapping, Sequence

import kafka
import kafka.errors
from kafka import TopicPartition
from kafka.admin import OffsetSpec

from walflow.advice import ticked
from walflow.readings.parts import require_listening
from walflow.readings.reading import Broker, PartitionReading, TopicReading
from walflow.settings import Settings
from walflow.topics.clients import new_admin, new_consumer
from walflow.topics.internal import is_internal
from walflow.verify.catalog import OWN_SCHEMA

TIMEOUT_MS = 3000
TOPICS_SECONDS = 5.0
"""How often the list of topics is read anew, with their first offsets and what is not committed yet."""


class BrokerPart:
    """Asks Kafka over connections that it keeps.

    The ends are asked for with a consumer, which remembers who leads a partition: an admin client asks
    for that each time, which costs three times as much.
    """

    what = "Kafka"

    def __init__(self, settings: Settings) -> None:
        self.advice = f"{ticked('up kafka')} starts it; {ticked('logs kafka')} tells why it ended."
        self._settings = settings
        self._client: kafka.KafkaConsumer | None = None
        self._admin: kafka.KafkaAdminClient | None = None
        self._ids: dict[str, str] = {}
        self._firsts: dict[TopicPartition, int] = {}
        self._written: dict[TopicPartition, int] = {}
        self._listed_at = 0.0

    def read(self) -> Broker:
        """
        Raises:
            WalflowError, KafkaError, ValueError: it does not answer.
        """
        if self._client is None or self._admin is None:
            require_listening(self._settings.address("kafka"))
            self._admin = new_admin(self._settings, TIMEOUT_MS, TIMEOUT_MS)
            self._client = new_consumer(self._settings, TIMEOUT_MS, request_timeout_ms=TIMEOUT_MS)
            self._listed_at = 0.0
        if time.monotonic() - self._listed_at > TOPICS_SECONDS:
            self._list(self._admin, self._client)
        try:
            ends = self._ends(self._client)
        except (KeyError, kafka.errors.UnknownTopicOrPartitionError):  # one was deleted since
            self._list(self._admin, self._client)
            ends = self._ends(self._client)
        prefix = self._settings.topics.prefix
        return Broker(topics_of(prefix, self._ids, self._firsts, ends, self._written))

    def forget(self) -> None:
        clients = (self._client, self._admin)
        self._client = self._admin = None
        for client in filter(None, clients):
            with contextlib.suppress(kafka.errors.KafkaError):
                client.close()

    def _list(self, admin: kafka.KafkaAdminClient, client: kafka.KafkaConsumer) -> None:
        topics = [
            topic
            for topic in admin.describe_topics()
            if not is_internal(topic["name"], topic["is_internal"])
        ]
        places = [
            TopicPartition(topic["name"], partition["partition_index"])
            for topic in topics
            for partition in topic["partitions"]
        ]
        self._ids = {topic["name"]: str(topic["topic_id"]) for topic in topics}
        self._firsts = _offsets(admin, places, OffsetSpec.EARLIEST)
        self._written = _offsets(admin, places, OffsetSpec.LATEST)
        client.assign(places)  # so that it keeps knowing who leads them; nothing is fetched
        self._listed_at = time.monotonic()

    def _ends(self, client: kafka.KafkaConsumer) -> dict[TopicPartition, int]:
        return dict(client.end_offsets(list(self._firsts))) if self._firsts else {}


def topics_of(
    prefix: str,
    ids: Mapping[str, str],
    firsts: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    written: Mapping[TopicPartition, int],
) -> tuple[TopicReading, ...]:
    """The topics, by name, of the first offset and the ends of each partition."""
    partitions: dict[str, list[PartitionReading]] = {}
    for place in sorted(ends):
        end = ends[place]
        # They were asked for at different times.
        reading = PartitionReading(
            place.partition, min(firsts[place], end), end, max(end, written[place])
        )
        partitions.setdefault(place.topic, []).append(reading)
    return tuple(
        TopicReading(name, ids[name], table_of(prefix, name), tuple(found))
        for name, found in partitions.items()
    )


def table_of(prefix: str, topic: str) -> str | None:
    """The table `schema.table` after which Debezium named a topic; None: it holds no table's changes.

    A character that Kafka does not take in a name is `_` in the topic's, so this may not be the table's
    very name; `reader` knows those.
    """
    name = topic.removeprefix(f"{prefix}.")
    if name == topic or "." not in name or name.startswith(f"{OWN_SCHEMA}."):
        return None
    return name


def _offsets(
    client: kafka.KafkaAdminClient,
    places: Sequence[TopicPartition],
    spec: OffsetSpec,
) -> dict[TopicPartition, int]:
    if not places:
        return {}
    found = client.list_partition_offsets(dict.fromkeys(places, spec))
    return {place: told.offset for place, told in found.items()}
